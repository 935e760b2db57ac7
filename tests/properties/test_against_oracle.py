"""The engine against the slow definition: vectors, boundaries, every path, statistics, and z-scores over 300 random assets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import portfolios
import pytest
from compared import MARKETS, SOME_MARKETS, Scores, compiled, distributed_as_they_should_be, mild, paths_follow, vectors_follow, z_scores

import ipvalue as iv
import oracle

SEED = 2**63 + 12345


@pytest.mark.parametrize(("steps", "mid_period"), MARKETS)
def test_vectors_closed_form_and_tax_factor_follow_the_definition(steps: int, mid_period: bool, assumptions: Path, tmp_path: Path) -> None:
    vectors_follow(compiled(portfolios.random_portfolio(300, seed=3), portfolios.market(steps, mid_period), assumptions, tmp_path))


@pytest.mark.parametrize(("steps", "mid_period"), SOME_MARKETS)
def test_every_path_follows_the_definition(steps: int, mid_period: bool, assumptions: Path, tmp_path: Path) -> None:
    market, table = portfolios.market(steps, mid_period), portfolios.random_portfolio(100, seed=5)
    paths_follow(compiled(table, market, assumptions, tmp_path), table, market, assumptions, paths=600, seed=SEED)


def test_boundary_agrees_with_a_fine_grid_wherever_paths_come(assumptions: Path, tmp_path: Path) -> None:
    """Within five standard deviations of ln L; further out no path decides anything."""
    market = portfolios.market()
    here = compiled(mild(portfolios.random_portfolio(160, seed=8)), market, assumptions, tmp_path)
    compared = 0
    for pair in here:
        if not here.vectors.optional[pair.a]:
            continue
        asset, slow = pair.asset, pair.slow
        best = oracle.solve(slow, nodes=64)
        out, met = here.boundary(pair)
        spread = 5.0 * np.sqrt(slow.s0**2 + slow.sigma**2 * np.arange(1, slow.periods + 1) * slow.step) + 0.02
        for mine, theirs, kept in ((out, best.b0, 1.0), (met, best.b1, slow.keep)):
            low, high = slow.m_low * kept * np.exp(-spread), slow.m_high * kept * np.exp(spread)
            seen = (theirs > low) & (theirs < high) & (slow.S > 0)
            np.testing.assert_allclose(mine[seen], theirs[seen], rtol=2e-3, err_msg=str(asset))
            compared += int(seen.sum())
    assert compared > 200


@pytest.fixture(scope="module")
def scores(assumptions: Path) -> Scores:
    return z_scores(mild(portfolios.random_portfolio(300, seed=11)), portfolios.market(), assumptions, paths=20_000, seed=78)


@pytest.mark.parametrize("against", ["closed", "optimum", "simulated"])
def test_z_scores_are_distributed_as_they_should_be(scores: Scores, against: str) -> None:
    distributed_as_they_should_be(getattr(scores, against))


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
