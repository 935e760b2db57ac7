"""The reference workload with QuantLib's path engine through its Python binding: its multi-path generator draws the asset's level and its sector's
together, path by path, and NumPy takes over from there.

QuantLib gives an asset's level in each year out of a process of its own; the factor, shared by the assets of a sector, cannot be handed in, so it is
drawn anew for every asset: the same work and the same distribution for one asset, without the correlation between assets.
"""

from __future__ import annotations

import numpy as np
import QuantLib as ql

from peers.peer import Row, inputs, row_of_sorted
from workload import YEARS, Assets


class QuantlibPeer:
    """Simulates assets one after another, in double precision."""

    def __init__(self, assets: Assets, paths: int, seed: int = 1) -> None:
        self.paths, self.assets, self.seed = paths, assets, seed
        self.inputs = inputs(assets, "double")
        self.generator = np.random.default_rng(seed)

    def levels(self, asset: int) -> np.ndarray:
        """(p,t): the level without its trend, which stands in the income."""
        self.seed += 1
        own, share = float(self.inputs.own_share[asset]), float(self.inputs.factor_share[asset])
        processes = [ql.GeometricBrownianMotionProcess(1.0, 0.5 * sigma**2, sigma) for sigma in (own, share)]
        process = ql.StochasticProcessArray(processes, ql.Matrix([[1.0, 0.0], [0.0, 1.0]]))
        uniforms = ql.UniformRandomSequenceGenerator(2 * YEARS, ql.UniformRandomGenerator(self.seed))
        times = [float(year) for year in range(YEARS + 1)]
        paths = ql.GaussianMultiPathGenerator(process, times, ql.GaussianRandomSequenceGenerator(uniforms), False)
        drawn = np.empty((self.paths, 2, YEARS + 1))
        for path in range(self.paths):
            both = paths.next().value()
            drawn[path] = list(both[0]), list(both[1])
        return drawn[:, 0, 1:] * drawn[:, 1, 1:]

    def row(self, asset: int) -> Row:
        """Simulates one asset and takes its statistics."""
        given = self.inputs
        alive = self.generator.random((self.paths, 1)) < given.survival[asset]
        value = np.where(alive, self.levels(asset) * given.income[asset] - given.cost[asset], 0.0).sum(axis=1)
        mean, deviation = float(value.mean()), float(value.std(ddof=1))
        losses, life = np.count_nonzero(value < 0), np.count_nonzero(alive)
        return row_of_sorted(np.sort(value), mean, deviation, losses, life)

    def run(self, start: int = 0, stop: int | None = None) -> list[Row]:
        return [self.row(asset) for asset in range(start, len(self.assets) if stop is None else stop)]
