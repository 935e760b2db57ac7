"""Project: research in stages, each with a cost and a chance of success, before there is income (IVS 210, income approach; decision tree,
and with renewal = optimal a compound option: Geske 1979).

A stage's cost is an f in the period where it starts, its success multiplies S once it has ended, income starts after the last.    model.md §4
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ipvalue.cashflows import Vectors, income_vectors
from ipvalue.drivers import MARGIN, ROYALTY, STAGES, Earning, certain
from ipvalue.methods.margin import check_rate, excess
from ipvalue.rows import Floats, Rows
from ipvalue.rules import check_income
from ipvalue.tables import Tables

NAME = "project"


def vectors(rows: Rows, tables: Tables) -> Vectors:
    """The rows' vectors; rows that break a rule of the method are moved to the rejects."""
    rows.reject(
        ~rows.given("margin") & ~rows.given("royalty_rate"),
        "margin",
        f"{NAME} has a margin or a royalty_rate",
        "margin and royalty_rate are blank: give one, or fill it from the assumptions",
    )
    check_rate(rows, _rate(rows))
    check_stages(rows)
    check_income(rows)
    return income_vectors(rows, tables, _earning)


def check_stages(rows: Rows) -> None:
    """Stages, each list with an entry for each. Breaking rows are rejected."""
    for name in STAGES:
        rows.reject(~rows.given(name), name, f"{NAME} has stages", f"{name} is blank: give an entry for each stage")
    costs, years, chances = (rows.lengths(name) for name in STAGES)
    whole = np.logical_and.reduce([rows.given(name) for name in STAGES])
    # the one that differs from the other two is named; where all do, two of them
    odd = {"stage_years": (costs == chances) & (years != costs)}
    odd |= {name: (of != years) & ~odd["stage_years"] for name, of in (("stage_costs", costs), ("stage_probabilities", chances))}
    for name, differs in odd.items():
        rows.reject(
            whole & differs,
            name,
            f"{', '.join(STAGES)} have an entry for each stage",
            partial(_unequal, name),
        )


def _unequal(name: str, value: str) -> str:
    others = " and ".join(other for other in STAGES if other != name)
    return f"{name} {value} is not of the length of {others}: give an entry for each stage"


def _rate(rows: Rows) -> Floats:
    return np.where(rows.given("margin"), excess(rows), rows.floats("royalty_rate"))


def _earning(rows: Rows) -> Earning:
    margined = rows.given("margin")
    made_of = np.where(margined, MARGIN, ROYALTY).astype(np.int8)
    return certain(_rate(rows), made_of, np.where(margined, rows.floats("contributory_charge"), 0.0), staged=True)
