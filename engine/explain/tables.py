"""The waterfall as a table: for the whole and every group, the steps from the old total to the new."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.explain.ledger import MONEY, Cell, Ledger
from ipvalue.explain.stages import NEW, OLD
from ipvalue.schema import RunError
from ipvalue.totals import BLANK

SIGNIFICANT = 2.0
"""Standard errors beyond which an amount is told from noise."""

Key = tuple[str | None, ...]


def steps_table(ledger: Ledger, steps: Sequence[str]) -> pa.Table:
    """explain.parquet: the whole first (with group columns, these are null), then each group by its texts; in each every one of `steps`, in order."""
    keys = sorted({key for _, key in ledger.amounts}, key=lambda key: [(BLANK if text is None else text, text is None) for text in key])
    rows = _waterfall(ledger, steps, keys, (None,) * len(ledger.columns))
    for key in keys if ledger.columns else []:
        rows += _waterfall(ledger, steps, [key], tuple(BLANK if text is None else text for text in key))
    return pa.Table.from_pylist(rows, steps_schema(ledger.columns))


def steps_schema(columns: Sequence[str]) -> pa.Schema:
    """The columns of explain.parquet."""
    amounts = [("amount", MONEY), ("standard_error", pa.float64()), ("cumulative", MONEY), ("significant", pa.bool_()), ("assets", pa.int64())]
    return pa.schema([("step", pa.string()), *((name, pa.string()) for name in columns), *amounts])


def _waterfall(ledger: Ledger, steps: Sequence[str], keys: Sequence[Key], shown: Key) -> list[dict[str, Any]]:
    """The rows of one group, or of several together. Raises RunError where the steps do not add up."""
    rows, cumulative = [], 0
    for step in steps:
        cells: list[Cell] = [(step, key) for key in keys]
        amount = sum(ledger.amounts.get(cell, 0) for cell in cells)
        cumulative = amount if step == NEW else cumulative + amount
        is_end = step in (OLD, NEW)
        error = None if is_end else ledger.error(cells)
        error = None if error is None or np.isnan(error) else error
        rows.append({
            "step": step,
            **dict(zip(ledger.columns, shown, strict=True)),
            "amount": _decimal(amount),
            "standard_error": error,
            "cumulative": _decimal(cumulative),
            "significant": None if error is None else abs(amount) > SIGNIFICANT * error * 1e6,
            "assets": sum(ledger.rights.get(cell, 0) for cell in cells),
        })  # fmt: skip
    if len(rows) > 1 and rows[-2]["cumulative"] != rows[-1]["cumulative"]:
        raise RunError(f"the steps add up to {rows[-2]['cumulative']} and not to {rows[-1]['cumulative']}: please report this")
    return rows


def _decimal(units: int) -> Decimal:
    """Units of 10⁻⁶ as a decimal, without rounding."""
    return Decimal(f"{units}E-6")
