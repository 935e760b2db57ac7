"""Bad input for the columns of every method: the row is set aside with column, value, rule and a mend, the others are valued."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import MARKET, ROWS, rejects, row_with, run, table, value

from ipvalue.schema import PORTFOLIO

pytestmark = pytest.mark.usefixtures("here")

BLANK = {"revenue": None, "royalty_rate": None, "life": None}
GOOD: dict[str, dict[str, Any]] = {
    "relief_from_royalty": {},
    "licence": {"method": "licence", "minimum_guarantee": 1e4, "cap": 1e5},
    "excess_earnings": {"method": "excess_earnings", "royalty_rate": None, "margin": 0.2, "contributory_charge": 0.05},
    "incremental_income": {"method": "incremental_income", "royalty_rate": None, "margin": 0.1},
    "project": {"method": "project", "stage_costs": [1e4, 2e4], "stage_years": [1.0, 1.0], "stage_probabilities": [0.5, 0.5]},
    "cost": {"method": "cost", "replacement_cost": 1e6, **BLANK},
    "market": {"method": "market", "comparable_price": 1e6, **BLANK},
    "reconciled": {"methods": ["relief_from_royalty", "market"], "weights": [0.6, 0.4], "comparable_price": 1e6},
}
"""Cells of a row that each method values."""

STAGES = ("stage_costs", "stage_years", "stage_probabilities")


def written(cells: dict[str, Any]) -> None:
    """bad.parquet: four rows, the second with such cells; none.toml: no assumptions."""
    pq.write_table(table(row_with(**cells)), "bad.parquet")
    Path("none.toml").write_text("")


def problems(**cells: Any) -> list[dict[str, Any]]:
    """What is wrong with such cells in the second row, by `value` and by `check` alike; the other rows are valued."""
    written(cells)
    ran = value("bad.parquet", "--assumptions", "none.toml", "--overwrite")
    assert (ran.code, ran.err) == (0, "")
    assert "1 row rejected: out/rejects.parquet says why" in ran.out
    found = rejects()
    assert {(one["file"], one["row"], one["asset_id"]) for one in found} == {("bad.parquet", 1, "r1")}
    assert sorted(pq.read_table("out/assets")["asset_id"].to_pylist()) == ["r0", "r2", "r3"]
    checked = run("check", "bad.parquet", "--assumptions", "none.toml")
    lines = checked.out.splitlines()
    assert (checked.code, sum(line.startswith("  bad.parquet, row 1") for line in lines)) == (0, len(found))
    for one in found:
        assert any(one["message"] in line for line in lines)
        assert f"1 problem with {one['column']}: {one['rule']}" in lines
    assert lines[-1] == "3 of 4 rows can be valued, 1 would be rejected"
    return found


def valued(doubt: str = "", **cells: Any) -> dict[str, Any]:
    """The results row of such cells, which are good, but for what is doubted."""
    written(cells)
    ran = value("bad.parquet", "--assumptions", "none.toml", "--overwrite")
    assert (ran.code, rejects()) == (0, [])
    assert doubt in ran.sentence if doubt else not ran.err
    (found,) = (row for row in pq.read_table("out/assets").to_pylist() if row["asset_id"] == "r1")
    return dict(found)


def all_in(words: tuple[str, ...], text: str) -> bool:
    return all(word in text for word in words)


@pytest.mark.parametrize("method", GOOD)
def test_each_method_values_the_row_that_the_bad_ones_are_made_from(method: str) -> None:
    assert valued(**GOOD[method])["method"] == method


Words = tuple[str, ...]
Case = tuple[str, dict[str, Any], str, Words, Words]
CASES: list[Case] = [
    # what a method cannot do without
    ("excess_earnings", {"margin": None}, "margin", ("excess_earnings", "margin"), ("blank", "give it", "assumptions")),
    ("incremental_income", {"margin": None}, "margin", ("incremental_income", "margin"), ("blank", "give it", "assumptions")),
    ("licence", {"royalty_rate": None}, "royalty_rate", ("licence", "royalty_rate"), ("blank", "give it")),
    ("project", {"royalty_rate": None}, "margin", ("project", "margin", "royalty_rate"), ("blank", "give one")),
    ("cost", {"replacement_cost": None}, "replacement_cost", ("cost", "replacement_cost"), ("blank", "give it")),
    ("market", {"comparable_price": None}, "comparable_price", ("market", "comparable_price"), ("blank", "give it")),
    # negative rates
    ("excess_earnings", {"contributory_charge": 0.3}, "margin", ("margin", "contributory_charge", ">= 0"), ("0.2", "contributory_charge", "correct")),
    ("incremental_income", {"margin": -0.01}, "margin", ("margin", ">= 0"), ("-0.01", "correct")),
    ("project", {"margin": 0.1, "contributory_charge": 0.11}, "margin", ("margin", "contributory_charge"), ("0.1", "correct")),
    # limits of single cells
    ("excess_earnings", {"margin": 1.2}, "margin", ("margin <= 1",), ("1.2", "at most 1", "correct it")),
    ("excess_earnings", {"margin": math.nan}, "margin", ("margin is finite",), ("nan", "a blank is null")),
    ("excess_earnings", {"contributory_charge": -0.1}, "contributory_charge", ("0 <= contributory_charge",), ("-0.1", "at least 0")),
    ("licence", {"minimum_guarantee": -1.0}, "minimum_guarantee", ("0 <= minimum_guarantee",), ("-1.0", "at least 0")),
    ("licence", {"cap": math.inf}, "cap", ("cap is finite",), ("inf", "leave it blank")),
    ("licence", {"cap": -5.0, "minimum_guarantee": None}, "cap", ("0 <= cap",), ("-5.0", "at least 0")),
    ("cost", {"replacement_cost": -1.0}, "replacement_cost", ("0 <= replacement_cost",), ("-1.0", "at least 0")),
    ("cost", {"functional_obsolescence": 1.01}, "functional_obsolescence", ("functional_obsolescence <= 1",), ("1.01", "at most 1")),
    ("cost", {"economic_obsolescence": -0.1}, "economic_obsolescence", ("0 <= economic_obsolescence",), ("-0.1", "at least 0")),
    ("market", {"comparable_price": -3.0}, "comparable_price", ("0 <= comparable_price",), ("-3.0", "at least 0")),
    ("market", {"comparable_adjustment": -1.01}, "comparable_adjustment", ("-1 <= comparable_adjustment",), ("-1.01", "at least -1")),
    ("reconciled", {"weights": [1.5, -0.5]}, "weights", ("0 <= weights",), ("-0.5", "at least 0")),
    # cells that do not fit together
    ("licence", {"minimum_guarantee": 2e5}, "minimum_guarantee", ("minimum_guarantee <= cap",), ("200000", "above cap", "correct one")),
    ("licence", {"royalty_low": 0.01}, "royalty_high", ("both bounds",), ("royalty_low is given", "give both or neither")),
    ("licence", {"royalty_low": 0.06, "royalty_high": 0.08}, "royalty_low", ("royalty_low <= royalty_rate",), ("0.06", "above royalty_rate")),
    ("licence", {"life": None, "indefinite": True}, "indefinite", ("licence", "end"), ("indefinite", "give its life")),
    # several methods
    ("reconciled", {"weights": [1.0]}, "weights", ("methods", "weight"), ("[1.0]", "one for each")),
    ("reconciled", {"weights": [0.3, 0.3, 0.4]}, "weights", ("methods", "weight"), ("[0.3, 0.3, 0.4]", "one for each")),
    ("reconciled", {"weights": [0.5, 0.4]}, "weights", ("add up to 1",), ("[0.5, 0.4]", "correct")),
    ("reconciled", {"weights": [0.6, 0.41]}, "weights", ("add up to 1",), ("[0.6, 0.41]", "correct")),
    ("reconciled", {"weights": [0.0, 0.0]}, "weights", ("add up to 1",), ("correct",)),
    ("reconciled", {"weights": None}, "weights", ("methods", "weights"), ("blank", "give")),
    ("reconciled", {"weights": [0.5, None]}, "weights", ("weights", "blank"), ("without blanks",)),
    ("reconciled", {"methods": None}, "weights", ("weights", "methods"), ("methods is blank", "name")),
    ("reconciled", {"methods": ["relief_from_royalty", "makret"]}, "methods", ("known names",), ("makret", "did you mean relief_")),
    ("reconciled", {"methods": ["relief_from_royalty", "reconciled"]}, "methods", ("known names",), ("reconciled", "market")),
    ("reconciled", {"methods": ["market", "market"]}, "methods", ("each once",), ("market", "each once")),
    ("reconciled", {"methods": ["market", None]}, "methods", ("known names",), ("None", "one or more of")),
    ("reconciled", {"methods": []}, "methods", ("known names",), ("one or more of",)),
    ("reconciled", {"method": "cost", "replacement_cost": 1e6}, "method", ("method", "methods", "not both"), ("cost", "blank")),
    ("reconciled", {"method": "market"}, "method", ("not both",), ("market", "blank")),
    ("reconciled", {"comparable_price": None}, "comparable_price", ("market",), ("blank", "give it")),
    ("reconciled", {"royalty_rate": None}, "royalty_rate", ("relief_from_royalty",), ("blank", "give it")),
    ("reconciled", {"methods": ["market", "cost"]}, "replacement_cost", ("cost",), ("blank", "give it")),
    ("reconciled", {"methods": ["market", "licence"], "life": None, "indefinite": True}, "indefinite", ("licence",), ("give its life",)),
    ("reconciled", {"methods": ["market", "excess_earnings"], "margin": 0.1, "contributory_charge": 0.2}, "margin", ("margin",), ("correct one",)),
]  # fmt: skip
"""Method, cells over those of GOOD, and what is said of them: the column, and words of the rule and of the message."""


@dataclass(frozen=True)
class Said:
    """What `value` and `check` say of a portfolio: the problems of each id, check's lines, and the ids that are valued."""

    problems: dict[str, list[dict[str, Any]]]
    lines: list[str]
    valued: list[str]


def row_of(case: Case) -> dict[str, Any]:
    method, cells, *_ = case
    return {**ROWS[1], **GOOD[method], **cells}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """One portfolio of all cases, the case's row between good ones."""
    folder = tmp_path_factory.mktemp("cases")
    rows = [row for i, case in enumerate(CASES) for row in ({**row_of(case), "asset_id": f"bad {i}"}, {**ROWS[0], "asset_id": f"good {i}"})]
    pq.write_table(table(rows), folder / "bad.parquet")
    (folder / "none.toml").write_text("")
    (folder / "market.toml").write_text(MARKET)
    ran = value(folder / "bad.parquet", "--assumptions", folder / "none.toml", paths=8, out=folder / "out")
    assert (ran.code, ran.err) == (0, "")
    assert f"{len(CASES)} rows rejected" in ran.out
    checked = run("check", folder / "bad.parquet", "--assumptions", folder / "none.toml", "--limit", 1000)
    *lines, last = checked.out.splitlines()
    assert checked.code == 0
    assert last == f"{len(CASES)} of {2 * len(CASES)} rows can be valued, {len(CASES)} would be rejected"
    found: dict[str, list[dict[str, Any]]] = {}
    for one in rejects(folder / "out"):
        found.setdefault(one["asset_id"], []).append(one)
    return Said(found, lines, pq.read_table(folder / "out" / "assets")["asset_id"].to_pylist())


@pytest.mark.parametrize("i", range(len(CASES)), ids=[f"{case[0]}-{next(iter(case[1]))}-{i}" for i, case in enumerate(CASES)])
def test_a_bad_cell(said: Said, i: int) -> None:
    _, _, column, rule, message = CASES[i]
    (problem,) = said.problems[f"bad {i}"]
    assert (problem["row"], problem["column"]) == (2 * i, column)
    assert Path(problem["file"]).name == "bad.parquet"
    given = row_of(CASES[i]).get(column)
    assert problem["value"] == (None if given is None else str(given))
    assert all_in(rule, problem["rule"]), problem["rule"]
    assert all_in(message, problem["message"]), problem["message"]
    (line,) = (line for line in said.lines if f"row {2 * i} (bad {i})" in line)
    assert all_in((column, problem["message"]), line)
    assert any(one.endswith(f" with {column}: {problem['rule']}") for one in said.lines)


def test_all_good_rows_between_bad_ones_are_valued(said: Said) -> None:
    assert sorted(said.valued) == sorted(f"good {i}" for i in range(len(CASES)))


@pytest.mark.parametrize("method", ["licence", "excess_earnings", "incremental_income", "project"])
def test_every_income_method_has_revenue_and_a_life(method: str) -> None:
    (revenue,) = problems(**{**GOOD[method], "revenue": None})
    assert (revenue["column"], revenue["rule"]) == ("revenue", "an income method has revenue or revenue_path")
    (life,) = problems(**{**GOOD[method], "life": None})
    assert (life["column"], life["rule"]) == ("life", "an income method has a life")
    assert "economic_life" in life["message"]


@pytest.mark.parametrize("method", ["excess_earnings", "incremental_income", "project"])
def test_growth_that_reaches_the_discount_rate_of_an_indefinite_life(method: str) -> None:
    (problem,) = problems(**{**GOOD[method], "growth": 0.2, "indefinite": True, "life": None})
    assert (problem["column"], problem["value"]) == ("growth", "0.2")
    assert "lower growth" in problem["message"]


@pytest.mark.parametrize("method", ["excess_earnings", "incremental_income", "project"])
def test_a_rival_and_an_indefinite_life(method: str) -> None:
    (problem,) = problems(**{**GOOD[method], "entry_hazard": 0.1, "entry_loss": 0.5, "indefinite": True, "life": None})
    assert problem["column"] == "indefinite"
    assert all_in(("entry_hazard 0", "life"), problem["message"])


# ------------------------------------------------------------------------------------ what is not a fault


@pytest.mark.parametrize("method", [method for method in GOOD if method not in ("licence", "reconciled")])
def test_bounds_without_a_licence_change_nothing(method: str) -> None:
    without = valued(**GOOD[method])
    assert valued(**GOOD[method], minimum_guarantee=2e5, cap=1e5) == without


@pytest.mark.parametrize("method", [method for method in GOOD if method != "project"])
def test_stages_without_a_project_change_nothing(method: str) -> None:
    without = valued(**GOOD[method])
    assert valued(**GOOD[method], stage_costs=[1e9], stage_years=[2.0, 2.0], stage_probabilities=[0.1]) == without


def test_a_guarantee_as_high_as_the_cap_is_a_fixed_fee() -> None:
    found = valued(**GOOD["licence"] | {"minimum_guarantee": 1e5, "volatility": 0.3})
    assert found["standard_deviation"] <= 1e-6 * found["mean"]


def test_a_charge_as_high_as_the_margin_leaves_nothing() -> None:
    assert valued(**GOOD["excess_earnings"] | {"contributory_charge": 0.2})["value"] == 0.0


def test_a_margin_below_0_is_no_fault_of_a_method_that_does_not_read_it() -> None:
    assert valued(margin=-0.5) == valued()


# ------------------------------------------------------------------------------------ stages


@pytest.mark.parametrize("column", STAGES)
def test_a_project_without_one_of_its_lists(column: str) -> None:
    (problem,) = problems(**{**GOOD["project"], column: None})
    assert (problem["column"], problem["value"]) == (column, None)
    assert all_in(("blank", "each stage"), problem["message"])


@pytest.mark.parametrize("column", STAGES)
@pytest.mark.parametrize("entries", [[1.0], [1.0, 1.0, 1.0]])
def test_stage_lists_of_different_lengths(column: str, entries: list[float]) -> None:
    (problem,) = problems(**{**GOOD["project"], column: entries})
    assert (problem["column"], problem["value"]) == (column, str(entries))
    assert all_in(STAGES, problem["rule"])
    assert all_in(("length", "each stage", *STAGES), problem["message"])


def test_stage_lists_of_three_lengths() -> None:
    found = problems(**{**GOOD["project"], "stage_costs": [1.0], "stage_years": [1.0, 1.0], "stage_probabilities": [1.0, 1.0, 1.0]})
    assert [one["column"] for one in found] == ["stage_costs", "stage_probabilities"]


def test_every_rule_that_a_row_breaks_is_named() -> None:
    """Over the row, its methods and their inputs; a column's first problem only, and no rule twice."""
    terms = {"methods": ["licence", "excess_earnings", "relief_from_royalty"], "weights": [0.5, 0.3, 0.1], "minimum_guarantee": 2.0, "cap": 1.0}
    wrong = {"royalty_low": 0.9, "royalty_high": 0.95, "margin": 0.1, "contributory_charge": 0.2, "fee_schedule": "x", "survival_curve": "x"}
    found = problems(**terms, **wrong, sector="farming", factor_loading=0.5)
    columns = ["fee_schedule", "margin", "minimum_guarantee", "royalty_low", "sector", "survival_curve", "weights"]
    assert [one["column"] for one in found] == columns


@pytest.mark.parametrize("column", STAGES)
def test_a_blank_inside_a_list(column: str) -> None:
    (problem,) = problems(**{**GOOD["project"], column: [1.0, None]})
    assert (problem["column"], problem["value"]) == (column, "[1.0, None]")
    assert problem["rule"] == f"{column} has no blank entries"
    assert "without blanks" in problem["message"]


@pytest.mark.parametrize("column", STAGES)
def test_an_empty_list(column: str) -> None:
    (problem,) = problems(**{**GOOD["project"], column: []})
    assert (problem["column"], problem["value"]) == (column, "[]")
    assert "1 to 100" in problem["message"]


@pytest.mark.parametrize(
    ("column", "entry", "limit"),
    [
        ("stage_probabilities", 1.01, "at most 1"),
        ("stage_probabilities", -0.1, "at least 0"),
        ("stage_costs", -2.0, "at least 0"),
        ("stage_costs", math.inf, "finite"),
        ("stage_years", -1.0, "at least 0"),
        ("stage_years", 101.0, "at most 100"),
        ("stage_years", math.nan, "finite"),
    ],
)
def test_a_bad_entry_of_a_list(column: str, entry: float, limit: str) -> None:
    (problem,) = problems(**{**GOOD["project"], column: [1.0, entry]})
    assert (problem["column"], problem["value"]) == (column, f"[1.0, {entry}]")
    assert column in problem["rule"]
    assert all_in(("every entry", limit), problem["message"])


def test_a_stage_without_time_is_over_as_it_starts() -> None:
    """Its cost and its chance are there, a second stage of no time too: all is sold from the first year."""
    sure = {**GOOD["project"], "stage_years": [0.0, 0.0], "stage_probabilities": [1.0, 1.0]}
    at_once = valued(**sure)["closed_form"]
    free = valued(**{**sure, "stage_costs": [0.0, 0.0]})["closed_form"]
    assert at_once < free == pytest.approx(valued()["closed_form"], rel=1e-12)
    halved = valued(**{**sure, "stage_costs": [0.0, 0.0], "stage_probabilities": [0.5, 1.0]})["closed_form"]
    assert halved == pytest.approx(free / 2, rel=1e-12)


def test_stages_beyond_the_life_earn_nothing_and_cost_what_falls_within_it() -> None:
    """5.5 years of life: the stage of year 7 is never paid."""
    doubt = "1 row (r1): the stages of a project take as long"
    late = {**GOOD["project"], "stage_years": [7.0, 1.0], "stage_probabilities": [1.0, 1.0]}
    found, first = valued(doubt, **late), valued(doubt, **{**late, "stage_costs": [1e4, 9e9]})
    assert found["closed_form"] == first["closed_form"] < 0
    assert valued(doubt, **{**GOOD["project"], "stage_years": [60.0, 60.0]})["closed_form"] < 0


def test_fees_and_curves_do_not_bear_on_a_price() -> None:
    named = {"fee_schedule": "nobody's", "survival_curve": "nobody's"}
    assert valued(**GOOD["market"], **named)["closed_form"] == valued(**GOOD["market"])["closed_form"]
    assert [one["column"] for one in problems(**GOOD["reconciled"], **named)] == ["fee_schedule", "survival_curve"]


def test_stages_of_more_than_a_hundred_years_without_an_end() -> None:
    (problem,) = problems(**{**GOOD["project"], "stage_years": [60.0, 60.0], "life": None, "indefinite": True})
    assert problem["column"] == "indefinite"
    assert all_in(("100 years", "shorten"), problem["message"])


# ------------------------------------------------------------------------------------ several methods


def test_neither_methods_nor_weights_may_be_empty() -> None:
    found = problems(**{**GOOD["reconciled"], "methods": [], "weights": []})
    assert [one["column"] for one in found] == ["methods", "weights"]


def test_a_mistyped_method() -> None:
    (problem,) = problems(method="licnce")
    assert (problem["column"], problem["value"]) == ("method", "licnce")
    assert "did you mean licence?" in problem["message"]


def test_weights_that_add_up_to_1_but_for_rounding_are_good() -> None:
    methods = {"methods": ["relief_from_royalty", "market", "cost"], "weights": [1 / 3, 1 / 3, 1 - 2 / 3], "replacement_cost": 1e6}
    assert valued(**GOOD["reconciled"] | methods)["method"] == "reconciled"
    assert valued(**GOOD["reconciled"] | {"methods": ["market"], "weights": [1.0]})["method_values"] is not None


def test_bad_rows_of_one_method_leave_the_others_as_they_are() -> None:
    """Every method beside them in the same file, to the last bit."""
    rows = [{**ROWS[0], **GOOD[method], "asset_id": method} for method in GOOD]
    pq.write_table(table(rows), "good.parquet")
    pq.write_table(table([*rows, *({**ROWS[0], "asset_id": f"bad {name}", "method": name, **BLANK} for name in ("cost", "market"))]), "bad.parquet")
    Path("none.toml").write_text("")
    for name in ("good", "bad"):
        assert value(f"{name}.parquet", "--assumptions", "none.toml", out=name).code == 0
    good, bad = (pq.read_table(f"{name}/assets").sort_by("asset_id") for name in ("good", "bad"))
    assert bad.equals(good)
    assert Path("bad/totals.arrow").read_bytes() == Path("good/totals.arrow").read_bytes()
    assert [(one["row"], one["column"]) for one in rejects("bad")] == [(8, "replacement_cost"), (9, "comparable_price")]


# ------------------------------------------------------------------------------------ columns of the wrong type, and text files


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("owner_province", [1.5] * 4),
        ("owner_province", [["Guangdong"]] * 4),
        ("family_id", [True] * 4),
        ("family_id", [2.5] * 4),
        ("methods", ["market"] * 4),
        ("methods", [[1.0]] * 4),
        ("weights", ["0.5; 0.5"] * 4),
        ("weights", [0.5] * 4),
        ("weights", [["a"]] * 4),
        ("stage_costs", [5.0] * 4),
        ("margin", ["high"] * 4),
        ("replacement_cost", [True] * 4),
    ],
)
def test_a_column_of_the_wrong_type_is_refused_as_a_whole(column: str, cells: list[Any]) -> None:
    good = table()
    place = good.schema.get_field_index(column)
    bad = good.append_column(column, pa.array(cells)) if place < 0 else good.set_column(place, column, pa.array(cells))
    pq.write_table(bad, "bad.parquet")
    for ran in (value("bad.parquet"), run("check", "bad.parquet")):
        assert (ran.code, ran.out) == (2, "")
        assert all_in(("bad.parquet", column), ran.sentence), ran.sentence
    assert not Path("out").exists()


@pytest.mark.parametrize("column", ["owner_province", "family_id"])
def test_names_that_are_whole_numbers_are_read_as_text(column: str) -> None:
    assert PORTFOLIO[column].kind == "string"
    pq.write_table(table().append_column(column, pa.array([1, 1, 2, None])), "p.parquet")
    ran = value("p.parquet", "--group-by", column)
    assert ran.code == 0
    assert sorted(map(str, pq.read_table("out/groups.parquet")[column].to_pylist())) == ["(blank)", "1", "2", "None"]


def test_lists_in_a_csv_file() -> None:
    head = "asset_id,right_type,method,methods,weights,revenue,royalty_rate,comparable_price,life,stage_costs,stage_years,stage_probabilities"
    lines = [
        "a,design,,relief_from_royalty; market,0.5; 0.5,1000,0.05,90,5,,,",
        "b,design,,relief_from_royalty; makret,0.5; 0.5,1000,0.05,90,5,,,",
        "c,design,,relief_from_royalty; market,half; half,1000,0.05,90,5,,,",
        "d,design,project,,,1000,0.05,,5,1; 2,1; 1,0.5; 0.5",
        "e,design,project,,,1000,0.05,,5,1; 2,1; 1,0.5; 1.5",
        "f,design,project,,,1000,0.05,,5,1; 2,one; two,0.5; 0.5",
    ]
    Path("p.csv").write_text("\n".join([head, *lines]) + "\n")
    assert value("p.csv").code == 0
    assert pq.read_table("out/assets").sort_by("asset_id")["asset_id"].to_pylist() == ["a", "d"]
    found = [(one["row"], one["column"]) for one in rejects()]
    assert found == [(1, "methods"), (2, "weights"), (4, "stage_probabilities"), (5, "stage_years")]
    assert all_in(("half; half", "list"), rejects()[1]["message"])


# ------------------------------------------------------------------------------------ assumptions


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('methods = ["makret"]\nweights = [1.0]', ("methods",)),
        ("stage_probabilities = [1.5]", ("stage_probabilities", "at most 1")),
        ("margin = 2.0", ("margin", "at most 1")),
        ('minimum_guarantee = "none"', ("minimum_guarantee", "number")),
        ("comparable_adjustment = -2.0", ("comparable_adjustment", "at least -1")),
    ],
)
def test_bad_assumptions_stop_at_once(line: str, words: tuple[str, ...]) -> None:
    Path("a.toml").write_text(f"[defaults.trademark]\n{line}\n")
    ran = value("portfolio.parquet", "--assumptions", "a.toml")
    assert (ran.code, ran.out) == (2, "")
    assert all_in(("a.toml", *words), ran.err)
    assert not Path("out").exists()


def test_what_the_assumptions_fill_is_held_to_the_methods_rules() -> None:
    Path("a.toml").write_text("[defaults.trademark]\nmargin = 0.1\ncontributory_charge = 0.2\n")
    pq.write_table(table(row_with(method="excess_earnings", royalty_rate=None)), "bad.parquet")
    assert value("bad.parquet", "--assumptions", "a.toml").code == 0
    (problem,) = rejects()
    assert (problem["row"], problem["column"], problem["value"]) == (1, "margin", "0.1")
