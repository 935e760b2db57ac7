"""ARS-5, the random words of docs/numerics.md §1: by the processor's AES instruction where it has one, else by look-up, the same bits.

Numba has no name for the instruction: LLVM has, and takes a vector of one, two or four counters. The choice follows what Numba compiles for,
so NUMBA_CPU_NAME and NUMBA_CPU_FEATURES change it. n = words, a number known before: loops of a known length compile to vector instructions
alone
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from ipvalue.constants import AES_COLUMNS, AES_SBOX, ARS_ROUNDS, ARS_WEYL, BLOCK_PATHS, REPLICATES
from ipvalue.numba_kernel.arithmetic import new_intrinsic
from ipvalue.numba_kernel.compiler import Array, Kernel, Whole, cpu_features, device, inlined

u4, u8 = np.uint32, np.uint64

_WEYL_LOW, _WEYL_HIGH = (u8(weyl) for weyl in ARS_WEYL)
_BYTE, _HALF = u4(0xFF), u8(32)
_SBOX, _COLUMNS = np.array(AES_SBOX, u4), np.array(AES_COLUMNS, u4)


# ------------------------------------------------------------------------------------------------------------- by look-up


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


def drawn_by_table(n: int) -> Any:
    """`draw_word` of n paths, on any processor."""

    @device
    def drawn(counter: Whole, path: Whole, hash_: Whole, seed: Whole, word: Array) -> None:
        for i in range(0, n, 4):
            place = u4((path + u8(i)) >> u8(2))
            word[i], word[i + 1], word[i + 2], word[i + 3] = _ars(u4(counter), place, u4(hash_), u4(hash_ >> _HALF), seed, u8(0), ARS_ROUNDS)

    return drawn


# -------------------------------------------------------------------------------------------------------- by instruction

_WORDS_AT_ONCE = {16: ".512", 8: ".256", 4: ""}
"""Words of a vector, and how LLVM marks its instruction."""
_IN_FLIGHT = 4
"""Vectors on their way at once where there are so many, as a round takes some cycles."""


def words_at_once(features: str, machine: str) -> int:
    """How many words the AES instruction makes at once on a processor with these features, as LLVM writes them; 0 where there is none."""
    has = set(features.split(","))
    if machine.lower() not in ("x86_64", "amd64") or "+aes" not in has:
        return 0
    return (16 if "+avx512f" in has else 8 if "+avx2" in has else 4) if "+vaes" in has else 4


def drawn_by_instruction(words: int, n: int) -> Any:
    """`draw_word` of n paths by vectors of `words` words, for a processor that has them."""
    at_once = min(_IN_FLIGHT, n // words)
    vector = ir.VectorType(ir.IntType(64), words // 2)
    rounds = ir.FunctionType(vector, [vector, vector])

    def typed(context: Any, counter: Any, path: Any, hash_: Any, seed: Any, word: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            named = [
                builder.module.declare_intrinsic(f"llvm.x86.aesni.{name}{_WORDS_AT_ONCE[words]}", (), rounds) for name in ("aesenc", "aesenclast")
            ]
            counter, path, hash_, seed, word = values
            number = counter.type

            def every(low: Any, high: Any, step: int) -> Any:
                """A vector of the 128 bits high·2⁶⁴ + low in every lane, `step` more in the next lane's low half."""
                found = ir.Constant(vector, ir.Undefined)
                for lane in range(words // 4):
                    halves = builder.add(low, ir.Constant(number, lane * step)), high
                    for half in range(2):
                        found = builder.insert_element(found, halves[half], ir.Constant(ir.IntType(32), 2 * lane + half))
                return found

            def key(r: int) -> Any:
                low, high = (ir.Constant(number, r * weyl % 2**64) for weyl in ARS_WEYL)
                return every(builder.add(seed, low), high, 0)

            keys = [key(r) for r in range(ARS_ROUNDS + 1)]
            place = builder.lshr(path, ir.Constant(number, 2))
            start = every(builder.or_(builder.shl(place, ir.Constant(number, 32)), counter), hash_, 1 << 32)
            data = context.make_array(signature.args[4])(context, builder, word).data
            into = builder.bitcast(data, vector.as_pointer())
            with cgutils.for_range(builder, ir.Constant(number, n // (words * at_once))) as loop:
                first = builder.mul(loop.index, ir.Constant(number, at_once))
                states = []
                for k in range(at_once):
                    at = builder.add(first, ir.Constant(number, k))
                    moved = builder.mul(at, ir.Constant(number, words // 4 << 32))
                    states.append(builder.xor(builder.add(start, every(moved, ir.Constant(number, 0), 0)), keys[0]))
                for r in range(1, ARS_ROUNDS + 1):
                    states = [builder.call(named[r == ARS_ROUNDS], (state, keys[r])) for state in states]
                for k, state in enumerate(states):
                    builder.store(state, builder.gep(into, [builder.add(first, ir.Constant(number, k))]), align=4)
            return context.get_dummy_value()

        whole = types.uint64
        return types.void(whole, whole, whole, whole, word), generate

    return new_intrinsic(typed)


def _drawn(n: int) -> Any:
    words = words_at_once(cpu_features(), platform.machine())
    return drawn_by_instruction(words, n) if words else drawn_by_table(n)


draw_word = _drawn(BLOCK_PATHS)
"""draw_word(counter, path, hash, seed, word): one word of a stream (n,) from path `path`, a multiple of 64. All are uint64 but `word`, uint32 in
a row. A stream is named by the first word of its counter, a 64-bit hash and the seed. n = BLOCK_PATHS"""
draw_replicates = _drawn(REPLICATES)
"""The same of the paths 0 … 15, one of each replicate of the sampler sobol. n = REPLICATES"""


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
