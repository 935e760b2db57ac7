"""A period of a block of paths whose discount rate is drawn, or two of whose multipliers depend on one another: the operations of
ext/blended_impl.h in their order, as plain loops (steps.py). docs/numerics.md §17."""

from __future__ import annotations

import numpy as np

from ipvalue.constants import BLOCK_PATHS
from ipvalue.numba_kernel.arithmetic import fma
from ipvalue.numba_kernel.compiler import Array, Real, Whole, loop
from ipvalue.numba_kernel.elementary import exp2, log

u4, i4 = np.uint32, np.int32

_SIGN = u4(0x80000000)
_NO = i4(0)


@loop
def lift(multiplier: Array, level: Array) -> None:
    """Multiplies the level, or what it is multiplied by, by what inputs make of it."""
    for i in range(BLOCK_PATHS):
        level[i] = level[i] * multiplier[i]


@loop
def multiply(multiplier: Array, w: Real, level: Array, bare: Array, earned: Array) -> None:
    """The same of the level, kept as it was in `bare`; and what it earns."""
    for i in range(BLOCK_PATHS):
        bare[i] = level[i]
        level[i] = bare[i] * multiplier[i]
        earned[i] = w * level[i]


@loop
def discount(by: Array, terms: tuple[Real, Real, Real, Real], clamped: bool, premium: Array, cash: Array, taken: Array) -> None:
    """What is earned, in `cash`, becomes the cash, and `taken` what giving up brings, at the drawn rate. by: of the period (ext/simulate.h);
    terms: (f, salvage, low, high)."""
    real = cash.dtype.type
    one = real(1.0)
    f, salvage, low, high = terms
    deflator, exponent, end_deflator, end_exponent = by[0], by[1], by[3], by[4]
    minus_share_w, repeat_w, minus_share_f, repeat_f = -by[5], by[6], -by[7], by[8]
    endless = by[5] != 0.0 or by[7] != 0.0
    for i in range(BLOCK_PATHS):
        ratio = fma(premium[i], deflator, one)
        earned, costs = cash[i], -f
        if endless:
            change = premium[i] * deflator
            earned = earned * fma(minus_share_w, change / (ratio - repeat_w), one)
            costs = costs * fma(minus_share_f, change / (ratio - repeat_f), one)
        if clamped:
            earned = low if earned < low else earned
            earned = high if earned > high else earned
        cash[i] = exp2(exponent * log(ratio)) * (earned + costs)
        taken[i] = salvage
        if salvage > real(0.0):
            taken[i] = salvage * exp2(end_exponent * log(fma(premium[i], end_deflator, one)))


@loop
def settle_blended(
    bounds: tuple[Real, Real],
    words: tuple[Whole, Whole],
    survival: Array,
    rival: Array,
    level: Array,
    taken: Array,
    cash: Array,
    alive: Array,
    value: Array,
) -> Whole:
    """Steps 2 to 4 of model.md §5; `alive` is all that is not given up, whether the right lives or not, and `cash` becomes what is earned so.

    Returns how many paths are alive after step 3.
    """
    before, after = bounds
    last, rival_last = words
    living = i4(0)
    none = value.dtype.type(0.0)
    for i in range(BLOCK_PATHS):
        live = alive[i]
        quits = live if level[i] < (before if i4(rival[i] ^ _SIGN) <= rival_last else after) else _NO
        live = i4(live & ~quits)
        earned = taken[i] if quits != _NO else (cash[i] if live != _NO else none)
        cash[i] = earned
        alive[i] = live
        live = live if i4(survival[i] ^ _SIGN) <= last else _NO
        value[i] += earned if i4(survival[i] ^ _SIGN) <= last else none
        living = i4(living - live)
    return living


@loop
def sum_blended(weights: tuple[Real, Real, Real], bare: Array, steady: Array, tilt: Array, earned: Array, given: Array, control: Array) -> None:
    """Takes what is earned into G, and what the control takes into K. weights: of the cash, of the level, and the slope of the discounting."""
    chance, weight, slope = weights
    for i in range(BLOCK_PATHS):
        given[i] = fma(chance, earned[i], given[i])
        control[i] = fma(weight, bare[i] * fma(slope, tilt[i], steady[i]), control[i])
