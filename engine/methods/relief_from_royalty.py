"""Relief from royalty: what the owner would pay for a licence, and is relieved of paying (IVS 210; ISO 10668; GB/T 42748).

w_t = DF(u_t)·(1 − tax_rate)·royalty_rate·RG_t·…        model.md §4
"""

from __future__ import annotations

import numpy as np

from ipvalue.cashflows import Vectors, income_vectors
from ipvalue.drivers import Earning
from ipvalue.methods.royalty import check_royalty, of_royalty, royalty_range
from ipvalue.rows import Rows
from ipvalue.rules import check_income
from ipvalue.tables import Tables

NAME = "relief_from_royalty"


def vectors(rows: Rows, tables: Tables) -> Vectors:
    """The rows' vectors; rows that break a rule of the method are moved to the rejects."""
    check_royalty(rows, NAME)
    check_income(rows)
    return income_vectors(rows, tables, _earning)


def _earning(rows: Rows) -> Earning:
    return Earning(rows.floats("royalty_rate"), *royalty_range(rows), np.zeros(len(rows), np.bool_), *of_royalty(rows))
