"""Exact sums in units of 10⁻⁶: 128-bit two's complement as two uint64 words, low word first (docs/numerics.md §8).

Integers are exact in any order, so NumPy adds them. g = groups, n = rows, k = numbers of a row
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipvalue.constants import MONEY_SCALE
from ipvalue.numba_kernel.arrays import Words, row, sums

i8, u8, f8 = np.int64, np.uint64, np.float64

Longs = npt.NDArray[np.int64]

_SCALE = f8(MONEY_SCALE)
_BITS, _MASK = i8(32), i8(0xFFFFFFFF)
_ROWS_AT_ONCE = 1 << 20
"""So many numbers of 32 bits add up within 63."""


def add_exact(totals: Words, group: npt.NDArray[np.int32], values: npt.NDArray[np.float64]) -> None:
    """Adds values (n, k) to the exact sums (g·k, 2) of their groups. numerics.md §8. |value| must be below constants.MONEY_LIMIT."""
    if not len(values):
        return
    rows, width = values.shape
    into, group = sums(totals, 0).reshape(-1, width, 2), row(group, np.int32, rows)
    for first in range(0, rows, _ROWS_AT_ONCE):
        here = slice(first, min(first + _ROWS_AT_ONCE, rows))
        order = np.argsort(group[here], kind="stable")
        found, start = np.unique(group[here][order], return_index=True)
        limbs = [np.add.reduceat(limb[order], start, axis=0) for limb in _limbs(values[here] * _SCALE)]
        into[found] = _plus(into[found], _words(limbs))


def _limbs(scaled: npt.NDArray[np.float64]) -> list[Longs]:
    """The nearest integers (n, k), ties to even, as Σ limb_i·2^(32 i), limbs that can be added n times: one where 64 bits hold sums, else four."""
    units = np.rint(scaled)
    if max(units.max(), -units.min()) * len(units) < 2.0**62:
        return [units.astype(i8)]
    size = np.abs(units)
    upper = np.floor(size / 2.0**64)
    low, high = (size - upper * 2.0**64).astype(u8), upper.astype(u8)
    parts = (low & u8(_MASK), low >> u8(_BITS), high & u8(_MASK), high >> u8(_BITS))
    return [np.where(units < 0.0, -part.astype(i8), part.astype(i8)) for part in parts]


def _words(limbs: list[Longs]) -> Words:
    """(…, 2) the 128-bit integers Σ limb_i·2^(32 i), limbs of either sign."""
    parts, carry = [], np.zeros_like(limbs[0])
    for i in range(4):
        whole = carry + limbs[i] if i < len(limbs) else carry
        parts.append((whole & _MASK).astype(u8))
        carry = whole >> _BITS
    return np.stack([parts[0] | parts[1] << u8(_BITS), parts[2] | parts[3] << u8(_BITS)], axis=-1)


def _plus(a: Words, b: Words) -> Words:
    """a + b, (…, 2) each."""
    low = a[..., 0] + b[..., 0]
    return np.stack([low, a[..., 1] + b[..., 1] + (low < b[..., 0])], axis=-1)


def merge_exact(into: Words, other: Words) -> None:
    """into += other, both (n, 2) words of 128-bit sums."""
    sums(into, 0)[:] = _plus(into, sums(other, len(into))[: len(into)])


def exact_as_float(totals: Words) -> npt.NDArray[np.float64]:
    """(n,) float64, the nearest to each 128-bit sum, divided by 10^6."""
    low, high = sums(totals, 0)[:, 0], totals[:, 1]
    negative = high >> u8(63) == 1
    low, high = np.where(negative, -low, low), np.where(negative, ~high + (low == 0), high)
    # the 64 bits from the highest one that is set, with what lies below them in their last bit: rounded once
    shift = _bit_length(high)
    beyond = (low << u8(1)) << (u8(63) - np.minimum(shift, u8(63)))
    shifted = (high << (u8(63) - np.minimum(shift - u8(1), u8(63)))) | ((low >> u8(1)) >> (shift - u8(1)))
    size = np.where(shift == 0, low, shifted | (beyond != 0))
    found: npt.NDArray[np.float64] = np.ldexp(size.astype(f8), shift.astype(np.int32)) / _SCALE
    return np.where(negative, -found, found)


def _bit_length(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    length = np.zeros_like(words)
    for step in map(u8, (32, 16, 8, 4, 2, 1)):
        above = words >> step
        length += np.where(above > 0, step, u8(0))
        words = np.where(above > 0, above, words)
    return length + words
