"""ARS-5 and words to uniforms and normals: docs/numerics.md §1–§2.

Rounds of AES are look-ups here, for any processor: the instruction has no name in Numba.
n = paths of a block, always BLOCK_PATHS: loops of a known length compile to vector instructions alone
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ipvalue.constants import AES_COLUMNS, AES_SBOX, ARS_ROUNDS, ARS_WEYL, BLOCK_PATHS, PI
from ipvalue.numba_kernel.arithmetic import fma, sqrt
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, device, inlined, loop
from ipvalue.numba_kernel.elementary import cos, log, sin

u4, u8, i4 = np.uint32, np.uint64, np.int32

_WEYL_LOW, _WEYL_HIGH = (u8(weyl) for weyl in ARS_WEYL)
_BYTE, _HALF = u4(0xFF), u8(32)
_SBOX, _COLUMNS = np.array(AES_SBOX, u4), np.array(AES_COLUMNS, u4)
_TOP_BIT = u4(0x80000000)
_HALF_TURN = PI * 2.0**-32


@inlined
def _mixed(key: Whole, a: Whole, b: Whole, c: Whole, d: Whole) -> Whole:
    """One column after a round of AES (FIPS 197 §5.1), of the columns that its bytes come from, the lowest from a."""
    first, second = _COLUMNS[a & _BYTE], _COLUMNS[(b >> u4(8)) & _BYTE]
    third, fourth = _COLUMNS[(c >> u4(16)) & _BYTE], _COLUMNS[d >> u4(24)]
    second = (second << u4(8)) | (second >> u4(24))
    third = (third << u4(16)) | (third >> u4(16))
    fourth = (fourth << u4(24)) | (fourth >> u4(8))
    return u4(key ^ (first ^ second ^ third ^ fourth))  # Numba widens: only the lower half counts


@inlined
def _unmixed(key: Whole, a: Whole, b: Whole, c: Whole, d: Whole) -> Whole:
    """The same after the last round."""
    low = _SBOX[a & _BYTE] | _SBOX[(b >> u4(8)) & _BYTE] << u4(8)
    return u4(key ^ (low ^ (_SBOX[(c >> u4(16)) & _BYTE] << u4(16)) ^ (_SBOX[d >> u4(24)] << u4(24))))


@inlined
def _ars(a: Whole, b: Whole, c: Whole, d: Whole, low: Whole, high: Whole, rounds: Whole) -> tuple[Whole, Whole, Whole, Whole]:
    """ARS on counter (a, b, c, d) with the two halves of a key. Salmon et al. (2011)."""
    a, b, c, d = u4(a ^ low), u4(b ^ (low >> _HALF)), u4(c ^ high), u4(d ^ (high >> _HALF))
    for _ in range(rounds - 1):
        low, high = low + _WEYL_LOW, high + _WEYL_HIGH
        a, b, c, d = (
            _mixed(low, a, b, c, d),
            _mixed(low >> _HALF, b, c, d, a),
            _mixed(high, c, d, a, b),
            _mixed(high >> _HALF, d, a, b, c),
        )
    low, high = low + _WEYL_LOW, high + _WEYL_HIGH
    return (
        _unmixed(low, a, b, c, d),
        _unmixed(low >> _HALF, b, c, d, a),
        _unmixed(high, c, d, a, b),
        _unmixed(high >> _HALF, d, a, b, c),
    )


@device
def draw_word(counter: Whole, path: Whole, hash_: Whole, seed: Whole, word: Array) -> None:
    """One word of a stream (n,) from path `path`, a multiple of 4. A stream is named by the first word of its counter, a 64-bit hash and the seed."""
    for i in range(0, BLOCK_PATHS, 4):
        place = u4((path + u8(i)) >> u8(2))
        word[i], word[i + 1], word[i + 2], word[i + 3] = _ars(u4(counter), place, u4(hash_), u4(hash_ >> _HALF), seed, u8(0), ARS_ROUNDS)


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


def ars(counter: Sequence[int], key: Sequence[int], rounds: int = ARS_ROUNDS) -> tuple[int, ...]:
    """Four output words of ARS for a counter and a key of four words each. numerics.md §1."""
    if not 1 <= rounds <= 10:
        raise ValueError(f"ARS has 1 to 10 rounds, not {rounds}")
    low, high = (key[i] | key[i + 1] << 32 for i in (0, 2))
    return tuple(map(int, _ars_of(np.array(counter, u4), np.array([low, high], u8), rounds)))


@Kernel
def _ars_of(c: Array, key: Array, rounds: Whole) -> tuple[Whole, Whole, Whole, Whole]:
    return _ars(c[0], c[1], c[2], c[3], key[0], key[1], rounds)
