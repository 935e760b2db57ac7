"""Scenarios: what a file makes, what its shocks do to a market and to filled rows by hand, and what is refused in which words."""

from __future__ import annotations

import datetime
import json
import math
import pickle
from pathlib import Path
from typing import Any

import pytest
from scenario_rows import column, filled

from ipvalue.market import Market, load_market
from ipvalue.scenarios import Scenario, as_toml, check_rows, listing, load_scenarios, markets, merged, shipped, terms
from ipvalue.schema import PORTFOLIO, Column, InputError

MARKET: dict[str, Any] = {
    "currency": "CNY",
    "valuation_date": datetime.date(2026, 11, 22),
    "curves": {"CNY": {"tenors": [1, 5, 10], "rates": [0.01, 0.02, 0.04]}, "USD": {"tenors": [2], "rates": [0.05]}},
    "fx": {"USD": 7.0, "EUR": 8.0},
    "factors": {"names": ["software", "pharma", "energy"], "correlation": [[1, 0.5, 0.25], [0.5, 1, 0], [0.25, 0, 1]]},
}


def one(*shocks: dict[str, Any], name: str = "s") -> Scenario:
    (scenario,) = load_scenarios({"scenario": [{"name": name, "shock": list(shocks)}]})
    return scenario


def market(*shocks: dict[str, Any]) -> Market:
    return one(*shocks).market(load_market(MARKET))


def refusal(content: dict[str, Any]) -> str:
    with pytest.raises(InputError) as found:
        load_scenarios(content)
    return str(found.value)


def refused_shock(**shock: Any) -> str:
    """Why a shock is refused."""
    return refusal({"scenario": [{"name": "s", "shock": [{"field": "hazard", "add": 0.01}, shock]}]}).removeprefix(
        "scenarios: scenario 's', shock 2: "
    )


# ------------------------------------------------------------------------------------------------ files


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "scenarios.toml"
    path.write_text(
        """
        library = ["rates +200bp"]
        [[scenario]]
        name = "royalties fall"
        reasoning = "licensees bargain"
        [[scenario.shock]]
        field = "royalty_rate"
        multiply = 0.8
        where = "right_type == 'trademark' and jurisdiction == 'CN'"
        [[scenario]]
        name = "both"
        combine = ["royalties fall", "tax +7 points"]
        [[scenario.shock]]
        fx = "USD"
        set = 6.5
        [[grid]]
        name = "g"
        axes = {royalty_rate = [0.8, 1.0], discount = [-100, 50], slow = {field = "growth", add = [-0.01], where = "growth > 0"}}
        """,
        encoding="utf-8",
    )
    found = load_scenarios(path, library=["court shock"])
    assert [scenario.name for scenario in found] == [
        "court shock",
        "rates +200bp",
        "royalties fall",
        "both",
        "g: royalty_rate ×0.8, discount -100bp, slow -0.01",
        "g: royalty_rate ×0.8, discount +50bp, slow -0.01",
        "g: royalty_rate ×1, discount -100bp, slow -0.01",
        "g: royalty_rate ×1, discount +50bp, slow -0.01",
    ]
    assert [entry["shocks"] for entry in listing(found[2:5])] == [
        "royalty_rate ×0.8 where right_type == 'trademark' and jurisdiction == 'CN'",
        "royalty_rate ×0.8 where right_type == 'trademark' and jurisdiction == 'CN'; tax_rate +0.07; fx USD =6.5",
        "royalty_rate ×0.8; curve all -0.01; growth -0.01 where growth > 0",
    ]
    assert found[2].reasoning == "licensees bargain"


def test_a_grid_without_a_name() -> None:
    assert [scenario.name for scenario in load_scenarios({"grid": {"royalty_rate": [0.8, 1.2]}})] == ["royalty_rate ×0.8", "royalty_rate ×1.2"]


def test_what_is_recorded_makes_the_same_scenarios() -> None:
    found = (
        *shipped().values(),
        one(
            {"curve": "CNY", "short": -0.01, "long": 0.01},
            {"curve": "CNY", "set": 0.0},
            {"fx": "USD", "add": -1.0},
            {"correlation": ["software", "pharma"], "set": 0.1},
            {"field": "cap", "set": 1.0, "where": "method == 'licence'"},
        ),
    )
    record = json.loads(json.dumps(terms(found)))
    assert load_scenarios({"scenario": record}) == found
    assert pickle.loads(pickle.dumps(found)) == found


def test_the_toml_of_a_scenario_makes_it_again(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("\n".join(map(as_toml, shipped().values())), encoding="utf-8")
    assert load_scenarios(tmp_path / "s.toml") == tuple(shipped().values())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "there is no scenario: add [[scenario]] or [[grid]]"),
        ({"scenrio": []}, "scenrio is not known: did you mean scenario?"),
        ({"library": ["rates 200bp"]}, "the library has no scenario 'rates 200bp': did you mean rates "),
        ({"scenario": [{"shock": []}]}, "scenario[0]: name is missing"),
        ({"scenario": [{"name": ""}]}, "scenario '': name is '': it must be a name"),
        ({"scenario": [{"name": "s"}]}, "scenario 's': shocks nothing: add [[scenario.shock]] or combine"),
        ({"scenario": [{"name": "s", "shocks": []}]}, "scenario 's': shocks is not known: did you mean shock?"),
        ({"scenario": [{"name": "s", "combine": ["s"]}]}, "scenario 's': combines itself (s → s)"),
        ({"scenario": [{"name": "s", "combine": ["court shok"]}]}, "did you mean court shock?"),
        ({"scenario": [{"name": "base", "combine": ["court shock"]}]}, "the name 'base' is that of what is not shocked"),
        ({"scenario": [{"name": "s", "combine": ["court shock"]}] * 2}, "two scenarios are called 's': names must differ"),
        ({"grid": [{"axes": {}}]}, "grid[0]: axes is a table"),
        ({"grid": [{"axis": {"growth": [1]}}]}, "grid[0]: axis is not known: did you mean axes?"),
        ({"grid": {"royalty_rte": [1]}}, "grid[0].axes.royalty_rte: is neither a column of numbers nor discount"),
        ({"grid": {"right_type": [1]}}, "is neither a column of numbers"),
        ({"grid": {"growth": 1}}, "grid[0].axes.growth: must be a list of amounts"),
        ({"grid": {"growth": []}}, "grid[0].axes.growth: must be a list of amounts"),
        ({"grid": {"growth": [1, "x"]}}, "grid[0].axes.growth: 'x' is no number"),
        ({"grid": {"growth": [1, True]}}, "grid[0].axes.growth: True is no number"),
        ({"grid": {"growth": [1, 1]}}, "two scenarios are called 'growth ×1'"),
        ({"grid": {"growth": [math.inf]}}, "grid[0].axes.growth: multiply is inf: it must be finite"),
        ({"grid": {"growth": {"field": "growth", "add": 1}}}, "grid[0].axes.growth: is a shock with a list of amounts"),
        ({"grid": {"growth": {"field": "growht", "add": [1]}}}, "grid[0].axes.growth: field growht is no column: did you mean growth?"),
        ({"grid": {"growth": list(range(101)), "hazard": list(range(101))}}, "grid[0]: has 10,201 scenarios: there may be 10,000 in all"),
    ],
)
def test_what_a_file_may_not_say(content: dict[str, Any], words: str) -> None:
    assert words in refusal(content)


@pytest.mark.parametrize(
    ("shock", "words"),
    [
        ({"multiply": 0.8}, "is on nothing: name one of field, curve, fx, factor, correlation"),
        ({"feild": "hazard", "multiply": 0.8}, "is on nothing: name one of field, curve, fx, factor, correlation: did you mean field?"),
        ({"field": "hazard", "fx": "USD", "multiply": 0.8}, "is on field and fx: name one of"),
        ({"field": "hazrd", "multiply": 0.8}, "field hazrd is no column: did you mean hazard?"),
        ({"field": "right_type", "multiply": 0.8}, "field right_type cannot be shocked: it holds text"),
        ({"field": "indefinite", "set": 1}, "field indefinite cannot be shocked: it holds true or false"),
        ({"field": "expiry_date", "add": 1}, "field expiry_date cannot be shocked: it holds a date"),
        ({"field": "weights", "multiply": 2}, "field weights cannot be shocked: the weights of a row add up to 1"),
        ({"field": "hazard"}, "nothing says how it changes: give one of multiply, add, set"),
        ({"field": "hazard", "add": 1, "set": 1}, "add and set are given: give one of multiply, add, set"),
        ({"field": "hazard", "multply": 1}, "multply is not known: did you mean multiply?"),
        ({"field": "hazard", "tenors": [1]}, "tenors is not known"),
        ({"field": "hazard", "multiply": "0.8"}, "multiply is '0.8': it must be a number"),
        ({"field": "hazard", "multiply": True}, "multiply is true: it must be a number"),
        ({"field": "hazard", "multiply": [0.8]}, "multiply is a list: it must be a number"),
        ({"field": "hazard", "add": math.nan}, "add is nan: it must be finite"),
        ({"field": "royalty_rate", "set": 1.5}, "set is 1.5: royalty_rate must be at least 0 and at most 1"),
        ({"field": "hazard", "set": -1}, "set is -1: hazard must be at least 0"),
        ({"field": "tab_years", "set": 1.5}, "set is 1.5: tab_years must be a whole number"),
        ({"field": "stage_probabilities", "set": 2}, "set is 2: stage_probabilities must be at least 0 and at most 1"),
        ({"field": "hazard", "add": 1, "where": "hazrd > 0"}, "hazrd is no column: did you mean hazard?"),
        ({"field": "hazard", "add": 1, "where": 3}, "where is 3: it must be text"),
        ({"curve": "CNY"}, "nothing says how it changes: give one of add, multiply, set, short"),
        ({"curve": "CNY", "add": "x"}, "add[0] is 'x': it must be a number"),
        ({"curve": "CNY", "add": [0.1, 0.2]}, "add has 2 numbers and no tenors"),
        ({"curve": "CNY", "add": []}, "add has 0 numbers and no tenors"),
        ({"curve": "CNY", "tenors": [1, 2], "add": [0.1]}, "there are 2 tenors and 1 numbers of add"),
        ({"curve": "CNY", "tenors": [1, 2], "multiply": 2}, "there are 2 tenors and 0 numbers of add"),
        ({"curve": "CNY", "tenors": [], "add": []}, "there are 0 tenors and 0 numbers of add: give one for each, at least one"),
        ({"curve": "CNY", "tenors": [2, 1], "add": [0.1, 0.1]}, "tenors must be above 0 and ascend"),
        ({"curve": "CNY", "tenors": [0, 1], "add": [0.1, 0.1]}, "tenors must be above 0 and ascend"),
        ({"curve": "CNY", "short": 0.1}, "short and long go together"),
        ({"curve": "CNY", "short": 0.1, "long": 0.1, "add": 1}, "add and short are given: give one of"),
        ({"curve": "CNY", "add": 0.1, "where": "hazard > 0"}, "where is not known"),
        ({"fx": "USD", "multiply": 1, "add": 1}, "multiply and add are given: give one of"),
        ({"factor": "software", "add": 1}, "add is not known"),
        ({"factor": "software"}, "multiply is missing"),
        ({"factor": "software", "multiply": -1}, "multiply is -1: it must be at least 0"),
        ({"correlation": "software", "multiply": 0}, "one factor has no correlation with others"),
        ({"correlation": [], "multiply": 0}, "one factor has no correlation with others"),
        ({"correlation": "all", "toward_one": 1.5}, "toward_one is 1.5: it must be at most 1"),
    ],
)
def test_what_a_shock_may_not_say(shock: dict[str, Any], words: str) -> None:
    assert words in refused_shock(**shock)


# ------------------------------------------------------------------------------------------------ the market


@pytest.mark.parametrize(
    ("shock", "tenors", "rates"),
    [
        ({"add": 0.01}, (1, 5, 10), (0.02, 0.03, 0.05)),
        ({"multiply": 2}, (1, 5, 10), (0.02, 0.04, 0.08)),
        ({"set": 0.03}, (1, 5, 10), (0.03, 0.03, 0.03)),
        ({"short": -0.009, "long": 0.009}, (1, 5, 10), (0.001, 0.02 - 0.001, 0.049)),
        ({"tenors": [3, 7], "add": [0.01, 0.03]}, (1, 3, 5, 7, 10), (0.02, 0.015 + 0.01, 0.02 + 0.02, 0.028 + 0.03, 0.07)),
        ({"tenors": [5], "add": [0.01]}, (1, 5, 10), (0.02, 0.03, 0.05)),
        ({"tenors": [20], "add": [0.01]}, (1, 5, 10, 20), (0.02, 0.03, 0.05, 0.05)),
    ],
)
def test_a_curve_by_hand(shock: dict[str, Any], tenors: tuple[float, ...], rates: tuple[float, ...]) -> None:
    shocked = market({"curve": "CNY", **shock})
    assert shocked.curves["CNY"].tenors == tenors
    assert shocked.curves["CNY"].rates == pytest.approx(rates, abs=1e-15)
    assert shocked.curves["USD"] == load_market(MARKET).curves["USD"]
    assert shocked.model_copy(update={"curves": load_market(MARKET).curves}) == load_market(MARKET)


def test_all_curves() -> None:
    shocked = market({"curve": "all", "add": 0.01})
    assert shocked.curves["USD"].rates == (0.05 + 0.01,)
    assert shocked.curves["CNY"].rates == (0.01 + 0.01, 0.02 + 0.01, 0.04 + 0.01)


def test_exchange_rates_by_hand() -> None:
    assert market({"fx": "USD", "multiply": 1.1}).fx == {"USD": 7.0 * 1.1, "EUR": 8.0}
    assert market({"fx": "all", "add": 0.5}, {"fx": "EUR", "set": 1.0}).fx == {"USD": 7.5, "EUR": 1.0}


def test_correlations_by_hand() -> None:
    assert market({"correlation": "all", "multiply": 0.5}).factors.correlation == ((1, 0.25, 0.125), (0.25, 1, 0), (0.125, 0, 1))
    assert market({"correlation": "all", "toward_one": 0.5}).factors.correlation == ((1, 0.75, 0.625), (0.75, 1, 0.5), (0.625, 0.5, 1))
    assert market({"correlation": ["pharma", "energy"], "set": 0.5}).factors.correlation == ((1, 0.5, 0.25), (0.5, 1, 0.5), (0.25, 0.5, 1))
    assert market({"correlation": ["software", "pharma"], "add": 0.25}).factors.correlation == ((1, 0.75, 0.25), (0.75, 1, 0), (0.25, 0, 1))


def test_a_market_that_is_not_shocked_is_the_same_object() -> None:
    base = load_market(MARKET)
    assert one({"field": "hazard", "add": 0.1}, {"factor": "software", "multiply": 2}).market(base) is base


@pytest.mark.parametrize(
    ("shock", "words"),
    [
        ({"curve": "JPY", "add": 0.01}, "the market has no curve JPY (it has CNY, USD)"),
        ({"curve": "cny", "add": 0.01}, "the market has no curve cny: did you mean CNY?"),
        ({"curve": "USD", "short": 0.01, "long": 0.02}, "curve USD has one tenor, so it has no short and long end"),
        ({"curve": "CNY", "add": -1.02}, "curves.CNY.rates[0] is -1.01: it must be above -1"),
        ({"fx": "JPY", "multiply": 2}, "the market has no fx JPY"),
        ({"fx": "CNY", "multiply": 2}, "fx CNY is the currency that results are reported in"),
        ({"fx": "USD", "multiply": -1}, "fx.USD is -7.0: it must be above 0"),
        ({"factor": "sofware", "multiply": 2}, "the market has no factor sofware: did you mean software?"),
        ({"correlation": ["software", "phrma"], "set": 0.1}, "the market has no factor phrma: did you mean pharma?"),
        ({"correlation": "all", "multiply": 3}, "correlation of 'pharma' with 'software' is 1.5: it must be from -1 to 1"),
        ({"correlation": "all", "set": -0.9}, "correlation is not positive semidefinite"),
    ],
)
def test_what_a_market_cannot_be(shock: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as found:
        market({"field": "hazard", "add": 0.1}, shock)
    assert str(found.value).startswith("scenario 's', shock 2: ")
    assert words in str(found.value)


def test_the_problems_of_all_markets_are_named_at_once() -> None:
    scenarios = [one({"fx": "JPY", "set": 1}, name="a"), one({"fx": "USD", "set": 1}, name="b"), one({"curve": "JPY", "set": 1}, name="c")]
    with pytest.raises(InputError) as found:
        markets(scenarios, load_market(MARKET))
    assert [line[:11] for line in str(found.value).splitlines()] == ["scenario 'a", "scenario 'c"]
    assert markets(scenarios[1:2], load_market(MARKET))[0].fx["USD"] == 1.0


# ------------------------------------------------------------------------------------------------ rows


def shocked(rows: list[dict[str, Any]], *shocks: dict[str, Any]) -> Any:
    return one(*shocks).rows(filled(rows))


def test_shocks_act_in_their_order_on_what_is_left() -> None:
    rows = [{"hazard": 0.5}, {"hazard": 0.25}]
    assert column(shocked(rows, {"field": "hazard", "multiply": 2}, {"field": "hazard", "add": 1}), "hazard") == [2.0, 1.5]
    assert column(shocked(rows, {"field": "hazard", "add": 1}, {"field": "hazard", "multiply": 2}), "hazard") == [3.0, 2.5]
    assert column(shocked(rows, {"field": "hazard", "set": 1}, {"field": "hazard", "multiply": 2}), "hazard") == [2.0, 2.0]


def test_filters_look_at_the_rows_before_any_shock() -> None:
    rows = [{"hazard": 0.5}, {"hazard": 0.25}]
    assert column(shocked(rows, {"field": "hazard", "set": 1}, {"field": "hazard", "add": 1, "where": "hazard < 0.3"}), "hazard") == [1.0, 2.0]


def test_filters_see_what_the_assumptions_filled() -> None:
    rows = filled([{}, {"tax_rate": 0.1}], assumptions={"defaults": {"trademark": {"tax_rate": 0.25}}})
    found = one({"field": "tax_rate", "add": 0.05, "where": "tax_rate > 0.2"}).rows(rows)
    assert column(found, "tax_rate") == [0.3, 0.1]


def test_rows_that_are_not_shocked_are_the_same_object() -> None:
    rows = filled([{"hazard": 0.5}])
    assert one({"curve": "CNY", "add": 0.01}).rows(rows) is rows
    assert one({"field": "hazard", "add": 0.01, "where": "hazard > 1"}).rows(rows) is rows


def test_only_the_columns_of_a_shock_change_and_rejects_are_the_scenarios_own() -> None:
    rows = filled([{"hazard": 0.5}])
    found = one({"field": "hazard", "add": 0.5}).rows(rows)
    assert [name for name in PORTFOLIO if not found.batch[name].equals(rows.batch[name])] == ["hazard"]
    assert found.batch.schema == rows.batch.schema
    assert (found.row is rows.row, found.filled is rows.filled, found.file) == (True, True, rows.file)
    assert found.rejects is not rows.rejects


def test_what_is_read_of_rows_is_shared_but_for_columns_that_are_others() -> None:
    rows = filled([{"hazard": 0.5, "tax_rate": 0.25}, {"hazard": 0.25}])
    found = one({"field": "hazard", "add": 0.5}).rows(rows)
    assert found.floats("tax_rate") is rows.floats("tax_rate")
    assert found.floats("hazard").tolist() == [1.0, 0.75]
    assert rows.floats("hazard").tolist() == [0.5, 0.25]
    rows.reject(rows.floats("hazard") > 0.4, "hazard", "too high", "lower it")
    rows.settle()
    assert rows.floats("tax_rate").shape == (1,)
    assert found.floats("tax_rate").shape == found.given("tax_rate").shape == (2,)


def test_scenarios_that_share_a_shock_are_what_they_are_alone() -> None:
    """Also where a shock before it has moved what it reads."""
    cells = [{"hazard": 0.5, "revenue": 8.0, "revenue_path": [1.0, 2.0]}, {"hazard": 0.25, "revenue": 4.0}]
    twice, first, more = {"field": "revenue", "multiply": 2}, {"field": "revenue", "add": 1}, {"field": "hazard", "add": 1}
    together = filled(cells)
    for shocks in ((twice,), (first, twice), (twice, twice), (more, twice), ({**twice, "where": "hazard > 0.3"},), (twice, first)):
        shared, alone = one(*shocks).rows(together), one(*shocks).rows(filled(cells))
        for name in ("hazard", "revenue", "revenue_path"):
            assert column(shared, name) == column(alone, name), (shocks, name)
    assert column(one(first, twice).rows(together), "revenue") == [18.0, 10.0]


def test_a_blank_stays_blank_unless_it_is_set() -> None:
    rows = [{"cap": None}, {"cap": 4.0}]
    assert column(shocked(rows, {"field": "cap", "multiply": 2}), "cap") == [None, 8.0]
    assert column(shocked(rows, {"field": "cap", "add": 2}), "cap") == [None, 6.0]
    assert column(shocked(rows, {"field": "cap", "set": 2}), "cap") == [2.0, 2.0]


def test_a_royalty_moves_with_its_range() -> None:
    rows = [{"royalty_low": 0.25, "royalty_rate": 0.5, "royalty_high": 0.75}, {"royalty_rate": 0.5}]
    found = shocked(rows, {"field": "royalty_rate", "multiply": 0.5})
    assert [column(found, name) for name in ("royalty_low", "royalty_rate", "royalty_high")] == [[0.125, None], [0.25, 0.25], [0.375, None]]
    found = shocked(rows, {"field": "royalty_rate", "set": 0.5}, {"field": "royalty_high", "add": 0.25})
    assert [column(found, name) for name in ("royalty_low", "royalty_rate", "royalty_high")] == [[0.5, None], [0.5, 0.5], [0.75, None]]


def test_a_revenue_moves_with_its_path() -> None:
    rows = [{"revenue_path": [2.0, 4.0]}, {"revenue": 8.0}, {"revenue": 8.0, "revenue_path": [6.0]}]
    found = shocked(rows, {"field": "revenue", "multiply": 0.5, "where": "revenue_path is None or revenue is not None"})
    assert column(found, "revenue") == [None, 4.0, 4.0]
    assert column(found, "revenue_path") == [[2.0, 4.0], None, [3.0]]


def test_lists_change_entry_by_entry() -> None:
    rows = [{"stage_years": None}, {"stage_years": [1.0, 2.0]}, {"stage_years": [3.0]}, {"stage_years": [4.0, 5.0, 6.0]}]
    found = shocked(rows, {"field": "stage_years", "add": 1, "where": "asset_id != 'r2'"})
    assert column(found, "stage_years") == [None, [2.0, 3.0], [3.0], [5.0, 6.0, 7.0]]
    assert column(shocked(rows, {"field": "stage_years", "set": 1}), "stage_years") == [None, [1.0, 1.0], [1.0], [1.0, 1.0, 1.0]]


def test_a_blank_growth_in_the_long_run_is_the_growth() -> None:
    rows = [{"growth": 0.5, "growth_long": None}, {"growth": 0.5, "growth_long": 0.25}]
    assert column(shocked(rows, {"field": "growth_long", "multiply": 0.5}), "growth_long") == [0.25, 0.125]
    found = shocked(rows, {"field": "growth", "multiply": 0.5})
    assert (column(found, "growth"), column(found, "growth_long")) == ([0.25, 0.25], [None, 0.25])


def test_whole_numbers_stay_whole() -> None:
    found = shocked([{"tab_years": 10}], {"field": "tab_years", "multiply": 1.5})
    assert column(found, "tab_years") == [15]
    assert found.batch.schema.field("tab_years").type == PORTFOLIO["tab_years"].arrow_type


def test_the_volatility_of_a_factor_by_hand() -> None:
    rows = [
        {"sector": "software", "volatility": 0.5, "factor_loading": 0.6},
        {"sector": "software", "volatility": 0.5, "factor_loading": -1.0},
        {"sector": "software", "volatility": 0.0, "factor_loading": 0.6},
        {"sector": "software", "volatility": 0.5, "factor_loading": 0.0},
        {"sector": "pharma", "volatility": 0.5, "factor_loading": 0.6},
        {"volatility": 0.5},
    ]
    found = shocked(rows, {"factor": "software", "multiply": 2})
    scale = math.sqrt(4 * 0.36 + 0.64)
    assert column(found, "volatility") == pytest.approx([0.5 * scale, 1.0, 0.0, 0.5, 0.5, 0.5], abs=1e-15)
    assert column(found, "factor_loading") == pytest.approx([1.2 / scale, -1.0, 1.2 / scale, 0.0, 0.6, 0.0], abs=1e-15)
    # the right's own part of its risk is what it was
    own = [v * math.sqrt(1 - loading**2) for v, loading in zip(column(found, "volatility"), column(found, "factor_loading"), strict=True)]
    assert own == pytest.approx([0.4, 0.0, 0.0, 0.5, 0.4, 0.5], abs=1e-15)
    gone = shocked(rows, {"factor": "all", "multiply": 0, "where": "sector == 'software'"})
    assert column(gone, "volatility") == pytest.approx([0.4, 0.0, 0.0, 0.5, 0.5, 0.5], abs=1e-15)
    assert column(gone, "factor_loading") == [0.0, 0.0, 0.0, 0.0, 0.6, 0.0]


@pytest.mark.parametrize(
    ("shock", "moves"),
    [
        ({"field": "royalty_rate", "multiply": 0.8}, False),
        ({"field": "royalty_rate", "add": 0.01}, True),
        ({"field": "royalty_high", "multiply": 2}, True),
        ({"field": "volatility", "multiply": 2}, True),
        ({"field": "factor_loading", "set": 0}, True),
        ({"field": "revenue_uncertainty", "set": 1}, True),
        ({"field": "life", "set": 5}, True),
        ({"field": "hazard", "multiply": 2}, False),
        ({"field": "entry_hazard", "multiply": 2}, False),
        ({"curve": "all", "add": 0.01}, False),
        ({"fx": "all", "multiply": 2}, False),
        ({"factor": "all", "multiply": 2}, True),
        ({"correlation": "all", "multiply": 0}, True),
    ],
)
def test_what_moves_the_paths(shock: dict[str, Any], moves: bool) -> None:
    assert one(shock).moves_paths is moves
    assert one({"field": "tax_rate", "add": 0.01}, shock).moves_paths is moves


def test_columns_of_a_rule_can_be_shocked() -> None:
    tier = Column("tier", "float", "the rule's own", "rule", low=0.0)
    content = {"scenario": [{"name": "s", "shock": [{"field": "tier", "multiply": 2, "where": "tier > 1"}]}]}
    (scenario,) = load_scenarios(content, extra=[tier])
    assert scenario.shocks[0].columns == (tier,)
    assert "tier is no column" in refusal(content)


# ------------------------------------------------------------------------------------------------ impossible results


def test_a_result_outside_the_limits_is_named_with_everything() -> None:
    rows = filled([{"royalty_rate": 0.5}, {"royalty_rate": 0.9}, {"royalty_rate": 0.75}], first=7)
    scenario = one({"field": "hazard", "add": 0.01}, {"field": "royalty_rate", "multiply": 1.5}, name="royalties rise")
    (problem,) = check_rows([scenario], rows)
    assert str(problem) == (
        "scenario 'royalties rise', shock 2: royalty_rate would be 1.35 instead of 0.9 in p.parquet, row 8 (r8) and 1 more row: "
        "it must be at least 0 and at most 1"
    )
    assert problem.rule == "0 <= royalty_rate <= 1"
    with pytest.raises(InputError, match=r"royalty_rate would be 1\.35"):
        scenario.rows(rows)


@pytest.mark.parametrize(
    ("row", "shock", "words"),
    [
        ({"hazard": 0.01}, {"field": "hazard", "add": -0.02}, "hazard would be -0.01 instead of 0.01"),
        ({"tab_years": 3}, {"field": "tab_years", "multiply": 0.5}, "it must be a whole number"),
        ({"tab_years": 90}, {"field": "tab_years", "multiply": 2}, "it must be at least 0 and at most 100"),
        ({"revenue": 1e10}, {"field": "revenue", "multiply": 1e300}, "it must be a finite number"),
        ({"revenue_path": [1.0, 9e14]}, {"field": "revenue", "multiply": 2}, "revenue_path would be [2.0, 1800000000000000.0]"),
        ({"tax_rate": 0.5}, {"field": "tax_rate", "add": 0.5}, "it must be at least 0 and below 1"),
        (
            {"sector": "software", "volatility": 4.0, "factor_loading": 1.0},
            {"factor": "software", "multiply": 2},
            "volatility would be 8 instead of 4",
        ),
    ],
)
def test_impossible_results(row: dict[str, Any], shock: dict[str, Any], words: str) -> None:
    (problem,) = check_rows([one(shock)], filled([row]))
    assert words in str(problem)


def test_rows_that_a_filter_leaves_out_are_not_in_the_way() -> None:
    rows = filled([{"royalty_rate": 0.9}, {"royalty_rate": 0.1}])
    assert check_rows([one({"field": "royalty_rate", "multiply": 2, "where": "royalty_rate < 0.5"})], rows) == ()


def test_a_life_that_follows_from_dates_has_nothing_to_change() -> None:
    rows = filled([{"life": 5.0}, {"expiry_date": datetime.date(2030, 1, 1), "right_type": "design"}, {"method": "cost"}])
    (problem,) = check_rows([one({"field": "life", "multiply": 0.5})], rows)
    assert (problem.row, problem.rows, problem.rule) == (1, 1, "life is given")
    assert "set it, or leave these rows out by where" in str(problem)
    assert check_rows([one({"field": "life", "multiply": 0.5, "where": "life is not None"})], rows) == ()
    assert check_rows([one({"field": "life", "set": 5})], rows) == ()


def test_the_problems_of_batches_come_together_in_any_order() -> None:
    scenarios = [one({"field": "hazard", "add": -0.5}, name="a"), one({"field": "hazard", "multiply": -1}, name="b")]
    whole = filled([{"hazard": 0.1 + i / 100} for i in range(9)])
    parts = [filled([{"hazard": 0.1 + i / 100} for i in range(first, first + 3)], first) for first in (0, 3, 6)]
    expected = merged(check_rows(scenarios, whole))
    assert [(one.scenario, one.rows, one.row) for one in expected] == [("a", 9, 0), ("b", 9, 0)]
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        assert merged(problem for i in order for problem in check_rows(scenarios, parts[i])) == expected


# ------------------------------------------------------------------------------------------------ the library


def test_every_shipped_scenario_has_a_reasoning_and_a_source() -> None:
    for scenario in shipped().values():
        assert len(scenario.reasoning) > 40, scenario.name
        assert scenario.source.startswith(("convention", "as ")) or any(part.isdigit() for part in scenario.source), scenario.name


def test_shipped_scenarios_can_be_run_on_any_market_and_row() -> None:
    base = load_market(MARKET)
    rows = filled([{"sector": "software", "volatility": 0.3, "factor_loading": 0.5, "royalty_rate": 0.05, "revenue": 1e6, "life": 5.0}])
    for scenario in shipped().values():
        assert scenario.market(base) is not base or scenario.rows(rows) is not rows or "where" in str(scenario.terms), scenario.name
    assert check_rows(shipped().values(), rows) == ()


def test_the_twists_follow_from_the_published_formula() -> None:
    for name, short, long in (("curve steepens", -0.65, 0.9), ("curve flattens", 0.8, -0.6)):
        (shock,) = shipped()[name].terms["shock"]
        for at, amount in zip(shock["tenors"], shock["add"], strict=True):
            fades = math.exp(-at / 4)
            assert amount == pytest.approx(short * 0.03 * fades + long * 0.015 * (1 - fades), abs=0.6e-4)
