"""Every method against the slow definition, as in test_against_oracle.py, and several methods on one right against each alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import portfolios
import pyarrow as pa
import pytest
from compared import (
    CURVES,
    SCHEDULES,
    SOME_MARKETS,
    TABLES,
    Scores,
    bounded,
    compiled,
    distributed_as_they_should_be,
    kept_paths,
    mild,
    oracle_market,
    paths_follow,
    vectors_follow,
    z_scores,
)

import ipvalue as iv
import oracle

SEED = 2**62 + 777
FORCED = {
    "invention_patent": (0.2, 0.3),
    "utility_model": (0.3, 0.5),
    "trademark": (0.4, 1.5),
    "software_copyright": (0.55, 0.0),
    "geographical_indication": (0.0, 2.0),
}
"""What a forced sale takes off, and the years it takes, by right type."""


@pytest.fixture(scope="module")
def assumptions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Schedules, curves and terms of sale alone: nothing is filled, so a row means the same to both."""
    path = tmp_path_factory.mktemp("assumptions") / "tables.toml"
    terms = [f"[premise.forced.{name}]\ndiscount = {off}\ntime_to_sell = {years}\n" for name, (off, years) in FORCED.items()]
    path.write_text(TABLES + "\n" + "\n".join(terms))
    return path


def test_the_random_rows_have_every_method_and_feature() -> None:
    rows = portfolios.random_methods(300, seed=23).to_pylist()
    market = portfolios.market()
    methods = {row["method"] or "relief_from_royalty" for row in rows}
    assert methods == set(portfolios.METHODS)
    bounds = [(row["minimum_guarantee"] is not None, row["cap"] is not None) for row in rows if row["method"] == "licence"]
    assert set(bounds) == {(False, False), (False, True), (True, False), (True, True)}
    projects = [row for row in rows if row["method"] == "project"]
    assert {len(row["stage_costs"]) for row in projects} == {1, 2, 3}
    assert {row["margin"] is None for row in projects} == {True, False}
    for method in ("licence", "excess_earnings", "incremental_income", "project"):
        these = [row for row in rows if row["method"] == method]
        assert sum(row["renewal"] == "optimal" for row in these) > 8
        assert any(row["entry_hazard"] for row in these)
        assert any(row["currency"] not in (None, market["currency"]) for row in these)


@pytest.mark.parametrize(("steps", "mid_period"), SOME_MARKETS)
def test_vectors_closed_form_and_tax_factor_follow_the_definition(steps: int, mid_period: bool, assumptions: Path, tmp_path: Path) -> None:
    vectors_follow(compiled(portfolios.random_methods(210, seed=31), portfolios.market(steps, mid_period), assumptions, tmp_path))


@pytest.mark.parametrize(("steps", "mid_period"), SOME_MARKETS)
def test_every_path_follows_the_definition(steps: int, mid_period: bool, assumptions: Path, tmp_path: Path) -> None:
    market, table = portfolios.market(steps, mid_period), portfolios.random_methods(84, seed=37)
    paths_follow(compiled(table, market, assumptions, tmp_path), table, market, assumptions, paths=600, seed=SEED)


@pytest.fixture(scope="module")
def scores(assumptions: Path) -> Scores:
    return z_scores(mild(portfolios.random_methods(300, seed=41)), portfolios.market(), assumptions, paths=20_000, seed=99)


@pytest.mark.parametrize("against", ["closed", "optimum", "simulated"])
def test_z_scores_are_distributed_as_they_should_be(scores: Scores, against: str) -> None:
    distributed_as_they_should_be(getattr(scores, against))


@pytest.mark.parametrize("premise", ["going_concern", "forced"])
def test_rows_of_the_results_follow_the_definition(premise: str, assumptions: Path) -> None:
    """Value, benefit, premise, closed form and status, by the same random numbers: to rounding, but where the owner chooses, since a path near his
    boundary may fall on its other side."""
    market, table = portfolios.market(), portfolios.random_methods(84, seed=43)
    there = oracle_market(market)
    terms = FORCED if premise == "forced" else {}
    result = iv.value(table, market=market, assumptions=assumptions, paths=300, seed=SEED, precision="double", premise=premise)
    found = {row["asset_id"]: row for row in result.assets.to_pylist()}
    assert len(found) == 84
    for asset in table.to_pylist():
        row = found[asset["asset_id"]]
        exact = oracle.value(asset, there, SCHEDULES, CURVES, paths=300, seed=SEED, premise=terms.get(asset["right_type"]))
        assert row["method"] == (asset["method"] or "relief_from_royalty")
        assert row["status"] == exact["status"]
        size = max(abs(exact["mean"]), exact["standard_deviation"])
        near = 3e-3 if asset["renewal"] == "optimal" else 1e-10
        for column in ("mean", "mean_raw", "standard_error", "standard_deviation", "expected_shortfall", "tab", "value", "expected_life"):
            assert row[column] == pytest.approx(exact[column], rel=near, abs=near * size), (column, asset)
        if exact["closed_form"] is None or bounded(asset):
            assert row["closed_form"] is None
        else:
            assert row["closed_form"] == pytest.approx(exact["closed_form"], rel=1e-9, abs=1e-9 * size)


# ------------------------------------------------------------------------------------ several methods on one right


def alone(table: pa.Table, method: str) -> pa.Table:
    """The same rows, those that have the method, by it alone."""
    return portfolios.table_of([{**row, "method": method, "methods": None, "weights": None} for row in table.to_pylist() if method in row["methods"]])


@pytest.mark.parametrize(("precision", "premise"), [("single", "going_concern"), ("double", "forced")])
def test_method_values_are_the_values_of_each_method_alone_to_the_last_bit(precision: str, premise: str, assumptions: Path) -> None:
    table = portfolios.several(60, seed=47)
    options: dict[str, Any] = {"market": portfolios.market(), "assumptions": assumptions, "paths": 500, "seed": 5}
    options |= {"precision": precision, "premise": premise}
    found = {row["asset_id"]: row for row in iv.value(table, **options).assets.to_pylist()}
    assert len(found) == 60
    single = {(row["asset_id"], method): row for method in portfolios.METHODS for row in iv.value(alone(table, method), **options).assets.to_pylist()}
    for asset in table.to_pylist():
        row = found[asset["asset_id"]]
        parts = [single[asset["asset_id"], method] for method in asset["methods"]]
        assert row["method"] == "reconciled"
        assert (row["methods"], row["weights"]) == (asset["methods"], asset["weights"])
        assert row["method_values"] == [part["value"] for part in parts]
        for column in ("value", "tab", "mean", "closed_form"):
            terms = [part[column] for part in parts]
            if None in terms:
                assert row[column] is None
            else:
                size = sum(abs(term) for term in terms)
                exact = sum(weight * term for weight, term in zip(asset["weights"], terms, strict=True))
                assert row[column] == pytest.approx(exact, rel=1e-12, abs=1e-6 * size if column == "mean" and precision == "single" else 1e-12 * size)
        assert sum(w * v for w, v in zip(row["weights"], row["method_values"], strict=True)) == row["value"]


@pytest.mark.parametrize("precision", ["single", "double"])
def test_a_reconciled_path_is_the_weighted_sum_of_the_methods_paths(precision: str, assumptions: Path) -> None:
    table = portfolios.several(40, seed=53)
    options: dict[str, Any] = {"market": portfolios.market(4, False), "assumptions": assumptions, "paths": 400, "seed": 6, "precision": precision}
    found = kept_paths(table, **options)
    parts = {method: kept_paths(alone(table, method), **options) for method in portfolios.METHODS}
    for asset in table.to_pylist():
        name = asset["asset_id"]
        terms = [weight * parts[method][name].astype(np.float64) for method, weight in zip(asset["methods"], asset["weights"], strict=True)]
        exact = np.sum(terms, axis=0)
        scale = np.sum(np.abs(terms), axis=0) + 1e-300
        assert (np.abs(found[name] - exact) / scale).max() < (1e-7 if precision == "single" else 1e-15), asset


def test_statistics_and_totals_of_reconciled_rights_are_of_their_paths(assumptions: Path) -> None:
    levels, tail, table = (0.01, 0.25, 0.5, 0.95), 0.07, portfolios.several(40, seed=59)
    options: dict[str, Any] = {"market": portfolios.market(), "assumptions": assumptions, "paths": 777, "precision": "double"}
    result = iv.value(table, quantiles=levels, tail=tail, keep_paths=True, **options)
    errors = {
        (row["asset_id"], method): row["standard_error"]
        for method in portfolios.METHODS
        for row in iv.value(alone(table, method), **options).assets.to_pylist()
    }
    values = dict(zip(result.paths["asset_id"].to_pylist(), result.paths["values"].to_pylist(), strict=True))
    units = np.zeros(777)
    for row in result.assets.to_pylist():
        kept = np.array(values[row["asset_id"]])
        units += np.rint(kept * 1e6)
        assert [row[name] for name in ("q01", "q25", "q50", "q95")] == np.quantile(kept, levels).tolist()
        size = float(np.abs(kept).max()) + 1e-300
        assert row["mean"] == pytest.approx(kept.mean(), rel=1e-12, abs=1e-12 * size)
        assert row["standard_deviation"] == pytest.approx(kept.std(ddof=1), rel=1e-10, abs=1e-10 * size)
        error = row["standard_deviation"] / np.sqrt(777)
        if row["status"] == "heavy_tail" and row["closed_form"] is not None:
            error = sum(weight * errors[row["asset_id"], method] for weight, method in zip(row["weights"], row["methods"], strict=True))
        assert row["standard_error"] == pytest.approx(error, rel=1e-12)
        assert row["expected_shortfall"] == pytest.approx(np.sort(kept)[: int(np.ceil(tail * 777))].mean(), rel=1e-12, abs=1e-12 * size)
        assert row["probability_of_loss"] == np.mean(kept < 0)
    totals = [float(value) for value in result.totals["value"].to_pylist()]
    assert totals == pytest.approx((units / 1e6).tolist(), rel=1e-12)


def test_a_reconciled_right_among_others_changes_nothing(assumptions: Path) -> None:
    """Rows with one method and rows with several, together and apart: the same bits for each."""
    single = [{**row, "asset_id": f"single {row['asset_id']}"} for row in single_rows()]
    both = pa.concat_tables([portfolios.several(30, seed=61), portfolios.table_of(single)])
    options: dict[str, Any] = {"market": portfolios.market(), "assumptions": assumptions, "paths": 200}
    together = {row["asset_id"]: row for row in iv.value(both, **options).assets.to_pylist()}
    apart = [row for part in (both.slice(0, 30), both.slice(30)) for row in iv.value(part, **options).assets.to_pylist()]
    assert {row["asset_id"]: row for row in apart} == together


def single_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = portfolios.random_methods(70, seed=67).to_pylist()
    return rows
