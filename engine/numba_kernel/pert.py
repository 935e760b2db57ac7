"""The quantiles of PERT's beta distributions as a table: operation by operation as in ext/inputs_impl.h. docs/numerics.md §17."""

from __future__ import annotations

import numpy as np

from ipvalue.constants import LN2_HI_F64, PERT_CELLS, PERT_NEWTON, PERT_REACH, PERT_STEPS, PERT_TERMS, PI
from ipvalue.numba_kernel.arithmetic import fma
from ipvalue.numba_kernel.compiler import Array, Real, device
from ipvalue.numba_kernel.elementary import exp, log, upper_tail

f8 = np.float64


@device
def _beta_series(a: Real, b: Real, x: Real) -> Real:
    """Σ c_n x^n/(a + n), c_n the coefficients of (1 − x)^(b−1): x^a times it is the incomplete beta function."""
    term, total = 1.0, 1.0 / a
    for n in range(1, PERT_TERMS + 1):
        term *= (f8(n) - b) / f8(n) * x
        total += term / (a + f8(n))
    return total


@device
def _beta_root(a: Real, b: Real, target: Real) -> Real:
    """ln x of the x in (0, ½] at which the incomplete beta function is e^target: Newton's method on ln x, from below."""
    at = (target + log(a)) / a
    for _ in range(PERT_NEWTON):
        x = exp(at)
        total = _beta_series(a, b, x)
        at -= (fma(a, at, log(total)) - target) * total / exp((b - 1.0) * log(1.0 - x))
        at = at if at < -LN2_HI_F64 else -LN2_HI_F64
    return at


@device
def make_pert(shape: Real, cells: Array) -> None:
    """cells (c, 6): the quantile function of Beta(1 + 4 shape, 5 − 4 shape) at Φ(z), as polynomials of the fifth degree on cells of z."""
    a, b, step = 1.0 + 4.0 * shape, 5.0 - 4.0 * shape, 1.0 / PERT_STEPS
    lower = exp(-a * log(2.0)) * _beta_series(a, b, 0.5)
    upper = exp(-b * log(2.0)) * _beta_series(b, a, 0.5)
    whole, half, root = log(lower + upper), lower / (lower + upper), 0.5 * log(2.0 * PI)
    x0 = s0 = b0 = 0.0
    for j in range(PERT_CELLS + 1):
        z = f8(j) * step - PERT_REACH
        tail = upper_tail(z)
        below, above = (tail, 1.0 - tail) if z < 0.0 else (1.0 - tail, tail)
        if below <= half:
            log_x = _beta_root(a, b, log(below) + whole)
            log_y = log(1.0 - exp(log_x))
        else:
            log_y = _beta_root(b, a, log(above) + whole)
            log_x = log(1.0 - exp(log_y))
        x1 = exp(log_x)
        first = exp(whole - root - 0.5 * z * z - (a - 1.0) * log_x - (b - 1.0) * log_y)
        s1 = step * first
        b1 = step * step * first * (-z - ((a - 1.0) / x1 - (b - 1.0) / exp(log_y)) * first)
        if j > 0:
            rise, c = x1 - x0, cells[j - 1]
            c[0] = x0
            c[1] = s0
            c[2] = 0.5 * b0
            c[3] = 10.0 * rise - 6.0 * s0 - 4.0 * s1 - 1.5 * b0 + 0.5 * b1
            c[4] = -15.0 * rise + 8.0 * s0 + 7.0 * s1 + 1.5 * b0 - b1
            c[5] = 6.0 * rise - 3.0 * s0 - 3.0 * s1 - 0.5 * b0 + 0.5 * b1
        x0, s0, b0 = x1, s1, b1
