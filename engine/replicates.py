"""Means of 16 replicates → the best estimate and its standard error (docs/numerics.md §14).

a = assets, r = replicates
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def controlled(values: Floats, control: Floats, expectation: Floats) -> tuple[Floats, Floats]:
    """(a,) mean and standard error from replicate means (a, r) of what is wanted, and of a control whose expectation (a,) is known.

    The control's coefficient is fitted on the replicate means; 0 where the error is smaller without it.
    """
    mean, error, _, _ = _fitted(values, control, expectation)
    return mean, error


def by_replicate(values: Floats, control: Floats, expectation: Floats) -> Floats:
    """(a, r) what each replicate alone contributes to the mean that `controlled` gives, which is their average."""
    _, _, slope, used = _fitted(values, control, expectation)
    return np.where(used[:, None], values - slope[:, None] * (control - expectation[:, None]), values)


def _fitted(values: Floats, control: Floats, expectation: Floats) -> tuple[Floats, Floats, Floats, npt.NDArray[np.bool_]]:
    """(a,) mean, standard error, the control's coefficient, and whether it is used."""
    count = values.shape[1]
    mean, centre = _sum(values) / count, _sum(control) / count
    y, c = values - mean[:, None], control - centre[:, None]
    syy, syc, scc = _sum(y * y), _sum(y * c), _sum(c * c)
    plain = np.sqrt(syy / (count * (count - 1)))
    moves = scc > 0.0
    divisor = np.where(moves, scc, 1.0)
    slope, off = syc / divisor, centre - expectation
    rest = np.maximum(syy - slope * syc, 0.0)
    error = np.sqrt(rest / (count - 2) * (1.0 / count + off * off / divisor))
    better = moves & (error < plain)
    return np.where(better, mean - slope * off, mean), np.where(better, error, plain), slope, better


def standard_error(values: Floats) -> Floats:
    """(a,) standard error of the mean of replicate means (a, r)."""
    count = values.shape[1]
    off = values - (_sum(values) / count)[:, None]
    error: Floats = np.sqrt(_sum(off * off) / (count * (count - 1)))
    return error


def _sum(values: Floats) -> Floats:
    """Over the replicates, in order."""
    total = values[:, 0]
    for r in range(1, values.shape[1]):
        total = total + values[:, r]
    return total
