"""The assumptions that ship, as a valuer would question them: complete, in order, and nothing counted twice."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import pytest

from ipvalue.assumptions import Assumptions, load_assumptions, sectors
from ipvalue.assumptions.sets import MONEY
from ipvalue.doubts import LARGE_DECLINE, LARGE_PREMIUM, LARGE_RISK
from ipvalue.schema import RENEWABLE, RIGHT_TYPES

SECTORS = {
    "software", "it_hardware", "semiconductors", "pharmaceuticals", "medical_devices", "chemicals", "automotive", "machinery",
    "electrical_equipment", "consumer_goods", "apparel", "food_beverages", "media", "agriculture", "energy",
}  # fmt: skip
OF_MARKS = {
    "business_services", "clothing", "construction", "health", "household_equipment", "leisure_and_education", "research_and_technology",
    "transportation",
}  # fmt: skip
NAMES = ("fee_schedule", "survival_curve")


@pytest.fixture(scope="module")
def book() -> Assumptions:
    return load_assumptions()


def test_every_figure_has_a_source(book: Assumptions) -> None:
    for one in book.sets.values():
        assert set(one.values) - set(NAMES) <= set(one.sources), one.name
    assert all(one.source for one in (*book.schedules.values(), *book.curves.values()))
    for kind in ("orderly", "forced"):
        assert set(book.premises[kind]) == set(RIGHT_TYPES)
        assert all(one.source for one in book.premises[kind].values())


@pytest.mark.parametrize("right_type", RIGHT_TYPES)
def test_a_right_type_alone_has_what_every_method_but_the_row_itself_needs(book: Assumptions, right_type: str) -> None:
    values = book.sets[right_type].values
    needed = ("revenue", "revenue_uncertainty", "royalty_rate", "margin", "discount_premium", "tax_rate", "growth", "volatility")
    needed += ("replacement_cost", "comparable_price", "stage_costs", "stage_years", "stage_probabilities", "currency")
    assert set(needed) <= set(values)
    assert values.get("indefinite") or values.get("life") or values.get("economic_life")
    assert bool(values.get("indefinite")) == (right_type in RENEWABLE)


NEEDS_A_GRANT = {"invention_patent", "utility_model", "design", "trademark", "plant_variety", "layout_design", "geographical_indication"}


@pytest.mark.parametrize("right_type", RIGHT_TYPES)
def test_every_item_is_there_for_every_right_type_in_every_place(book: Assumptions, right_type: str) -> None:
    for where in ("CN", "US", "EP", "JP", "WO", None):
        sets = [book.sets[name] for name in (right_type, f"{right_type}/{where}") if name in book.sets]
        found = {name for one in sets for name in one.values}
        assert {"growth", "growth_long", "volatility", "discount_premium", "royalty_rate", "hazard", "tax_rate", "economic_life"} <= found
        assert ({"grant_probability", "grant_lag"} <= found) == (right_type in NEEDS_A_GRANT)
        assert "obsolescence" in found or right_type in RENEWABLE
        assert "survival_curve" in found or right_type != "trademark"
        assert {"life", "indefinite", "economic_life"} & found
        assert ("tab_years" in found) or where not in ("CN", "US")
    assert all(right_type in book.premises[kind] for kind in ("orderly", "forced"))


def test_no_growth_is_above_the_rate_of_its_currency(book: Assumptions) -> None:
    for one in book.sets.values():
        bound = 0.0177 if one.jurisdiction == "CN" else 0.0395
        assert all(one.values.get(name, 0.0) <= bound + 1e-9 for name in ("growth", "growth_long")), one.name
    for one in book.sets.values():  # a sector's own growth, of dollars, is never what a right in China takes
        if one.sector and one.jurisdiction is None and "growth" in one.values:
            assert "growth" in book.sets[f"{one.right_type}/CN/{one.sector}"].values, one.name


def test_the_sectors_are_those_of_the_mapping(book: Assumptions) -> None:
    assert set(sectors(book)) == SECTORS | OF_MARKS
    patents = {one.sector for one in book.sets.values() if one.right_type == "invention_patent" and one.sector}
    assert patents == SECTORS


def test_no_default_moves_a_row_with_a_factor(book: Assumptions) -> None:
    assert not any("factor_loading" in one.values for one in book.sets.values())


def test_money_is_in_yuan_in_china_and_in_dollars_elsewhere(book: Assumptions) -> None:
    for one in book.sets.values():
        if any(name in one.values for name in MONEY):
            assert one.values["currency"] == ("CNY" if one.jurisdiction == "CN" else "USD"), one.name


def test_no_set_counts_the_same_risk_or_decline_twice(book: Assumptions) -> None:
    largest = max(one.values.get("discount_premium", 0.0) for one in book.sets.values())
    assert largest <= LARGE_PREMIUM
    assert all(one.values.get("hazard", 0.0) <= LARGE_RISK and one.values.get("growth", 0.0) >= -LARGE_DECLINE for one in book.sets.values())


def test_tax_lives_are_statutory(book: Assumptions) -> None:
    years = {one.name: one.values["tab_years"] for one in book.sets.values() if "tab_years" in one.values}
    expected = {
        f"{name}/{where}": 15 if where == "US" else 2 if name == "software_copyright" else 10 for name in RIGHT_TYPES for where in ("CN", "US")
    }
    japanese = {"invention_patent": 8, "utility_model": 5, "design": 7, "trademark": 10, "software_copyright": 5, "plant_variety": 8}
    assert years == expected | {f"{name}/JP": value for name, value in japanese.items()}


def test_the_top_twentieth_of_patents_holds_half_of_the_revenue(book: Assumptions) -> None:
    sigma = book.sets["invention_patent"].values["revenue_uncertainty"]
    assert NormalDist().cdf(sigma - NormalDist().inv_cdf(0.95)) == pytest.approx(0.5, abs=1e-3)


def test_growth_for_ever_stays_below_the_rate_that_discounts_it(book: Assumptions) -> None:
    for one in book.sets.values():
        if one.right_type in RENEWABLE and "discount_premium" in one.values:
            assert one.values.get("growth_long", 0.02) < one.values["discount_premium"], one.name


@pytest.mark.parametrize(("near", "far"), [("pharmaceuticals", "it_hardware"), ("pharmaceuticals", "machinery"), ("semiconductors", "software")])
def test_research_intensive_sectors_have_the_larger_royalties(book: Assumptions, near: str, far: str) -> None:
    def royalties(sector: str) -> float:
        values = book.sets[f"invention_patent//{sector}"].values
        return float(values["revenue"] * values["royalty_rate"])

    assert royalties(near) > royalties(far)


def test_half_of_the_utility_models_have_lapsed_when_the_median_one_earns_no_more_than_its_annuity(book: Assumptions) -> None:
    values = book.sets["utility_model/CN"].values | {"obsolescence": book.sets["utility_model"].values["obsolescence"]}
    kept = dict(zip(book.curves["CN/utility_model"].ages, book.curves["CN/utility_model"].surviving))
    annuity = dict(zip(book.schedules["CN/utility_model"].due, book.schedules["CN/utility_model"].amounts))
    median = values["revenue"] / math.exp(values["revenue_uncertainty"] ** 2 / 2)

    def earned(age: float) -> float:
        return float(0.75 * 0.05 * median * math.exp(-values["obsolescence"] * age))

    age = next(age for age in kept if kept[age] < 0.5)
    assert earned(age) < annuity[age] < 1.5 * earned(age - 1)


@pytest.mark.parametrize(
    ("name", "years", "total"),
    [("CN/invention_patent", 20, 82_300), ("CN/utility_model", 10, 11_200), ("CN/design", 15, 26_200)],
)
def test_chinese_annuities_are_due_in_advance_for_every_year(book: Assumptions, name: str, years: int, total: int) -> None:
    schedule = book.schedules[name]
    assert list(schedule.due) == list(range(years))
    assert sum(schedule.amounts) == total
    assert (schedule.currency, schedule.anchor, schedule.before_grant) == ("CNY", "filing", False)


def test_small_and_micro_entities_pay_two_and_one_fifths_in_the_united_states(book: Assumptions) -> None:
    whole = book.schedules["US/patent"].amounts
    for share, name in ((0.4, "US/patent/small"), (0.2, "US/patent/micro")):
        assert book.schedules[name].amounts == pytest.approx([share * amount for amount in whole])


def test_grant_probability_comes_with_its_lag(book: Assumptions) -> None:
    for one in book.sets.values():
        assert ("grant_probability" in one.values) == ("grant_lag" in one.values), one.name


def test_an_overlay_in_another_currency_replaces_the_shipped_money(tmp_path: Any) -> None:
    path = tmp_path / "a.toml"
    path.write_text('extends = "default"\n[defaults.design]\ncurrency = "EUR"\nrevenue = 1000\n')
    values = load_assumptions(path).sets["design"].values
    assert (values["currency"], values["revenue"]) == ("EUR", 1000.0)
    assert not set(MONEY) & set(values) - {"revenue"}
    path.write_text('extends = "default"\n[defaults.design]\ncurrency = "USD"\nrevenue = 1000\n')
    values = load_assumptions(path).sets["design"].values
    assert "replacement_cost" in values
