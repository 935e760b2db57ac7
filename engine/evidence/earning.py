"""What each method takes for its rate or its price, as a formula and in numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ipvalue.drivers import MARGIN, OTHERWISE, ROYALTY, Earning
from ipvalue.rows import Rows
from ipvalue.schema import INCOME_METHODS

Cells = Callable[[str], float]


@dataclass(frozen=True)
class Rate:
    """What one unit of revenue earns (an income method), or the price in the right's currency; `formula` in names, `numbers` the same in numbers."""

    formula: str
    numbers: str
    value: float


def rate_of(rows: Rows, method: str, ruled: bool) -> Rate:
    """The rate or the price of one right by a method (docs/methods); with a rule of the user's it is 1."""
    if ruled and method in INCOME_METHODS:
        return Rate("1 (the rule earns the income)", "1", 1.0)
    return _RATES[method](rows, _cells(rows))


def earning_of(rows: Rows, method: str, rate: Rate, ruled: bool) -> Earning:
    """The same for the engine's drivers."""
    one = np.ones(1)
    limited = np.array([method == "licence" and not ruled and bool(rows.floats("minimum_guarantee")[0] > 0.0 or rows.given("cap")[0])])
    by_margin = method in ("excess_earnings", "incremental_income") or (method == "project" and bool(rows.given("margin")[0]))
    made_of = OTHERWISE if ruled else MARGIN if by_margin else ROYALTY
    charge = rows.floats("contributory_charge") if by_margin and method != "incremental_income" else np.zeros(1)
    return Earning(np.array([rate.value]), one, one, limited, np.array([made_of], np.int8), charge, staged=method == "project")


def _cells(rows: Rows) -> Cells:
    return lambda name: float(rows.floats(name)[0])


def _royalty(rows: Rows, cell: Cells) -> Rate:
    return Rate("royalty_rate", f"{cell('royalty_rate')!r}", cell("royalty_rate"))


def _margin(rows: Rows, cell: Cells) -> Rate:
    return Rate("margin", f"{cell('margin')!r}", cell("margin"))


def _excess(rows: Rows, cell: Cells) -> Rate:
    margin, charge = cell("margin"), cell("contributory_charge")
    return Rate("margin − contributory_charge", f"{margin!r} − {charge!r}", margin - charge)


def _project(rows: Rows, cell: Cells) -> Rate:
    return _excess(rows, cell) if rows.given("margin")[0] else _royalty(rows, cell)


def _cost(rows: Rows, cell: Cells) -> Rate:
    cost, functional, economic = cell("replacement_cost"), cell("functional_obsolescence"), cell("economic_obsolescence")
    lasting = (1.0 - functional) * (1.0 - economic)
    formula = "replacement_cost · (1 − functional_obsolescence) · (1 − economic_obsolescence)"
    return Rate(formula, f"{cost!r} · (1 − {functional!r}) · (1 − {economic!r})", cost * lasting)


def _market(rows: Rows, cell: Cells) -> Rate:
    price, adjustment = cell("comparable_price"), cell("comparable_adjustment")
    return Rate("comparable_price · (1 + comparable_adjustment)", f"{price!r} · (1 + {adjustment!r})", price * (1.0 + adjustment))


_RATES: dict[str, Callable[[Rows, Cells], Rate]] = {
    "relief_from_royalty": _royalty,
    "licence": _royalty,
    "excess_earnings": _excess,
    "incremental_income": _margin,
    "project": _project,
    "cost": _cost,
    "market": _market,
}
