"""The statistics of path values: docs/numerics.md §7.

a = assets, p = paths, q = quantiles, m = wanted ranks. Sums run in 16 stripes, which LLVM keeps in vectors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.constants import MAX_QUANTILES, MONEY_LIMIT, STATISTICS
from ipvalue.numba_kernel.arithmetic import DefaultArithmetic, bits_of, real_of, sqrt
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, by_precision, device, inlined, loop
from ipvalue.numba_kernel.select import Work, new_work, order_statistics

f4, f8, i1, i4, i8 = np.float32, np.float64, np.int8, np.int32, np.int64

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]

_OK, _NOT_FINITE, _TOO_LARGE = i1(0), i1(1), i1(2)
"""STATUS_ in ext/simulate.h."""
_MOST_F32, _MOST_F64 = i4(2**31 - 1), i8(2**63 - 1)
_MEAN, _DEVIATION, _SHORTFALL, _LOSS, _LIFE = range(len(STATISTICS))


class Wanted(NamedTuple):
    """Which order statistics of n values the quantiles and the shortfall need."""

    values: int  # n
    ranks: npt.NDArray[np.int64]  # (m) ascending, from 0
    below: npt.NDArray[np.int64]  # (q) places in `ranks` of the two that each quantile lies between
    above: npt.NDArray[np.int64]
    part: Floats  # (q) how far it lies from the one to the other
    tail: int  # place in `ranks` of the greatest value of the tail
    tail_count: int
    found: Floats  # (m) room for their values
    stripes: Floats  # (16) and for sums


def wanted_of(n: int, quantiles: Sequence[float], tail: float) -> Wanted:
    """The order statistics that describe n values."""
    levels = np.ascontiguousarray(quantiles, f8)
    if len(levels) > MAX_QUANTILES:
        raise ValueError(f"at most {MAX_QUANTILES} quantiles, not {len(levels)}")
    place = f8(n - 1) * levels
    below = place.astype(i8)
    above = np.minimum(below + 1, n - 1)
    tail_count = min(max(math.ceil(tail * n - 1e-9), 1), n)
    ranks = np.unique(np.concatenate([[tail_count - 1], below, above]))
    places = (np.searchsorted(ranks, rank) for rank in (below, above, tail_count - 1))
    return Wanted(n, ranks, next(places), next(places), place - below, int(next(places)), tail_count, np.empty(len(ranks)), np.empty(16))


def describe(values: npt.NDArray[np.float32] | Floats, wanted: Wanted, work: Work, bare: bool, moments: bool = False) -> tuple[Floats, Codes]:
    """Statistics (a, 5 + q) of the first `wanted.values` of values (a, p), expected_life left 0, and why values cannot be summed (a,), 0 where
    they can. bare: the latter alone; moments: no order statistics."""
    out, status = np.zeros((len(values), len(STATISTICS) + len(wanted.part))), np.empty(len(values), i1)
    _describe(values, wanted, work, 31 if values.dtype == f4 else 63, bare, moments, out, status)
    return out, status


def status_of_sums(sums: Floats, points: int) -> Codes:
    """(a,) why the sums (a, 2, r) of G and K over so many points are none, 0 where they are. numerics.md §14.

    They hold what a path would have brought had the right lived on, which its value may not.
    """
    small = (np.abs(sums) < MONEY_LIMIT * f8(points)).all(axis=(1, 2))
    return np.where(np.isfinite(sums).all(axis=(1, 2)), np.where(small, _OK, _TOO_LARGE), _NOT_FINITE)


@Kernel
def _describe(values: Array, wanted: Wanted, work: Work, top: Whole, bare: bool, moments: bool, out: Array, status: Array) -> None:
    n = wanted.values
    for a in range(len(values)):
        one, row = values[a][:n], out[a]
        greatest = greatest_size(one)
        finite = np.isfinite(greatest)
        status[a] = (_OK if f8(greatest) < MONEY_LIMIT else _TOO_LARGE) if finite else _NOT_FINITE
        if bare:
            continue
        mean = striped_sum(one, 0.0, wanted.stripes) / f8(n)
        row[_MEAN] = mean
        row[_DEVIATION] = sqrt(striped_squares(one, mean, wanted.stripes) / f8(n - 1)) if n > 1 else 0.0
        if moments:
            row[_SHORTFALL] = row[_LOSS] = np.nan
            continue
        order_statistics(one, finite, wanted.ranks, top, work, wanted.found)
        c = wanted.found[wanted.tail]
        rest = f8(wanted.tail_count - _count_below(one, one.dtype.type(c))) * c
        row[_SHORTFALL] = (_sum_below(one, c, wanted.stripes) + rest) / f8(wanted.tail_count)
        row[_LOSS] = f8(_count_below(one, one.dtype.type(0.0))) / f8(n)
        quantiles_of_found(wanted, row[_LIFE + 1 :])


@device
def quantiles_of_found(wanted: Wanted, out: Array) -> None:
    """out (q,) the quantiles, from the order statistics that were found."""
    for q in range(wanted.part.size):
        low, high, g = wanted.found[wanted.below[q]], wanted.found[wanted.above[q]], wanted.part[q]
        out[q] = high - (high - low) * (1.0 - g) if g >= 0.5 else low + (high - low) * g


def _size_f32(x: Real) -> Real:
    return i4(bits_of(x) & _MOST_F32)


def _size_f64(x: Real) -> Real:
    return bits_of(x) & _MOST_F64


_size = by_precision(_size_f32, _size_f64)
"""The bits of a number without its sign, which have the order of the sizes."""


@loop
def greatest_size(values: Array) -> Real:
    """The greatest size of a value; infinite or none where one is."""
    greatest = _size(values[0])
    for i in range(values.size):
        size = _size(values[i])
        greatest = size if size > greatest else greatest
    return real_of(greatest)


# ----------------------------------------------------------------------------------------------------------------- sums


@inlined
def _all(v: Real, c: Real) -> Real:
    return v


@inlined
def _square(v: Real, c: Real) -> Real:
    return (v - c) * (v - c)


@inlined
def _if_below(v: Real, c: Real) -> Real:
    return v if v < c else 0.0


@inlined
def tree(stripes: Array) -> Real:
    """The 16 stripes of a sum, added as a binary tree."""
    half = 8
    while half:
        for j in range(half):
            stripes[j] += stripes[j + half]
        half //= 2
    return stripes[0]


def _striped(term: Any) -> Any:
    """Σ term(V, c) in 16 stripes, then a binary tree."""

    @loop
    def total(values: Array, c: Real, stripes: Array) -> Real:
        stripes[:] = 0.0
        whole = values.size & ~63
        for i in range(0, whole, 64):  # four of each stripe at once, as a stripe waits for its last sum
            for j in range(16):
                two = (stripes[j] + term(f8(values[i + j]), c)) + term(f8(values[i + 16 + j]), c)
                stripes[j] = (two + term(f8(values[i + 32 + j]), c)) + term(f8(values[i + 48 + j]), c)
        for i in range(whole, values.size):
            stripes[i & 15] += term(f8(values[i]), c)
        return tree(stripes)

    return total


striped_sum, striped_squares, _sum_below = map(_striped, (_all, _square, _if_below))
"""Σ V, Σ (V − c)² and Σ_{V < c} V of values (n,), with c and room for 16 stripes."""


@Kernel
def mean_of(values: Array) -> Real:
    """mean_raw of values (p,)."""
    return striped_sum(values, 0.0, np.empty(16)) / f8(values.size)


@loop
def _count_below(values: Array, c: Real) -> Whole:
    count = i4(0)
    for i in range(values.size):
        count = i4(count + (values[i] < c))
    return count


# ------------------------------------------------------------------------------------------------------- called from Python


def statistics(values: Floats, quantiles: Sequence[float], tail: float) -> Floats:
    """(5 + q,) the statistics of one set of path values (n,) float64, as STATISTICS (expected_life left 0) and then the quantiles. numerics.md §7."""
    values = np.array(values, f8)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"expected a row of values, got shape {values.shape}")
    with DefaultArithmetic():
        found: Floats = describe(values[None], wanted_of(len(values), quantiles, tail), new_work(len(values), f8), False)[0][0]
    return found


def quantiles_of(values: Floats, quantiles: Sequence[float]) -> Floats:
    """(m, q) the quantiles of each row of values (m, n) float64: as `statistics` has them. numerics.md §7."""
    values = np.ascontiguousarray(values, f8)
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(f"expected rows of values, got shape {values.shape}")
    n, out = values.shape[1], np.empty((len(values), len(quantiles)))
    with DefaultArithmetic():
        _quantiles_of(values, wanted_of(n, quantiles, 1.0), new_work(n, f8), out)
    return out


@Kernel
def _quantiles_of(values: Array, wanted: Wanted, work: Work, out: Array) -> None:
    for i in range(len(values)):
        order_statistics(values[i], np.isfinite(greatest_size(values[i])), wanted.ranks, 63, work, wanted.found)
        quantiles_of_found(wanted, out[i])
