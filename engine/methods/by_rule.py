"""Income by a user's rule, in place of what the row's own method would earn: docs/rules.md.

    sales_t = RG_t·exp(−obsolescence·e_t)·ramp_t                                    what was sold in the year, in the asset's currency
    unit_t  = DF(u_t)·(1 − tax_rate)·revenue_share·Δ_t·sells_t·fx                   what one unit of cash a year is worth
    cash_t  = unit_t·rule(sales_t·L_t, t, …) − f_t

a = assets, t = periods (ragged), k = columns that the rule names
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ipvalue.backend import kernels
from ipvalue.cash_rule import CashRule
from ipvalue.cashflows import ByRule, Vectors, income_vectors
from ipvalue.constants import DRIVERS
from ipvalue.drivers import OTHERWISE, Drivers, Earning, certain, ending, income_drivers
from ipvalue.methods import licence, project
from ipvalue.rows import Floats, Longs, Rows
from ipvalue.rules import check_income
from ipvalue.schema import PORTFOLIO
from ipvalue.tables import Tables

_NO_GROWTH = ("growth", "growth_long", "growth_fade", "obsolescence", "ramp_years")
_BOUNDS = ("minimum_guarantee", "cap")


def vectors(rows: Rows, tables: Tables, rule: CashRule, method: str) -> Vectors:
    """The rows' vectors under an income method that earns by `rule`; rows that break a rule are moved to the rejects."""
    _check(rows, rule, method)
    check_income(rows)

    def earning(rows: Rows) -> Earning:
        return certain(np.ones(len(rows)), OTHERWISE, staged=method == project.NAME)

    whole = income_vectors(rows, tables, earning)
    drivers = ending(income_drivers(rows, tables, earning(rows)), whole.offset, tables.steps_per_year)
    sold, unit = (_income(one, whole.offset, tables) for one in (drivers, _of_one_unit(drivers)))
    earns = unit > 0.0
    sales = np.where(earns, sold / np.where(earns, unit, 1.0), 0.0)
    endless = np.where(sold > 0.0, whole.w / np.where(sold > 0.0, sold, 1.0), 1.0)  # above 1 in the last period of an indefinite life
    own = np.stack([rows.floats(name) for name in rule.columns], axis=1) if rule.columns else np.zeros((len(rows), 0))
    return replace(whole, w=unit * endless, by_rule=ByRule(rule.function, np.ones(len(rows), np.uint8), sales, own))


def _check(rows: Rows, rule: CashRule, method: str) -> None:
    if method == project.NAME:
        project.check_stages(rows)
    if method == licence.NAME:
        licence.check_end(rows)
    rows.reject(
        rows.is_in("renewal", ["optimal"]),
        "renewal",
        "a rule's income has no renewal options",
        f"renewal is optimal, and when to give up is not solved for the rule {rule.name}: set it to always",
    )
    for name in _BOUNDS if method == licence.NAME else ():
        if name not in rule.columns:
            rows.reject(
                rows.floats(name) > 0.0,
                name,
                "a rule bounds its own cash",
                f"{name} is given, and the rule {rule.name} does not take it: make it a parameter of the rule, or leave it blank",
            )
    for name in rule.columns:
        if name in PORTFOLIO:
            rows.reject(~rows.given(name), name, "what the rule takes is given", f"{name} is blank, and the rule {rule.name} takes it: give it")


def _of_one_unit(drivers: Drivers) -> Drivers:
    """The same of sales of 1 a year, from the launch on."""
    matrix = drivers.drivers.copy()
    for name in _NO_GROWTH:
        matrix[DRIVERS.index(name)] = 0.0
    matrix[DRIVERS.index("revenue")] = 1.0
    return replace(drivers, drivers=matrix, path_start=np.zeros_like(drivers.path_start), path=np.zeros(0))


def _income(drivers: Drivers, offset: Longs, tables: Tables) -> Floats:
    found: Floats = kernels(tables.backend).vectors(drivers, tables, offset, False)["w"]
    return found
