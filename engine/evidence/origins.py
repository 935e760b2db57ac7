"""Where each input of a right came from: its row, a set of assumptions with the source it names, the market, or the model's neutral value."""

from __future__ import annotations

from datetime import date
from typing import Any

from ipvalue.assumptions import Assumptions
from ipvalue.market import Market
from ipvalue.schema import PORTFOLIO, Column
from ipvalue.tables import GOING_CONCERN
from ipvalue.verify import Derived

_AS = "as "


def inputs_of(made: Derived, book: Assumptions, market: Market, extra: tuple[Column, ...]) -> list[dict[str, Any]]:
    """Every column of the portfolio for one right: its value, and where that came from."""
    filled = _filled_by(made, book)
    known = {**PORTFOLIO, **{column.name: column for column in extra}}
    found = []
    for name, column in known.items():
        given, used = made.given[name][0].as_py(), made.rows.batch[name][0].as_py()
        entry = {"column": name, "value": _plain(used if given is None else given), "unit": column.unit, "meaning": column.meaning}
        if given is not None:
            origin = {"from": "row", "where": f"{made.file}, row {made.row}", "source": ""}
        elif name in filled:
            origin = {"from": "assumptions", "where": filled[name], "source": source_of(book, filled[name], name)}
        elif used is None:
            origin = {"from": "blank", "where": "not given, and nothing fills it", "source": ""}
        elif name == "currency" and used == market.currency:
            origin = {"from": "market", "where": "currency of the market", "source": ""}
        else:
            origin = {"from": "neutral", "where": f"neutral value ({column.source or 'model §4'})", "source": ""}
        found.append({**entry, **origin})
    return found


def _filled_by(made: Derived, book: Assumptions) -> dict[str, str]:
    """Column → the set that filled it, from the text of the results ("set: column, column; set: column"). A set's name may hold any sign."""
    cells = {name: made.rows.batch[name][0].as_py() or "" for name in ("right_type", "jurisdiction", "sector")}
    kind, place, sector = cells["right_type"], cells["jurisdiction"], cells["sector"]
    text, found = str(made.rows.filled[0].as_py()), {}
    for name in (kind, f"{kind}/{place}", f"{kind}//{sector}", f"{kind}/{place}/{sector}"):
        if name in book.sets and text.startswith(f"{name}: "):
            columns, _, text = text.removeprefix(f"{name}: ").partition("; ")
            found.update(dict.fromkeys(columns.split(", "), name))
    return found


def source_of(book: Assumptions, name: str, column: str) -> str:
    """What a set says its figure comes from; "as X" is followed to the same column of the set X, and a named table has its own source."""
    said, names = [book.sets[name].sources.get(column, "")], [name]
    while said[-1].startswith(_AS) and (other := said[-1].removeprefix(_AS)) in book.sets and other not in names:
        said.append(book.sets[other].sources.get(column, ""))
        names.append(other)
    table = {"fee_schedule": book.schedules, "survival_curve": book.curves}.get(column, {}).get(book.sets[name].values[column])
    return ": ".join(text for text in (*said, table.source if table is not None else "") if text)


def market_of_right(made: Derived, market: Market) -> dict[str, Any]:
    """What the market says of one right."""
    currency = made.rows.batch["currency"][0].as_py()
    curve = market.curves[currency]
    return {
        "currency": market.currency,
        "valuation_date": market.valuation_date.isoformat(),
        "steps_per_year": market.steps_per_year,
        "mid_period": market.mid_period,
        "curve": {"currency": currency, "tenors": list(curve.tenors), "rates": list(curve.rates)},
        "fx": {"currency": currency, "rate": market.fx_rate(currency)},
        "factor": made.rows.batch["sector"][0].as_py() if made.rows.floats("factor_loading")[0] != 0.0 else None,
    }


def tables_of(made: Derived, book: Assumptions, premise: str) -> dict[str, Any]:
    """The fee schedule, the survival curve and the premise that one right uses, each with its source."""
    found: dict[str, Any] = {}
    for column, known in (("fee_schedule", book.schedules), ("survival_curve", book.curves)):
        name = made.rows.batch[column][0].as_py()
        if name is not None and name in known:
            found[column] = {"name": name, **known[name].model_dump(mode="json")}
    if premise != GOING_CONCERN:
        kind = made.rows.batch["right_type"][0].as_py()
        found["premise"] = {"name": f"{premise}.{kind}", **book.premises[premise][kind].model_dump(mode="json")}
    return found


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
