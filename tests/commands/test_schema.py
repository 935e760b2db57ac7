"""`ipvalue schema` prints every column of each table."""

from __future__ import annotations

import json

import pytest
from commandline import run

from ipvalue.schema import LOANS, MARKET, PORTFOLIO

TABLES = {"portfolio": {*PORTFOLIO}, "loans": {*LOANS}, "market": {*MARKET}, "results": {"asset_id", "value", "rule", "diversification"}}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_as_markdown(table: str) -> None:
    ran = run("schema", table)
    assert (ran.code, ran.err) == (0, "")
    assert "| column | type | unit | blank means | must be | meaning | source |" in ran.out
    for name in TABLES[table]:
        assert f"`{name}`" in ran.out


@pytest.mark.parametrize("table", TABLES)
def test_a_table_as_json(table: str) -> None:
    entries = json.loads(run("schema", table, "--format", "json").out)
    assert {entry["name"] for entry in entries} >= TABLES[table]
    assert all(entry["meaning"] and entry["type"] for entry in entries)


def test_the_portfolio_is_what_one_asks_for_first() -> None:
    assert run("schema").out == run("schema", "portfolio", "--format", "md").out


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (
            ("portfoli",),
            "there is no table 'portfoli': did you mean portfolio? (tables: portfolio, loans, market, results, calibration, tranche_ratings)",
        ),
        (("portfolio", "--format", "jsn"), "there is no format 'jsn': did you mean json? (formats: md, json)"),
    ],
)
def test_what_does_not_exist(args: tuple[str, ...], sentence: str) -> None:
    ran = run("schema", *args)
    assert (ran.code, ran.out, ran.sentence) == (2, "", sentence)
