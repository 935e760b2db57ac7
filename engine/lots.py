"""Versions by batch means: paths are dealt into lots, and what is said of a version follows from its sums over them (docs/numerics.md §20).

Where V is linear in earnings and costs, those are sums over levels and lives, which all versions that are alive alike share.

a = assets, o = those whose sums are made, L = lots, r = rows of sums
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.backend import kernels
from ipvalue.cashflows import Vectors, take
from ipvalue.constants import FACTOR_TABLE_BYTES, LOTS, MONEY_LIMIT, RANGE_PATHS, REPLICATES, STATISTICS
from ipvalue.heap import held
from ipvalue.ranges import TOO_LARGE
from ipvalue.schema import InputError
from ipvalue.simulate import Factors, Reals, Sampling, Simulated
from ipvalue.sobol import plan
from ipvalue.totals import Totals

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

_LIFE = STATISTICS.index("expected_life")


def lot_count(sampling: Sampling) -> int:
    """L: under sobol the replicates are the lots."""
    return REPLICATES if sampling.sampler == "sobol" else LOTS


def check_lots(sampling: Sampling) -> None:
    """Raises InputError where there are more paths than are dealt at a time."""
    if sampling.paths > RANGE_PATHS:
        raise InputError(f"paths is {sampling.paths:,}: batch means are made of at most {RANGE_PATHS:,} paths")


def simulate_lots(
    vectors: Vectors, factors: Factors, sampling: Sampling, group: Ints | None, totals: Totals | None, *, keep_paths: bool = False
) -> Simulated:
    """`simulate` by batch means: statistics (a, 5) whose mean and standard deviation are those of docs/numerics.md §20, the others but expected_life
    no numbers; values, where kept, (a, L) sums over lots; paired always. `totals`, where given, has a sum for each lot."""
    kernel, number = kernels(sampling.backend), lot_count(sampling)
    owner = kernel.lot_owners(vectors)
    own, place = np.unique(owner, return_inverse=True)
    made = vectors if len(own) == len(owner) else take(vectors, own)
    rows_of_each = np.where(made.exact, 2 * np.diff(made.offset), 1)
    row = np.concatenate([[0], np.cumsum(rows_of_each)])
    rows = held("lots", (int(row[-1]), number), np.float64)
    sobol, sums = None, None
    beyond = np.zeros(len(owner), np.bool_)
    if sampling.sampler == "sobol":
        beyond = ~(np.abs(kernel.closed_form(vectors.linear())[0]) < MONEY_LIMIT)
        sobol, sums = plan(sampling.seed, sampling.paths, factors.steps_per_year), np.zeros((2, len(own), REPLICATES))
    simulate: Any = kernel.simulate  # those in C take sums over lots as well
    call = partial(
        simulate,
        factors=factors,
        seed=sampling.seed,
        paths=sampling.paths,
        single=sampling.precision == "single",
        quantiles=(),
        tail=sampling.tail,
        table_bytes=FACTOR_TABLE_BYTES,
        sobol=sobol,
        redrawn=sampling.redrawn,
    )
    if sampling.backend == "native":
        known, fault, _ = call(made, sums=sums, lots=rows, lot_row=row[:-1])
    else:
        known, fault = _dealt(call, made, row, rows, sums)
    statistics, status = np.zeros((len(owner), len(STATISTICS))), fault[place]
    statistics[:, _LIFE] = known[place, _LIFE]
    status[beyond & (status == 0)] = TOO_LARGE
    paired, values = kernel.lot_means(
        vectors,
        rows,
        row[place],
        vectors.exact.view(np.uint8),
        kernel.first_versions(vectors),
        sampling.paths,
        statistics,
        status,
        group=group,
        totals=None if totals is None else totals.sums,
        keep=keep_paths,
    )
    return Simulated(statistics, status, values, None if sums is None else sums[:, place], paired)


def _dealt(call: Callable[..., Any], made: Vectors, row: Longs, rows: Floats, sums: Floats | None) -> tuple[Floats, npt.NDArray[np.int8]]:
    """What the C kernels do themselves, by path values: statistics (o, 5) and status (o,), and the sums over lots into rows (r, L), those of
    each from its `row` (o + 1,) on; sums (2, o, 16) as in `simulate`.

    The levels of an asset that is linear are the values of versions of it that earn 1 in one period alone, its lives those of versions that cost -1.
    """
    statistics, status = np.zeros((len(made.hash), len(STATISTICS))), np.zeros(len(made.hash), np.int8)
    for a, (start, stop) in enumerate(pairwise(row.tolist())):
        units = take(made, np.full(stop - start, a))
        if made.exact[a]:
            periods = (stop - start) // 2
            units.w[:], units.f[:] = np.eye(2 * periods, periods).reshape(-1), -np.eye(2 * periods, periods, -periods).reshape(-1)
        of_units = None if sums is None else np.zeros((2, stop - start, REPLICATES))
        known, fault, values = call(units, sums=of_units, keep=True, moments=True)
        if sums is not None and of_units is not None and not made.exact[a]:
            sums[:, a], status[a] = of_units[:, 0], fault[0]
        statistics[a] = known[0]
        _deal(values, rows[start:stop])
    return statistics, status


def _deal(values: Reals, rows: Floats) -> None:
    """Path values (n, p) into the sums (n, L) of their lots."""
    rows[:] = 0.0
    paths, turn = values.shape[1], 16 * -(-values.shape[1] // rows.shape[1])
    for path in range(0, paths, 16):
        some, lot = values[:, path : path + 16], path // turn * 16
        rows[:, lot : lot + some.shape[1]] += some


def describe_lots(values: Floats, first: Longs, sampling: Sampling, status: npt.NDArray[np.int8]) -> tuple[Floats, Floats]:
    """Statistics (a, 5) of sums over lots (a, L), without expected_life, and (a, 2) mean and standard deviation of the difference of each to that of
    `first` (a,); status (a,) int8 takes why one has no sum."""
    number = len(values)
    bare = SimpleNamespace(offset=np.zeros(number + 1, np.int64), w=np.empty(0), f=np.empty(0))
    statistics = np.zeros((number, len(STATISTICS)))
    paired, _ = kernels(sampling.backend).lot_means(
        bare, np.ascontiguousarray(values), np.arange(number), np.zeros(number, np.uint8), first, sampling.paths, statistics, status
    )
    return statistics, paired


def difference_error(first: Reals, values: Reals, good: npt.NDArray[np.bool_], sampling: Sampling) -> Floats:
    """(a,) the standard error of the mean of what sums over lots (a, L) differ by from `first` (a, L), not a number but where `good`."""
    both = np.stack([first, values], axis=1).astype(np.float64).reshape(-1, values.shape[1])
    versions = np.arange(len(both))
    _, paired = describe_lots(both, versions - versions % 2, sampling, np.zeros(len(both), np.int8))
    error: Floats = np.where(good, paired[1::2, 1] / np.sqrt(np.float64(sampling.paths)), np.nan)
    return error
