"""What the assumptions fill of money, of the inputs of single methods, and of one decline that has two names."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ipvalue.assumptions import Assumptions, fill, load_assumptions
from ipvalue.schema import PORTFOLIO, InputError

SCHEMA = pa.schema([(column.name, column.arrow_type) for column in PORTFOLIO.values()])
DAY = datetime.date(2020, 1, 1)

Book = Callable[[str], Assumptions]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    def load(text: str) -> Assumptions:
        path = tmp_path / "a.toml"
        path.write_text(text, encoding="utf-8")
        return load_assumptions(path)

    return load


def filled(assumptions: Assumptions, **row: Any) -> tuple[dict[str, Any], str]:
    """One design after filling, and what is reported of it."""
    batch, report = fill(pa.RecordBatch.from_pylist([{"asset_id": "A", "right_type": "design", **row}], schema=SCHEMA), assumptions)
    return batch.to_pylist()[0], report.to_pylist()[0]


MONEY = """
[defaults.design]
currency = "CNY"
revenue = 1000
revenue_uncertainty = 1.5
annual_cost = 10
"""


@pytest.mark.parametrize(
    ("row", "currency", "revenue", "annual_cost"),
    [
        ({}, "CNY", 1000.0, 10.0),
        ({"currency": "CNY"}, "CNY", 1000.0, 10.0),
        ({"currency": "USD"}, "USD", None, 0.0),
        ({"revenue": 5.0}, None, 5.0, 0.0),
        ({"revenue": 5.0, "currency": "CNY"}, "CNY", 5.0, 10.0),
        ({"salvage": 5.0}, None, None, 0.0),
        ({"revenue_path": [1.0]}, None, None, 0.0),
        ({"annual_cost": 0.0}, None, None, 0.0),
    ],
)
def test_money_is_filled_in_its_currency_or_not_at_all(
    book: Book, row: dict[str, Any], currency: str | None, revenue: float | None, annual_cost: float
) -> None:
    found, report = filled(book(MONEY), **row)
    assert (found["currency"], found["revenue"], found["annual_cost"]) == (currency, revenue, annual_cost)
    assert ("currency" in report) == (row == {})


def test_the_results_say_that_the_revenue_is_assumed(book: Book) -> None:
    assert filled(book(MONEY))[1] == "design: currency, revenue, revenue_uncertainty, annual_cost"


@pytest.mark.parametrize("row", [{"revenue": 5.0, "currency": "CNY"}, {"revenue": 5.0}, {"revenue_path": [5.0], "currency": "CNY"}])
def test_the_spread_of_an_assumed_revenue_is_not_that_of_a_known_one(book: Book, row: dict[str, Any]) -> None:
    assert filled(book(MONEY), **row)[0]["revenue_uncertainty"] == 0.0


def test_a_spread_that_a_set_states_without_revenue_is_that_of_known_ones(book: Book) -> None:
    assert filled(book("[defaults.design]\nrevenue_uncertainty = 0.5\n"), revenue=5.0)[0]["revenue_uncertainty"] == 0.5


def test_a_path_of_revenue_is_not_given_a_revenue_too(book: Book) -> None:
    assert filled(book(MONEY), revenue_path=[5.0], currency="CNY")[0]["revenue"] is None


TWO = MONEY + '[defaults."design//toys"]\ncurrency = "USD"\nrevenue = 7\n'


def test_money_of_another_set_in_another_currency_is_left_out(book: Book) -> None:
    found, report = filled(book(TWO), sector="toys")
    assert (found["currency"], found["revenue"], found["annual_cost"]) == ("USD", 7.0, 0.0)
    assert report == "design: revenue_uncertainty; design//toys: currency, revenue"


@pytest.mark.parametrize("money", ["revenue = 1", "stage_costs = [1]", "revenue_path = [1]", "cap = 1", "comparable_price = 1"])
def test_a_set_with_money_states_its_currency(book: Book, money: str) -> None:
    name = money.split(" ", 1)[0]
    with pytest.raises(InputError, match=rf'defaults\."design": {name} is money, but of no currency: add currency'):
        book(f"[defaults.design]\n{money}\n")


METHODS = """
[defaults.design]
currency = "CNY"
revenue = 1000
royalty_rate = 0.05
margin = 0.1
replacement_cost = 1
comparable_price = 1
cap = 1
stage_years = [1]
"""


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, {"revenue", "royalty_rate"}),
        ({"method": "relief_from_royalty"}, {"revenue", "royalty_rate"}),
        ({"method": "licence"}, {"revenue", "royalty_rate", "cap"}),
        ({"method": "excess_earnings"}, {"revenue", "margin"}),
        ({"method": "incremental_income"}, {"revenue", "margin"}),
        ({"method": "project"}, {"revenue", "royalty_rate", "stage_years"}),
        ({"method": "cost"}, {"replacement_cost"}),
        ({"method": "market"}, {"comparable_price"}),
        ({"methods": ["cost", "market"], "weights": [0.5, 0.5]}, {"replacement_cost", "comparable_price"}),
        ({"methods": ["excess_earnings", "cost"], "weights": [0.5, 0.5]}, {"revenue", "margin", "replacement_cost"}),
    ],
)
def test_only_what_the_row_s_methods_read_is_filled(book: Book, row: dict[str, Any], expected: set[str]) -> None:
    found, report = filled(book(METHODS), **row)
    assert set(report.removeprefix("design: ").split(", ")) == expected | {"currency"}
    assert found["currency"] == "CNY"


def test_a_method_that_the_assumptions_choose_is_the_one_that_counts(book: Book) -> None:
    assert "margin" in filled(book(METHODS + 'method = "excess_earnings"\n'))[1]


DECLINE = """
[defaults.design]
obsolescence = 0.2
survival_curve = "x"
[survival_curves.x]
anchor = "filing"
ages = [0, 10]
surviving = [1, 0.5]
"""


@pytest.mark.parametrize(
    ("row", "obsolescence", "curve"),
    [
        ({}, 0.2, None),
        ({"growth": 0.0}, 0.0, "x"),
        ({"revenue_path": [1.0]}, 0.0, "x"),
        ({"obsolescence": 0.0}, 0.0, "x"),
        ({"obsolescence": 0.1}, 0.1, None),
        ({"growth": 0.0, "renewal": "optimal"}, 0.0, None),
        ({"survival_curve": "x"}, 0.2, "x"),
    ],
)
def test_a_decline_is_filled_once(book: Book, row: dict[str, Any], obsolescence: float, curve: str | None) -> None:
    found, _ = filled(book(DECLINE), filing_date=DAY, **row)
    assert (found["obsolescence"], found["survival_curve"]) == (obsolescence, curve)


def test_a_default_curve_or_schedule_without_its_date_is_left_out_of_any_row() -> None:
    shipped = load_assumptions()
    rows = [
        {"asset_id": name, "right_type": name.split("/")[0], "jurisdiction": where, "growth": 0.0}
        for name, one in shipped.sets.items()
        for where in ("CN", "US", "EP", "JP", "WO")
        if not one.sector
    ]
    batch, _ = fill(pa.RecordBatch.from_pylist(rows, schema=SCHEMA), shipped)
    assert batch["fee_schedule"].null_count == batch["survival_curve"].null_count == len(rows)


@pytest.mark.parametrize(
    ("row", "economic_life"),
    [
        ({}, 3.0),
        ({"growth": 0.02}, None),
        ({"obsolescence": 0.1}, None),
        ({"revenue_path": [5.0]}, None),
        ({"growth": 0.02, "expiry_date": None}, 3.0),
    ],
)
def test_an_economic_life_ends_no_row_with_an_end_and_a_growth_of_its_own(book: Book, row: dict[str, Any], economic_life: float | None) -> None:
    found, _ = filled(book("[defaults.design]\neconomic_life = 3\n"), **{"expiry_date": datetime.date(2040, 1, 1), **row})
    assert found["economic_life"] == economic_life


ENDLESS = "[defaults.trademark]\nindefinite = true\neconomic_life = 20\n"


@pytest.mark.parametrize(
    ("row", "indefinite", "economic_life"),
    [
        ({}, True, None),
        ({"method": "licence"}, False, 20.0),
        ({"methods": ["relief_from_royalty", "licence"], "weights": [0.5, 0.5]}, False, 20.0),
        ({"entry_hazard": 0.1}, False, 20.0),
        ({"entry_hazard": 0.0}, True, None),
        ({"method": "licence", "economic_life": 5.0}, False, 5.0),
        ({"indefinite": False}, False, 20.0),
    ],
)
def test_a_mark_is_not_endless_where_the_model_needs_an_end(book: Book, row: dict[str, Any], indefinite: bool, economic_life: float | None) -> None:
    found, _ = filled(book(ENDLESS), **{"right_type": "trademark", **row})
    assert (found["indefinite"], found["economic_life"]) == (indefinite, economic_life)


STAGED = """
[defaults.design]
currency = "CNY"
revenue = 1000
royalty_rate = 0.05
royalty_low = 0.02
royalty_high = 0.1
margin = 0.1
contributory_charge = 0.02
discount_premium = 0.1
life = 5
grant_probability = 0.5
grant_lag = 2
stage_costs = [10, 20]
stage_years = [1, 1]
stage_probabilities = [0.9, 0.9]
"""


def names(report: str) -> set[str]:
    """The columns that a report names."""
    return set(report.removeprefix("design: ").split(", ")) if report else set()


OWN = {"method": "project", "currency": "CNY", "stage_costs": [1.0], "stage_years": [2.0], "stage_probabilities": [0.5]}


def test_a_project_with_stages_of_its_own_has_its_chances_there(book: Book) -> None:
    row, report = filled(book(STAGED), **OWN, stage="filed")
    assert (row["grant_probability"], row["grant_lag"]) == (1.0, 0.0)
    assert "grant_probability" not in report
    assert {"grant_probability", "grant_lag"} <= names(filled(book(STAGED), method="project", stage="filed")[1])


@pytest.mark.parametrize("missing", ["stage_costs", "stage_years", "stage_probabilities"])
def test_stages_are_filled_together_or_not_at_all(book: Book, missing: str) -> None:
    row, report = filled(book(STAGED), **{**OWN, missing: None})
    assert row[missing] is None
    assert "stage" not in report
    row, report = filled(book(STAGED), method="project", currency="USD", revenue=1.0)
    assert (row["stage_costs"], row["stage_years"], "stage" in report) == (None, None, False)


@pytest.mark.parametrize(
    ("row", "used", "not_used"),
    [
        ({"method": "incremental_income"}, {"margin"}, {"contributory_charge", "royalty_rate"}),
        ({"method": "excess_earnings"}, {"margin"}, {"royalty_rate"}),
        ({"method": "project"}, {"royalty_rate", "stage_years"}, {"royalty_low", "royalty_high", "margin"}),
        ({"method": "project", "margin": 0.3}, {"stage_years"}, {"royalty_rate", "royalty_low", "royalty_high"}),
        ({"method": "relief_from_royalty"}, {"royalty_rate", "royalty_low", "royalty_high", "discount_premium"}, {"margin", "stage_years"}),
        ({"method": "market"}, set(), {"life", "discount_premium", "royalty_rate", "revenue"}),
    ],
)
def test_what_is_named_is_used(book: Book, row: dict[str, Any], used: set[str], not_used: set[str]) -> None:
    found = names(filled(book(STAGED), **row)[1])
    assert used <= found
    assert not not_used & found


def test_a_sale_discounts_a_price_too(book: Book) -> None:
    batch = pa.RecordBatch.from_pylist([{"asset_id": "A", "right_type": "design", "method": "market"}], schema=SCHEMA)
    assert "discount_premium" in fill(batch, book(STAGED), sold=True)[1].to_pylist()[0]


def test_money_without_a_currency_is_in_the_markets(book: Book) -> None:
    """So the assumptions may add theirs where they are in that currency."""
    batch = pa.RecordBatch.from_pylist([{"asset_id": "A", "right_type": "design", "revenue": 5.0}], schema=SCHEMA)
    for currency, cost in (("CNY", 10.0), ("USD", 0.0)):
        row = fill(batch, book(MONEY), currency)[0].to_pylist()[0]
        assert (row["currency"], row["annual_cost"]) == (currency, cost)
