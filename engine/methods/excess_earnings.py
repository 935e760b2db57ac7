"""Multi-period excess earnings: the margin less a charge for the other assets that help to earn it (IVS 210, excess earnings method).

w_t = DF(u_t)·(1 − tax_rate)·(margin − contributory_charge)·RG_t·…        model.md §4
"""

from __future__ import annotations

from ipvalue.cashflows import Vectors, income_vectors
from ipvalue.drivers import MARGIN, certain
from ipvalue.methods.margin import check_margin, check_rate, excess
from ipvalue.rows import Rows
from ipvalue.rules import check_income
from ipvalue.tables import Tables

NAME = "excess_earnings"


def vectors(rows: Rows, tables: Tables) -> Vectors:
    """The rows' vectors; rows that break a rule of the method are moved to the rejects."""
    check_margin(rows, NAME)
    check_rate(rows, excess(rows))
    check_income(rows)
    return income_vectors(rows, tables, lambda kept: certain(excess(kept), MARGIN, kept.floats("contributory_charge")))
