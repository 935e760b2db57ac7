"""Valuation methods: each module fills the vectors of `ipvalue.cashflows` and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from ipvalue.cashflows import Vectors
from ipvalue.methods import relief_from_royalty
from ipvalue.rows import Rows
from ipvalue.rules import check_common
from ipvalue.tables import Tables

METHODS: dict[str, Callable[[Rows, Tables], Vectors]] = {relief_from_royalty.NAME: relief_from_royalty.vectors}


def compile_rows(rows: Rows, tables: Tables) -> Vectors:
    """The vectors of all rows that keep the rules, in the rows' order; the others are moved to the rejects."""
    check_common(rows, tables)
    rows.reject(
        ~rows.is_in("method", list(METHODS)),
        "method",
        "method is one that this version values",
        lambda value: f"method {value} cannot be valued by this version, only {', '.join(METHODS)}; leave it blank or change it",
    )
    return METHODS[relief_from_royalty.NAME](rows, tables)
