"""The registries hold together, and what is made from them is current."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from ipvalue.schema import (
    FILLABLE,
    LINKED,
    PORTFOLIO,
    REJECTS_SCHEMA,
    RESULTS,
    TABLES,
    Column,
    InputError,
    Rejects,
    columns_page,
    describe,
    nearest,
    quantile_name,
    quantile_of,
    read_toml,
    result_column,
)


@pytest.mark.parametrize("column", PORTFOLIO.values(), ids=PORTFOLIO)
def test_every_column_is_explained_and_its_default_keeps_its_own_rule(column: Column) -> None:
    assert column.meaning
    assert column.group
    assert column.source
    assert column.default is None or column.problem(column.default) is None


def test_columns_that_belong_together_exist_and_may_be_filled() -> None:
    assert all(name in FILLABLE for group in LINKED for name in group)


def test_what_says_which_right_it_is_is_never_filled() -> None:
    assert not FILLABLE & {"asset_id", "right_type", "stage", "jurisdiction", "sector", "grant_date", "expiry_date"}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("revenue", 0, None),
        ("revenue", 1e15, None),
        ("revenue", -1, "must be at least 0 and at most 1e+15"),
        ("revenue", float("nan"), "must be at least 0 and at most 1e+15"),
        ("revenue", "5", "must be a number"),
        ("revenue", True, "must be a number"),
        ("growth", -1, "must be above -1 and at most 10"),
        ("growth_fade", float("inf"), "must be at least 0"),
        ("tax_rate", 1, "must be at least 0 and below 1"),
        ("life", 0, "must be above 0 and at most 100"),
        ("tab_years", 10, None),
        ("tab_years", 10.0, "must be a whole number"),
        ("indefinite", 1, "must be true or false"),
        ("currency", "CNY", None),
        ("currency", "cny", "must be three capital letters"),
        ("renewal", "never", "must be one of always, optimal"),
        ("stage_years", [1, 2.5], None),
        ("stage_years", [], "must be a list of 1 to 100 numbers"),
        ("stage_years", [1, -2], "must be at least 0 and at most 100"),
        ("stage_years", 3, "must be a list of 1 to 100 numbers"),
        ("grant_date", "2020-01-01", "must be a date (YYYY-MM-DD)"),
    ],
)
def test_one_value_is_judged_by_its_column(name: str, value: object, problem: str | None) -> None:
    assert PORTFOLIO[name].problem(value) == problem


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("tax_rate", "0 <= tax_rate < 1"),
        ("growth", "-1 < growth <= 10"),
        ("growth_fade", "0 <= growth_fade"),
        ("currency", "currency is three capital letters"),
        ("stage", "stage is one of the known names"),
    ],
)
def test_rules_read_as_formulas(name: str, rule: str) -> None:
    assert PORTFOLIO[name].rule == rule


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("royalty_rte", "royalty_rate"),
        ("Royalty Rate", "royalty_rate"),
        ("ROYALTY-RATE", "royalty_rate"),
        ("asset_ID", "asset_id"),
        ("colour", None),
        ("", None),
    ],
)
def test_near_misses_are_recognised(typed: str, meant: str | None) -> None:
    assert nearest(typed, PORTFOLIO) == meant


@pytest.mark.parametrize("table", TABLES)
def test_both_descriptions_name_every_column(table: str) -> None:
    listed = {entry["name"] for entry in json.loads(describe(table, "json"))}
    page = describe(table)
    assert listed == {column.name for column in TABLES[table].values()}
    assert all(f"`{name}`" in page for name in listed)


def test_the_columns_page_in_docs_is_current(root: Path) -> None:
    assert (root / "docs" / "columns.md").read_text(encoding="utf-8") == columns_page()


def test_the_rejects_table_is_the_one_described() -> None:
    assert REJECTS_SCHEMA.names == list(RESULTS["rejects"])
    assert REJECTS_SCHEMA.types == [column.arrow_type for column in RESULTS["rejects"].values()]


def some_rejects(file: str, rows: list[int], column: str = "revenue") -> Rejects:
    rejects = Rejects()
    rejects.add(file, np.array(rows), [None] * len(rows), column, ["-1"] * len(rows), "0 <= revenue", "too low")
    return rejects


def test_rejects_are_counted_by_problem_and_listed_by_row() -> None:
    rejects = some_rejects("a", [4, 2])
    rejects.merge(some_rejects("a", [4], "growth"))
    rejects.merge(some_rejects("b", [0]))
    assert len(rejects) == 4
    assert rejects.rows("a").tolist() == [2, 4]
    assert rejects.rows("c").tolist() == []


def test_the_rejects_table_does_not_depend_on_the_order_of_adding() -> None:
    parts = [some_rejects("b", [1]), some_rejects("a", [7, 3]), some_rejects("a", [3], "growth")]
    forward, backward = Rejects(), Rejects()
    for part in parts:
        forward.merge(part)
    for part in reversed(parts):
        backward.merge(part)
    assert forward.table().equals(backward.table())
    assert forward.table()["row"].to_pylist() == [3, 3, 7, 1]


def test_rejects_travel_between_processes_and_may_be_empty() -> None:
    assert pickle.loads(pickle.dumps(some_rejects("a", [1]))).table().equals(some_rejects("a", [1]).table())
    assert Rejects().table().schema == REJECTS_SCHEMA
    assert len(Rejects()) == 0


def test_each_problem_may_have_its_own_message() -> None:
    rejects = Rejects()
    rejects.add("a", np.array([0, 1]), ["x", "y"], "asset_id", ["x", "y"], "asset_id is unique", ["one", "two"])
    assert rejects.table()["message"].to_pylist() == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = ", r"x\.toml: is not valid TOML: Invalid value \(at end of document\)"),
        (b'a = "\xff"', r"x\.toml: is not UTF-8 text \(byte 5\): save it as UTF-8"),
    ],
)
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_toml(tmp_path / "x.toml")


def test_a_toml_file_that_is_missing_or_a_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.toml: there is no such file"):
        read_toml(tmp_path / "no.toml")
    with pytest.raises(InputError, match="cannot be read"):
        read_toml(tmp_path)


@pytest.mark.parametrize(("quantile", "name"), [(0.05, "q05"), (0.5, "q50"), (0.999, "q99_9"), (0.0001, "q00_01"), (0.07, "q07"), (0.29, "q29")])
def test_quantiles_are_named_and_read_back(quantile: float, name: str) -> None:
    assert quantile_name(quantile) == name
    assert quantile_of(name) == quantile


@pytest.mark.parametrize("name", ["q5", "q", "q050", "q05_", "coverage_q05", "qty", "q05 "])
def test_other_columns_hold_no_quantile(name: str) -> None:
    assert quantile_of(name) is None


@pytest.mark.parametrize(
    ("table", "name", "entry"),
    [
        ("assets", "q99_9", "q…"),
        ("lent", "coverage_q05", "coverage_q…"),
        ("groups", "diversification_q50", "diversification_q…"),
        ("lent", "loan_to_value", "loan_to_value"),
    ],
)
def test_a_column_of_results_has_one_entry_for_all_quantiles(table: str, name: str, entry: str) -> None:
    assert result_column(table, name) is RESULTS[table][entry]


def test_scenarios_have_the_columns_of_rights_too_and_no_others() -> None:
    assert result_column("scenario_assets", "q05") is RESULTS["assets"]["q…"]
    assert result_column("scenario_assets", "difference") is RESULTS["scenario_assets"]["difference"]
    assert result_column("book", "q05") is None
    assert result_column("assets", "sector") is None
