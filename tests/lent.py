"""Loans as plain dicts -> their borrowers for the kernels, and the same by the slow definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import oracle_borrowers
from oracle_borrowers import Loan, asks_for_default, borrower_of, year_factors

import oracle
from ipvalue.lending.amortisation import Schedules, schedules
from ipvalue.lending.defaults import Borrowers, borrowers_of
from ipvalue.lending.probabilities import default_probabilities, thresholds
from ipvalue.simulate import Factors, Sampling

Array = npt.NDArray[Any]

PLAIN = {"principal": 100.0, "rate": 0.05, "amortisation": "bullet"}


def factors_of(market: oracle.Market) -> Factors:
    """The market's factors for the kernels."""
    names = sorted(market.factors, key=str.encode)
    order = [market.factors.index(name) for name in names]
    matrix = np.eye(len(names)) if market.correlation is None else np.asarray(market.correlation)[np.ix_(order, order)]
    return Factors(oracle.cholesky(matrix), np.array([oracle.xxh64(name.encode()) for name in names], np.uint64), market.steps_per_year)


def schedules_of(loans: Sequence[Loan]) -> Schedules:
    principal, rate, term = (np.array([float(loan[name]) for loan in loans]) for name in ("principal", "rate", "term"))
    return schedules(principal, rate, term, [loan["amortisation"] for loan in loans])


def probabilities_of(loans: Sequence[Loan], plan: Schedules, ratings: Mapping[str, Sequence[float]]) -> Array:
    """p (y) of loans with a pd, a pd_curve or a rating."""
    tables = [loan.get("pd_curve") or (ratings[loan["rating"]] if loan.get("rating") else [float(loan.get("pd") or 0.0)]) for loan in loans]
    start = np.cumsum([0, *map(len, tables)])
    return default_probabilities(plan.offset, plan.lengths, start, np.array([d for table in tables for d in table]))


def borrowers(loans: Sequence[Loan], market: oracle.Market, ratings: Mapping[str, Sequence[float]] | None = None) -> tuple[list[str], Borrowers]:
    """Their names, in the order in which they come, and themselves."""
    plan, names = schedules_of(loans), list(dict.fromkeys(map(borrower_of, loans)))
    hashes = np.array([oracle.xxh64(name.encode()) for name in names], np.uint64)
    sectors = sorted(market.factors, key=str.encode)
    factor = np.array([sectors.index(loan["sector"]) if loan.get("sector") else -1 for loan in loans], np.int32)
    rho = np.array([float(loan.get("factor_loading") or 0.0) for loan in loans])
    whose = np.array([names.index(borrower_of(loan)) for loan in loans], np.int32)
    threshold = thresholds(probabilities_of(loans, plan, ratings or {}))
    return names, borrowers_of(plan, hashes, whose, factor, rho, threshold, market.steps_per_year)


def slow_years(
    loans: Sequence[Loan], market: oracle.Market, seed: int, paths: int, ratings: Mapping[str, Sequence[float]] | None = None
) -> dict[str, Array]:
    """borrower -> the first year in which one of its loans asks for default, 0 for none (p,): by tests/oracle_borrowers.py."""
    first: dict[str, Array] = {}
    numbers, never = np.arange(paths), 10**6
    for loan in loans:
        plan = oracle_borrowers.schedule(loan, market)
        factors = year_factors(market, str(loan["sector"]), plan.ends, seed, numbers) if loan.get("factor_loading") else []
        years = asks_for_default(loan, plan, factors, seed, numbers, ratings)
        years = np.where(years == 0, never, years)
        first[borrower_of(loan)] = np.minimum(first.get(borrower_of(loan), years), years)
    return {name: np.where(years == never, 0, years) for name, years in first.items()}


def sampling(paths: int, **options: Any) -> Sampling:
    return Sampling(**{"paths": paths, "seed": 2**63 + 1, "precision": "double", "quantiles": (), "tail": 0.05, **options})
