"""First-order and total indices from path values, with their standard errors: docs/numerics.md §18.

a = rights, p = paths
"""

from __future__ import annotations

from copy import copy
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


class Pair:
    """Path values (a, p) of rights as they are (`base`) and with everything drawn `anew`. They share nothing: their covariance, known to be 0, is the
    control of every index."""

    def __init__(self, base: Floats, anew: Floats) -> None:
        self.base, self.anew = base, anew
        self._means = _mean(base), _mean(anew)
        product = (base - self._means[0]) * (anew - self._means[1])
        self._covariance = _mean(product)
        self._off = product - self._covariance
        self._square = _sum(self._off * self._off)

    def of(self, rights: npt.NDArray[np.bool_]) -> Pair:
        """Those of some rights (a,)."""
        if rights.all():
            return self
        part = copy(self)
        for name, numbers in vars(self).items():
            setattr(part, name, tuple(one[rights] for one in numbers) if isinstance(numbers, tuple) else numbers[rights])
        return part

    def are_still(self) -> npt.NDArray[np.bool_]:
        """(a,) whether the values are the same on all paths, so that there is no variance to come from anything."""
        first = self.base[:, :1]
        still: npt.NDArray[np.bool_] = (self.base == first).all(axis=1) & (self.anew == first).all(axis=1)
        return still

    def indices(self, moved: Floats) -> tuple[Index, Index]:
        """First-order and total index of an input, from the values (a, p) of the base with that input drawn anew.

        The first is the correlation of anew and moved, which share the input alone (Janon, Klein, Lagnoux, Nodet & Prieur, ESAIM: Probability and
        Statistics 18, 2014), the second 1 less that of base and moved, which share all else: Jansen's estimator (Computer Physics Communications
        117, 1999) by the variance of both.
        """
        mean = _mean(moved)
        shared = self._correlation(self.base, self._means[0], moved, mean)
        return self._correlation(self.anew, self._means[1], moved, mean), Index(1.0 - shared.value, shared.error)

    def _correlation(self, one: Floats, mean: Floats, other: Floats, mean_other: Floats) -> Index:
        """Of two sets of values with one distribution, less what the control explains of it."""
        count, middle = one.shape[1], 0.5 * (mean + mean_other)
        one, other = one - middle, other - middle
        squares = 0.5 * (one * one + other * other)
        variance, product = _mean(squares), one * other
        with np.errstate(divide="ignore", invalid="ignore"):
            found = _mean(product) / variance
            parts = (product - found * squares) / variance  # what each path has in its error
        slope = np.where(self._square > 0.0, _sum(parts * self._off) / np.where(self._square > 0.0, self._square, 1.0), 0.0)
        rest = parts - slope * self._off
        error = np.sqrt(_sum(rest * rest) / (count * (count - 2.0))) if count > 2 else np.full_like(found, np.nan)
        return Index((found - slope * self._covariance)[:, 0], error[:, 0])


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
