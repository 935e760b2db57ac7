"""ipvalue calibrate: what it prints, what it writes, and how it refuses."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import panels
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from commandline import MARKET, run

from ipvalue.assumptions import load_assumptions
from ipvalue.calibrate import history
from ipvalue.market import load_market

pytest.importorskip("sklearn")
pytest.importorskip("lifelines")


@pytest.fixture(autouse=True)
def _tables(here: Path) -> None:
    pacsv.write_csv(panels.revenues(1)[0], "revenue.csv")
    pq.write_table(panels.sector_panel(1), "panel.parquet")
    pacsv.write_csv(panels.renewals(1), "renewals.csv")
    Path("prices.csv").write_text("asset_id,price\nr1,5e6\nr0,250000\n")


def test_what_prices_imply_is_printed_and_written() -> None:
    ran = run("calibrate", "implied", "portfolio.parquet", "prices.csv", "--paths", 64, "--out", "implied.parquet")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("revenue implied by 2 prices (CNY)\n")
    assert "This is in implied.parquet" in ran.out
    rows = pq.read_table("implied.parquet").to_pylist()
    assert [row["asset_id"] for row in rows] == ["r1", "r0"]
    pq.write_table(_into(rows), "again.parquet")
    assert run("value", "again.parquet", "--paths", 64, "--sampler", "sobol", "--out", "out").code == 0
    worth = {row["asset_id"]: row["value"] for row in pq.read_table("out/assets").to_pylist()}
    exact = [row for row in rows if row["status"] == "exact"]
    assert exact
    for row in exact:
        assert worth[row["asset_id"]] == pytest.approx(row["price"], rel=1e-9)


@pytest.mark.slow
def test_processes_find_what_threads_do() -> None:
    words = ("calibrate", "implied", "portfolio.parquet", "prices.csv", "--driver", "growth", "--paths", 64, "--json", "--workers", 2)
    threads, processes = (run(*words, "--scheduler", name) for name in ("threads", "processes"))
    assert threads.code == 0, threads.err
    assert len(json.loads(threads.out)["table"]) == 2
    assert processes.out == threads.out


def _into(rows: list[dict[str, float]]) -> pa.Table:
    implied = {row["asset_id"]: row["revenue"] for row in rows}
    rights = pq.read_table("portfolio.parquet")
    revenue = [implied.get(row["asset_id"], row["revenue"]) for row in rights.to_pylist()]
    return rights.set_column(rights.schema.get_field_index("revenue"), "revenue", pa.array(revenue))


def test_growth_and_volatility_as_the_library_finds_them() -> None:
    ran = run("calibrate", "history", "revenue.csv", "--json")
    told = json.loads(ran.out)
    found = history("revenue.csv")
    assert told == found.as_dict()
    assert told["table"][0]["asset_id"] == "a000"
    printed = run("calibrate", "history", "revenue.csv", columns=200).out
    assert printed == f"{found}\n"
    assert "by group" in printed
    assert "and 28 more rows" in printed


def test_factors_are_written_for_a_market() -> None:
    assert run("calibrate", "factors", "panel.parquet", "--out", "factors.toml").code == 0
    text = MARKET[: MARKET.index("[factors]")] + Path("factors.toml").read_text()
    Path("calibrated.toml").write_text(text)
    assert load_market("calibrated.toml").factors.names == ("s0", "s1", "s2")
    ran = run("calibrate", "factors", "panel.parquet", "--out", "pairs.csv")
    assert ran.code == 0
    assert pacsv.read_csv("pairs.csv").num_rows == 3


def test_survival_is_written_for_assumptions() -> None:
    ran = run(
        "calibrate", "survival", "renewals.csv", "--as-of", "2020-01-01", "--by", "kind", "--ages", "0,2,5", "--name", "CN", "--out", "curves.toml"
    )
    assert ran.code == 0
    book = load_assumptions(tomllib.loads(Path("curves.toml").read_text()))
    assert {name: curve.ages for name, curve in book.curves.items()} == {"CN/even": (0.0, 2.0, 5.0), "CN/odd": (0.0, 2.0, 5.0)}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("implied portfolio.parquet none.csv", "none.csv: there is no such file or directory"),
        ("implied portfolio.parquet prices.csv --driver sector", "driver is 'sector': it must be a column of the portfolio that holds one number"),
        ("implied portfolio.parquet prices.csv --search 1;2", "search: '1;2' must be numbers with commas between, as 0.01,0.2"),
        ("implied portfolio.parquet prices.csv --out x.toml", "x.toml: what is found here is a table of rights: give a name that ends in .parquet"),
        ("history revenue.csv --out x.json", "x.json: the name must end in one of .parquet, .arrow, .csv, .toml"),
        ("history revenue.csv --out prices.csv", "prices.csv: is there already: choose another name"),
        ("history revenue.csv --group kind", "revenue.csv: column kind is missing: it has asset_id, year, revenue"),
        ("history revenue.csv --least-revenue -1", "least_revenue is -1: it must be at least 0"),
        ("history market.toml", "market.toml: .toml is not a known kind of file: give Parquet"),
        ("survival renewals.csv --ages 1,x --as-of 2020-01-01", "ages: '1,x' must be numbers with commas between"),
    ],
)
def test_what_is_wrong_is_a_sentence(typed: str, said: str) -> None:
    ran = run("calibrate", *typed.split())
    assert ran.code == 2
    assert ran.sentence.startswith(said)


def test_every_bad_row_is_named() -> None:
    Path("prices.csv").write_text("asset_id,price\nr1,-5\nr0,many\n")
    ran = run("calibrate", "implied", "portfolio.parquet", "prices.csv")
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentences == [
        "prices.csv, row 0 (r1): price is -5: it must be above 0 and at most 1e+18",
        "prices.csv, row 1 (r0): price is many: it must be a number",
    ]


@pytest.mark.parametrize(
    ("module", "typed", "package"),
    [
        ("sklearn.covariance", "factors panel.parquet", "scikit-learn"),
        ("lifelines", "survival renewals.csv --as-of 2020-01-01", "lifelines"),
        ("scipy.special", "history revenue.csv", "scipy"),
    ],
)
def test_a_library_that_is_missing_is_asked_for(monkeypatch: pytest.MonkeyPatch, module: str, typed: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    ran = run("calibrate", *typed.split())
    assert ran.code == 2
    assert ran.sentence == f"{package} is not installed, and this calibration is made with it: pip install 'ipvalue[calibrate]'"


def test_implied_figures_need_no_library_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sklearn", "lifelines", "scipy"):
        monkeypatch.setitem(sys.modules, module, None)
    assert run("calibrate", "implied", "portfolio.parquet", "prices.csv", "--paths", 64).code == 0


def test_results_show_themselves_in_a_notebook() -> None:
    found = history("revenue.csv")
    page = found._repr_html_()
    assert "<th>volatility_low</th>" in page
    assert "and 28 more rows" in page
    assert repr(found) == "<ipvalue growth and volatility of 40 rights from 218 growths: 40 rows, 1 doubt>"
    assert pa.table(found).equals(found.table)
