"""Words to uniforms and normals: docs/numerics.md §2 and §12. n = paths of a block"""

from __future__ import annotations

from typing import Any

import numpy as np

from ipvalue.constants import BLOCK_PATHS, PI
from ipvalue.numba_kernel.arithmetic import fma, sqrt
from ipvalue.numba_kernel.compiler import Array, Real, Whole, inlined, loop
from ipvalue.numba_kernel.elementary import above, below, cos, log, sin

u4, i4 = np.uint32, np.int32

_TOP_BIT = u4(0x80000000)
_HALF_TURN = PI * 2.0**-32


@inlined
def uniform(real: Any, word: Whole) -> Real:
    """(word + ½)·2⁻³², the word rounded to `real` once."""
    whole = fma(real(i4(word >> u4(16))), real(65536.0), real(i4(word & u4(0xFFFF))))
    return fma(whole, real(2.0**-32), real(2.0**-33))


@inlined
def normals(real: Any, k1: Whole, k2: Whole) -> tuple[Real, Real]:
    """Two normals of two words. The top bit of k2 chooses the half plane (the sign of the first), the other bits the angle within it."""
    r = sqrt(real(-2.0) * log(fma(real(i4(k1 >> u4(1))), real(2.0**-31), real(2.0**-32))))
    angle = fma(real(i4(k2 << u4(1))), real(_HALF_TURN), real(_HALF_TURN))
    across = cos(angle)
    return r * (-across if k2 & _TOP_BIT else across), r * sin(angle)


@loop
def draw_normals(k1: Array, k2: Array, first: Array, second: Array) -> None:
    """The normals (n,) of words (n,)."""
    real = first.dtype.type
    for i in range(BLOCK_PATHS):
        first[i], second[i] = normals(real, k1[i], k2[i])


@inlined
def inverse(real: Any, word: Whole) -> Real:
    """The normal of one word, by the inverse of its distribution. It is made with the other sign and turned where the top bit is set."""
    signed = i4(word)
    t = fma(real(i4(signed ^ i4(signed >> i4(31)))), real(2.0**-32), real(2.0**-33))
    four = real(4.0) * t
    v = -log(fma(-four, t, four))
    z = fma(real(2.0), t, real(-1.0)) * above(v) / below(v)
    return -z if signed < 0 else z


@loop
def draw_inverses(scale: Real, word: Array, out: Array) -> None:
    """The normals (n,) of words (n,), times `scale`."""
    real = out.dtype.type
    for i in range(BLOCK_PATHS):
        out[i] = scale * inverse(real, word[i])
