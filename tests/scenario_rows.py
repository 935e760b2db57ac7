"""Filled rows for tests of scenarios, as the engine has them after the assumptions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.assumptions import fill, load_assumptions
from ipvalue.rows import Rows
from ipvalue.schema import PORTFOLIO, Rejects


def filled(rows: list[dict[str, Any]], first: int = 0, assumptions: dict[str, Any] | None = None) -> Rows:
    """Rows, numbered from `first`, with what assumptions (by default none) and the registry fill."""
    given = [{"asset_id": f"r{first + i}", "right_type": "trademark", **row} for i, row in enumerate(rows)]
    batch = pa.RecordBatch.from_pydict({name: pa.array([row.get(name) for row in given], one.arrow_type) for name, one in PORTFOLIO.items()})
    full, what = fill(batch, load_assumptions(assumptions or {}), "CNY")
    return Rows(full, np.arange(first, first + len(rows)), what, "p.parquet", Rejects())


def column(rows: Rows, name: str) -> list[Any]:
    """The cells of a column."""
    cells: list[Any] = rows.batch[name].to_pylist()
    return cells
