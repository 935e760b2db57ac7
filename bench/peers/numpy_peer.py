"""The reference workload in NumPy, twice: what our kernel's speed is measured against.

`box_muller` is the strongest that we could write: normals out of raw words by NumPy's vectorised functions, in tiles that fit the cache. `ziggurat`
is what most experts would write: SFC64's standard_normal in the run's precision, whole arrays with out=, one asset at a time. All else they share
(lapse from raw words, masks, one sort, in double the tiles), so the second is rather faster than a first attempt.

One asset at a time, all its years in one array of 400 kB, which stays in the second cache from birth to the values; every operation works in place on
arrays made once; one precision throughout. The factors are drawn once and shared by all assets. The trend of the level is folded into the income and
the asset's share of the volatility into the normals' radius, so that neither costs an operation of its own.

Kept after measuring, in M path-years per CPU-second on one core of an AMD EPYC with AVX-512 (family 26, NumPy 2.4):

- all years at once, 312, where a year at a time gives 244: a call costs most of a microsecond. Smaller tiles lose: 5,000 paths 283, 2,500 paths 241;
  in double precision 5,000 paths win, 135, before 10,000 (126) and 2,500 (115);
- normals by Box-Muller over NumPy's vectorised log, sin and cos: a year at a time 247, where the ziggurat of `standard_normal`, which makes each
  normal by itself, gives 116;
- in double precision NumPy's sine and cosine are not vectorised (45): with a polynomial for the sine of half the angle 118; the ziggurat 104;
- one sort, 15 µs for 10,000 values, where three nested partitions take 18 and `partition` at the ten order statistics 97.

On an older core without AVX-512 a year at a time was the faster, 70 to 74, the ziggurat 50 to 54; measured there, and not since:

- uniforms out of the generator's raw 64-bit words, two from each, by setting the exponent bits: `random(dtype=float32)` costs almost twice as much;
- lapse by multiplying with the mask (5 µs), where `where=` takes 62 and masking the sign bits takes three operations;
- lost: reading the value at the year of lapse out of running sums (gathering costs more than masking); PCG64, Philox and MT19937 (as fast as SFC64
  within the noise, or slower).

a = assets, t = years, p = paths, s = sectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np

from peers.peer import REAL, Precision, Reals, Row, draw_factors, inputs, row_of_sorted
from peers.polynomials import fit, sine_by_y
from workload import YEARS, Assets

Normals = Literal["box_muller", "ziggurat"]
SINE = fit(sine_by_y, 0.0, 1.0, 8).tolist()


class NumpyPeer:
    """Simulates assets one after another; all scratch memory is taken once."""

    TILE: ClassVar[dict[Precision, int]] = {"single": 10_000, "double": 5_000}
    """Paths whose years are worked on together: an array of them and of all years is 400 kB."""

    def __init__(self, assets: Assets, paths: int, seed: int = 1, normals: Normals = "box_muller", precision: Precision = "single") -> None:
        if paths < 4 or paths % 4:
            raise ValueError("the peer wants a multiple of four paths")
        self.assets, self.paths, self.normals = assets, paths, normals
        self.real = real = REAL[precision]
        self.bits = np.random.SFC64(seed)
        self.generator = np.random.Generator(self.bits)
        self.inputs = inputs(assets, precision)
        self.factors = draw_factors(self.generator, paths, precision)  # (s,t,p)
        self.tile = tile = self.TILE[precision] if paths % self.TILE[precision] == 0 else paths
        by_tile = self.factors.reshape(*self.factors.shape[:2], paths // tile, tile)
        self.tiles = np.ascontiguousarray(by_tile.transpose(0, 2, 1, 3))  # (s,tile,t,p)

        self.value, self.away = (np.empty(paths, real) for _ in range(2))
        self.lapse, self.loss = np.empty(tile, real), np.empty(paths, np.bool_)
        self.level, self.moved = (np.empty((YEARS, tile), real) for _ in range(2))
        self.alive = np.empty((YEARS, tile), np.bool_)
        self.normal = self.level.reshape(2, -1)
        self.radius, self.angle, self.square = (np.empty(YEARS * tile // 2, real) for _ in range(3))
        self.exp: Callable[..., Reals] = np.exp

    def uniforms(self, count: int) -> Reals:
        """So many in [1, 2): the exponent of 1 over 23 random bits, in double over 52."""
        if self.real is np.float64:
            words = self.bits.random_raw(count)
            np.right_shift(words, np.uint64(12), out=words)
            np.bitwise_or(words, np.uint64(0x3FF0000000000000), out=words)
            return words.view(np.float64)
        words = self.bits.random_raw(count // 2).view(np.uint32)
        np.right_shift(words, 9, out=words)
        np.bitwise_or(words, 0x3F800000, out=words)
        return words.view(np.float32)

    def draw_lapse(self) -> None:
        """A tile's uniforms, below which survival means life."""
        np.subtract(self.uniforms(self.tile), self.real(1), out=self.lapse)

    def draw(self, scale: float) -> Reals:
        """Fills `level` (t,p) with independent normals of standard deviation `scale`."""
        if self.normals == "ziggurat":
            self.generator.standard_normal(out=self.level, dtype=self.real)
            np.multiply(self.level, self.real(scale), out=self.level)
            return self.level
        first, second = self.uniforms(self.level.size).reshape(2, -1)
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
        return self.level

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
        """Simulates one asset, a tile of paths after the other, and takes its statistics."""
        level, moved, alive, given = self.level, self.moved, self.alive, self.inputs
        share, scale = given.factor_share[asset], float(given.own_share[asset])
        income, cost, survival = (vector[asset, :, None] for vector in (given.income, given.cost, given.survival))
        life = 0
        for tile, factor in enumerate(self.tiles[given.sector[asset]]):
            self.draw_lapse()
            self.draw(scale)
            for year in range(1, YEARS):
                np.add(level[year], level[year - 1], out=level[year])
            np.multiply(factor, share, out=moved)
            np.add(moved, level, out=moved)
            self.exp(moved, out=moved)
            np.multiply(moved, income, out=moved)
            np.subtract(moved, cost, out=moved)
            np.less(self.lapse, survival, out=alive)
            life += np.count_nonzero(alive)
            np.multiply(moved, alive, out=moved)
            np.add.reduce(moved, axis=0, out=self.value[tile * self.tile : (tile + 1) * self.tile])
        return self.statistics(life)

    def statistics(self, life: int) -> Row:
        """One row from `value` (p), which is sorted on the way."""
        value, n = self.value, self.paths
        mean = float(value.sum()) / n
        np.subtract(value, self.real(mean), out=self.away)
        deviation = math.sqrt(float(np.dot(self.away, self.away)) / (n - 1))
        losses = np.count_nonzero(np.less(value, 0, out=self.loss))
        value.sort()
        return row_of_sorted(value, mean, deviation, losses, life)

    def run(self, start: int = 0, stop: int | None = None) -> list[Row]:
        return [self.row(asset) for asset in range(start, len(self.assets) if stop is None else stop)]
