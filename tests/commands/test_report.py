"""`ipvalue report` and `.report`: a page of every kind of result, and what is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import lent_books
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attacks import BREAKS_OUT, HOSTILE
from commandline import ROW, ROWS, row_with, run, table, value
from portfolios import market as market_of

import ipvalue as iv
from ipvalue.export.tabs import TABS
from ipvalue.kinds import KINDS
from ipvalue.report.labels import entries

pytestmark = pytest.mark.usefixtures("here")


def items(page: str, ending: str) -> dict[str, Any]:
    """What a page holds for its script: charts ("item") or tables ("rows"), by name."""
    found = re.findall(rf'<script type="application/json" id="([^"]+)-{ending}">(.*?)</script>', page, re.DOTALL)
    return {name: json.loads(content) for name, content in found}


def test_the_page_of_a_valuation(here: Path) -> None:
    assert value("portfolio.parquet", "--group-by", "sector").code == 0
    ran = run("report", "out", "--out", "page.html")
    assert (ran.code, ran.out, ran.err) == (0, "The report of out is in page.html\n", "")
    page = Path("page.html").read_text(encoding="utf-8")
    assert "<h1>Valuation of a portfolio of intellectual property</h1>" in page
    charts = {"distribution-chart", "by-right_type", "by-sector", "top-intervals", "cash-0", "cash-3", "lives", "in-force", "concentration-chart"}
    assert charts <= items(page, "item").keys()
    assets = iv.open_result("out").assets
    assert {row[0][0]: row[2][1] for row in items(page, "rows")["top"]["rows"]} == dict(
        zip(assets["asset_id"].to_pylist(), assets["value"].to_pylist(), strict=True)
    )
    assert "None: all 4 rows were used." in page
    assert iv.open_result("out").manifest["inputs"]["portfolio"][0]["sha256"] in page


def test_the_same_result_makes_the_same_page_but_for_bokeh_s_ids(here: Path) -> None:
    assert value("portfolio.parquet").code == 0
    pages = []
    for name in ("one.html", "two.html"):
        iv.open_result("out").report(name)
        pages.append(re.sub(r'"p\d+"', '"p"', Path(name).read_text(encoding="utf-8")))
    assert pages[0] == pages[1]


def test_a_page_is_in_chinese_but_for_what_the_portfolio_says(here: Path) -> None:
    assert value("portfolio.parquet").code == 0
    assert run("report", "out", "--language", "zh").code == 0
    page = Path("report.html").read_text(encoding="utf-8")
    assert '<html lang="zh-Hans">' in page
    assert "<h1>知识产权组合估值报告</h1>" in page
    english = {texts[0] for key, texts in entries().items() if key.partition(".")[2] in ("title", "lead", "caption")}
    told = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not [text for text in english if text in told]


def test_hostile_texts_are_escaped_wherever_they_stand(here: Path) -> None:
    rows = [*ROWS, {**ROW, "asset_id": BREAKS_OUT, "owner_id": HOSTILE, "revenue": 9e9}, {**ROW, "asset_id": HOSTILE, "revenue": -1.0}]
    pq.write_table(table(rows), "p<b>.parquet")
    assert value("p<b>.parquet", "--group-by", "owner_id").code == 0
    assert run("report", "out").code == 0
    page = Path("report.html").read_text(encoding="utf-8")
    assert HOSTILE not in page
    assert BREAKS_OUT not in page
    assert "p<b>" not in page
    assert "&lt;script&gt;window.attacked = true&lt;/script&gt;" in page
    assert BREAKS_OUT in [row[0][0] for row in items(page, "rows")["top"]["rows"]]


def test_rows_that_were_set_aside_are_listed_by_rule(here: Path) -> None:
    pq.write_table(table(row_with(revenue=-1.0, royalty_rate=7.0)), "p.parquet")
    assert value("p.parquet").code == 0
    assert run("report", "out").code == 0
    tables = items(Path("report.html").read_text(encoding="utf-8"), "rows")
    assert {row[0][0] for row in tables["rejects-rules"]["rows"]} == {"revenue", "royalty_rate"}
    assert [row[0][0] for row in tables["rejects"]["rows"]] == ["r1", "r1"]


def test_a_portfolio_that_is_gone_is_said_in_the_place_of_what_needs_it(here: Path) -> None:
    assert value("portfolio.parquet").code == 0
    Path("portfolio.parquet").unlink()
    assert run("report", "out").code == 0
    page = Path("report.html").read_text(encoding="utf-8")
    assert "Not by every column of the portfolio, for it cannot be read as it was valued: portfolio.parquet" in page
    assert "Single rights cannot be drawn again: " in page
    assert "by-sector" not in items(page, "item")
    assert "distribution-chart" in items(page, "item")


def test_a_result_held_in_memory_without_quantiles_and_of_one_right(here: Path) -> None:
    iv.value(table(ROWS[:1]), market="market.toml", quantiles=[], paths=16, workers=1).report("page.html")
    page = Path("page.html").read_text(encoding="utf-8")
    assert "top-intervals" not in items(page, "item")
    assert "cash-0" in items(page, "item")


@pytest.mark.parametrize("command", ["scenarios", "sensitivities", "indices", "explain", "lendable"])
def test_every_kind_of_result_has_a_page(here: Path, command: str) -> None:
    how: dict[str, Any] = {"market": "market.toml", "paths": 32, "workers": 1, "out": "made"}
    match command:
        case "scenarios":
            iv.scenarios("portfolio.parquet", library=["rates +200bp"], group_by=["sector"], **how)
        case "sensitivities":
            iv.sensitivities("portfolio.parquet", drivers=["revenue", "life"], **how)
        case "indices":
            iv.indices("portfolio.parquet", assets="r0", **how)
        case "lendable":
            iv.lendable("portfolio.parquet", "bank_of_communications", **how)
        case "explain":
            for seed in (1, 2):
                iv.value("portfolio.parquet", market="market.toml", paths=32, workers=1, seed=seed, out=f"v{seed}")
            iv.explain("v1", "v2", out="made")
    ran = run("report", "made")
    assert (ran.code, ran.err) == (0, "")
    assert items(Path("report.html").read_text(encoding="utf-8"), "item")


def test_a_swing_says_whether_it_is_added_or_a_part(here: Path) -> None:
    drivers = ["discount", "growth"]
    iv.sensitivities("portfolio.parquet", drivers=drivers, market="market.toml", paths=32, workers=1, out="made").report("page.html")
    found = {row[0][0]: row[1] for row in items(Path("page.html").read_text(encoding="utf-8"), "rows")["tornado"]["rows"]}
    assert found == {"discount": ["±0.01"], "growth": ["±10 %"]}


def test_every_command_with_results_is_told_of_exported_and_served() -> None:
    assert {*KINDS} == {"value", "scenarios", "sensitivities", "sensitivities --indices", "lend", "lend --largest", "explain"}
    assert {one.command for one in TABS} == {*KINDS} - {"explain"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere",), "ipvalue: nowhere: is no results directory (it has no manifest.json)"),
        (("out", "--language", "fr"), "ipvalue: language is 'fr': it must be en or zh"),
        (("out", "--out", "no/such/report.html"), "ipvalue: no/such/report.html: no directory can be made there: name another --out"),
        (("out", "--out", "out"), "ipvalue: out: "),
        (
            ("out", "--out", "out/report.html"),
            "ipvalue: out/report.html: lies in the result, which holds nothing but what its run wrote: name a file beside it",
        ),
    ],
)
def test_what_is_refused_is_said_and_nothing_is_written(here: Path, words: tuple[str, ...], told: str) -> None:
    assert value("portfolio.parquet").code == 0
    before = sorted(map(str, here.rglob("*")))
    ran = run("report", *words)
    assert ran.code == 2
    assert ran.err.startswith(told)
    assert sorted(map(str, here.rglob("*"))) == before


def test_a_damaged_result_is_said(here: Path) -> None:
    assert value("portfolio.parquet").code == 0
    Path("out/groups.parquet").write_bytes(b"PAR1")
    ran = run("report", "out")
    assert ran.code == 2
    assert ran.err.startswith("ipvalue: out/groups.parquet: cannot be read")
    assert not Path("report.html").exists()


def test_without_bokeh_the_extra_is_named(here: Path) -> None:
    assert value("portfolio.parquet").code == 0
    script = "import sys; sys.modules['bokeh'] = None; from ipvalue.cli import app; app(['report', 'out'])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr == "ipvalue: charts are drawn with Bokeh, which is not installed: pip install 'ipvalue[plot]'\n"


def test_an_explanation_is_opened_again_as_it_was(here: Path) -> None:
    for seed in (1, 2):
        iv.value("portfolio.parquet", market="market.toml", paths=32, workers=1, seed=seed, out=f"v{seed}")
    made = iv.explain("v1", "v2", out="why")
    found = iv.open_explanation("why")
    assert found.record == made.record
    assert found.steps.equals(made.steps)
    assert found.assets.equals(made.assets)
    with pytest.raises(iv.InputError, match=r"v1: holds no explanation \(it has no explain.json\)"):
        iv.open_explanation("v1")


def test_a_book_of_loans_with_tranches_of_whatever_columns(here: Path) -> None:
    ours = lent_books.rights()
    terms = {"market": market_of(), "assumptions": lent_books.assumptions(here), **lent_books.names()}
    iv.lend(lent_books.table(lent_books.loans(ours)), ours, paths=32, workers=1, out="lent", **terms)
    rows = [
        {"tranche": "equity", "attachment": 0.0, "detachment": 0.05, "size": 1e6, "expected_loss": 0.25, "rating": None},
        {"tranche": "<b>senior</b>", "detachment": 1.0},
        {"tranche": "excess_spread"},
    ]
    pq.write_table(pa.Table.from_pylist(rows), "lent/tranches.parquet")
    manifest = json.loads(Path("lent/manifest.json").read_text())
    manifest["files"].append({"name": "tranches.parquet", "rows": 3, "bytes": 0, "sha256": ""})
    Path("lent/manifest.json").write_text(json.dumps(manifest))
    assert run("report", "lent").code == 0
    page = Path("report.html").read_text(encoding="utf-8")
    assert items(page, "rows")["tranches"]["rows"] == [
        [["equity"], ["0.00 %", 0.0], ["5.00 %", 0.05], ["1.000 m", 1e6], ["25.00 %", 0.25], [""]],
        [["<b>senior</b>"], ["", None], ["100.00 %", 1.0], ["", None], ["", None], [""]],
        [["excess spread"], ["", None], ["", None], ["", None], ["", None], [""]],
    ]
    assert '"principal, ' in json.dumps(items(page, "item")["collateral-sector"])
    loans = iv.open_loans("lent").loans
    shown = {row[0][0]: row[8][1] for row in items(page, "rows")["loans"]["rows"]}
    assert shown == dict(zip(loans["loan_id"].to_pylist(), loans["expected_loss"].to_pylist(), strict=True))
