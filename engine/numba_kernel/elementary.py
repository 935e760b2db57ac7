"""Own elementary functions, the operations of ext/elementary.h one by one: the same bits. Definition and errors: docs/numerics.md §6."""

from __future__ import annotations

from typing import Any

import numpy as np

from ipvalue.constants import (
    COS_F32,
    COS_F64,
    EXP2_F32,
    EXP2_F64,
    EXP_F64,
    LN2_HI_F32,
    LN2_HI_F64,
    LN2_LO_F32,
    LN2_LO_F64,
    LOG2_E,
    LOG_F32,
    LOG_F64,
    NORMAL_ABOVE_F32,
    NORMAL_ABOVE_F64,
    NORMAL_BELOW_F32,
    NORMAL_BELOW_F64,
    SIN_F32,
    SIN_F64,
    TAIL_F64,
)
from ipvalue.numba_kernel.arithmetic import bits_of, fma, real_of
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, by_precision, device, inlined

f4, f8, i4, i8 = np.float32, np.float64, np.int32, np.int64


def _singles(numbers: tuple[float, ...]) -> tuple[np.float32, ...]:
    return tuple(f4(number) for number in numbers)


_EXP2_F32, _LOG_F32, _SIN_F32, _COS_F32 = _singles(EXP2_F32), _singles(LOG_F32), _singles(SIN_F32), _singles(COS_F32)
_ABOVE_F32, _BELOW_F32 = _singles(NORMAL_ABOVE_F32), _singles(NORMAL_BELOW_F32)
_LN2_HI_F32, _LN2_LO_F32, _ONE, _MINUS_HALF = _singles((LN2_HI_F32, LN2_LO_F32, 1.0, -0.5))

# added and taken off again, they leave the nearest whole number, whose last digits then stand in the lowest bits
_SHIFT_F32, _SHIFT_F64 = f4(float.fromhex("0x1.8p23")), float.fromhex("0x1.8p52")
_POWER = 0x4B400000
_LOWEST_POWER, _GREATEST_POWER = i4(_POWER - 125), i4(_POWER + 127)

_EXP_TOP, _EXP_BOTTOM = float.fromhex("0x1.62e42fefa39efp9"), float.fromhex("-0x1.6232bdd7abcd2p9")
_ROOT_HALF_F32, _MANTISSA_F32 = i4(0x3F3504F3), i4(0x7FFFFF)
_ROOT_HALF_F64, _MANTISSA_F64 = i8(0x3FE6A09E667F3BCD), i8(0xFFFFFFFFFFFFF)
_INTEGER_BITS, _INTEGER = i8(0x4330000000000000), float.fromhex("0x1p52") + 2048.0


@inlined
def four(c: tuple[Real, ...], x: Real, x2: Real) -> Real:
    """Four coefficients, the powers in pairs (Estrin)."""
    return fma(x2, fma(c[3], x, c[2]), fma(c[1], x, c[0]))


@inlined
def eight(c: tuple[Real, ...], x: Real, x2: Real) -> Real:
    return fma(x2 * x2, four(c[4:], x, x2), four(c[:4], x, x2))


def _exp2_f32(x: Real) -> Real:
    t = x + _SHIFT_F32
    r = x - (t - _SHIFT_F32)
    p = _EXP2_F32[5]
    p = fma(p, r, _EXP2_F32[4])
    p = fma(p, r, _EXP2_F32[3])
    p = fma(p, r, _EXP2_F32[2])
    p = fma(p, r, _EXP2_F32[1])
    p = fma(p, r, _EXP2_F32[0])
    p = fma(p, r, _ONE)
    power = bits_of(t)
    power = power if power < _GREATEST_POWER else _GREATEST_POWER
    power = power if power > _LOWEST_POWER else _LOWEST_POWER
    return real_of(i4(bits_of(p) + (power << 23)))


def _exp2_f64(x: Real) -> Real:
    limited = x if x < 1023.0 else 1023.0
    limited = limited if limited > -1021.0 else -1021.0
    t = limited + _SHIFT_F64
    r = limited - (t - _SHIFT_F64)
    r2 = r * r
    r4 = r2 * r2
    low, middle, high = four(EXP2_F64[:4], r, r2), four(EXP2_F64[4:8], r, r2), four(EXP2_F64[8:], r, r2)
    p = fma(fma(r4, fma(r4, high, middle), low), r, 1.0)
    return real_of(bits_of(p) + (bits_of(t) << 52))


exp2 = by_precision(_exp2_f32, _exp2_f64)
"""2^x; beyond the exponents of normal numbers it stays near the ends."""


@device
def exp(x: Real) -> Real:
    """e^x; 0 below the smallest normal number, infinity above the greatest; x is not NaN."""
    t = fma(x, LOG2_E, _SHIFT_F64)
    n = t - _SHIFT_F64
    r = fma(n, -LN2_LO_F64, fma(n, -LN2_HI_F64, x))
    q = EXP_F64[9]
    q = fma(q, r, EXP_F64[8])
    q = fma(q, r, EXP_F64[7])
    q = fma(q, r, EXP_F64[6])
    q = fma(q, r, EXP_F64[5])
    q = fma(q, r, EXP_F64[4])
    q = fma(q, r, EXP_F64[3])
    q = fma(q, r, EXP_F64[2])
    q = fma(q, r, EXP_F64[1])
    q = fma(q, r, EXP_F64[0])
    p = fma(r * r, q, r) + 1.0
    y = real_of(bits_of(p) + (bits_of(t) << 52))
    y = np.inf if x > _EXP_TOP else y
    return 0.0 if x < _EXP_BOTTOM else y


@inlined
def _split_f32(x: Real) -> tuple[Real, Real]:
    """(e, f): x = 2^e·(1 + f) with √½ ≤ 1 + f < √2."""
    b = i4(bits_of(x) - _ROOT_HALF_F32)
    return f4(i4(b >> 23)), real_of(i4((b & _MANTISSA_F32) + _ROOT_HALF_F32)) - _ONE


@inlined
def _split_f64(x: Real) -> tuple[Real, Real]:
    b = bits_of(x) - _ROOT_HALF_F64
    e = ((b >> 32) + (i8(2048) << 20)) >> 20
    return real_of(e + _INTEGER_BITS) - _INTEGER, real_of((b & _MANTISSA_F64) + _ROOT_HALF_F64) - 1.0


def _log_f32(x: Real) -> Real:
    e, f = _split_f32(x)
    f2 = f * f
    q = eight(_LOG_F32, f, f2)
    low = fma(e, _LN2_LO_F32, fma(f2 * f, q, _MINUS_HALF * f2))
    return fma(e, _LN2_HI_F32, f + low)


@inlined
def _log_two(x: Real) -> tuple[Real, Real]:
    """ln x as the sum of two numbers, error about 2^-60 relative."""
    e, f = _split_f64(x)
    d = 2.0 + f
    s = f / d
    s_low = fma(-s, d, f) / d
    s_low = fma(-s, ((2.0 - d) + f) / d, s_low)
    z = s * s
    q = eight(LOG_F64, z, z * z)
    a = e * LN2_HI_F64
    b = 2.0 * s
    total = a + b
    t = total - a
    rest = (a - (total - t)) + (b - t)
    rest += fma(s * z, q, fma(e, LN2_LO_F64, 2.0 * s_low))
    high = total + rest
    return high, rest - (high - total)


def _log_f64(x: Real) -> Real:
    e, f = _split_f64(x)
    s = f / (2.0 + f)
    z = s * s
    half = 0.5 * f * f
    rest = fma(s, fma(z, eight(LOG_F64, z, z * z), half), e * LN2_LO_F64)
    return fma(e, LN2_HI_F64, f - (half - rest))


log = by_precision(_log_f32, _log_f64)
"""ln x for normal positive x."""


@device
def power(x: Real, y: Real) -> Real:
    """x^y for normal positive x."""
    high, low = _log_two(x)
    p = y * high
    rest = fma(y, high, -p) + y * low
    r = exp(p)
    return fma(r, rest, r)


def _sin_f32(x: Real) -> Real:
    z = x * x
    return fma(z * x, four(_SIN_F32, z, z * z), x)


def _cos_f32(x: Real) -> Real:
    z = x * x
    z2 = z * z
    return fma(z2, four(_COS_F32, z, z2), fma(_MINUS_HALF, z, _ONE))


def _sin_f64(x: Real) -> Real:
    z = x * x
    return fma(z * x, eight(SIN_F64, z, z * z), x)


def _cos_f64(x: Real) -> Real:
    z = x * x
    z2 = z * z
    return fma(z2, eight(COS_F64, z, z2), fma(-0.5, z, 1.0))


sin, cos = by_precision(_sin_f32, _sin_f64), by_precision(_cos_f32, _cos_f64)
"""On [−π/2, π/2]."""


@inlined
def _go_on(p: Real, c: tuple[Real, ...], x: Real) -> Real:
    """The polynomial with the coefficients c before those that made p (Horner)."""
    return fma(fma(fma(fma(p, x, c[3]), x, c[2]), x, c[1]), x, c[0])


def _above_f32(x: Real) -> Real:
    return _go_on(fma(_ABOVE_F32[5], x, _ABOVE_F32[4]), _ABOVE_F32[:4], x)


def _below_f32(x: Real) -> Real:
    return _go_on(fma(_BELOW_F32[5], x, _BELOW_F32[4]), _BELOW_F32[:4], x)


def _above_f64(x: Real) -> Real:
    p = fma(NORMAL_ABOVE_F64[13], x, NORMAL_ABOVE_F64[12])
    return _go_on(_go_on(_go_on(p, NORMAL_ABOVE_F64[8:12], x), NORMAL_ABOVE_F64[4:8], x), NORMAL_ABOVE_F64[:4], x)


def _below_f64(x: Real) -> Real:
    p = _go_on(NORMAL_BELOW_F64[12], NORMAL_BELOW_F64[8:12], x)
    return _go_on(_go_on(p, NORMAL_BELOW_F64[4:8], x), NORMAL_BELOW_F64[:4], x)


above, below = by_precision(_above_f32, _above_f64), by_precision(_below_f32, _below_f64)
"""The two polynomials whose ratio inverts the normal distribution: numerics.md §12."""


@inlined
def upper_tail(x: Real) -> Real:
    """P(Z > |x|) of a standard normal Z, absolute error below 1e-15: numerics.md §9."""
    z = -x if x < 0.0 else x
    t = 4.0 / (z + 4.0)
    u = fma(2.5, t, -1.5)
    u2 = u * u
    u4 = u2 * u2
    u8 = u4 * u4
    low = fma(u8, eight(TAIL_F64[8:16], u, u2), eight(TAIL_F64[:8], u, u2))
    return exp(-0.5 * z * z) * (t * fma(u8 * u8, four(TAIL_F64[16:], u, u2), low))


@inlined
def normal_cdf(x: Real) -> Real:
    return upper_tail(x) if x < 0.0 else 1.0 - upper_tail(x)


@inlined
def normal_quantile(p: Real) -> Real:
    """The inverse of it, numerics.md §12: infinite where p or 1 - p is below 2^-33."""
    t = p if p < 0.5 else 1.0 - p
    if not t >= 2.0**-33:
        return -np.inf if p < 0.5 else np.inf
    v = -log(fma(-4.0 * t, t, 4.0 * t))
    z = fma(-2.0, t, 1.0) * above(v) / below(v)
    return -z if p < 0.5 else z


# ------------------------------------------------------------------------------------------------------- called from Python

_BOTH, _DOUBLE = ("log", "exp2", "sin", "cos"), ("exp", "pow", "normal_cdf", "normal_quantile")


def elementary(name: str, x: Any, y: Any = None) -> Any:
    """log, exp2, sin, cos (both precisions, sin and cos on [−π/2, π/2]), exp, pow, normal_cdf or normal_quantile (double) of an array, elementwise.
    numerics.md §6, §9 and §12."""
    function = (*_BOTH, *_DOUBLE).index(name)
    x = np.ascontiguousarray(x)
    x = x if x.flags.writeable else x.copy()
    if x.ndim != 1 or not (x.dtype == f8 or (x.dtype == f4 and name in _BOTH)):
        raise ValueError(f"{name} is of one row of float64{' or float32' if name in _BOTH else ''} numbers, not of {x.ndim} dimensions of {x.dtype}")
    out = np.empty_like(x)
    if name in _BOTH:
        _apply(function, x, out)
    else:
        powers = x if y is None else np.broadcast_to(y, x.shape)
        _apply_double(function, x, np.array(powers, f8), out)
    return out


@Kernel
def _apply(function: Whole, x: Array, out: Array) -> None:
    for i in range(len(x)):
        if function == 0:
            out[i] = log(x[i])
        elif function == 1:
            out[i] = exp2(x[i])
        elif function == 2:
            out[i] = sin(x[i])
        else:
            out[i] = cos(x[i])


@Kernel
def _apply_double(function: Whole, x: Array, y: Array, out: Array) -> None:
    for i in range(len(x)):
        if function == 4:
            out[i] = exp(x[i])
        elif function == 5:
            out[i] = power(x[i], y[i])
        else:
            out[i] = normal_cdf(x[i]) if function == 6 else normal_quantile(x[i])
