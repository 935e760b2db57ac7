"""A batch of vectors → statistics of path values, exact totals, optionally the path values: docs/numerics.md §3–§8.

a = assets, t = periods of one asset, p = paths, g = groups, q = quantiles, s = factors
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.constants import BLOCK_PATHS, REPLICATES, STATISTICS
from ipvalue.numba_kernel.arithmetic import DefaultArithmetic
from ipvalue.numba_kernel.arrays import Words, check_paths, row
from ipvalue.numba_kernel.arrays import sums as exact_sums
from ipvalue.numba_kernel.block import new_block
from ipvalue.numba_kernel.by_rule import NO_NUMBER, STOPPED, Custom, RuleFailed, compiled_rule, new_custom
from ipvalue.numba_kernel.describe import describe, status_of_sums, wanted_of
from ipvalue.numba_kernel.exact import add_exact
from ipvalue.numba_kernel.factors import factors_of, fill_table
from ipvalue.numba_kernel.inputs import inputs_of, take_inputs
from ipvalue.numba_kernel.looks import add_worths, looks_of, part_of
from ipvalue.numba_kernel.lots import dealt
from ipvalue.numba_kernel.paths import fill_values
from ipvalue.numba_kernel.records import asset_records, period_records
from ipvalue.numba_kernel.select import new_work
from ipvalue.numba_kernel.sobol import check_plan, new_points, own_numbers, take_assets
from ipvalue.numba_kernel.stop import FLAG, stopped_if
from ipvalue.numba_kernel.versions import Differences

f4, f8, i1, i4, i8, u8 = np.float32, np.float64, np.int8, np.int32, np.int64, np.uint64

_VALUES_AT_ONCE = 1 << 18
"""Path values that are made before they are described: a few assets, or one, so that they stay in the cache."""
_MEAN, _LIFE = STATISTICS.index("mean"), STATISTICS.index("expected_life")


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
    sobol: Any = None,
    sums: npt.NDArray[np.float64] | None = None,
    moments: bool = False,
    paired: npt.NDArray[np.float64] | None = None,
    redrawn: int = 0,
    looks: Any = None,
    lots: npt.NDArray[np.float64] | None = None,
    lot_row: npt.NDArray[np.int64] | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int8], Any]:
    """Statistics (a, 5 + q) in the order of STATISTICS and then the quantiles, status (a,) int8, path values (a, p) or None.

    v: ipvalue.cashflows.Vectors with boundaries; factors: ipvalue.simulate.Factors (matrix (s, s), hashes (s,)); totals: (g·p, 2) uint64 words
    of 128-bit sums that are added to, group (a,) int32 its rows (-1: none). The factors' paths are tabled once if
    `table_bytes` allows, else made by block.

    first: the number of the first path, a multiple of 64: a part of many paths, where several calls share one asset. lived, (offset[a],) int64,
    takes the number of paths alive in each period; then no statistics are made but of all parts together, by `statistics`.

    sobol: ipvalue.sobol.Plan, None for random words. sums, (2, a, 16) float64, is added to: under sobol the sums of G and K over the paths of each
    replicate, of assets that are clamped, optional or ruled (0 of the others). numerics.md §14.

    paired, (a, 2) float64, takes mean and standard deviation of each version's difference to the first of its neighbours that are versions of one
    asset, path by path (numerics.md §16). moments: no order statistics are made, so no quantiles may be asked for, and expected_shortfall and
    probability_of_loss are not numbers. redrawn: bits 1 << STREAM_* (ipvalue.constants) of what is drawn anew, the rest as ever; of random words only
    (numerics.md §18). looks: ipvalue.lending.looks.Looks, whose slots are added to: what assets are worth after some of their periods, path by path
    (numerics.md §19).

    lots, (r, L) float64, takes sums over lots of paths (numerics.md §20). lot_row (a,) int64 is an asset's first row: of one whose value is linear in
    what it earns and costs, of its levels by period, and then of its lives; of another the one of V. Then there are no statistics but expected_life,
    and no totals.

    Beyond ext/kernel.pyx: v.by_rule, ipvalue.cashflows.ByRule or None, whose function then earns the cash. Raises RuleFailed where it fails.
    """
    check_paths(first, paths)
    if moments and len(quantiles):
        raise ValueError("moments are without quantiles")
    if redrawn and sobol is not None:
        raise ValueError("only random words can be drawn anew")
    if sobol is not None:
        check_plan(sobol, first, paths)
    if lots is not None:
        if first or keep or any(more is not None for more in (totals, paired, lived, looks)):
            raise ValueError("sums over lots are of all paths, without values, totals, differences, lives or looks")
        given: dict[str, Any] = {"seed": seed, "paths": paths, "single": single, "quantiles": (), "tail": tail, "sobol": sobol, "redrawn": redrawn}
        return dealt(partial(simulate, factors=factors, table_bytes=table_bytes, **given), v, lots, row(lot_row, i8, 0), sums)
    real, n = f4 if single else f8, len(v.offset) - 1
    statistics, status = np.zeros((n, len(STATISTICS) + len(quantiles))), np.zeros(n, i1)
    kept = np.empty((n, paths), real) if keep else None
    group = np.zeros(n, i4) if group is None else row(group, i4, n)
    totals = None if totals is None else exact_sums(totals, 0)
    replicates = _by_asset(sums, n)
    if not n:
        return statistics, status, kept
    with DefaultArithmetic():
        assets = asset_records(v, real, redrawn)
        periods = period_records(v, assets, real)
        looked = looks_of(looks, n, paths, real, len(factors.matrix))
        if looked is not None:
            assets["reach"] = looked.reach
        wanted, block, counts = wanted_of(paths, quantiles, tail), new_block(real), None if lived is None else row(lived, i8, int(v.offset[n]))
        shared = factors_of(assets, factors, paths, real, table_bytes, redrawn)
        room, longest = -(-paths // BLOCK_PATHS) * BLOCK_PATHS, int(max(assets["whole_periods"].max(), assets["reach"].max()))
        at_once = min(max(1, _VALUES_AT_ONCE // (room + own_numbers(sobol, longest))), n)
        points = None if sobol is None else new_points(sobol, at_once, longest, factors.hashes, u8(seed), real)
        if shared.tabled:
            stopped_if(fill_table(shared, points, u8(seed), u8(first), FLAG))
        differences = None if paired is None or lived is not None else Differences(v, paired)
        made, work = np.empty((at_once, room), real), new_work(paths, real)
        inputs = inputs_of(v, real, redrawn)
        by_rule = getattr(v, "by_rule", None)
        rule, own = (None, np.zeros((n, 0))) if by_rule is None else (compiled_rule(by_rule.function, by_rule.own.shape[1]), by_rule.own)
        for start in range(0, n, at_once):
            here = slice(start, min(start + at_once, n))
            some = assets[here]
            alive = np.zeros((len(some), int(some["whole_periods"].max())), i8)
            drawn = shared if shared.tabled else factors_of(some, factors, paths, real, 0, redrawn)
            if points is not None:
                take_assets(points, some, u8(seed))
            numbers = u8(seed), u8(first), paths
            of_some = None if inputs is None else take_inputs(inputs, some, here, points, u8(seed))
            at_some = None if looked is None else part_of(looked, here)
            _fill((some, periods, drawn, points, *numbers, block, made, alive, replicates[here], FLAG, of_some, at_some), rule, new_custom(own[here]))
            values = made[: len(some), :paths]
            if looked is not None:
                add_worths(looks, looked.slots, start, values)
            if kept is not None:
                kept[here] = values
            statistics[here], status[here] = describe(made[: len(some)], wanted, work, counts is not None, moments)
            if counts is not None:
                _add_counts(alive, some, counts)
            if points is not None:
                status[here] = np.where(some["estimated"] & (status[here] == 0), status_of_sums(replicates[here], points.number), status[here])
            statistics[here, _LIFE] = _years(alive, some) / f8(paths)
            if differences is not None:
                differences.take(start, values, statistics[here, _MEAN], status[here] == 0)
            if totals is not None:
                good = (status[here] == 0) & (group[here] >= 0)
                add_exact(totals, group[here][good], values[good].astype(f8))
    if looked is not None and looked.slots is not looks.slots:
        looks.slots[:] = looked.slots
    if sums is not None:
        sums[:] = replicates.swapaxes(0, 1)
    statistics[status != 0] = 0.0
    if lived is not None:
        statistics[:] = 0.0
    return statistics, status, kept


def _fill(arguments: tuple[Any, ...], rule: Any, custom: Custom) -> None:
    """Fills the values of some assets, the first of the arguments. Raises RuleFailed, or Stopped."""
    try:
        ended = fill_values(*arguments, rule, custom)
    except Exception as error:
        if rule is None:
            raise
        ended, reason = NO_NUMBER, f"raises {type(error).__name__}: {error}".rstrip(": ")
    else:
        level, got = custom.got
        reason = f"gives {got:g} at a level of {level:,.6g}"
    if ended == NO_NUMBER:
        asset, period = custom.at
        raise RuleFailed(int(arguments[0][asset]["hash"]), int(period), reason)
    stopped_if(ended == STOPPED)


def _by_asset(sums: npt.NDArray[np.float64] | None, n: int) -> npt.NDArray[np.float64]:
    """(a, 2, 16) of sums (2, a, 16); zeros of None. ValueError where they are of another shape."""
    if sums is None:
        return np.zeros((n, 2, REPLICATES))
    if sums.shape != (2, n, REPLICATES) or sums.dtype != f8:
        raise ValueError(f"expected (2, {n}, {REPLICATES}) sums of float64, got {sums.dtype} of shape {sums.shape}")
    return np.ascontiguousarray(sums.swapaxes(0, 1))


def _years(alive: npt.NDArray[np.int64], assets: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """(a,) the years lived on all paths together, summed in the order of time. alive: (a, t) paths alive in each period."""
    years = np.zeros(len(assets))
    for t in range(alive.shape[1]):
        years += np.where(t + 1 < assets["whole_periods"], assets["step"], assets["last_delta"]) * alive[:, t].astype(f8)
    return years


def _add_counts(alive: npt.NDArray[np.int64], assets: npt.NDArray[Any], counts: npt.NDArray[np.int64]) -> None:
    for one, asset in zip(alive, assets, strict=True):
        start, periods = int(asset["start"]), int(asset["whole_periods"])
        counts[start : start + periods] += one[:periods]
