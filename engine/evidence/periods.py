"""The period vectors of one right by an income method, taken apart into the factors that multiply to them (model.md §2, §4).

t = periods
"""

from __future__ import annotations

import numpy as np

from ipvalue.constants import TIME_EPSILON
from ipvalue.evidence.arithmetic import Floats, decays, later, must_agree, on_curve, powers
from ipvalue.evidence.costs import Costs
from ipvalue.evidence.right import Columns, Right, discounting


def revenues(right: Right, years: int) -> tuple[Floats, Floats, Floats]:
    """(years,) growth of each year, growth since the base, and expected revenue; on a revenue path growth is not a number."""
    path = right.drivers.path
    level, extra = right["growth_long"], right["growth"] - right["growth_long"]
    count = max(years - len(path), 0)
    rates = level + extra * decays(right["growth_fade"], np.arange(count, dtype=np.float64), right.tables.backend)
    growth, since, annual = np.full(years, np.nan), np.ones(years), np.empty(years)
    now, factor = right["revenue"], 1.0
    for i in range(years):
        if i < len(path):
            now = float(path[i])
        else:
            growth[i] = rates[i - len(path)]
            now *= 1.0 + growth[i]
            factor *= 1.0 + growth[i]
        annual[i], since[i] = now, factor
    return growth, since, annual


def income(right: Right, time: Columns, ruled: bool) -> Columns:
    """The factors of w_t, which is the last column. Raises RunError where they do not multiply to it."""
    end = time["end"]
    before = np.concatenate([[0.0], end[:-1]])
    spot, rate, factor = discounting(right, time["middle"])
    growth, since, annual = revenues(right, int(time["year"][-1]))
    in_year = time["year"].astype(np.int64) - 1
    launch = max(right["launch_lag"], right.stages_end)
    ramp = np.where(later(end, launch), 1.0, 0.0)
    if right["ramp_years"] > 0.0:
        ramp = np.where(later(end, launch) & (end - launch < right["ramp_years"]), (end - launch) / right["ramp_years"], ramp)
    pending = right["grant_probability"] < 1.0 or right["grant_lag"] > TIME_EPSILON
    granted = later(end, right["grant_lag"])
    sells = (ramp > 0.0) & (granted | (not pending)) & ~(right.stages_end > before + TIME_EPSILON)
    aging = decays(right["obsolescence"], end, right.tables.backend)
    net = 1.0 - right["tax_rate"]
    whole = np.where(sells, factor * net * right["rate"] * annual[in_year] * right["revenue_share"] * time["years"] * aging * ramp * right["fx"], 0.0)
    columns = {
        "spot_rate": spot,
        "discount_rate": rate,
        "discount_factor": factor,
        "after_tax": np.full(right.periods, net),
        "rate": np.full(right.periods, right["rate"]),
        "growth": growth[in_year],
        "growth_factor": since[in_year],
        "annual_revenue": annual[in_year],
        "revenue_share": np.full(right.periods, right["revenue_share"]),
        "obsolescence_factor": aging,
        "ramp": ramp,
        "sells": sells.astype(np.float64),
        "fx": np.full(right.periods, right["fx"]),
    }
    perpetuity = np.zeros(right.periods)
    if right.endless:
        perpetuity[-1] = perpetuity_of(right, time, whole, "income", float(growth[-1]) if not np.isnan(growth[-1]) else 0.0)
    if not ruled:
        must_agree("w_t", whole + perpetuity, right.vectors.w)
        return {**columns, "perpetuity_income": perpetuity, "w": right.vectors.w}
    assert right.vectors.by_rule is not None
    unit = np.where(sells, factor * net * right["revenue_share"] * time["years"] * right["fx"], 0.0)
    repeated = np.where(whole > 0.0, (whole + perpetuity) / np.where(whole > 0.0, whole, 1.0), 1.0)
    must_agree("w_t", unit * repeated, right.vectors.w)
    sales = right.vectors.by_rule.sales
    must_agree("sales_t", np.where(unit > 0.0, annual[in_year] * aging * ramp, 0.0), sales)
    return {**columns, "perpetuity_factor": repeated, "sales": sales, "w": right.vectors.w}


def perpetuity_of(right: Right, time: Columns, flows: Floats, kind: str, growth: float) -> float:
    """What the last year, repeated for ever, adds to the last period: x/(1 − x) times its flows with the survival they have by the end."""
    survival, steps = right.vectors.survival, right.tables.steps_per_year
    first = right.periods - steps
    end = survival[-1]
    if end <= 0.0:
        return 0.0
    repeated = 0.0
    for flow, lives in zip(flows[first:].tolist(), survival[first:].tolist(), strict=True):
        repeated += flow * lives / end
    x = perpetuity_factor(right, time, kind, growth)
    return x / (1.0 - x) * repeated if repeated > 0.0 else 0.0


def perpetuity_factor(right: Right, time: Columns, kind: str, growth: float) -> float:
    """x: what a year's flow is worth a year later, beside itself (model.md §4)."""
    survival, first = right.vectors.survival, right.periods - right.tables.steps_per_year
    kept = float(survival[-1] / survival[first - 1]) if first > 0 else float(survival[-1])
    spot, _, _ = discounting(right, time["middle"][-1:])
    gross = float(1.0 + spot[0] + right["discount_premium"])
    if kind == "cost":
        return (1.0 + right["cost_inflation"]) * kept / gross
    return (1.0 + growth) * kept * float(decays(right["obsolescence"], np.ones(1), right.tables.backend)[0]) / gross


def costs(right: Right, time: Columns, factor: Floats, found: Costs) -> Columns:
    """The parts of f_t, which is the last column. Raises RunError where they do not add and multiply to it."""
    net = 1.0 - right["tax_rate"]
    running = np.zeros(right.periods)
    if right["annual_cost"] > 0.0:
        inflated = powers(np.full(right.periods, 1.0 + right["cost_inflation"]), time["middle"], right.tables.backend)
        running = right["annual_cost"] * time["years"] * inflated * right["fx"]
    due = found.fees + found.stages
    perpetuity = np.zeros(right.periods)
    if right.endless:
        perpetuity[-1] = perpetuity_of(right, time, factor * net * (running + found.mean_fees(right, time)), "cost", 0.0)
    must_agree("f_t", factor * net * (running + due) + perpetuity, right.vectors.f)
    return {
        "running_cost": running,
        "official_fees": found.fees,
        "stage_costs": found.stages,
        "perpetuity_cost": perpetuity,
        "f": right.vectors.f,
    }


def living(right: Right, time: Columns) -> Columns:
    """The factors of S_t, and C_t. Raises RunError where they do not multiply to them."""
    end, backend = time["end"], right.tables.backend
    before = np.concatenate([[0.0], end[:-1]])
    granted = np.where(later(end, right["grant_lag"]), right["grant_probability"], 1.0)
    lasting = decays(right["hazard"], end, backend)
    staged = np.ones(right.periods)
    ends = 0.0
    for years, chance in zip(right.drivers.stage_years.tolist(), right.drivers.stage_probability.tolist(), strict=True):
        ends += years
        staged = np.where(ends > before + TIME_EPSILON, staged, staged * chance)
    curve, age = int(right.drivers.survival_curve[0]), right["survival_age"]
    renewed = np.ones(right.periods)
    product = granted * lasting * staged
    if curve >= 0:
        now = 1.0 if age < 0.0 else float(on_curve(right.tables.survivals, curve, np.array([age]))[0])
        renewed = np.where(age + end < 0.0, 1.0, on_curve(right.tables.survivals, curve, age + end)) / now
        product = product * renewed
    must_agree("S_t", np.minimum.accumulate(product), right.vectors.survival)
    must_agree("C_t", decays(right["entry_hazard"], end, backend), right.vectors.rival)
    return {
        "grant_factor": granted,
        "hazard_factor": lasting,
        "survival_curve_factor": renewed,
        "stages_factor": staged,
        "S": right.vectors.survival,
        "C": right.vectors.rival,
    }


def bounds(right: Right, time: Columns, factor: Floats, sells: Floats) -> Columns:
    """What income is held between, and what giving the right up brings and when that is worth more; only what there is."""
    columns: Columns = {}
    net = 1.0 - right["tax_rate"]
    if right.vectors.clamped[0] and right.vectors.low is not None and right.vectors.high is not None:
        floor = np.where(sells > 0.0, factor * net * right["minimum_guarantee"] * time["years"] * right["fx"], 0.0)
        ceiling = np.where(sells > 0.0, factor * net * right["cap"] * time["years"] * right["fx"], np.inf)
        must_agree("lo_t", floor, right.vectors.low)
        must_agree("hi_t", ceiling, right.vectors.high)
        columns |= {"lo": right.vectors.low, "hi": right.vectors.high}
    if right["salvage"] > 0.0:
        _, _, at_end = discounting(right, time["end"])
        must_agree("salvage_t", at_end * right["salvage"] * right["fx"], right.vectors.salvage)
        columns |= {"salvage_discount_factor": at_end, "salvage": right.vectors.salvage}
    if right.vectors.optional[0] and right.vectors.bound_out is not None and right.vectors.bound_in is not None:
        decides = (right.vectors.f > 0.0) | (right.vectors.salvage > 0.0)
        columns |= {"decides": decides.astype(np.float64), "boundary": right.vectors.bound_out, "boundary_after_entry": right.vectors.bound_in}
    return columns
