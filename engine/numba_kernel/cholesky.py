"""The Cholesky factor of docs/numerics.md §4, in plain NumPy, in the order of ext/hash.c."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipvalue.constants import COLUMN_ZERO, PIVOT_NEGATIVE, PIVOT_ZERO


def cholesky(matrix: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """(s, s) lower triangle of a positive semidefinite matrix, numerics.md §4. ValueError if it is not."""
    source = np.ascontiguousarray(matrix, np.float64)
    n = len(source)
    if source.shape != (n, n):
        raise ValueError(f"the matrix is {' × '.join(map(str, source.shape))}, not square")
    out = np.zeros((n, n))
    for j in range(n):
        # the pivot and what is below it, less the columns before, one after the other
        column = source[j:, j].copy()
        for k in range(j):
            column -= out[j:, k] * out[j, k]
        pivot, rest = column[0], column[1:]
        if pivot < PIVOT_NEGATIVE:
            raise _refused(j)
        if not pivot <= PIVOT_ZERO:
            out[j, j] = np.sqrt(pivot)
            out[j + 1 :, j] = rest / out[j, j]
        elif (off := np.flatnonzero(np.abs(rest) > COLUMN_ZERO)).size:
            raise _refused(j + 1 + int(off[0]))
    return out


def _refused(row: int) -> ValueError:
    return ValueError(f"the matrix is not positive semidefinite (seen at row {row + 1})")
