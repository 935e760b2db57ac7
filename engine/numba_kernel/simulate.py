"""A batch of vectors → statistics of path values, exact totals, optionally the path values: docs/numerics.md §3–§8.

a = assets, t = periods of one asset, p = paths, g = groups, q = quantiles, s = factors
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.constants import BLOCK_PATHS, MAX_PATHS, STATISTICS, TILE_STEP
from ipvalue.numba_kernel.arithmetic import DefaultArithmetic
from ipvalue.numba_kernel.arrays import Words, row, sums
from ipvalue.numba_kernel.describe import describe, wanted_of
from ipvalue.numba_kernel.exact import add_exact
from ipvalue.numba_kernel.paths import Factors, fill_values, new_block
from ipvalue.numba_kernel.records import asset_records, period_records
from ipvalue.numba_kernel.stop import FLAG, stopped_if

f4, f8, i1, i4, i8, u8 = np.float32, np.float64, np.int8, np.int32, np.int64, np.uint64

_VALUES_AT_ONCE = 1 << 18
"""Path values that are made before they are described: a few assets, or one, so that they stay in the cache."""


def simulate(
    v: Any,
    factors: Any,
    *,
    seed: int,
    paths: int,
    single: bool,
    quantiles: Sequence[float],
    tail: float,
    group: npt.NDArray[np.int32] | None = None,
    totals: Words | None = None,
    keep: bool = False,
    table_bytes: int = 0,
    first: int = 0,
    lived: npt.NDArray[np.int64] | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int8], Any]:
    """Statistics (a, 5 + q) in the order of STATISTICS and then the quantiles, status (a,) int8, path values (a, p) or None.

    v: ipvalue.cashflows.Vectors with boundaries; factors: ipvalue.simulate.Factors (matrix (s, s), hashes (s,)); totals: (g·p, 2) uint64 words
    of 128-bit sums that are added to, group (a,) int32 its rows. The factors' paths are tabled once if `table_bytes` allows, else made by block.

    first: the number of the first path, a multiple of 64: a part of many paths, where several calls share one asset. lived, (offset[a],) int64,
    takes the number of paths alive in each period; then no statistics are made but of all parts together, by `statistics`.
    """
    if first % TILE_STEP or first < 0 or first + paths > MAX_PATHS:
        raise ValueError(f"paths {first} to {first + paths}: the first must be a multiple of {TILE_STEP}, the last at most {MAX_PATHS}")
    real, n = f4 if single else f8, len(v.offset) - 1
    statistics, status = np.zeros((n, len(STATISTICS) + len(quantiles))), np.zeros(n, i1)
    kept = np.empty((n, paths), real) if keep else None
    group = np.zeros(n, i4) if group is None else row(group, i4, n)
    totals = None if totals is None else sums(totals, 0)
    if not n:
        return statistics, status, kept
    with DefaultArithmetic():
        assets = asset_records(v, real)
        periods = period_records(v, assets, real)
        shared = _shared_factors(assets, factors, paths, real, table_bytes)
        wanted, block, alive = wanted_of(paths, quantiles, tail), new_block(real), np.zeros(int(assets["whole_periods"].max()), i8)
        counts = np.zeros(0, i8) if lived is None else row(lived, i8, int(v.offset[n]))
        at_once = max(1, _VALUES_AT_ONCE // paths)
        made, life = np.empty((min(at_once, n), paths), real), np.empty(n)
        for start in range(0, n, at_once):
            here = slice(start, min(start + at_once, n))
            values = made[: here.stop - start] if kept is None else kept[here]
            stopped_if(fill_values(assets[here], periods, shared, u8(seed), u8(first), block, alive, values, life[here], counts, FLAG))
            shared = shared._replace(used=shared.used[:0])
            wide = values.astype(f8, copy=False)
            statistics[here], status[here] = describe(values, wide, wanted)
            good = status[here] == 0
            if totals is not None:
                add_exact(totals, group[here][good], wide[good])
    statistics[:, STATISTICS.index("expected_life")] = life / f8(paths)
    statistics[status != 0] = 0.0
    if lived is not None:
        statistics[:] = 0.0
    return statistics, status, kept


def _shared_factors(assets: npt.NDArray[Any], factors: Any, paths: int, real: Any, table_bytes: int) -> Factors:
    """The factors; those that move anything here are to be tabled where `table_bytes` allows."""
    matrix = np.ascontiguousarray(factors.matrix, f8)
    used = np.unique(assets["factor"][assets["has_factor"] & (assets["factor"] >= 0)])
    slot = np.full(max(1, len(matrix)), -1, i8)
    slot[used] = np.arange(len(used))
    shape = (len(used), int(assets["whole_periods"].max()), -(-paths // BLOCK_PATHS) * BLOCK_PATHS)
    tabled = 0 < shape[0] * shape[1] * shape[2] * np.dtype(real).itemsize <= table_bytes
    table = np.empty(shape if tabled else (0, 0, 0), real)
    return Factors(matrix.astype(real), row(factors.hashes, u8, len(matrix)), slot, table, tabled, used if tabled else used[:0])
