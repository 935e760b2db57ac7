"""The same error of the mean under both samplers: how many paths each needs for it, on rights that docs/numerics.md §15 describes.

Random paths are counted: (deviation / (ERROR · mean))² of them. Under sobol it is tried: the smallest power of two at which the root mean square of
the mean's errors over SEEDS seeds and COPIES copies of the right is at most ERROR of the mean. What is true is a sobol run so long that its own error
is far smaller; both samplers take the same boundary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.appraise import Appraiser
from ipvalue.cashflows import Vectors
from ipvalue.simulate import Sampler, simulate
from ipvalue.summary import figures_of
from rights import appraiser, batch, vectors

Floats = npt.NDArray[np.float64]

ERROR = 1e-3
"""Standard error wanted, as a share of the mean."""
SEEDS = range(1, 65)
COPIES = 16
FEWEST_PATHS, MOST_PATHS = 32, 1 << 15
LONG = 1 << 20
"""Paths of the run that is taken for the truth."""

INCOME = 50_000.0
"""Royalty of the first year, before growth: 5 % of 1 M."""
COMMON: dict[str, Any] = {"volatility": 0.25, "factor_loading": 0.4, "hazard": 0.05, "growth": 0.0, "annual_cost": 0.0}
FALLING: dict[str, Any] = {**COMMON, "growth": -0.1, "renewal": "optimal"}
ASSETS: dict[str, dict[str, Any]] = {
    "costs_15": {**FALLING, "annual_cost": 0.15 * INCOME},
    "costs_30": {**FALLING, "annual_cost": 0.30 * INCOME},
    "costs_80": {**COMMON, "renewal": "optimal", "annual_cost": 0.80 * INCOME},
    "licence_60_150": {**COMMON, "method": "licence", "minimum_guarantee": 0.6 * INCOME, "cap": 1.5 * INCOME},
    "plain": COMMON,
}
"""Rights of ten years. Costs are a share of INCOME, which falls by a tenth a year in costs_15 and costs_30; the licence has its guarantee at 60 % and
its cap at 150 % of INCOME; plain has neither option nor bound, so that its mean is the closed form."""


def prepared(name: str, count: int) -> tuple[Vectors, Appraiser]:
    """So many copies of a right as vectors, boundaries solved, and what values them."""
    values = appraiser()
    return vectors(batch(ASSETS[name], count), values), values


def estimates(given: Vectors, values: Appraiser, sampler: Sampler, paths: int, seed: int = 1) -> tuple[Floats, Floats]:
    """(a,) means and reported standard errors of rights."""
    sampling = replace(values.sampling, sampler=sampler, paths=paths, seed=seed)
    found = figures_of(given, simulate(given, values.factors, sampling, None, None), sampling)
    return found.mean, found.standard_error


@dataclass(frozen=True)
class Need:
    """What a right needs for the error: random paths; sobol paths with the error they have (root mean square) and the one they report (the same),
    both as shares of the mean."""

    random: int
    sobol: int
    error: float
    reported: float


def need(name: str) -> Need:
    """Finds it. RuntimeError where MOST_PATHS do not reach the error."""
    given, values = prepared(name, COPIES)
    truth = float(np.mean(estimates(given, values, "sobol", LONG)[0]))
    _, errors = estimates(given, values, "random", LONG)
    deviation = float(np.sqrt(np.mean(errors**2) * LONG))
    paths = FEWEST_PATHS
    while paths <= MOST_PATHS:
        found = [estimates(given, values, "sobol", paths, seed) for seed in SEEDS]
        error, reported = (float(np.sqrt(np.mean(np.square(each)))) / abs(truth) for each in ([m - truth for m, _ in found], [e for _, e in found]))
        if error <= ERROR:
            return Need(round((deviation / (ERROR * truth)) ** 2), paths, error, reported)
        paths *= 2
    raise RuntimeError(f"{name}: {MOST_PATHS:,} paths of sobol leave an error above {100 * ERROR:g} % of the mean")
