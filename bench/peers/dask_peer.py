"""The reference workload in Dask arrays as their documentation would have it: whole-array expressions, some assets a chunk, statistics by
`map_blocks`. The synchronous scheduler, so that one thread works and its seconds are counted.
"""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import numpy.typing as npt

from peers.peer import REAL, Precision, Reals, Row, draw_factors, inputs, row_of_sorted
from workload import YEARS, Assets

ASSETS_A_CHUNK = 2
"""Its arrays (a,t,p) are then 0.8 MB in single precision: larger chunks leave the cache, smaller ones pay more for scheduling."""


class DaskPeer:
    """Simulates all the assets asked for in one graph."""

    def __init__(self, assets: Assets, paths: int, seed: int = 1, precision: Precision = "single") -> None:
        self.paths, self.inputs, self.real = paths, inputs(assets, precision), REAL[precision]
        self.factors = draw_factors(np.random.default_rng(seed), paths, precision)  # (s,t,p)
        self.seed = seed

    def run(self, start: int = 0, stop: int | None = None) -> list[Row]:
        stop = len(self.inputs) if stop is None else stop
        given, chunk = self.inputs, (ASSETS_A_CHUNK, YEARS)
        self.seed += 1
        generator = da.random.default_rng(self.seed)

        def vector(x: npt.NDArray[np.generic]) -> da.Array:
            """(a,t,1)"""
            return da.from_array(x[start:stop].reshape(stop - start, -1, 1), chunks=(*chunk, 1))

        of_sector, whole = (lambda sector: self.factors[sector[:, 0, 0]]), (*chunk, self.paths)
        factor = da.map_blocks(of_sector, vector(given.sector), dtype=self.real, chunks=whole)
        normals = generator.standard_normal((stop - start, YEARS, self.paths), chunks=whole, dtype=self.real)
        lapse = generator.random((stop - start, 1, self.paths), chunks=(ASSETS_A_CHUNK, 1, self.paths), dtype=self.real)
        level = da.exp(da.cumsum(vector(given.own_share) * normals, axis=1) + vector(given.factor_share) * factor)
        alive = lapse < vector(given.survival)
        value = da.where(alive, vector(given.income) * level - vector(given.cost), self.real(0)).sum(axis=1)
        columns = [value.mean(axis=1), value.std(axis=1, ddof=1), (value < 0).sum(axis=1), alive.sum(axis=(1, 2)), value.map_blocks(np.sort)]
        with dask.config.set(scheduler="synchronous"):
            mean, deviation, losses, life, ordered = dask.compute(*columns)
        return [self.row(*of_asset) for of_asset in zip(ordered, mean, deviation, losses, life, strict=True)]

    @staticmethod
    def row(ordered: Reals, mean: float, deviation: float, losses: int, life: int) -> Row:
        return row_of_sorted(ordered, float(mean), float(deviation), int(losses), int(life))
