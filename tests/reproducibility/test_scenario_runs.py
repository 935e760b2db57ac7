"""Scenarios in one pass: each is what a run of its own gives, to the bit, whatever the tasks, the workers and the other scenarios."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from commandline import contents
from portfolios import MARKET, random_methods
from shocked import shocked

import ipvalue

SCENARIOS: dict[str, Any] = {
    "scenario": [
        {"name": "royalties fall", "shock": [{"field": "royalty_rate", "multiply": 0.8, "where": "right_type == 'trademark'"}]},
        {"name": "less revenue", "shock": [{"field": "revenue", "multiply": 0.7}, {"field": "tax_rate", "add": 0.05}]},
        {"name": "rates up", "shock": [{"curve": "all", "add": 0.01}]},
        {"name": "dollar up", "shock": [{"fx": "USD", "multiply": 1.2}]},
        {"name": "rivals", "shock": [{"field": "hazard", "add": 0.05}, {"field": "entry_hazard", "multiply": 0.5}]},
        {"name": "stormy", "shock": [{"field": "volatility", "multiply": 1.5, "where": "sector == 'pharma'"}]},
        {"name": "together", "shock": [{"correlation": "all", "toward_one": 0.5}]},
        {"name": "nothing", "shock": [{"field": "revenue", "multiply": 0.5, "where": "asset_id == 'nobody'"}]},
    ]
}
ROWS, PATHS = 60, 192


@pytest.fixture(scope="module")
def portfolio() -> pa.Table:
    return random_methods(ROWS, 5)


def alone(portfolio: pa.Table, assumptions: Path, name: str, **options: Any) -> ipvalue.Result:
    """One scenario in a run of its own: its market, and the rows with its cells."""
    return ipvalue.value(**shocked(portfolio, assumptions, SCENARIOS, name), **options)


def of(result: Any, name: str) -> pa.Table:
    """The rows of one scenario by asset_id, in the columns of a result of its own."""
    assets = result.assets
    return assets.filter(pc.equal(assets["scenario"], name)).drop_columns(["scenario", "difference", "difference_error"]).sort_by("asset_id")


WAYS: list[dict[str, Any]] = [{}, {"sampler": "sobol"}, {"precision": "double"}, {"group_by": ()}, {"backend": "numba"}]


@pytest.mark.parametrize("more", WAYS, ids=str)
def test_each_scenario_is_a_run_of_its_own(more: dict[str, Any], portfolio: pa.Table, assumptions: Path) -> None:
    options = {"paths": PATHS, "seed": 3, "group_by": ("sector",), **more}
    found = ipvalue.scenarios(portfolio, SCENARIOS, market=MARKET, assumptions=assumptions, **options)
    names = ["base", *(one["name"] for one in SCENARIOS["scenario"])]
    assert list(dict.fromkeys(found.scenarios["scenario"].to_pylist())) == names
    for name in names:
        own = alone(portfolio, assumptions, name, **options)
        kept = set(of(found, name)["asset_id"].to_pylist())
        mine = own.assets.sort_by("asset_id")
        mine = mine.filter(pc.is_in(mine["asset_id"], pa.array(sorted(kept))))
        got = of(found, name)
        assert len(got) == len(mine) > ROWS // 2
        for column in got.column_names:
            if column != "filled":
                assert got[column].combine_chunks().equals(mine[column].combine_chunks()), (name, column)


def test_of_means_alone_the_numbers_are_the_same(portfolio: pa.Table, assumptions: Path) -> None:
    options: dict[str, Any] = {"market": MARKET, "assumptions": assumptions, "paths": PATHS, "seed": 3}
    every = ipvalue.scenarios(portfolio, SCENARIOS, **options)
    means = ipvalue.scenarios(portfolio, SCENARIOS, statistics="mean", **options)
    assert set(every.assets.column_names) - set(means.assets.column_names) == {
        *("q05", "q25", "q50", "q75", "q95"), "expected_shortfall", "probability_of_loss"
    }  # fmt: skip
    assert every.assets.select(means.assets.column_names).equals(means.assets)
    assert every.scenarios.equals(means.scenarios)
    assert every.totals.equals(means.totals)


@pytest.mark.parametrize("more", [{"workers": 2}, {"rows_per_task": 7}, {"scheduler": "processes", "workers": 2}], ids=str)
def test_tasks_and_workers_move_no_bit(more: dict[str, Any], portfolio: pa.Table, assumptions: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"market": MARKET, "assumptions": assumptions, "paths": PATHS, "seed": 3, "group_by": ("right_type",)}
    one = ipvalue.scenarios(portfolio, SCENARIOS, workers=1, **options)
    two = ipvalue.scenarios(portfolio, SCENARIOS, out=tmp_path / "two", **options, **more)
    order = [("scenario", "ascending"), ("asset_id", "ascending")]
    assert one.assets.sort_by(order).equals(two.assets.sort_by(order))
    assert one.scenarios.equals(two.scenarios)
    assert one.totals.equals(two.totals)
    assert one.rejects.drop_columns("file").equals(two.rejects.drop_columns("file"))


def test_what_stands_beside_a_right_moves_no_error_under_sobol(portfolio: pa.Table, assumptions: Path) -> None:
    """Whether a scenario moves the paths of others in its task or not."""
    options: dict[str, Any] = {"market": MARKET, "assumptions": assumptions, "paths": PATHS, "seed": 3, "sampler": "sobol", "statistics": "mean"}
    order = [("scenario", "ascending"), ("asset_id", "ascending")]
    one, many = (ipvalue.scenarios(portfolio, SCENARIOS, rows_per_task=rows, **options).assets.sort_by(order) for rows in (ROWS, 7))
    for column in one.column_names:
        assert one[column].combine_chunks().equals(many[column].combine_chunks()), column


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_differences_are_of_the_paths(sampler: str, portfolio: pa.Table, assumptions: Path) -> None:
    """The error of a difference is that of the paired path values of two runs."""
    options: dict[str, Any] = {"paths": PATHS, "seed": 3, "keep_paths": True, "sampler": sampler}
    found = ipvalue.scenarios(portfolio, SCENARIOS, market=MARKET, assumptions=assumptions, paths=PATHS, seed=3, sampler=sampler)
    base = alone(portfolio, assumptions, "base", **options)
    first = dict(zip(base.paths["asset_id"].to_pylist(), base.paths["values"].to_pylist(), strict=True))
    seen = 0
    for name in ("less revenue", "rivals", "stormy", "together"):
        own = alone(portfolio, assumptions, name, **options)
        rows = {row["asset_id"]: row for row in found.assets.filter(pc.equal(found.assets["scenario"], name)).to_pylist()}
        for asset, values in zip(own.paths["asset_id"].to_pylist(), own.paths["values"].to_pylist(), strict=True):
            if asset not in rows:
                continue
            difference = np.array(values, np.float64) - np.array(first[asset], np.float64)
            if sampler == "random":
                assert rows[asset]["difference_error"] == pytest.approx(difference.std(ddof=1) / np.sqrt(PATHS), rel=1e-9, abs=1e-9)
                assert rows[asset]["difference"] == pytest.approx(difference.mean(), rel=1e-9, abs=1e-6)
            seen += 1
    assert seen > 100
    for row in found.scenarios.to_pylist():
        totals = {name: pick(found, name) for name in ("base", row["scenario"])}
        paired = totals[row["scenario"]] - totals["base"]
        assert row["difference"] == pytest.approx(paired.mean(), rel=1e-9, abs=1e-3)
        if sampler == "random":
            assert row["difference_error"] == pytest.approx(paired.std(ddof=1) / np.sqrt(PATHS), rel=1e-9, abs=1e-6)


def pick(result: Any, name: str) -> Any:
    totals = result.totals
    return np.array([float(one) for one in totals.filter(pc.equal(totals["scenario"], name))["value"].to_pylist()])


@pytest.mark.slow
def test_a_cluster_moves_no_bit(portfolio: pa.Table, assumptions: Path, tmp_path: Path, cluster: str) -> None:
    pq.write_table(portfolio, tmp_path / "p.parquet")
    options: dict[str, Any] = {
        "market": MARKET,
        "assumptions": assumptions,
        "paths": PATHS,
        "seed": 3,
        "group_by": ("right_type",),
        "rows_per_task": 7,
    }
    ipvalue.scenarios(tmp_path / "p.parquet", SCENARIOS, out=tmp_path / "one", workers=1, **options)
    ipvalue.scenarios(tmp_path / "p.parquet", SCENARIOS, out=tmp_path / "many", scheduler=cluster, **options)
    one, many = contents(tmp_path / "one"), contents(tmp_path / "many")
    for files in (one, many):
        del files["manifest.json"]
    assert one == many
