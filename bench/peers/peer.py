"""What every peer of the reference workload has in common: its inputs, prepared once, and the row of statistics it gives for an asset.

A peer is made from assets and a number of paths, and `run(start, stop)` simulates some of the assets. Drawing the factors, compiling and taking
scratch memory belong to making it: they are not timed.

a = assets, t = years, p = paths, s = sectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from workload import QUANTILES, SECTORS, TAIL, YEARS, Assets, correlation

Precision = Literal["single", "double"]
Reals = npt.NDArray[np.float32] | npt.NDArray[np.float64]

REAL: dict[Precision, type[np.float32] | type[np.float64]] = {"single": np.float32, "double": np.float64}


@dataclass(frozen=True)
class Row:
    """The statistics of one asset."""

    mean: float
    standard_deviation: float
    standard_error: float
    quantiles: tuple[float, ...]
    expected_shortfall: float
    probability_of_loss: float
    expected_life: float


class Peer(Protocol):
    """Simulates the reference workload."""

    def run(self, start: int = 0, stop: int | None = None) -> list[Row]: ...


@dataclass(frozen=True)
class Inputs:
    """The assets as a kernel wants them, in the peer's precision: the trend of the level is folded into the income.

    income, cost, survival (a,t); factor_share and own_share (a,), by which the factor's and the asset's own normals move the logarithm of the level.
    """

    income: Reals
    cost: Reals
    survival: Reals
    factor_share: Reals
    own_share: Reals
    sector: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sector)


def inputs(assets: Assets, precision: Precision) -> Inputs:
    """The vectors of the reference assets."""
    real = REAL[precision]
    volatility = assets.volatility
    trend = np.exp(-0.5 * volatility[:, None] ** 2 * np.arange(1, YEARS + 1))
    return Inputs(
        income=(assets.income * trend).astype(real),
        cost=assets.cost.astype(real),
        survival=assets.survival.astype(real),
        factor_share=(volatility * assets.factor_loading).astype(real),
        own_share=(volatility * np.sqrt(1 - assets.factor_loading**2)).astype(real),
        sector=assets.sector,
    )


def draw_factors(generator: np.random.Generator, paths: int, precision: Precision) -> Reals:
    """Running sums of the correlated factors, (s,t,p)."""
    lower = np.linalg.cholesky(correlation())
    independent = generator.standard_normal((len(SECTORS), YEARS, paths))
    return np.cumsum(np.einsum("sk,ktp->stp", lower, independent), axis=1).astype(REAL[precision])


def quantiles_agree(found: Sequence[float], ordered: Reals) -> bool:
    """Whether quantiles are those of another draw's values (p,), ascending: each between the other's at shares five standard errors of the difference
    apart, so that a jump of the distribution beside it does not matter."""
    paths = len(ordered)
    for q, one in zip(QUANTILES, found, strict=True):
        away = 5 * math.sqrt(2 * q * (1 - q) / paths)
        low, high = np.quantile(ordered, [q - away, q + away])
        rounding = 1e-6 * max(abs(low), abs(high))
        if not low - rounding <= one <= high + rounding:
            return False
    return True


def between(q: float, paths: int) -> tuple[int, int, float]:
    """The two ranks that a quantile lies between, and how far from the lower one."""
    place = q * (paths - 1)
    low = int(place)
    return low, min(low + 1, paths - 1), place - low


def worst(paths: int) -> int:
    """How many of the lowest values expected shortfall is the mean of."""
    return math.ceil(TAIL * paths - 1e-9)


def wanted_ranks(paths: int) -> list[int]:
    """The ranks, ascending, that quantiles and expected shortfall need of a sorted array."""
    return sorted({worst(paths) - 1, *(rank for q in QUANTILES for rank in between(q, paths)[:2])})


def row_of_sorted(ordered: Reals, mean: float, deviation: float, losses: int, life: int) -> Row:
    """A row from an asset's values (p,), ascending. `life` counts path-years lived."""
    paths, tail = len(ordered), worst(len(ordered))
    return make_row(lambda rank: float(ordered[rank]), paths, mean, deviation, float(ordered[:tail].sum(dtype=np.float64)), losses, life)


def make_row(value_of_rank: Callable[[int], float], paths: int, mean: float, deviation: float, tail_sum: float, losses: float, life: float) -> Row:
    """A row from what a peer found; quantiles are interpolated as numpy.quantile does."""
    quantiles = []
    for q in QUANTILES:
        low, high, share = between(q, paths)
        quantiles.append(value_of_rank(low) + (value_of_rank(high) - value_of_rank(low)) * share)
    return Row(
        mean=mean,
        standard_deviation=deviation,
        standard_error=deviation / math.sqrt(paths),
        quantiles=tuple(quantiles),
        expected_shortfall=tail_sum / worst(paths),
        probability_of_loss=losses / paths,
        expected_life=life / paths,
    )
