"""The engine under `--sampler sobol` beside its slow definition (oracle_sobol.py): every path, the sums by replicate, the estimate."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import oracle_sobol
import portfolios
import pyarrow as pa
import pytest
from compared import MARKETS, Compiled, compiled, oracle_market, paths_follow, size_of, slow_vectors

import ipvalue as iv
import oracle
from ipvalue import sobol
from ipvalue.ext import kernel

SEED = 2**63 + 99
Make = Any


def with_cells(table: pa.Table, **cells: Any) -> pa.Table:
    for name, cell in cells.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array([cell] * len(table), table.schema.field(name).type))
    return table


@pytest.mark.parametrize(("steps", "mid_period"), [*MARKETS[:2], *(pytest.param(*one, marks=pytest.mark.slow) for one in MARKETS[2:])])
@pytest.mark.parametrize("make", [portfolios.random_portfolio, portfolios.random_methods])
def test_every_path_is_the_definitions(make: Make, steps: int, mid_period: bool, assumptions: Path, tmp_path: Path) -> None:
    """Any method and feature; 28 points, so blocks of 7, 7 and 14."""
    table, market = make(56, seed=3), portfolios.market(steps, mid_period)
    here = compiled(table, market, assumptions, tmp_path)
    paths_follow(here, table, market, assumptions, paths=28 * 16, seed=SEED, sampler="sobol")


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "mid_period"), MARKETS)
@pytest.mark.parametrize("make", [portfolios.random_portfolio, portfolios.random_methods])
def test_every_path_of_many_is_the_definitions(make: Make, steps: int, mid_period: bool, assumptions: Path, tmp_path: Path) -> None:
    """Of 400,000 paths of up to 240 periods the furthest in single precision is 1.2e-5 off: a level is the sum of as many roundings."""
    table, market = make(400, seed=4), portfolios.market(steps, mid_period)
    paths_follow(compiled(table, market, assumptions, tmp_path), table, market, assumptions, paths=1024, seed=SEED, sampler="sobol", close=2e-5)


def test_more_periods_than_the_table_has_dimensions(assumptions: Path, tmp_path: Path) -> None:
    """Beyond it words are random: 366 steps a year, whose three factors leave it after a year, an asset after three."""
    table = portfolios.random_portfolio(3, seed=5)
    table = with_cells(table, life=3.2, indefinite=False, economic_life=None, expiry_date=None, sector="pharma", volatility=0.2, factor_loading=0.5)
    table = with_cells(table, right_type="invention_patent", fee_schedule="none", survival_curve="none", revenue_path=None)
    market = portfolios.market(366, True)
    paths_follow(compiled(table, market, assumptions, tmp_path), table, market, assumptions, paths=48, seed=SEED, sampler="sobol")


@pytest.mark.parametrize("points", [1, 3, 64, 700, 5000])
def test_any_number_of_points(points: int, assumptions: Path, tmp_path: Path) -> None:
    """One block and many, digits of the index one to three, tiles that end within a vector."""
    table, market = portfolios.random_methods(7, seed=6), portfolios.market(1, True)
    paths_follow(compiled(table, market, assumptions, tmp_path), table, market, assumptions, paths=16 * points, seed=5, sampler="sobol")


def sums_of(here: Compiled, points: int, single: bool, parts: tuple[int, ...] = ()) -> Any:
    """(2, a, 16) sums of G and K, and whether an asset has them."""
    v = here.vectors
    sums = np.zeros((2, len(here.rows), 16))
    plan = sobol.plan(SEED, 16 * points, here.factors.steps_per_year)
    edges = [0, *parts, 16 * points]
    for first, last in pairwise(edges):
        options: dict[str, Any] = {"seed": SEED, "single": single, "quantiles": (), "tail": 0.05, "table_bytes": 2**26, "sobol": plan, "sums": sums}
        kernel.simulate(v, here.factors, paths=last - first, first=first, **options)
    return sums


@pytest.mark.parametrize("single", [True, False])
def test_sums_by_replicate_are_the_definitions(single: bool, assumptions: Path, tmp_path: Path) -> None:
    points, table = 40, portfolios.random_methods(84, seed=7)
    here = compiled(table, portfolios.market(4, True), assumptions, tmp_path)
    sums, seen = sums_of(here, points, single), 0
    for pair in here:
        v, slow = here.vectors, pair.slow
        if not (v.optional[pair.a] or v.clamped[pair.a]):
            assert not sums[:, pair.a].any()
            continue
        draws = oracle_sobol.draws(pair.asset, here.market, slow, SEED, 16 * points)
        exact = oracle.simulate(pair.asset, here.market, paths=16 * points, seed=SEED, vectors=slow, boundary=here.boundary(pair), draws=draws)
        size = max(size_of(slow), float(np.abs(exact.control).max()))
        tolerance = (3e-6 if single else 1e-11) * size
        off = np.abs(sums[0, pair.a] / points - oracle_sobol.replicate_means(exact.given_levels))
        assert np.count_nonzero(off > tolerance) <= (1 if single else 0), pair.asset
        assert np.abs(sums[1, pair.a] / points - oracle_sobol.replicate_means(exact.control)).max() < tolerance, pair.asset
        seen += 1
    assert seen > 20


@pytest.mark.parametrize("single", [True, False])
def test_sums_by_replicate_are_the_same_in_parts_and_on_all_instruction_sets(single: bool, assumptions: Path, tmp_path: Path) -> None:
    here = compiled(portfolios.random_methods(40, seed=8), portfolios.market(1, True), assumptions, tmp_path)
    used, whole = kernel.isa(), sums_of(here, 100, single)
    assert whole.any()
    assert (sums_of(here, 100, single, parts=(64, 704, 1536)) == whole).all()
    try:
        for isa in kernel.instruction_sets():
            kernel.select_isa(isa)
            assert (sums_of(here, 100, single) == whole).all(), isa
    finally:
        kernel.select_isa(used)


def test_what_is_no_whole_point_or_plan_is_refused(assumptions: Path, tmp_path: Path) -> None:
    here = compiled(portfolios.random_methods(2, seed=8), portfolios.market(1, True), assumptions, tmp_path)
    plan = sobol.plan(SEED, 64, 1)
    for paths in (40, 80):
        with pytest.raises(ValueError, match="whole points of the 4"):
            kernel.simulate(here.vectors, here.factors, seed=1, paths=paths, single=True, quantiles=(), tail=0.05, sobol=plan)
    wide = sobol.Plan(2**20, plan.table, plan.bridge)
    with pytest.raises(ValueError, match="digits for 1048576 points"):
        kernel.simulate(here.vectors, here.factors, seed=1, paths=64, single=True, quantiles=(), tail=0.05, sobol=wide)


@pytest.mark.parametrize("make", [portfolios.random_portfolio, portfolios.random_methods])
def test_mean_and_standard_error_are_the_definitions(make: Make, assumptions: Path, tmp_path: Path) -> None:
    paths, table, market = 1024, make(49, seed=9), portfolios.market(1, True)
    here = compiled(table, market, assumptions, tmp_path)
    found = iv.value(table, market=market, assumptions=assumptions, paths=paths, seed=SEED, sampler="sobol", precision="double", group_by=["sector"])
    rows = {row["asset_id"]: row for row in found.assets.to_pylist()}
    for pair in here:
        row, slow, v = rows[pair.asset["asset_id"]], pair.slow, here.vectors
        exact = oracle_sobol.value(pair.asset, here.market, paths=paths, seed=SEED, boundary=here.boundary(pair), vectors=slow)
        if not (v.optional[pair.a] or v.clamped[pair.a]):
            assert row["standard_error"] == 0.0
            assert row["mean"] == row["closed_form"]
        elif slow.clamped or slow.optional:
            assert row["standard_error"] == pytest.approx(exact["standard_error"], rel=1e-5, abs=1e-11 * size_of(slow))
        assert row["mean"] == pytest.approx(exact["mean"], rel=1e-9, abs=1e-9 * size_of(slow)), pair.asset
        assert row["mean_raw"] == pytest.approx(exact["mean_raw"], rel=1e-9, abs=1e-11 * size_of(slow))
        assert row["value"] + 0.0 == pytest.approx((row["mean"] + row["tab"]) * v.premise_factor[pair.a] + 0.0, rel=1e-12)
    for group, row in enumerate(found.groups.to_pylist()):
        sums = found.sums(group).cast(pa.float64()).to_numpy()
        assert row["mean"] == pytest.approx(sums.mean(), rel=1e-12)
        assert row["standard_error"] == pytest.approx(oracle_sobol.error_of_sums(sums), rel=1e-9)


def test_several_methods_are_estimated_together(assumptions: Path) -> None:
    """The exact methods' closed forms are added to what the others' replicates give together."""
    cells: dict[str, Any] = {
        "asset_id": "mixed", "right_type": "invention_patent", "revenue": 1e6, "royalty_rate": 0.05, "life": 9.0, "tax_rate": 0.25, "margin": 0.06,
        "discount_premium": 0.08, "volatility": 0.3, "factor_loading": 0.4, "sector": "software", "hazard": 0.05, "annual_cost": 30_000.0,
        "renewal": "optimal", "minimum_guarantee": 30_000.0, "cap": 90_000.0, "replacement_cost": 2e5, "fee_schedule": "none",
        "survival_curve": "none",
    }  # fmt: skip
    weights = {"relief_from_royalty": 0.5, "licence": 0.3, "cost": 0.2}
    market, paths = portfolios.market(1, True), 1024
    table = pa.Table.from_pylist([{**cells, "methods": list(weights), "weights": list(weights.values())}])
    options: dict[str, Any] = {"market": market, "assumptions": assumptions, "paths": paths, "seed": SEED, "sampler": "sobol"}
    (row,) = iv.value(table, precision="double", **options).assets.to_pylist()
    parts = []
    for method, weight in weights.items():
        one = {**cells, "method": method}
        there = oracle_market(market)
        slow = slow_vectors(one, there)
        sample = oracle_sobol.value(one, there, paths=paths, seed=SEED, vectors=slow)["paths_"]
        parts.append((weight, slow, sample))
    mean, error = oracle_sobol.reconciled(parts)
    assert row["mean"] == pytest.approx(mean, rel=1e-4)  # the boundaries differ a little
    assert row["standard_error"] == pytest.approx(error, rel=0.05)
    assert 0 < row["standard_error"] < 1e-2 * row["standard_deviation"]


@pytest.mark.slow
def test_means_lie_within_their_errors() -> None:
    """Over 100 seeds, of an optional and a bounded right: t with 14 or 15 degrees of freedom, against a long run."""
    base: dict[str, Any] = {
        "right_type": "invention_patent", "revenue": 1e6, "royalty_rate": 0.05, "life": 10.0, "tax_rate": 0.25, "discount_premium": 0.08,
        "volatility": 0.25, "factor_loading": 0.4, "sector": "software", "hazard": 0.05, "fee_schedule": "none", "survival_curve": "none",
    }  # fmt: skip
    rows = [
        {**base, "asset_id": "optional", "method": "relief_from_royalty", "renewal": "optimal", "annual_cost": 20_000.0, "growth": -0.1},
        {**base, "asset_id": "bounded", "method": "licence", "minimum_guarantee": 30_000.0, "cap": 75_000.0},
    ]
    options: dict[str, Any] = {"market": portfolios.market(1, True), "sampler": "sobol"}
    table = pa.Table.from_pylist([{**{name: None for row in rows for name in row}, **row} for row in rows])
    truth = iv.value(table, paths=2**20, seed=10**6, **options).assets
    within = np.zeros(2)
    for seed in range(1, 101):
        found = iv.value(table, paths=1024, seed=seed, **options).assets
        off = np.abs(found["mean"].to_numpy() - truth["mean"].to_numpy())
        within += off < 2.14 * found["standard_error"].to_numpy()
    assert (within >= 88).all(), within


def test_a_mean_that_no_sum_can_hold_rejects_its_row_whatever_its_paths() -> None:
    """Every path ends before the money grows beyond the limit, or not: the closed form is beyond it. The sums hold the other row alone."""
    good: dict[str, Any] = {
        "asset_id": "good", "right_type": "invention_patent", "revenue": 1e6, "royalty_rate": 0.05, "life": 40.0, "tax_rate": 0.0, "hazard": 0.3,
        "discount_premium": 0.0, "growth": 0.0, "fee_schedule": "none", "survival_curve": "none",
    }  # fmt: skip
    table = pa.Table.from_pylist([good, {**good, "asset_id": "huge", "revenue": 1e15, "growth": 1.0}])
    options: dict[str, Any] = {"market": portfolios.market(1, True), "paths": 16}
    passed = 0
    for seed in range(1, 13):
        found = iv.value(table, sampler="sobol", seed=seed, **options)
        assert found.assets["asset_id"].to_pylist() == ["good"]
        assert set(found.rejects["asset_id"].to_pylist()) == {"huge"}
        assert found.groups["mean"][0].as_py() == pytest.approx(found.assets["mean_raw"][0].as_py(), rel=1e-6)
        passed += len(iv.value(table, seed=seed, **options).assets) == 2
    assert passed, "no random run took the row, so this tests nothing"
