"""Batch means: sums over lots of paths, and what they say of versions: docs/numerics.md §20.

a = assets, t = periods of one asset, L = lots, r = rows of sums, g = groups
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.constants import MONEY_LIMIT, REPLICATES, STATISTICS
from ipvalue.dealt import check_lots, check_room
from ipvalue.numba_kernel.arithmetic import DefaultArithmetic, fma, sqrt
from ipvalue.numba_kernel.arrays import Words, sums
from ipvalue.numba_kernel.arrays import row as checked
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, device
from ipvalue.numba_kernel.describe import tree
from ipvalue.numba_kernel.exact import add_exact
from ipvalue.numba_kernel.stop import FLAG, stopped_if

f8, i1, i4, i8 = np.float64, np.int8, np.int32, np.int64

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]

_MEAN, _DEVIATION, _SHORTFALL, _LOSS, _LIFE = range(len(STATISTICS))
_NOT_FINITE, _TOO_LARGE = i1(1), i1(2)


def dealt(call: Callable[..., Any], v: Any, lots: Floats, lot_row: Longs, sums: Floats | None) -> tuple[Floats, Codes, None]:
    """What `simulate` gives of assets (a,) whose sums over lots (r, L) are asked for, from lot_row (a,) on; sums: (2, a, 16) as there. call: itself,
    with all but vectors and what is asked for.

    The levels of an asset that is linear are the values of versions of it that earn 1 in one period alone, its lives those of versions that cost -1.
    """
    n = len(v.offset) - 1
    statistics, status = np.zeros((n, len(STATISTICS))), np.zeros(n, i1)
    needed = checked(lot_row, i8, n)[:n] + np.where(v.exact, 2 * np.diff(v.offset), 1)
    odd = lots.dtype != f8 or not lots.flags.c_contiguous or not lots.shape[1] or lots.shape[1] % REPLICATES
    if odd or (n and (lot_row[:n].min() < 0 or needed.max() > len(lots))):
        raise ValueError(f"({len(lots)}, {lots.shape[1]}) sums for assets that need {needed.max() if n else 0}")
    for a, (start, stop) in enumerate(zip(lot_row[:n].tolist(), needed.tolist(), strict=True)):
        units = v.repeated(a, stop - start)
        if v.exact[a]:
            periods = (stop - start) // 2
            units.w[:], units.f[:] = np.eye(2 * periods, periods).reshape(-1), -np.eye(2 * periods, periods, -periods).reshape(-1)
        of_units = None if sums is None else np.zeros((2, stop - start, REPLICATES))
        known, fault, values = call(units, sums=of_units, keep=True, moments=True)
        if sums is not None and of_units is not None and not v.exact[a]:
            sums[:, a], status[a] = of_units[:, 0], fault[0]
        statistics[a, _LIFE] = known[0, _LIFE]
        _add_up(values, lots[start:stop])
    return statistics, status, None


def _add_up(values: Any, rows: Floats) -> None:
    """Path values (n, p) into the sums (n, L) of their lots."""
    rows[:] = 0.0
    paths, turn = values.shape[1], 16 * -(-values.shape[1] // rows.shape[1])
    for path in range(0, paths, 16):
        some, lot = values[:, path : path + 16], path // turn * 16
        rows[:, lot : lot + some.shape[1]] += some


def lot_means(
    w: Floats,
    f: Floats,
    at: Longs,
    periods: Longs,
    rows: Floats,
    row: Longs,
    linear: npt.NDArray[np.uint8],
    first: Longs,
    order: Longs,
    paths: int,
    statistics: Floats,
    status: npt.NDArray[np.int8],
    group: npt.NDArray[np.int32] | None = None,
    totals: Words | None = None,
    keep: bool = False,
) -> tuple[Floats, Floats | None]:
    """(a, 2) mean and standard deviation of the difference of versions to others of them, and (a, L) their sums over lots, or None.

    w, f: of all versions, those of each from at (a,) int64 on for its periods (a,) int64. rows (r, L), of so many paths; row (a,) int64: the first
    that a version uses, its own or another's; linear (a,) uint8: whether its V is linear in w and f. order (a,) int64: in which they are described;
    first (a,) int64: with which version each is compared, the latest in this order that is compared with itself. statistics (a, 5), of which
    expected_life is given, takes mean and standard deviation, status (a,) int8 why a version has no sum. totals: (g·L, 2) uint64 words of 128-bit
    sums that are added to, group (a,) int32 its rows (-1: none).
    """
    n, lots = len(order), rows.shape[1]
    paired, values = np.zeros((n, 2)), np.empty((n, lots))
    if not n:
        return paired, values if keep else None
    check_lots(w, f, at, periods, rows, row, linear, first, order)
    check_room(n, paths, lots, statistics, status, group, totals)
    size, share = _sizes(paths, lots)
    with DefaultArithmetic():
        which = [checked(one, i8, n) for one in (order, at, periods, row, first)]
        flags, numbers = checked(linear, np.uint8, n), [checked(one, f8, 0) for one in (w, f)]
        stopped_if(_describe(*numbers, rows, *which, flags, size, share, f8(paths), statistics, status, paired, values, FLAG))
    if totals is not None:
        of_group = checked(group, i4, n)[:n]
        good = (status[:n] == 0) & (of_group >= 0)
        add_exact(sums(totals, 0), of_group[good], values[good])
    return paired, values if keep else None


def _sizes(paths: int, lots: int) -> tuple[Floats, Floats]:
    """(L,) how many paths fall into each lot, and one over it, 0 of one that has none."""
    turn = 16 * -(-paths // lots)
    lot = np.arange(lots)
    dealt = np.clip(paths - lot // 16 * turn, 0, turn)
    size = np.maximum(dealt - lot % 16 + 15, 0) // 16
    return size.astype(f8), np.where(size > 0, 1.0 / np.maximum(size, 1), 0.0)


@Kernel
def _describe(
    w: Array, f: Array, rows: Array, order: Array, at: Array, periods: Array, row_of: Array, first: Array, linear: Array, size: Array, share: Array,
    paths: Real, statistics: Array, status: Array, paired: Array, values: Array, flag: Array,
) -> bool:  # fmt: skip
    """Whether it was stopped."""
    lots, filled = rows.shape[1], i8(0)
    of_first, apart, stripes = np.zeros(lots), np.empty(lots), np.empty(16)
    mean_first, summed = 0.0, False
    for lot in range(lots):
        filled += size[lot] > 0.0
    for a in order:
        if flag[0]:
            return True
        V = values[a]
        _value(at[a], periods[a], w, f, rows, row_of[a], linear[a] != 0, V)
        stripes[:] = 0.0
        for lot in range(lots):
            stripes[lot % 16] += V[lot]
        mean = tree(stripes) / paths
        for lot in range(lots):
            apart[lot] = fma(-mean, size[lot], V[lot])
        squares = _squares(apart, share, stripes)
        if status[a] == 0:
            status[a] = _judge(V)
        good, is_first = status[a] == 0, first[a] == a
        if is_first:
            of_first[:] = apart
            mean_first, summed = mean, good
        statistics[a, _MEAN] = mean if good else 0.0
        statistics[a, _DEVIATION] = _deviation(squares, filled) if good else 0.0
        statistics[a, _SHORTFALL] = statistics[a, _LOSS] = np.nan if good else 0.0
        if not good:
            statistics[a, _LIFE] = 0.0
        for lot in range(lots):
            apart[lot] -= of_first[lot]
        between = 0.0 if is_first else _deviation(_squares(apart, share, stripes), filled)
        paired[a, 0] = mean - mean_first if good and summed else np.nan
        paired[a, 1] = between if good and summed else np.nan
    return False


@device
def _value(at: Whole, periods: Whole, w: Array, f: Array, rows: Array, first_row: Whole, linear: bool, V: Array) -> None:
    """The sums of V over lots, into V."""
    for lot in range(len(V)):
        if not linear:
            V[lot] = rows[first_row, lot]
            continue
        value = 0.0
        for t in range(periods):
            value = fma(w[at + t], rows[first_row + t, lot], value)
            value = fma(-f[at + t], rows[first_row + periods + t, lot], value)
        V[lot] = value


@device
def _squares(apart: Array, share: Array, stripes: Array) -> Real:
    stripes[:] = 0.0
    for lot in range(len(apart)):
        stripes[lot % 16] = fma(apart[lot] * share[lot], apart[lot], stripes[lot % 16])
    return tree(stripes)


@device
def _deviation(squares: Real, filled: Whole) -> Real:
    return sqrt(squares / f8(filled - 1)) if filled > 1 else 0.0


@device
def _judge(V: Array) -> Any:
    """Why there is no sum, 0 where there is."""
    greatest = 0.0
    for lot in range(len(V)):
        if not np.isfinite(V[lot]):
            return _NOT_FINITE
        greatest = max(greatest, abs(V[lot]))
    return _TOO_LARGE if greatest >= MONEY_LIMIT else i1(0)
