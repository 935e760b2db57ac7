"""`ipvalue scenarios --statistics batch-means` as a user runs it, and what other commands make of its results."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
from commandline import ROWS, Ran, contents, here, rejects, row_with, run, table
from resealed import resealed, with_cell
from served import running

import ipvalue as iv
from ipvalue.schema import RESULTS, InputError

__all__ = ["here"]

FILE = """\
[[scenario]]
name = "royalties fall"
shock = [{field = "royalty_rate", multiply = 0.8}]
[[scenario]]
name = "rates rise"
shock = [{curve = "all", add = 0.01}]
[[scenario]]
name = "stormy"
shock = [{field = "volatility", multiply = 1.5}]
"""
NAMES = ["base", "royalties fall", "rates rise", "stormy"]
NO_COLUMNS = {"standard_deviation", "q05", "q25", "q50", "q75", "q95", "expected_shortfall", "probability_of_loss"}


@pytest.fixture
def file(here: Path) -> Path:
    (here / "scenarios.toml").write_text(FILE)
    return here / "scenarios.toml"


def stressed(*args: object, out: object = "out", columns: int = 100) -> Ran:
    words = ("scenarios", "portfolio.parquet", "scenarios.toml", "--statistics", "batch-means", "--group-by", "sector", "--out", out)
    return run(*words, "--paths", 512, *args, columns=columns)


def test_a_run_prints_its_table_and_writes_tables_without_quantiles(file: Path) -> None:
    ran = stressed()
    assert (ran.code, ran.err) == (0, "")
    assert re.search(r"^royalties fall +\d\S* [mk] +-\d\S* [mk] +\d\S* [mk] +-\d+\.\d$", ran.out, re.MULTILINE)
    found = iv.open_scenarios("out")
    rows = found.scenarios.to_pylist()
    assert [row["scenario"] for row in rows] == [name for name in NAMES for _ in range(3)]
    assert not NO_COLUMNS & {*found.scenarios.column_names, *found.assets.column_names}
    assert (rows[0]["difference"], rows[0]["difference_error"]) == (0.0, 0.0)
    assert rows[3]["difference"] < 0.0 < rows[3]["difference_error"] < rows[0]["standard_error"]
    assert found.totals.column_names == ["scenario", "sector", "lot", "value"]
    assert found.totals["lot"].to_pylist() == list(range(256)) * 12
    for kind, name in (("scenarios", "scenarios"), ("scenario_assets", "assets"), ("scenario_totals", "totals")):
        assert {*getattr(found, name).column_names} - {"sector", "lot"} <= {*RESULTS[kind], *RESULTS["assets"]}, name
    assert json.loads(Path("out/manifest.json").read_text())["inputs"]["statistics"] == "batch-means"


def test_under_sobol_the_replicates_are_the_lots(file: Path) -> None:
    assert stressed("--sampler", "sobol").code == 0
    assert iv.open_scenarios("out").totals["lot"].to_pylist() == list(range(16)) * 12
    assert run("verify", "out").code == 0


# ------------------------------------------------------------------------------------------------ refused


def test_a_mistyped_name_and_too_many_paths_are_refused(file: Path) -> None:
    for given, meant in (("batch-mean", "batch-means"), ("batch_means", "batch-means"), ("al", "all"), ("means", "mean")):
        with pytest.raises(InputError, match=rf"^statistics is '{given}': it must be all, mean or batch-means: did you mean {meant}\?$"):
            iv.scenarios("portfolio.parquet", "scenarios.toml", statistics=given, market="market.toml")
    before = contents()
    ran = stressed("--paths", 2**20 + 1)
    assert (ran.code, ran.out, ran.sentence) == (2, "", "paths is 1,048,577: batch means are made of at most 1,048,576 paths")
    assert contents() == before
    assert not Path("out").exists()


def test_memory_is_asked_for_lots_and_not_for_paths(file: Path) -> None:
    """What a million paths of every scenario and group would not fit into."""
    words = ("--paths", 1_000_000, "--group-by", "asset_id", "--memory", "64MiB", "--workers", 1)
    ran = run("scenarios", "portfolio.parquet", "scenarios.toml", "--out", "other", *words)
    assert (ran.code, Path("other").exists()) == (2, False)
    assert ran.sentence.startswith("4 groups × 1,000,000 paths on 1 worker need ")
    ran = stressed(*words)
    assert ran.code == 0, ran.err
    ran = stressed("--memory", "1MiB", "--workers", 1, "--paths", 100_000, out="other")
    assert ran.sentence.startswith("2 groups × 256 lots of 100,000 paths on 1 worker need ")


def test_a_row_without_a_sum_is_rejected_under_its_scenario(file: Path) -> None:
    """Revenue that only one scenario makes too large for a sum: the others and the groups are right without the row, everywhere."""
    file.write_text(FILE.replace('field = "royalty_rate", multiply = 0.8', 'field = "revenue", multiply = 9e7, where = "asset_id == \'r2\'"'))
    pq.write_table(table([*ROWS[:2], {**ROWS[2], "revenue": 1e7, "royalty_rate": 1.0, "growth": 0.5, "life": 40.0}, ROWS[3]]), "portfolio.parquet")
    ran = stressed()
    assert ran.code == 0, ran.err
    (reject,) = rejects()
    assert (reject["asset_id"], reject["column"]) == ("r2", "revenue")
    assert reject["message"].startswith("scenario 'royalties fall': "), reject["message"]
    pq.write_table(table([row for row in ROWS if row["asset_id"] != "r2"]), "portfolio.parquet")
    assert stressed(out="without").code == 0
    one, other = iv.open_scenarios("out"), iv.open_scenarios("without")
    assert one.scenarios.equals(other.scenarios)
    assert one.totals.equals(other.totals)
    assert one.assets.equals(other.assets)


# ------------------------------------------------------------------------------------------------ other commands


def test_verify_looks_through_it_and_values_again(file: Path) -> None:
    pq.write_table(table(row_with(revenue=-1.0)), "portfolio.parquet")
    assert stressed().code == 0
    ran = run("verify", "out", "--sample", 1, columns=200)
    assert (ran.code, ran.err) == (0, "")
    assert "scenarios  4 with the base: added up over each of 256 lots of paths, and described again in scenarios.parquet" in ran.out
    assert "re-derived  3 rights under 4 scenarios with the base" in ran.out
    assert "all equal, to the bit" in ran.out


def larger(x: Any) -> Any:
    return math.nextafter(x, math.inf) if isinstance(x, float) else x + 1


@pytest.mark.parametrize(
    ("name", "column", "row", "said"),
    [
        ("scenarios.parquet", "mean", 4, "scenarios.parquet: mean of pharma under 'royalties fall' is"),
        ("scenarios.parquet", "standard_error", 0, "scenarios.parquet: standard_error of the whole under 'base' is"),
        ("scenarios.parquet", "difference_error", 9, "scenarios.parquet: difference_error of the whole under 'stormy' is"),
        ("totals.arrow", "value", 3 * 256 + 7, "totals.arrow: the sums of the whole under 'royalties fall' are not those of its groups"),
        ("totals.arrow", "lot", 300, "totals.arrow: does not hold the 256 lots of pharma under 'base' where they should be"),
    ],
)
def test_a_changed_number_is_found(file: Path, name: str, column: str, row: int, said: str) -> None:
    assert stressed().code == 0
    resealed(name, with_cell(column, row, larger))
    ran = run("verify", "out")
    assert ran.code == 1
    assert said in ran.err


@pytest.mark.parametrize("column", ["mean", "standard_error", "difference_error", "expected_life"])
def test_a_changed_figure_of_a_right_is_found_by_valuing_it_again(file: Path, column: str) -> None:
    assert stressed().code == 0
    rows = {
        (row["asset_id"], row["scenario"]): (str(part.relative_to("out")), i)
        for part in Path("out/assets").iterdir()
        for i, row in enumerate(pq.read_table(part).to_pylist())
    }
    part, place = rows["r2", "stormy"]
    resealed(part, with_cell(column, place, larger))
    for chosen in (("--sample", 1), ("--asset", "r2")):
        ran = run("verify", "out", *chosen)
        assert ran.code == 1
        assert ran.sentences[0].startswith(f"r2 under 'stormy': {column} is")


def test_show_report_and_export_do_without_quantiles(file: Path) -> None:
    ran = stressed()
    shown = run("show", "out", columns=100)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.endswith(ran.out.split("4 rights valued")[0])
    assert json.loads(run("show", "out", "--json").out)["scenarios"] == iv.open_scenarios("out").scenarios.to_pylist()
    of_group = json.loads(run("show", "out", "--group", "pharma", "--json").out)["scenarios"]
    assert [line["scenario"] for line in of_group] == NAMES
    assert repr(iv.open_scenarios("out")).startswith("<ipvalue scenarios: 3 beside the base, 4 of 4 rights valued, out>\n")
    assert (run("report", "out").code, run("export", "out", "--xlsx", "x.xlsx").code) == (0, 0)
    assert "royalties fall" in Path("report.html").read_text(encoding="utf-8")
    heads, *rows = openpyxl.load_workbook("x.xlsx")["Scenarios"].iter_rows(values_only=True)
    assert not NO_COLUMNS & {*heads}
    assert [row[0] for row in rows] == [name for name in NAMES for _ in range(3)]


def test_a_server_shows_it(file: Path) -> None:
    Path("results").mkdir()
    assert stressed(out="results/stress").code == 0
    with running(Path("results")) as asked:
        for page in ("/", "/runs/stress", "/runs/stress/rights", "/runs/stress/scenarios"):
            answer = asked.ask(page)
            assert answer.status in (200, 404), (page, answer.status)
            if page in ("/", "/runs/stress"):
                assert answer.status == 200


# ------------------------------------------------------------------------------------------------ gone on with


def test_it_does_not_go_on_with_other_statistics(file: Path) -> None:
    assert stressed().code == 0
    before = contents("out")
    assert stressed("--resume").code == 0
    assert contents("out") == before
    ran = stressed("--resume", "--statistics", "mean")
    assert (ran.code, ran.sentences[-1]) == (2, "  statistics was batch-means and is mean")
    assert contents("out") == before
