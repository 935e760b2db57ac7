"""Exact order statistics and the statistics of path values: docs/numerics.md §7.

a = assets, p = paths, q = quantiles, m = wanted ranks. Order statistics are read from sorted integers, whose order no processor changes; sums are
compiled, because NumPy does not promise the order of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.constants import MAX_QUANTILES, MONEY_LIMIT, STATISTICS
from ipvalue.numba_kernel.arithmetic import DefaultArithmetic
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, inlined

f4, f8, i1, i4, i8 = np.float32, np.float64, np.int8, np.int32, np.int64

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]

_OK, _NOT_FINITE, _TOO_LARGE = i1(0), i1(1), i1(2)
"""STATUS_ in ext/simulate.h."""
_ALL, _SQUARES, _BELOW = range(3)


class Wanted(NamedTuple):
    """Which order statistics of n values the quantiles and the shortfall need."""

    ranks: npt.NDArray[np.int64]  # (m) ascending, from 0; the first and the last value are among them
    below: npt.NDArray[np.int64]  # (q) places in `ranks` of the two that each quantile lies between
    above: npt.NDArray[np.int64]
    part: Floats  # (q) how far it lies from the one to the other
    tail: int  # place in `ranks` of the greatest value of the tail
    tail_count: int


def wanted_of(n: int, quantiles: Sequence[float], tail: float) -> Wanted:
    """The order statistics that describe n values."""
    levels = np.ascontiguousarray(quantiles, f8)
    if len(levels) > MAX_QUANTILES:
        raise ValueError(f"at most {MAX_QUANTILES} quantiles, not {len(levels)}")
    place = f8(n - 1) * levels
    below = place.astype(i8)
    above = np.minimum(below + 1, n - 1)
    tail_count = min(max(math.ceil(tail * n - 1e-9), 1), n)
    ranks = np.unique(np.concatenate([[0, n - 1, tail_count - 1], below, above]))
    places = (np.searchsorted(ranks, rank) for rank in (below, above, tail_count - 1))
    return Wanted(ranks, next(places), next(places), place - below, int(next(places)), tail_count)


def describe(values: npt.NDArray[Any], wide: Floats, wanted: Wanted) -> tuple[Floats, Codes]:
    """Statistics (a, 5 + q) of values (a, p) of either precision, expected_life left 0, and why values cannot be summed (a,), 0 where they can.

    wide: the values in double.
    """
    found = _order_statistics(values, wanted.ranks)
    low, high, c = found[:, 0], found[:, -1], found[:, wanted.tail]
    greatest = np.maximum(-low, high)
    status = np.where(np.isfinite(low) & np.isfinite(high), np.where(greatest < MONEY_LIMIT, _OK, _TOO_LARGE), _NOT_FINITE)
    n, tail = f8(values.shape[1]), f8(wanted.tail_count)
    mean = _sums(wide, _ALL, c) / n
    columns = {
        "mean": mean,
        "standard_deviation": np.sqrt(_sums(wide, _SQUARES, mean) / (n - 1.0)) if n > 1.0 else np.zeros(len(values)),
        "expected_shortfall": (_sums(wide, _BELOW, c) + (tail - _count_below(values, c)) * c) / tail,
        "probability_of_loss": _count_below(values, np.zeros(len(values))) / n,
        "expected_life": np.zeros(len(values)),
    }
    a, b, g = found[:, wanted.below], found[:, wanted.above], wanted.part
    quantiles = np.where(g >= 0.5, b - (b - a) * (1.0 - g), a + (b - a) * g)
    return np.concatenate([np.stack([columns[name] for name in STATISTICS], axis=1), quantiles], axis=1), status


def _count_below(values: npt.NDArray[Any], limit: Floats) -> Floats:
    """(a,) how many values are below a limit, a number of their precision."""
    found: Floats = np.count_nonzero(values < limit[:, None].astype(values.dtype), axis=1).astype(f8)
    return found


def _order_statistics(values: npt.NDArray[Any], ranks: npt.NDArray[np.int64]) -> Floats:
    """(a, m) the values of these ranks. Sorted are integers with the order of the numbers they stand for, −0 below 0."""
    keys = _ordered(values.view(i4 if values.dtype == f4 else i8))
    keys.sort(axis=1)
    return _ordered(keys[:, ranks]).view(values.dtype).astype(f8)


def _ordered(bits: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Bits to keys, and keys to bits."""
    mask = bits >> (8 * bits.itemsize - 1)
    mask &= np.iinfo(bits.dtype).max
    mask ^= bits
    return mask


# ----------------------------------------------------------------------------------------------------------------- sums


def _sums(values: Floats, mode: int, c: Floats) -> Floats:
    """(a,) sums of f(V_p) in 16 stripes, then a binary tree. mode 0: V; 1: (V − c)²; 2: V where V < c."""
    out = np.empty(len(values))
    _striped(values, mode, c, np.empty(16), out)
    return out


@Kernel
def _striped(values: Array, mode: Whole, c: Array, stripe: Array, out: Array) -> None:
    n = values.shape[1]
    whole = n & ~15
    for a in range(len(values)):
        for j in range(16):
            stripe[j] = 0.0
        for i in range(0, whole, 16):
            for j in range(16):
                stripe[j] += _term(values[a, i + j], mode, c[a])
        for i in range(whole, n):
            stripe[i - whole] += _term(values[a, i], mode, c[a])
        half = 8
        while half:
            for j in range(half):
                stripe[j] += stripe[j + half]
            half //= 2
        out[a] = stripe[0]


@inlined
def _term(v: Real, mode: Whole, c: Real) -> Real:
    if mode == _ALL:
        return v
    if mode == _SQUARES:
        return (v - c) * (v - c)
    return v if v < c else 0.0


# ------------------------------------------------------------------------------------------------------- called from Python


def statistics(values: Floats, quantiles: Sequence[float], tail: float) -> Floats:
    """(5 + q,) the statistics of one set of path values (n,) float64, as STATISTICS (expected_life left 0) and then the quantiles. numerics.md §7."""
    values = np.array(values, f8)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"expected a row of values, got shape {values.shape}")
    with DefaultArithmetic():
        found: Floats = describe(values[None], values[None], wanted_of(len(values), quantiles, tail))[0][0]
    return found
