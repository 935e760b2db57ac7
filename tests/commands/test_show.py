"""`ipvalue show`: a result on a terminal, and for machines."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from commandline import ROW, row_with, run, table, value
from fsspec.implementations.local import LocalFileSystem

import ipvalue as iv
from ipvalue.amounts import money
from ipvalue.report.terminal import bar, group_view, histogram, overview

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def result(here: Path) -> Path:
    """A result with groups, a reject and long names."""
    rows = [*row_with(revenue=-1.0), {**ROW, "asset_id": "CN-2019-" + "a long name of a right " * 5, "owner_id": "an owner with a long name " * 4}]
    pq.write_table(table(rows), "p.parquet")
    assert value("p.parquet", "--group-by", "owner_id,right_type", "--quantiles", "0.001,0.5,0.95").code == 0
    return Path("out")


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_no_line_is_wider_than_the_terminal(result: Path, columns: int) -> None:
    ran = run("show", result, columns=columns)
    assert (ran.code, ran.err) == (0, "")
    problem = next(line for line in ran.out.splitlines() if "problem in rejected rows" in line)
    assert max(len(line) for line in ran.out.splitlines() if line != problem) <= columns


def test_what_is_shown(result: Path) -> None:
    shown = run("show", result).out
    for part in ("4 of 5, 1 rejected", "2026-11-22, in CNY", "going concern", "64, sampler random, seed 1, single precision", "numerics 2"):
        assert part in shown
    for label in ("value", "mean", "standard error", "standard deviation", "q00_1", "q50", "q95", "expected shortfall", "diversification"):
        assert f"  {label}  " in shown or f"\n{label:>19}  " in shown, label
    assert "Value of the whole, by path" in shown
    assert "The 4 most valuable rights" in shown
    assert "1 problem in rejected rows; the first: revenue is -1.0: it must be at least 0" in shown


def test_amounts_are_whole_on_a_narrow_terminal(result: Path) -> None:
    best = max(pq.read_table("out/assets").to_pylist(), key=lambda row: float(row["value"]))
    shown = run("show", result, columns=80).out
    for name in ("value", "mean", "q50", "q95"):
        assert money(best[name]) in shown


def test_the_most_valuable_come_first_and_top_says_how_many(result: Path) -> None:
    lines = run("show", result, "--top", 2).out.splitlines()
    start = lines.index("The 2 most valuable rights")
    assert [line.split()[0] for line in lines[start + 2 : start + 4]] == ["r3", "r2"]


def test_json(result: Path) -> None:
    shown = json.loads(run("show", result, "--json").out)
    assert shown["facts"]["rights valued"] == "4 of 5, 1 rejected"
    assert shown["whole"]["assets"] == 4
    assert shown["rejects"] == 1
    assert sum(each["paths"] for each in shown["histogram"]) == 64
    assert [row["asset_id"] for row in shown["top"]][:2] == ["r3", "r2"]
    assert {row["right_type"] for row in shown["groups"]} == {"trademark", "invention_patent"}
    assert json.loads(run("show", result, "--json", "--top", 1).out)["top"] == shown["top"][:1]


# ------------------------------------------------------------------------------------------------ groups, methods, filled


@pytest.fixture
def groups(here: Path) -> list[dict[str, Any]]:
    """The groups of a result with three hundred owners, each with more value than the one before."""
    pq.write_table(table([{**ROW, "asset_id": f"a{i}", "owner_id": f"owner {i:03d}", "revenue": 1e5 * (i + 1)} for i in range(300)]), "p.parquet")
    assert value("p.parquet", "--group-by", "owner_id,sector").code == 0
    found: list[dict[str, Any]] = pq.read_table("out/groups.parquet").to_pylist()
    return found


def test_the_groups_of_most_value_come_first_and_the_others_are_counted(groups: list[dict[str, Any]]) -> None:
    lines = run("show", "out", "--top", 3, columns=200).out.splitlines()
    start = lines.index("Groups, the 3 largest of 300")
    heads = " ".join(" ".join(lines[start + 1 : start + 3]).split())
    for head in ("owner_id", "sector", "assets", "value", "mean", "q05", "q95", "fication"):
        assert head in heads
    best = sorted(groups[1:], key=lambda row: -float(row["value"]))
    for line, row in zip(lines[start + 3 : start + 6], best, strict=False):
        assert line.split()[:4] == [*row["owner_id"].split(), "software", "1"]
        for name in ("value", "mean", "q05", "q95", "diversification"):
            assert money(row[name]) in line
    others = sum(float(row["value"]) for row in best[3:])
    assert lines[start + 6] == f"and 297 more groups with 297 rights: {money(others)} together"


def test_one_group_has_its_own_distribution(groups: list[dict[str, Any]]) -> None:
    ran = run("show", "out", "--group", "owner 007,software")
    assert (ran.code, ran.err) == (0, "")
    (row,) = (one for one in groups if one["owner_id"] == "owner 007")
    assert ran.out.startswith("owner 007,software: 1 right\n")
    assert f"{'value':>19}  {money(row['value'])}" in ran.out
    assert "Value of the group, by path" in ran.out
    found = json.loads(run("show", "out", "--group", "owner 007,software", "--json").out)
    assert found["group"] == "owner 007,software"
    assert {name: found[name] for name in ("assets", "value", "q95")} == {name: row[name] for name in ("assets", "value", "q95")}
    own = pq.read_table("out/assets").to_pylist()[7]
    assert sum(each["paths"] for each in found["histogram"]) == 64
    assert found["histogram"][0]["from"] >= own["value"] * 0.1
    assert found["histogram"][-1]["to"] <= own["value"] * 10


def test_a_mistyped_group_is_named_with_the_one_that_was_meant(groups: list[dict[str, Any]]) -> None:
    ran = run("show", "out", "--group", "owner 007,sofware")
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence == "out: there is no group 'owner 007,sofware': did you mean owner 007,software?"
    assert run("show", "out", "--group", "x").sentence == "out: there is no group 'x': name the values of owner_id, sector, with commas between"


def test_a_group_of_a_result_without_groups() -> None:
    assert value("portfolio.parquet").code == 0
    assert run("show", "out", "--group", "software").sentence == "out: has no groups: value the portfolio with --group-by"


def test_blank_groups_can_be_picked() -> None:
    pq.write_table(table([{**ROW, "owner_id": None}, {**ROW, "asset_id": "b", "owner_id": "x, y"}]), "p.parquet")
    assert value("p.parquet", "--group-by", "owner_id").code == 0
    assert run("show", "out", "--group", "(blank)").out.startswith("(blank): 1 right")
    assert run("show", "out", "--group", "x, y").out.startswith("x, y: 1 right")


# ------------------------------------------------------------------------------------------------ one right


def test_one_right_is_shown_with_its_own_distribution(result: Path) -> None:
    (row,) = (one for one in pq.read_table("out/assets").to_pylist() if one["asset_id"] == "r3")
    ran = run("show", result, "--asset", "r3")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"r3: {row['method']}, 64 paths, status {row['status']}\n")
    assert f"{'value':>19}  {money(row['value'])}" in ran.out
    assert f"{'expected life':>19}  {row['expected_life']:.2f} years" in ran.out
    assert "Value of the right, by path" in ran.out
    found = json.loads(run("show", result, "--asset", "r3", "--json").out)
    assert {name: found[name] for name in row} == row
    assert sum(each["paths"] for each in found["histogram"]) == 64


def test_the_distribution_of_a_right_is_that_of_its_kept_paths() -> None:
    assert value("portfolio.parquet", "--keep-paths", "--precision", "double").code == 0
    kept = next(row["values"] for row in iv.open_result("out").paths.to_pylist() if row["asset_id"] == "r1")
    shown = json.loads(run("show", "out", "--asset", "r1", "--json").out)["histogram"]
    assert [(each["from"], each["to"], each["paths"]) for each in shown] == histogram(np.array(kept))


def test_a_right_by_several_methods_is_shown_with_the_value_by_each() -> None:
    two = {**ROW, "asset_id": "two", "methods": ["market", "relief_from_royalty"], "weights": [0.5, 0.5], "comparable_price": 1e6}
    pq.write_table(table([two]), "p.parquet")
    assert value("p.parquet").code == 0
    shown = run("show", "out", "--asset", "two").out
    (row,) = pq.read_table("out/assets").to_pylist()
    for method, amount in zip(row["methods"], row["method_values"], strict=True):
        assert f"{method:>19}  {money(amount)}\n" in shown


def test_a_right_that_is_not_there_or_cannot_be_shown(result: Path) -> None:
    assert run("show", result, "--asset", "r1").sentence.startswith("out: r1 was rejected")
    assert run("show", result, "--asset", "zz").sentence == "out: there is no right 'zz' in it"
    assert run("show", result, "--asset", "r3", "--group", "x").sentence == "--asset shows one right of a result of ipvalue value: leave --group out"
    Path("s.toml").write_text('[[scenario]]\nname = "low"\n[[scenario.shock]]\nfield = "royalty_rate"\nmultiply = 0.5\n')
    assert run("scenarios", "portfolio.parquet", "s.toml", "--paths", 16, "--out", "low").code == 0
    told = "--asset shows one right of a result of ipvalue value, and this is one of ipvalue scenarios"
    assert run("show", "low", "--asset", "r3").sentence == told


def test_the_mix_of_methods_is_shown_with_rights_and_value() -> None:
    rows = [{**ROW, "asset_id": f"m{i}", "method": "market", "comparable_price": 1e6} for i in range(3)]
    rows += [ROW, {**ROW, "asset_id": "two", "methods": ["market", "relief_from_royalty"], "weights": [0.5, 0.5], "comparable_price": 1e6}]
    pq.write_table(table(rows), "p.parquet")
    assert value("p.parquet").code == 0
    shown = {one["name"]: one for one in json.loads(run("show", "out", "--json").out)["methods"]}
    assert {name: one["rights"] for name, one in shown.items()} == {"market": 3, "relief_from_royalty": 1, "reconciled": 1}
    assets = pq.read_table("out/assets").to_pylist()
    assert shown["market"]["value"] == pytest.approx(sum(row["value"] for row in assets if row["method"] == "market"))
    lines = run("show", "out").out.splitlines()
    start = lines.index("By method")
    assert lines[start + 2].split()[:2] == ["market", "3"]


def test_what_the_assumptions_filled_is_counted_by_column() -> None:
    Path("mine.toml").write_text(
        '[defaults.trademark]\nfee_inflation = 0.01\nhazard = 0.01\n[defaults."trademark//pharma"]\nrevenue_uncertainty = 0.1\n'
    )
    pq.write_table(table([ROW, {**ROW, "asset_id": "b", "sector": "pharma"}, {**ROW, "asset_id": "c", "hazard": 0.02}]), "p.parquet")
    assert value("p.parquet", "--assumptions", "mine.toml").code == 0
    assert json.loads(run("show", "out", "--json").out)["filled"] == {"fee_inflation": 3, "hazard": 2, "revenue_uncertainty": 1}
    lines = run("show", "out", "--top", 2).out.splitlines()
    start = lines.index("Filled by the assumptions, the 2 most often of 3 columns")
    assert [line.split() for line in lines[start + 2 : start + 4]] == [["fee_inflation", "3"], ["hazard", "2"]]


def test_a_result_in_many_parts_is_shown_as_one() -> None:
    pq.write_table(table([{**ROW, "asset_id": f"a{i}", "revenue": 1e6 + 1e3 * i} for i in range(60)]), "p.parquet")
    iv.value("p.parquet", market="market.toml", out="parts", paths=16, rows_per_task=7)
    iv.value("p.parquet", market="market.toml", out="whole", paths=16, rows_per_task=1000)
    parts, whole = (json.loads(run("show", name, "--json", "--top", 5).out) for name in ("parts", "whole"))
    values = sorted((row["value"] for row in pq.read_table("whole/assets").to_pylist()), reverse=True)
    assert [row["value"] for row in parts["top"]] == values[:5]
    for name in ("top", "whole", "histogram", "filled"):
        assert parts[name] == whole[name], name
    assert parts["methods"][0]["value"] == pytest.approx(whole["methods"][0]["value"])


def test_a_result_in_memory_is_looked_at_as_one_on_disk() -> None:
    held = iv.value("portfolio.parquet", market="market.toml", paths=16, group_by=("sector",))
    stored = iv.value("portfolio.parquet", market="market.toml", paths=16, group_by=("sector",), out="out")
    assert overview(held).bars == overview(stored).bars
    assert group_view(held, "pharma") == group_view(stored, "pharma")


# ------------------------------------------------------------------------------------------------ little


def test_a_result_of_a_certain_value_has_one_bar() -> None:
    pq.write_table(table([{**ROW, "volatility": 0.0, "factor_loading": 0.0, "filing_date": None}]), "p.parquet")
    Path("none.toml").write_text("")
    assert value("p.parquet", "--assumptions", "none.toml").code == 0
    assert len(json.loads(run("show", "out", "--json").out)["histogram"]) == 1
    assert run("show", "out").code == 0


# ------------------------------------------------------------------------------------------------ not a result


def test_a_mistyped_directory_is_named_with_the_one_that_was_meant(result: Path) -> None:
    result.rename("results")
    ran = run("show", "result")
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence == "result: is no results directory (it has no manifest.json): did you mean results?"


def test_a_directory_within_a_result(result: Path) -> None:
    assert run("show", result / "assets").sentence == "out/assets: is no results directory (it has no manifest.json): did you mean out?"


def test_a_directory_of_results(result: Path) -> None:
    """The root of a job's results: the last of them is named."""
    for night in ("2026-11-22-a", "2026-11-23-a"):
        shutil.copytree(result, Path("results") / night)
    told = "results/: is no results directory (it has no manifest.json): did you mean results/2026-11-23-a?"
    assert run("show", "results/").sentence == told
    ran = run("value", "portfolio.parquet", "--paths", 2, "--out", "results")
    told = "results: holds results, as 2026-11-22-a: name a directory of its own as --out, as results/another"
    assert (ran.code, ran.sentence) == (2, told)


def test_a_run_that_was_stopped(result: Path) -> None:
    (result / "manifest.json").rename(result / ".journal")
    ran = run("show", result)
    told = "out: holds a run that was stopped, and no result yet: its command goes on with --resume, its job as it stands"
    assert (ran.code, ran.sentence) == (2, told)


@pytest.mark.parametrize("name", ["empty", "portfolio.parquet", "nowhere"])
def test_what_is_no_result(name: str) -> None:
    Path("empty").mkdir()
    ran = run("show", name)
    assert (ran.code, ran.out, ran.sentence) == (2, "", f"{name}: is no results directory (it has no manifest.json)")


def test_somebody_elses_manifest() -> None:
    Path("web").mkdir()
    Path("web/manifest.json").write_text('{"name": "an app"}')
    assert run("show", "web").sentence == "web/manifest.json: was not written by ipvalue value"


def test_a_damaged_manifest(result: Path) -> None:
    (result / "manifest.json").write_text('{"name": ')
    ran = run("show", result)
    assert ran.code == 2
    assert ran.sentence.startswith("out/manifest.json: cannot be read (Expecting value")
    assert ran.sentence.endswith("it is damaged or cut short")


@pytest.mark.parametrize("name", ["groups.parquet", "totals.arrow", "rejects.parquet", "assets/part-00001.parquet"])
def test_a_damaged_file(result: Path, name: str) -> None:
    path = result / name
    path.write_bytes(path.read_bytes()[:100])
    ran = run("show", result)
    assert ran.code == 2
    assert ran.sentence.startswith(f"out/{name}: cannot be read (")
    assert ran.sentence.endswith(": it is damaged or cut short")


@pytest.mark.parametrize("name", ["manifest.json", "groups.parquet"])
def test_a_file_that_may_not_be_read(result: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = LocalFileSystem._open

    def denied(fs: LocalFileSystem, path: str, *args: Any, **more: Any) -> Any:
        if path.endswith(name):
            raise PermissionError(13, "Permission denied", path)
        return opened(fs, path, *args, **more)

    monkeypatch.setattr(LocalFileSystem, "_open", denied)
    ran = run("show", result)
    assert (ran.code, ran.sentence) == (2, f"out/{name}: may not be read: ask for read permission")


def test_a_missing_file(result: Path) -> None:
    shutil.rmtree(result / "assets")
    assert run("show", result).sentence == "out/assets/part-00000.parquet: is missing from the result"


# ------------------------------------------------------------------------------------------------ amounts and bars


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.0, "0"),
        (0.25, "0.2500"),
        (-1.0, "-1.000"),
        (999.94, "999.9"),
        (999.96, "1.000 k"),
        (20e6, "20.00 m"),
        (-2.71e9, "-2.710 bn"),
        (999_960_000.0, "1.000 bn"),
        (1.5e15, "1,500 tn"),
    ],
)
def test_amounts_have_four_digits(amount: float, text: str) -> None:
    assert money(amount) == text


def test_bars_are_in_eighths() -> None:
    assert bar(1.0, 4) == "████"
    assert bar(0.5, 1) == "▌"
    assert bar(0.0, 4) == ""


def test_ids_that_look_like_markup_are_shown_as_they_are() -> None:
    pq.write_table(table([{**ROW, "asset_id": "[/foo]", "owner_id": "[red]x"}]), "p.parquet")
    assert value("p.parquet", "--group-by", "owner_id").code == 0
    shown = run("show", "out")
    assert shown.code == 0
    assert "[/foo]" in shown.out
    assert "[red]x" in shown.out


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
def test_no_thread_of_arrows_is_left_that_could_end_after_python() -> None:
    """One that still holds Python's bytes then aborts the whole process, once in some hundred runs."""
    value("portfolio.parquet")
    script = """
import os
import ipvalue as iv
from ipvalue.valuation import open_result
before = len(os.listdir("/proc/self/task"))
result = open_result("out")
result.assets, result.groups, result.totals, result.rejects
print(len(os.listdir("/proc/self/task")) - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


def test_a_result_of_numbas_kernels_is_shown_too() -> None:
    assert value("portfolio.parquet", "--backend", "numba", paths=16).code == 0
    ran = run("show", "out")
    assert (ran.code, ran.err) == (0, "")
    assert "workers (numba)" in ran.out
    assert run("show", "out", "--json").code == 0
