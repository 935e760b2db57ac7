"""Income by a rule of the user's against the slow definition, path by path, and against what it must agree with (docs/rules.md)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import oracle_sobol
import portfolios
import pyarrow as pa
import pytest
from compared import SOME_MARKETS, kept_paths, oracle_market, slow_vectors
from numpy.typing import NDArray
from valued import ASSET, flat, one, result

import ipvalue as iv
import oracle

N = NormalDist().cdf
BOUNDED = ("minimum_guarantee", "cap")
NOT_USED = ("royalty_rate", "royalty_low", "royalty_high", "margin", "contributory_charge", *BOUNDED)


@iv.cash_rule
def tiered(level, period, threshold):  # type: ignore[no-untyped-def]
    return (0.05 if period > 2 else 0.04) * min(level, threshold) + 0.03 * max(level - threshold, 0.0)


@iv.cash_rule
def of_sales(level, period, royalty_rate):  # type: ignore[no-untyped-def]
    return royalty_rate * level


@iv.cash_rule
def thresholds(level, period, threshold):  # type: ignore[no-untyped-def]
    return 0.05 * min(level, threshold) + 0.03 * max(level - threshold, 0.0)


class Ruled(oracle.Vectors):
    """The vectors of a row whose income is a rule's: `w` holds what one unit of cash is worth."""

    sales: NDArray[np.float64]
    rule: Callable[..., Any]

    def cash(self, t: int, level: NDArray[Any]) -> NDArray[Any]:
        earned = np.array([self.rule(x, t + 1) for x in self.sales[t] * level])
        return (self.w[t] * earned if self.w[t] > 0 else 0.0) - self.f[t]

    def linear(self, t: int) -> float:
        return float(self.w[t] * self.sales[t])


def ruled_vectors(asset: Mapping[str, Any], market: oracle.Market) -> Ruled:
    """The definition: unit_t from a right of rate 1, and what is sold, by the page's formulas."""
    method = asset.get("method") or "relief_from_royalty"
    rate = {"margin": 1.0} if method in ("excess_earnings", "incremental_income") else {"royalty_rate": 1.0}
    slow = slow_vectors({**asset, **dict.fromkeys(NOT_USED), **rate}, market)
    found = Ruled(**{field.name: getattr(slow, field.name) for field in fields(oracle.Vectors)})
    launch, ramp_years = oracle.launch_of(asset, method), float(asset.get("ramp_years") or 0.0)
    sales = np.zeros(found.periods)
    for t, (e, year) in enumerate(zip(found.e, found.y, strict=True)):
        ramp = 0.0 if not oracle.later(e, launch) else min(1.0, (e - launch) / ramp_years) if ramp_years > 0 else 1.0
        sales[t] = oracle.revenue_of_year(asset, int(year)) * math.exp(-float(asset.get("obsolescence") or 0.0) * e) * ramp
    found.w = np.divide(found.w, sales, out=np.zeros(found.periods), where=sales > 0)
    found.sales = sales
    found.rule = lambda level, period: tiered(level, period, asset["threshold"])
    return found


def without_options(table: pa.Table) -> pa.Table:
    """No renewal options and no bounds of a licence, which a rule cannot have; and a threshold for each row."""
    for name in (*BOUNDED, "renewal"):
        if name in table.column_names:
            table = table.set_column(table.schema.get_field_index(name), name, pa.nulls(len(table), table[name].type))
    return table.append_column("threshold", pa.array(np.geomspace(1e3, 1e9, len(table))))


@pytest.mark.parametrize(("steps", "mid_period"), SOME_MARKETS)
def test_every_path_follows_the_definition(steps: int, mid_period: bool, assumptions: Path) -> None:
    market = portfolios.market(steps, mid_period)
    there = oracle_market(market)
    table = without_options(portfolios.random_portfolio(60, seed=5))
    options: dict[str, Any] = {"market": market, "assumptions": assumptions, "paths": 300, "seed": 2**63 + 12345, "rule": tiered}
    double, single = (kept_paths(table, precision=precision, **options) for precision in ("double", "single"))
    assert len(double) == len(table)
    for asset in table.to_pylist():
        slow = ruled_vectors(asset, there)
        exact = oracle.simulate(asset, there, paths=300, seed=2**63 + 12345, vectors=slow).values
        scale = np.maximum(np.abs(exact), 0.05 * np.sum(slow.w * slow.sales) + np.sum(slow.f) + 1e-300)
        assert (np.abs(double[asset["asset_id"]] - exact) / scale).max() < 1e-11, asset
        assert (np.abs(single[asset["asset_id"]] - exact) / scale).max() < 1e-5, asset


def test_a_tolerance_gives_the_figures_of_a_run_with_as_many_paths(assumptions: Path) -> None:
    options: dict[str, Any] = {"market": portfolios.market(), "assumptions": assumptions, "rule": tiered, "rows_per_task": 1000}
    table = without_options(portfolios.random_portfolio(40, seed=5))
    found = iv.value(table, paths=50, tolerance=0.1, max_paths=250, **options).assets.to_pylist()
    plain = {paths: iv.value(table, paths=paths, **options).assets.to_pylist() for paths in (50, 100, 200)}
    assert {row["paths"] for row in found} == set(plain)
    assert found == [plain[row["paths"]][i] for i, row in enumerate(found)]


@pytest.mark.parametrize("precision", ["single", "double"])
def test_a_rule_that_is_the_method_gives_its_bits(precision: str) -> None:
    """Where sales and rate are powers of two no product of theirs is rounded, so that nothing tells the two apart: every path, the totals too."""
    rows = [
        {
            **ASSET,
            "asset_id": f"a{i}",
            "revenue": 2.0 ** (14 + i),
            "royalty_rate": 2.0 ** -(2 + i % 5),
            "volatility": 0.05 * i,
            "hazard": 0.02 * i,
            "life": 2.3 + i,
            "tax_rate": 0.25,
            "annual_cost": 10.0 * i,
            "revenue_uncertainty": 0.1 * (i % 3),
            "entry_hazard": 0.05 * (i % 2),
            "entry_loss": 0.5,
        }
        for i in range(8)
    ]
    options: dict[str, Any] = {"precision": precision, "paths": 700, "keep_paths": True}
    built_in = result(rows, flat(steps=4), backend="numba", **options)
    by_rule = result(rows, flat(steps=4), rule=of_sales, **options)
    assert by_rule.paths.equals(built_in.paths)
    assert by_rule.totals.equals(built_in.totals)
    but = by_rule.assets.column_names
    but.remove("closed_form")
    assert by_rule.assets.select(but).equals(built_in.assets.select(but))
    assert by_rule.assets["closed_form"].null_count == len(rows)
    assert built_in.assets["closed_form"].null_count == 0


def test_a_rule_that_is_the_method_gives_its_value_for_all_rows(assumptions: Path) -> None:
    """With growth, fees, ramp, launch, grant, projects, prices and indefinite lives: to rounding."""
    market = portfolios.market(4)
    table = without_options(portfolios.random_portfolio(150, seed=21))
    for name in ("royalty_low", "royalty_high"):
        table = table.set_column(table.schema.get_field_index(name), name, pa.nulls(len(table), pa.float64()))
    options: dict[str, Any] = {"market": market, "assumptions": assumptions, "paths": 200, "precision": "double"}
    built_in = iv.value(table, **options).assets.to_pylist()
    by_rule = iv.value(table, rule=of_sales, **options).assets.to_pylist()
    assert len(built_in) == len(by_rule) == 150
    for mine, theirs in zip(by_rule, built_in, strict=True):
        for name in ("mean", "standard_deviation", "q05", "q95", "value", "tab", "expected_life"):
            assert mine[name] == pytest.approx(theirs[name], rel=1e-10, abs=1e-9 * theirs["standard_deviation"] + 1e-7), (mine["asset_id"], name)


def test_a_row_with_several_methods_earns_by_the_rule_where_it_earns() -> None:
    """The price beside it stays a price, path by path."""
    row = {**ASSET, "volatility": 0.3, "threshold": 600.0, "replacement_cost": 90.0}
    parts = [
        {**row, "asset_id": "one", "method": "cost"},
        {**row, "method": None, "methods": ["cost", "relief_from_royalty"], "weights": [0.25, 0.75]},
    ]
    cost, both = (dict(path_values(result([part], rule=thresholds, paths=50, keep_paths=True))) for part in parts)
    alone = dict(path_values(result([row], rule=thresholds, paths=50, keep_paths=True)))
    np.testing.assert_allclose(both["one"], 0.25 * cost["one"] + 0.75 * alone["one"], rtol=1e-14)
    assert (cost["one"] > 0).all()


def path_values(found: iv.Result) -> list[tuple[str, NDArray[np.float64]]]:
    return list(zip(found.paths["asset_id"].to_pylist(), map(np.array, found.paths["values"].to_pylist()), strict=True))


def test_the_mean_of_tiers_is_that_of_a_call_on_sales() -> None:
    """One year, log-normal sales S: E[0.05·min(S, K) + 0.03·(S − K)⁺] = 0.05·E[S] − 0.02·C(K), Black and Scholes (1973)."""
    sigma, sales, k = 0.5, 1000.0, 900.0
    d1 = math.log(sales / k) / sigma + sigma / 2
    call = sales * N(d1) - k * N(d1 - sigma)
    options = {"rule": thresholds, "paths": 400_000}
    row = one(flat(0.0), options=options, life=1.0, volatility=sigma, revenue=sales, threshold=k)
    assert abs(row["mean"] - (0.05 * sales - 0.02 * call)) < 4 * row["standard_error"]
    assert row["standard_error"] < 0.05


# ------------------------------------------------------------------------------------------------------ the sampler sobol


@pytest.mark.parametrize(
    ("steps", "mid_period", "precision"),
    [(1, True, "double"), *(pytest.param(*case, marks=pytest.mark.slow) for case in ((12, True, "double"), (4, False, "single")))],
)
def test_under_sobol_paths_and_estimate_follow_the_definition(steps: int, mid_period: bool, precision: str, assumptions: Path) -> None:
    """28 points; G is of the rule's cash, K of its sales."""
    paths, seed, market = 28 * 16, 2**63 + 12345, portfolios.market(steps, mid_period)
    there, (close, near) = oracle_market(market), (1e-5, 1e-5) if precision == "single" else (1e-11, 1e-9)
    table = without_options(portfolios.random_portfolio(60, seed=5))
    options: dict[str, Any] = {"market": market, "assumptions": assumptions, "paths": paths, "seed": seed, "rule": tiered, "sampler": "sobol"}
    found = iv.value(table, precision=precision, keep_paths=True, **options)
    values = dict(path_values(found))
    controlled = 0
    for asset, row in zip(table.to_pylist(), found.assets.to_pylist(), strict=True):
        slow = ruled_vectors(asset, there)
        draws = oracle_sobol.draws(asset, there, slow, seed, paths)
        sample = oracle.simulate(asset, there, paths=paths, seed=seed, vectors=slow, draws=draws)
        size = 0.05 * np.sum(slow.w * slow.sales) + np.sum(slow.f) + 1e-300
        assert (np.abs(values[asset["asset_id"]] - sample.values) / np.maximum(np.abs(sample.values), size)).max() < close, asset
        given, control = map(oracle_sobol.replicate_means, (sample.given_levels, sample.control))
        mean, error = oracle_sobol.controlled(given, control, oracle_sobol.control_expectation(slow))
        assert row["mean"] == pytest.approx(mean, rel=near, abs=near * size), asset
        assert row["standard_error"] == pytest.approx(error, rel=1e-4, abs=near * size), asset
        controlled += error < 0.9 * given.std(ddof=1) / 4
    assert controlled > 30


def test_under_sobol_a_rule_that_is_the_method_has_its_mean() -> None:
    """Its sales say all, so nothing is left to be uncertain but roundings."""
    row = {**ASSET, "volatility": 0.3, "hazard": 0.05, "annual_cost": 10.0, "life": 9.5, "growth": 0.03, "entry_hazard": 0.05, "entry_loss": 0.5}
    options: dict[str, Any] = {"sampler": "sobol", "paths": 256, "precision": "double"}
    (built_in,) = result([row], flat(steps=4), **options).assets.to_pylist()
    (by_rule,) = result([row], flat(steps=4), rule=of_sales, **options).assets.to_pylist()
    assert by_rule["closed_form"] is None
    assert built_in["mean"] == built_in["closed_form"]
    assert by_rule["mean"] == pytest.approx(built_in["mean"], rel=1e-9)
    assert by_rule["standard_error"] < 1e-6 * by_rule["mean"] < by_rule["standard_deviation"]


TIERS = [{**ASSET, "asset_id": name, "hazard": 0.05, "annual_cost": 5.0, "life": life, "volatility": volatility, "threshold": threshold}
         for name, life, volatility, threshold in (("short", 2.5, 0.3, 900.0), ("long", 12.0, 0.3, 1500.0), ("wide", 10.0, 0.4, 1000.0))]  # fmt: skip


def test_under_sobol_the_mean_of_a_rule_lies_within_its_error_of_a_long_random_run() -> None:
    """Over 40 seeds too: about 95 % within t's 2.14, and the errors many times smaller than those of as many random paths."""
    truth = result(TIERS, rule=thresholds, paths=2_000_000, seed=99).assets
    exact, wide = truth["mean"].to_numpy(), truth["standard_error"].to_numpy()
    random = result(TIERS, rule=thresholds, paths=1024).assets["standard_error"].to_numpy()
    off, errors = [], []
    for seed in range(1, 41):
        found = result(TIERS, rule=thresholds, paths=1024, sampler="sobol", seed=seed).assets
        errors.append(found["standard_error"].to_numpy())
        off.append((found["mean"].to_numpy() - exact) / np.hypot(errors[-1], wide))
    z, error = np.array(off), np.mean(errors, axis=0)
    assert (np.abs(z) < 4.5).all()
    assert (np.abs(z) < 2.14).mean() > 0.85
    assert (np.abs(z.mean(axis=0)) < 1.0).all()
    assert (error > 0).all()
    assert (error < random / 8).all(), random / error


def test_under_sobol_rows_by_a_rule_and_a_price_are_estimated_together() -> None:
    """The price is known, the rule's part is estimated; the sums and the errors are weighted."""
    row = {**ASSET, "volatility": 0.3, "threshold": 600.0, "replacement_cost": 90.0, "hazard": 0.1}
    options: dict[str, Any] = {"rule": thresholds, "paths": 256, "sampler": "sobol", "precision": "double"}
    (alone,) = result([row], **options).assets.to_pylist()
    (price,) = result([{**row, "method": "cost"}], **options).assets.to_pylist()
    (both,) = result([{**row, "methods": ["cost", "relief_from_royalty"], "weights": [0.25, 0.75], "method": None}], **options).assets.to_pylist()
    assert price["standard_error"] == 0.0 < alone["standard_error"]
    assert both["mean"] == pytest.approx(0.25 * price["mean"] + 0.75 * alone["mean"], rel=1e-12)
    assert both["standard_error"] == pytest.approx(0.75 * alone["standard_error"], rel=1e-9)
