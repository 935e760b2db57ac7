"""A bad row is set aside with file, row, id, column, value, rule and a sentence; the others are valued as if it were not there."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import ROWS, contents, rejects, row_with, run, table, value

pytestmark = pytest.mark.usefixtures("here")


def rejected(**cells: Any) -> dict[str, Any]:
    """The only problem of a portfolio with such cells in its second row, found by `value` and by `check` alike."""
    problem = rejected_by_value(**cells)
    checked = run("check", "bad.parquet", "--assumptions", "none.toml")
    rule, line, last = checked.out.splitlines()
    assert checked.code == 0
    assert rule == f"1 problem with {problem['column']}: {problem['rule']}"
    assert line.startswith("  bad.parquet, row 1")
    assert line.endswith(problem["message"])
    assert last == "3 of 4 rows can be valued, 1 would be rejected"
    return problem


def rejected_by_value(**cells: Any) -> dict[str, Any]:
    """The same, found by `value`."""
    pq.write_table(table(row_with(**cells)), "bad.parquet")
    Path("none.toml").write_text("")
    ran = value("bad.parquet", "--assumptions", "none.toml")
    assert (ran.code, ran.err) == (0, "")
    assert "1 row rejected: out/rejects.parquet says why" in ran.out
    (problem,) = rejects()
    assert (problem["file"], problem["row"], problem["asset_id"]) == ("bad.parquet", 1, cells.get("asset_id", "r1"))
    values = pq.read_table("out/assets")
    assert sorted(values["asset_id"].to_pylist()) == ["r0", "r2", "r3"]
    return problem


FACTOR_RULE = "sector is a factor of the market where factor_loading is not 0"


@pytest.mark.parametrize(
    ("column", "cell", "rule", "message"),
    [
        ("right_type", "tradmark", "right_type is one of the known names", "right_type is 'tradmark' (did you mean trademark?): it must be one "),
        ("right_type", None, "right_type is given", "right_type is blank: it must be given in every row"),
        ("asset_id", None, "asset_id is given", "asset_id is blank: it must be given in every row"),
        ("sector", "sofware", FACTOR_RULE, "sector is sofware, which is no factor of the market: did you mean software?; name one of"),
        ("sector", None, FACTOR_RULE, "sector is blank, which is no factor of the market; name one of factors.names or set factor_loading to 0"),
        ("currency", "EUR", "the currency has an exchange rate in the market", "the market has no exchange rate for EUR; add fx.EUR to"),
        ("currency", "usd", "currency is three capital letters", "currency is 'usd' (did you mean USD?): it must be three capital letters"),
        ("jurisdiction", "China", "jurisdiction is two capital letters", "jurisdiction is 'China': it must be two capital letters"),
        ("stage", "grant", "stage is one of the known names", "stage is 'grant' (did you mean granted?): it must be one of idea, filed"),
        ("revenue", -5.0, "0 <= revenue <= 1e+15", "revenue is -5.0: it must be at least 0 and at most 1e+15; correct it or leave it blank"),
        ("revenue", math.nan, "revenue is finite", "revenue is nan: it must be a finite number (a blank is null, not NaN)"),
        ("revenue", math.inf, "revenue is finite", "revenue is inf: it must be a finite number"),
        ("revenue", None, "an income method has revenue or revenue_path", "revenue is blank: give it, or revenue_path; the assumptions fill a"),
        ("factor_loading", 1.5, "-1 <= factor_loading <= 1", "factor_loading is 1.5: it must be at least -1 and at most 1"),
        ("factor_loading", -1.01, "-1 <= factor_loading <= 1", "factor_loading is -1.01: it must be at least -1 and at most 1"),
        ("life", 0.0, "0 < life <= 100", "life is 0.0: it must be above 0 and at most 100"),
        ("life", None, "an income method has a life", "life is blank: give life, economic_life or indefinite, or the expiry_date of a right that is"),
        ("tax_rate", 1.0, "0 <= tax_rate < 1", "tax_rate is 1.0: it must be at least 0 and below 1"),
        ("royalty_rate", None, "relief_from_royalty has a royalty_rate", "royalty_rate is blank: give it, or fill it from the assumptions"),
        ("fee_schedule", "US/patnt", "fee_schedule is named in the assumptions", "fee_schedule US/patnt is not in the assumptions"),
        ("survival_curve", "mine", "survival_curve is named in the assumptions", "survival_curve mine is not in the assumptions"),
        ("filing_date", date(2030, 1, 1), "filing_date is not after the valuation date", "filing_date 2030-01-01 is after the valuation date 2026"),
        ("expiry_date", date(2020, 1, 1), "the right has not expired", "expiry_date 2020-01-01 is not after the valuation date 2026-11-22, so the"),
        ("expiry_date", date(2026, 11, 22), "the right has not expired", "expiry_date 2026-11-22 is not after the valuation date 2026-11-22"),
    ],
)  # fmt: skip
def test_a_bad_cell(column: str, cell: Any, rule: str, message: str) -> None:
    problem = rejected(**{column: cell})
    assert problem["column"] == column
    assert problem["value"] == (None if cell is None else str(cell))
    assert problem["rule"] == rule
    assert problem["message"].startswith(message)


def test_a_royalty_below_its_lower_bound() -> None:
    problem = rejected(royalty_low=0.06, royalty_high=0.08)
    assert problem["rule"] == "royalty_low <= royalty_rate <= royalty_high"
    assert problem["message"] == "royalty_low is 0.06, above royalty_rate; correct one of them"


def test_royalty_bounds_the_wrong_way_round() -> None:
    assert rejected(royalty_low=0.06, royalty_high=0.07)["rule"] == "royalty_low <= royalty_rate <= royalty_high"


def test_a_royalty_above_both_bounds() -> None:
    assert rejected(royalty_low=0.01, royalty_high=0.04)["column"] == "royalty_high"


def test_one_royalty_bound_without_the_other() -> None:
    low = rejected(royalty_low=0.01)
    assert (low["column"], low["value"]) == ("royalty_high", None)
    assert low["message"] == "royalty_low is given and royalty_high is blank: give both or neither"


def test_the_other_royalty_bound_without_the_one() -> None:
    high = rejected(royalty_high=0.1)
    assert (high["column"], high["message"]) == ("royalty_low", "royalty_high is given and royalty_low is blank: give both or neither")


def test_growth_that_reaches_the_discount_rate_of_an_indefinite_life() -> None:
    problem = rejected(growth=0.2, indefinite=True, life=None)
    assert (problem["column"], problem["value"]) == ("growth", "0.2")
    assert problem["message"].startswith("growth in the last year reaches the discount rate, so without end the value is infinite; lower growth")


def test_every_row_of_a_duplicated_id() -> None:
    Path("parts").mkdir()
    pq.write_table(table(ROWS), "parts/1.parquet")
    pq.write_table(table([{**ROWS[0], "asset_id": name} for name in ("r2", "r9", "r2")]), "parts/2.parquet")
    assert value("parts").code == 0
    assert [(one["file"], one["row"], one["asset_id"]) for one in rejects()] == [
        ("parts/1.parquet", 2, "r2"),
        ("parts/2.parquet", 0, "r2"),
        ("parts/2.parquet", 2, "r2"),
    ]
    assert {one["message"] for one in rejects()} == {"asset_id 'r2' occurs 3 times: give every right its own"}
    assert sorted(pq.read_table("out/assets")["asset_id"].to_pylist()) == ["r0", "r1", "r3", "r9"]


def test_a_row_with_several_faults_is_listed_with_each_and_counted_once() -> None:
    pq.write_table(table(row_with(revenue=-1.0, life=200.0)), "bad.parquet")
    ran = value("bad.parquet")
    assert "1 row rejected" in ran.out
    assert [one["column"] for one in rejects()] == ["life", "revenue"]


def test_a_bad_cell_of_a_csv_file() -> None:
    lines = ["asset_id,right_type,revenue,royalty_rate,life", "a,design,1000,0.05,5", "b,design,a lot,0.05,5", "c,design,3000,0.05,next year"]
    Path("p.csv").write_text("\n".join(lines) + "\n")
    assert value("p.csv").code == 0
    assert [(one["row"], one["column"], one["value"], one["message"]) for one in rejects()] == [
        (1, "revenue", "a lot", "revenue is a lot: it must be a number; correct it or leave it blank"),
        (2, "life", "next year", "life is next year: it must be a number; correct it or leave it blank"),
    ]


def test_a_mistyped_column_is_named_with_the_one_that_was_meant() -> None:
    renamed = table().rename_columns(["royalty_rte" if name == "royalty_rate" else name for name in table().column_names])
    pq.write_table(renamed, "p.parquet")
    ran = value("p.parquet")
    assert ran.code == 0
    assert ran.sentence == "warning: p.parquet: column 'royalty_rte' is not known and not read: did you mean royalty_rate?"


def test_the_others_are_valued_as_if_the_bad_row_were_not_there() -> None:
    pq.write_table(table(row_with(revenue=-1.0)), "bad.parquet")
    pq.write_table(table([ROWS[0], *ROWS[2:]]), "good.parquet")
    assert value("bad.parquet", out="bad").code == 0
    assert value("good.parquet", out="good").code == 0
    bad, good = (pq.read_table(f"{name}/assets").sort_by("asset_id") for name in ("bad", "good"))
    assert bad.equals(good)
    assert Path("bad/totals.arrow").read_bytes() == Path("good/totals.arrow").read_bytes()


def test_strict_keeps_the_result_and_exits_1() -> None:
    pq.write_table(table(row_with(revenue=-1.0)), "bad.parquet")
    ran = value("bad.parquet", "--strict")
    assert ran.code == 1
    assert pq.read_table("out/assets").num_rows == 3
    assert "manifest.json" in contents("out")
    assert run("show", "out").code == 0


def test_strict_without_a_bad_row_exits_0() -> None:
    assert value("portfolio.parquet", "--strict").code == 0
    assert run("check", "portfolio.parquet", "--strict").code == 0


def test_check_strict_exits_1() -> None:
    pq.write_table(table(row_with(revenue=-1.0)), "bad.parquet")
    before = contents()
    assert run("check", "bad.parquet", "--strict").code == 1
    assert contents() == before


def test_check_exits_2_where_no_row_is_left() -> None:
    pq.write_table(table([{**row, "revenue": -1.0} for row in ROWS]), "bad.parquet")
    ran = run("check", "bad.parquet", "--limit", 2)
    assert ran.code == 2
    assert ran.out.splitlines()[3:] == ["  and 2 more: --limit 4 prints all", "0 of 4 rows can be valued, 4 would be rejected"]


def test_a_value_too_large_to_be_summed() -> None:
    huge = {"revenue": 1e15, "royalty_rate": 1.0, "growth": 10.0, "life": 60.0, "volatility": 1.0, "tab_years": 0}
    problem = rejected_by_value(**huge)  # only simulated values show it
    assert problem["column"] == "revenue"
    assert problem["message"].startswith("some path values are not numbers or reach")


def test_rejects_have_their_columns_even_where_there_are_none() -> None:
    assert value("portfolio.parquet").code == 0
    schema = pq.read_schema("out/rejects.parquet")
    assert schema.names == ["file", "row", "asset_id", "column", "value", "rule", "message"]
    assert [field.type for field in schema] == [pa.string(), pa.int64(), *[pa.string()] * 5]
