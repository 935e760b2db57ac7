"""The slow definition of loans, their payments and their borrowers' defaults: docs/numerics.md section 19, on the random numbers of tests/oracle.py.

A loan is a plain dict of loan columns. Shapes: y = loan years (index y - 1), p = paths. Money is in the market's currency.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

import oracle
from oracle import Array, Market, column

Loan = Mapping[str, Any]

PURPOSE_BORROWER = 7
SMALLEST_PD = 2.0**-33


# ----------------------------------------------------------------------------------------------------------------------
# Dates and payments


@dataclass
class Schedule:
    """What is owed and paid: (y,), `balance` (y + 1,) from the start on."""

    ends: Array
    lengths: Array
    balance: Array
    interest: Array
    principal: Array

    @property
    def years(self) -> int:
        return len(self.ends)

    @property
    def ead(self) -> Array:
        return self.balance[:-1] + self.interest


def loan_years(loan: Loan) -> int:
    return max(oracle.ceil_time(float(loan["term"])), 1)


def schedule(loan: Loan, market: Market) -> Schedule:
    years, term, rate = loan_years(loan), float(loan["term"]), float(loan["rate"])
    fx = market.fx_rate(str(column(loan, "currency", market.currency)))
    ends = np.array([min(y, term) for y in range(1, years + 1)])
    lengths = np.diff(np.concatenate([[0.0], ends]))
    balance, interest, principal = np.zeros(years + 1), np.zeros(years), np.zeros(years)
    balance[0] = float(loan["principal"]) * fx
    kind = column(loan, "amortisation", "bullet")
    payment = balance[0] / sum((1 + rate) ** -t for t in ends)
    for y in range(years):
        interest[y] = balance[y] * (rate if lengths[y] == 1 else (1 + rate) ** lengths[y] - 1)
        if y == years - 1:
            principal[y] = balance[y]
        elif kind == "level":
            principal[y] = balance[0] / years
        elif kind == "annuity":
            principal[y] = payment - interest[y]
        elif kind == "schedule":
            principal[y] = float(loan["schedule"][y]) * fx
        balance[y + 1] = balance[y] - principal[y]
    return Schedule(ends, lengths, balance, interest, principal)


# ----------------------------------------------------------------------------------------------------------------------
# Default


def default_probabilities(loan: Loan, lengths: Array, ratings: Mapping[str, Sequence[float]] | None = None) -> Array:
    """p_y, given no default before. (y,)"""
    curve = column(loan, "pd_curve", None)
    if curve is None and loan.get("rating") is not None:
        curve = (ratings or {})[loan["rating"]]
    if curve is None:
        annual = [float(loan["pd"])]
    else:
        before = [0.0, *curve[:-1]]
        annual = [(d - b) / (1 - b) if b < 1 else 0.0 for d, b in zip(curve, before, strict=True)]
    p = np.array([annual[min(y, len(annual) - 1)] for y in range(len(lengths))])
    return np.where(lengths == 1, p, 1 - (1 - p) ** lengths)


def default_threshold(p: float) -> float:
    if p < SMALLEST_PD or p > 1 - SMALLEST_PD:
        return math.inf if p > 0.5 else -math.inf
    return NormalDist().inv_cdf(p)


def period_at(time: float, steps: int) -> int:
    return oracle.ceil_time(time * steps)


def year_factors(market: Market, sector: str, ends: Sequence[float] | Array, seed: int, paths: Array) -> list[Array]:
    """G_{s,y} up to each of the dates, each (p,)."""
    last = [0, *(period_at(t, market.steps_per_year) for t in ends)]
    f = oracle.factor_normals(market, sector, seed, paths, last[-1])
    return [sum(f[a:b]) / math.sqrt(b - a) for a, b in itertools.pairwise(last)]  # type: ignore[misc]


def borrower_of(loan: Loan) -> str:
    return str(column(loan, "borrower_id", loan["loan_id"]))


def asks_for_default(
    loan: Loan, plan: Schedule, factors: Sequence[Array], seed: int, paths: Array, ratings: Mapping[str, Sequence[float]] | None = None
) -> Array:
    """First year in which the loan by itself asks for default, 0 for none. (p,) factors: G of its sector by year, none where it loads on none."""
    rho = float(column(loan, "factor_loading", 0.0))
    shocks = oracle.normals(seed, oracle.xxh64(borrower_of(loan).encode()), PURPOSE_BORROWER, 0, plan.years, paths)
    first = np.zeros(len(paths), int)
    for y, p in enumerate(default_probabilities(loan, plan.lengths, ratings)):
        asset_return = rho * factors[y] + math.sqrt(1 - rho**2) * shocks[y] if rho != 0 else shocks[y]
        first = np.where((first == 0) & (asset_return <= default_threshold(p)), y + 1, first)
    return first
