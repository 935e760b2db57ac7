"""The known pitfalls of model.md §11 for every method but relief from royalty, which has them in test_pitfalls.py.

The expected numbers are worked out here, by hand, and not taken from the engine. Each right earns 50 a year for three years at 10 %, whatever the
method; a project's one stage takes a year before, costs nothing and cannot fail unless said otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from valued import FOUR_YEARS, TODAY, checked, flat, one, result

EXP = math.exp
STEPS = pytest.mark.parametrize("steps", [1, 4, 12])

EARNS: dict[str, dict[str, Any]] = {
    "licence": {},
    "licence with bounds": {"method": "licence", "minimum_guarantee": 1.0, "cap": 1e6},
    "excess_earnings": {"royalty_rate": None, "margin": 0.12, "contributory_charge": 0.07},
    "incremental_income": {"royalty_rate": None, "margin": 0.05},
    "project": {"life": 4.0, "stage_costs": [0.0], "stage_years": [1.0], "stage_probabilities": [1.0]},
}
"""What makes 50 a year of a revenue of 1,000, by income method."""
PRICES: dict[str, dict[str, Any]] = {
    "cost": {"replacement_cost": 200.0, "functional_obsolescence": 0.5, "economic_obsolescence": 0.2},
    "market": {"comparable_price": 100.0, "comparable_adjustment": -0.2},
}
"""What makes a price of 80."""
INCOME = pytest.mark.parametrize("method", EARNS)
PRICE = pytest.mark.parametrize("method", PRICES)
EVERY = pytest.mark.parametrize("method", [*EARNS, *PRICES])
BLANK = {"revenue": None, "royalty_rate": None, "life": None}


def cells(method: str, **more: Any) -> dict[str, Any]:
    """The cells of a right valued by a method, over those of valued.ASSET; a project's life is a year longer than the life given."""
    found = {"method": method, **(EARNS | PRICES)[method], **(BLANK if method in PRICES else {})}
    if method == "project" and more.get("life") is not None:
        more["life"] += 1.0
    return found | more


def df(u: float, k: float = 0.1) -> float:
    return float((1 + k) ** -u)


def delay(method: str) -> float:
    """The year that a project's stage takes."""
    return 1.0 if method == "project" else 0.0


def expected(row: dict[str, Any]) -> float:
    """What nothing random happens to: the exact mean, or the one path's value."""
    return float(row["mean"] if row["closed_form"] is None else row["closed_form"])


def close(number: float) -> Any:
    return pytest.approx(number, rel=1e-12, abs=1e-12)


def annuity(method: str, years: Iterable[int] = (1, 2, 3), rate: float = 0.1) -> float:
    """1 in the middle of each year of sales."""
    return sum(df(delay(method) + year - 0.5, rate) for year in years)


@INCOME
def test_each_earns_50_a_year(method: str) -> None:
    assert expected(one(**cells(method))) == close(50 * annuity(method))


@PRICE
def test_each_is_worth_80(method: str) -> None:
    assert expected(one(**cells(method))) == close(80)


# ------------------------------------------------------------------------------------ 1  tax amortisation


@INCOME
@pytest.mark.parametrize(("tab_years", "life"), [(15, 3.0), (15, 30.0), (2, 0.5)])
def test_1_tax_amortisation_runs_over_the_statutory_life(method: str, tab_years: int, life: float) -> None:
    found = one(**cells(method, life=life, tax_rate=0.25, tab_years=tab_years))
    factor = 1 / (1 - 0.25 / tab_years * sum(df(j - 0.5) for j in range(1, tab_years + 1)))
    assert found["value"] == close(found["mean"] * factor)
    assert found["tab"] == close(found["mean"] * (factor - 1))
    assert found["mean"] > 0


@PRICE
@pytest.mark.parametrize("mid_period", [True, False])
def test_1_no_tax_amortisation_on_a_price_or_a_cost(method: str, mid_period: bool) -> None:
    found = one(flat(mid_period=mid_period), **cells(method, tax_rate=0.25, tab_years=15))
    assert (found["mean"], found["tab"], found["value"]) == (close(80), 0.0, found["mean"])


def test_1_in_a_reconciled_value_only_the_income_method_has_the_benefit() -> None:
    terms = {**cells("excess_earnings"), **PRICES["market"], "tax_rate": 0.25, "tab_years": 10}
    found = one(**{**terms, "method": None, "methods": ["market", "excess_earnings"], "weights": [0.25, 0.75]})
    factor = 1 / (1 - 0.025 * sum(df(j - 0.5) for j in range(1, 11)))
    income = 0.75 * 50 * annuity("excess_earnings")
    assert found["method_values"] == [close(80), close(income * factor)]
    assert found["value"] == close(0.25 * 80 + 0.75 * income * factor)
    assert found["tab"] == close(0.75 * income * (factor - 1))


def test_1_a_project_worth_less_than_nothing_has_no_benefit() -> None:
    found = one(**cells("project", stage_costs=[500.0], tax_rate=0.25, tab_years=15))
    assert found["mean"] < 0
    assert (found["tab"], found["value"]) == (0.0, found["mean"])


# ------------------------------------------------------------------------------------ 2  survival curves and optimal renewal

RENEWALS = """
[defaults.invention_patent]
survival_curve = "x"

[survival_curves.x]
anchor = "filing"
ages = [0, 10]
surviving = [1.0, 0.0]
"""


@INCOME
def test_2_a_curve_of_renewals_fills_no_row_whose_owner_chooses(method: str) -> None:
    dated = {"filing_date": TODAY, "annual_cost": 1.0}
    always = one(assumptions=RENEWALS, options={"paths": 4000}, **cells(method, **dated))
    assert "survival_curve" in always["filled"]
    years = int(3 + delay(method))
    assert always["expected_life"] == pytest.approx(sum(1 - t / 10 for t in range(1, years + 1)), abs=0.1)
    chooses = one(assumptions=RENEWALS, options={"paths": 100}, **cells(method, renewal="optimal", **dated))
    assert "survival_curve" not in chooses["filled"]
    assert chooses["expected_life"] == close(years)
    costs = sum(df(year - 0.5) for year in range(1, years + 1))
    assert chooses["mean"] == close(50 * annuity(method) - costs)


@INCOME
def test_2_a_curve_that_the_row_names_is_used(method: str) -> None:
    named = {"filing_date": TODAY, "annual_cost": 1.0, "renewal": "optimal", "survival_curve": "x"}
    found = one(assumptions=RENEWALS, options={"paths": 20_000}, **cells(method, **named))
    years = int(3 + delay(method))
    assert found["expected_life"] == pytest.approx(sum(1 - t / 10 for t in range(1, years + 1)), abs=0.04)


# ------------------------------------------------------------------------------------ 3  the same risk, or decline, twice


@INCOME
@pytest.mark.parametrize(
    ("twice", "words"),
    [
        ({"hazard": 0.3, "discount_premium": 0.3}, ("hazard", "discount_premium")),
        ({"grant_probability": 0.3, "grant_lag": 1.0, "discount_premium": 0.3}, ("grant_probability", "discount_premium")),
        ({"growth": -0.3, "obsolescence": 0.3}, ("growth", "obsolescence")),
    ],
)
def test_3_counting_twice_is_warned_about(method: str, twice: dict[str, float], words: tuple[str, str]) -> None:
    row = {"asset_id": "one", "right_type": "invention_patent", "revenue": 1000.0, "royalty_rate": 0.05, "life": 3.0, "tax_rate": 0.25}
    (warning,) = checked([{**row, **cells(method, **twice)}]).warnings
    assert all(word in warning for word in words)
    assert not checked([{**row, **cells(method)}]).warnings


# ------------------------------------------------------------------------------------ 4  one product's revenue


@INCOME
def test_4_revenue_shares_divide_a_product_among_its_rights(method: str) -> None:
    whole = one(**cells(method))["mean"]
    shares = {"a": 0.5, "b": 0.3, "c": 0.2}
    parts = [one(**cells(method, revenue_share=share))["mean"] for share in shares.values()]
    assert parts == [close(share * whole) for share in shares.values()]


def test_4_a_licences_bounds_are_the_owners_share_already() -> None:
    found = one(**cells("licence", revenue_share=0.5, minimum_guarantee=40.0))
    assert found["mean"] == close(40 * annuity("licence"))  # 25 is below 40, not below 20
    found = one(**cells("licence", revenue_share=0.5, cap=20.0))
    assert found["mean"] == close(20 * annuity("licence"))


def family(*shares: float | None, name: str | None = "f", **more: Any) -> list[dict[str, Any]]:
    row = {"right_type": "invention_patent", "revenue": 1000.0, "royalty_rate": 0.05, "life": 3.0, "family_id": name}
    return [{**row, "asset_id": f"{name}{i}", "revenue_share": share, **more} for i, share in enumerate(shares)]


def about_families(rows: list[dict[str, Any]]) -> list[str]:
    """The warnings about families, of `check` and of `value` alike."""
    found: list[str] = [warning for warning in checked(rows).warnings if "family" in warning or "families" in warning]
    valued = [warning for warning in result(rows).manifest["warnings"] if "family" in warning or "families" in warning]
    assert valued == found
    return found


def test_4_shares_of_a_family_above_1_are_warned_about() -> None:
    assert len(about_families(family(0.7, 0.5))) == 1
    (whole,) = about_families(family(None, None))  # each has the whole
    assert "revenue_share" in whole


def test_4_the_warning_counts_the_families() -> None:
    rows = [*family(0.7, 0.5), *family(1.0, 1.0, name="g"), *family(0.5, 0.5, name="h")]
    (warning,) = about_families(rows)
    assert "2" in warning.split()


def test_4_no_warning_where_the_shares_of_a_family_are_in_order() -> None:
    for rows in (family(0.5, 0.3, 0.2), family(1.0), family(None), family(None, None, name=None)):
        assert not about_families(rows)
    tenths = family(*[0.1] * 10)  # their sum is not 1 in binary
    assert not about_families(tenths)


# ------------------------------------------------------------------------------------ 5  nominal and real, tax


@INCOME
def test_5_tax_is_taken_once_off_income_and_costs(method: str) -> None:
    for tax in (0.0, 0.25, 0.4):
        found = expected(one(**cells(method, tax_rate=tax, annual_cost=8.0)))
        costs = annuity(method) + (df(0.5) if method == "project" else 0.0)
        assert found == close((1 - tax) * (50 * annuity(method) - 8 * costs))


@INCOME
def test_5_nominal_growth_is_growth_of_revenue(method: str) -> None:
    late = int(delay(method))
    nominal = sum(50 * 1.03 ** (late + j) * df(late + j - 0.5) for j in (1, 2, 3))
    assert expected(one(**cells(method, growth=0.03))) == close(nominal)


@PRICE
def test_5_no_tax_growth_or_discount_touches_a_price(method: str) -> None:
    more = {"tax_rate": 0.4, "growth": 0.3, "discount_premium": 0.2, "revenue_share": 0.5, "obsolescence": 0.3, "annual_cost": 9.0}
    assert expected(one(**cells(method, **more))) == close(80)


def test_5_a_stages_cost_is_deducted_from_tax() -> None:
    sure, taxed = (expected(one(**cells("project", stage_costs=[40.0], tax_rate=tax))) for tax in (0.0, 0.25))
    assert sure == close(50 * annuity("project") - 40 * df(0.5))
    assert taxed == close(0.75 * sure)


# ------------------------------------------------------------------------------------ 6  when money comes


@INCOME
def test_6_the_middle_of_the_period_is_meant_for_cash_and_tax_amortisation_alike(method: str) -> None:
    middle, end = (one(flat(mid_period=mid), **cells(method, life=1.0, tax_rate=0.25, tab_years=2)) for mid in (True, False))
    late = delay(method)
    assert middle["value"] == close(37.5 * df(late + 0.5) / (1 - 0.125 * (df(0.5) + df(1.5))))
    assert end["value"] == close(37.5 * df(late + 1) / (1 - 0.125 * (df(1) + df(2))))


@STEPS
@pytest.mark.parametrize("mid_period", [True, False])
def test_6_floor_and_cap_are_money_of_the_income_they_bound(steps: int, mid_period: bool) -> None:
    for bound, amount in (("minimum_guarantee", 70.0), ("cap", 30.0)):
        found = one(flat(steps=steps, mid_period=mid_period), **cells("licence", **{bound: amount}))
        back = 0.5 / steps if mid_period else 0.0
        assert found["mean"] == close(sum(amount / steps * df(t / steps - back) for t in range(1, 3 * steps + 1)))


@STEPS
@pytest.mark.parametrize("mid_period", [True, False])
def test_6_a_stages_cost_is_money_of_the_period_it_starts_in(steps: int, mid_period: bool) -> None:
    """Stages of 1, 0.5 and 1 years start at 0, 1 and 1.5: the periods are those with e_{t−1} ≤ start < e_t."""
    stages = {"stage_costs": [3.0, 5.0, 7.0], "stage_years": [1.0, 0.5, 1.0], "stage_probabilities": [1.0] * 3}
    found = expected(one(flat(steps=steps, mid_period=mid_period), **cells("project", **stages, royalty_rate=0.0)))
    back = 0.5 if mid_period else 0.0
    paid = sum(cost * df((math.floor(start * steps) + 1 - back) / steps) for cost, start in ((3, 0), (5, 1), (7, 1.5)))
    assert found == close(-paid)


@STEPS
@INCOME
def test_6_salvage_is_money_of_the_periods_end(method: str, steps: int) -> None:
    """Costs far above its income: given up in the first period on every path."""
    more = {"annual_cost": 5000.0, "salvage": 700.0, "renewal": "optimal", "volatility": 0.2}
    found = one(flat(steps=steps), options={"paths": 64}, **cells(method, **more))
    assert found["mean"] == found["value"] == close(700 * df(1 / steps))
    assert (found["expected_life"], found["standard_deviation"]) == (0.0, close(0.0))


def test_6_a_gates_salvage_comes_at_the_end_of_the_gates_period() -> None:
    """With salvage in every year the first is best; with a cost of nothing before, there is no decision but by salvage."""
    gates = {"stage_costs": [1.0, 9000.0], "stage_years": [1.0, 1.0], "stage_probabilities": [1.0, 1.0], "salvage": 70.0, "renewal": "optimal"}
    assert one(**cells("project", **gates))["mean"] == close(70 * df(1))


# ------------------------------------------------------------------------------------ 7  all rates are annual


@STEPS
@INCOME
def test_7_growth_is_annual(method: str, steps: int) -> None:
    late = int(delay(method))
    assert expected(one(flat(0.0, steps), **cells(method, growth=0.2))) == close(sum(50 * 1.2 ** (late + j) for j in (1, 2, 3)))


@STEPS
@pytest.mark.parametrize("method", [name for name in EARNS if name != "licence with bounds"])  # a floor holds against a rival
@pytest.mark.parametrize("rate", ["hazard", "obsolescence", "entry_hazard"])
def test_7_hazards_are_annual(method: str, steps: int, rate: str) -> None:
    """A rival takes it all, so all three are the same to a mean."""
    found = expected(one(flat(0.0, steps), **cells(method, **{rate: 0.3}, **({"entry_loss": 1.0} if rate == "entry_hazard" else {}))))
    late = int(delay(method))
    assert found == close(sum(50 / steps * EXP(-0.3 * t / steps) for t in range(late * steps + 1, (late + 3) * steps + 1)))


@STEPS
@INCOME
def test_7_volatility_is_annual(method: str, steps: int) -> None:
    """Only the last period of four years earns: its logarithm has standard deviation 0.3·√4 and mean −½·0.6²."""
    paths = 20_000
    wide = {"minimum_guarantee": 1e-6} if method == "licence with bounds" else {}
    more = {"launch_lag": 4.0 - 0.5 / steps, "volatility": 0.3, **wide}
    found = one(flat(steps=steps), options={"paths": paths, "quantiles": (0.5,)}, **cells(method, **more) | {"life": 4.0})
    median_error = 0.6 * math.sqrt(math.pi / 2 / paths)
    assert abs(math.log(found["q50"] / (50 / steps * df(4 - 0.5 / steps))) + 0.18) < 4 * median_error


@STEPS
@PRICE
def test_7_a_price_has_one_year_of_volatility_whatever_the_steps(method: str, steps: int) -> None:
    found = one(flat(steps=steps), options={"paths": 20_000, "quantiles": (0.5,)}, **cells(method, volatility=0.4))
    assert found["closed_form"] == close(80)
    assert abs(math.log(found["q50"] / 80) + 0.08) < 4 * 0.4 * math.sqrt(math.pi / 2 / 20_000)
    assert found["standard_deviation"] == pytest.approx(80 * math.sqrt(EXP(0.16) - 1), rel=0.05)
    assert found["expected_life"] == 1.0


@PRICE
def test_7_a_price_is_the_same_for_all_steps_to_the_last_bit(method: str) -> None:
    rows = [one(flat(steps=steps), options={"paths": 100}, **cells(method, volatility=0.4)) for steps in (1, 4, 12)]
    assert rows[0] == rows[1] == rows[2]


@STEPS
@INCOME
def test_7_a_right_with_a_month_to_live_earns_a_month(method: str, steps: int) -> None:
    late = delay(method)
    assert expected(one(flat(steps=steps), **cells(method, life=1 / 12))) == close(50 / 12 * df(late + 1 / 24))
    assert expected(one(flat(steps=steps, mid_period=False), **cells(method, life=1 / 12))) == close(50 / 12 * df(late + 1 / 12))


@STEPS
@INCOME
def test_7_lives_end_within_a_period(method: str, steps: int) -> None:
    assert expected(one(flat(0.0, steps), **cells(method, life=2.3))) == close(50 * 2.3)


@STEPS
@pytest.mark.parametrize(("bound", "amount"), [("minimum_guarantee", 80.0), ("cap", 20.0)])
def test_7_a_licences_bounds_are_annual_and_end_within_a_period(steps: int, bound: str, amount: float) -> None:
    assert one(flat(0.0, steps), **cells("licence", life=2.3, **{bound: amount}))["mean"] == close(amount * 2.3)


@STEPS
def test_7_a_stages_cost_is_no_rate_and_falls_due_whole(steps: int) -> None:
    """Also where the life ends within the period that the stage starts in."""
    for life, stages in ((2.3, [1.0]), (1.05, [1.0, 0.04])):
        lists = {"stage_costs": [10.0] * len(stages), "stage_years": stages, "stage_probabilities": [1.0] * len(stages)}
        row = {**cells("project", **lists, royalty_rate=0.0), "life": life}
        assert expected(one(flat(0.0, steps), **row)) == close(-10 * len(stages))


# ------------------------------------------------------------------------------------ 8  expiry dates


@INCOME
def test_8_a_registrations_term_is_not_the_life_of_what_is_renewed(method: str) -> None:
    terms = {"right_type": "trademark", "expiry_date": TODAY + FOUR_YEARS, "life": None}
    assert one(**cells(method, **terms, economic_life=9.0))["expected_life"] == 9.0
    (reject,) = result([{**one_row(method), **cells(method, **terms)}, good()]).rejects.to_pylist()
    assert reject["column"] == "life"


@INCOME
def test_8_the_term_of_other_rights_is_their_life(method: str) -> None:
    terms = {"right_type": "design", "expiry_date": TODAY + FOUR_YEARS, "life": None, "economic_life": 9.0}
    assert one(**cells(method, **terms))["expected_life"] == close(4.0)


@EVERY
@pytest.mark.parametrize("days", [0, -1, -4000])
@pytest.mark.parametrize("right_type", ["invention_patent", "trademark"])
def test_8_a_right_past_its_expiry_is_rejected_and_not_worth_nothing(method: str, days: int, right_type: str) -> None:
    ended = {**one_row(method), "right_type": right_type, "expiry_date": TODAY + timedelta(days=days)}
    found = result([ended, good()])
    assert found.assets["asset_id"].to_pylist() == ["good"]
    (reject,) = found.rejects.to_pylist()
    assert (reject["asset_id"], reject["column"]) == ("one", "expiry_date")


@PRICE
def test_8_a_price_needs_no_life(method: str) -> None:
    assert expected(one(**cells(method, right_type="trademark", expiry_date=TODAY + FOUR_YEARS))) == close(80)


@pytest.mark.parametrize("method", [name for name in EARNS if not name.startswith("licence")])
def test_8_what_is_renewed_for_ever_is_worth_its_perpetuity(method: str) -> None:
    found = expected(one(**cells(method, right_type="trademark", life=None, indefinite=True)))
    assert found == close(50 / 0.1 * 1.1**0.5 * df(delay(method)))


def one_row(method: str) -> dict[str, Any]:
    base = {"asset_id": "one", "right_type": "invention_patent", "revenue": 1000.0, "royalty_rate": 0.05, "life": 3.0}
    return {**base, **cells(method)}


def good() -> dict[str, Any]:
    return {"asset_id": "good", "right_type": "invention_patent", "revenue": 1000.0, "royalty_rate": 0.05, "life": 3.0}


# ------------------------------------------------------------------------------------ 9  sums of quantiles, quantiles of sums


def mixed() -> list[dict[str, Any]]:
    """A right of each method, and one of several."""
    rows = [{**one_row(method), "asset_id": method, "volatility": 0.4, "sector": "chips", "factor_loading": 0.6} for method in [*EARNS, *PRICES]]
    several = {"method": None, "methods": ["cost", "excess_earnings", "licence"], "weights": [0.5, 0.25, 0.25], **PRICES["cost"], **good()}
    return [*rows, {**several, **EARNS["excess_earnings"], "royalty_rate": 0.05, "asset_id": "several", "volatility": 0.4}]


def test_9_totals_over_all_methods_are_the_sums_on_each_path() -> None:
    found = result(mixed(), flat(factors={"names": ["chips"], "correlation": [[1.0]]}), paths=1000, keep_paths=True)
    assert not found.rejects.to_pylist()
    units = np.rint(np.array(found.paths["values"].to_pylist()) * 1e6).sum(axis=0)
    assert [round(float(value) * 1e6) for value in found.totals["value"].to_pylist()] == units.tolist()
    (group,) = found.groups.to_pylist()
    assert group["assets"] == len(mixed())
    assert group["mean"] == pytest.approx(math.fsum(found.assets["mean_raw"].to_pylist()), abs=1e-5)
    assert group["value"] == pytest.approx(math.fsum(found.assets["value"].to_pylist()), abs=1e-5)
    assert group["q05"] == pytest.approx(float(np.quantile(units / 1e6, 0.05)), rel=1e-14)
    assert group["q05"] > group["sum_of_quantiles_q05"]


def test_9_quantiles_of_a_reconciled_value_are_not_those_of_its_methods() -> None:
    """Two methods on the same path share the shock, so here the quantile of the sum is the sum of the quantiles: 0.5·L₁ + 0.5·L₁."""
    terms = {**cells("incremental_income", life=1.0, volatility=0.4), "comparable_price": 50.0, "asset_id": "one"}
    several = {**terms, "method": None, "methods": ["incremental_income", "market"], "weights": [0.5, 0.5]}
    alone = [one(options={"paths": 1000}, **{**terms, "method": method}) for method in ("incremental_income", "market")]
    together = one(options={"paths": 1000}, **several)
    assert together["q05"] == pytest.approx(0.5 * alone[0]["q05"] + 0.5 * alone[1]["q05"], rel=1e-12)
    assert together["standard_deviation"] == pytest.approx(0.5 * sum(row["standard_deviation"] for row in alone), rel=1e-12)
    # over three years the price still follows the first shock only: then they do not add up
    longer = {**several, "life": 3.0}
    alone[0] = one(options={"paths": 1000}, **{**longer, "methods": None, "weights": None, "method": "incremental_income"})
    assert one(options={"paths": 1000}, **longer)["q05"] > 1.002 * (0.5 * alone[0]["q05"] + 0.5 * alone[1]["q05"])


# ------------------------------------------------------------------------------------ 10  licences


def test_10_a_guarantee_is_a_floor_only_while_the_licence_lives() -> None:
    paths = 40_000
    found = one(options={"paths": paths, "quantiles": (0.0,)}, **cells("licence", minimum_guarantee=80.0, hazard=0.3))
    exact = sum(EXP(-0.3 * year) * 80 * df(year - 0.5) for year in (1, 2, 3))
    assert abs(found["mean"] - exact) < 4 * found["standard_error"]
    assert found["q00"] == 0.0  # the right ended in the first year: nothing is paid
    assert found["mean"] < 0.8 * 80 * annuity("licence")


def test_10_each_path_is_paid_in_full_until_the_right_ends_and_then_nothing() -> None:
    row = {**one_row("licence"), "minimum_guarantee": 80.0, "hazard": 0.3, "volatility": 0.05}
    paths = np.array(result([row], paths=4000, keep_paths=True).paths["values"].to_pylist()[0])
    possible = [0.0, *np.cumsum([80 * df(year - 0.5) for year in (1, 2, 3)])]
    assert np.allclose(np.unique(np.round(paths, 9)), np.round(possible, 9))


def test_10_no_guarantee_after_a_refusal_before_a_grant_or_before_a_launch() -> None:
    pending = {"minimum_guarantee": 80.0, "grant_lag": 1.5, "grant_probability": 0.4}
    found = one(options={"paths": 40_000, "quantiles": (0.0, 1.0)}, **cells("licence", **pending))
    # e₁ = 1 is before the grant; the second year sells
    granted = 80 * (df(1.5) + df(2.5))
    assert (found["q00"], found["q100"]) == (0.0, close(granted))
    assert abs(found["mean"] - 0.4 * granted) < 4 * found["standard_error"]
    launched = one(**cells("licence", minimum_guarantee=80.0, launch_lag=1.0))
    assert launched["mean"] == close(granted)


def test_10_nor_a_cap_where_nothing_sells() -> None:
    """Costs are no income: a cap does not limit them."""
    assert one(**cells("licence", cap=20.0, launch_lag=1.0, annual_cost=8.0))["mean"] == close(20 * (df(1.5) + df(2.5)) - 8 * annuity("licence"))


@pytest.mark.parametrize(("bound", "amount"), [("cap", 40.0), ("minimum_guarantee", 60.0)])
def test_10_bounds_bind_before_tax(bound: str, amount: float) -> None:
    """Of 50 before tax, 40 or 60 are paid; a cap of 40 after a tax of 25 % would not bind on 37.5."""
    assert one(**cells("licence", tax_rate=0.25, **{bound: amount}))["mean"] == close(0.75 * amount * annuity("licence"))


def test_10_bounds_bind_on_income_and_not_on_what_is_left_after_costs() -> None:
    assert one(**cells("licence", minimum_guarantee=48.0, annual_cost=8.0))["mean"] == close(42 * annuity("licence"))
    assert one(**cells("licence", cap=45.0, annual_cost=8.0))["mean"] == close(37 * annuity("licence"))


def test_10_bounds_are_in_the_assets_currency() -> None:
    market = flat(fx={"USD": 7.0})
    market["curves"]["USD"] = {"tenors": [1.0], "rates": [0.1]}
    assert one(market, **cells("licence", currency="USD", cap=40.0))["mean"] == close(7 * 40 * annuity("licence"))


def test_10_an_owner_who_may_stop_counts_on_the_floor() -> None:
    """Fees of 60 a year: without the floor given up, with a floor of 70 kept."""
    choice = {"annual_cost": 60.0, "renewal": "optimal"}
    assert one(**cells("licence", **choice))["mean"] == 0.0
    assert one(**cells("licence", minimum_guarantee=70.0, **choice))["mean"] == close(10 * annuity("licence"))


@pytest.mark.parametrize("method", [name for name in EARNS if not name.startswith("licence")])
def test_10_bounds_are_a_licences_alone(method: str) -> None:
    found = one(**cells(method, minimum_guarantee=80.0, cap=90.0))
    assert found["closed_form"] == close(50 * annuity(method))


# ------------------------------------------------------------------------------------ 11  heavy tails


@INCOME
@pytest.mark.parametrize(
    ("volatility", "life", "status"), [(0.5, 8.0, "ok"), (0.51, 8.0, "heavy_tail"), (1.41, 1.0, "ok"), (1.42, 1.0, "heavy_tail")]
)
def test_11_the_status_looks_at_variance_times_time(method: str, volatility: float, life: float, status: str) -> None:
    row = cells(method, volatility=volatility) | {"life": life}  # a project's stage is a part of its life
    assert one(options={"paths": 100}, **row)["status"] == status


@PRICE
@pytest.mark.parametrize(("volatility", "status"), [(1.41, "ok"), (1.42, "heavy_tail")])
@STEPS
def test_11_a_price_has_the_variance_of_a_year(method: str, volatility: float, status: str, steps: int) -> None:
    found = one(flat(steps=steps), options={"paths": 400}, **cells(method, volatility=volatility, life=50.0))
    assert found["status"] == status
    if status == "heavy_tail":
        assert found["standard_error"] == pytest.approx(80 * math.sqrt(EXP(volatility**2) - 1) / 20, rel=1e-12)


@pytest.mark.parametrize("method", ["licence", "excess_earnings", "incremental_income", "project"])
def test_11_a_heavy_tail_has_its_analytic_error_where_there_is_a_closed_form(method: str) -> None:
    late = int(delay(method))
    found = one(options={"paths": 400}, **cells(method, life=1.0, volatility=1.5))
    assert found["status"] == "heavy_tail"
    exact = 50 * df(late + 0.5) * math.sqrt(EXP(2.25 * (late + 1)) - 1) / 20
    assert found["standard_error"] == pytest.approx(exact, rel=1e-12)


def test_11_a_tree_has_its_analytic_error_too() -> None:
    """V = −40·DF if it fails (0.4), else −40·DF + 50·L₂·DF: the variance of the mixture."""
    found = one(options={"paths": 400}, **cells("project", life=1.0, volatility=1.5, stage_costs=[40.0], stage_probabilities=[0.6]))
    w, f = 50 * df(1.5), 40 * df(0.5)
    variance = 0.6 * w * w * EXP(2.25 * 2) - (0.6 * w) ** 2
    assert found["closed_form"] == close(0.6 * w - f)
    assert found["standard_error"] == pytest.approx(math.sqrt(variance) / 20, rel=1e-11)


def test_11_with_bounds_the_error_is_the_samples_and_the_row_still_says_so() -> None:
    found = one(options={"paths": 400}, **cells("licence with bounds", life=1.0, volatility=1.5))
    assert (found["status"], found["closed_form"]) == ("heavy_tail", None)
    assert found["standard_error"] == close(found["standard_deviation"] / 20)


def test_11_a_reconciled_value_says_so_if_one_of_its_methods_does() -> None:
    """σ²T is 2.25 over the income's nine years, 0.25 over the price's one."""
    terms = {**cells("excess_earnings", life=9.0, volatility=0.5), **PRICES["market"], "method": None}
    several = one(options={"paths": 100}, **terms, methods=["market", "excess_earnings"], weights=[0.5, 0.5])
    assert several["status"] == "heavy_tail"
    alone = [one(options={"paths": 100}, **{**terms, "method": method})["standard_error"] for method in ("market", "excess_earnings")]
    assert several["standard_error"] == pytest.approx(0.5 * sum(alone), rel=1e-12), "at most the sum of both, never a sample without its tail"
    assert one(options={"paths": 100}, **terms, methods=["market"], weights=[1.0])["status"] == "ok"
