"""The reference workload: what every speed in this project is quoted for.

Each asset earns a growing royalty for ten years, moves with its sector's factor, may lapse in any year and costs
something to keep. Asked for: mean, standard deviation, standard error, five quantiles, expected shortfall,
probability of loss and expected life, in single precision. One path-year is one path of one asset through one year,
statistics included.

a = assets, t = years, s = sectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

YEARS = 10
PATHS = 10_000
SECTORS = ("biotech", "hardware", "pharma", "software")
CORRELATION = 0.3  # between any two sectors
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
TAIL = 0.05
RATE = 0.02  # flat risk-free rate, annual effective

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Assets:
    """Columns (a,) of the reference portfolio, by the names of the portfolio schema, and the vectors (a,t) that
    follow from them."""

    asset_id: list[str]
    sector: NDArray[np.int64]  # position in SECTORS
    revenue: Floats
    growth: Floats
    royalty_rate: Floats
    tax_rate: Floats
    discount_premium: Floats
    volatility: Floats
    factor_loading: Floats
    hazard: Floats
    annual_cost: Floats

    def __len__(self) -> int:
        return len(self.asset_id)

    @property
    def income(self) -> Floats:
        """w (a,t): present value of one year's royalty at level 1."""
        year = np.arange(1, YEARS + 1)
        middle = year - 0.5
        after_tax = (1 - self.tax_rate) * self.royalty_rate * self.revenue
        per_year = (1 + self.growth[:, None]) ** year
        return after_tax[:, None] * per_year * self.discount(middle)

    @property
    def cost(self) -> Floats:
        """f (a,t): present value of one year's cost."""
        middle = np.arange(1, YEARS + 1) - 0.5
        return ((1 - self.tax_rate) * self.annual_cost)[:, None] * self.discount(middle)

    @property
    def survival(self) -> Floats:
        """S (a,t): probability of living in year t."""
        return np.exp(-self.hazard[:, None] * np.arange(1, YEARS + 1))

    def discount(self, years: Floats) -> Floats:
        return (1 + RATE + self.discount_premium[:, None]) ** -years

    @property
    def expected_value(self) -> Floats:
        """E[V] (a,): levels have mean 1 and lapse is independent of them."""
        return (self.survival * (self.income - self.cost)).sum(axis=1)

    @property
    def expected_life(self) -> Floats:
        """(a,): years."""
        return self.survival.sum(axis=1)


def reference_assets(count: int, seed: int = 1) -> Assets:
    """`count` assets drawn in the ranges of ordinary patents. The same for the same count and seed."""
    rng = np.random.default_rng(seed)
    return Assets(
        asset_id=[f"R{i:07d}" for i in range(count)],
        sector=rng.integers(0, len(SECTORS), count),
        revenue=10 ** rng.uniform(5, 8, count),
        growth=rng.uniform(-0.05, 0.10, count),
        royalty_rate=rng.uniform(0.01, 0.08, count),
        tax_rate=rng.choice([0.15, 0.25], count),
        discount_premium=rng.uniform(0.06, 0.16, count),
        volatility=rng.uniform(0.15, 0.40, count),
        factor_loading=rng.uniform(0.2, 0.7, count),
        hazard=rng.uniform(0.02, 0.12, count),
        annual_cost=rng.uniform(500, 5_000, count),
    )


def correlation() -> Floats:
    """(s,s)"""
    matrix = np.full((len(SECTORS), len(SECTORS)), CORRELATION)
    np.fill_diagonal(matrix, 1.0)
    return matrix
