"""Licence: what a licensee pays, between a guaranteed minimum and a cap (IVS 210, income approach; GB/T 42748).

cash_t = clamp(w_t·L_t, lo_t, hi_t) − f_t, lo_t = DF(u_t)·(1 − tax_rate)·minimum_guarantee·Δ_t·fx while it sells, hi_t the same of cap    model.md §4
"""

from __future__ import annotations

from ipvalue.cashflows import Vectors, income_vectors
from ipvalue.drivers import Earning
from ipvalue.methods.royalty import check_royalty, of_royalty, royalty_range
from ipvalue.rows import Rows
from ipvalue.rules import check_income
from ipvalue.tables import Tables

NAME = "licence"


def vectors(rows: Rows, tables: Tables) -> Vectors:
    """The rows' vectors; rows that break a rule of the method are moved to the rejects."""
    check_royalty(rows, NAME)
    check_income(rows)
    _check(rows)
    return income_vectors(rows, tables, _earning)


def _check(rows: Rows) -> None:
    rows.reject(
        rows.floats("minimum_guarantee") > rows.floats("cap"),
        "minimum_guarantee",
        "minimum_guarantee <= cap",
        lambda value: f"minimum_guarantee is {value}, above cap; correct one of them",
    )
    check_end(rows)


def check_end(rows: Rows) -> None:
    """A licence has an end. Breaking rows are rejected."""
    rows.reject(
        rows.flags("indefinite"),
        "indefinite",
        "a licence has an end",
        "a licence without end cannot be valued: set indefinite to false and give its life",
    )


def _earning(rows: Rows) -> Earning:
    limited = (rows.floats("minimum_guarantee") > 0.0) | rows.given("cap")
    return Earning(rows.floats("royalty_rate"), *royalty_range(rows), limited, *of_royalty(rows))
