"""A book of assumptions as a listing: what fills which kind of right, fees, survival and premises, each figure with unit and source."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ipvalue.assumptions.book import Assumptions
from ipvalue.assumptions.file_tables import NONE
from ipvalue.assumptions.sets import MONEY, AssumptionSet
from ipvalue.schema import PORTFOLIO, RIGHT_TYPES, InputError, did_you_mean

Row = dict[str, str]

TITLES = {
    "defaults": "What fills a blank",
    "fee_schedules": "Official fees",
    "survival_curves": "Survival curves",
    "premises": "Premises of value",
}
"""The parts of a listing and their headings."""


@dataclass(frozen=True)
class Listing:
    """The assumptions that a choice of rights may meet: rows of text by part, and the same as data."""

    rows: Mapping[str, list[Row]]
    data: Mapping[str, list[dict[str, Any]]]


def listing(book: Assumptions, right_type: str | None = None, jurisdiction: str | None = None, sector: str | None = None) -> Listing:
    """What `book` holds for the rights of a type, jurisdiction and sector; None is any. Raises InputError where it knows no such thing."""
    _check(book, right_type, jurisdiction, sector)
    chosen = [one for one in book.sets.values() if _meets(one, right_type, jurisdiction, sector)]
    every = right_type is None and jurisdiction is None and sector is None
    fees, curves = ({name for name in known if every or _is_named(name, column, chosen)} for column, known in _named(book))
    data = {
        "defaults": [_default(one, name, value) for one in chosen for name, value in one.values.items()],
        "fee_schedules": [_dated(name, one.model_dump()) for name, one in book.schedules.items() if name in fees],
        "survival_curves": [_dated(name, one.model_dump()) for name, one in book.curves.items() if name in curves],
        "premises": [
            {"premise": kind, "right_type": name, **_dated("", one.model_dump())}
            for kind, by_type in book.premises.items()
            for name, one in by_type.items()
            if right_type in (None, name)
        ],
    }
    return Listing({part: [_ROWS[part](one) for one in entries] for part, entries in data.items()}, data)


def as_text(found: Listing, fmt: str = "md") -> str:
    """A listing as Markdown ("md") or "json". Raises InputError for any other format."""
    if fmt not in _FORMATS:
        raise InputError(f"there is no format {fmt!r}{did_you_mean(fmt, _FORMATS)} (formats: table, {', '.join(_FORMATS)})")
    return _FORMATS[fmt](found)


def sectors(book: Assumptions) -> list[str]:
    """The sectors that some set is for."""
    return sorted({one.sector for one in book.sets.values() if one.sector})


def jurisdictions(book: Assumptions) -> list[str]:
    """The jurisdictions that some set is for."""
    return sorted({one.jurisdiction for one in book.sets.values() if one.jurisdiction})


def _check(book: Assumptions, right_type: str | None, jurisdiction: str | None, sector: str | None) -> None:
    for what, value, known in (("right type", right_type, RIGHT_TYPES), ("sector", sector, sectors(book))):
        if value is not None and value not in known:
            raise InputError(
                f"the assumptions have nothing for the {what} {value!r}{did_you_mean(value, known)} (they know {', '.join(known) or 'none'})"
            )
    # a place without a set of its own meets the sets for all places, as a row does
    if jurisdiction is not None and (wrong := PORTFOLIO["jurisdiction"].problem(jurisdiction)):
        raise InputError(f"the jurisdiction {jurisdiction!r} {wrong}{did_you_mean(jurisdiction, jurisdictions(book))}")


def _meets(one: AssumptionSet, right_type: str | None, jurisdiction: str | None, sector: str | None) -> bool:
    """Whether a set applies to some right of the choice."""
    wanted = ((one.right_type, right_type), (one.jurisdiction, jurisdiction), (one.sector, sector))
    return all(own is None or choice is None or own == choice for own, choice in wanted)


def _named(book: Assumptions) -> tuple[tuple[str, Iterable[str]], ...]:
    return ("fee_schedule", book.schedules), ("survival_curve", book.curves)


def _is_named(name: str, column: str, chosen: Iterable[AssumptionSet]) -> bool:
    """Whether one of the sets names a schedule or curve, or the one that it is a variant of ("US/patent/small")."""
    named = {str(one.values[column]) for one in chosen if one.values.get(column, NONE) != NONE}
    return any(name == one or name.startswith(f"{one}/") for one in named)


def _default(one: AssumptionSet, name: str, value: Any) -> dict[str, Any]:
    unit = one.values["currency"] if name in MONEY else PORTFOLIO[name].unit
    return {"set": one.name, "column": name, "value": value, "unit": unit, "source": one.sources.get(name, "")}


def _dated(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A sourced table as data, its own sources of single keys laid over the one for all."""
    own = "; ".join(f"{key}: {text}" for key, text in fields.pop("sources").items())
    source = "; ".join(text for text in (fields.pop("source"), own) if text)
    return {**({"name": name} if name else {}), **fields, "source": source}


def _number(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float() | int():
            return f"{value:,.10g}"
        case list() | tuple():
            return ", ".join(map(_number, value))
        case _:
            return str(value)


def _pairs(times: Iterable[float], values: Iterable[float]) -> str:
    return ", ".join(f"{time:g}: {value:,.10g}" for time, value in zip(times, values, strict=True))


def _default_row(entry: dict[str, Any]) -> Row:
    return {"set": entry["set"], "column": entry["column"], "value": _number(entry["value"]), "unit": entry["unit"], "source": entry["source"]}


def _fees_row(entry: dict[str, Any]) -> Row:
    again = f", every {entry['every']:g} years" if entry["every"] else ""
    waits = "" if entry["before_grant"] else ", none before grant"
    clock = f"years from {entry['anchor']}{again}{waits}"
    amounts = _pairs(entry["due"], entry["amounts"])
    return {"name": entry["name"], "due: amount": amounts, "unit": f"{entry['currency']}, {clock}", "source": entry["source"]}


def _curve_row(entry: dict[str, Any]) -> Row:
    shares = _pairs(entry["ages"], entry["surviving"])
    return {"name": entry["name"], "age: surviving": shares, "unit": f"share, years from {entry['anchor']}", "source": entry["source"]}


def _premise_row(entry: dict[str, Any]) -> Row:
    return {
        "premise": entry["premise"],
        "right_type": entry["right_type"],
        "discount": _number(entry["discount"]),
        "time_to_sell": f"{entry['time_to_sell']:g} years",
        "source": entry["source"],
    }


_ROWS: dict[str, Callable[[dict[str, Any]], Row]] = {
    "defaults": _default_row,
    "fee_schedules": _fees_row,
    "survival_curves": _curve_row,
    "premises": _premise_row,
}


def _markdown(found: Listing) -> str:
    return "\n".join(f"## {TITLES[part]}\n\n{_table(rows)}" for part, rows in found.rows.items() if rows)


def _table(rows: list[Row]) -> str:
    head = f"| {' | '.join(rows[0])} |\n" + "|---" * len(rows[0]) + "|\n"
    return head + "".join(f"| {' | '.join(text.replace('|', '&#124;') for text in row.values())} |\n" for row in rows)


def _json(found: Listing) -> str:
    return json.dumps(dict(found.data), indent=2, ensure_ascii=False) + "\n"


_FORMATS: dict[str, Callable[[Listing], str]] = {"md": _markdown, "json": _json}
