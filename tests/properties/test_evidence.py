"""The evidence of any right: its printed factors multiply to what the engine used, and its terms add up to the closed form."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from portfolios import ASSUMPTIONS, market, methods_and_several

import ipvalue as iv
from ipvalue.cashflows import take
from ipvalue.compiled import Compiled, compile_rows
from ipvalue.evidence import explain
from ipvalue.evidence.content import content_of
from ipvalue.schema import RunError
from ipvalue.store import part_of
from ipvalue.verify import open_to_verify, reopened_inputs
from ipvalue.verify.rights import derive

FEW_ULPS = 1e-14


def bundles(folder: Path, rows: pa.Table, steps: int, mid_period: bool, **options: Any) -> Iterator[dict[str, Any]]:
    """The content of every right's bundle, through JSON."""
    pq.write_table(rows, folder / "rights.parquet")
    (folder / "assumptions.toml").write_text(ASSUMPTIONS)
    out = folder / "out"
    iv.value(folder / "rights.parquet", market=market(steps, mid_period), assumptions=folder / "assumptions.toml", paths=16, out=out, **options)
    opened, verified = open_to_verify(str(out)), iv.verify(out)
    assert verified.ok
    with reopened_inputs(opened) as inputs:
        for name in opened.store.parts("assets/"):
            for asset in opened.store.read_parquet(name)["asset_id"].to_pylist():
                number = part_of(name)
                assert number is not None
                made = derive(inputs.tasks[number], inputs.run, asset)
                assert made is not None
                yield json.loads(json.dumps(content_of(opened.manifest, inputs, made, verified, name)[0], allow_nan=False))


def near(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=FEW_ULPS, abs_tol=1e-300)


INCOME = ("discount_factor", "after_tax", "rate", "annual_revenue", "revenue_share", "years", "obsolescence_factor", "ramp", "sells", "fx")
SURVIVAL = ("grant_factor", "hazard_factor", "survival_curve_factor", "stages_factor")


def check(method: dict[str, Any]) -> None:
    """One method's table against itself, by the formulas of the page."""
    table = method["periods"]
    rows = [dict(zip(table, cells, strict=True)) for cells in zip(*table.values(), strict=True)]
    kept = method["closed_form"]["expected_royalty_multiplier"]
    total, lives = 0.0, 1.0
    for row in rows:
        if "price" in row:
            assert near(row["price"] * row["fx"], row["w"])
        else:
            assert near(math.prod(row[name] for name in INCOME) + row["perpetuity_income"], row["w"])
            due = row["running_cost"] + row["official_fees"] + row["stage_costs"]
            assert near(row["discount_factor"] * row["after_tax"] * due + row["perpetuity_cost"], row["f"])
            lives = min(lives, math.prod(row[name] for name in SURVIVAL))
            assert near(lives, row["S"])
            assert near((1.0 + row["discount_rate"]) ** -row["middle"], row["discount_factor"])
        if row["S"] > 0.0:
            assert row["expected_cash"] == row["S"] * (kept * row["w"] * row["rival_share"] - row["f"])
        total += row["expected_cash"]
        assert total == row["running_sum"]
    assert total == method["closed_form"]["sum_of_terms"] == method["closed_form"]["kernel"]
    fees = {entry["period"]: 0.0 for entry in method["due"]}
    for entry in method["due"]:
        fees[entry["period"]] += entry["cost"]
    for period, cost in fees.items():
        assert near(cost, rows[period - 1]["official_fees"] + rows[period - 1]["stage_costs"])


@pytest.mark.parametrize(("steps", "mid_period", "seed"), [(1, True, 31), (4, False, 32), (12, True, 33)])
def test_the_period_table_leads_to_the_closed_form(steps: int, mid_period: bool, seed: int, tmp_path: Path) -> None:
    count = 0
    for content in bundles(tmp_path, methods_and_several(49, 12, seed), steps, mid_period):
        for method in content["methods"]:
            check(method)
        row = content["result"]
        if row["closed_form"] is not None:
            weighted = sum(method["weight"] * method["closed_form"]["sum_of_terms"] for method in content["methods"])
            assert near(weighted, row["closed_form"])
        assert content["value"]["value"] == row["value"]
        count += 1
    assert count == 61


@pytest.mark.parametrize("name", ["w", "f", "survival", "rival", "tab_factor", "premise_factor", "salvage", "low"])
def test_an_explanation_that_is_off_by_a_hair_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = methods_and_several(49, 0, 34)

    def bent(filled: Any, tables: Any) -> Compiled:
        compiled = compile_rows(filled, tables)
        vectors = take(compiled.vectors, np.arange(len(compiled.vectors.step)))
        if getattr(vectors, name) is not None:
            setattr(vectors, name, getattr(vectors, name) * (1.0 + 1e-13))
        return Compiled(vectors, compiled.start, compiled.several, compiled.weight, compiled.earns)

    monkeypatch.setattr(explain, "compile_rows", bent)
    with pytest.raises(RunError, match=r"units of the last place|no evidence is written"):
        list(bundles(tmp_path, rows, 1, True))
