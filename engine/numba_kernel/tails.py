"""The tails of the normal distribution: docs/numerics.md §9."""

from __future__ import annotations

from ipvalue.constants import TAIL_F64
from ipvalue.numba_kernel.arithmetic import fma
from ipvalue.numba_kernel.compiler import Array, Real, inlined, loop
from ipvalue.numba_kernel.elementary import eight, exp, four


@inlined
def upper_tail(x: Real) -> Real:
    """P(Z > |x|) of a standard normal Z, absolute error below 1e-15."""
    z = -x if x < 0.0 else x
    t = 4.0 / (z + 4.0)
    u = fma(2.5, t, -1.5)
    u2 = u * u
    u4 = u2 * u2
    u8 = u4 * u4
    low = fma(u8, eight(TAIL_F64[8:16], u, u2), eight(TAIL_F64[:8], u, u2))
    return exp(-0.5 * z * z) * (t * fma(u8 * u8, four(TAIL_F64[16:], u, u2), low))


@loop
def upper_tails(x: Array, out: Array) -> None:
    """The same of numbers (n,)."""
    for i in range(len(x)):
        out[i] = upper_tail(x[i])
