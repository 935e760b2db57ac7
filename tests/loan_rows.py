"""Loans for tests: rows over every feature of the loans table, and reading them as a run does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import portfolios
import pyarrow as pa

from ipvalue.lending.loan_rules import Named
from ipvalue.lending.policy import load_policies
from ipvalue.lending.ratings import load_ratings
from ipvalue.lending.read import LoanBook, read_loans
from ipvalue.lending.sharing import load_programmes
from ipvalue.market import load_market
from ipvalue.schema import LOANS

RATINGS = {"A": [0.001, 0.003, 0.006], "B": [0.04, 0.09, 0.13, 0.16], "D": [1.0, 1.0]}
NAMED = Named(load_market(portfolios.MARKET), load_ratings({"rating": RATINGS}), load_programmes(), load_policies())
PLAIN: dict[str, Any] = {
    "borrower_id": "B", "asset_ids": ["X"], "principal": 1000.0, "rate": 0.05, "term": 3.0, "pd": 0.02, "sector": "software", "factor_loading": 0.3,
}  # fmt: skip
SCHEMA = pa.schema([(name, column.arrow_type) for name, column in LOANS.items()])


def loan(loan_id: str, **columns: Any) -> dict[str, Any]:
    return {"loan_id": loan_id, **PLAIN, **columns}


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, SCHEMA)


def book_of(rows: list[dict[str, Any]] | object, tmp_path: Path, named: Named = NAMED) -> LoanBook:
    return read_loans(table(rows) if isinstance(rows, list) else rows, named, tmp_path / "spool")


def random_loans(n: int, seed: int, shared: float = 0.3) -> list[dict[str, Any]]:
    """Loans of few borrowers on rights that some share, ranked by a hidden order, so that there is no circle."""
    rng = np.random.default_rng(seed)
    hidden, taken = rng.permutation(n), 0
    loans: list[dict[str, Any]] = []
    for i in range(n):
        count = int(rng.integers(1, 4))
        ids = [f"shared {rng.integers(max(n // 3, 1))}" if rng.uniform() < shared else f"own {taken + j}" for j in range(count)]
        taken += count
        ids = list(dict.fromkeys(ids))
        term = float(rng.choice([0.4, 1.0, 2.5, 4.0, 7.0]))
        years = max(int(np.ceil(term - 1e-9)), 1)
        kind = ("bullet", "level", "annuity", "schedule")[i % 4]
        parts = rng.uniform(0.0, 1.0, years) + 0.01
        principal = float(rng.uniform(1e3, 1e6))
        odds: dict[str, Any] = [{"pd": 0.03}, {"rating": "B", "pd": None}, {"pd_curve": [0.0, 0.2, 0.2, 1.0], "pd": None}][i % 3]
        terms = {"principal": principal, "term": term, "amortisation": kind, "rate": float(rng.choice([0.0, 0.0435])), **odds}
        if kind == "schedule":
            terms["schedule"] = (principal * parts / parts.sum()).tolist()
        own = {"borrower_id": f"B{rng.integers(n)}" if i % 5 else None, "currency": [None, "USD", "CNY"][i % 3]}
        loans.append(loan(f"L{rng.integers(10**9)}", asset_ids=ids, pledge_ranks=[int(hidden[i]) + 1] * len(ids), **terms, **own))
    return loans
