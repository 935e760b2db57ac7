"""Incremental income: what the right adds to the margin, with and without it; a price premium or a cost saved (IVS 210; ISO 10668).

w_t = DF(u_t)·(1 − tax_rate)·margin·RG_t·…        model.md §4
"""

from __future__ import annotations

from ipvalue.cashflows import Vectors, income_vectors
from ipvalue.drivers import MARGIN, certain
from ipvalue.methods.margin import check_margin
from ipvalue.rows import Rows
from ipvalue.rules import check_income
from ipvalue.tables import Tables

NAME = "incremental_income"


def vectors(rows: Rows, tables: Tables) -> Vectors:
    """The rows' vectors; rows that break a rule of the method are moved to the rejects."""
    check_margin(rows, NAME)
    rows.reject(
        rows.floats("margin") < 0.0,
        "margin",
        "margin >= 0",
        lambda value: f"margin is {value}: a right that lowers income has no value by this method; correct it",
    )
    check_income(rows)
    return income_vectors(rows, tables, lambda kept: certain(kept.floats("margin"), MARGIN))
