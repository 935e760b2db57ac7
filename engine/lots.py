"""Versions by batch means: paths are dealt into lots, and what is said of a version follows from its sums over them (docs/numerics.md §20).

Where V is linear in earnings and costs, those are sums over levels and lives, which all versions that are alive alike share.

v = versions, a = assets, n = some of them at a time, o = those whose sums are made, L = lots, r = rows of sums
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipvalue.backend import kernels
from ipvalue.cashflows import Vectors, join, take
from ipvalue.constants import FACTOR_TABLE_BYTES, LOTS, MONEY_LIMIT, RANGE_PATHS, REPLICATES, STATISTICS
from ipvalue.heap import held
from ipvalue.ranges import TOO_LARGE
from ipvalue.schema import InputError
from ipvalue.simulate import Factors, Reals, Sampling, Simulated
from ipvalue.sobol import plan
from ipvalue.stopping import add_boundaries
from ipvalue.totals import Totals

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int8]

_LIFE = STATISTICS.index("expected_life")
_VERSIONS_AT_ONCE = 8_192
"""Versions of assets that are described at a time, so that their sums stay in the cache."""


def lot_count(sampling: Sampling) -> int:
    """L: under sobol the replicates are the lots."""
    return REPLICATES if sampling.sampler == "sobol" else LOTS


def check_lots(sampling: Sampling) -> None:
    """Raises InputError where there are more paths than are dealt at a time."""
    if sampling.paths > RANGE_PATHS:
        raise InputError(f"paths is {sampling.paths:,}: batch means are made of at most {RANGE_PATHS:,} paths")


def simulate_lots(
    versions: Sequence[Vectors], factors: Factors, sampling: Sampling, groups: Ints | None, totals: Totals | None, *, keep_paths: bool = False
) -> Simulated:
    """`simulate` by batch means, of assets in versions (v,) on the same paths: everything (v·a, …) by version and asset. Mean and standard deviation
    of the statistics (v·a, 5) are those of docs/numerics.md §20, the others but expected_life no numbers; values, where kept, are sums over lots
    (v·a, L); paired is with the first version. `totals`, where given, has a sum for each lot, and takes in those of groups (v, a)."""
    v, a = len(versions), len(versions[0].hash)
    exact = np.stack([one.exact for one in versions])
    sobol = sampling.sampler == "sobol"
    status = np.zeros((v, a), np.int8)
    if sobol:  # the mean is the closed form, or is controlled by it
        closed = [kernels(sampling.backend).closed_form(one.linear())[0] for one in versions]
        status[~(np.abs(np.stack(closed)) < MONEY_LIMIT)] = TOO_LARGE
    found = Simulated(
        np.zeros((v * a, len(STATISTICS))),
        status.reshape(-1),
        np.empty((v * a, lot_count(sampling))) if keep_paths else None,
        np.zeros((2, v * a, REPLICATES)) if sobol else None,
        np.zeros((v * a, 2)),
    )
    own = np.stack(
        [np.ones(a, np.bool_), *(~_alike(versions[0], one, exact[0] & linear) for one, linear in zip(versions[1:], exact[1:], strict=True))]
    )
    step = max(1, _VERSIONS_AT_ONCE // v)
    for start in range(0, a, step):
        here = slice(start, start + step)
        some = _Some(versions, exact[:, here], own[:, here], start, min(start + step, a))
        _describe(some, some.dealt(factors, sampling), sampling, None if groups is None else groups.reshape(-1), totals, found)
    return found


@dataclass(frozen=True)
class _Dealt:
    """Sums over lots, rows (r, L), those of each from its row (o,) on; life and status (o,); sums (2, o, 16) of G and K, None where paths are random.
    of (v·n,): of each version the place of its sums among them."""

    rows: Floats
    row: Longs
    life: Floats
    status: Codes
    sums: Floats | None
    of: Longs


@dataclass(frozen=True)
class _Some:
    """Assets `start` to `stop` of versions; exact (v, n): where V is linear; own (v, n): where sums over lots are a version's own, not those of the
    first."""

    versions: Sequence[Vectors]
    exact: Mask
    own: Mask
    start: int
    stop: int

    @property
    def number(self) -> int:
        return self.stop - self.start

    @property
    def place(self) -> Longs:
        """(v·n,) their places among all."""
        return (np.arange(len(self.versions))[:, None] * len(self.versions[0].hash) + np.arange(self.start, self.stop)).reshape(-1)

    def dealt(self, factors: Factors, sampling: Sampling) -> _Dealt:
        """The sums of the versions that have their own."""
        parts = [(one, np.flatnonzero(mine)) for one, mine in zip(self.versions, self.own, strict=True) if mine.any()]
        asset = np.concatenate([places for _, places in parts])
        order = np.argsort(asset, kind="stable")
        made = take(join([take(one, self.start + places) for one, places in parts]), order) if len(parts) > 1 else self._first()
        of, rank = np.empty(self.own.shape, np.int64), np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        of[self.own] = rank
        add_boundaries(made, sampling.backend)
        return _deal(made, factors, sampling, np.where(self.own, of, of[0]).reshape(-1))

    def _first(self) -> Vectors:
        return take(self.versions[0], np.arange(self.start, self.stop))

    def sizes(self, k: int) -> Longs:
        """(n,) periods of version k."""
        return np.diff(self.versions[k].offset[self.start : self.stop + 1])

    def cut(self, k: int) -> slice:
        """Where version k has its elements."""
        return slice(int(self.versions[k].offset[self.start]), int(self.versions[k].offset[self.stop]))


def _alike(first: Vectors, one: Vectors, linear: Mask) -> Mask:
    """(a,) where a version is alive and contested as the first, for as long, and both are `linear` (a,): they have the same sums over lots."""
    if one is first:
        return np.ones(len(linear), np.bool_)
    size, contested = np.diff(first.offset), first.enters != 0
    alike: Mask = linear & (np.diff(one.offset) == size) & (first.last_delta == one.last_delta) & (first.enters == one.enters)
    alike &= ~contested | (first.entry_loss == one.entry_loss)
    some = np.flatnonzero(alike)
    if one.survival is first.survival and one.rival is first.rival:
        return alike
    mine, theirs = (_elements(of.offset, some) for of in (one, first))
    other = one.survival[mine] != first.survival[theirs]
    if contested.any():
        other |= np.repeat(contested[some], size[some]) & (one.rival[mine] != first.rival[theirs])
    if other.any():
        alike[np.repeat(some, size[some])[other]] = False
    return alike


def _elements(offset: Longs, assets: Longs) -> Longs | slice:
    """The places of the elements of some assets, of ascending places."""
    if len(assets) and assets[-1] - assets[0] == len(assets) - 1:
        return slice(int(offset[assets[0]]), int(offset[assets[-1] + 1]))
    lengths = np.diff(offset)[assets]
    found: Longs = np.arange(lengths.sum()) + np.repeat(offset[assets] - np.cumsum(lengths) + lengths, lengths)
    return found


def _describe(some: _Some, dealt: _Dealt, sampling: Sampling, group: Ints | None, totals: Totals | None, found: Simulated) -> None:
    """What the sums say of the versions, into what is found of all, by their places in it."""
    versions, place, v = some.versions, some.place, len(some.versions)
    assert found.paired is not None
    statistics, status = np.zeros((len(place), len(STATISTICS))), dealt.status[dealt.of]
    statistics[:, _LIFE] = dealt.life[dealt.of]
    status = np.where(status == 0, found.status[place], status)
    cuts = [some.cut(k) for k in range(v)]
    begins = np.cumsum([0, *(cut.stop - cut.start for cut in cuts[:-1])])
    at = [one.offset[some.start : some.stop] - cut.start + begin for one, cut, begin in zip(versions, cuts, begins, strict=True)]
    paired, values = kernels(sampling.backend).lot_means(
        np.concatenate([one.w[cut] for one, cut in zip(versions, cuts, strict=True)]),
        np.concatenate([one.f[cut] for one, cut in zip(versions, cuts, strict=True)]),
        np.concatenate(at),
        np.concatenate([some.sizes(k) for k in range(v)]),
        dealt.rows,
        dealt.row[dealt.of],
        np.ascontiguousarray(some.exact.reshape(-1)).view(np.uint8),
        np.tile(np.arange(some.number), v),
        np.arange(len(place)).reshape(v, -1).T.reshape(-1),
        sampling.paths,
        statistics,
        status,
        group=None if group is None else group[place],
        totals=None if totals is None else totals.sums,
        keep=found.values is not None,
    )
    found.statistics[place], found.status[place], found.paired[place] = statistics, status, paired
    if found.sums is not None and dealt.sums is not None:
        found.sums[:, place] = dealt.sums[:, dealt.of]
    if found.values is not None:
        found.values[place] = values


# ------------------------------------------------------------------------------------------------ sums over lots


def _deal(made: Vectors, factors: Factors, sampling: Sampling, of: Longs) -> _Dealt:
    """The sums of assets (o,) over lots."""
    row = np.concatenate([[0], np.cumsum(np.where(made.exact, 2 * np.diff(made.offset), 1))])
    rows = held("lots", (int(row[-1]), lot_count(sampling)), np.float64)
    sobol = sampling.sampler == "sobol"
    sums = np.zeros((2, len(made.hash), REPLICATES)) if sobol else None
    statistics, status, _ = kernels(sampling.backend).simulate(
        made,
        factors,
        seed=sampling.seed,
        paths=sampling.paths,
        single=sampling.precision == "single",
        quantiles=(),
        tail=sampling.tail,
        table_bytes=FACTOR_TABLE_BYTES,
        sobol=plan(sampling.seed, sampling.paths, factors.steps_per_year) if sobol else None,
        sums=sums,
        redrawn=sampling.redrawn,
        lots=rows,
        lot_row=row[:-1],
    )
    return _Dealt(rows, row[:-1], statistics[:, _LIFE], status, sums, of)


# ------------------------------------------------------------------------------------------------ of sums alone


def describe_lots(values: Floats, first: Longs, sampling: Sampling, status: Codes) -> tuple[Floats, Floats]:
    """Statistics (a, 5) of sums over lots (a, L), without expected_life, and (a, 2) mean and standard deviation of the difference of each to that of
    `first` (a,); status (a,) int8 takes why one has no sum."""
    number = len(values)
    statistics, places, none = np.zeros((number, len(STATISTICS))), np.arange(number), np.zeros(number, np.int64)
    paired, _ = kernels(sampling.backend).lot_means(
        np.empty(0),
        np.empty(0),
        none,
        none,
        np.ascontiguousarray(values),
        places,
        np.zeros(number, np.uint8),
        first,
        places,
        sampling.paths,
        statistics,
        status,
    )
    return statistics, paired


def difference_error(first: Reals, values: Reals, good: Mask, sampling: Sampling) -> Floats:
    """(a,) the standard error of the mean of what sums over lots (a, L) differ by from `first` (a, L), not a number but where `good`."""
    both = np.stack([first, values], axis=1).reshape(-1, values.shape[1]).astype(np.float64)
    versions = np.arange(len(both))
    _, paired = describe_lots(both, versions - versions % 2, sampling, np.zeros(len(both), np.int8))
    error: Floats = np.where(good, paired[1::2, 1] / np.sqrt(np.float64(sampling.paths)), np.nan)
    return error
