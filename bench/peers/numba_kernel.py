"""The reference workload's paths in Numba: one loop over the paths, the ten years written out in it, so that it becomes one vector loop that keeps a
path's level, value and generator in registers from the first year to the last.

a = assets, t = years, p = paths of a block.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numba
import numpy as np

from peers.numba_elementary import FAST, higher, inlined, loop, lower
from peers.numba_statistics import BUCKETS, bucket_of, count, gather, insertion_sort, locate, sum_below
from workload import YEARS

assert YEARS == 10, "the years are written out"


def path_loop(functions: SimpleNamespace) -> Any:
    """The loop over the paths of one block, with the elementary functions given."""
    real, whole, exp2, pair, draw, uniform = (getattr(functions, name) for name in "real whole exp2 pair draw uniform".split())
    zero, nothing, one = real(0), whole(0), whole(1)

    @inlined
    def year(t: int, p: int, factor: Any, vectors: Any, level: Any, u: Any, share: Any, value: Any, life: Any) -> Any:
        lives = u < vectors[2, t]
        cash = vectors[0, t] * exp2(level + share * factor[t, p]) - vectors[1, t]
        return real(value + (cash if lives else zero)), whole(life + (one if lives else nothing))

    @inlined
    def years(t: int, p: int, factor: Any, vectors: Any, level: Any, u: Any, share: Any, own: Any, value: Any, life: Any, s: Any) -> Any:
        """Two years from one pair of normals."""
        k, m, a, b, c, d = draw(s[0], s[1], s[2], s[3])
        first, second = pair(k, m)
        level = real(level + own * first)
        value, life = year(t, p, factor, vectors, level, u, share, value, life)
        level = real(level + own * second)
        value, life = year(t + 1, p, factor, vectors, level, u, share, value, life)
        return level, value, life, (a, b, c, d)

    @loop
    def block(a: Any, b: Any, c: Any, d: Any, factor: Any, vectors: Any, share: Any, own: Any, centre: Any, values: Any) -> Any:
        """Writes values (p,); returns the sum and the sum of squares about `centre`, lowest, highest, losses and path-years lived.

        a, b, c, d (p,): the generators' state, one a path; factor (t,p); vectors (3,t): income, cost and survival.
        """
        total, squares, low, high = zero, zero, real(np.inf), real(-np.inf)
        losses, lived = nothing, nothing
        for p in range(values.size):
            k, _, s0, s1, s2, s3 = draw(a[p], b[p], c[p], d[p])
            u, level, value, life = uniform(k), zero, zero, nothing
            s = (s0, s1, s2, s3)
            level, value, life, s = years(0, p, factor, vectors, level, u, share, own, value, life, s)
            level, value, life, s = years(2, p, factor, vectors, level, u, share, own, value, life, s)
            level, value, life, s = years(4, p, factor, vectors, level, u, share, own, value, life, s)
            level, value, life, s = years(6, p, factor, vectors, level, u, share, own, value, life, s)
            level, value, life, s = years(8, p, factor, vectors, level, u, share, own, value, life, s)
            a[p], b[p], c[p], d[p] = s
            values[p] = value
            away = value - centre
            total += away
            squares += away * away
            low, high = lower(low, value), higher(high, value)
            losses = whole(losses + (one if value < zero else nothing))
            lived = whole(lived + life)
        return total, squares, low, high, losses, lived

    return block


def asset_kernel(block: Any, real: Any) -> Any:
    """One asset's simulation and statistics, around a loop over the paths of a block."""

    @numba.njit(**FAST)
    def asset(state: Any, factor: Any, vectors: Any, share: Any, own: Any, scratch: Any, ranks: Any, tail: int, out: Any) -> None:
        """out: mean, standard deviation, losses, path-years lived, sum of the `tail` lowest values, then the values of the wanted ranks, of which
        tail − 1 is one."""
        values, bucket, counts, marked, gathered = scratch
        centre = values[0] - values[0]
        for t in range(vectors.shape[1]):
            centre += vectors[2, t] * (vectors[0, t] - vectors[1, t])
        total, squares, low, high, losses, lived = 0.0, 0.0, values[0], values[0], 0, 0
        size = state.shape[1]
        for i in range(factor.shape[0]):
            part = values[i * size : min((i + 1) * size, values.size)]
            sums = block(state[0], state[1], state[2], state[3], factor[i], vectors, share, own, centre, part)
            total, squares, losses, lived = total + sums[0], squares + sums[1], losses + sums[4], lived + sums[5]
            low, high = (sums[2], sums[3]) if i == 0 else (min(low, sums[2]), max(high, sums[3]))
        n = values.size
        out[0] = centre + total / n
        out[1] = np.sqrt(max(0.0, (squares - total * total / n) / (n - 1)))
        out[2], out[3] = losses, lived

        scale = (BUCKETS - 1) / (high - low) if high > low else 0.0
        bucket_of(values, low, real(scale), bucket)
        count(bucket, counts)
        wanted, first, place = np.empty(ranks.size, np.uint16), np.empty(ranks.size, np.int64), np.empty(ranks.size, np.int64)
        found = locate(counts, ranks, wanted, first, place)
        kept = gather(values, bucket, wanted, found, marked, gathered)
        insertion_sort(gathered, kept)
        ends, last = 0, 0
        while ends + 1 < found and first[ends + 1] < tail:
            ends += 1
        while ranks[last] < tail - 1:
            last += 1
        worst_sum = float(sum_below(values, bucket, wanted[ends]))
        for i in range(place[last] - (tail - 1 - first[ends]), place[last] + 1):
            worst_sum += gathered[i]
        out[4] = worst_sum
        for r in range(ranks.size):
            out[5 + r] = gathered[place[r]]

    return asset
