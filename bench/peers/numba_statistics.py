"""Order statistics of one asset's values in Numba, without sorting them: a histogram, whose few buckets that hold a wanted rank are sorted.

Each function is one pass over the 40 or 80 kB of values, which are in the cache. b = buckets, r = wanted ranks, ascending.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from peers.numba_elementary import FAST, loop

BUCKETS = 4096
GROUP = 32
"""Values that are looked at together when those of the wanted buckets are gathered."""


@loop
def bucket_of(values: Any, low: Any, scale: Any, bucket: Any) -> None:
    """The bucket of each value, buckets being equally wide from the lowest value to the highest."""
    for p in range(values.size):
        bucket[p] = np.uint16(np.int32((values[p] - low) * scale))


@numba.njit(**FAST)
def count(bucket: Any, counts: Any) -> None:
    """Adds to counts (2, b): two, so that equal neighbours do not wait for each other."""
    even, odd = counts[0], counts[1]
    for p in range(0, bucket.size - 1, 2):
        even[bucket[p]] += np.uint16(1)
        odd[bucket[p + 1]] += np.uint16(1)
    if bucket.size % 2:
        even[bucket[bucket.size - 1]] += np.uint16(1)


@numba.njit(**FAST)
def locate(counts: Any, ranks: Any, wanted: Any, first: Any, place: Any) -> int:
    """Finds the buckets that hold the ranks and clears the counts.

    wanted (r,): those buckets, each once; first (r,): the rank of each one's lowest value; place (r,): where each rank will stand among the
    gathered values. Returns how many buckets there are.
    """
    found, below, kept, r = 0, 0, 0, 0
    for b in range(counts.shape[1]):
        here = int(counts[0, b]) + int(counts[1, b])
        if r < ranks.size and ranks[r] < below + here:
            wanted[found], first[found] = b, below
            while r < ranks.size and ranks[r] < below + here:
                place[r] = kept + ranks[r] - below
                r += 1
            found += 1
            kept += here
        below += here
    counts[:] = 0
    return found


@loop
def touched(bucket: Any, start: int, wanted: Any, found: int) -> Any:
    """Whether one of the GROUP values from `start` is in a wanted bucket."""
    any_of = np.uint16(0)
    for b in range(found):
        one = wanted[b]
        for p in range(GROUP):
            any_of |= np.uint16(bucket[start + p] == one)
    return any_of


@numba.njit(**FAST)
def gather(values: Any, bucket: Any, wanted: Any, found: int, marked: Any, out: Any) -> int:
    """Copies the values of the wanted buckets to `out`; returns how many."""
    for b in range(found):
        marked[wanted[b]] = 1
    n, whole = 0, values.size - values.size % GROUP
    for start in range(0, whole, GROUP):
        if touched(bucket, start, wanted, found):
            for p in range(start, start + GROUP):
                out[n] = values[p]
                n += marked[bucket[p]]
    for p in range(whole, values.size):
        out[n] = values[p]
        n += marked[bucket[p]]
    for b in range(found):
        marked[wanted[b]] = 0
    return n


@numba.njit(**FAST)
def insertion_sort(values: Any, n: int) -> None:
    """Ascending, in place; the values are some dozens."""
    for i in range(1, n):
        x, j = values[i], i
        while j > 0 and values[j - 1] > x:
            values[j] = values[j - 1]
            j -= 1
        values[j] = x


@loop
def sum_below(values: Any, bucket: Any, limit: Any) -> float:
    """The sum of the values in buckets below `limit`."""
    total = values[0] - values[0]
    for p in range(values.size):
        total += values[p] if bucket[p] < limit else values[0] - values[0]
    return total
