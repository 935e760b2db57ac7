"""The reference workload in NumPy, as fast as we could make it: what our kernel's speed is measured against.

One asset at a time, 10,000 paths in a block: every array is 40 kB and stays in the cache from birth to the quantiles;
every operation works in place on arrays made once; single precision throughout. The factors are drawn once and shared
by all assets. The trend of the level is folded into the income and the asset's share of the volatility into the
normals' radius, so that neither costs an operation of its own.

Kept after measuring (one core of an AMD EPYC without AVX-512, NumPy 2.4; the same code differs by a quarter from run to
run, by more when the machine is busy):

- normals by Box-Muller over NumPy's vectorised log, sin and cos, 70 to 74 M path-years per CPU-second, where the
  ziggurat of `standard_normal`, which makes each normal by itself, gives 50 to 54 (kept as `ziggurat`, since most
  would write it);
- its uniforms out of the generator's raw 64-bit words, two from each, by setting the exponent bits, where
  `random(dtype=float32)` costs almost twice as much;
- one sort (65 µs for 10,000 values), where `partition` at the ten order statistics takes 268, three nested partitions
  71, `np.quantile` 405;
- lapse by multiplying with the mask (5 µs), where `where=` takes 62 and masking the sign bits takes three operations.

Lost as well: all years at once in tiles of 1,000 to 10,000 paths with the sums taken along an axis; reading the value
at the year of lapse out of running sums (gathering costs more than masking); PCG64, Philox and MT19937 (as fast as
SFC64 within the noise, or slower).

a = assets, t = years, p = paths, s = sectors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workload import QUANTILES, SECTORS, TAIL, YEARS, Assets, correlation

Singles = NDArray[np.float32]
Normals = Literal["box_muller", "ziggurat"]


@dataclass(frozen=True)
class Row:
    """The statistics of one asset."""

    mean: float
    standard_deviation: float
    standard_error: float
    quantiles: tuple[float, ...]
    expected_shortfall: float
    probability_of_loss: float
    expected_life: float


class NumpyPeer:
    """Simulates assets one after another; all scratch memory is taken once."""

    def __init__(self, assets: Assets, paths: int, seed: int = 1, normals: Normals = "box_muller") -> None:
        if paths < 4 or paths % 4:
            raise ValueError("the peer wants a multiple of four paths")
        self.assets, self.paths, self.normals = assets, paths, normals
        self.bits = np.random.SFC64(seed)
        self.generator = np.random.Generator(self.bits)

        years = np.arange(1, YEARS + 1)
        volatility = assets.volatility
        self.factor_share = (volatility * assets.factor_loading).astype(np.float32)  # (a)
        self.own_share = volatility * np.sqrt(1 - assets.factor_loading**2)  # (a)
        trend = np.exp(-0.5 * volatility[:, None] ** 2 * years)
        self.income = (assets.income * trend).astype(np.float32)  # (a,t)
        self.cost = assets.cost.astype(np.float32)  # (a,t)
        self.survival = assets.survival.astype(np.float32)  # (a,t)
        self.factors = self.draw_factors()  # (s,t,p)

        self.level, self.cash, self.value, self.lapse, self.moved = (np.empty(paths, np.float32) for _ in range(5))
        self.normal = np.empty((2, paths // 2), np.float32)
        self.radius, self.angle = (np.empty(paths // 2, np.float32) for _ in range(2))
        self.alive = np.empty(paths, np.bool_)

    def draw_factors(self) -> Singles:
        """Running sums of the correlated factors, (s,t,p)."""
        lower = np.linalg.cholesky(correlation()).astype(np.float32)
        independent = self.generator.standard_normal((len(SECTORS), YEARS, self.paths), dtype=np.float32)
        return np.cumsum(np.einsum("sk,ktp->stp", lower, independent), axis=1, dtype=np.float32)

    def uniforms(self) -> Singles:
        """(p), in [1, 2): the exponent of 1 over 23 random bits."""
        words = self.bits.random_raw(self.paths // 2).view(np.uint32)
        np.right_shift(words, 9, out=words)
        np.bitwise_or(words, 0x3F800000, out=words)
        return words.view(np.float32)

    def draw(self, scale: float) -> Singles:
        """(p) independent normals with standard deviation `scale`; overwritten by the next call."""
        flat = self.normal.reshape(-1)
        if self.normals == "ziggurat":
            self.generator.standard_normal(out=flat, dtype=np.float32)
            np.multiply(flat, np.float32(scale), out=flat)
            return flat
        first, second = self.uniforms().reshape(2, -1)
        np.subtract(np.float32(2), first, out=self.radius)  # (0, 1]
        np.log(self.radius, out=self.radius)
        np.multiply(self.radius, np.float32(-2 * scale * scale), out=self.radius)
        np.sqrt(self.radius, out=self.radius)
        np.multiply(second, np.float32(2 * math.pi), out=self.angle)  # one turn further: the same
        np.cos(self.angle, out=self.normal[0])
        np.sin(self.angle, out=self.normal[1])
        np.multiply(self.normal, self.radius, out=self.normal)
        return flat

    def row(self, asset: int) -> Row:
        """Simulates one asset and takes its statistics."""
        level, cash, value, alive, moved = self.level, self.cash, self.value, self.alive, self.moved
        factor = self.factors[self.assets.sector[asset]]
        share, scale = self.factor_share[asset], float(self.own_share[asset])
        np.subtract(self.uniforms(), np.float32(1), out=self.lapse)
        level.fill(0)
        value.fill(0)
        life = 0
        for year in range(YEARS):
            np.add(level, self.draw(scale), out=level)
            np.multiply(factor[year], share, out=moved)
            np.add(moved, level, out=moved)
            np.exp(moved, out=cash)
            np.multiply(cash, self.income[asset, year], out=cash)
            np.subtract(cash, self.cost[asset, year], out=cash)
            np.less(self.lapse, self.survival[asset, year], out=alive)
            life += np.count_nonzero(alive)
            np.multiply(cash, alive, out=cash)
            np.add(value, cash, out=value)
        return self.statistics(life)

    def statistics(self, life: int) -> Row:
        """One row from `value` (p), which is sorted on the way."""
        value, n = self.value, self.paths
        mean = float(value.sum()) / n
        np.subtract(value, np.float32(mean), out=self.moved)
        deviation = math.sqrt(float(np.dot(self.moved, self.moved)) / (n - 1))
        losses = np.count_nonzero(np.less(value, 0, out=self.alive))
        value.sort()
        quantiles = []
        for q in QUANTILES:
            place = q * (n - 1)
            i = int(place)
            low, high = float(value[i]), float(value[min(i + 1, n - 1)])
            quantiles.append(low + (high - low) * (place - i))
        worst = math.ceil(TAIL * n - 1e-9)
        return Row(
            mean=mean,
            standard_deviation=deviation,
            standard_error=deviation / math.sqrt(n),
            quantiles=tuple(quantiles),
            expected_shortfall=float(value[:worst].sum()) / worst,
            probability_of_loss=losses / n,
            expected_life=life / n,
        )

    def run(self, start: int = 0, stop: int | None = None) -> list[Row]:
        return [self.row(asset) for asset in range(start, len(self.assets) if stop is None else stop)]
