"""What happens to a block of paths in a period, as plain loops: the operations of docs/numerics.md §5 in their order.

Blocks of BLOCK_PATHS paths stay in the first-level cache, and there is no branch on a path's numbers, so that LLVM makes vector instructions of
the loops. Random words are compared as int32. REAL is the precision of the run; arrays are (n,), a block's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ipvalue.constants import BLOCK_PATHS
from ipvalue.numba_kernel.arithmetic import fma, sqrt
from ipvalue.numba_kernel.compiler import Array, Real, Whole, inlined, loop
from ipvalue.numba_kernel.elementary import exp2
from ipvalue.numba_kernel.random import normals, uniform

u4, i4 = np.uint32, np.int32

_SIGN = u4(0x80000000)
_NO, _YES = i4(0), i4(-1)


# ---------------------------------------------------------------------------------------------------------------- start


@loop
def start(half: Real, x: Array, value: Array) -> None:
    """half: what x_0 is before its normal is added."""
    real = x.dtype.type
    for i in range(BLOCK_PATHS):
        x[i] = half
        value[i] = real(0.0)


@loop
def add_level(weight: Real, normal: Array, x: Array) -> None:
    for i in range(BLOCK_PATHS):
        x[i] = fma(weight, normal[i], x[i])


@loop
def start_general(n: Whole, royalty: Array, alive: Array) -> None:
    """n: the paths that count."""
    real = royalty.dtype.type
    for i in range(BLOCK_PATHS):
        royalty[i] = real(1.0)
        alive[i] = _YES if i < n else _NO


@loop
def draw_royalty(word: Array, low: Real, high: Real, split: Real, left: Real, right: Real, royalty: Array) -> None:
    """The royalty relative to its mode: the triangular distribution by inversion."""
    real = royalty.dtype.type
    for i in range(BLOCK_PATHS):
        v = uniform(real, word[i])
        below = low + sqrt(v * left)
        above = high - sqrt(uniform(real, ~word[i]) * right)
        royalty[i] = below if v < split else above


# -------------------------------------------------------------------------------------------------------------- periods


@inlined
def _signed(word: Whole) -> Whole:
    """A word moved to the signed range, its order kept."""
    return i4(word ^ _SIGN)


@inlined
def _moved(step: tuple[Real, Real, Real], x: Real, common: Real, own: Real) -> Real:
    """x after one period. step: (drift, a, b)."""
    return fma(step[2], own, fma(step[1], common, x + step[0]))


@inlined
def _themselves(real: Any, first: Real, second: Real) -> tuple[Real, Real]:
    return first, second


def _two_periods(shocks: Any) -> Any:
    """A function of two periods where nothing is clamped, optional, ranged or contested, kept in registers. shocks: makes the normals of both."""

    @loop
    def two_periods(
        step: Array, now: Array, then: Array, one: Array, other: Array, common0: Array, common1: Array, survival: Array, x: Array, value: Array
    ) -> tuple[Whole, Whole]:
        """now, then: (w, f, last word of survival); one, other: what the normals are made of. Returns how many paths have ended in each."""
        (w0, f0, last0), (w1, f1, last1) = now, then
        ended0 = ended1 = i4(0)
        real = value.dtype.type
        none = real(0.0)
        for i in range(BLOCK_PATHS):
            own0, own1 = shocks(real, one[i], other[i])
            x0 = _moved(step, x[i], common0[i], own0)
            x1 = _moved(step, x0, common1[i], own1)
            x[i] = x1
            word = _signed(survival[i])
            over0, over1 = word > last0, word > last1
            cash0 = none if over0 else fma(w0, exp2(x0), -f0)
            cash1 = none if over1 else fma(w1, exp2(x1), -f1)
            ended0, ended1 = i4(ended0 + over0), i4(ended1 + over1)
            value[i] = (value[i] + cash0) + cash1
        return ended0, ended1

    return two_periods


two_periods_of_words, two_periods_of_normals = _two_periods(normals), _two_periods(_themselves)


@loop
def rise(step: Array, kept: Real, rival_last: Whole, own: Array, common: Array, rival: Array, royalty: Array, x: Array, level: Array) -> None:
    """Step 1 of model.md §5. kept: what a rival leaves."""
    one = x.dtype.type(1.0)
    for i in range(BLOCK_PATHS):
        x[i] = _moved(step, x[i], common[i], own[i])
        level[i] = exp2(x[i]) * royalty[i] * (one if _signed(rival[i]) <= rival_last else kept)


@loop
def earn(terms: Array, clamped: bool, level: Array, cash: Array) -> None:
    """What each path would earn. terms: (w, f, low, high)."""
    w, f, low, high = terms
    for i in range(BLOCK_PATHS):
        earned = w * level[i]
        earned = low if earned < low else earned
        earned = high if earned > high else earned
        cash[i] = earned - f if clamped else fma(w, level[i], -f)


@loop
def settle(terms: Array, words: tuple[Whole, Whole], survival: Array, rival: Array, level: Array, cash: Array, alive: Array, value: Array) -> Whole:
    """Steps 2 to 4. terms: (b before and after the rival's entry, salvage). words: the last of survival and of the time before the rival.

    Returns how many paths are alive after step 3.
    """
    before, after, salvage = terms
    last, rival_last = words
    living = i4(0)
    none = value.dtype.type(0.0)
    for i in range(BLOCK_PATHS):
        live = alive[i] if _signed(survival[i]) <= last else _NO
        quits = live if level[i] < (before if _signed(rival[i]) <= rival_last else after) else _NO
        live = i4(live & ~quits)
        value[i] += salvage if quits != _NO else (cash[i] if live != _NO else none)
        alive[i] = live
        living = i4(living - live)
    return living


@loop
def settle_estimated(
    terms: Array,
    words: tuple[Whole, Whole],
    weights: tuple[Real, Real],
    survival: Array,
    rival: Array,
    level: Array,
    cash: Array,
    alive: Array,
    value: Array,
    given: Array,
    control: Array,
) -> Whole:
    """`settle` where G and K are summed beside V (docs/numerics.md §14): there `alive` is all that is not given up, whether the right lives or
    not. weights: what they take of the cash and of the level."""
    before, after, salvage = terms
    last, rival_last = words
    chance, weight = weights
    living = i4(0)
    none = value.dtype.type(0.0)
    for i in range(BLOCK_PATHS):
        live = alive[i]
        quits = live if level[i] < (before if _signed(rival[i]) <= rival_last else after) else _NO
        live = i4(live & ~quits)
        earned = salvage if quits != _NO else (cash[i] if live != _NO else none)
        alive[i] = live
        live = live if _signed(survival[i]) <= last else _NO
        value[i] += earned if _signed(survival[i]) <= last else none
        given[i] = fma(chance, earned, given[i])
        control[i] = fma(weight, level[i], control[i])
        living = i4(living - live)
    return living
