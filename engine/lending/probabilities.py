"""Probabilities of default by loan year, and the thresholds below which a borrower defaults. docs/numerics.md §19, "Probability of default".

l = loans, c = entries of their curves, n = loan years, one loan after another.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipvalue.backend import kernel

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


def default_probabilities(offset: Longs, lengths: Floats, start: Longs, cumulative: Floats) -> Floats:
    """The probability of default in each loan year, given none before. (n)

    offset (l + 1), lengths (n): the loans' years. start (l + 1), cumulative (c): probabilities of default by the ends of years 1, 2, …, at least one
    for each loan; after the last year they are those of it.
    """
    before = np.concatenate([np.zeros(min(len(cumulative), 1)), cumulative[:-1]])
    before[start[:-1]] = 0.0
    annual = np.divide(cumulative - before, 1.0 - before, out=np.zeros(len(cumulative)), where=before < 1.0)
    loan = np.repeat(np.arange(len(offset) - 1), np.diff(offset))
    year = np.arange(len(loan)) - offset[loan]
    p: Floats = annual[start[loan] + np.minimum(year, np.diff(start)[loan] - 1)]
    part = np.flatnonzero((lengths != 1.0) & (p < 1.0))
    p[part] = 1.0 - kernel.elementary("pow", 1.0 - p[part], lengths[part])
    return p


def thresholds(p: Floats) -> Floats:
    """Where a standard normal falls below with probability p: infinite where p or 1 − p is below 2⁻³³. (n)"""
    found: Floats = kernel.elementary("normal_quantile", p)
    return found
