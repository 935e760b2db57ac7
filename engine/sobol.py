"""What the kernels need for the sampler `sobol`: direction numbers, their scrambling, the blocks of indices, the bridge (docs/numerics.md §11–§13).

d = dimensions, k = digits of six bits, c = the bridge's coordinates
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ipvalue.backend import kernel
from ipvalue.constants import (
    BRIDGE_MAX_PERIODS,
    BRIDGE_YEARS,
    INPUTS,
    PURPOSE_SCRAMBLE,
    REPLICATES,
    SOBOL_BITS,
    SOBOL_DIGIT_BITS,
    SOBOL_DIMENSIONS,
)

Words = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

DIMENSIONS = SOBOL_DIMENSIONS + INPUTS - 1
"""Of the table: those of paths, and three that only uncertain inputs read (docs/numerics.md §17)."""
LEAST_DIGITS = 2
"""Of an index, however few the points: the kernels need not ask."""
_TABLE = Path(__file__).parent / "data" / "sobol.txt"


def points_of(paths: int, name: str = "paths") -> int:
    """The points of each replicate. ValueError, about the option `name`, where they would differ in number."""
    if paths % REPLICATES or paths < REPLICATES:
        below = paths // REPLICATES * REPLICATES
        near = f"{below:,} or {below + REPLICATES:,}" if below > 0 else f"{REPLICATES}"
        raise ValueError(f"{name} is {paths:,}: the sobol sampler takes a multiple of {REPLICATES}, so {near}, best a power of two")
    return paths // REPLICATES


@cache
def directions() -> Words:
    """(d, 32) direction numbers v_0, v_1, … of Joe and Kuo (2008), the highest bit of a word being ½; read-only."""
    found = np.zeros((DIMENSIONS, SOBOL_BITS), np.uint32)
    found[0] = [1 << (SOBOL_BITS - 1 - i) for i in range(SOBOL_BITS)]
    lines = _TABLE.read_text(encoding="ascii").splitlines()
    for line in (line for line in lines if not line.startswith("#")):
        dimension, degree, inner, *m = map(int, line.split())
        for i in range(degree, SOBOL_BITS):
            term = m[i - degree] ^ (m[i - degree] << degree)
            for j in range(1, degree):
                if inner >> (degree - 1 - j) & 1:
                    term ^= m[i - j] << j
            m.append(term)
        found[dimension - 1] = [m[i] << (SOBOL_BITS - 1 - i) for i in range(SOBOL_BITS)]
    found.setflags(write=False)
    return found


def scrambled(words: Words) -> Words:
    """(d, 32) direction numbers of the first d dimensions after a random linear scramble (Matoušek 1998); words (d, b) make row b of the matrix."""
    plain = directions()[: len(words)]
    found = np.zeros_like(plain)
    for b in range(SOBOL_BITS):
        diagonal = np.uint32(1 << (SOBOL_BITS - 1 - b))
        above = np.uint32((1 << SOBOL_BITS) - (1 << (SOBOL_BITS - b)))
        row = (words[:, b, None] & above) | diagonal
        found |= _parity(row & plain) * diagonal
    return found


def _parity(x: Words) -> Words:
    """0 or 1: whether the number of bits set is odd."""
    for shift in (16, 8, 4, 2, 1):
        x = np.bitwise_xor(x, x >> np.uint32(shift))
    return x & np.uint32(1)


def digit_tables(numbers: Words, points: int) -> Words:
    """(d, k, 64): the XOR of the direction numbers that digit k of an index picks, so that a point is the XOR of one entry of each digit."""
    digits = _digits(points)
    found = np.zeros((len(numbers), digits, 1 << SOBOL_DIGIT_BITS), np.uint32)
    for k in range(digits):
        for bit in range(min(SOBOL_DIGIT_BITS, SOBOL_BITS - k * SOBOL_DIGIT_BITS)):
            size = 1 << bit
            found[:, k, size : 2 * size] = found[:, k, :size] ^ numbers[:, k * SOBOL_DIGIT_BITS + bit, None]
    return found


def _digits(points: int) -> int:
    return max(-(-(points - 1).bit_length() // SOBOL_DIGIT_BITS), LEAST_DIGITS)


def sampler_bytes(paths: int) -> int:
    """Memory of a worker's points: the table, the shifts of an asset and of the factors, the indices of an asset. ValueError as of points_of."""
    points = points_of(paths)
    words = DIMENSIONS * ((_digits(points) << SOBOL_DIGIT_BITS) + 2 * REPLICATES) + points
    return words * np.dtype(np.uint32).itemsize


def pairing_blocks(points: int) -> list[tuple[int, int]]:
    """(start, size) of the blocks within which indices are permuted: q, q, 2q, 4q, … up to `points`, q its greatest odd divisor."""
    odd = points // (points & -points)
    blocks = [(0, odd)]
    while sum(blocks[-1]) < points:
        blocks.append((sum(blocks[-1]), sum(blocks[-1])))
    return blocks


@dataclass(frozen=True)
class Bridge:
    """A Brownian bridge over a block of `periods`: coordinate c makes W at `middle` from W at `left` and at `right` (c,), the first W at the end.

    W_middle = scale·z_c + right_weight·W_right + left_weight·W_left (c,), W_0 = 0 at the block's start.
    """

    periods: int
    middle: Ints
    left: Ints
    right: Ints
    left_weight: Floats
    right_weight: Floats
    scale: Floats


def bridge(steps_per_year: int) -> Bridge:
    """The bridge of a market's periods: blocks of eight years, at most 96 periods; intervals are halved in the order in which they arise."""
    periods = min(BRIDGE_YEARS * steps_per_year, BRIDGE_MAX_PERIODS)
    rows, intervals = [(periods, 0, 0, 0.0, 0.0, _root(periods))], [(0, periods)]
    for left, right in intervals:
        if right - left > 1:
            middle = (left + right) // 2
            a, b, width = middle - left, right - middle, right - left
            rows.append((middle, left, right, b / width, a / width, _root(a * b / width)))
            intervals += [(left, middle), (middle, right)]
    places = np.ascontiguousarray(np.array([row[:3] for row in rows], np.int32).T)
    weights = np.ascontiguousarray(np.array([row[3:] for row in rows]).T)
    return Bridge(periods, places[0], places[1], places[2], weights[0], weights[1], weights[2])


def _root(x: float) -> float:
    return float(np.sqrt(np.float64(x)))


@dataclass(frozen=True)
class Plan:
    """What all assets and factors of a run share: `points` of each replicate, their `table` (d, k, 64) scrambled by the seed, the bridge."""

    points: int
    table: Words
    bridge: Bridge


@lru_cache(maxsize=4)
def plan(seed: int, paths: int, steps_per_year: int) -> Plan:
    """The Plan of a run; made once in each process. ValueError where replicates would differ in number."""
    points = points_of(paths)
    table = digit_tables(_numbers(seed), points)
    table.setflags(write=False)
    return Plan(points, table, bridge(steps_per_year))


@lru_cache(maxsize=4)
def _numbers(seed: int) -> Words:
    """(d, 32) the table's direction numbers as the seed scrambles them."""
    key = (seed & 0xFFFFFFFF, seed >> 32, 0, 0)
    words = [
        [kernel.ars(((PURPOSE_SCRAMBLE << 28) + d, four, 0, 0), key) for four in range(SOBOL_BITS // 4)] for d in range(DIMENSIONS)
    ]  # a counter makes the words of four neighbouring paths, here rows
    return scrambled(np.array(words, np.uint32).reshape(DIMENSIONS, SOBOL_BITS))
