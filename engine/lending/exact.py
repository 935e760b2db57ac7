"""Sums of integers without rounding or overflow, within compiled functions: 128-bit two's complement, low word first (docs/numerics.md §8)."""

from __future__ import annotations

import math

import numpy as np

from ipvalue.constants import MONEY_SCALE
from ipvalue.numba_kernel.arithmetic import rint
from ipvalue.numba_kernel.compiler import Array, Real, Whole, inlined

i8, u8, f8 = np.int64, np.uint64, np.float64

_SCALE = float(MONEY_SCALE)


@inlined
def add_whole(sums: Array, i: Whole, amount: Whole) -> None:
    """sums (n, 2): adds a signed 64-bit integer to sum i."""
    low = sums[i, 0] + u8(amount)
    carry = u8(1) if low < u8(amount) else u8(0)
    sums[i, 0] = low
    sums[i, 1] += u8(amount >> 63) + carry


@inlined
def as_double(low: Whole, high: Whole) -> Real:
    """The double nearest to a sum that is not negative."""
    if high == u8(0):
        return f8(low)
    shift: Whole = u8(0)
    while high >> shift:
        shift += u8(1)
    # its 64 highest bits, with what lies below them in the last one: rounded once
    top = (high << (u8(64) - shift)) | (low >> shift)
    rest = low << (u8(64) - shift)
    return math.ldexp(f8(top | (u8(1) if rest else u8(0))), shift)


@inlined
def in_units(money: Real) -> Whole:
    """Money as a whole number of 10⁻⁶."""
    return i8(rint(money * _SCALE))
