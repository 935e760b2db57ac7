"""Indices for a terminal and a notebook: of each right the inputs that move it, the one that moves it most first."""

from __future__ import annotations

from typing import Any

import pyarrow.compute as pc

from ipvalue.indices import IndexResult
from ipvalue.report.table import Table

HEADS = ("", "input", "first order", "± error", "total", "± error")
NONE = "(nothing is uncertain)"
_NUMBERS = ("first_order", "first_order_error", "total", "total_error")


def inputs_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of a right's rows those of inputs that move it, by their total."""
    moving = [row for row in rows if row["total"] is not None and (row["total"] != 0.0 or row["total_error"] != 0.0)]
    return sorted(moving, key=lambda row: -row["total"])


def index_table(result: IndexResult, most: int) -> Table:
    """The indices of the first rights."""
    names = result.indices["asset_id"].unique().to_pylist()
    shown = result.indices.filter(pc.is_in(result.indices["asset_id"], value_set=result.indices["asset_id"].unique()[:most]))
    by_right: dict[str, list[dict[str, Any]]] = {}
    for row in shown.to_pylist():
        by_right.setdefault(row["asset_id"], []).append(row)
    lines: list[tuple[str, ...]] = []
    for name, rows in by_right.items():
        found = inputs_of(rows)
        lines += [(name if not i else "", row["input"], *map(_number, _numbers(row))) for i, row in enumerate(found)]
        lines += [] if found else [(name, NONE, "", "", "", "")]
    more = f"; the first {most:,} of {len(names):,} rights" if len(names) > most else ""
    return Table(f"shares of the variance of a right's value{more}", HEADS, lines, "llrrrr")


def _numbers(row: dict[str, Any]) -> list[float | None]:
    return [row[name] for name in _NUMBERS]


def _number(number: float | None) -> str:
    return "" if number is None else f"{number:.4f}"
