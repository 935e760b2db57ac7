"""The period vectors of model.md §4 and §7: the same operations on the same numbers as ext/vectors.c, on all periods at once.

a = assets, t = periods of some assets, one asset after the other. Plain NumPy (+ − × ÷ and comparisons are the same everywhere) with the
engine's own exp and power. Sums and products that run over time keep their order. What an asset lacks is computed too, and not taken.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.constants import GREATEST_FACTOR, TIME_EPSILON
from ipvalue.numba_kernel.arrays import row
from ipvalue.numba_kernel.drivers import Batch, Floats, Longs, Mask, Periods, exp, greater, later, power, whole_years

i1, i8, f8 = np.int8, np.int64, np.float64

Codes = npt.NDArray[np.int8]

_GROWTH, _COST_GROWTH, _SURVIVAL_ZERO, _RATE, _INFINITE, _TAX_BENEFIT, _PREMISE = range(1, 8)
"""VECTOR_ in ext/vectors.h."""

_PERIODS_AT_ONCE = 1 << 18
_NAMES = ("w", "f", "survival", "rival", "salvage", "low", "high", "last_delta", "tab_factor", "premise_factor", "status")


def periods(drivers: Any, market: Any) -> npt.NDArray[np.int64]:
    """(a,) int64: how many periods each asset has. model.md §2, §4. drivers: ipvalue.drivers.Drivers; market: ipvalue.tables.Tables."""
    b = Batch(drivers, market)
    years = whole_years(b["life"])
    years = greater(years, whole_years(greater(b["launch_lag"], b.staged) + b["ramp_years"]) + 1.0)
    # the survival before the last year holds every stage's success
    years = np.where(b.staged > 0.0, greater(years, whole_years(b.staged) + 2.0), years)
    # the whole last year, its survival's start included, lies past the grant
    years = np.where(b.pending, greater(years, np.floor(b["grant_lag"] + TIME_EPSILON) + 2.0), years)
    life = np.where(b.indefinite, greater(years, b.years_given + 1.0), b["life"])
    count = np.ceil(life * b.steps - TIME_EPSILON)
    found: Longs = np.where(count < 1.0, 1.0, count).astype(i8)
    return found


def vectors(drivers: Any, market: Any, offset: npt.NDArray[np.int64], clamps: bool) -> dict[str, Any]:
    """The period vectors of model.md §4 as a dict of arrays: w, f, survival, rival, salvage, low, high (None unless `clamps`) of (offset[a],);
    last_delta, tab_factor, premise_factor (a,) float64 and status (a,) int8 (0, or a VECTOR_ code of ext/vectors.h)."""
    b = Batch(drivers, market)
    offset = row(offset, i8, b.n + 1)[: b.n + 1]
    # a few assets at a time, so that what is computed on the way stays small
    part = (offset[:-1] - offset[0]) // _PERIODS_AT_ONCE
    cuts = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), b.n]
    with np.errstate(all="ignore"):  # of what is not taken
        parts = [_fill(b, offset, lo, hi, clamps) for lo, hi in pairwise(cuts)]
    return {name: np.concatenate([part[name] for part in parts]) if name in parts[0] else None for name in _NAMES}


# ----------------------------------------------------------------------------------------------- costs and revenue


def _costs(p: Periods) -> Floats:
    """Official fees due and the stages that start in each period, in market money of the day."""
    b, f = p.b, np.zeros(len(p.of))
    _add_fees(p, f)
    begin = np.zeros(b.n)
    for assets, stage in b.stages():
        here = (assets >= p.lo) & (assets < p.hi)
        asset, one = assets[here], stage[here]
        t = p.passing(asset, begin[asset])
        starts = t <= p.last[asset - p.lo]
        f[t[starts]] += b.stage_cost[one[starts]] * b["fx"][asset[starts]]
        begin[asset] += b.stage_years[one]
    return f


def _add_fees(p: Periods, f: Floats) -> None:
    """Fee after fee of an asset's schedule, and of each its turns one after the other, as the sums go."""
    b, table = p.b, p.b.schedules
    assets = p.lo + np.flatnonzero(b.schedule[p.lo : p.hi] >= 0)
    item = b.schedule[assets]
    asset = np.repeat(assets, table.start[item + 1] - table.start[item])
    fee = _ranges(table.start[item], table.start[item + 1])
    x, age, every, last = table.x[fee], b["fee_age"][asset], b.every[b.schedule[asset]], p.end[p.last[asset - p.lo]]
    repeats = every > 0.0
    turn = np.where(repeats & (age > x), np.floor((age - x) / every), 0.0)
    turns = np.where(repeats, np.maximum(np.floor((last + TIME_EPSILON + age - x) / every) - turn + 2.0, 0.0), 1.0).astype(i8)
    here = np.repeat(np.arange(len(fee)), turns)
    due = x[here] + (turn[here] + _ranges(np.zeros_like(turns), turns)) * np.where(repeats, every, 0.0)[here] - age[here]
    wanted = ~later(due, last[here]) & later(due, 0.0) & later(due, b["fee_start"][asset[here]])
    here, due = here[wanted], due[wanted]
    asset = asset[here]
    t = np.minimum(p.reaching(asset, due), p.last[asset - p.lo])
    np.add.at(f, t, table.y[fee[here]] * power(1.0 + b["fee_inflation"][asset], due))


def _ranges(start: Longs, stop: Longs) -> Longs:
    """start[0] … stop[0] − 1, start[1] … stop[1] − 1, …"""
    counts = stop - start
    found: Longs = np.arange(counts.sum()) + np.repeat(start - np.cumsum(counts) + counts, counts)
    return found


def _revenue(p: Periods) -> tuple[Floats, Floats]:
    """(t,) revenue a year, flat within a year, and (a,) the growth of the last year."""
    b, assets = p.b, np.arange(p.lo, p.hi)
    year = whole_years(p.end).astype(i8)
    years = year[p.last]
    annual = np.empty((int(years.max(initial=0)) + 1, len(assets)))
    annual[0], growth = b["revenue"][assets], np.zeros(len(assets))
    for y in range(len(annual) - 1):
        # the growth of year j; with a path, j counts from the path's end
        j = f8(y) + 1.0 - b.years_given[assets]
        given = j < 1.0
        fading = exp(-b["growth_fade"][assets] * (j - 1.0))
        of_year = b["growth_long"][assets] + (b["growth"][assets] - b["growth_long"][assets]) * fading
        growth = np.where(given | (y >= years), growth, of_year)
        entry = b.path[np.where(given, b.path_start[assets] + y, 0)] if given.any() else np.zeros(len(assets))
        annual[y + 1] = np.where(given, entry, annual[y] * (1.0 + growth))
    return annual[year, p.of - p.lo], growth


# ------------------------------------------------------------------------------------------------------ some assets


def _fill(b: Batch, offset: Longs, lo: int, hi: int, clamps: bool) -> dict[str, Any]:
    """The vectors of assets lo … hi − 1."""
    p, assets = Periods(b, offset, lo, hi), np.arange(lo, hi)
    e, length, net = p.end, p.length, 1.0 - p["tax_rate"]
    staged, pending = p.each(b.staged[lo:hi]), p.each(b.pending[lo:hi])
    launch, ramp_years = greater(p["launch_lag"], staged), p["ramp_years"]
    age_survival = b.surviving(assets, b["survival_age"][lo:hi])
    f, (annual, growth) = _costs(p), _revenue(p)

    df = b.discount(p.of, p.middle)
    since = e - launch
    ramp = np.where(~later(e, launch), 0.0, np.where((ramp_years > 0.0) & (since < ramp_years), since / ramp_years, 1.0))
    granted = later(e, p["grant_lag"])
    sells = (ramp > 0.0) & (granted | ~pending) & ~later(staged, p.before)
    income = df * net * p["rate"] * annual * p["revenue_share"] * length * exp(-p["obsolescence"] * e) * ramp * p["fx"]
    w = np.where(sells, income, 0.0)
    spent = p["annual_cost"] * length * power(1.0 + p["cost_inflation"], p.middle) * p["fx"]
    running = np.where(p["annual_cost"] > 0.0, spent, 0.0)
    f = df * net * (running + f)
    survival = np.where(granted, p["grant_probability"], 1.0) * exp(-p["hazard"] * e) * _succeeded(p)
    curved = p.each(b.survival_curve[lo:hi]) >= 0
    survival = np.where(curved, survival * (b.surviving(p.of, p["survival_age"] + e) / p.each(age_survival)), survival)
    survival = _running_minimum(np.where(survival < 1.0, survival, 1.0), p.of)
    rival = np.where(p["entry_hazard"] > 0.0, exp(-p["entry_hazard"] * e), 1.0)
    salvage = np.where(p["salvage"] > 0.0, b.discount(p.of, e) * p["salvage"] * p["fx"], 0.0)
    found = {"w": w, "f": f, "survival": survival, "rival": rival, "salvage": salvage}
    if clamps:
        limited = p.each(b.limited[lo:hi])
        found["low"] = np.where(limited & sells, df * net * p["minimum_guarantee"] * length * p["fx"], np.where(limited, 0.0, -np.inf))
        found["high"] = np.where(limited & sells, df * net * p["cap"] * length * p["fx"], np.inf)

    status = _first_fault(p, (df != df) | (salvage != salvage), ~(np.isfinite(w) & np.isfinite(f)))
    status[age_survival <= 0.0] = _SURVIVAL_ZERO
    _add_perpetuity(p, found, df * net, running, growth, status)
    factors = _factors(b, assets, status)
    return {**found, "last_delta": length[p.last], **factors, "status": status}


def _succeeded(p: Periods) -> Floats:
    """(t,) the probability that every stage that ends by the period's start succeeds."""
    b, probability, end = p.b, np.ones(len(p.of)), np.zeros(p.b.n)
    for assets, stage in b.stages():
        end[assets] += b.stage_years[stage]
        chance = np.ones(b.n)
        chance[assets] = b.stage_probability[stage]
        over = np.zeros(b.n, np.bool_)
        over[assets] = True
        probability = np.where(over[p.of] & ~later(end[p.of], p.before), probability * chance[p.of], probability)
    return probability


def _running_minimum(x: Floats, of: Longs) -> Floats:
    """The least of an asset's numbers up to each: of twice as many each time."""
    reach = 1
    while reach < len(x) and (same := of[reach:] == of[:-reach]).any():
        x = np.concatenate([x[:reach], np.where(same & (x[:-reach] < x[reach:]), x[:-reach], x[reach:])])
        reach *= 2
    return x


def _first_fault(p: Periods, rate: Mask, infinite: Mask) -> Codes:
    """(a,) the first that ails an asset's periods, 0 where nothing does."""
    status = np.zeros(p.hi - p.lo, i1)
    bad = np.flatnonzero(rate | infinite)
    asset, at = np.unique(p.of[bad], return_index=True)
    status[asset - p.lo] = np.where(rate[bad[at]], _RATE, _INFINITE)
    return status


def _add_perpetuity(p: Periods, found: dict[str, Floats], net: Floats, running: Floats, growth: Floats, status: Codes) -> None:
    """The last year of an indefinite life repeated for ever: the last w and f take its present value, or a status says that it has none.

    net: what is left of one unit of each period, discounted and after tax.
    """
    b, w, f, survival = p.b, found["w"], found["f"], found["survival"]
    these = np.flatnonzero(b.indefinite[p.lo : p.hi] & (status == 0))
    these = these[survival[p.last[these]] > 0.0]
    asset, last, first = these + p.lo, p.last[these], p.last[these] - i8(b.steps) + 1
    end = survival[last]
    kept = np.where(first > p.start[these], end / survival[np.maximum(first - 1, 0)], end)
    gross = b.gross_rate(asset, p.middle[last])
    x = (1.0 + growth[these]) * kept * exp(-b["obsolescence"][asset]) / gross
    x_cost = (1.0 + b["cost_inflation"][asset]) * kept / gross
    inflation, fee = 1.0 + b["fee_inflation"][asset], np.append(b.mean_fee, 0.0)[b.schedule[asset]]
    sales, costs = np.zeros(len(these)), np.zeros(len(these))
    for t in (first + k for k in range(int(b.steps))):
        mean_fee = np.where(b.schedule[asset] >= 0, fee * p.length[t] * power(inflation, p.middle[t]), 0.0)
        sales += w[t] * survival[t] / end
        costs += net[t] * (running[t] + mean_fee) * survival[t] / end
    endless, dear = (sales > 0.0) & (x >= 1.0), (costs > 0.0) & (x_cost >= 1.0)
    status[these] = np.where(endless, _GROWTH, np.where(dear, _COST_GROWTH, 0))
    w[last] += np.where(sales > 0.0, x / (1.0 - x) * sales, 0.0)
    f[last] += np.where(costs > 0.0, x_cost / (1.0 - x_cost) * costs, 0.0)


def _factors(b: Batch, assets: Longs, status: Codes) -> dict[str, Floats]:
    """tab_factor and premise_factor (a,), model.md §7; 1 where there are no vectors. Statuses where they are out of bounds."""
    years = b["tab_years"][assets].astype(i8)
    total = np.zeros(len(assets))
    for j in range(1, int(years.max(initial=0)) + 1):
        relieved = np.flatnonzero(years >= j)
        total[relieved] += b.discount(assets[relieved], np.full(len(relieved), f8(j) - 0.5 if b.mid_period else f8(j)))
    tab = np.where(years > 0, 1.0 / (1.0 - b["tax_rate"][assets] / years.astype(f8) * total), 1.0)
    premise = (1.0 - b["premise_discount"][assets]) * b.discount(assets, b["time_to_sell"][assets])
    good = status == 0
    relief, sold = (tab >= 1.0) & (tab <= GREATEST_FACTOR), premise * tab <= GREATEST_FACTOR
    status[good] = np.where(relief, np.where(sold, 0, _PREMISE), _TAX_BENEFIT)[good]
    return {"tab_factor": np.where(good, tab, 1.0), "premise_factor": np.where(good, premise, 1.0)}
