"""Exact order statistics without sorting all values: docs/numerics.md §7.

Values fall into buckets of one width between the least and the greatest of a few of them, which is no order but keeps the order; the few
buckets that hold a wanted rank are gathered and sorted. Sorted are keys: signed integers with the order of the numbers whose bits they
come from, −0 below 0. Where buckets do not help (values nearly all alike, or not finite), much is gathered and the sort is that of all.

n = values, b = buckets, m = wanted ranks, ascending
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.constants import MAX_QUANTILES
from ipvalue.numba_kernel.arithmetic import bits_of, real_of
from ipvalue.numba_kernel.compiler import Array, Real, Whole, device, loop

f4, f8, u2, u4, i4, i8 = np.float32, np.float64, np.uint16, np.uint32, np.int32, np.int64

BUCKETS = 4096
SAMPLE = 256
RANKS = 2 * MAX_QUANTILES + 1
FEW = 64
"""So many keys are sorted by insertion."""
_DIGIT, _DIGITS = 11, 1 << 11


class Work(NamedTuple):
    """Work space for n values of one precision."""

    bucket: npt.NDArray[np.uint16]  # (n)
    counts: npt.NDArray[np.uint32]  # (2, b) zeros
    wanted: npt.NDArray[np.uint16]  # (m) buckets
    first: npt.NDArray[np.int64]  # (m) the rank of the least value of each
    marked: npt.NDArray[np.uint8]  # (b) zeros
    place: npt.NDArray[np.int64]  # (m) where a rank stands among the gathered
    keys: Any  # (2, n + 1) signed integers of the precision's size
    start: npt.NDArray[np.int64]  # (digits) of the sort


def new_work(n: int, real: Any) -> Work:
    """Work space for n values."""
    return Work(
        bucket=np.zeros(n, u2),
        counts=np.zeros((2, BUCKETS), u4),
        wanted=np.zeros(RANKS, u2),
        first=np.zeros(RANKS, i8),
        marked=np.zeros(BUCKETS, np.uint8),
        place=np.zeros(RANKS, i8),
        keys=np.zeros((2, n + 1), i4 if real == f4 else i8),
        start=np.zeros(_DIGITS, i8),
    )


@device
def _turn(keys: Array, n: Whole, top: Whole) -> None:
    """Bits to keys, and keys to bits. top: a key's bits less one."""
    most = ~(i8(-1) << top)
    for i in range(n):
        keys[i] = keys[i] ^ ((keys[i] >> top) & most)


@loop
def _put_in_buckets(values: Array, low: Real, scale: Real, bucket: Array) -> None:
    none, last = values.dtype.type(0.0), values.dtype.type(BUCKETS - 1)
    for i in range(values.size):
        at = (values[i] - low) * scale
        at = at if at > none else none
        bucket[i] = u2(i4(at if at < last else last))


@device
def _count(bucket: Array, counts: Array) -> None:
    """Adds to counts (2, b): two, so that equal neighbours do not wait for each other."""
    even, odd = counts[0], counts[1]
    for i in range(0, bucket.size - 1, 2):
        even[bucket[i]] += u4(1)
        odd[bucket[i + 1]] += u4(1)
    if bucket.size % 2:
        even[bucket[bucket.size - 1]] += u4(1)


@device
def _locate(ranks: Array, work: Work) -> Whole:
    """Finds the buckets that hold the ranks, and where each rank will stand among the gathered; clears the counts. Returns how many buckets."""
    below: Whole
    kept: Whole
    found, below, kept, r = 0, 0, 0, 0
    for b in range(BUCKETS):
        here = i8(work.counts[0, b] + work.counts[1, b])
        if r < ranks.size and ranks[r] < below + here:
            work.wanted[found], work.first[found] = u2(b), below
            while r < ranks.size and ranks[r] < below + here:
                work.place[r] = kept + ranks[r] - below
                r += 1
            found += 1
            kept += here
        below += here
    work.counts[:] = u4(0)
    return found


@device
def _gather(values: Array, found: Whole, work: Work, out: Array) -> Whole:
    """Copies the bits of the wanted buckets' values; returns how many."""
    for b in range(found):
        work.marked[work.wanted[b]] = 1
    n = 0
    for i in range(values.size):
        out[n] = bits_of(values[i])
        n += work.marked[work.bucket[i]]
    for b in range(found):
        work.marked[work.wanted[b]] = 0
    return n


@device
def _sort_few(keys: Array, n: Whole) -> None:
    for i in range(1, n):
        key, j = keys[i], i
        while j > 0 and keys[j - 1] > key:
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key


@device
def _sort(keys: Array, n: Whole, top: Whole, start: Array) -> Whole:
    """Sorts the first n of keys[0], by digits of eleven bits; returns in which of the two rows of keys they then stand."""
    if n <= FEW:
        _sort_few(keys[0], n)
        return 0
    here = 0
    for shift in range(0, top + 1, _DIGIT):
        source, into = keys[here], keys[1 - here]
        start[:] = 0
        # the highest digit is signed: its negative half comes first
        turn = _DIGITS // 2 if shift + _DIGIT > top else 0
        half = (1 << (top - shift)) if turn else 0
        for i in range(n):
            start[((source[i] >> shift) + half) & (_DIGITS - 1)] += 1
        total = 0
        for d in range(_DIGITS):
            count = start[d]
            start[d] = total
            total += count
        for i in range(n):
            d = ((source[i] >> shift) + half) & (_DIGITS - 1)
            into[start[d]] = source[i]
            start[d] += 1
        here = 1 - here
    return here


@device
def order_statistics(values: Array, finite: bool, ranks: Array, top: Whole, work: Work, out: Array) -> None:
    """out (m,) the values of these ranks of values (n,), widened. finite: no value is infinite or none; top: the precision's bits less one."""
    keys, n = work.keys, values.size
    low = high = values[0]
    step = max(1, n // SAMPLE)
    for i in range(0, n, step):
        low, high = min(low, values[i]), max(high, values[i])
    width = f8(high) - f8(low)
    if finite and n > 4 * FEW and width > 0.0 and np.isfinite(width):
        scale = min(f8(BUCKETS - 1) / width, 1e30)
        _put_in_buckets(values, low, values.dtype.type(scale), work.bucket)
        _count(work.bucket, work.counts)
        found = _locate(ranks, work)
        kept = _gather(values, found, work, keys[0])
    else:
        for i in range(n):
            keys[0, i] = bits_of(values[i])
        for r in range(ranks.size):
            work.place[r] = ranks[r]
        kept = n
    _turn(keys[0], kept, top)
    ordered = keys[_sort(keys, kept, top, work.start)]
    _turn(ordered, kept, top)
    for r in range(ranks.size):
        out[r] = f8(real_of(ordered[work.place[r]]))
