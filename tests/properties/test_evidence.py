"""The evidence of any right: its printed factors multiply to what the engine used, and its terms add up to the closed form."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import oracle_sobol
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uncertain_rows
from compared import TABLES, compiled, size_of
from portfolios import ASSUMPTIONS, market, methods_and_several, random_methods

import ipvalue as iv
import oracle
from ipvalue.cashflows import take
from ipvalue.compiled import Compiled, compile_rows
from ipvalue.evidence import estimate, explain
from ipvalue.evidence.content import content_of
from ipvalue.schema import RunError
from ipvalue.store import part_of
from ipvalue.summary import Evidence, evidence_of
from ipvalue.verify import open_to_verify, reopened_inputs
from ipvalue.verify.rights import derive

FEW_ULPS = 1e-14


def bundles(folder: Path, rows: pa.Table, steps: int, mid_period: bool, assumptions: str = ASSUMPTIONS, **options: Any) -> Iterator[dict[str, Any]]:
    """The content of every right's bundle, through JSON."""
    pq.write_table(rows, folder / "rights.parquet")
    (folder / "assumptions.toml").write_text(assumptions)
    out, how = folder / "out", {"paths": 16, **options}
    iv.value(folder / "rights.parquet", market=market(steps, mid_period), assumptions=folder / "assumptions.toml", out=out, **how)
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


# ------------------------------------------------------------------------------------------------ the mean under sobol


def check_estimate(it: dict[str, Any]) -> None:
    """A mean and its error by the formulas of the page, from what stands beside them; with a valuer's tools, so but for rounding."""
    if it["from"] == "closed form":
        assert (it["mean"], it["standard_error"]) == (it["known"], 0.0)
        return
    g, k = np.array(it["G"]), np.array(it["K"])
    assert len(g) == len(k) == it["replicates"] == 16
    slope, varies = it["beta"], float(np.ptp(k)) > 1e-12 * float(np.abs(k).max())  # else replicates differ by rounding alone
    assert (slope == 0.0) or it["controlled"]
    if it["controlled"] and varies:
        slope = float(np.cov(g, k)[0, 1] / np.var(k, ddof=1))
        assert slope == pytest.approx(it["beta"], rel=1e-9)
        assert it["e_1"] < it["e_0"]
    scale = float(np.abs(g).max() + np.abs(slope * (k - it["mu"])).max() + abs(it["known"])) + 1e-300
    contributions = it["known"] + g - slope * (k - it["mu"])
    assert contributions == pytest.approx(it["contributions"], rel=0, abs=1e-9 * scale)
    assert contributions.mean() == pytest.approx(it["mean"], rel=0, abs=1e-9 * scale)
    assert it["mean"] == it["known"] + (it["mean_G"] - it["beta"] * (it["mean_K"] - it["mu"]) if it["controlled"] else it["mean_G"])
    assert g.std(ddof=1) / 4 == pytest.approx(it["e_0"], rel=1e-9, abs=1e-12 * scale)
    if it["controlled"] and varies:
        left = contributions.std(ddof=1) ** 2 * 15 / 14
        off = (k.mean() - it["mu"]) ** 2 / (k.var(ddof=1) * 15)
        assert math.sqrt(left * (1 / 16 + off)) == pytest.approx(it["standard_error"], rel=1e-6, abs=1e-9 * scale)


@pytest.mark.parametrize(
    ("steps", "mid_period", "seed", "options"),
    [
        (1, True, 41, {"paths": 64}),
        (4, False, 42, {"paths": 16, "precision": "double"}),
        (1, True, 43, {"paths": 64, "tolerance": 0.002, "max_paths": 1024}),
        (12, True, 44, {"paths": 48, "backend": "native"}),
    ],
)
def test_the_mean_under_sobol_follows_from_its_parts(steps: int, mid_period: bool, seed: int, options: dict[str, Any], tmp_path: Path) -> None:
    kinds = set()
    for content in bundles(tmp_path, methods_and_several(49, 12, seed), steps, mid_period, sampler="sobol", **options):
        row, whole = content["result"], content["estimate"]
        check_estimate(whole)
        assert (whole["mean"], whole["standard_error"]) == (row["mean"], row["standard_error"])
        assert whole["plain_average"]["mean"] == row["mean_raw"]
        assert whole.get("points", row["paths"] // 16) == row["paths"] // 16
        kinds.add((whole["from"], whole.get("controlled"), row["methods"] is not None))
        if row["methods"] is None:
            estimates = [whole]
            assert "estimate" not in content["methods"][0]
            assert content["value"]["mean"] == whole["mean"]
        else:
            estimates = [method["estimate"] for method in content["methods"]]
            for one in estimates:
                check_estimate(one)
            assert [one["to_value"]["value"] for one in estimates] == row["method_values"]
            for name, of_row in (("known", None), ("G", "G"), ("K", "K"), ("mu", "mu")):
                if of_row is None or whole["from"] == "replicates":
                    parts = [np.array(one.get(name, 0.0)) * weight for one, weight in zip(estimates, row["weights"], strict=True)]
                    assert sum(parts) == pytest.approx(np.array(whole[name]), rel=1e-12, abs=1e-300)
        for one, method in zip(estimates, content["methods"], strict=True):
            if one["from"] == "replicates":
                periods = method["periods"]
                costs = sum(lives * cost for lives, cost in zip(periods["S"], periods["f"], strict=True))
                assert one["mu_terms"] == {"sum_of_terms": method["closed_form"]["sum_of_terms"], "expected_costs": costs}
                assert one["mu"] == method["closed_form"]["sum_of_terms"] + costs
    assert {("closed form", None, False), ("replicates", True, False), ("replicates", True, True)} <= kinds


def test_the_parts_of_the_mean_are_the_definitions(assumptions: Path, tmp_path: Path) -> None:
    """G and K of every replicate beside the slow definition's, which draws each path by itself (oracle_sobol.py)."""
    table, seen = random_methods(49, 45), 0
    here = compiled(table, market(), assumptions, tmp_path)
    pairs = {pair.asset["asset_id"]: pair for pair in here}
    for content in bundles(tmp_path, table, 1, True, sampler="sobol", paths=64, precision="double", assumptions=TABLES):
        pair, it = pairs[content["asset_id"]], content["estimate"]
        if it["from"] == "closed form":
            assert oracle.closed_form(pair.slow) == pytest.approx(it["mean"], rel=1e-11, abs=1e-12 * size_of(pair.slow))
            continue
        draws = oracle_sobol.draws(pair.asset, here.market, pair.slow, 1, 64)
        paths = oracle.simulate(pair.asset, here.market, paths=64, seed=1, vectors=pair.slow, boundary=here.boundary(pair), draws=draws)
        size = max(size_of(pair.slow), float(np.abs(paths.control).max()))
        assert oracle_sobol.replicate_means(paths.given_levels) == pytest.approx(it["G"], rel=0, abs=1e-11 * size)
        assert oracle_sobol.replicate_means(paths.control) == pytest.approx(it["K"], rel=0, abs=1e-11 * size)
        assert oracle_sobol.control_expectation(pair.slow) == pytest.approx(it["mu"], rel=1e-11, abs=1e-12 * size)
        seen += 1
    assert seen > 10


def test_random_paths_have_no_such_parts(tmp_path: Path) -> None:
    for content in bundles(tmp_path, methods_and_several(7, 2, 46), 1, True):
        assert "estimate" not in content
        assert not any("estimate" in method for method in content["methods"])


@pytest.mark.parametrize("name", ["known", "values", "control", "expectation"])
def test_a_mean_that_its_parts_do_not_lead_to_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bent(*some: Any) -> Evidence:
        found = evidence_of(*some)
        return replace(found, **{name: getattr(found, name) * (1.0 + 1e-12)})

    monkeypatch.setattr(estimate, "evidence_of", bent)
    with pytest.raises(RunError, match=r"its parts lead to .* no evidence is written"):
        list(bundles(tmp_path, methods_and_several(49, 12, 41), 1, True, sampler="sobol", paths=64))


@pytest.mark.parametrize(("sampler", "seed"), [("random", 51), ("sobol", 52)])
def test_uncertain_inputs_lead_to_the_closed_form_too(sampler: str, seed: int, tmp_path: Path) -> None:
    seen = 0
    for content in bundles(tmp_path, uncertain_rows.portfolio(42, seed), 1, True, sampler=sampler, paths=64):
        for method in content["methods"]:
            check(method)
            drawn = method.get("uncertain_inputs")
            if drawn is None:
                continue
            seen += 1
            multipliers = [one["expected_multiplier"] for one in drawn["inputs"] if "expected_multiplier" in one]
            assert near(math.prod(multipliers), drawn["expected_multiplier"])
            low, high = method["royalty_range"]
            assert near(drawn["expected_multiplier"] * (low + 1.0 + high) / 3.0, method["closed_form"]["expected_royalty_multiplier"])
            if drawn["no_closed_form"]:
                assert content["result"]["closed_form"] is None
    assert seen > 20
