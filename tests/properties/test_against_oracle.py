"""The engine against the slow definition: vectors, boundaries, every path, statistics, and z-scores over 300 random assets."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import portfolios
import pyarrow as pa
import pytest
from scipy import stats

import ipvalue as iv
import oracle
from ipvalue import stopping
from ipvalue.appraise import Appraiser, make_appraiser
from ipvalue.assumptions import load_assumptions
from ipvalue.cashflows import Vectors
from ipvalue.ext import kernel
from ipvalue.intake import open_portfolio, read, scan
from ipvalue.market import load_market
from ipvalue.compiled import compile_rows
from ipvalue.rows import Rows
from ipvalue.schema import Rejects
from ipvalue.simulate import Sampling

TABLES = portfolios.ASSUMPTIONS[portfolios.ASSUMPTIONS.index("[fee_schedules") :]
SCHEDULES: Mapping[str, Any] = tomllib.loads(TABLES)["fee_schedules"]
CURVES: Mapping[str, Any] = tomllib.loads(TABLES)["survival_curves"]
SEED = 2**63 + 12345


@pytest.fixture(scope="module")
def assumptions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Schedules and curves alone: nothing is filled, so a row means the same to both."""
    path = tmp_path_factory.mktemp("assumptions") / "tables.toml"
    path.write_text(TABLES)
    return path


def mild(table: pa.Table) -> pa.Table:
    """σ²T of at most 1, so that sample errors can be believed (model.md §11.11)."""
    volatility = table["volatility"].to_numpy(zero_copy_only=False)
    place = table.schema.get_field_index("volatility")
    return table.set_column(place, "volatility", pa.array(np.minimum(volatility, 0.2), from_pandas=True))


def oracle_market(market: Mapping[str, Any]) -> oracle.Market:
    return oracle.Market(
        currency=market["currency"],
        valuation_date=market["valuation_date"],
        steps_per_year=market["steps_per_year"],
        mid_period=market["mid_period"],
        curves={name: (curve["tenors"], curve["rates"]) for name, curve in market["curves"].items()},
        fx=dict(market["fx"]),
        factors=market["factors"]["names"],
        correlation=market["factors"]["correlation"],
    )


@dataclass
class Compiled:
    """The engine's vectors with boundaries, and the rows they belong to in order."""

    vectors: Vectors
    rows: list[dict[str, Any]]
    appraiser: Appraiser


def compiled(table: pa.Table, market: Mapping[str, Any], assumptions: Path, spool: Path) -> Compiled:
    book = load_assumptions(assumptions)
    appraiser = make_appraiser(load_market(market), book, Sampling(1, 1, "double", (), 0.05), "going_concern", False)
    portfolio = open_portfolio(table, spool)
    duplicates = scan(portfolio).duplicates
    (unit,) = portfolio.units(10**6)
    (found,) = list(read(unit, duplicates))
    rows: Rows = appraiser.rows(found[0], found[1], "test", Rejects())
    vectors = compile_rows(rows, appraiser.tables).vectors
    assert not len(rows.rejects), rows.rejects.table().to_pylist()[:3]
    stopping.add_boundaries(vectors)
    return Compiled(vectors, table.to_pylist(), appraiser)


MARKETS = [(1, True), (4, False), (12, True)]


@pytest.mark.parametrize(("steps", "mid_period"), MARKETS)
def test_vectors_closed_form_and_tax_factor_follow_the_definition(steps: int, mid_period: bool, assumptions: Path, tmp_path: Path) -> None:
    market = portfolios.market(steps, mid_period)
    here = compiled(portfolios.random_portfolio(300, seed=3), market, assumptions, tmp_path)
    v, there = here.vectors, oracle_market(market)
    mean, variance = kernel.closed_form(v)
    for a, asset in enumerate(here.rows):
        part = slice(int(v.offset[a]), int(v.offset[a + 1]))
        slow = oracle.vectors(asset, there, SCHEDULES, CURVES)
        assert slow.periods == part.stop - part.start, asset
        for mine, theirs in ((v.w, slow.w), (v.f, slow.f), (v.survival, slow.S), (v.salvage, slow.salvage)):
            np.testing.assert_allclose(mine[part], theirs, rtol=2e-12, atol=1e-12 * max(1.0, float(np.abs(theirs).max())), err_msg=str(asset))
        if v.enters[a]:
            np.testing.assert_allclose(v.rival[part], slow.C, rtol=1e-13)
        assert v.tab_factor[a] == pytest.approx(oracle.tab_factor(asset, there), rel=1e-13)
        exact = oracle.closed_form(slow, asset)
        assert (exact is None) == bool(v.optional[a])
        if exact is not None:
            size = float(np.abs(slow.w).sum() + np.abs(slow.f).sum())
            assert mean[a] == pytest.approx(exact, rel=1e-11, abs=1e-12 * size)
            assert variance[a] == pytest.approx(oracle.closed_form_variance(slow, asset), rel=1e-7, abs=1e-12 * size * size)


@pytest.mark.parametrize(("steps", "mid_period"), MARKETS)
def test_every_path_follows_the_definition(steps: int, mid_period: bool, assumptions: Path, tmp_path: Path) -> None:
    """Path by path to rounding in double; in single to a few units of its precision. Boundaries are the engine's own on both sides."""
    market = portfolios.market(steps, mid_period)
    here = compiled(portfolios.random_portfolio(100, seed=5), market, assumptions, tmp_path)
    v, there, paths = here.vectors, oracle_market(market), 600
    table = pa.Table.from_pylist(here.rows, portfolios.random_portfolio(1).schema)
    kept = {
        precision: iv.value(table, market=market, assumptions=assumptions, paths=paths, seed=SEED, precision=precision, keep_paths=True).paths
        for precision in ("double", "single")
    }
    values = {name: dict(zip(one["asset_id"].to_pylist(), one["values"].to_pylist(), strict=True)) for name, one in kept.items()}
    for a, asset in enumerate(here.rows):
        part = slice(int(v.offset[a]), int(v.offset[a + 1]))
        bounds = (v.bound_out[part], v.bound_in[part]) if v.optional[a] and v.bound_out is not None and v.bound_in is not None else None
        compiled_there = oracle.vectors(asset, there, SCHEDULES, CURVES)
        if bounds is None:
            bounds = (np.zeros(compiled_there.periods), np.zeros(compiled_there.periods))
        slow = oracle.simulate(asset, there, SCHEDULES, CURVES, paths=paths, seed=SEED, vectors=compiled_there, boundary=bounds).values
        size = float(np.abs(compiled_there.w).sum() + np.abs(compiled_there.f).sum() + compiled_there.salvage.max()) + 1e-300
        scale = np.maximum(np.abs(slow), size)
        double = np.abs(np.array(values["double"][asset["asset_id"]]) - slow) / scale
        assert double.max() < 1e-11, asset
        single = np.abs(np.array(values["single"][asset["asset_id"]]) - slow) / scale
        # a level within single rounding of its boundary may fall on the other side
        assert np.count_nonzero(single > 1e-5) <= (2 if v.optional[a] else 0), (asset, single.max())


def test_boundary_agrees_with_a_fine_grid_wherever_paths_come(assumptions: Path, tmp_path: Path) -> None:
    """Within five standard deviations of ln L; further out no path decides anything."""
    market = portfolios.market()
    here = compiled(mild(portfolios.random_portfolio(160, seed=8)), market, assumptions, tmp_path)
    v, there = here.vectors, oracle_market(market)
    compared = 0
    for a, asset in enumerate(here.rows):
        if not v.optional[a] or v.bound_out is None or v.bound_in is None:
            continue
        slow = oracle.vectors(asset, there, SCHEDULES, CURVES)
        best = oracle.solve(slow, nodes=64)
        part = slice(int(v.offset[a]), int(v.offset[a + 1]))
        spread = 5.0 * np.sqrt(slow.s0**2 + slow.sigma**2 * np.arange(1, slow.periods + 1) * slow.step) + 0.02
        for mine, theirs, kept in ((v.bound_out[part], best.b0, 1.0), (v.bound_in[part], best.b1, slow.keep)):
            low, high = slow.m_low * kept * np.exp(-spread), slow.m_high * kept * np.exp(spread)
            seen = (theirs > low) & (theirs < high) & (slow.S > 0)
            np.testing.assert_allclose(mine[seen], theirs[seen], rtol=2e-3, err_msg=str(asset))
            compared += int(seen.sum())
    assert compared > 200


@dataclass
class Scores:
    """z-scores by what they were measured against."""

    closed: list[float]
    optimum: list[float]
    simulated: list[float]


@pytest.fixture(scope="module")
def scores(assumptions: Path) -> Scores:
    market = portfolios.market()
    table = mild(portfolios.random_portfolio(300, seed=11))
    there, paths = oracle_market(market), 20_000
    result = iv.value(table, market=market, assumptions=assumptions, paths=paths, seed=77)
    found = {row["asset_id"]: row for row in result.assets.to_pylist()}
    scores = Scores([], [], [])
    for asset in table.to_pylist():
        row = found[asset["asset_id"]]
        slow = oracle.vectors(asset, there, SCHEDULES, CURVES)
        exact = oracle.closed_form(slow, asset)
        if row["standard_error"] <= 1e-9 * abs(row["mean"]):  # nothing random, or nothing that 20,000 paths would meet
            size = float(np.abs(slow.w).sum() + np.abs(slow.f).sum())
            assert row["mean"] == pytest.approx(exact if exact is not None else oracle.solve(slow).value, rel=1e-5, abs=1e-5 * size)
            continue
        if exact is not None:
            scores.closed.append((row["mean"] - exact) / row["standard_error"])
            bounds = (np.zeros(slow.periods), np.zeros(slow.periods))
        else:
            best = oracle.solve(slow)
            scores.optimum.append((row["mean"] - best.value) / row["standard_error"])
            bounds = (best.b0, best.b1)
        other = oracle.simulate(asset, there, SCHEDULES, CURVES, paths=1500, seed=5, vectors=slow, boundary=bounds).values
        error = np.hypot(row["standard_error"], other.std(ddof=1) / np.sqrt(len(other)))
        scores.simulated.append((row["mean"] - other.mean()) / error)
    return scores


@pytest.mark.parametrize("against", ["closed", "optimum", "simulated"])
def test_z_scores_are_distributed_as_they_should_be(scores: Scores, against: str) -> None:
    z = np.array(getattr(scores, against))
    assert len(z) > 60
    assert np.abs(z).max() < 4.5
    assert 0.8 < z.std() < 1.2
    # assets share factors, so the scores are not quite independent: a wide level
    assert stats.kstest(z, "norm").pvalue > 1e-3


def test_single_precision_bias_is_below_a_twentieth_of_the_standard_error(assumptions: Path) -> None:
    table = portfolios.random_portfolio(200, seed=13)
    single, double = (
        iv.value(table, market=portfolios.market(), assumptions=assumptions, paths=10_000, seed=3, precision=precision).assets.to_pandas()
        for precision in ("single", "double")
    )
    spread = np.maximum(double["standard_error"], 1e-6 * double["mean"].abs())
    assert (np.abs(single["mean"] - double["mean"]) <= spread / 20).all()


def test_statistics_equal_numpy_on_the_kept_paths(assumptions: Path) -> None:
    levels, tail = (0.01, 0.05, 0.25, 0.5, 0.75, 0.999), 0.0371
    result = iv.value(
        portfolios.random_portfolio(60, seed=17), market=portfolios.market(), assumptions=assumptions,
        paths=1237, quantiles=levels, tail=tail, keep_paths=True,
    )  # fmt: skip
    values = dict(zip(result.paths["asset_id"].to_pylist(), result.paths["values"].to_pylist(), strict=True))
    for row in result.assets.to_pylist():
        kept = np.array(values[row["asset_id"]])
        names = ("q01", "q05", "q25", "q50", "q75", "q99_9")
        assert [row[name] for name in names] == np.quantile(kept, levels).tolist()
        lowest = np.sort(kept)[: int(np.ceil(tail * len(kept)))]
        assert row["expected_shortfall"] == pytest.approx(lowest.mean(), rel=1e-12, abs=1e-9)
        assert row["mean_raw"] == pytest.approx(kept.mean(), rel=1e-12, abs=1e-9)
        assert row["standard_deviation"] == pytest.approx(kept.std(ddof=1), rel=1e-10, abs=1e-9)
        assert row["probability_of_loss"] == np.mean(kept < 0)
        assert row["mean"] == row["mean_raw"]
