"""Philox4x32-10 and words to uniforms and normals: docs/numerics.md §1–§2.

Words are computed as 64-bit integers of which the lower half counts, because that is how processors multiply them.
n = paths of a block, always BLOCK_PATHS: loops of a known length compile to vector instructions alone
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ipvalue.constants import BLOCK_PATHS, PHILOX_M0, PHILOX_M1, PHILOX_W0, PHILOX_W1, PI
from ipvalue.numba_kernel.arithmetic import fma, sqrt
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, inlined, loop
from ipvalue.numba_kernel.elementary import cos, log, sin

u4, u8, i4 = np.uint32, np.uint64, np.int32

_M0, _M1, _W0, _W1 = u8(PHILOX_M0), u8(PHILOX_M1), u8(PHILOX_W0), u8(PHILOX_W1)
_LOW, _HALF = u8(0xFFFFFFFF), u8(32)
_TOP_BIT = u4(0x80000000)
_HALF_TURN = PI * 2.0**-32


@inlined
def _philox10(c0: Whole, c1: Whole, c2: Whole, c3: Whole, k0: Whole, k1: Whole) -> tuple[Whole, Whole, Whole, Whole]:
    """Ten rounds on counter (c0, c1, c2, c3) with key (k0, k1), of each the lower half. Salmon et al. (2011)."""
    for _ in range(10):
        p0 = (c0 & _LOW) * _M0
        p1 = (c2 & _LOW) * _M1
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1, (p0 >> _HALF) ^ c3 ^ k1, p0
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return u4(c0), u4(c1), u4(c2), u4(c3)


@loop
def draw_words(counter: Whole, path: Whole, hash_: Whole, seed: Whole, w0: Array, w1: Array, w2: Array, w3: Array) -> None:
    """The four words (n,) of a stream's block, from path `path`. A stream is named by the first word of its counter, a 64-bit hash and the seed."""
    for i in range(BLOCK_PATHS):
        w0[i], w1[i], w2[i], w3[i] = _philox10(counter, path + u8(i), hash_ & _LOW, hash_ >> _HALF, seed & _LOW, seed >> _HALF)


@inlined
def uniform(real: Any, word: Whole) -> Real:
    """(word + ½)·2⁻³², the word rounded to `real` once."""
    whole = fma(real(i4(word >> u4(16))), real(65536.0), real(i4(word & u4(0xFFFF))))
    return fma(whole, real(2.0**-32), real(2.0**-33))


@loop
def draw_normals(k1: Array, k2: Array, first: Array, second: Array) -> None:
    """Two normals of two words. The top bit of k2 chooses the half plane (the sign of the first), the other bits the angle within it."""
    real = first.dtype.type
    for i in range(BLOCK_PATHS):
        r = sqrt(real(-2.0) * log(fma(real(i4(k1[i] >> u4(1))), real(2.0**-31), real(2.0**-32))))
        angle = fma(real(i4(k2[i] << u4(1))), real(_HALF_TURN), real(_HALF_TURN))
        across = cos(angle)
        first[i] = r * (-across if k2[i] & _TOP_BIT else across)
        second[i] = r * sin(angle)


# ------------------------------------------------------------------------------------------------------- called from Python


def philox(counter: Sequence[int], key: Sequence[int]) -> tuple[int, ...]:
    """Four output words of Philox4x32-10 for a counter of four words and a key of two."""
    return tuple(map(int, _philox(np.array([*counter, *key], u4).astype(u8))))


@Kernel
def _philox(c: Array) -> tuple[Whole, Whole, Whole, Whole]:
    return _philox10(c[0], c[1], c[2], c[3], c[4], c[5])
