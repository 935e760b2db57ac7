"""Assets with very many paths: ranges of one asset's paths, shared by threads (docs/numerics.md §7, §14).

p = paths, t = periods of the asset, r = replicates
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ipvalue.backend import Kernels
from ipvalue.cashflows import Vectors, take
from ipvalue.constants import MONEY_LIMIT, RANGE_PATHS, REPLICATES, STATISTICS

Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]
R = TypeVar("R")
T = TypeVar("T")

_LIFE = STATISTICS.index("expected_life")
_ORDERED = slice(STATISTICS.index("expected_shortfall"), _LIFE)
"""What moments are without."""
NOT_FINITE, TOO_LARGE = 1, 2
"""Why a row has no value (STATUS_ in ext/simulate.h)."""


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """The threads that all assets of this process share, so that no more work at once."""
    return ThreadPoolExecutor(threads, thread_name_prefix="ipvalue-paths")


@dataclass(frozen=True)
class _Part:
    """What a range of paths gives beside its values: status, lived (t,) and the sums of G and K (2, r)."""

    status: int
    lived: Longs
    sums: Floats


@dataclass(frozen=True)
class Ranges:
    """How an asset's paths are made in ranges: `call`, the kernels' simulate but for what differs by range; no bit depends on `threads`."""

    kernel: Kernels
    call: Callable[..., tuple[Floats, npt.NDArray[np.int8], Any]]
    real: type[np.floating[Any]]
    paths: int
    quantiles: tuple[float, ...]
    tail: float
    threads: int

    def simulate(
        self,
        vectors: Vectors,
        group: npt.NDArray[np.int32] | None,
        totals: Words | None,
        sums: Floats | None,
        keep: bool,
        moments: bool = False,
        paired: Floats | None = None,
        looks: Any = None,
    ) -> tuple[Floats, npt.NDArray[np.int8], npt.NDArray[Any] | None]:
        """What the kernels' simulate gives, one asset after another."""
        assets = len(vectors.hash)
        statistics, status = np.zeros((assets, len(STATISTICS) + len(self.quantiles))), np.zeros(assets, np.int8)
        values = np.empty((assets if keep else 1, self.paths), self.real)
        differences = None if paired is None else _Differences(self.kernel, self.kernel.first_versions(vectors), paired)
        for a in range(assets):
            of_group = None
            if totals is not None and group is not None and group[a] >= 0:
                of_group = totals[group[a] * self.paths :][: self.paths]
            of_asset = None if sums is None else sums[:, a]
            at_asset = None if looks is None else looks.of_asset(a)
            statistics[a], status[a] = self._asset(take(vectors, np.array([a])), values[a if keep else 0], of_asset, of_group, at_asset)
            if differences is not None:
                differences.take(a, values[a if keep else 0], status[a] == 0)
        if moments:
            statistics[status == 0, _ORDERED] = np.nan
        return statistics, status, values if keep else None

    def _asset(self, one: Vectors, values: npt.NDArray[Any], sums: Floats | None, totals: Words | None, looks: Any) -> tuple[Floats | float, int]:
        """Statistics (5 + q,) of the asset, 0 where it has no value, and its status. values (p,) takes its path values, sums (2, r) what they
        give by replicate, totals (p, 2) has them added, and so have the slots of the looks at it."""
        parts = self._all(lambda first: self._part(one, first, values, looks), range(0, self.paths, RANGE_PATHS))
        status = next((part.status for part in parts if part.status), 0)
        if sums is not None:
            for part in parts:
                sums += part.sums
            status = status or _status_of(sums, self.paths // REPLICATES)
        if status:
            return 0.0, status
        if totals is not None:
            self._all(lambda first: self._add(totals, first, values), range(0, self.paths, RANGE_PATHS))
        (statistics,) = self._all(lambda _: self.kernel.statistics(values.astype(np.float64, copy=False), self.quantiles, self.tail), [0])
        statistics[_LIFE] = _life(one, [part.lived for part in parts], self.paths)
        return statistics, 0

    def _all(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """function(item) of every item in order, on this thread where it is to be alone; none is at work any more when this ends, however it ends."""

        def work(item: T) -> R:
            with self.kernel.DefaultArithmetic():
                return function(item)

        if self.threads == 1:
            return [work(item) for item in items]
        futures = [_pool(self.threads).submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            wait(futures)
            raise

    def _part(self, one: Vectors, first: int, values: npt.NDArray[Any], looks: Any) -> _Part:
        count = min(RANGE_PATHS, self.paths - first)
        part = _Part(0, np.zeros(len(one.w), np.int64), np.zeros((2, 1, REPLICATES)))
        here = None if looks is None else looks.of_paths(first, count)
        _, status, made = self.call(one, first=first, paths=count, lived=part.lived, sums=part.sums, keep=True, looks=here)
        values[first : first + count] = made[0]
        return _Part(int(status[0]), part.lived, part.sums[:, 0])

    def _add(self, totals: Words, first: int, values: npt.NDArray[Any]) -> None:
        some = slice(first, first + RANGE_PATHS)
        self.kernel.add_exact(totals[some], np.zeros(1, np.int32), values[None, some].astype(np.float64))


@dataclass
class _Differences:
    """The difference of each version to the first (docs/numerics.md §16), in the order of the assets, into paired (a, 2)."""

    kernel: Kernels
    first: Longs
    paired: Floats
    one: Floats | None = None

    def take(self, a: int, values: npt.NDArray[Any], summed: bool) -> None:
        """The path values (p,) of asset `a`, which have a sum or not."""
        values = values.astype(np.float64)
        if self.first[a] == a:
            self.one = values if summed else None
        self.paired[a] = np.nan if self.one is None or not summed else self.kernel.difference(values, self.one)


def _status_of(sums: Floats, points: int) -> int:
    """What the kernels say of the sums of G and K over all paths."""
    if not np.isfinite(sums).all():
        return NOT_FINITE
    return TOO_LARGE if (np.abs(sums) >= MONEY_LIMIT * points).any() else 0


def _life(one: Vectors, lived: list[Longs], paths: int) -> float:
    """expected_life (docs/numerics.md §7) from the paths alive in each period, by range (t,)."""
    alive = [int(count) for count in np.sum(lived, axis=0)]
    life = 0.0
    for t, count in enumerate(alive):
        life += float(one.step[0] if t + 1 < len(alive) else one.last_delta[0]) * float(count)
    return life / float(paths)
