"""One right as the engine has it: its drivers, its vectors, its clock and its rates.

t = periods
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ipvalue.cashflows import Vectors
from ipvalue.constants import DRIVERS, TIME_EPSILON
from ipvalue.drivers import Drivers
from ipvalue.evidence.arithmetic import Floats, on_curve, powers
from ipvalue.tables import Tables

Columns = dict[str, Floats]
"""The period table: columns (t,) in the order in which they are read."""


@dataclass(frozen=True)
class Right:
    """One right as the engine's drivers have it, with its vectors as the engine compiled them."""

    drivers: Drivers
    vectors: Vectors
    tables: Tables

    def __getitem__(self, name: str) -> float:
        return float(self.drivers.drivers[DRIVERS.index(name), 0])

    @property
    def endless(self) -> bool:
        """Whether its last year repeats for ever."""
        return bool(self.drivers.indefinite[0])

    @property
    def periods(self) -> int:
        """How many there are."""
        return len(self.vectors.w)

    @property
    def stages_end(self) -> float:
        """Years until the last stage of a project ends."""
        end = 0.0
        for years in self.drivers.stage_years.tolist():
            end += years
        return end


def clock(right: Right) -> Columns:
    """When each period ends, its middle (or the time its cash is discounted from), how long it lasts, and the year it lies in."""
    steps = right.tables.steps_per_year
    life = right.periods / steps if right.endless else right["life"]
    end = np.minimum(np.arange(1, right.periods + 1) / steps, life)
    before = np.concatenate([[0.0], end[:-1]])
    middle = (before + end) / 2.0 if right.tables.mid_period else end.copy()
    return {
        "period": np.arange(1.0, right.periods + 1),
        "end": end,
        "middle": middle,
        "years": end - before,
        "year": np.ceil(end - TIME_EPSILON),
    }


def discounting(right: Right, times: Floats) -> tuple[Floats, Floats, Floats]:
    """Spot rate, discount rate and discount factor at some times."""
    spot = on_curve(right.tables.curves, int(right.drivers.curve[0]), times)
    gross = 1.0 + spot + right["discount_premium"]
    return spot, spot + right["discount_premium"], powers(gross, -times, right.tables.backend)
