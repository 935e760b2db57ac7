"""First-order and total indices from path values, with their standard errors: docs/numerics.md §18.

a = rights, p = paths
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipvalue.constants import REPLICATES

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Index:
    """(a,) an index and its standard error, NaN where there is none."""

    value: Floats
    error: Floats


def are_still(base: Floats, anew: Floats) -> npt.NDArray[np.bool_]:
    """(a,) whether values (a, p) of both are the same on all paths, so that there is no variance to come from anything."""
    still: npt.NDArray[np.bool_] = (base == base[:, :1]).all(axis=1) & (anew == base[:, :1]).all(axis=1)
    return still


def first_order_and_total(base: Floats, anew: Floats, moved: Floats) -> tuple[Index, Index]:
    """First-order and total index of an input, from path values (a, p): the `base`; with everything drawn `anew`; the base with that input anew.

    The first is the correlation of anew and moved, which share the input alone (Janon, Klein, Lagnoux, Nodet & Prieur, ESAIM: Probability and
    Statistics 18, 2014), the second 1 less that of base and moved, which share all else: Jansen's estimator (Computer Physics Communications
    117, 1999) by the variance of both. base and anew share nothing: their covariance, known to be 0, is the control.
    """
    count = base.shape[1]
    product = (base - _mean(base)) * (anew - _mean(anew))
    covariance = _mean(product)
    off = product - covariance
    square = _sum(off * off)
    first, total = (_controlled(*_correlation(one, moved), off, square, covariance, count) for one in (anew, base))
    return first, Index(1.0 - total.value, total.error)


def _correlation(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Of two sets of values with one distribution: the correlation (a, 1), and what each path contributes to its error (a, p)."""
    mean = 0.5 * (_mean(one) + _mean(other))
    one, other = one - mean, other - mean
    square = 0.5 * (one * one + other * other)
    variance, product = _mean(square), one * other
    with np.errstate(divide="ignore", invalid="ignore"):
        found = _mean(product) / variance
        return found, (product - found * square) / variance


def _controlled(value: Floats, parts: Floats, off: Floats, square: Floats, expected: Floats, count: int) -> Index:
    """The value less what the control explains of it. parts, off (a, p): what each path contributes to the value and to the control."""
    slope = np.where(square > 0.0, _sum(parts * off) / np.where(square > 0.0, square, 1.0), 0.0)
    rest = parts - slope * off
    error = np.sqrt(_sum(rest * rest) / (count * (count - 2.0))) if count > 2 else np.full_like(value, np.nan)
    return Index((value - slope * expected)[:, 0], error[:, 0])


def _mean(values: Floats) -> Floats:
    mean: Floats = _sum(values) / values.shape[1]
    return mean


def _sum(values: Floats) -> Floats:
    """(a, 1) sums of (a, p) in the stripes of docs/numerics.md §7."""
    rights, paths = values.shape
    whole = paths // REPLICATES * REPLICATES
    stripes: Floats = values[:, :whole].reshape(rights, -1, REPLICATES).sum(axis=1)
    stripes[:, : paths - whole] += values[:, whole:]
    width = REPLICATES
    while width > 1:
        width //= 2
        stripes = stripes[:, :width] + stripes[:, width:]
    return stripes
