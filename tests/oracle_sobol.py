"""The slow definition of the sampler `sobol`: docs/numerics.md sections 11 to 15 in plain NumPy, beside oracle.py.

Written from the specification alone, like oracle.py; of the package it imports nothing but reads its table of direction numbers. All that is
random comes from `oracle.word`, so it does not matter how words are made.

    seed --scramble()--> direction numbers --point_words()--> words --normal()--> coordinates --bridged()--> E_t, F_t --oracle.simulate()--> Paths

Shapes: p = paths, t = periods, r = replicates. Path p is point p div 16 of replicate p mod 16.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import oracle

Array = NDArray[Any]

REPLICATES = 16
DIMENSIONS = 1024  # of paths; three more are the inputs'
SURVIVAL, RIVAL, LEVEL, ROYALTY, SHOCKS = range(5)
PURPOSE_SCRAMBLE, PURPOSE_SHIFT, PURPOSE_PAIRING = 4, 5, 6
TABLE = Path(__file__).resolve().parents[1] / "engine" / "data" / "sobol.txt"


# ----------------------------------------------------------------------------------------------------------------------
# Points (section 11)


@cache
def table() -> dict[int, tuple[int, int, tuple[int, ...]]]:
    """dimension (from 1) -> degree, inner coefficients, m_1 ... m_s."""
    rows = [tuple(map(int, line.split())) for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    return {row[0]: (row[1], row[2], row[3:]) for row in rows}


@cache
def direction_numbers(dimension: int) -> tuple[int, ...]:
    """v_0 ... v_31 of a dimension (from 0), its fractions times 2^32 (Bratley and Fox 1988, section 2)."""
    if dimension == 0:
        m = [1] * 32
    else:
        s, a, start = table()[dimension + 1]
        m = list(start)
        for k in range(s, 32):
            new = m[k - s] ^ (m[k - s] << s)
            for j in range(1, s):
                new ^= ((a >> (s - 1 - j)) & 1) * (m[k - j] << j)
            m.append(new)
    return tuple(m[k] << (31 - k) for k in range(32))


@cache
def scramble(seed: int, dimension: int) -> tuple[int, ...]:
    """The direction numbers after a random linear scramble: bit b of the result, from the top, is the parity of row b and the number."""
    words = oracle.word(seed, 0, PURPOSE_SCRAMBLE, dimension, np.arange(32))
    out = []
    for v in direction_numbers(dimension):
        scrambled = 0
        for b in range(32):
            diagonal = 1 << (31 - b)
            above = 2**32 - 2 ** (32 - b)
            row = int(words[b]) & above | diagonal
            scrambled |= diagonal * ((row & v).bit_count() % 2)
        out.append(scrambled)
    return tuple(out)


def point(numbers: Sequence[int], index: Array) -> Array:
    """x(i): the XOR of v_k over the bits k that are set in i. (p,) uint32."""
    x = np.zeros(len(index), np.uint32)
    for k in range(int(index.max()).bit_length()):
        x ^= np.where((index >> k) & 1, np.uint32(numbers[k]), np.uint32(0))
    return x


def point_words(seed: int, hash: int, dimension: int, index: Array, paths: Array) -> Array:
    """The words of a dimension of an asset or a factor at its points' indices: (p,) uint32."""
    shift = oracle.word(seed, hash, PURPOSE_SHIFT, dimension, np.arange(REPLICATES))
    x: Array = point(scramble(seed, dimension), index) ^ shift[paths % REPLICATES]
    return x


def points_of(paths: int) -> int:
    if paths % REPLICATES or paths <= 0:
        raise ValueError("paths: a multiple of 16 under sobol")
    return paths // REPLICATES


# ----------------------------------------------------------------------------------------------------------------------
# Pairing (section 11)


def blocks(points: int) -> list[tuple[int, int]]:
    """(start, size): q, q, 2q, 4q, ... with q the greatest odd divisor."""
    q = points
    while q % 2 == 0:
        q //= 2
    out = [(0, q)]
    while out[-1][0] + out[-1][1] < points:
        start = out[-1][0] + out[-1][1]
        out.append((start, start))
    return out


def permute(i: Array, size: int, keys: Array) -> Array:
    """A bijection of [0, size): eight rounds of Feistel's kind on the halves of the index, walked on until it falls inside. keys: (16,) words."""
    bits = max((size - 1).bit_length(), 1)
    low = bits // 2
    high = bits - low
    k = [int(x) for x in keys]

    def mixed(r: int, x: Array, width: int) -> Array:
        """The top `width` bits of the 32-bit word k_{2r+1} x + k_{2r}."""
        return ((k[2 * r + 1] * x + k[2 * r]) % 2**32) >> (32 - width)

    def once(j: Array) -> Array:
        a, b = j >> low, j % 2**low
        for r in range(0, 8, 2):
            b = b ^ mixed(r, a, low)
            a = a ^ mixed(r + 1, b, high)
        return (a << low) | b

    j = once(np.asarray(i, np.int64))
    while np.any(j >= size):
        j = np.where(j >= size, once(j), j)
    return j


def paired(seed: int, hash: int, points: int) -> Array:
    """The index pi(i) at which an asset reads its own dimensions, i = 0 ... points - 1."""
    out = np.empty(points, np.int64)
    for number, (start, size) in enumerate(blocks(points)):
        keys = oracle.word(seed, hash, PURPOSE_PAIRING, number, np.arange(16))
        out[start : start + size] = start + permute(np.arange(size), size, keys)
    return out


# ----------------------------------------------------------------------------------------------------------------------
# Normals (section 12)


def normal(k: Array) -> Array:
    """The inverse of the standard normal distribution at u(k), to the last digits: two of Halley's steps on the complementary error function."""
    u = oracle.uniform(np.minimum(k, np.uint32(oracle.MASK32) - k))  # the lower tail
    t = np.sqrt(-2 * np.log(u))
    z = -(t - (2.515517 + 0.802853 * t + 0.010328 * t**2) / (1 + 1.432788 * t + 0.189269 * t**2 + 0.001308 * t**3))  # Hastings 1955
    for _ in range(2):
        error = _erfc(-z / math.sqrt(2)) / 2 - u
        step = error * math.sqrt(2 * math.pi) * np.exp(z**2 / 2)
        z = z - step / (1 + z * step / 2)
    out: Array = np.where(k >= 2**31, -z, z)
    return out


_erfc = np.vectorize(math.erfc, otypes=[float])


# ----------------------------------------------------------------------------------------------------------------------
# The bridge (section 13)


def bridge_periods(steps_per_year: int) -> int:
    return min(8 * steps_per_year, 96)


def bridged(coordinate: Callable[[int], Array], periods: int, size: int) -> list[Array]:
    """Independent standard normals of periods 1 ... from the coordinates of a Brownian bridge in blocks of `size` periods."""
    out: list[Array] = []
    while len(out) < periods:
        first = len(out)
        w: dict[int, Array] = {0: np.zeros(1)}
        w[size] = math.sqrt(size) * coordinate(first)
        intervals, c = [(0, size)], 0
        for left, right in intervals:
            if right - left == 1:
                continue
            c += 1
            middle = (left + right) // 2
            intervals += [(left, middle), (middle, right)]
            if first + left < periods:  # else nobody asks
                spread = math.sqrt((middle - left) * (right - middle) / (right - left))
                mean = ((right - middle) * w[left] + (middle - left) * w[right]) / (right - left)
                w[middle] = mean + spread * coordinate(first + c)
        out += [w[t] - w[t - 1] for t in range(1, min(size, periods - first) + 1)]
    return out


def shocks(seed: int, hash: int, market: oracle.Market, periods: int, index: Array, paths: Array) -> list[Array]:
    """E_t of an asset, t = 1 ... periods."""

    def coordinate(c: int) -> Array:
        if SHOCKS + c < DIMENSIONS:
            return normal(point_words(seed, hash, SHOCKS + c, index, paths))
        return normal(oracle.word(seed, hash, oracle.PURPOSE_PATH, 2 + c, paths))

    return bridged(coordinate, periods, bridge_periods(market.steps_per_year))


def factors(seed: int, market: oracle.Market, sector: str, periods: int, paths: Array) -> list[Array]:
    """F_t of a sector, t = 1 ... periods: the independent factors share the dimensions by turns, at the plain index."""
    order = sorted(range(len(market.factors)), key=lambda i: market.factors[i].encode())
    names = [market.factors[i] for i in order]
    matrix = np.eye(len(names)) if market.correlation is None else np.asarray(market.correlation, float)[np.ix_(order, order)]
    row = oracle.cholesky(matrix)[names.index(sector)]
    out = [np.zeros(len(paths)) for _ in range(periods)]
    for j, (weight, name) in enumerate(zip(row, names, strict=True)):
        if weight != 0:
            hash = oracle.xxh64(name.encode())

            def coordinate(c: int, j: int = j, hash: int = hash) -> Array:
                dimension = c * len(names) + j
                if dimension < DIMENSIONS:
                    return normal(point_words(seed, hash, dimension, paths // REPLICATES, paths))
                return normal(oracle.word(seed, hash, oracle.PURPOSE_FACTOR, c, paths))

            own = bridged(coordinate, periods, bridge_periods(market.steps_per_year))
            out = [f + weight * g for f, g in zip(out, own, strict=True)]
    return out


def draws(asset: oracle.Asset, market: oracle.Market, v: oracle.Vectors, seed: int, paths: int) -> oracle.Draws:
    """What is random of one asset on paths 0 ... paths - 1."""
    own, path = oracle.xxh64(str(asset["asset_id"]).encode()), np.arange(paths)
    index = paired(seed, own, points_of(paths))[path // REPLICATES]

    def word(dimension: int) -> Array:
        return point_words(seed, own, dimension, index, path)

    return oracle.Draws(
        survival=word(SURVIVAL).astype(np.uint64),
        rival=word(RIVAL).astype(np.uint64),
        level=normal(word(LEVEL)) if v.s0 > 0 else None,
        royalty=word(ROYALTY) if v.m_high > v.m_low else None,
        inputs={place: word(ROYALTY if place == 0 else DIMENSIONS + place - 1) for place in range(4)} if v.inputs else {},
        shocks=shocks(seed, own, market, v.periods, index, path) if v.sigma > 0 else [],
        factors=factors(seed, market, str(asset["sector"]), v.periods, path) if v.sigma > 0 and v.beta != 0 else [],
    )


# ----------------------------------------------------------------------------------------------------------------------
# The estimator (section 14)


def replicate_means(values: Array) -> Array:
    """(p,) -> (16,): path p belongs to replicate p mod 16."""
    means: Array = values.reshape(-1, REPLICATES).mean(axis=0)
    return means


def controlled(values: Array, control: Array, expectation: float) -> tuple[float, float]:
    """Mean and standard error from replicate means (r,) of what is wanted and of a control whose expectation is known."""
    n = len(values)
    y, c = values.mean(), control.mean()
    syy, scc, syc = ((values - y) ** 2).sum(), ((control - c) ** 2).sum(), ((values - y) * (control - c)).sum()
    plain = math.sqrt(syy / (n * (n - 1)))
    if scc > 0:
        slope = syc / scc
        rest = max(syy - slope * syc, 0.0)
        error = math.sqrt(rest / (n - 2) * (1 / n + (c - expectation) ** 2 / scc))
        if error < plain:
            return float(y - slope * (c - expectation)), error
    return float(y), plain


def control_expectation(v: oracle.Vectors) -> float:
    """Of `Paths.control`: sum_t S_t w_t E[m] (C_t + (1 - C_t)(1 - entry_loss))."""
    w = np.array([v.linear(t) for t in range(v.periods)])
    return float(np.sum(v.S * w * v.mean_multiplier * (v.C + (1 - v.C) * v.keep)))


def mean_and_error(v: oracle.Vectors, sample: oracle.Paths) -> tuple[float, float]:
    """`mean` and `standard_error` of one asset; exact where nothing is bounded or optional."""
    exact = oracle.closed_form(v)
    if exact is not None:
        return exact, 0.0
    return controlled(replicate_means(sample.given_levels), replicate_means(sample.control), control_expectation(v))


def reconciled(parts: Sequence[tuple[float, oracle.Vectors, oracle.Paths]]) -> tuple[float, float]:
    """The same of a right with several methods: (weight, vectors, paths) of each."""
    known, expectation, values, control = 0.0, 0.0, np.zeros(REPLICATES), np.zeros(REPLICATES)
    for weight, v, sample in parts:
        exact = oracle.closed_form(v)
        if exact is not None:
            known += weight * exact
        else:
            values += weight * replicate_means(sample.given_levels)
            control += weight * replicate_means(sample.control)
            expectation += weight * control_expectation(v)
    mean, error = controlled(values, control, expectation)
    return known + mean, error


def error_of_sums(sums: Array) -> float:
    """`standard_error` of a group's mean: of the 16 replicate means of its sums (p,)."""
    return float(replicate_means(sums).std(ddof=1) / math.sqrt(REPLICATES))


def value(
    asset: oracle.Asset,
    market: oracle.Market,
    *,
    paths: int,
    seed: int,
    tolerance: float | None = None,
    max_paths: int | None = None,
    boundary: tuple[Array, Array] | None = None,
    vectors: oracle.Vectors | None = None,
) -> Mapping[str, Any]:
    """mean, mean_raw, standard_error and paths of one asset; "paths_" holds the `Paths`. With a tolerance the paths double up to max_paths."""
    v = vectors if vectors is not None else oracle.vectors(asset, market)
    if boundary is None:
        boundary = oracle.boundary(v) if v.optional else (np.zeros(v.periods), np.zeros(v.periods))

    @cache
    def sampled(paths: int) -> oracle.Paths:
        return oracle.simulate(asset, market, paths=paths, seed=seed, vectors=v, boundary=boundary, draws=draws(asset, market, v, seed, paths))

    paths = oracle.grown(lambda paths: mean_and_error(v, sampled(paths)), paths, tolerance, max_paths)
    sample = sampled(paths)
    mean, error = mean_and_error(v, sample)
    return {"mean": mean, "mean_raw": oracle.striped_sum(sample.values) / paths, "standard_error": error, "paths": paths, "paths_": sample}
