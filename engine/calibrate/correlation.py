"""Correlation matrices: from series with gaps, shrunk, and repaired to one that factors can have.

t = years, s = sectors
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipvalue.calibrate.needs import needed
from ipvalue.schema import InputError

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

LEAST_YEARS = 4
"""Fewer years give a correlation no interval (Fisher)."""
LEAST_EIGENVALUE = 1e-5
"""So much stays of the identity in a repaired matrix that its rounded figures are positive semidefinite too."""
_ROUNDS, _CLOSE = 1000, 1e-12
_NORMAL_95 = 1.959963984540054


def pairwise(panel: Floats) -> tuple[Floats, Longs]:
    """Correlations (s, s) of the columns of a panel (t, s), NaN where a year is not known, each over the years that both are known in, and the number
    of these."""
    known = np.isfinite(panel)
    sectors = panel.shape[1]
    correlation, years = np.eye(sectors), np.zeros((sectors, sectors), np.int64)
    for i in range(sectors):
        for j in range(i + 1):
            both = known[:, i] & known[:, j]
            years[i, j] = years[j, i] = both.sum()
            if i != j:
                correlation[i, j] = correlation[j, i] = _correlation(panel[both, i], panel[both, j])
    return correlation, years


def _correlation(x: Floats, y: Floats) -> float:
    """Pearson's; NaN where there are not two values, or one of the series is constant."""
    if len(x) < 2:
        return np.nan
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / scale) if scale > 0 else np.nan


def shrinkage(panel: Floats) -> float:
    """How far correlations are to be drawn to 0: Ledoit and Wolf's (2004), on the years in which all sectors are known, scaled to unit variance.

    Raises InputError where there are fewer than LEAST_YEARS of these.
    """
    whole = panel[np.isfinite(panel).all(axis=1)]
    if len(whole) < LEAST_YEARS:
        mend = f"give at least {LEAST_YEARS}, or leave the shortest sectors out"
        raise InputError(f"all sectors are known together in {len(whole)} years alone: {mend}")
    scaled = (whole - whole.mean(axis=0)) / whole.std(axis=0)
    return float(needed("sklearn.covariance").ledoit_wolf_shrinkage(scaled))


def nearest_correlation(matrix: Floats) -> Floats:
    """The correlation matrix nearest to a symmetric one (Frobenius): Higham (2002), IMA Journal of Numerical Analysis 22, algorithm 3.3.

    Projections in turn on the semidefinite matrices, with Dykstra's correction, and on those with unit diagonal; then a trace of the identity
    (LEAST_EIGENVALUE).
    """
    y, correction = matrix.copy(), np.zeros_like(matrix)
    for _ in range(_ROUNDS):
        before = y
        r = y - correction
        values, vectors = np.linalg.eigh((r + r.T) / 2.0)
        x = (vectors * np.maximum(values, 0.0)) @ vectors.T
        correction = x - r
        y = x.copy()
        np.fill_diagonal(y, 1.0)
        if np.abs(y - before).max() < _CLOSE:
            break
    smallest = float(np.linalg.eigvalsh(y)[0])
    if smallest < LEAST_EIGENVALUE:
        part = (LEAST_EIGENVALUE - smallest) / (1.0 - smallest)
        y = (1.0 - part) * y + part * np.eye(len(y))
    return np.clip((y + y.T) / 2.0, -1.0, 1.0)


def fisher_interval(correlation: Floats, years: Longs) -> tuple[Floats, Floats]:
    """The 95 % interval of correlations of so many years each (Fisher's z); NaN where they are too few."""
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.arctanh(np.clip(correlation, -1.0 + 1e-15, 1.0 - 1e-15))
        reach = np.where(years >= LEAST_YEARS, _NORMAL_95 / np.sqrt(np.maximum(years - 3, 1)), np.nan)
    return np.tanh(z - reach), np.tanh(z + reach)
