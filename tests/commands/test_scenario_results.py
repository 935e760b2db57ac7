"""`ipvalue scenarios` as a user runs it: what is printed and written, what is refused before anything is, and what other commands say of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import portfolios
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import Ran, contents, here, rejects, row_with, run, table, value

import ipvalue
from ipvalue.scenarios import shipped
from ipvalue.schema import RESULTS, InputError
from ipvalue.totals import Totals

__all__ = ["here"]

FILE = """\
library = ["rates +200bp"]

[[scenario]]
name = "royalties fall"
[[scenario.shock]]
field = "royalty_rate"
multiply = 0.8
where = "right_type == 'trademark'"

[[grid]]
name = "terms"
axes = {royalty_rate = [0.5, 1], discount = [-100, 100]}
"""
NAMES = [
    "base",
    "rates +200bp",
    "royalties fall",
    "terms: royalty_rate ×0.5, discount -100bp",
    "terms: royalty_rate ×0.5, discount +100bp",
    "terms: royalty_rate ×1, discount -100bp",
    "terms: royalty_rate ×1, discount +100bp",
]


@pytest.fixture
def file(here: Path) -> Path:
    (here / "scenarios.toml").write_text(FILE)
    return here / "scenarios.toml"


def stressed(*args: object, out: object = "out", columns: int = 80) -> Ran:
    """`ipvalue scenarios` with few paths into `out`."""
    return run("scenarios", *args, "--paths", 64, "--out", out, columns=columns)


def of(directory: object, name: str = "scenarios.parquet") -> list[dict[str, Any]]:
    """The rows of a table of the result."""
    found: list[dict[str, Any]] = pq.read_table(Path(str(directory)) / name).to_pylist()
    return found


def test_scenarios_of_a_file_are_printed_and_written(file: Path) -> None:
    ran = stressed("portfolio.parquet", file, "--group-by", "sector")
    assert (ran.code, ran.err) == (0, "")
    files = ["manifest.json", "rejects.parquet", "scenarios.parquet", "totals.arrow"]
    assert [name for name in contents("out") if not name.startswith("assets/part-")] == files
    rows = of("out")
    assert list(dict.fromkeys(row["scenario"] for row in rows)) == NAMES
    assert [row["sector"] for row in rows[:3]] == [None, "pharma", "software"]
    wholes = {row["scenario"]: row for row in rows if row["sector"] is None}
    assert (wholes["base"]["difference"], wholes["base"]["difference_error"]) == (0.0, 0.0)
    assert wholes["rates +200bp"]["difference"] < 0.0 < wholes["rates +200bp"]["difference_error"] < wholes["base"]["standard_error"]
    assert re.search(r"^royalties fall +\d\S* [mk] +-\d\S* [mk] +\d\S* [mk] +-\d+\.\d$", ran.out, re.MULTILINE)
    assert (
        ran.out.endswith("4 rights valued in 0.0 s\nResults are in out: scenarios.parquet holds every scenario and group\n")
        or "rights valued in" in ran.out
    )


def test_the_columns_are_those_described(file: Path) -> None:
    stressed("portfolio.parquet", file, "--group-by", "sector", "--quantiles", "0.5")
    described = [name for name in RESULTS["scenarios"] if name not in ("(group columns)", "q…")]
    assert pq.read_schema("out/scenarios.parquet").names == ["scenario", "sector", *described[1:6], "q50", *described[6:]]
    assets = pq.read_schema("out/assets/part-00000.parquet").names
    assert {*RESULTS["scenario_assets"]} <= {*assets}
    assert {*assets} - {*RESULTS["scenario_assets"], "q50"} == {*RESULTS["assets"]} - {"q…"}
    totals = ipvalue.open_scenarios("out").totals.schema
    assert [name for name in totals.names if name != "sector"] == [name for name in RESULTS["scenario_totals"] if name != "(group columns)"]


@pytest.mark.parametrize("columns", [80, 50])
def test_the_table_stays_within_the_terminal(file: Path, columns: int) -> None:
    ran = stressed("portfolio.parquet", file, columns=columns)
    lines = ran.out.split(" valued in")[0].splitlines()[:-1]
    assert max(map(len, lines)) <= columns
    assert "".join(ran.out.split()).count("+100bp") >= 2  # long names are folded, not cut


def test_the_shipped_library_on_the_shipped_portfolio(root: Path, here: Path) -> None:
    ran = stressed(root / "examples" / "us_drugs" / "portfolio.parquet", "--library", "all", "--statistics", "mean")
    assert (ran.code, ran.err) == (0, "")
    rows = of("out")
    assert [row["scenario"] for row in rows] == ["base", *shipped()]
    for row in rows:
        assert row["difference"] == pytest.approx(row["mean"] - rows[0]["mean"], abs=1.0)
    by_name = {row["scenario"]: row for row in rows}
    assert by_name["royalty compression"]["difference"] == pytest.approx(-0.3 * rows[0]["mean"], rel=0.02)
    assert by_name["tax +7 points"]["difference"] < 0.0
    assert by_name["foreign currencies +15 %"]["difference_error"] == 0.0
    names = pq.read_schema("out/assets/part-00000.parquet").names
    assert not {"q50", "expected_shortfall", "probability_of_loss"} & {*names}


def test_one_shipped_scenario_by_name_and_a_mistyped_one(here: Path) -> None:
    assert stressed("portfolio.parquet", "--library", "court shock").code == 0
    assert [row["scenario"] for row in of("out")] == ["base", "court shock"]
    ran = stressed("portfolio.parquet", "--library", "court shok", out="other")
    assert (ran.code, ran.sentence) == (
        2, "scenarios: the library has no scenario 'court shok': did you mean court shock? (ipvalue scenarios --list)"
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ refused before anything is written

RISE = '[[scenario]]\nname = "royalties rise"\n[[scenario.shock]]\nfield = "royalty_rate"\nmultiply = 30\n'
MARKET_BREAKS = '[[scenario]]\nname = "rates vanish"\n[[scenario.shock]]\ncurve = "CNY"\nadd = -1.5\n'
NO_HAZARD = '[[scenario]]\nname = "safer"\n[[scenario.shock]]\nfield = "hazard"\nadd = -0.2\n'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            RISE,
            "scenario 'royalties rise', shock 1: royalty_rate would be 1.5 instead of 0.05 in portfolio.parquet, row 0 (r0) and 3 more rows: "
            "it must be at least 0 and at most 1",
        ),
        (NO_HAZARD, "scenario 'safer', shock 1: hazard would be -0.2 instead of 0 in portfolio.parquet, row 0 (r0) and 3 more rows: "),
        (MARKET_BREAKS, "scenario 'rates vanish', shock 1: "),
        (FILE.replace("library =", "libary ="), "scenarios.toml: libary is not known: did you mean library?"),
    ],
    ids=["royalty", "hazard", "curve", "key"],
)
def test_an_impossible_shock_is_refused_and_nothing_is_written(file: Path, content: str, sentence: str) -> None:
    file.write_text(content)
    before = contents()
    ran = stressed("portfolio.parquet", "scenarios.toml")
    assert (ran.code, ran.out) == (2, "")
    assert all(line.startswith(sentence) for line in ran.sentences)
    assert contents() == before
    assert not Path("out").exists()


def test_a_row_that_the_base_rejects_forbids_no_scenario(here: Path) -> None:
    """Its cells are no reason against a shock: it has no value anyway."""
    pq.write_table(table(row_with(royalty_rate=0.9, sector="nowhere")), "portfolio.parquet")
    Path("scenarios.toml").write_text(RISE.replace("30", "1.2"))
    ran = stressed("portfolio.parquet", "scenarios.toml")
    assert ran.code == 0, ran.err
    assert [row["asset_id"] for row in rejects()] == ["r1"]
    assert "1 row rejected: out/rejects.parquet says why" in ran.out


def test_sums_that_no_memory_holds_are_refused_with_what_to_do(file: Path) -> None:
    ran = run("scenarios", "portfolio.parquet", file, "--paths", 10**6, "--group-by", "asset_id", "--memory", "600MiB", "--out", "out")
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence.startswith("7 scenarios with the base × 4 groups × 1,000,000 paths on ")
    assert "take fewer scenarios, group by fewer columns" in ran.sentence
    assert not Path("out").exists()


def test_what_belongs_to_value_alone_is_refused_in_python(here: Path) -> None:
    for option, given in (("tolerance", 0.01), ("keep_paths", True)):
        with pytest.raises(InputError, match=f"^{option}: "):
            ipvalue.scenarios("portfolio.parquet", library=["court shock"], market="market.toml", **{option: given})
    with pytest.raises(InputError, match=r"^statistics is 'means': it must be all, mean or batch-means: did you mean mean"):
        ipvalue.scenarios("portfolio.parquet", library=["court shock"], statistics="means")


# ------------------------------------------------------------------------------------------------ many, and strange, names


def test_strange_names_are_kept_and_printed_as_they_are(here: Path) -> None:
    names = ["[bold]red[/]", "汉字 名称", "a/b\\c'\"", "../../etc", "😀", " ", "x" * 300]
    content = {"scenario": [{"name": name, "shock": [{"field": "revenue", "multiply": 0.9}]} for name in names]}
    Path("scenarios.toml").write_text(
        "\n".join(f"[[scenario]]\nname = {json.dumps(name, ensure_ascii=False)}\nshock = [{{field = 'revenue', multiply = 0.9}}]" for name in names)
    )
    ran = stressed("portfolio.parquet", "scenarios.toml", columns=400)
    assert ran.code == 0
    assert [row["scenario"] for row in of("out")] == ["base", *names]
    assert all(name in ran.out for name in names)
    found = ipvalue.scenarios("portfolio.parquet", content, market="market.toml", paths=64)
    assert found.scenarios.equals(ipvalue.open_scenarios("out").scenarios)


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[31mred", "tab\there", "", "\u2028"])
def test_a_name_that_is_no_line_is_refused(here: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"is no line of text|name"):
        ipvalue.scenarios(
            "portfolio.parquet", {"scenario": [{"name": name, "shock": [{"field": "revenue", "multiply": 0.9}]}]}, market="market.toml", paths=64
        )


def test_a_thousand_scenarios(here: Path) -> None:
    amounts = ", ".join(f"{1 + i / 1000:.3f}" for i in range(1, 1001))
    Path("scenarios.toml").write_text(f"grid = {{royalty_rate = [{amounts}]}}")
    ran = stressed("portfolio.parquet", "scenarios.toml", "--statistics", "mean")
    assert (ran.code, ran.err) == (0, "")
    rows = of("out")
    assert len(rows) == 1001
    for row in rows[1:]:
        factor = float(row["scenario"].removeprefix("royalty_rate ×"))
        assert row["mean"] == pytest.approx(factor * rows[0]["mean"], rel=1e-5)
    lines = ran.out.splitlines()
    assert lines[1].startswith("base ")
    assert lines[-4].startswith("royalty_rate ×2 ")
    assert lines[-3] == "and 950 more scenarios, nearer to the base: out/scenarios.parquet holds all"
    assert len(of("out", "assets/part-00000.parquet")) % 1001 == 0


# ------------------------------------------------------------------------------------------------ again, and by other commands


def test_a_finished_run_is_finished_and_another_is_refused(file: Path) -> None:
    assert stressed("portfolio.parquet", file).code == 0
    before = contents("out")
    ran = stressed("portfolio.parquet", file)
    assert ran.code == 2
    assert ran.sentence == "out: holds a result: name another --out, or give --overwrite to replace it"
    assert stressed("portfolio.parquet", file, "--resume").code == 0
    assert contents("out") == before
    ran = stressed("portfolio.parquet", file, "--resume", "--statistics", "mean")
    assert (ran.code, ran.sentences[-1]) == (2, "  statistics was all and is mean")
    file.write_text(FILE.replace("0.8", "0.7").replace("[-100, 100]", "[-100]"))
    ran = stressed("portfolio.parquet", file, "--resume")
    assert ran.code == 2
    assert ran.sentences == [
        "out: holds a run of something else: name another --out, or give --overwrite to start again",
        "  the scenario 'terms: royalty_rate ×0.5, discount +100bp' was there and is not",
        "  the scenario 'terms: royalty_rate ×1, discount +100bp' was there and is not",
        "  the scenario 'royalties fall' is another",
    ]
    assert contents("out") == before
    assert stressed("portfolio.parquet", file, "--overwrite").code == 0
    assert len(of("out")) == len(NAMES) - 2


def test_the_order_of_scenarios_is_part_of_the_run(here: Path) -> None:
    assert stressed("portfolio.parquet", "--library", "court shock", "--library", "tax +7 points").code == 0
    ran = stressed("portfolio.parquet", "--library", "tax +7 points", "--library", "court shock", "--resume")
    assert (ran.code, ran.sentences[-1]) == (2, "  the scenarios were in another order")


def test_value_does_not_go_on_with_scenarios_nor_they_with_it(file: Path) -> None:
    stressed("portfolio.parquet", file)
    ran = value("portfolio.parquet", "--resume")
    assert (ran.code, ran.sentences[-1]) == (2, "  it was a run of scenarios and is not")
    value("portfolio.parquet", out="plain")
    ran = stressed("portfolio.parquet", file, "--resume", out="plain")
    assert (ran.code, ran.sentences[-1]) == (2, "  it was not a run of scenarios and is")


def test_other_commands_say_what_it_is(file: Path) -> None:
    stressed("portfolio.parquet", file)
    value("portfolio.parquet", out="plain")
    told = "out: is a result of ipvalue scenarios, not of ipvalue value: ipvalue show prints it, and ipvalue.open_scenarios reads it"
    for command in (
        ("verify", "out", "--evidence", "r0"),
        ("explain", "out", "plain"),
        ("explain", "plain", "out"),
        ("value", "portfolio.parquet", "--paths", 64, "--since", "out", "--out", "since"),
    ):
        ran = run(*command)
        assert (ran.code, ran.sentence) == (2, told), command
    with pytest.raises(InputError, match=re.escape(told)):
        ipvalue.open_result("out")
    with pytest.raises(InputError, match=r"^plain: is a result of ipvalue value, not of ipvalue scenarios: "):
        ipvalue.open_scenarios("plain")
    with pytest.raises(InputError, match=r"^out: has the groups of every scenario in `scenarios`"):
        _ = ipvalue.open_scenarios("out").groups


def test_show_prints_the_whole_or_a_group_under_each_scenario(file: Path) -> None:
    ran = stressed("portfolio.parquet", file, "--group-by", "sector")
    shown = run("show", "out")
    assert (shown.code, shown.err) == (0, "")
    table = ran.out.split("4 rights valued")[0]
    assert shown.out.endswith(table)
    assert "rights valued  4 of 4" in shown.out
    of_group = run("show", "out", "--group", "pharma")
    means = {row["scenario"]: row["mean"] for row in of("out") if row["sector"] == "pharma"}
    as_json = json.loads(run("show", "out", "--group", "pharma", "--json").out)
    assert {line["scenario"]: line["mean"] for line in as_json["scenarios"]} == means
    assert of_group.out != shown.out
    assert json.loads(run("show", "out", "--json").out)["scenarios"] == of("out")
    assert run("show", "out", "--group", "pharm").sentence == "out: there is no group 'pharm': did you mean pharma?"


def test_a_notebook_and_a_terminal_show_it(file: Path) -> None:
    stressed("portfolio.parquet", file)
    found = ipvalue.open_scenarios("out")
    assert repr(found).startswith("<ipvalue scenarios: 6 beside the base, 4 of 4 rights valued, out>\n")
    assert max(map(len, repr(found).splitlines())) <= 80
    assert found._repr_html_().count("<tr>") == 8


def test_log_json_says_what_came_of_it(file: Path) -> None:
    ran = stressed("portfolio.parquet", file, "--log-json")
    assert ran.out == ""
    last = json.loads(ran.err.splitlines()[-1])
    assert (last["event"], last["valued"], last["out"]) == ("done", 4, "out")


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_means_of_rights_with_several_methods_are_those_of_all_statistics(sampler: str) -> None:
    """They used to write past the end of the sums, which have no quantiles then."""
    Path("assumptions.toml").write_text(portfolios.ASSUMPTIONS)
    rights, options = portfolios.methods_and_several(6, 5, 7), {"market": portfolios.MARKET, "assumptions": "assumptions.toml", "paths": 64}
    shock = {"scenario": [{"name": "growth", "shock": [{"field": "growth", "add": -0.01}]}]}
    found, whole = (ipvalue.scenarios(rights, shock, statistics=name, sampler=sampler, **options) for name in ("mean", "all"))
    for name in ("mean", "value", "standard_error", "difference", "difference_error"):
        assert found.assets[name].to_pylist() == whole.assets[name].to_pylist(), name
        assert found.scenarios[name].to_pylist() == whole.scenarios[name].to_pylist(), name


def test_sums_refuse_what_they_have_no_columns_for() -> None:
    totals = Totals((), 0, 1)
    totals.groups_of(pa.record_batch({"none": pa.nulls(1)}))
    with pytest.raises(ValueError, match=r"extras of \(1, 6\) for sums of 1 columns"):
        totals.add(np.zeros(1, np.int32), np.zeros((1, 6)))
