"""The slow definition of the figures of loans and books: docs/numerics.md section 19. What oracle_lending.py lends, described.

Shapes: y = loan years, p = paths. Losses come as integers in units of 10^-6 of the market's currency.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from oracle_borrowers import Loan, Schedule
from oracle_lending import Book, OnPaths

import oracle
from oracle import Array, column

LEVELS = (0.95, 0.99, 0.999)


def discounts(loan: Loan, plan: Schedule) -> Array:
    """(1 + r)^(-T_y), at the loan's own rate. (y,)"""
    return np.array([(1 + float(loan["rate"])) ** -t for t in plan.ends])


def loan_figures(book: Book, i: int, one: OnPaths, parts: Mapping[str, Array], quantiles: Sequence[float] = (0.05, 0.5)) -> dict[str, Any]:
    """What is reported of one loan, apart from what needs the assets' means."""
    loan, plan, n = book.loans[i], book.plans[i], book.paths
    loss, hit = parts["all"] / 1e6, one.default_year > 0
    v = discounts(loan, plan)
    by_year = [one.default_year == y for y in range(1, plan.years + 1)]
    survivors = np.array([np.count_nonzero((one.default_year == 0) | (one.default_year > y)) for y in range(1, plan.years + 1)]) / n
    bank = sum(v[y] * int(parts["bank"][h].sum()) for y, h in enumerate(by_year)) / (n * 1e6)
    annuity = float(np.sum(v * plan.lengths * plan.balance[:-1] * survivors))
    mean, deviation = int(parts["all"].sum()) / (n * 1e6), float(np.std(loss, ddof=1)) if n > 1 else 0.0
    cost = float(loan["rate"]) + float(column(loan, "guarantee_fee", 0.0))
    out = {
        "pd": np.count_nonzero(hit) / n,
        "ead": float(one.ead[hit].mean()) if hit.any() else None,
        "lgd": float(loss[hit].sum() / one.ead[hit].sum()) if hit.any() else None,
        "expected_loss": mean,
        "standard_deviation": deviation,
        "standard_error": deviation / math.sqrt(n),
        "expected_loss_present": sum(v[y] * int(parts["all"][h].sum()) for y, h in enumerate(by_year)) / (n * 1e6),
        "break_even_spread": bank / annuity if annuity > 0 else None,
        "all_in_cost": cost,
        "coverage": {q: oracle.quantile(np.sort((one.brings / plan.ead[:, None]).min(axis=0)), q) for q in quantiles},
    }
    if loan.get("unsecured_rate") is not None:
        dear = (1 + float(loan["unsecured_rate"])) ** plan.lengths - 1
        fee = float(column(loan, "guarantee_fee", 0.0)) * plan.lengths
        out["saving"] = float(np.sum(plan.balance[:-1] * (dear - fee) - plan.interest))
    return out


def loan_to_value(book: Book, i: int, one: OnPaths, quantiles: Sequence[float] = (0.5, 0.05)) -> dict[str, float | None]:
    """On the mean, on quantiles of the pool's value, and on what a forced sale brings."""
    owed = book.plans[i].balance[0]
    values = np.sort(one.pool)
    worths = {"mean": capped_value(book, i, {}), **{f"q{q}": oracle.quantile(values, q) for q in quantiles}}
    if book.premises:
        worths["forced"] = sum(forced_value(book, i, a) for a in book.loans[i]["asset_ids"])
    return {name: owed / w if w > 0 else None for name, w in worths.items()}


def forced_value(book: Book, i: int, asset_id: str) -> float:
    """What a forced sale of the asset is expected to bring, less the seniors' principal."""
    seniors, brings = book.seniors(i, asset_id), worth_of(book, asset_id, "forced")
    return max(brings - sum(float(book.plans[s].balance[0]) for s in seniors), 0.0) if seniors else brings


def mean_of(book: Book, asset_id: str) -> float:
    return oracle.striped_sum(book.on_assets[asset_id][1]) / book.paths


def worth_of(book: Book, asset_id: str, value: str) -> float:
    """What a cap is a part of: the mean, a quantile (q50, q05), or what a forced sale is expected to bring."""
    if value == "mean":
        return mean_of(book, asset_id)
    asset = book.assets[asset_id]
    if value == "forced":
        return mean_of(book, asset_id) * oracle.premise_factor(asset, book.market, book.premises[str(asset["right_type"])])
    return float(oracle.quantile(np.sort(book.on_assets[asset_id][1]), int(value[1:]) / 100))


def capped_value(book: Book, i: int, caps: Mapping[str, float], value: str = "mean") -> float:
    """Sum of cap times worth by right type, 0 for a type without a cap (without any caps: of the worths), less the seniors' principal."""
    total = 0.0
    for a in book.loans[i]["asset_ids"]:
        before = book.seniors(i, a)
        worth = caps.get(str(book.assets[a].get("right_type")), 0.0 if caps else 1.0) * worth_of(book, a, value)
        total += max(worth - sum(book.plans[s].balance[0] for s in before), 0.0) if before else worth
    return total


def breaches(book: Book, i: int, one: OnPaths, cap: float) -> Array:
    """Share of paths on which the balance of a year is above cap times the collateral at its end. (y,)"""
    return np.array([np.count_nonzero(book.plans[i].balance[y] > cap * one.behind[y]) / book.paths for y in range(book.plans[i].years)])


# ----------------------------------------------------------------------------------------------------------------------
# Sums on the paths


def tail(sums: Array, level: float) -> tuple[float, Array]:
    """(c, the weight of each path in the expected shortfall (p,), which add up to 1): the j greatest, paths that tie at the last alike."""
    n = len(sums)
    j = max(math.ceil((1 - level) * n - 1e-9), 1)
    c = np.sort(sums)[n - j]
    above, ties = np.count_nonzero(sums > c), np.count_nonzero(sums == c)
    return float(c), np.where(sums > c, 1.0, np.where(sums == c, (j - above) / ties, 0.0)) / j


def book_figures(sums: Array) -> dict[str, float]:
    """Of one bearer's sums on the paths, in units of 10^-6."""
    losses = sums.astype(float)
    ordered, n = np.sort(losses), len(losses)
    mean = oracle.striped_sum(losses) / n
    out = {"mean": mean, "standard_deviation": math.sqrt(oracle.striped_sum((losses - mean) ** 2) / (n - 1)) if n > 1 else 0.0}
    for level in LEVELS:
        _, weight = tail(losses, level)
        name = f"{100 * level:g}".replace(".", "_")
        out[f"var_{name}"] = oracle.quantile(ordered, level)
        out[f"es_{name}"] = float(np.sum(weight * losses))
    out["unexpected_loss"] = out["var_99_9"] - mean
    return {name: x / 1e6 for name, x in out.items()}


def contributions(units: Sequence[Array], level: float) -> list[float]:
    """Each loan's part of the book's expected shortfall."""
    _, weight = tail(np.sum(units, axis=0), level)
    return [float(np.sum(weight * u)) / 1e6 for u in units]


def concentration(weights: Mapping[str, float]) -> float:
    """Herfindahl's index of amounts by name."""
    whole = sum(weights.values())
    return sum((w / whole) ** 2 for w in weights.values())


# ----------------------------------------------------------------------------------------------------------------------
# How much may be lent


def largest_by_expected_loss(one: OnPaths, owed: float, limit: float, paths: int) -> float | None:
    """Greatest principal whose expected loss is at most limit times it; None where there is no limit."""
    hit = (one.default_year > 0) & (one.ead > 0)  # where all is repaid nothing is lost
    per_unit, room = one.ead[hit] / owed, one.room[hit]
    order = np.argsort(room / per_unit, kind="stable")
    d, m = 0.0, 0.0
    bounds = [*(room / per_unit)[order][1:], math.inf]
    for k, bound in zip(order, bounds, strict=False):  # no default: no limit
        d, m = d + per_unit[k], m + room[k]
        if d > limit * paths and m / (d - limit * paths) <= bound:
            return float(m / (d - limit * paths))
    return None


def largest_by_coverage(book: Book, i: int, least: float) -> float:
    """Greatest principal that what the rights are expected to earn while the loan lasts covers `least` times."""
    date = float(book.plans[i].ends[-1])
    earned = sum(
        mean_of(book, a) - oracle.discount_factor(book.assets[a], book.market, date) * oracle.striped_sum(book.worth(a, date)) / book.paths
        for a in book.loans[i]["asset_ids"]
    )
    return max(earned, 0.0) / least
