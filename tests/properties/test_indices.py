"""Sobol' indices: the slow definition's on random rights, and those that are known in closed form, which their intervals hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import portfolios
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import uncertain_rows
import valued
from commandline import table
from compared import Pair, compiled

import ipvalue as iv
import oracle

SEED = 2**63 + 12345
PATHS = 200
LEAST, RIGHTS = 88, 100
WIDE = 1.96


def by_right(result: iv.IndexResult) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in result.indices.to_pylist():
        found.setdefault(row["asset_id"], {})[row["input"]] = row
    return found


# --------------------------------------------------------------------------------------------- against the definition


@pytest.mark.parametrize(
    "make", [portfolios.random_portfolio, portfolios.random_methods, uncertain_rows.portfolio], ids=["reliefs", "methods", "uncertain"]
)
def test_indices_of_random_rights_are_the_definition_s(make: Callable[..., pa.Table], assumptions: Path, tmp_path: Path) -> None:
    """Every feature of the methods, with the engine's own boundaries."""
    table, market, compared = make(28, seed=5), portfolios.market(), 0
    result = iv.indices(table, sample=1.0, market=market, assumptions=assumptions, paths=PATHS, seed=SEED, precision="double")
    found, here = by_right(result), compiled(table, market, assumptions, tmp_path)
    for pair in here:
        rows, boundary = found[str(pair.asset["asset_id"])], here.boundary(pair)
        assert list(rows) == list(oracle.INPUTS)
        moving = [name for name in oracle.INPUTS if moves(pair, name)]
        base, anew = (drawn(here.market, pair, boundary, names) for names in ((), oracle.INPUTS))
        for name, row in rows.items():
            told = [row["first_order"], row["first_order_error"], row["total"], row["total_error"]]
            if (base == base[0]).all() and (anew == base[0]).all():
                assert told == [None] * 4
            elif name not in moving:
                assert told == [0.0] * 4
            elif moving == [name]:
                assert told == [1.0, 0.0, 1.0, 0.0]
            else:
                first, total = oracle.sobol_indices(base, anew, drawn(here.market, pair, boundary, (name,)))
                np.testing.assert_allclose(told, [*first, *total], rtol=1e-6, atol=1e-9, err_msg=f"{pair.asset['asset_id']}: {name}")
                compared += 1
    assert compared >= 25


def moves(pair: Pair, name: str) -> bool:
    """Whether an input moves the right at all."""
    v = pair.slow
    return {
        "survival": any(oracle.threshold(float(s)) < 2**32 for s in v.S),
        "rival": v.keep < 1.0 and (pair.asset.get("entry_hazard") or 0.0) > 0.0,
        "level": v.s0 > 0.0,
        "royalty_rate": v.m_high > v.m_low or is_drawn(v, 0),
        "margin": is_drawn(v, 1),
        "revenue": is_drawn(v, 2),
        "discount_premium": is_drawn(v, 3),
        "own_shocks": v.sigma > 0.0 and abs(v.beta) < 1.0,
        "sector_factor": v.sigma > 0.0 and v.beta != 0.0,
    }[name]


def is_drawn(v: oracle.Vectors, place: int) -> bool:
    """Whether an input has a distribution, or one that has is correlated with it and comes after it."""
    return any(one.place == place or (one.place > place and v.weights[one.place][place] != 0.0) for one in v.inputs)


def drawn(market: oracle.Market, pair: Pair, boundary: Any, anew: tuple[str, ...]) -> Any:
    draws = oracle.random_draws(pair.asset, market, pair.slow, SEED, np.arange(PATHS), anew)
    return oracle.simulate(pair.asset, market, paths=PATHS, seed=SEED, vectors=pair.slow, boundary=boundary, draws=draws).values


# ------------------------------------------------------------------------------------------------- known in closed form

YEAR = {**valued.ASSET, "life": 1.0}
ALIVE, LEVEL, LOW, HIGH, SIGMA, BETA = 0.8, 0.4, 0.4, 1.9, 0.5, 0.6
SHARES = {"level": 0.25, "own_shocks": SIGMA**2 * (1 - BETA**2), "sector_factor": SIGMA**2 * BETA**2}


@iv.cash_rule
def logarithm(level, period):  # type: ignore[no-untyped-def]
    return 1000.0 + 100.0 * math.log(level)


def survival_by_level() -> dict[str, tuple[float, float]]:
    """V = w·X_0·1{U < S}."""
    level = math.expm1(LEVEL**2)
    whole = ALIVE * (1.0 + level) - ALIVE**2
    return shares_of_two("level", ALIVE**2 * level / whole, "survival", ALIVE * (1.0 - ALIVE) / whole)


def level_by_royalty() -> dict[str, tuple[float, float]]:
    """V = w·X_0·m, m triangular: Var(XY) = Var(X)·Var(Y) + Var(X)·E(Y)² + E(X)²·Var(Y)."""
    level, mean = math.expm1(LEVEL**2), (LOW + 1.0 + HIGH) / 3.0
    royalty = (LOW**2 + 1.0 + HIGH**2 - LOW - HIGH - LOW * HIGH) / 18.0
    whole = level * royalty + level * mean**2 + royalty
    return shares_of_two("level", level * mean**2 / whole, "royalty_rate", royalty / whole)


def shares_of_two(one: str, first: float, other: str, second: float) -> dict[str, tuple[float, float]]:
    return {one: (first, 1.0 - second), other: (second, 1.0 - first)}


def sum_of_three() -> dict[str, tuple[float, float]]:
    """V = a + b·ln X_1: no input acts through another, so both indices are an input's part of the variance of ln X_1."""
    return {name: (share / sum(SHARES.values()),) * 2 for name, share in SHARES.items()}


SECTORS = [f"sector {i:03d}" for i in range(RIGHTS)]
"""One for each right, so that no two share what moves them."""
CASES: dict[str, tuple[dict[str, Any], Callable[[], dict[str, tuple[float, float]]], dict[str, Any]]] = {
    "level and survival": ({"revenue_uncertainty": LEVEL, "hazard": -math.log(ALIVE)}, survival_by_level, {}),
    "level and royalty": ({"revenue_uncertainty": LEVEL, "royalty_low": LOW * 0.05, "royalty_high": HIGH * 0.05}, level_by_royalty, {}),
    "sum": ({"revenue_uncertainty": 0.5, "volatility": SIGMA, "factor_loading": BETA}, sum_of_three, {"rule": logarithm}),
}


@pytest.mark.parametrize("case", CASES)
def test_intervals_hold_what_is_known(case: str) -> None:
    """A hundred rights that differ in their numbers alone: both 95 % intervals of every input hold the truth in at least 88."""
    cells, truth, options = CASES[case]
    rights = [{**YEAR, **cells, "asset_id": f"right {i}", "sector": sector} for i, sector in enumerate(SECTORS)]
    market = valued.flat(factors={"names": SECTORS, "correlation": np.eye(RIGHTS).tolist()})
    result = iv.indices(table(rights), sample=1.0, market=market, assumptions={}, paths=2000, precision="double", **options)
    errors: dict[str, list[float]] = {}
    for name, (first, total) in truth().items():
        rows = result.indices.filter(pc.equal(result.indices["input"], name))
        for index, exact in (("first_order", first), ("total", total)):
            off, error = rows[index].to_numpy() - exact, rows[f"{index}_error"].to_numpy()
            assert (np.abs(off) <= WIDE * error).sum() >= LEAST, (name, index)
            assert abs(off.mean()) <= 4.0 * off.std() / math.sqrt(RIGHTS)  # no bias that shows
            errors.setdefault(name, []).append(float(np.median(error)))
    assert max(max(pair) for pair in errors.values()) < 0.04
    others = result.indices.filter(pc.invert(pc.is_in(result.indices["input"], value_set=pa.array(list(truth())))))
    assert not any(others[name].to_numpy().any() for name in ("first_order", "first_order_error", "total", "total_error"))


def test_shares_add_up_and_totals_hold_first_orders(assumptions: Path) -> None:
    table, summed = portfolios.random_portfolio(120, seed=21), 0
    result = iv.indices(table, sample=1.0, market=portfolios.market(), assumptions=assumptions, paths=3000)
    for rows in by_right(result).values():
        if any(row["total"] is None or row["status"] != "ok" for row in rows.values()):
            continue
        noise = 4.5 * math.sqrt(sum(row["first_order_error"] ** 2 + row["total_error"] ** 2 for row in rows.values())) + 1e-3
        assert sum(row["first_order"] for row in rows.values()) <= 1.0 + noise
        assert sum(row["total"] for row in rows.values()) >= 1.0 - noise
        assert all(row["first_order"] - row["total"] <= noise for row in rows.values())
        summed += 1
    assert summed >= 80
