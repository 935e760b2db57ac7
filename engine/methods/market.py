"""Market: the price of a comparable right, adjusted (IVS 210, market approach; GB/T 42748).

V = comparable_price·(1 + comparable_adjustment)·exp(σZ − ½σ²)        model.md §4
"""

from __future__ import annotations

from ipvalue.cashflows import Vectors, price_vectors
from ipvalue.rows import Floats, Rows
from ipvalue.tables import Tables

NAME = "market"


def vectors(rows: Rows, tables: Tables) -> Vectors:
    """The rows' vectors; rows that break a rule of the method are moved to the rejects."""
    rows.reject(
        ~rows.given("comparable_price"),
        "comparable_price",
        f"{NAME} has a comparable_price",
        "comparable_price is blank: give it, or fill it from the assumptions",
    )
    return price_vectors(rows, tables, _price)


def _price(rows: Rows) -> Floats:
    return rows.floats("comparable_price") * (1.0 + rows.floats("comparable_adjustment"))
