"""What the Numba kernel is made of, written so that LLVM's vectoriser takes a whole loop of it: no branch, no call, one width of integers and reals.

`elementary(real)` makes the functions for one precision: exp2, the squared radius and the angle of Box and Muller, and a generator of the xoshiro
family whose state lives in the caller's variables. Polynomials are fitted when this is imported, to about the precision's rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.extending import intrinsic

from peers.polynomials import fit, sine_by_y

FAST: dict[str, Any] = {"fastmath": True, "error_model": "numpy", "nogil": True}


class Distinct(CompilerBase):  # type: ignore[misc]
    """Promises that array arguments do not overlap: without it the vectoriser gives up on so many arrays."""

    def define_pipelines(self) -> list[Any]:
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


def inlined(function: Callable[..., Any]) -> Any:
    return numba.njit(forceinline=True, **FAST)(function)


def loop(function: Callable[..., Any]) -> Any:
    return numba.njit(pipeline_class=Distinct, **FAST)(function)


def _cast(kinds: dict[Any, Any]) -> Any:
    """The bits of a number as the other kind of its size."""

    def typed(context: Any, x: Any) -> Any:
        to = kinds[x]
        return to(x), lambda context, builder, signature, values: builder.bitcast(values[0], context.get_value_type(to))

    return intrinsic(typed)


def _llvm(name: str, arguments: int = 1) -> Any:
    """LLVM's function of one real or two, which vectorises (NumPy's and math's rounding do not: they make an int64)."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = values[0].type
        function = builder.module.declare_intrinsic(name, [kind], ir.FunctionType(kind, [kind] * arguments))
        return builder.call(function, values, fastmath=("fast",))

    if arguments == 1:
        return intrinsic(lambda context, x: (x(x), generate))
    return intrinsic(lambda context, x, y: (x(x, y), generate))


bits_of = _cast({types.float32: types.int32, types.float64: types.int64})
real_of = _cast({types.int32: types.float32, types.int64: types.float64, types.uint32: types.float32, types.uint64: types.float64})
rint = _llvm("llvm.rint")
root = _llvm("llvm.sqrt")
lower = _llvm("llvm.minnum", 2)
higher = _llvm("llvm.maxnum", 2)


def _log1p_by_f(f: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(f == 0, 1.0, np.log1p(f) / np.where(f == 0, 1.0, f))


def _cosine(square: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.cos(math.pi / 2 * np.sqrt(np.maximum(square, 0.0)))


def horner(coefficients: npt.NDArray[np.float64], real: Any) -> Any:
    """The polynomial as a compiled function, its coefficients written into the code."""
    names = {f"c{i}": real(c) for i, c in enumerate(coefficients)}
    body = f"c{len(names) - 1}"
    for i in reversed(range(len(names) - 1)):
        body = f"({body} * x + c{i})"
    return inlined(eval(f"lambda x: {body}", names))


def elementary(real: Any, library: SimpleNamespace | None = None) -> SimpleNamespace:
    """exp2, uniform, pair and draw of one precision; with a library's exp2, log, sin and cos instead of the polynomials where one is given."""
    single = real is np.float32
    whole, word = (np.int32, np.uint32) if single else (np.int64, np.uint64)
    mantissa = whole(23 if single else 52)
    root_half = whole(0x3F3504F3 if single else 0x3FE6A09E667F3BCD)
    exp2_poly = horner(fit(np.exp2, -0.5, 0.5, 5 if single else 11), real)
    log_poly = horner(-2 * fit(_log1p_by_f, math.sqrt(0.5) - 1, math.sqrt(2) - 1, 8 if single else 18), real)
    sine_poly = horner(fit(sine_by_y, 0.0, 0.25, 3 if single else 6), real)
    cosine_poly = horner(fit(_cosine, 0.0, 0.25, 4 if single else 7), real)
    one, minus_2_ln_2 = real(1), real(-2 * math.log(2))
    tiny, half_tiny = real(2.0**-32), real(2.0**-33)
    to_top, sign, swap = word(0 if single else 32), word(1 << (31 if single else 63)), word(0x40000000)
    y_scale, two = real(2.0 ** (-32 if single else -64)), word(2)

    @inlined
    def exp2(x: Any) -> Any:
        n = rint(x)
        return real_of(whole(bits_of(exp2_poly(x - n)) + whole(whole(n) << mantissa)))

    @inlined
    def uniform(k: Any) -> Any:
        """(k + ½)·2⁻³² of a word of 32 bits."""
        return real(k) * tiny + half_tiny

    @inlined
    def radius2(k: Any) -> Any:
        """−2·log of the uniform."""
        bits = bits_of(uniform(k))
        e = whole(whole(bits - root_half) >> mantissa)
        f = real_of(whole(bits - whole(e << mantissa))) - one
        return real(e) * minus_2_ln_2 + log_poly(f) * f

    @inlined
    def pair(k: Any, m: Any) -> Any:
        """Two normals from two words of 32 bits: 30 bits turn within a quarter, one swaps the two, one is a sign."""
        r = root(radius2(k))
        high = word(m << to_top)
        y = real(whole(word(high << two))) * y_scale
        y2 = y * y
        sine = sine_poly(y2) * y * r
        cosine = real_of(word(word(bits_of(cosine_poly(y2) * r)) ^ word(high & sign)))
        swapped = word(m & swap) != word(0)
        return (cosine if swapped else sine), (sine if swapped else cosine)

    made = SimpleNamespace(real=real, whole=whole, exp2=exp2, uniform=uniform, pair=pair, draw=_generator(single, word))
    if library is not None:
        made.exp2, made.pair = library.exp2, _library_pair(real, uniform, library)
    return made


def _library_pair(real: Any, uniform: Any, library: SimpleNamespace) -> Any:
    log, sin, cos, minus_two, turn = library.log, library.sin, library.cos, real(-2), real(2 * math.pi)

    @inlined
    def pair(k: Any, m: Any) -> Any:
        """Two normals from two words of 32 bits."""
        r = root(minus_two * log(uniform(k)))
        angle = turn * uniform(m)
        return r * sin(angle), r * cos(angle)

    return pair


def _generator(single: bool, word: Any) -> Any:
    """Two words of 32 bits, and the state after: of xoshiro128+ in single, of one word of xoshiro256+ in double."""
    shift, left, right = (word(9), word(11), word(21)) if single else (word(17), word(45), word(19))
    half, low = word(32 if not single else 0), word(0xFFFFFFFF)

    @inlined
    def step(a: Any, b: Any, c: Any, d: Any) -> Any:
        out, t = word(a + d), word(b << shift)
        c = word(c ^ a)
        d = word(d ^ b)
        b = word(b ^ c)
        a = word(a ^ d)
        return out, a, b, word(c ^ t), word(word(d << left) | word(d >> right))

    @inlined
    def two_steps(a: Any, b: Any, c: Any, d: Any) -> Any:
        k, a, b, c, d = step(a, b, c, d)
        m, a, b, c, d = step(a, b, c, d)
        return k, m, a, b, c, d

    @inlined
    def halves(a: Any, b: Any, c: Any, d: Any) -> Any:
        k, a, b, c, d = step(a, b, c, d)
        return word(k >> half), word(k & low), a, b, c, d

    return two_steps if single else halves
