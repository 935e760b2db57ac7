"""A few loans against the rights of tests/commandline.py, for commands and jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ipvalue.schema import LOANS

SCHEMA = pa.schema([(name, column.arrow_type) for name, column in LOANS.items()])
LOAN: dict[str, Any] = {
    "loan_id": "L0", "borrower_id": "B0", "asset_ids": ["r0"], "principal": 1e5, "rate": 0.05, "term": 3.0, "pd": 0.2,
    "sector": "software", "factor_loading": 0.4, "unsecured_rate": 0.09, "liquidation_discount": 0.4, "liquidation_lag": 0.5,
}  # fmt: skip
"""On one right, and nothing else is."""


def own(i: int, **cells: Any) -> dict[str, Any]:
    """The loan of a borrower of its own on the right r{i}."""
    return {**LOAN, "loan_id": f"L{i}", "borrower_id": f"B{i}", "asset_ids": [f"r{i}"], **cells}


BOOK = [own(0, programme="zhongshan"), own(1, currency="USD", principal=2e4), own(2, amortisation="annuity"), own(3, fund_share=0.4)]
"""A unit a loan."""


def write(path: str | Path = "loans.parquet", rows: list[dict[str, Any]] | None = None) -> str:
    """A table of loans as a file; each column is of the registry's type."""
    pq.write_table(pa.Table.from_pylist(BOOK if rows is None else rows, SCHEMA), path)
    return str(path)
