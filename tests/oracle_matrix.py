"""The factor of a correlation matrix, as docs/numerics.md section 4 has it: that of the sectors' factors and of uncertain inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def cholesky(matrix: Array | Sequence[Sequence[float]]) -> Array:
    """Lower triangle of a positive semidefinite correlation matrix, row by row (numerics.md section 4).

    A pivot in [-1e-9, 1e-12] counts as zero, and its column must then vanish to 1e-6.

    Raises ValueError where the matrix is indefinite.
    """
    a = np.asarray(matrix, dtype=float)
    n = len(a)
    lower = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            rest = a[i, j] - sum(lower[i, k] * lower[j, k] for k in range(j))
            if i == j:
                if rest < -1e-9:
                    raise ValueError("correlation is not positive semidefinite")
                lower[i, i] = math.sqrt(rest) if rest > 1e-12 else 0.0
            elif lower[j, j] > 0:
                lower[i, j] = rest / lower[j, j]
            elif abs(rest) > 1e-6:
                raise ValueError("correlation is not positive semidefinite")
    return lower
