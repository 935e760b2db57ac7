"""Relief from royalty: what the owner would pay for a licence, and is relieved of paying (IVS 210; ISO 10668; GB/T 42748).

w_t = DF(u_t)·(1 − tax_rate)·royalty_rate·RG_t·…        model.md §4
"""

from __future__ import annotations

import numpy as np

from ipvalue.cashflows import Vectors, income_vectors
from ipvalue.rows import Rows
from ipvalue.rules import check_income
from ipvalue.tables import Tables

NAME = "relief_from_royalty"


def vectors(rows: Rows, tables: Tables) -> Vectors:
    """The rows' vectors; rows that break a rule of the method are moved to the rejects."""
    _check(rows)
    check_income(rows)
    rate, low, high = (rows.floats(name) for name in ("royalty_rate", "royalty_low", "royalty_high"))
    ranged = ~np.isnan(low)
    base = np.where(rate > 0.0, rate, 1.0)
    return income_vectors(rows, tables, rate, np.where(ranged, low / base, 1.0), np.where(ranged, high / base, 1.0))


def _check(rows: Rows) -> None:
    rows.reject(
        ~rows.given("royalty_rate"), "royalty_rate", f"{NAME} has a royalty_rate", "royalty_rate is blank: give it, or fill it from the assumptions"
    )
    for blank, given in (("royalty_high", "royalty_low"), ("royalty_low", "royalty_high")):
        rows.reject(
            rows.given(given) & ~rows.given(blank),
            blank,
            "both bounds of the royalty or neither",
            f"{given} is given and {blank} is blank: give both or neither",
        )
    rate = rows.floats("royalty_rate")
    rows.reject(
        rows.floats("royalty_low") > rate,
        "royalty_low",
        "royalty_low <= royalty_rate <= royalty_high",
        lambda value: f"royalty_low is {value}, above royalty_rate; correct one of them",
    )
    rows.reject(
        rows.floats("royalty_high") < rows.floats("royalty_rate"),
        "royalty_high",
        "royalty_low <= royalty_rate <= royalty_high",
        lambda value: f"royalty_high is {value}, below royalty_rate; correct one of them",
    )
    rows.reject(
        rows.given("royalty_low") & ~(rows.floats("royalty_rate") > 0.0),
        "royalty_rate",
        "royalty_rate > 0 where bounds are given",
        "a range around a royalty of 0 means nothing; give a rate above 0 or no bounds",
    )
