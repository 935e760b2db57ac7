"""Scenarios for any rows: filters are what the same condition in plain Python says, and shocks compose and undo as arithmetic does."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from portfolios import ASSUMPTIONS, MARKET, random_methods
from scenario_rows import column, filled

from ipvalue.assumptions import load_assumptions
from ipvalue.cashflows import Vectors
from ipvalue.compiled import compile_rows
from ipvalue.market import load_market
from ipvalue.scenarios import check_rows, load_scenarios
from ipvalue.scenarios.grammar import parse
from ipvalue.schema import PORTFOLIO
from ipvalue.tables import GOING_CONCERN, make_tables

# ------------------------------------------------------------------------------------------------ filters

COLUMNS = ("revenue", "hazard", "tab_years", "right_type", "jurisdiction", "indefinite")
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}

Row = dict[str, Any]
Value = tuple[str, Callable[[Row], Any]]
"""A part of a filter as text, and what it is for a row in plain Python: None is a blank."""

numbers = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 1e6])
rows = st.fixed_dictionaries(
    {
        "revenue": st.none() | numbers,
        "hazard": st.none() | st.sampled_from([0.0, 0.5, 1.0]),
        "tab_years": st.none() | st.sampled_from([0, 1, 2, 10]),
        "right_type": st.sampled_from(["trademark", "design"]),
        "jurisdiction": st.sampled_from([None, "CN", "US", "EP"]),
        "indefinite": st.sampled_from([None, True, False]),
    }
)


def _cell(name: str) -> Value:
    return name, lambda row: row[name]


def _literal(value: Any) -> Value:
    return repr(value), lambda row: value


def _reckoned(name: str, left: Value, right: Value) -> Value:
    def of(row: Row) -> float | None:
        a, b = left[1](row), right[1](row)
        if a is None or b is None or (name == "/" and b == 0):
            return None
        result = ARITHMETIC[name](float(a), float(b))
        return result if math.isfinite(result) else None

    return f"({left[0]} {name} {right[0]})", of


def _compared(name: str, left: Value, right: Value) -> Value:
    def of(row: Row) -> bool:
        a, b = left[1](row), right[1](row)
        return a is not None and b is not None and COMPARISONS[name](a, b)

    return f"{left[0]} {name} {right[0]}", of


def _among(value: Value, among: list[Any], outside: bool) -> Value:
    def of(row: Row) -> bool:
        found = value[1](row)
        return found is not None and (found not in among if outside else found in among)

    return f"{value[0]} {'not in' if outside else 'in'} {among!r}", of


def _blank(name: str, is_given: bool) -> Value:
    return f"{name} is {'not ' if is_given else ''}None", lambda row: (row[name] is not None) == is_given


def _joined(word: str, parts: list[Value]) -> Value:
    every = all if word == "and" else any
    return "(" + f" {word} ".join(f"({text})" for text, _ in parts) + ")", lambda row: every(of(row) for _, of in parts)


def _not(part: Value) -> Value:
    return f"not ({part[0]})", lambda row: not part[1](row)


def _flag(name: str) -> Value:
    return name, lambda row: bool(row[name])


values = st.recursive(
    st.sampled_from(["revenue", "hazard", "tab_years"]).map(_cell) | st.sampled_from([0.0, 0.5, 1.0]).map(_literal),
    lambda inner: st.builds(_reckoned, st.sampled_from([*ARITHMETIC]), inner, inner),
    max_leaves=4,
)
texts = st.sampled_from(["right_type", "jurisdiction"]).map(_cell)
tests = (
    st.builds(_compared, st.sampled_from([*COMPARISONS]), values, values)
    | st.builds(_compared, st.sampled_from(["==", "!="]), st.just(_cell("jurisdiction")), st.sampled_from(["CN", "US"]).map(_literal))
    | st.builds(_compared, st.sampled_from(["==", "!="]), texts, st.just(_cell("jurisdiction")))
    | st.builds(_among, values, st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1), st.booleans())
    | st.builds(_among, st.just(_cell("jurisdiction")), st.lists(st.sampled_from(["CN", "EP", "WO"]), min_size=1), st.booleans())
    | st.builds(_blank, st.sampled_from(COLUMNS), st.booleans())
    | st.just(_flag("indefinite"))
    | st.booleans().map(lambda value: (str(value), lambda row: value))
)
conditions = st.recursive(
    tests,
    lambda inner: st.builds(_joined, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)) | inner.map(_not),
    max_leaves=8,
)


def batch(cells: list[Row]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({name: pa.array([row[name] for row in cells], PORTFOLIO[name].arrow_type) for name in COLUMNS})


@given(conditions, st.lists(rows, min_size=1, max_size=8), st.integers(0, 3))
def test_a_filter_is_what_plain_python_says_of_each_row(condition: Value, cells: list[Row], first: int) -> None:
    text, of = condition
    mask = parse(text, PORTFOLIO).mask(batch(cells))
    assert mask.tolist() == [of(row) for row in cells]
    assert parse(text, PORTFOLIO).mask(batch(cells).slice(first)).tolist() == mask.tolist()[first:]


# ------------------------------------------------------------------------------------------------ shocks

FIELDS = ("hazard", "revenue", "royalty_rate", "growth", "discount_premium", "stage_costs", "cap")
drivers = st.fixed_dictionaries(
    {
        "hazard": st.floats(0, 1),
        "revenue": st.none() | st.floats(0, 1e9),
        "revenue_path": st.none() | st.lists(st.floats(0, 1e9), min_size=1, max_size=4),
        "royalty_low": st.none() | st.floats(0, 0.1),
        "royalty_rate": st.floats(0, 0.5),
        "growth": st.floats(-0.25, 0.5),
        "discount_premium": st.floats(0, 0.5),
        "stage_costs": st.none() | st.lists(st.floats(0, 1e9), min_size=1, max_size=3),
        "cap": st.none() | st.floats(0, 1e9),
        "volatility": st.floats(0, 1),
        "factor_loading": st.floats(-0.95, 0.95),
        "sector": st.sampled_from([None, "software", "pharma"]),
        "jurisdiction": st.sampled_from([None, "CN", "US"]),
    }
)
portfolios_ = st.lists(drivers, min_size=1, max_size=6)
WHERE = "jurisdiction == 'CN' or hazard > 0.5"


def of(*shocks: dict[str, Any]) -> Any:
    (scenario,) = load_scenarios({"scenario": [{"name": "s", "shock": list(shocks)}]})
    return scenario


def shocked_columns(name: str) -> tuple[str, ...]:
    return {"revenue": ("revenue", "revenue_path"), "royalty_rate": ("royalty_rate", "royalty_low")}.get(name, (name,))


def flat(cells: list[Any]) -> list[Any]:
    return [one for cell in cells for one in (cell if isinstance(cell, list) else [cell])]


@given(portfolios_, st.sampled_from(FIELDS), st.sampled_from([0.5, 2.0, 0.25, 1.0]))
def test_a_shock_and_its_inverse_leave_every_bit(cells: list[Row], name: str, factor: float) -> None:
    there, back = {"field": name, "multiply": factor, "where": WHERE}, {"field": name, "multiply": 1 / factor, "where": WHERE}
    base = filled(cells)
    if check_rows([of(there)], base):
        return
    again = of(there, back).rows(base)
    tiny = min((abs(x) for shocked in shocked_columns(name) for x in flat(column(base, shocked)) if x), default=1.0)
    assert tiny < 1e-300 or all(again.batch[one].equals(base.batch[one]) for one in PORTFOLIO)


@given(portfolios_, st.sampled_from(FIELDS), st.floats(-0.125, 0.125))
def test_adding_and_taking_away_leave_the_numbers(cells: list[Row], name: str, amount: float) -> None:
    base = filled(cells)
    if check_rows([of({"field": name, "add": amount})], base):
        return
    again = of({"field": name, "add": amount}, {"field": name, "add": -amount})
    if check_rows([again], base):  # 0 + x − x may be just below 0
        return
    for shocked in shocked_columns(name):
        before, after = (flat(column(rows, shocked)) for rows in (base, again.rows(base)))
        assert [one is None for one in before] == [one is None for one in after]
        assert np.allclose([one or 0 for one in before], [one or 0 for one in after], rtol=1e-15, atol=1e-15)


@given(portfolios_, st.sampled_from([0.5, 2.0, 3.0]))
def test_a_factor_calmed_as_much_as_it_was_stirred_is_what_it_was(cells: list[Row], factor: float) -> None:
    base = filled(cells)
    shocks = of({"factor": "software", "multiply": factor}, {"factor": "software", "multiply": 1 / factor})
    again = shocks.rows(base)
    for name in ("volatility", "factor_loading"):
        assert column(again, name) == pytest.approx(column(base, name), rel=1e-12, abs=1e-14)
    assert of({"factor": "all", "multiply": 1}).rows(base).batch.equals(base.batch)


@given(portfolios_, st.lists(st.tuples(st.sampled_from(FIELDS), st.sampled_from(["multiply", "set"]), st.floats(0, 1)), min_size=2, max_size=4))
def test_a_scenario_is_its_shocks_one_after_another(cells: list[Row], shocks: list[tuple[str, str, float]]) -> None:
    base = filled(cells)
    contents = [{"field": name, operation: amount} for name, operation, amount in shocks]
    one_by_one = base
    for content in contents:
        one_by_one = of(content).rows(one_by_one)
    assert of(*contents).rows(base).batch.equals(one_by_one.batch)


@given(portfolios_, st.sampled_from(FIELDS), st.sampled_from([0.5, 2.0, 1e4]))
def test_a_row_is_shocked_as_it_would_be_alone(cells: list[Row], name: str, factor: float) -> None:
    scenario = of({"field": name, "multiply": factor, "where": WHERE})
    base = filled(cells)
    problems = check_rows([scenario], base)
    alone = [check_rows([scenario], filled([row], first=i)) for i, row in enumerate(cells)]
    assert sum(problem.rows for problem in problems) == sum(problem.rows for found in alone for problem in found)
    if not problems:
        whole = scenario.rows(base).batch
        assert all(whole.slice(i, 1).equals(scenario.rows(filled([row], first=i)).batch) for i, row in enumerate(cells))


PLAIN: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "hazard": lambda row: {"hazard": (row["hazard"] or 0.0) + 0.03},
    "royalty_rate": lambda row: {name: None if row[name] is None else row[name] * 0.8 for name in ("royalty_low", "royalty_rate", "royalty_high")},
    "revenue": lambda row: {
        "revenue": None if row["revenue"] is None else row["revenue"] * 1.1,
        "revenue_path": None if row["revenue_path"] is None else [one * 1.1 for one in row["revenue_path"]],
    },
    "tax_rate": lambda row: {"tax_rate": 0.25},
}
"""What some shocks make of the cells of a row that has no blanks to fill."""

SHOCKS: dict[str, dict[str, Any]] = {
    "hazard": {"field": "hazard", "add": 0.03},
    "royalty_rate": {"field": "royalty_rate", "multiply": 0.8},
    "revenue": {"field": "revenue", "multiply": 1.1},
    "tax_rate": {"field": "tax_rate", "set": 0.25},
}


@pytest.mark.parametrize("name", SHOCKS)
def test_shocked_rows_come_to_the_kernel_as_a_portfolio_with_these_cells_does(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(ASSUMPTIONS)
    cells = [{key: value for key, value in row.items() if key != "asset_id"} for row in random_methods(140, seed=5).to_pylist()]
    written = [{**row, **PLAIN[name](row)} if row["right_type"] == "trademark" else row for row in cells]
    scenario = of({**SHOCKS[name], "where": "right_type == 'trademark'"}, {"fx": "USD", "multiply": 1.1}, {"curve": "CNY", "add": 0.01})
    base = load_market(MARKET)
    own = {
        **MARKET,
        "fx": {**MARKET["fx"], "USD": MARKET["fx"]["USD"] * 1.1},
        "curves": {**MARKET["curves"], "CNY": {**MARKET["curves"]["CNY"], "rates": [rate + 0.01 for rate in MARKET["curves"]["CNY"]["rates"]]}},
    }
    book = load_assumptions(tmp_path / "a.toml")
    shocked, plain = scenario.rows(filled(cells)), filled(written)
    found = compile_rows(shocked, make_tables(scenario.market(base), book, GOING_CONCERN))
    expected = compile_rows(plain, make_tables(load_market(own), book, GOING_CONCERN))
    assert len(shocked.rejects) == len(plain.rejects)
    assert len(found.vectors.step) > 100
    for field in fields(Vectors):
        one, other = getattr(found.vectors, field.name), getattr(expected.vectors, field.name)
        assert (one is None and other is None) or np.array_equal(one, other), field.name


@given(st.sampled_from(["CNY", "USD", "EUR", "all"]), st.sampled_from([0.015625, -0.0078125]), st.sampled_from([(0.25,), (2, 7), (1, 5, 40)]))
def test_curves_come_back_and_are_what_they_were_between_tenors(name: str, amount: float, tenors: tuple[float, ...]) -> None:
    base = load_market(MARKET)
    there = {"curve": name, "tenors": list(tenors), "add": [amount] * len(tenors)}
    back = {"curve": name, "tenors": list(tenors), "add": [-amount] * len(tenors)}
    shocked, again = of(there).market(base), of(there, back).market(base)
    parallel = of({"curve": name, "add": amount}).market(base)
    for currency, curve in base.curves.items():
        for at in (0.1, 0.25, 1, 1.5, 3, 7.5, 29, 31, 50):
            rate, moved, returned, shifted = (
                float(np.interp(at, one.curves[currency].tenors, one.curves[currency].rates)) for one in (base, shocked, again, parallel)
            )
            assert returned == pytest.approx(rate, abs=1e-15)
            assert moved == pytest.approx(shifted, abs=1e-15)
        assert set(curve.tenors) <= set(shocked.curves[currency].tenors)
