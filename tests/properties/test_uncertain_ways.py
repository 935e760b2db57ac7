"""Uncertain inputs on the other ways of the engine: scenarios, what changed and what did not, verification, an explanation."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import portfolios
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uncertain_rows

import ipvalue as iv

SCENARIOS = {
    "scenario": [
        {"name": "royalties fall", "shock": [{"field": "royalty_rate", "multiply": 0.8}]},
        {"name": "revenue falls", "shock": [{"field": "revenue", "multiply": 0.5}]},
        {"name": "premiums rise", "shock": [{"field": "discount_premium", "add": 0.01, "where": "discount_premium_distribution != 'lognormal'"}]},
        {"name": "taxes", "shock": [{"field": "tax_rate", "add": 0.05}]},
    ]
}


def scaled(row: dict[str, Any], name: str, by: float) -> dict[str, Any]:
    """The row with a column and all that follows it multiplied."""
    out, parameters = dict(row), row[f"{name}_parameters"]
    for column in (name, *{"royalty_rate": ("royalty_low", "royalty_high")}.get(name, ())):
        out[column] = None if row[column] is None else row[column] * by
    if name == "revenue" and row["revenue_path"] is not None:
        out["revenue_path"] = [entry * by for entry in row["revenue_path"]]
    if parameters is not None and row[f"{name}_distribution"] == "lognormal":
        out[f"{name}_parameters"] = [parameters[0] + math.log(by), parameters[1]]
    elif parameters is not None:
        out[f"{name}_parameters"] = [one * by for one in parameters]
    return out


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_scenarios_move_the_draws(sampler: str, assumptions: Path) -> None:
    """Each scenario is a run of rows changed by hand, to rounding."""
    table = uncertain_rows.portfolio(42, seed=31)
    options: dict[str, Any] = {
        "market": portfolios.market(),
        "assumptions": assumptions,
        "paths": 256,
        "seed": 3,
        "sampler": sampler,
        "precision": "double",
    }
    found = iv.scenarios(table, SCENARIOS, **options).assets.to_pylist()
    by_hand = {"base": table, **{
        name: pa.Table.from_pylist([scaled(row, column, by) for row in table.to_pylist()], table.schema)
        for name, column, by in (("royalties fall", "royalty_rate", 0.8), ("revenue falls", "revenue", 0.5))
    }}  # fmt: skip
    for name, rows in by_hand.items():
        alone = {row["asset_id"]: row for row in iv.value(rows, **options).assets.to_pylist()}
        these = [row for row in found if row["scenario"] == name]
        assert len(these) == len(alone) > 35
        for row in these:
            for column in ("mean", "standard_deviation", "q05", "q95"):
                size = abs(alone[row["asset_id"]]["standard_deviation"]) + abs(alone[row["asset_id"]]["mean"]) + 1e-12
                assert abs(row[column] - alone[row["asset_id"]][column]) < 1e-6 * size, (name, row["asset_id"], column)


def test_a_run_since_another_verifies_and_is_explained(assumptions: Path, tmp_path: Path) -> None:
    table = uncertain_rows.portfolio(28, seed=33)
    rows = table.to_pylist()
    place = next(i for i, row in enumerate(rows) if row["royalty_rate_distribution"] == "pert" and row["method"] in (None, "licence"))
    low, mode, high = rows[place]["royalty_rate_parameters"]
    changed = [*rows[:place], {**rows[place], "royalty_rate_parameters": [low, mode, high * 1.2]}, *rows[place + 1 :]]
    for name, content in (("old", rows), ("new", changed)):
        pq.write_table(pa.Table.from_pylist(content, table.schema), tmp_path / f"{name}.parquet")
    options: dict[str, Any] = {"market": portfolios.market(), "assumptions": assumptions, "paths": 96, "seed": 3}
    iv.value(tmp_path / "old.parquet", out=tmp_path / "old", **options)
    iv.value(tmp_path / "new.parquet", out=tmp_path / "new", **options)
    later = {**options, "market": {**portfolios.market(), "fx": {**portfolios.MARKET["fx"], "USD": 7.2}}}
    iv.value(tmp_path / "old.parquet", out=tmp_path / "later", since=tmp_path / "old", **later)
    assert iv.verify(tmp_path / "later").ok
    again = iv.value(tmp_path / "new.parquet", out=tmp_path / "again", since=tmp_path / "old", **options)
    assert again.assets.equals(iv.open_result(tmp_path / "new").assets)
    assert iv.verify(tmp_path / "again").ok
    steps = iv.explain(tmp_path / "old", tmp_path / "new", workers=1).steps.to_pylist()
    amounts = {row["step"]: row["amount"] for row in steps}
    moved = {name for name, amount in amounts.items() if name not in ("old", "new") and amount != 0}
    assert any("royalty_rate" in name for name in moved), amounts


@iv.cash_rule
def five_percent(level: float, period: int) -> float:
    return 0.05 * level


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_a_rule_of_a_royalty_is_the_royalty(sampler: str, assumptions: Path) -> None:
    """Drawn revenue and premium under a rule, to rounding; also in an indefinite life."""
    rows = []
    for row in uncertain_rows.portfolio(70, seed=35).to_pylist():
        rate = dict.fromkeys(("royalty_low", "royalty_high", "royalty_rate_distribution", "royalty_rate_parameters"))
        rows.append({**row, **rate, "method": "relief_from_royalty", "royalty_rate": 0.05, "renewal": "always"})
    table = pa.Table.from_pylist(rows, uncertain_rows.portfolio(7, seed=1).schema)
    options: dict[str, Any] = {"market": portfolios.market(), "assumptions": assumptions, "paths": 256, "seed": 3, "sampler": sampler}
    plain, ruled = (iv.value(table, precision="double", rule=rule, **options).assets.to_pylist() for rule in (None, five_percent))
    for one, other in zip(plain, ruled, strict=True):
        size = abs(one["standard_deviation"]) + abs(one["mean_raw"])
        for column in ("mean_raw", "standard_deviation", "q05", "q95"):
            assert abs(one[column] - other[column]) <= 1e-9 * size, (one["asset_id"], column)
