"""The slow definition of batch means: docs/numerics.md section 20 in plain float64 NumPy, beside oracle.py.

Written from the specification alone, like oracle.py; it takes the levels, lives and values that a path has there and imports nothing of `ipvalue`.

    levels, alive --linear_sums()--> V_b --described()--> mean, errors        values --dealt()--> V_b        V_b, V_b --apart()--> difference

Shapes: t = periods, p = paths, b = lots.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import oracle

Array = NDArray[Any]

LOTS = {"random": 256, "sobol": 16}


def lot_of(paths: int, lots: int) -> Array:
    """(p,) the lot of each path."""
    p = np.arange(paths)
    lot: Array = 16 * (p // (16 * math.ceil(paths / lots))) + p % 16
    return lot


def lot_sizes(paths: int, lots: int) -> Array:
    """(b,) n_b."""
    return np.bincount(lot_of(paths, lots), minlength=lots)


def dealt(values: Array, lots: int) -> Array:
    """(p,) -> (b,) sums over the paths of a lot in their order, in double."""
    return np.bincount(lot_of(len(values), lots), weights=np.asarray(values, np.float64), minlength=lots)


def fma(a: float, b: float, c: float) -> float:
    """a b + c, exact and then rounded once: a quotient of two whole numbers is, in Python. Infinite or no number as a sum of products is."""
    if not all(map(math.isfinite, (a, b, c))):
        return a * b + c
    (over_a, under_a), (over_b, under_b), (over_c, under_c) = (x.as_integer_ratio() for x in (a, b, c))
    over, under = over_a * over_b * under_c + over_c * under_a * under_b, under_a * under_b * under_c
    try:
        return over / under
    except OverflowError:
        return math.copysign(math.inf, over)


def fmas(a: Any, b: Any, c: Any) -> Array:
    """The same of arrays."""
    return np.array([fma(*map(float, each)) for each in np.nditer((a, b, c))])


def linear_sums(w: Array, f: Array, levels: Array, alive: Array, lots: int) -> Array:
    """(b,) V_b of earnings and costs (t,) by levels (t, p) and which paths are alive (t, p)."""
    total = np.zeros(lots)
    for t in range(len(w)):
        total = fmas(w[t], dealt(np.where(alive[t], levels[t], 0.0), lots), total)
        total = fmas(-f[t], dealt(alive[t], lots), total)
    return total


def expected_life(delta: Array, alive: Array) -> float:
    """sum_t delta_t (paths alive in t)/P, in t's order."""
    total = 0.0
    for length, living in zip(delta, alive, strict=True):
        total += float(length) * float(np.count_nonzero(living)) / alive.shape[1]
    return total


def levels_of(asset: oracle.Asset, market: oracle.Market, v: oracle.Vectors, **how: Any) -> tuple[Array, Array, oracle.Paths]:
    """(t, p) levels, (t, p) whether a path is alive, and the paths themselves, by the definition."""
    levels, alive = [], []

    def watch(t: int, level: Array, entered: Array, ended: Array) -> None:
        levels.append(level.copy())
        alive.append(~ended)

    paths = oracle.simulate(asset, market, vectors=v, watch=watch, **how)
    return np.array(levels), np.array(alive), paths


def is_linear(v: oracle.Vectors) -> bool:
    return not (v.clamped or v.optional or v.blended)


def striped_fma(off: Array, share: Array) -> float:
    """Sum of (off share) off in 16 stripes, b mod 16, then as a binary tree."""
    stripes = np.zeros(16)
    for start in range(0, len(off), 16):
        part = off[start : start + 16]
        stripes = fmas(part * share[start : start + 16], part, stripes)
    return oracle.striped_sum(stripes)


def off_and_share(sums: Array, paths: int) -> tuple[float, Array, Array]:
    """M, (b,) off and (b,) share of sums over lots (b,)."""
    sizes = lot_sizes(paths, len(sums))
    mean = oracle.striped_sum(sums) / paths
    return mean, fmas(-mean, sizes, sums), np.where(sizes > 0, 1.0 / np.maximum(sizes, 1), 0.0)


def spread(off: Array, share: Array) -> float:
    """The standard deviation of one path."""
    there = np.count_nonzero(share)
    return math.sqrt(striped_fma(off, share) / (there - 1)) if there > 1 else 0.0


def described(sums: Array, paths: int) -> dict[str, float]:
    """Statistics of sums over lots (b,)."""
    mean, off, share = off_and_share(sums, paths)
    deviation = spread(off, share)
    return {"mean_raw": mean, "standard_deviation": deviation, "standard_error": deviation / math.sqrt(paths)}


def apart(sums: Array, first: Array, paths: int) -> tuple[float, float]:
    """Mean and standard deviation of the difference of a version's sums (b,) to those of another."""
    mean, off, share = off_and_share(sums, paths)
    mean_first, off_first, _ = off_and_share(first, paths)
    return mean - mean_first, spread(off - off_first, share)


def of_several(weights: Sequence[float], sums: Sequence[Array]) -> Array:
    """(b,) V_b of a right with several methods."""
    total = np.zeros_like(sums[0])
    for weight, each in zip(weights, sums, strict=True):
        total = total + weight * each
    return total


def of_group(sums: Sequence[int], paths: int, first: Sequence[int] | None = None) -> dict[str, float]:
    """mean, standard_deviation and standard_error of a group's exact sums over lots (b,) in 10^-6 of money; given the base's, of the difference."""
    exact = sums if first is None else [one - other for one, other in zip(sums, first, strict=True)]
    return described(np.array([float(x) for x in exact]) / 1e6, paths)
