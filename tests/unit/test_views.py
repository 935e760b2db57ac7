"""What a terminal and a notebook show of results, explanations, plans and verifications."""

from __future__ import annotations

import tomllib
from html.parser import HTMLParser
from pathlib import Path

import explained
import portfolios
import pyarrow.parquet as pq
import pytest
from commandline import MARKET, ROW, table
from rich.cells import cell_len

import ipvalue as iv
from ipvalue.amounts import money
from ipvalue.report import views

WORST = "<script>alert('x')</script>&\""


class Cells(HTMLParser):
    """The tables of a page: a list of rows of texts each; tags that no table has are an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"div", "p", "table", "caption", "thead", "tbody", "tr", "th", "td"}
        assert all("color" not in (value or "") for _, value in attrs)
        self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data


@pytest.fixture
def result(tmp_path: Path) -> iv.Result:
    rows = [
        {**ROW, "asset_id": WORST, "sector": "pharma", "revenue": 9e6},
        *({**ROW, "asset_id": f"r{i}"} for i in range(12)),
        {**ROW, "asset_id": "bad", "revenue": -1.0},
    ]
    pq.write_table(table(rows), tmp_path / "portfolio.parquet")
    (tmp_path / "market.toml").write_text(MARKET)
    return iv.value(tmp_path / "portfolio.parquet", paths=64, group_by=["asset_id"], out=tmp_path / "out")


def test_a_result_in_a_notebook_is_its_groups_and_its_most_valuable_rights(result: iv.Result) -> None:
    page = Cells(result._repr_html_())
    facts, sums, top, problems = page.tables
    assert ["rights valued", "13 of 14, 1 rejected"] in facts
    whole = result.groups.to_pylist()[0]
    assert sums[1] == ["all", "13", *(money(whole[name]) for name in ("value", "mean", "standard_error", "q05", "q95"))]
    assert [row[0] for row in sums[2:4]] == [WORST, "r0"] or sums[2][0] == WORST
    assert len(sums) == 2 + views.FULL
    best = max(result.assets.to_pylist(), key=lambda row: row["value"])
    assert best["asset_id"] == WORST
    assert top[1] == [WORST, best["method"], "ok", *(money(best[name]) for name in ("value", "mean", "standard_error", "q05", "q95"))]
    assert len(top) == 1 + views.FULL
    assert problems[1][:2] == ["bad", "13"]
    assert problems[1][2].startswith("revenue is -1")
    assert "<script" not in result._repr_html_()


def test_a_result_in_a_terminal_is_a_few_short_lines(result: iv.Result) -> None:
    lines = repr(result).splitlines()
    assert lines[0] == f"<ipvalue result: 13 of 14 rights valued, 64 paths, {result.location}>"
    assert lines[1] == "CNY; the 5 largest of 13 groups"
    assert lines[2].split() == ["rights", "value", "mean", "±", "q05", "q95"]
    assert lines[3].split()[0] == "all"
    assert " ".join(lines[3].split()[2:4]) == money(result.groups["value"][0].as_py())
    assert len(lines) == 4 + views.BRIEF
    assert all(len(line) <= 80 for line in lines[1:])


def test_of_very_many_rights_a_notebook_does_not_look_for_the_most_valuable(result: iv.Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST_RIGHTS", 12)
    monkeypatch.setattr(iv.Result, "asset_parts", lambda self: pytest.fail("the rights were read"))
    assert len(Cells(result._repr_html_()).tables) == 3


def test_a_long_name_is_cut_in_a_terminal_and_whole_in_a_notebook(tmp_path: Path) -> None:
    name = "制药" * 40
    market = {**portfolios.market(), "factors": {"names": [name], "correlation": [[1.0]]}}
    found = iv.value(table([{**ROW, "sector": name}]), market=market, paths=16, group_by=["sector"])
    assert name in found._repr_html_()
    assert name not in repr(found)
    assert f"{name[:12]}" in repr(found)
    assert max(cell_len(line) for line in repr(found).splitlines()[1:]) == 80


def test_an_explanation_is_its_steps(tmp_path: Path) -> None:
    old = explained.Inputs(portfolios.random_portfolio(6), options={"paths": 64, "group_by": ["sector"]})
    found = explained.between(tmp_path, old, old.but(fx={"USD": 9.0, "EUR": 8.2}))
    lines = repr(found).splitlines()
    assert lines[0] == f"<ipvalue explanation: {tmp_path}/old to {tmp_path}/new, 3 steps>"
    assert [line.split("  ")[0] for line in lines[1:]] == ["CNY", "step", "old value", "exchange rates", "new value"]
    steps, groups = Cells(found._repr_html_()).tables
    amounts = [float(row["amount"]) for row in found.steps.to_pylist()[:3]]
    assert [row[1].lstrip("+") for row in steps[1:]] == [money(amount) for amount in amounts]
    assert {row[0] for row in groups[1:]} == set(found.steps["sector"].drop_null().to_pylist())


def test_a_plan_says_what_the_command_says(result: iv.Result, tmp_path: Path) -> None:
    plan = iv.plan(tmp_path / "portfolio.parquet", paths=64)
    assert repr(plan).splitlines()[0].startswith("<ipvalue plan: 13 rights, ")
    rows = Cells(plan._repr_html_()).tables[0]
    assert rows[0] == ["rights", "13", "1 row of 14 set aside"]
    assert [row[0] for row in rows] == ["rights", "path-periods", "tasks", "CPU time", "time", "memory", "", "disk"]


def test_a_verification_says_what_was_looked_at_and_what_is_wrong(result: iv.Result, tmp_path: Path) -> None:
    good = iv.verify(result.location)
    assert repr(good).splitlines()[0] == f"<ipvalue verification: {result.location} is whole>"
    assert Cells(good._repr_html_()).tables[0] == [list(line) for line in good.checked]
    (tmp_path / "out" / "groups.parquet").write_bytes(b"")
    bad = iv.verify(result.location)
    _, problems = Cells(bad._repr_html_()).tables
    assert [row[0] for row in problems] == list(bad.problems)
    assert all(problem in repr(bad) for problem in bad.problems)
    assert "is not what its manifest says" in repr(bad).splitlines()[0]


def test_indices_are_shown_by_right_the_widest_input_first() -> None:
    rows = [{**ROW, "asset_id": f"r{i}", "hazard": 0.1} for i in range(12)] + [{**ROW, "asset_id": WORST, "volatility": 0.0}]
    found = iv.indices(table(rows), sample=1.0, market=tomllib.loads(MARKET), assumptions={}, paths=64)
    lines = repr(found).splitlines()
    assert lines[0] == "<ipvalue indices: 13 rights, 64 paths, in memory>"
    assert lines[1] == f"shares of the variance of a right's value; the first {views.BRIEF} of 13 rights"
    shown = Cells(found._repr_html_()).tables[0]
    assert shown[0] == ["", "input", "first order", "± error", "total", "± error"]
    assert [row[0] for row in shown[1::3]] == [f"r{i}" for i in range(views.FULL)]
    totals = [float(row[4]) for row in shown[1:4]]
    assert totals == sorted(totals, reverse=True)
    assert {row[1] for row in shown[1:]} == {"survival", "own_shocks", "sector_factor"}
