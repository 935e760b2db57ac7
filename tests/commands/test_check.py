"""`ipvalue check` reads like a good reviewer: every problem under its rule, with row, column, value and mend; doubts; nothing written."""

from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import MARKET, ROW, ROWS, contents, row_with, run, table

import ipvalue as iv

pytestmark = pytest.mark.usefixtures("here")


def checked(rows: list[dict[str, Any]], *args: object) -> list[str]:
    """The lines that `check` prints about rows."""
    pq.write_table(table(rows), "p.parquet")
    return run("check", "p.parquet", *args).out.splitlines()


def doubts(rows: list[dict[str, Any]]) -> list[str]:
    """The warnings about rows, of `check` without the shipped assumptions."""
    pq.write_table(table(rows), "p.parquet")
    Path("none.toml").write_text("")
    ran = run("check", "p.parquet", "--assumptions", "none.toml")
    assert ran.code == 0
    return [sentence.removeprefix("warning: ") for sentence in ran.sentences]


def like(n: int, **cells: Any) -> list[dict[str, Any]]:
    """n rows like ROW with other cells."""
    return [{**ROW, "asset_id": f"a{i}", **cells} for i in range(n)]


# ------------------------------------------------------------------------------------------------ problems


def test_a_portfolio_without_a_problem() -> None:
    before = contents()
    ran = run("check", "portfolio.parquet")
    assert (ran.code, ran.out, ran.err) == (0, "4 of 4 rows can be valued, 0 would be rejected\n", "")
    assert contents() == before


def test_a_problem_is_named_by_rule_file_row_id_column_and_value() -> None:
    pq.write_table(table(row_with(life=None, indefinite=True, growth=0.2)), "bad.parquet")
    rule, line, last = run("check", "bad.parquet").out.splitlines()
    assert rule == "1 problem with growth: growth · survival / (1 + discount rate) < 1 with an indefinite life"
    assert line.startswith("  bad.parquet, row 1 (r1), growth = 0.2: growth in the last year reaches the discount rate")
    assert last == "3 of 4 rows can be valued, 1 would be rejected"


def test_a_value_that_the_sentence_holds_is_not_said_twice() -> None:
    _, line, _ = checked(row_with(revenue=-5.0))
    assert line == "  p.parquet, row 1 (r1): revenue is -5.0: it must be at least 0 and at most 1e+15; correct it or leave it blank"


def test_the_likely_mend_is_named() -> None:
    _, line, _ = checked(row_with(stage="grnted"))
    assert "stage is 'grnted' (did you mean granted?)" in line


@pytest.mark.parametrize("stage", ["a stage\nwith a very long name " * 20, "x" * 5_000])
def test_a_long_value_stays_on_its_line_and_is_cut(stage: str) -> None:
    lines = checked(row_with(stage=stage))
    assert len(lines) == 3
    assert len(lines[1]) < 400
    assert "…" in lines[1]


def test_problems_stand_under_their_rule_the_most_frequent_first() -> None:
    rows = [*like(3, revenue=-1.0), {**ROW, "asset_id": "b", "life": 200.0, "revenue": -1.0}, {**ROW, "asset_id": "c", "stage": "filled"}]
    lines = checked(rows)
    assert [line for line in lines if not line.startswith(" ")] == [
        "4 problems with revenue: 0 <= revenue <= 1e+15",
        "1 problem with life: 0 < life <= 100",
        "1 problem with stage: stage is one of the known names",
        "0 of 5 rows can be valued, 5 would be rejected",
    ]


def test_only_the_first_of_each_rule_are_printed_and_all_counted() -> None:
    rows = [*like(12, revenue=-1.0), *ROWS]
    lines = checked(rows)
    assert [line.split(":")[0] for line in lines[1:6]] == [f"  p.parquet, row {i} (a{i})" for i in range(5)]
    assert lines[6:] == ["  and 7 more: --limit 12 prints all", "4 of 16 rows can be valued, 12 would be rejected"]
    assert len(checked(rows, "--limit", 12)) == 14
    assert checked(rows, "--limit", 0)[:2] == ["12 problems with revenue: 0 <= revenue <= 1e+15", "  and 12 more: --limit 12 prints all"]


def test_what_is_kept_does_not_depend_on_how_the_rows_are_divided() -> None:
    rows = [*like(40, revenue=-1.0), *ROWS]
    outcomes = [iv.check(table(rows), market="market.toml", keep=3, rows_per_task=rows_per_task) for rows_per_task in (1, 7, 1000)]
    for outcome in outcomes:
        assert outcome.rejects["row"].to_pylist() == [0, 1, 2]
        assert outcome.rejects.equals(outcomes[0].rejects)
        (rule,) = outcome.rules
        assert (rule.column, rule.problems, outcome.rejected) == ("revenue", 40, 40)


def test_in_python_all_problems_are_kept_unless_told_otherwise() -> None:
    outcome = iv.check(table([*like(40, revenue=-1.0), *ROWS]), market="market.toml")
    assert outcome.rejects.num_rows == 40
    assert outcome.rules[0].problems == 40


@pytest.mark.parametrize(
    ("bad", "flags", "code"), [(0, (), 0), (1, (), 0), (1, ("--strict",), 1), (0, ("--strict",), 0), (4, (), 2), (4, ("--strict",), 2)]
)
def test_exit_codes(bad: int, flags: tuple[str, ...], code: int) -> None:
    pq.write_table(table([{**row, "revenue": -1.0} if i < bad else row for i, row in enumerate(ROWS)]), "p.parquet")
    ran = run("check", "p.parquet", *flags)
    assert ran.code == code
    assert ran.out.splitlines()[-1] == f"{4 - bad} of 4 rows can be valued, {bad} would be rejected"


def test_a_blank_inside_a_list() -> None:
    _, line, _ = checked(row_with(revenue_path=[1.0, None]))
    assert line.endswith("revenue_path is '[1.0, None]': it must be a list of 1 to 100 numbers without blanks; correct it or leave it blank")


def test_a_number_inside_a_list_that_is_none() -> None:
    _, line, _ = checked(row_with(revenue_path=[1.0, math.nan]))
    assert "it must be a list with every entry a finite number" in line


# ------------------------------------------------------------------------------------------------ doubts

TAXED = {"tax_rate": 0.25}
STAGED: dict[str, Any] = {"method": "project", "stage_costs": [1.0, 1.0], "stage_probabilities": [1.0, 1.0]}


def test_a_portfolio_without_a_doubt() -> None:
    assert doubts(ROWS) == []


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"renewal": "optimal", "survival_curve": "mine", "annual_cost": 1.0}, "renewal is optimal and survival_curve is named"),
        ({"hazard": 0.06, "discount_premium": 0.11}, "is the same risk counted twice?"),
        ({"grant_probability": 0.7, "grant_lag": 1.0, "discount_premium": 0.11}, "is the same risk counted twice?"),
        ({"growth": -0.06, "obsolescence": 0.06}, "is the same decline counted twice?"),
        ({"tax_rate": None, "discount_premium": 0.01}, "give tax_rate"),
        ({"tab_years": 8, "life": 8.0}, "the tax life is the law's"),
        ({**STAGED, "stage_years": [4.0, 4.0]}, "shorten stage_years or give a longer life"),
        ({"tab_years": 7, "life": None, "right_type": "design", "expiry_date": date(2034, 3, 1)}, "the tax life is the law's"),
    ],
)
def test_what_may_be_counted_twice(cells: dict[str, Any], words: str) -> None:
    curve = '[survival_curves.mine]\nanchor = "grant"\nages = [0, 20]\nsurviving = [1.0, 0.0]\n'
    pq.write_table(table([{**ROW, **TAXED, "grant_date": date(2026, 1, 1), **cells}, *ROWS[1:]]), "p.parquet")
    Path("mine.toml").write_text(curve)
    ran = run("check", "p.parquet", "--assumptions", "mine.toml")
    assert ran.code == 0
    assert ran.sentence.startswith("warning: 1 row (r0): ")
    assert words in ran.sentence


@pytest.mark.parametrize(
    "cells",
    [
        {"hazard": 0.06, "discount_premium": 0.10},
        {"hazard": 0.05, "discount_premium": 0.11},
        {"grant_probability": 0.8, "grant_lag": 1.0, "discount_premium": 0.11},
        {"growth": -0.05, "obsolescence": 0.06},
        {"growth": 0.06, "obsolescence": 0.06},
        {"tax_rate": None, "discount_premium": 0.0},
        {"tab_years": 10, "life": 10.0},
        {"tab_years": 15, "life": 15.0},
        {"tab_years": 2, "life": 2.0},
        {"tab_years": 8, "life": 9.0},
        {"renewal": "optimal", "annual_cost": 1.0},
        {"method": "market", "comparable_price": 1e6, "hazard": 0.3, "discount_premium": 0.3, "tax_rate": None},
        {"methods": ["market"], "weights": [1.0], "comparable_price": 1e6, "hazard": 0.3, "discount_premium": 0.3, "tax_rate": None},
        {**STAGED, "stage_years": [4.0, 3.9]},
    ],
)
def test_what_is_not_doubted(cells: dict[str, Any]) -> None:
    assert doubts([{**ROW, **TAXED, **cells}, *ROWS[1:]]) == []


def test_a_doubt_names_the_first_rows_and_counts_the_others() -> None:
    (doubt,) = doubts(like(1_203, hazard=0.3, discount_premium=0.3))
    assert doubt.startswith("1,203 rows (a0, a1, a2 and 1,200 more): a hazard above 0.05")


def test_the_rows_that_are_named_do_not_depend_on_how_the_rows_are_divided() -> None:
    rows = table(like(30, hazard=0.3, discount_premium=0.3))
    found = {iv.check(rows, market="market.toml", rows_per_task=rows_per_task, workers=2).warnings for rows_per_task in (1, 7, 1000)}
    assert len(found) == 1


def test_what_the_assumptions_filled_on_both_sides_is_their_matter() -> None:
    Path("mine.toml").write_text("[defaults.trademark]\nhazard = 0.3\ndiscount_premium = 0.3\n")
    pq.write_table(table(like(2, hazard=None, discount_premium=None, tax_rate=None)), "p.parquet")
    assert run("check", "p.parquet", "--assumptions", "mine.toml").err == ""
    pq.write_table(table(like(2, hazard=0.3, discount_premium=None, tax_rate=None)), "p.parquet")
    assert "counted twice" in run("check", "p.parquet", "--assumptions", "mine.toml").sentence


def test_value_says_the_same(tmp_path: Path) -> None:
    pq.write_table(table(like(2, hazard=0.3, discount_premium=0.3)), "p.parquet")
    checked, valued = run("check", "p.parquet"), run("value", "p.parquet", "--paths", 8, "--out", "out")
    assert checked.sentence == valued.sentence


# ------------------------------------------------------------------------------------------------ families


def family(name: str | None, *shares: float | None) -> list[dict[str, Any]]:
    return [{**ROW, "asset_id": f"{name}{i}", "family_id": name, "revenue_share": share} for i, share in enumerate(shares)]


def test_families_that_share_out_more_than_the_whole_are_named_with_their_first_right() -> None:
    rows = [*family("f", 0.6, 0.3), *family("g", 0.6, 0.5), *family("h", None, 0.1), *family("i", None), *family(None, 1.0, 1.0)]
    (doubt,) = doubts(rows)
    assert doubt.startswith("2 families (g with g0, h with h0): the revenue_share of the rows of one family_id add up to more than 1 (a blank is 1)")


def test_only_the_first_families_are_named() -> None:
    (doubt,) = doubts([row for i in range(1_500) for row in family(f"f{i}-", 0.7, 0.7)])
    assert doubt.startswith("1,500 families (f0- with f0-0, f1- with f1-0, f2- with f2-0 and 1,497 more): ")


def test_a_family_is_added_up_over_files_and_tasks() -> None:
    Path("parts").mkdir()
    Path("parts/market.toml").write_text(MARKET)
    rows = family("f", *[0.2] * 6)
    for i, row in enumerate(rows):
        pq.write_table(table([row]), f"parts/{i}.parquet")
    ran = run("check", "parts", "--market", "market.toml")
    assert "1 family (f with f0)" in ran.err
    pq.write_table(pa.concat_tables([table(rows[:5]), table([{**rows[5], "revenue_share": 0.0}])]), "all.parquet")
    assert run("check", "all.parquet").err == ""


# ------------------------------------------------------------------------------------------------ files


def test_warnings_go_to_stderr() -> None:
    renamed = table().rename_columns(["royalty_rte" if name == "royalty_rate" else name for name in table().column_names])
    pq.write_table(renamed, "p.parquet")
    ran = run("check", "p.parquet")
    assert ran.sentence == "warning: p.parquet: column 'royalty_rte' is not known and not read: did you mean royalty_rate?"


def test_a_bad_file_is_refused_as_by_value() -> None:
    ran = run("check", "none.parquet", "--market", "market.toml")
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence == "none.parquet: there is no such file or directory"


def test_a_mistyped_path_is_named_with_the_one_that_was_meant() -> None:
    ran = run("check", "portfolo.parquet", "--market", "market.toml")
    assert (ran.code, ran.sentence) == (2, "portfolo.parquet: there is no such file or directory: did you mean portfolio.parquet?")
    ran = run("check", "portfolio.parquet", "--market", Path.cwd() / "markt.toml")
    assert (ran.code, ran.sentence) == (2, f"{Path.cwd()}/markt.toml: there is no such file: did you mean {Path.cwd()}/market.toml?")


def test_problems_as_json() -> None:
    pq.write_table(table([ROW, *like(3, revenue=-1.0)]), "p.parquet")
    ran = run("check", "p.parquet", "--limit", 2, "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert (found["rows"], found["valued"], found["rejected"], found["warnings"]) == (4, 1, 3, [])
    (rule,) = found["rules"]
    assert (rule["column"], rule["rule"], rule["problems"]) == ("revenue", "0 <= revenue <= 1e+15", 3)
    assert [(one["file"], one["row"]) for one in rule["first"]] == [("p.parquet", 1), ("p.parquet", 2)]
    assert run("check", "p.parquet", "--strict", "--json").code == 1
