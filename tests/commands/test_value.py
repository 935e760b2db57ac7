"""`ipvalue value`: what its flags do, and the files, columns and numbers that it leaves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import ROW, ROWS, contents, installed, row_with, run, table, value

pytestmark = pytest.mark.usefixtures("here")

QUANTILES = ["q05", "q25", "q50", "q75", "q95"]
MONEY = ["mean", "mean_raw", "standard_error", "standard_deviation", *QUANTILES, "expected_shortfall"]
ASSETS = [
    ("asset_id", pa.string()),
    ("method", pa.string()),
    ("status", pa.string()),
    *((name, pa.float64()) for name in [*MONEY, "probability_of_loss", "expected_life", "closed_form", "tab", "value"]),
    ("paths", pa.int64()),
    ("methods", pa.list_(pa.string())),
    ("weights", pa.list_(pa.float64())),
    ("method_values", pa.list_(pa.float64())),
    ("filled", pa.string()),
]
GROUPS = [
    "assets",
    "value",
    "mean",
    "standard_error",
    "standard_deviation",
    *QUANTILES,
    "expected_shortfall",
    *(f"sum_of_quantiles_{name}" for name in QUANTILES),
    *(f"diversification_{name}" for name in QUANTILES),
    "diversification",
]


def valued(*args: object, **more: Any) -> pa.Table:
    """The assets of a run, by asset_id."""
    ran = value(*args, **more)
    assert (ran.code, ran.err) == (0, ""), ran
    return assets(more.get("out", "out"))


def assets(out: object = "out") -> pa.Table:
    return pq.read_table(Path(str(out)) / "assets").sort_by("asset_id")


def manifest(out: object = "out") -> Any:
    return json.loads((Path(str(out)) / "manifest.json").read_text())


def totals(out: object = "out") -> pa.Table:
    with pa.memory_map(str(Path(str(out)) / "totals.arrow")) as file:
        return pa.ipc.open_file(file).read_all()


# ------------------------------------------------------------------------------------------------ the files


def test_a_results_directory_holds_these_files_and_no_other() -> None:
    valued("portfolio.parquet")
    parts = {f"assets/part-{i:05d}.parquet" for i in range(len(ROWS))}
    assert contents("out").keys() == {*parts, "groups.parquet", "totals.arrow", "rejects.parquet", "manifest.json"}


def test_with_keep_paths_their_parts_too() -> None:
    valued("portfolio.parquet", "--keep-paths")
    assert {name for name in contents("out") if name.startswith("paths/")} == {f"paths/part-{i:05d}.arrow" for i in range(len(ROWS))}


def test_the_columns_of_the_assets() -> None:
    found = valued("portfolio.parquet")
    assert [(field.name, field.type) for field in found.schema] == ASSETS
    assert found["asset_id"].to_pylist() == [row["asset_id"] for row in ROWS]
    assert set(found["paths"].to_pylist()) == {64}
    assert set(found["status"].to_pylist()) == {"ok"}


def test_the_columns_of_groups_and_totals() -> None:
    valued("portfolio.parquet")
    groups = pq.read_table("out/groups.parquet")
    assert groups.column_names == GROUPS
    assert groups["assets"].to_pylist() == [len(ROWS)]
    assert [(field.name, field.type) for field in totals().schema] == [("path", pa.int64()), ("value", pa.decimal128(38, 6))]
    assert totals()["path"].to_pylist() == list(range(64))


def test_group_columns_stand_first_and_the_whole_has_none() -> None:
    valued("portfolio.parquet", "--group-by", "sector,right_type")
    groups = pq.read_table("out/groups.parquet")
    assert groups.column_names == ["sector", "right_type", *GROUPS]
    keys = [(row["sector"], row["right_type"], row["assets"]) for row in groups.to_pylist()]
    assert keys == [
        (None, None, 4),
        ("pharma", "invention_patent", 1),
        ("pharma", "trademark", 1),
        ("software", "invention_patent", 1),
        ("software", "trademark", 1),
    ]
    assert totals().schema.names == ["sector", "right_type", "path", "value"]
    assert totals().num_rows == 5 * 64


def test_quantile_columns_are_named_by_their_percentage() -> None:
    found = valued("portfolio.parquet", "--quantiles", "0.999,0, 0.5,1,0.001,0.125")
    assert [name for name in found.column_names if name.startswith("q")] == ["q00", "q00_1", "q12_5", "q50", "q99_9", "q100"]
    assert [name for name in pq.read_schema("out/groups.parquet").names if name.startswith("q")] == ["q00", "q00_1", "q12_5", "q50", "q99_9", "q100"]


def test_without_quantiles_there_are_no_such_columns() -> None:
    assert not [name for name in valued("portfolio.parquet", "--quantiles", "").column_names if name.startswith("q")]
    assert run("show", "out").code == 0


def test_blanks_are_null_and_never_nan() -> None:
    found = valued("portfolio.parquet")
    for name in (field.name for field in found.schema if pa.types.is_floating(field.type)):
        column = found[name].drop_null().to_numpy()
        assert not np.isnan(column).any(), name


# ------------------------------------------------------------------------------------------------ the manifest


def test_the_manifest_lists_every_file_with_its_hash() -> None:
    valued("portfolio.parquet", "--keep-paths")
    files = contents("out")
    del files["manifest.json"]
    listed = {one["name"]: one for one in manifest()["files"]}
    assert listed.keys() == files.keys()
    for name, content in files.items():
        assert listed[name]["sha256"] == hashlib.sha256(content).hexdigest()
        assert listed[name]["bytes"] == len(content)
    assert sum(one["rows"] for name, one in listed.items() if name.startswith("assets/")) == len(ROWS)


def test_the_manifest_says_what_was_valued_and_how() -> None:
    pq.write_table(table(row_with(revenue=-1.0)), "bad.parquet")
    valued("bad.parquet", "--seed", 7, "--precision", "double", "--group-by", "sector", "--tail", 0.1)
    said = manifest()
    assert said["numerics_version"] == 2
    assert said["counts"] == {"rows": 4, "valued": 3, "rejected": 1, "tasks": 4}
    asked = {"paths": 64, "seed": 7, "precision": "double", "group_by": ["sector"], "tail": 0.1, "premise": "going_concern"}
    assert asked.items() <= said["options"].items()
    (portfolio,) = said["inputs"]["portfolio"]
    content = Path("bad.parquet").read_bytes()
    assert portfolio.pop("path") == str(Path("bad.parquet").resolve())
    assert portfolio == {"file": "bad.parquet", "rows": 4, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert said["inputs"]["market"]["content"]["currency"] == "CNY"
    assert len(said["inputs"]["market"]["sha256"]) == len(said["inputs"]["assumptions"]["sha256"]) == 64


def test_only_the_manifest_holds_times_and_hosts() -> None:
    valued("portfolio.parquet", "--keep-paths")
    valued("portfolio.parquet", "--keep-paths", "--workers", 1, out="again")
    first, again = contents("out"), contents("again")
    del first["manifest.json"], again["manifest.json"]
    assert first == again
    assert manifest()["time"]["started"] != manifest("again")["time"]["started"]


# ------------------------------------------------------------------------------------------------ the flags


def test_more_paths_make_a_smaller_standard_error() -> None:
    few, many = valued("portfolio.parquet", paths=50), valued("portfolio.parquet", paths=5_000, out="many")
    assert all(b < a for a, b in zip(few["standard_error"].to_pylist(), many["standard_error"].to_pylist(), strict=True))


def test_the_sampler_sobol_knows_the_means_of_rights_without_option() -> None:
    found = valued("portfolio.parquet", "--sampler", "sobol")
    assert manifest()["options"]["sampler"] == "sobol"
    for row in found.to_pylist():
        assert row["closed_form"] is not None
        assert (row["mean"], row["standard_error"]) == (row["closed_form"], 0.0)
        assert row["mean_raw"] != row["mean"]
        assert row["standard_deviation"] > 0
    shown = run("show", "out")
    assert "64, sampler sobol, seed 1, single precision" in shown.out
    valued("portfolio.parquet", out="plain")
    assert manifest("plain")["options"]["sampler"] == "random"


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (100, "paths is 100: the sobol sampler takes a multiple of 16, so 96 or 112, best a power of two"),
        (7, "paths is 7: the sobol sampler takes a multiple of 16, so 16, best a power of two"),
    ],
)
def test_what_the_sampler_sobol_does_not_take(paths: int, said: str) -> None:
    ran = value("portfolio.parquet", "--sampler", "sobol", paths=paths)
    assert ran.code == 2
    assert said in ran.err
    assert not Path("out").exists()


def test_an_unknown_sampler_is_refused() -> None:
    ran = value("portfolio.parquet", "--sampler", "halton")
    assert ran.code == 2
    assert "sampler is 'halton': it must be random or sobol" in ran.err


def test_a_tolerance_doubles_the_paths_of_the_rights_that_need_it() -> None:
    ran = value("portfolio.parquet", "--tolerance", 0.06, "--max-paths", 200)
    assert (ran.code, ran.err) == (0, "")
    found = assets()
    assert found["paths"].to_pylist() == [64, 128, 128, 64]
    assert all(row["standard_error"] <= 0.06 * row["mean"] for row in found.to_pylist())
    assert {"paths": 64, "tolerance": 0.06, "max_paths": 200}.items() <= manifest()["options"].items()
    assert totals().num_rows == 64
    assert "64 to 200 for a tolerance of 0.06, sampler random, seed 1" in run("show", "out", columns=120).out


def test_rights_that_do_not_meet_a_tolerance_are_counted_in_a_warning() -> None:
    ran = value("portfolio.parquet", "--tolerance", 0.05, "--max-paths", 200)
    assert assets()["paths"].to_pylist() == [128, 128, 128, 128]
    said = "1 row (r3): standard_error is above the tolerance of 0.05 of the mean with 128 paths, the most allowed: allow more with --max-paths"
    assert (ran.code, ran.sentence) == (0, f"warning: {said}")
    assert manifest()["warnings"] == [said]


def test_by_default_a_tolerance_takes_up_to_64_times_the_paths() -> None:
    ran = value("portfolio.parquet", "--tolerance", 1e-9)
    assert assets()["paths"].to_pylist() == [64 * 64] * 4
    assert manifest()["options"]["max_paths"] == 64 * 64
    assert "4 rows (r0, r1, r2 and 1 more): " in ran.sentence


def test_a_tolerance_that_all_rights_meet_changes_nothing() -> None:
    pq.write_table(table(row_with(revenue=1e13)), "p.parquet")  # the product with its mean is no number any more
    found = valued("p.parquet")
    assert valued("p.parquet", "--tolerance", 1e300, out="wide").equals(found)
    ours, theirs = contents("out"), contents("wide")
    del ours["manifest.json"], theirs["manifest.json"]
    assert ours == theirs
    assert (manifest()["options"]["tolerance"], manifest()["options"]["max_paths"]) == (None, None)


def test_under_sobol_rights_without_option_meet_any_tolerance() -> None:
    assert valued("portfolio.parquet", "--sampler", "sobol", "--tolerance", 1e-12)["paths"].to_pylist() == [64] * 4


def test_the_seed_changes_the_numbers_and_the_workers_do_not() -> None:
    one, two, again = (valued("portfolio.parquet", *args, out=f"out{i}") for i, args in enumerate([("--seed", 1), ("--seed", 2), ("--workers", 3)]))
    assert one.equals(again)
    assert not one["mean_raw"].equals(two["mean_raw"])


def test_precision_changes_little() -> None:
    single, double = valued("portfolio.parquet"), valued("portfolio.parquet", "--precision", "double", out="double")
    np.testing.assert_allclose(single["mean"].to_numpy(), double["mean"].to_numpy(), rtol=1e-4)
    assert not single["mean"].equals(double["mean"])


def test_the_tail_is_the_share_of_the_expected_shortfall() -> None:
    found = valued("portfolio.parquet", "--tail", 1, paths=500)
    np.testing.assert_allclose(found["expected_shortfall"].to_numpy(), found["mean_raw"].to_numpy(), rtol=1e-5)


def test_the_group_of_a_blank_has_a_name() -> None:
    pq.write_table(table([{**ROW, "owner_id": None}, {**ROW, "asset_id": "r1", "owner_id": "me"}]), "p.parquet")
    valued("p.parquet", "--group-by", "owner_id")
    assert pq.read_table("out/groups.parquet")["owner_id"].to_pylist() == [None, "(blank)", "me"]


def test_kept_paths_have_the_statistics_reported() -> None:
    found = valued("portfolio.parquet", "--keep-paths", "--precision", "double")
    for part in Path("out/paths").iterdir():
        with pa.memory_map(str(part)) as file:
            kept = pa.ipc.open_file(file).read_all()
        assert [(field.name, field.type) for field in kept.schema] == [("asset_id", pa.string()), ("values", pa.list_(pa.float64(), 64))]
        for asset_id, values in zip(kept["asset_id"].to_pylist(), kept["values"].to_pylist(), strict=True):
            (row,) = (row for row in found.to_pylist() if row["asset_id"] == asset_id)
            assert row["q50"] == np.quantile(values, 0.5)
            assert row["mean_raw"] == pytest.approx(np.mean(values), rel=1e-12)
            assert row["standard_deviation"] == pytest.approx(np.std(values, ddof=1), rel=1e-12)


def test_the_market_given_is_used_instead_of_the_one_beside_the_portfolio() -> None:
    content = Path("market.toml").read_text()
    Path("other.toml").write_text(content.replace("USD = 7.1", "USD = 14.2"))
    mine, other = valued("portfolio.parquet"), valued("portfolio.parquet", "--market", "other.toml", out="other")
    ratio = other["mean"].to_numpy() / mine["mean"].to_numpy()
    np.testing.assert_allclose(ratio, [1, 2, 1, 1], rtol=1e-6)


def test_memory_that_suffices() -> None:
    valued("portfolio.parquet", "--memory", "1.5GiB", "--workers", 1)
    assert manifest()["options"]["memory"] == "1.5GiB"


def test_processes_give_the_same_result() -> None:
    ran = installed("value", "portfolio.parquet", "--paths", 64, "--out", "processes", "--scheduler", "processes", "--workers", 2)
    assert ran.code == 0, ran
    valued("portfolio.parquet")
    ours, theirs = contents("out"), contents("processes")
    del ours["manifest.json"], theirs["manifest.json"]
    assert ours == theirs


def test_a_premise_that_lacks_a_right_type_sets_its_rows_aside_in_worker_processes_too() -> None:
    Path("mine.toml").write_text("[premise.forced.trademark]\ndiscount = 0.3\ntime_to_sell = 1\n")
    args = ("--assumptions", "mine.toml", "--premise", "forced", "--scheduler", "processes", "--workers", 1)
    ran = installed("value", "portfolio.parquet", "--paths", 64, "--out", "out", *args)
    assert ran.code == 0
    rejects = pq.read_table("out/rejects.parquet")
    assert rejects["asset_id"].to_pylist() == ["r2", "r3"]
    assert rejects["message"][0].as_py() == "the assumptions have no premise.forced.invention_patent: add it, with discount and time_to_sell"


def test_log_json_writes_one_object_a_line() -> None:
    renamed = table().rename_columns(["growht" if name == "growth" else name for name in table().column_names])
    pq.write_table(renamed, "p.parquet")
    ran = value("p.parquet", "--log-json")
    events = [json.loads(line) for line in ran.err.splitlines()]
    assert {event["event"] for event in events} == {"progress", "warning", "done"}
    done = events[-1]
    assert (done["event"], done["rows"], done["valued"], done["rejected"], done["out"]) == ("done", 4, 4, 0, "out")
    assert ran.out == ""


def test_log_json_writes_errors_so_too() -> None:
    ran = value("nowhere.parquet", "--market", "market.toml", "--log-json")
    assert ran.code == 2
    error = json.loads(ran.err)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(error.pop("time"))) < timedelta(hours=1)
    assert error == {"event": "error", "text": "nowhere.parquet: there is no such file or directory"}


def test_the_summary_on_the_terminal() -> None:
    ran = run("value", "portfolio.parquet", "--paths", 64)
    first, last = ran.out.splitlines()
    assert first.startswith("4 rights valued in ")
    assert first.endswith(" CNY in all")
    assert last == "Results are in results; look at them with: ipvalue show results"


# ------------------------------------------------------------------------------------------------ inputs of every kind


def test_every_kind_of_input_gives_the_same_result() -> None:
    with pa.ipc.new_file("p.arrow", table().schema) as writer:
        writer.write_table(table())
    pandas.DataFrame(ROWS).to_csv("p.csv", index=False)
    Path("parts").mkdir()
    for i, row in enumerate(ROWS):
        pq.write_table(table([row]), f"parts/{i}.parquet")
    expected = valued("portfolio.parquet")
    for name in ("p.arrow", "p.csv", "parts"):
        assert valued(name, "--market", "market.toml", out=f"out-{name}").equals(expected), name


@pytest.fixture
def memory() -> Iterator[Any]:
    """fsspec's file system in memory."""
    fs = fsspec.filesystem("memory")
    yield fs
    for path in fs.ls("/", detail=False):
        fs.rm(path, recursive=True)


def test_urls(memory: Any) -> None:
    memory.pipe("/in/p.parquet", Path("portfolio.parquet").read_bytes())
    ran = value("memory://in/p.parquet", "--market", "market.toml", out="memory://out/here")
    assert ran.code == 0, ran
    valued("portfolio.parquet")
    theirs = {path.removeprefix("/out/here/"): memory.cat(path) for path in memory.find("/out/here")}
    ours = contents("out")
    assert theirs.keys() == ours.keys()
    assert {name: theirs[name] for name in theirs if name != "manifest.json"} == {name: ours[name] for name in ours if name != "manifest.json"}
    assert run("show", "memory://out/here").code == 0
    assert value("portfolio.parquet", out="memory://out/here").code == 2
    assert value("portfolio.parquet", "--overwrite", out="memory://out/here").code == 0


# ------------------------------------------------------------------------------------------------ premise, tab, filled


def test_a_premise_scales_the_value_alone_and_by_right_type() -> None:
    terms = "[premise.orderly.trademark]\ndiscount = 0.1\ntime_to_sell = 0\n[premise.orderly.invention_patent]\ndiscount = 0.25\ntime_to_sell = 1\n"
    Path("mine.toml").write_text(terms)
    going, orderly = (valued("portfolio.parquet", "--assumptions", "mine.toml", "--premise", name, out=name) for name in ("going_concern", "orderly"))
    assert going.drop_columns("value").equals(orderly.drop_columns("value"))
    ratio = orderly["value"].to_numpy() / going["value"].to_numpy()
    # r3 is in CNY: the rate at one year is 0.015, the row's premium 0.1
    np.testing.assert_allclose(ratio, [0.9, 0.9, 0.75 / 1.115, 0.75 / 1.115], rtol=1e-12)
    assert manifest("orderly")["premise"] == {
        "name": "orderly",
        "terms": {"trademark": {"discount": 0.1, "time_to_sell": 0.0}, "invention_patent": {"discount": 0.25, "time_to_sell": 1.0}},
    }
    assert manifest("going_concern")["premise"] == {"name": "going_concern", "terms": {}}
    whole = pq.read_table("orderly/groups.parquet")
    assert whole["value"][0].as_py() == pytest.approx(sum(orderly["value"].to_pylist()), rel=1e-9)
    assert whole["mean"].equals(pq.read_table("going_concern/groups.parquet")["mean"])


@pytest.mark.parametrize("premise", ["orderly", "forced"])
def test_the_shipped_assumptions_have_every_premise(premise: str) -> None:
    going, sold = valued("portfolio.parquet"), valued("portfolio.parquet", "--premise", premise, out=premise)
    assert all(b < a for a, b in zip(going["value"].to_pylist(), sold["value"].to_pylist(), strict=True))
    assert manifest(premise)["premise"]["terms"].keys() >= {"trademark", "invention_patent"}


def test_the_tax_benefit_is_added_only_to_a_positive_mean() -> None:
    pq.write_table(table([ROW, {**ROW, "asset_id": "r1", "annual_cost": 1e6}, {**ROW, "asset_id": "r2", "tab_years": 0}]), "p.parquet")
    gains, loses, untaxed = valued("p.parquet").to_pylist()
    assert gains["mean"] > 0
    assert gains["tab"] > 0
    assert gains["value"] == gains["mean"] + gains["tab"]
    assert loses["mean"] < 0
    assert (loses["tab"], loses["value"]) == (0.0, loses["mean"])
    assert (untaxed["tab"], untaxed["value"]) == (0.0, untaxed["mean"])
    factor = 1 / (1 - 0.25 / 10 * sum((1 + rate(j - 0.5) + 0.1) ** -(j - 0.5) for j in range(1, 11)))
    assert gains["value"] / gains["mean"] == pytest.approx(factor, rel=1e-12)


def rate(time: float) -> float:
    """The CNY curve of the test market."""
    return float(np.interp(time, [1, 5, 10, 30], [0.015, 0.017, 0.019, 0.022]))


def test_the_results_say_which_set_filled_what() -> None:
    sets = """
    [defaults.trademark]
    royalty_rate = 0.03
    tax_rate = 0.25
    [defaults."trademark//pharma"]
    royalty_rate = 0.07
    royalty_low = 0.05
    royalty_high = 0.09
    [defaults."trademark/CN/pharma"]
    volatility = 0.2
    """
    Path("mine.toml").write_text(sets)
    bare = {name: cell for name, cell in ROW.items() if name not in ("royalty_rate", "tax_rate", "volatility", "sector")}
    rows = [
        {**bare, "asset_id": "a", "factor_loading": 0.0},
        {**bare, "asset_id": "b", "sector": "pharma"},
        {**bare, "asset_id": "c", "sector": "pharma", "jurisdiction": "CN", "tax_rate": 0.2},
        {**bare, "asset_id": "d", "royalty_rate": 0.01, "tax_rate": 0.1, "volatility": 0.1, "factor_loading": 0.0},
    ]
    pq.write_table(table(rows), "p.parquet")
    assert valued("p.parquet", "--assumptions", "mine.toml")["filled"].to_pylist() == [
        "trademark: royalty_rate, tax_rate",
        "trademark: tax_rate; trademark//pharma: royalty_rate, royalty_low, royalty_high",
        "trademark//pharma: royalty_rate, royalty_low, royalty_high; trademark/CN/pharma: volatility",
        "",
    ]


# ------------------------------------------------------------------------------------------------ read by others


def test_results_are_read_by_pandas_and_polars() -> None:
    found = valued("portfolio.parquet", "--group-by", "sector")
    by_pandas = pandas.read_parquet("out/assets").sort_values("asset_id")
    by_polars = polars.read_parquet("out/assets/*.parquet").sort("asset_id")
    assert by_pandas["value"].tolist() == by_polars["value"].to_list() == found["value"].to_pylist()
    sums = polars.read_ipc("out/totals.arrow").filter(polars.col("sector").is_null())
    assert sums["value"].cast(polars.Float64).to_numpy() == pytest.approx(_whole_by_pyarrow())
    assert len(pandas.read_parquet("out/groups.parquet")) == 3
    assert len(pandas.read_parquet("out/rejects.parquet")) == 0


def _whole_by_pyarrow() -> Any:
    whole = totals().filter(pa.compute.is_null(totals()["sector"]))
    return whole["value"].cast(pa.float64()).to_numpy()


def test_results_are_read_by_duckdb() -> None:
    duckdb = pytest.importorskip("duckdb")
    found = valued("portfolio.parquet")
    rows = duckdb.sql("select value from read_parquet('out/assets/*.parquet') order by asset_id").fetchall()
    assert [row[0] for row in rows] == found["value"].to_pylist()
