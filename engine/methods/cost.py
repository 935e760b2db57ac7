"""Cost: what it would cost to make the right again, less what it has lost (IVS 210, cost approach; GB/T 42748).

V = replacement_cost·(1 − functional_obsolescence)·(1 − economic_obsolescence)·exp(σZ − ½σ²)        model.md §4
"""

from __future__ import annotations

from ipvalue.cashflows import Vectors, price_vectors
from ipvalue.rows import Floats, Rows
from ipvalue.tables import Tables

NAME = "cost"


def vectors(rows: Rows, tables: Tables) -> Vectors:
    """The rows' vectors; rows that break a rule of the method are moved to the rejects."""
    rows.reject(
        ~rows.given("replacement_cost"),
        "replacement_cost",
        f"{NAME} has a replacement_cost",
        "replacement_cost is blank: give it, or fill it from the assumptions",
    )
    return price_vectors(rows, tables, _price)


def _price(rows: Rows) -> Floats:
    lasting = (1.0 - rows.floats("functional_obsolescence")) * (1.0 - rows.floats("economic_obsolescence"))
    return rows.floats("replacement_cost") * lasting
