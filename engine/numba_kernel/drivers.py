"""The drivers of a batch, the tables that they read, and the periods of its assets: model.md §2, §4.

a = assets, t = periods of some assets, one asset after the other
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.constants import DRIVERS, TIME_EPSILON
from ipvalue.numba_kernel.arrays import row
from ipvalue.numba_kernel.elementary import elementary

i4, i8, f8 = np.int32, np.int64, np.float64

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def exp(x: Floats) -> Floats:
    found: Floats = elementary("exp", x)
    return found


def power(x: Floats, y: Floats) -> Floats:
    """x^y where x is positive."""
    found: Floats = elementary("pow", x, y)
    return found


def later(x: Floats, y: Floats | float) -> Mask:
    found: Mask = x > y + TIME_EPSILON
    return found


def whole_years(x: Floats) -> Floats:
    return np.ceil(x - TIME_EPSILON)


def greater(x: Floats, y: Floats) -> Floats:
    return np.where(x > y, x, y)


class Pairs(NamedTuple):
    """Ragged table of points: item i holds elements start[i] … start[i + 1] − 1 of x and y."""

    start: Longs
    x: Floats
    y: Floats

    def at(self, item: Longs, x: Floats) -> Floats:
        """Each x read from its item, linear between the points, flat outside. item is not negative."""
        first, last = self.start[item], self.start[item + 1] - 1
        low, high = first.copy(), last.copy()
        while (wide := high - low > 1).any():
            middle = (low + high) // 2
            below = self.x[middle] <= x
            low, high = np.where(wide & below, middle, low), np.where(wide & ~below, middle, high)
        part = (x - self.x[low]) / (self.x[high] - self.x[low])
        between = self.y[low] + (self.y[high] - self.y[low]) * part
        return np.where(x <= self.x[first], self.y[first], np.where(x >= self.x[last], self.y[last], between))


# -------------------------------------------------------------------------------------------------------------- a batch


class Batch:
    """The drivers of assets (a,) by name, and the tables they read."""

    def __init__(self, drivers: Any, market: Any) -> None:
        self._columns: dict[str, Floats] = dict(zip(DRIVERS, np.ascontiguousarray(drivers.drivers, f8), strict=True))
        self.n = n = len(self["life"])
        self.steps, self.mid_period = f8(market.steps_per_year), bool(market.mid_period)
        self.curves, self.survivals, self.schedules = (
            Pairs(row(start, i8, 1), row(x, f8, 0), row(y, f8, 0)) for start, x, y in (market.curves, market.survivals, market.schedules)
        )
        self.curve, self.survival_curve, self.schedule = (
            row(one, i4, n)[:n].astype(i8) for one in (drivers.curve, drivers.survival_curve, drivers.schedule)
        )
        self.indefinite, self.limited = (row(one, np.uint8, n)[:n] != 0 for one in (drivers.indefinite, drivers.limited))
        self.path_start, self.stage_start = row(drivers.path_start, i8, n + 1)[: n + 1], row(drivers.stage_start, i8, n + 1)[: n + 1]
        self.path, self.stage_cost, self.stage_years, self.stage_probability = (
            row(one, f8, 0) for one in (drivers.path, drivers.stage_cost, drivers.stage_years, drivers.stage_probability)
        )
        self.every, self.mean_fee = row(market.every, f8, 0), row(market.mean_fee, f8, 0)
        self.pending = (self["grant_probability"] < 1.0) | later(self["grant_lag"], 0.0)
        self.years_given = np.diff(self.path_start).astype(f8)

    def __getitem__(self, name: str) -> Floats:
        return self._columns[name]

    @cached_property
    def staged(self) -> Floats:
        """(a,) years until the last stage of a project ends; 0 where there is none."""
        end = np.zeros(self.n)
        for assets, stage in self.stages():
            end[assets] += self.stage_years[stage]
        return end

    def stages(self) -> list[tuple[Longs, Longs]]:
        """The assets that have a first stage, and their first stages; the same for the second, and so on."""
        counts = np.diff(self.stage_start)
        found = [np.flatnonzero(counts > k) for k in range(int(counts.max(initial=0)))]
        return [(assets, self.stage_start[assets] + k) for k, assets in enumerate(found)]

    def gross_rate(self, a: Longs, u: Floats) -> Floats:
        """1 + k(u)."""
        found: Floats = 1.0 + self.curves.at(self.curve[a], u) + self["discount_premium"][a]
        return found

    def discount(self, a: Longs, u: Floats) -> Floats:
        """DF(u) of assets a, not a number where the rate is −100 % or less."""
        gross = self.gross_rate(a, u)
        return np.where(gross > 0.0, power(np.where(gross > 0.0, gross, 1.0), -u), np.nan)

    def surviving(self, a: Longs, age: Floats) -> Floats:
        """T(age), 1 without a curve and before age 0."""
        out = np.ones(len(a))
        read = np.flatnonzero((self.survival_curve[a] >= 0) & (age >= 0.0))
        out[read] = self.survivals.at(self.survival_curve[a[read]], age[read])
        return out


class Periods:
    """The periods of assets lo … hi − 1: end, before, middle (t,) in years from the valuation date, length (t,), `of` (t,) the asset of each;
    start, last (hi − lo) each asset's first and last."""

    def __init__(self, b: Batch, offset: Longs, lo: int, hi: int) -> None:
        self.b, self.lo, self.hi = b, lo, hi
        counts = np.diff(offset[lo : hi + 1])
        self.start = offset[lo:hi] - offset[lo]
        self.last = self.start + counts - 1
        self.of = np.repeat(np.arange(lo, hi), counts)
        self.count = counts
        number = np.arange(len(self.of)) - np.repeat(self.start, counts)
        life = np.where(b.indefinite[lo:hi], counts.astype(f8) / b.steps, b["life"][lo:hi])
        e = (number + 1).astype(f8) / b.steps
        self.end = np.where(e < self.each(life), e, self.each(life))
        self.before = np.concatenate([[0.0], self.end[:-1]])
        self.before[self.start] = 0.0
        self.length = self.end - self.before
        self.middle = (self.before + self.end) / 2.0 if b.mid_period else self.end

    def each(self, assets: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(t,) of numbers of the assets lo … hi − 1."""
        return np.repeat(assets, self.count)

    def __getitem__(self, driver: str) -> Floats:
        """(t,) of a driver."""
        found: Floats = self.each(self.b[driver][self.lo : self.hi])
        return found

    def reaching(self, asset: Longs, time: Floats) -> Longs:
        """The first period of each asset that reaches a time, past the last where none does."""
        return self._first(asset, lambda at: ~later(time, self.end[at]))

    def passing(self, asset: Longs, time: Floats) -> Longs:
        """The first period of each asset that ends after a time, past the last where none does."""
        return self._first(asset, lambda at: later(self.end[at], time))

    def _first(self, asset: Longs, holds: Callable[[Longs], Mask]) -> Longs:
        """By bisection: `holds`, of one period of each, stays true once it is."""
        low, stop = self.start[asset - self.lo], self.last[asset - self.lo] + 1
        high = stop
        while (undecided := low < high).any():
            middle = (low + high) // 2
            true = holds(np.minimum(middle, stop - 1))
            low, high = np.where(undecided & ~true, middle + 1, low), np.where(undecided & true, middle, high)
        found: Longs = low
        return found
