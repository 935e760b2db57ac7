"""How one right is valued by each of its methods: the period table, and the figures that lead from it to the value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ipvalue.cashflows import Vectors, take
from ipvalue.compiled import compile_rows
from ipvalue.constants import TIME_EPSILON
from ipvalue.drivers import income_drivers, price_drivers
from ipvalue.evidence import periods
from ipvalue.evidence.arithmetic import must_agree
from ipvalue.evidence.closing import closed_form, premise, tax_benefit
from ipvalue.evidence.costs import due_costs
from ipvalue.evidence.drawn import drawn_inputs
from ipvalue.evidence.earning import Rate, earning_of, rate_of
from ipvalue.evidence.right import Columns, Right, clock
from ipvalue.rows import Rows
from ipvalue.schema import INCOME_METHODS
from ipvalue.stopping import add_boundaries
from ipvalue.tables import Tables


@dataclass(frozen=True)
class Explained:
    """One right by one method: what its rate or price is made of, its period table, what is due on single days, and the figures beside them."""

    method: str
    weight: float
    rate: Rate
    periods: Columns
    due: list[dict[str, Any]]
    figures: dict[str, Any]
    vectors: Vectors


def explained(rows: Rows, tables: Tables) -> list[Explained]:
    """Every method of one filled row, in its order. Raises RunError where an explanation is not what the engine used."""
    compiled = compile_rows(rows, tables)
    add_boundaries(compiled.vectors, tables.backend)
    methods = rows.batch["methods"][0].as_py() or [rows.batch["method"][0].as_py()]
    found = []
    for place, (method, weight) in enumerate(zip(methods, compiled.weight.tolist(), strict=True)):
        vectors = take(compiled.vectors, np.array([place]))
        explain = _by_income if method in INCOME_METHODS else _by_price
        found.append(explain(rows, tables, method, weight, vectors))
    return found


def _by_income(rows: Rows, tables: Tables, method: str, weight: float, vectors: Vectors) -> Explained:
    ruled = vectors.by_rule is not None
    rate = rate_of(rows, method, ruled)
    right = Right(income_drivers(rows, tables, earning_of(rows, method, rate, ruled)), vectors, tables)
    time = clock(right)
    income = periods.income(right, time, ruled)
    due = due_costs(right, time["end"])
    figures, terms = closed_form(vectors, tables)
    table = {
        **time,
        **income,
        **periods.costs(right, time, income["discount_factor"], due),
        **periods.living(right, time),
        **periods.bounds(right, time, income["discount_factor"], income["sells"]),
        **terms,
    }
    parts = {
        "life": {"years": right["life"], "how": _life(rows, right), "periods": right.periods},
        "ages": {"of_survival_curve": right["survival_age"], "of_fee_schedule": right["fee_age"]},
        "closed_form": figures,
        "tax_benefit": tax_benefit(right),
        "premise": premise(vectors, right, tables.premise),
        "royalty_range": [float(vectors.royalty_low[0]), float(vectors.royalty_high[0])],
    }
    if (drawn := drawn_inputs(rows, method, vectors)) is not None:
        parts["uncertain_inputs"] = drawn
    if right.endless:
        growth = 0.0 if np.isnan(table["growth"][-1]) else float(table["growth"][-1])
        parts["perpetuity"] = {f"x_{kind}": periods.perpetuity_factor(right, time, kind, growth) for kind in ("income", "cost")}
    return Explained(method, weight, rate, table, due.entries, parts, vectors)


def _by_price(rows: Rows, tables: Tables, method: str, weight: float, vectors: Vectors) -> Explained:
    yearly = replace(tables, steps_per_year=1)
    right = Right(price_drivers(rows, yearly), vectors, yearly)
    rate = rate_of(rows, method, ruled=False)
    fx = tables.fx[rows.batch["currency"][0].as_py()]
    must_agree("price", np.array([rate.value * fx]), vectors.w)
    figures, terms = closed_form(vectors, yearly)
    one = np.ones(1)
    table = {
        "period": one,
        "end": one,
        "years": one,
        "price": np.array([rate.value]),
        "fx": np.array([fx]),
        "w": vectors.w,
        "f": vectors.f,
        "S": vectors.survival,
        "C": vectors.rival,
        **terms,
    }
    parts = {"closed_form": figures, "premise": premise(vectors, right, tables.premise)}
    return Explained(method, weight, rate, table, [], parts, vectors)


def _life(rows: Rows, right: Right) -> str:
    """Which input the life is."""
    if rows.given("life")[0]:
        return "life"
    if right.endless:
        return "written out for so many years, then the last year repeats for ever (indefinite)"
    economic = rows.floats("economic_life")[0]
    return "economic_life" if abs(economic - right["life"]) <= TIME_EPSILON else "expiry_date, which comes before the end of any economic_life"
