"""A small book of loans over every feature, for the whole command: its rights, its loans, and what they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from compared import TABLES
from portfolios import SECTORS, methods_and_several

from ipvalue.schema import LOANS, RIGHT_TYPES

RATINGS: dict[str, list[float]] = {"A": [0.01, 0.03, 0.06], "B": [0.06, 0.14, 0.2, 0.24]}
PROGRAMMES: dict[str, dict[str, Any]] = {
    "limited": {"bank": 0.2, "fund": 0.5, "insurer": 0.3, "balances": {"fund": 3e5, "insurer": 1e5}},
    "unlimited": {"bank": 0.3, "guarantor": 0.7},
}
POLICIES: dict[str, dict[str, Any]] = {
    "caps": {"loan_to_value": {"trademark": 0.5, "invention_patent": 0.3, "utility_model": 0.2}, "value": "q05"},
    "all": {"loan_to_value": dict.fromkeys(RIGHT_TYPES, 0.6), "expected_loss": 0.05, "coverage": 1.2, "value": "forced"},
    "losses": {"expected_loss": 0.02},
}
FORCED = {name: (0.1 + 0.05 * (i % 5), 0.5 * (i % 4)) for i, name in enumerate(RIGHT_TYPES)}
"""What a forced sale takes off, and the years it takes, by right type."""
SCHEMA = pa.schema([(name, column.arrow_type) for name, column in LOANS.items()])


def assumptions(folder: Path) -> Path:
    """Schedules, curves and forced sales alone: nothing is filled, so a row means the same to both."""
    path = folder / "assumptions.toml"
    terms = [f"[premise.forced.{name}]\ndiscount = {off}\ntime_to_sell = {years}\n" for name, (off, years) in FORCED.items()]
    path.write_text(TABLES + "\n" + "\n".join(terms))
    return path


def rights(n: int = 14, several: int = 4, seed: int = 7) -> pa.Table:
    """Rights by every method, and by several."""
    return methods_and_several(n, several, seed)


def linear_rights(n: int = 14, several: int = 4, seed: int = 7) -> pa.Table:
    """The same without those whose worth at a later date is read from a value curve: with renewal options, or bounds on income."""
    many = rights(4 * n, 4 * several, seed)
    kept = [i for i, row in enumerate(many.to_pylist()) if row["renewal"] != "optimal" and row["minimum_guarantee"] is None and row["cap"] is None]
    alone = [i for i in kept if i < 4 * n][:n]
    return many.take(pa.array([*alone, *[i for i in kept if i >= 4 * n][:several]]))


def loans(portfolio: pa.Table, n: int = 12, seed: int = 3) -> list[dict[str, Any]]:
    """Loans of few borrowers, some on rights of their own and some on those of others too, by a hidden order of ranks."""
    random = np.random.default_rng(seed)
    ids = portfolio["asset_id"].to_pylist()
    owned, common = ids[: 2 * len(ids) // 3], ids[2 * len(ids) // 3 :]
    rank = random.permutation(n) + 1
    found = []
    for i in range(n):
        own = owned[i * len(owned) // n : (i + 1) * len(owned) // n]
        pledged = [*own, *random.choice(common, 0 if i % 3 == 0 and own else 2, replace=False).tolist()]
        random.shuffle(pledged)
        term = (0.5, 1.0, 2.4, 4.0)[i % 4]
        years, principal = int(np.ceil(term)), float(np.round(random.uniform(2e4, 4e5), 2))
        kind = ("bullet", "level", "annuity", "schedule")[i // 2 % 4]
        odds = ({"pd": 0.15}, {"rating": "B"}, {"pd_curve": [0.05, 0.3, 0.3, 0.5]})[i % 3]
        shares = ({"programme": "limited"}, {"fund_share": 0.2, "appraiser_share": 0.1}, {"programme": "unlimited"}, {})[i % 4]
        sale = {"liquidation_discount": 0.3, "liquidation_lag": 0.75} if i % 2 else {"liquidation_discount": 0.3 if i % 4 else None}
        found.append({
            "loan_id": f"L{i * 7 % n:02d}", "borrower_id": f"B{i % 5}" if i % 4 else None,
            "asset_ids": pledged, "pledge_ranks": [int(rank[i])] * len(pledged),
            "principal": principal, "currency": ("CNY", "USD", None)[i % 3], "rate": (0.045, 0.0, 0.08)[i % 3], "term": term,
            "amortisation": kind, "schedule": [principal / years] * years if kind == "schedule" else None,
            "sector": SECTORS[i % 3], "factor_loading": (0.4, 0.0, -0.3)[i % 3], "loan_to_value_cap": 0.4, "turnover": 20.0,
            "policy": ("caps", "all", "losses", None)[i // 3 % 4],
            "unsecured_rate": 0.09 if i % 2 else None, "guarantee_fee": 0.01 if i % 3 else None, **odds, **shares, **sale,
        })  # fmt: skip
    return found


def table(rows: list[dict[str, Any]]) -> pa.Table:
    """Loans as a table, each column of the registry's type."""
    return pa.Table.from_pylist(rows, SCHEMA)


def names() -> dict[str, Any]:
    """What the loans name, as `ipvalue.lend` takes it."""
    return {"ratings": {"rating": RATINGS}, "programmes": {"programme": PROGRAMMES}, "policies": {"policy": POLICIES}}
