"""What is expected of pledged assets after given periods, by their level then: in money of the date, a line of it or a value curve.
docs/numerics.md §19, "Collateral".

a = assets (components of rows), t = periods (ragged), k = looks: (asset, period) pairs, k of asset a from start[a] to start[a + 1] − 1
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipvalue.cashflows import Vectors
from ipvalue.compiled import Compiled
from ipvalue.numba_kernel.arithmetic import DefaultArithmetic
from ipvalue.numba_kernel.arrays import mask, row
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, inlined
from ipvalue.numba_kernel.elementary import power
from ipvalue.rows import Floats, Ints, Longs, Mask, Rows
from ipvalue.stopping import value_curves
from ipvalue.tables import Tables
from ipvalue.value_curves import ValueCurves

i4, i8, f8 = np.int32, np.int64, np.float64


@dataclass(frozen=True)
class Ahead:
    """What each look sees at level L of its period, where the asset lives: A·L − B, or where a curve stands what that says.

    entered, open (k,): A where the rival has entered and where it has not; owed (k,): B. lasting (k,) uint8: 1 of cost and market, which are worth
    the same again at any date. curve_entered, curve_open (k,) int32: rows of `curves`, −1: none. All in money of the period's end; not finite where
    the discount rate there is −100 % or less, so that no money of that date has a price today.
    """

    entered: Floats
    open: Floats
    owed: Floats
    lasting: npt.NDArray[np.uint8]
    curve_entered: Ints
    curve_open: Ints
    curves: ValueCurves


def look_ahead(rows: Rows, compiled: Compiled, tables: Tables, start: Longs, period: Ints) -> Ahead:
    """What looks at the components of rows, as they were compiled, see at the ends of periods (k,), counted from 0: of cost and market in years.

    Nothing is expected from the last period on, nor after the last in which a right may live. Solves the boundaries too, as add_boundaries does.
    """
    components = np.diff(compiled.start)
    curve = np.repeat(rows.index("currency", tables.curve_index), components)
    premium = np.repeat(rows.floats("discount_premium"), components)
    return ahead(compiled.vectors, compiled.earns, curve, premium, tables, start, period)


def ahead(vectors: Vectors, earns: Mask, curve: Ints, premium: Floats, tables: Tables, start: Longs, period: Ints) -> Ahead:
    """The same of any vectors; earns (a,): by an income method; curve, premium (a,): the item of tables.curves and what is added to it."""
    asset = np.repeat(np.arange(len(start) - 1), np.diff(start))
    curved = (vectors.optional != 0) | (vectors.clamped != 0)
    entered, open_, owed, discount = _lines(vectors, earns, curved, curve, premium, tables, start, period)
    wanted = curved[asset] & (period < np.diff(vectors.offset)[asset] - 1)
    curves, place = _curves(vectors, asset[wanted], period[wanted], discount[wanted], tables)
    rows = np.full((2, len(period)), -1, i4)
    rows[:, wanted] = curves.entered[place], curves.open[place]
    return Ahead(entered, open_, owed, (~earns[asset]).astype(np.uint8), rows[0], rows[1], curves)


def _curves(vectors: Vectors, asset: Longs, period: Ints, discount: Floats, tables: Tables) -> tuple[ValueCurves, Longs]:
    """The value curves of looks (k,), and of each its place among the periods that they are asked for: looks at one asset and period share it."""
    _, first, place = np.unique(asset << 32 | period, return_index=True, return_inverse=True)
    start = np.searchsorted(asset[first], np.arange(len(vectors.offset)))
    return value_curves(vectors, start, period[first], discount[first], tables.backend), place


def _lines(
    vectors: Vectors, earns: Mask, curved: Mask, curve: Ints, premium: Floats, tables: Tables, start: Longs, period: Ints
) -> tuple[Floats, Floats, Floats, Floats]:
    """entered, open, owed (k,), all 0 of assets that are read from curves, and what money at the end of each period is worth today, 1 where nothing
    is expected."""
    v, n, k = vectors, len(vectors.offset) - 1, len(period)
    found = (np.zeros(k), np.zeros(k), np.zeros(k), np.ones(k))
    flows = (row(array, f8, int(v.offset[-1])) for array in (v.w, v.f, v.survival, v.rival))
    rates = (row(array, dtype, 0) for array, dtype in zip(tables.curves, (i8, f8, f8), strict=True))
    of_assets = (row(v.entry_loss, f8, n), mask(v.enters, n), earns, curved, row(curve, i4, n), row(premium, f8, n))
    if k:
        with DefaultArithmetic():
            _look(row(v.offset, i8, n + 1), *flows, *of_assets, *rates, f8(tables.steps_per_year), row(start, i8, n + 1), row(period, i4, k), *found)
    return found


@inlined
def _rate(start: Array, tenor: Array, rate: Array, curve: Whole, time: Real) -> Real:
    """The curve's zero rate at a time, linear between its tenors and flat outside."""
    at, last = start[curve], start[curve + 1] - 1
    if time <= tenor[at]:
        return rate[at]
    if time >= tenor[last]:
        return rate[last]
    while tenor[at + 1] <= time:
        at += 1
    return rate[at] + (rate[at + 1] - rate[at]) * ((time - tenor[at]) / (tenor[at + 1] - tenor[at]))


@Kernel
def _look(
    offset: Array,
    w: Array,
    f: Array,
    survival: Array,
    rival: Array,
    entry_loss: Array,
    enters: Array,
    earns: Array,
    curved: Array,
    curve: Array,
    premium: Array,
    curve_start: Array,
    tenor: Array,
    rate: Array,
    steps: Real,
    start: Array,
    period: Array,
    entered: Array,
    open_: Array,
    owed: Array,
    discount: Array,
) -> None:
    """The last four, (k,), by a recursion from each asset's last period on."""
    most = 1
    for a in range(len(offset) - 1):
        most = max(most, offset[a + 1] - offset[a])
    inside, outside, costs = np.empty(most), np.empty(most), np.empty(most)
    for a in range(len(offset) - 1):
        first, last = offset[a], offset[a + 1] - offset[a] - 1
        if start[a] == start[a + 1]:
            continue
        if not earns[a]:
            for k in range(start[a], start[a + 1]):
                entered[k] = open_[k] = w[first]
            continue
        if not curved[a]:
            kept = 1.0 - entry_loss[a]
            inside[last] = outside[last] = costs[last] = 0.0
            for t in range(last - 1, -1, -1):
                now, following = first + t, first + t + 1
                lives = survival[following] / survival[now] if survival[now] > 0.0 else 0.0
                met = w[following] + inside[t + 1]
                inside[t] = outside[t] = lives * met
                costs[t] = lives * (f[following] + costs[t + 1])
                if enters[a]:
                    stays = rival[following] / rival[now] if rival[now] > 0.0 else 0.0
                    outside[t] = lives * (stays * (w[following] + outside[t + 1]) + (1.0 - stays) * (kept * met))
        for k in range(start[a], start[a + 1]):
            t = period[k]
            if t >= last:
                continue
            time = (t + 1) / steps
            gross = 1.0 + _rate(curve_start, tenor, rate, curve[a], time) + premium[a]
            discount[k] = power(gross, -time) if gross > 0.0 else np.nan
            if not curved[a]:
                entered[k], open_[k], owed[k] = inside[t] / discount[k], outside[t] / discount[k], costs[t] / discount[k]
