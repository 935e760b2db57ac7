"""Correlations of the draws of a row's inputs (docs/numerics.md §17)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ipvalue.backend import kernel
from ipvalue.constants import INPUTS
from ipvalue.rows import Floats

PAIRS = tuple((i, j) for i in range(INPUTS) for j in range(i + 1, INPUTS))
"""Which inputs the entries of input_correlations are of."""


@lru_cache(maxsize=4096)
def triangle(entries: tuple[float, ...]) -> Floats | None:
    """(k, k) the lower triangle of the correlations with these entries; None where they are of no correlations."""
    matrix = np.eye(INPUTS)
    for (i, j), entry in zip(PAIRS, entries, strict=True):
        matrix[i, j] = matrix[j, i] = entry
    try:
        return kernel.cholesky(matrix)
    except ValueError:
        return None
