"""The reference workload in NumPy, as fast as we could make it: what our kernel's speed is measured against.

One asset at a time, 10,000 paths in a block: every array is 40 kB and stays in the cache from birth to the quantiles;
every operation works in place on arrays made once; one precision throughout. The factors are drawn once and shared
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

With AVX-512 (AMD EPYC, family 26) the same order: Box-Muller 247 M path-years per CPU-second, ziggurat 116; a sort takes 15 µs, three nested
partitions 18, `partition` at ten places 97. In double precision NumPy's sine and cosine are not vectorised (45 M); with a polynomial for the sine of
half the angle Box-Muller comes to 118 M, the ziggurat to 104.

a = assets, t = years, p = paths, s = sectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from peers.peer import REAL, Precision, Reals, Row, draw_factors, inputs, row_of_sorted
from peers.polynomials import fit, sine_by_y
from workload import YEARS, Assets

Normals = Literal["box_muller", "ziggurat"]
SINE = fit(sine_by_y, 0.0, 1.0, 8).tolist()


class NumpyPeer:
    """Simulates assets one after another; all scratch memory is taken once."""

    def __init__(self, assets: Assets, paths: int, seed: int = 1, normals: Normals = "box_muller", precision: Precision = "single") -> None:
        if paths < 4 or paths % 4:
            raise ValueError("the peer wants a multiple of four paths")
        self.assets, self.paths, self.normals = assets, paths, normals
        self.real = real = REAL[precision]
        self.bits = np.random.SFC64(seed)
        self.generator = np.random.Generator(self.bits)
        self.inputs = inputs(assets, precision)
        self.factors = draw_factors(self.generator, paths, precision)  # (s,t,p)

        self.level, self.cash, self.value, self.lapse, self.moved = (np.empty(paths, real) for _ in range(5))
        self.normal = np.empty((2, paths // 2), real)
        self.radius, self.angle, self.square = (np.empty(paths // 2, real) for _ in range(3))
        self.alive = np.empty(paths, np.bool_)
        self.exp: Callable[..., Reals] = np.exp

    def uniforms(self) -> Reals:
        """(p), in [1, 2): the exponent of 1 over 23 random bits, in double over 52."""
        if self.real is np.float64:
            words = self.bits.random_raw(self.paths)
            np.right_shift(words, np.uint64(12), out=words)
            np.bitwise_or(words, np.uint64(0x3FF0000000000000), out=words)
            return words.view(np.float64)
        words = self.bits.random_raw(self.paths // 2).view(np.uint32)
        np.right_shift(words, 9, out=words)
        np.bitwise_or(words, 0x3F800000, out=words)
        return words.view(np.float32)

    def draw_lapse(self) -> None:
        """(p) uniforms, below which survival means life."""
        np.subtract(self.uniforms(), self.real(1), out=self.lapse)

    def draw(self, scale: float) -> Reals:
        """(p) independent normals with standard deviation `scale`; overwritten by the next call."""
        flat = self.normal.reshape(-1)
        if self.normals == "ziggurat":
            self.generator.standard_normal(out=flat, dtype=self.real)
            np.multiply(flat, self.real(scale), out=flat)
            return flat
        first, second = self.uniforms().reshape(2, -1)
        np.subtract(self.real(2), first, out=self.radius)  # (0, 1]
        np.log(self.radius, out=self.radius)
        np.multiply(self.radius, self.real(-2 * scale * scale), out=self.radius)
        np.sqrt(self.radius, out=self.radius)
        if self.real is np.float64:
            self.turn_double(second)
        else:
            np.multiply(second, self.real(2 * math.pi), out=self.angle)  # one turn further: the same
            np.cos(self.angle, out=self.normal[0])
            np.sin(self.angle, out=self.normal[1])
        np.multiply(self.normal, self.radius, out=self.normal)
        return flat

    def turn_double(self, uniform: Reals) -> None:
        """Cosine and sine of 2π times a uniform in [1, 2), by way of half the angle: NumPy's own in double are not vectorised."""
        y, square = self.angle, self.square
        cosine, sine = self.normal
        np.subtract(uniform, 1.5, out=y)
        np.multiply(y, 2, out=y)
        np.multiply(y, y, out=square)
        np.multiply(square, SINE[-1], out=sine)
        for coefficient in SINE[-2:0:-1]:
            np.add(sine, coefficient, out=sine)
            np.multiply(sine, square, out=sine)
        np.add(sine, SINE[0], out=sine)
        np.multiply(sine, y, out=sine)  # of half the angle, between −1 and 1
        np.multiply(sine, sine, out=square)
        np.subtract(1, square, out=y)
        np.sqrt(y, out=y)
        np.multiply(sine, y, out=sine)
        np.multiply(sine, 2, out=sine)
        np.multiply(square, -2, out=cosine)
        np.add(cosine, 1, out=cosine)

    def row(self, asset: int) -> Row:
        """Simulates one asset and takes its statistics."""
        level, cash, value, alive, moved = self.level, self.cash, self.value, self.alive, self.moved
        factor = self.factors[self.assets.sector[asset]]
        given = self.inputs
        share, scale = given.factor_share[asset], float(given.own_share[asset])
        self.draw_lapse()
        level.fill(0)
        value.fill(0)
        life = 0
        for year in range(YEARS):
            np.add(level, self.draw(scale), out=level)
            np.multiply(factor[year], share, out=moved)
            np.add(moved, level, out=moved)
            self.exp(moved, out=cash)
            np.multiply(cash, given.income[asset, year], out=cash)
            np.subtract(cash, given.cost[asset, year], out=cash)
            np.less(self.lapse, given.survival[asset, year], out=alive)
            life += np.count_nonzero(alive)
            np.multiply(cash, alive, out=cash)
            np.add(value, cash, out=value)
        return self.statistics(life)

    def statistics(self, life: int) -> Row:
        """One row from `value` (p), which is sorted on the way."""
        value, n = self.value, self.paths
        mean = float(value.sum()) / n
        np.subtract(value, self.real(mean), out=self.moved)
        deviation = math.sqrt(float(np.dot(self.moved, self.moved)) / (n - 1))
        losses = np.count_nonzero(np.less(value, 0, out=self.alive))
        value.sort()
        return row_of_sorted(value, mean, deviation, losses, life)

    def run(self, start: int = 0, stop: int | None = None) -> list[Row]:
        return [self.row(asset) for asset in range(start, len(self.assets) if stop is None else stop)]
