"""The tails of the normal distribution: docs/numerics.md §9."""

from __future__ import annotations

from ipvalue.numba_kernel.compiler import Array, loop
from ipvalue.numba_kernel.elementary import upper_tail


@loop
def upper_tails(x: Array, out: Array) -> None:
    """out[i] = P(Z > |x_i|) of a standard normal Z, absolute error below 1e-15."""
    for i in range(len(x)):
        out[i] = upper_tail(x[i])
