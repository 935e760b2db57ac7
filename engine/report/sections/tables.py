"""Tables of a report from rows of results: which columns, and how each is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.report.embed import Cell, Column, Grid, number
from ipvalue.report.labels import Labels
from ipvalue.report.terminal import quantile_columns as quantile_columns
from ipvalue.schema import IN_PERCENT, quantile_of

SHARES = frozenset({
    "share", "probability_of_loss", "loan_to_value", "loan_to_value_q50", "loan_to_value_q05", "loan_to_value_forced", "pd", "lgd", "percent",
    "attachment", "detachment", "probability_of_default", "concentration", "break_even_spread", "coupon",
    "expected_loss_of_size", "standard_error_of_size",
})  # fmt: skip
"""Columns of shares of one, shown in percent."""
COUNTS = frozenset({"assets", "rights", "paths", "loans", "row", "moved"})
YEARS = frozenset({"expected_life", "weighted_average_life"})
PLAIN = frozenset({"elasticity", "elasticity_error", "first_order", "first_order_error", "total", "total_error", "swing"})


def head(say: Labels, name: str) -> str:
    """A column's name as people call it."""
    if (quantile := quantile_of(name)) is not None:
        return f"P{100.0 * quantile:g}"
    return say.or_as_is("column", name)


def cell(say: Labels, name: str, value: float | None, unit: str = "") -> Cell:
    """A number's cell, written as the column's unit asks for, or its name."""
    if name in SHARES or unit in IN_PERCENT:
        return number(value, lambda share: say.percent(share, 2))
    if name in COUNTS:
        return number(value, lambda found: f"{found:,.0f}")
    if name in YEARS or unit == "years":
        return number(value, lambda found: f"{found:.1f}")
    if name in PLAIN:
        return number(value, lambda found: f"{found:.4g}")
    return number(value, say.amount)


def table(
    say: Labels, name: str, caption: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], texts: Mapping[str, str | None], note: str = ""
) -> Grid:
    """A table of `columns` of some rows, in order, without those of numbers that are all blank; texts: those columns that hold texts, each with the
    section of the labels that translates them, or None."""
    rows = list(rows)
    columns = [one for one in columns if one in texts or not rows or any(row[one] is not None for row in rows)]
    heads = [Column(head(say, one), one not in texts) for one in columns]
    cells = [[_text(say, row[one], texts[one]) if one in texts else cell(say, one, row[one]) for one in columns] for row in rows]
    return Grid(name, caption, heads, cells, note)


def _text(say: Labels, value: Any, named: str | None) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = "" if value is None else str(value)
    return say.or_as_is(named, text) if named and text else text


def first(parts: Iterable[pa.Table], by: str, key: str, most: int, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The `most` rows of all parts with most of a column, blanks last, ties by `key`; one part is held at a time."""
    best: pa.Table | None = None
    for part in parts:
        both = part.select(list(columns)) if best is None else pa.concat_tables([best, part.select(list(columns))])
        best = both.take(pc.sort_indices(both, sort_keys=[(by, "descending"), (key, "ascending")])[:most])
    return [] if best is None else best.to_pylist()


def currency_of(manifest: Mapping[str, Any]) -> str:
    """What a result's amounts are in."""
    return str(manifest["inputs"]["market"]["content"]["currency"])


def date_of(manifest: Mapping[str, Any]) -> str:
    """The valuation date of a result."""
    return str(manifest["inputs"]["market"]["content"]["valuation_date"])
