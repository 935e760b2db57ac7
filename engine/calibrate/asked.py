"""What is asked of implied figures: which driver, of which rights at what prices, and where it is looked for.

p = prices, g = points of the grid
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ipvalue.rows import Floats
from ipvalue.schema import PORTFOLIO, Column, InputError, did_you_mean
from ipvalue.task import Run

DRIVERS = tuple(name for name, column in PORTFOLIO.items() if column.kind == "float")
"""What can be implied: every column of the portfolio that holds one number."""

_MONEY_GRID = (0.0, 1.0, 1e3, 1e6, 1e9, 1e12, 1e15)
_GRID = (0.0, *(sign * x for x in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0) for sign in (1.0, -1.0)))
_POINTS = 9
_OPEN = 1e-9


@dataclass(frozen=True)
class Asked:
    """What tasks share: prices (p,) of `ids`, the driver, where it is looked for, and the points at which that begins (g,)."""

    run: Run
    column: Column
    ids: pa.Array
    prices: Floats
    low: float
    high: float
    grid: Floats


def driver_column(name: str) -> Column:
    """The column of that name. Raises InputError where it is none that holds one number."""
    if name not in DRIVERS:
        raise InputError(f"driver is {name!r}: it must be a column of the portfolio that holds one number{did_you_mean(name, DRIVERS)}")
    return PORTFOLIO[name]


def limits(column: Column, search: Sequence[float] | None) -> tuple[float, float]:
    """The lowest and highest figure to be tried. Raises InputError where the search is none, or leaves what the column allows."""
    low = -math.inf if column.low is None else column.low + (_OPEN if column.low_open else 0.0)
    high = _GRID[-2] if column.high is None else column.high - (_OPEN if column.high_open else 0.0)
    if search is None:
        return low, high
    said = " to ".join(f"{one:g}" for one in search)
    if len(search) != 2 or not search[0] < search[1]:
        raise InputError(f"search is {said}: it must be two numbers, the lower one first")
    for one in search:
        if problem := column.problem(float(one)):
            raise InputError(f"search is {said}: {column.name} {problem}")
    return float(search[0]), float(search[1])


def grid_of(column: Column, low: float, high: float, *, searched: bool) -> Floats:
    """(g,) ascending points that a search begins with: evenly from end to end where it was asked for, else small figures more closely."""
    if searched:
        return np.linspace(low, high, _POINTS)
    points = _MONEY_GRID if column.unit == PORTFOLIO["revenue"].unit else _GRID
    return np.array(sorted({low, high, *(x for x in points if low < x < high)}))
