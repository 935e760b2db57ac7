"""The slow definition of what a pledged asset is worth at later dates: docs/numerics.md section 19, on the paths of tests/oracle.py.

Shapes: t = periods (index t - 1), y = dates, p = paths. Money is in the market's currency, of the date.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from oracle_borrowers import period_at, year_factors

import oracle
from oracle import Array, Asset, Market, column


def methods_of(asset: Asset) -> list[tuple[Asset, float]]:
    """(the asset under one method, its weight)."""
    if not asset.get("methods"):
        return [(asset, 1.0)]
    return [({**asset, "method": m}, float(w)) for m, w in zip(asset["methods"], asset["weights"], strict=True)]


def expectations(v: oracle.Vectors) -> tuple[Array, Array, Array]:
    """What is expected after each period of a level of 1, before and after the rival's entry, and of costs: A_out, A_in, B times DF. (t,)"""
    outside, inside, costs = np.zeros(v.periods), np.zeros(v.periods), np.zeros(v.periods)
    for t in range(v.periods - 2, -1, -1):
        lives = v.S[t + 1] / v.S[t] if v.S[t] > 0 else 0.0
        stays_out = v.C[t + 1] / v.C[t] if v.C[t] > 0 else 0.0
        inside[t] = lives * (v.w[t + 1] + inside[t + 1])
        outside[t] = lives * (stays_out * (v.w[t + 1] + outside[t + 1]) + (1 - stays_out) * (v.keep * (v.w[t + 1] + inside[t + 1])))
        costs[t] = lives * (v.f[t + 1] + costs[t + 1])
    return outside, inside, costs


def collateral_of_method(
    asset: Asset, market: Market, dates: Array, seed: int, paths: Array, schedules: oracle.Tables | None, curves: oracle.Tables | None
) -> tuple[Array, Array]:
    """(v at each date (y, p), not yet limited to 0; V (p,))."""
    v = oracle.vectors(asset, market, schedules, curves)
    worth = np.zeros((len(dates), len(paths)))
    if column(asset, "method", "relief_from_royalty") in ("cost", "market"):
        years = oracle.ceil_time(float(dates[-1]))
        at_year = [oracle.ceil_time(float(t)) - 1 for t in dates]
        names = ("e", "start", "u", "delta", "y", "f", "S", "C", "lo", "hi", "salvage", "decision")
        longer = replace(v, w=np.repeat(v.w, years), **{name: np.repeat(getattr(v, name), years) for name in names})
        draws = oracle.random_draws(asset, market, longer, seed, paths)
        if draws.factors:
            draws.factors = year_factors(market, str(asset["sector"]), range(1, years + 1), seed, paths)

        def revalue(t: int, level: Array, entered: Array, ended: Array) -> None:
            for i, year in enumerate(at_year):
                if year == t:
                    worth[i] = v.w[0] * level

        oracle.simulate(asset, market, paths=len(paths), seed=seed, vectors=longer, draws=draws, watch=revalue)
        return worth, oracle.simulate(asset, market, paths=len(paths), seed=seed, path_from=int(paths[0]), vectors=v).values

    outside, inside, costs = expectations(v)
    later = oracle.solve(v).later if v.clamped or v.optional else None
    at = np.array([period_at(float(t), market.steps_per_year) - 1 for t in dates])

    def look(t: int, level: Array, entered: Array, ended: Array) -> None:
        if not np.any(at == t):
            return
        if later is None:
            known = np.where(entered, inside[t], outside[t]) * level - costs[t]
        else:
            known = np.where(entered, later[t][1](level), later[t][0](level))
        worth[at == t] = np.where(ended, 0.0, known / oracle.discount_factor(asset, market, v.e[t]))

    return worth, oracle.simulate(asset, market, paths=len(paths), seed=seed, path_from=int(paths[0]), vectors=v, watch=look).values


def collateral(
    asset: Asset, market: Market, dates: Array, seed: int, paths: Array, schedules: oracle.Tables | None = None, curves: oracle.Tables | None = None
) -> tuple[Array, Array]:
    """(K at each date (y, p), V (p,)) of one asset."""
    worth, values = np.zeros((len(dates), len(paths))), np.zeros(len(paths))
    for one, weight in methods_of(asset):
        k, v = collateral_of_method(one, market, dates, seed, paths, schedules, curves)
        worth += weight * k
        values += weight * v
    return np.maximum(worth, 0.0), values
