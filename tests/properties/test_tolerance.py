"""`--tolerance` beside its definition (docs/numerics.md §14): which right stops at how many paths, its figures being those of a run with as many."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import oracle_sobol
import portfolios
import pyarrow as pa
import pytest
from bits import digests, table_digests
from compared import compiled
from hypothesis import given
from hypothesis import strategies as st
from valued import ASSET, result

import ipvalue as iv
import oracle

SEED = 2**61 + 5
DOUBLINGS = 3
Row = dict[str, Any]


class Runs:
    """Runs of the same rights without a tolerance, each made once, and with one."""

    def __init__(self, assumptions: Path) -> None:
        self.rights = portfolios.methods_and_several(24, 6, seed=12)
        self.fixed: dict[str, Any] = {"market": portfolios.market(), "assumptions": assumptions, "seed": SEED, "group_by": ("sector",)}
        self.plain = cache(self._plain)

    def value(self, **options: Any) -> iv.Result:
        return iv.value(self.rights, workers=1, rows_per_task=1000, **self.fixed, **options)

    def _plain(self, sampler: str, precision: str, paths: int) -> tuple[iv.Result, list[Row]]:
        found = self.value(sampler=sampler, precision=precision, paths=paths)
        return found, found.assets.to_pylist()


@pytest.fixture(scope="module")
def runs(assumptions: Path) -> Runs:
    return Runs(assumptions)


def estimate(row: Row) -> tuple[float, float]:
    """Mean and standard error, NaN where there is none."""
    error = row["standard_error"]
    return row["mean"], np.nan if error is None else error


@given(
    st.sampled_from(["random", "sobol"]),
    st.sampled_from(["single", "double"]),
    st.sampled_from([16, 48]),
    st.integers(0, DOUBLINGS),
    st.integers(0, 5),
    st.floats(-9, 1).map(lambda x: 10.0**x),
)
def test_each_right_stops_where_the_definition_says_with_the_figures_of_such_a_run(
    runs: Runs, sampler: str, precision: str, paths: int, doublings: int, beyond: int, tolerance: float
) -> None:
    """And the first `paths` paths make the totals, whatever the rights need beyond."""
    most = paths * 2**doublings + 16 * beyond
    found = runs.value(sampler=sampler, precision=precision, paths=paths, tolerance=tolerance, max_paths=most)
    first, rows = runs.plain(sampler, precision, paths)
    stops = [oracle.grown(lambda p, i=i: estimate(runs.plain(sampler, precision, p)[1][i]), paths, tolerance, most) for i in range(len(rows))]
    there = pa.concat_tables([runs.plain(sampler, precision, stop)[0].assets.slice(i, 1) for i, stop in enumerate(stops)])
    assert table_digests(found.assets, "assets") == table_digests(there, "assets")
    ours, theirs = ({name: bits for name, bits in digests(run).items() if not name.startswith("assets")} for run in (found, first))
    del ours["groups.value"], theirs["groups.value"]
    assert ours == theirs
    values = np.array([row["value"] for row in found.assets.to_pylist()])
    assert found.groups["value"][0].as_py() == pytest.approx(values.sum(), rel=1e-12, abs=1e-6 * len(values))


def test_the_rights_stop_at_every_number_of_paths(runs: Runs) -> None:
    """Or the test above would say little."""
    found = runs.value(paths=16, tolerance=0.1, max_paths=16 * 2**DOUBLINGS).assets
    mixed = np.array([name.startswith("several") for name in found["asset_id"].to_pylist()])
    paths = found["paths"].to_numpy()
    assert set(paths[~mixed]) == {16 * 2**k for k in range(DOUBLINGS + 1)}
    assert len(set(paths[mixed])) > 2
    assert {row["status"] for row in found.to_pylist()} == {"ok", "heavy_tail"}


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_the_number_of_paths_is_the_slow_definitions(sampler: str, assumptions: Path, tmp_path: Path) -> None:
    """From paths that the definition draws itself; where an error lies on the tolerance to rounding, either may be right."""
    table, market, most, tolerance = portfolios.random_methods(35, seed=15), portfolios.market(), 1024, 0.002 if sampler == "sobol" else 0.08
    here, seen = compiled(table, market, assumptions, tmp_path), set()
    options: dict[str, Any] = {"market": market, "assumptions": assumptions, "seed": SEED, "precision": "double", "sampler": sampler}
    found = iv.value(table, paths=64, tolerance=tolerance, max_paths=most, **options).assets
    for pair, row in zip(here, found.to_pylist(), strict=True):

        def slow(paths: int, pair: Any = pair) -> tuple[float, float]:
            asset, v = pair.asset, pair.slow
            draws = oracle_sobol.draws(asset, here.market, v, SEED, paths) if sampler == "sobol" else None
            sample = oracle.simulate(asset, here.market, paths=paths, seed=SEED, vectors=v, boundary=here.boundary(pair), draws=draws)
            if sampler == "sobol":
                return oracle_sobol.mean_and_error(v, sample)
            stated = oracle.statistics(sample.values, 0.0)
            variance = oracle.closed_form_variance(v, asset) if v.s0**2 + v.sigma**2 * v.periods * v.step > 2 else None
            return stated["mean_raw"], stated["standard_error"] if variance is None else float(np.sqrt(variance / paths))

        if row["standard_error"] is None:
            continue
        exact = [oracle.grown(slow, 64, tolerance * (1 + off), most) for off in (-1e-6, 1e-6)]
        assert row["paths"] in exact, pair.asset
        seen.add(row["paths"])
    assert len(seen) > 2


def test_plain_rights_never_double_under_sobol_and_a_mean_of_zero_meets_no_tolerance(runs: Runs) -> None:
    cells: Row = {
        "right_type": "invention_patent", "revenue": 1e6, "royalty_rate": 0.05, "life": 3.0, "volatility": 0.2, "fee_schedule": "none",
        "survival_curve": "none",
    }  # fmt: skip
    rows = [{**cells, "asset_id": "plain"}, {**cells, "asset_id": "nothing", "revenue": 0.0}]
    market = {**portfolios.market(), "curves": {"CNY": {"tenors": [1.0], "rates": [0.0]}}, "fx": {}}
    zero = {**cells, "asset_id": "zero", "life": 1.0, "royalty_rate": 0.5, "annual_cost": 5e5}
    options: dict[str, Any] = {"market": market, "assumptions": runs.fixed["assumptions"], "paths": 64, "tolerance": 1e-5, "max_paths": 512}
    for sampler, expected in (("random", [512, 64, 512]), ("sobol", [64, 64, 64])):
        found = iv.value(pa.Table.from_pylist([{"annual_cost": None, **row} for row in [*rows, zero]]), sampler=sampler, **options)
        assert found.assets["paths"].to_pylist() == expected
    assert found.assets["mean"].to_pylist()[2] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_a_right_that_more_paths_would_reject_keeps_what_it_had_on_fewer(sampler: str) -> None:
    """One path among twice as many passes what a sum can hold. The run sets aside the rows that one without a tolerance does, and no other."""
    wild: Row = {
        **ASSET, "revenue": 1e15, "growth": 1.0, "life": 14.0, "volatility": 0.8, "annual_cost": 1e15, "renewal": "optimal", "replacement_cost": 1e13,
    }  # fmt: skip
    rows = [wild, {**wild, "asset_id": "two", "methods": ["relief_from_royalty", "cost"], "weights": [0.5, 0.5]}, {**ASSET, "asset_id": "tame"}]
    kept = rejected = 0

    def stop(name: str, runs: dict[int, dict[str, Row]]) -> int:
        return oracle.grown(lambda paths: estimate(runs[paths][name]) if name in runs[paths] else None, 64, 1e-7, 512)

    for seed in (2, 3, 6, 7, 10):
        options: dict[str, Any] = {"sampler": sampler, "seed": seed, "group_by": ("method",)}
        plain = {paths: result(rows, paths=paths, **options) for paths in (64, 128, 256, 512)}
        by_name = {paths: {row["asset_id"]: row for row in run.assets.to_pylist()} for paths, run in plain.items()}
        found = result(rows, paths=64, tolerance=1e-7, max_paths=512, **options)
        assert found.rejects.equals(plain[64].rejects)
        assert found.totals.equals(plain[64].totals)
        assert found.groups.drop_columns("value").equals(plain[64].groups.drop_columns("value"))
        for row in found.assets.to_pylist():
            name = row["asset_id"]
            assert row == by_name[stop(name, by_name)][name]
            early = name != "tame" and row["paths"] < 512
            assert early == any(name in text and "more than a sum can hold" in text for text in found.manifest["warnings"])
            kept += early
        rejected += 3 - len(found.assets)
    assert kept > 3
    assert rejected > 0


def test_an_error_that_is_not_known_gives_no_more_paths() -> None:
    rows = [ASSET, {**ASSET, "asset_id": "wide", "volatility": 5.0, "life": 60.0}]
    found = result(rows, paths=64, tolerance=1e-9)
    one, wide = found.assets.to_pylist()
    assert (one["standard_error"], one["paths"]) == (0.0, 64)
    assert (wide["status"], wide["standard_error"], wide["paths"]) == ("heavy_tail", None, 64)
    expected = "1 row (wide): standard_error is not known, so the tolerance gave no more paths; closed_form is exact"
    assert found.manifest["warnings"] == [expected]


def test_kept_paths_are_the_first_of_every_right(runs: Runs) -> None:
    found = runs.value(paths=48, tolerance=0.01, max_paths=200, keep_paths=True)
    assert set(found.assets["paths"].to_pylist()) > {48}
    assert found.paths.equals(runs.value(paths=48, keep_paths=True).paths)


def test_values_by_method_are_those_of_the_paths_reached(runs: Runs) -> None:
    found = runs.value(paths=16, tolerance=0.05, max_paths=256).assets.to_pylist()
    moved = 0
    for i, row in enumerate(found):
        there = runs.plain("random", "single", row["paths"])[1][i]
        assert row["method_values"] == there["method_values"]
        moved += row["method_values"] is not None and row["method_values"] != runs.plain("random", "single", 16)[1][i]["method_values"]
    assert moved >= 3
