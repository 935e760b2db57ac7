"""Relief from royalty, one feature at a time, against numbers worked out by hand (model.md §2, §4, §6, §7).

Nothing is simulated: what is looked at is `closed_form`, the sum of S·(w − f). Unless said otherwise the asset earns 50 a year for
three years and money is discounted at 10 % from the middle of the year.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from valued import FOUR_YEARS, TODAY, exact, flat, one

EXP = math.exp


def close(expected: float) -> Any:
    """Equal but for the rounding of a few operations."""
    return pytest.approx(expected, rel=1e-13, abs=1e-13)


def df(u: float, k: float = 0.1) -> float:
    return float((1 + k) ** -u)


# ---------------------------------------------------------------------------------------------------------------- discounting


def test_flat_income_from_the_middle_and_from_the_end() -> None:
    assert exact() == close(50 / 1.1**0.5 + 50 / 1.1**1.5 + 50 / 1.1**2.5)
    assert exact(flat(mid_period=False)) == close(50 / 1.1 + 50 / 1.1**2 + 50 / 1.1**3)


def test_quarters() -> None:
    assert exact(flat(steps=4), life=0.5) == close(12.5 / 1.1**0.125 + 12.5 / 1.1**0.375)
    assert exact(flat(steps=4, mid_period=False), life=0.5) == close(12.5 / 1.1**0.25 + 12.5 / 1.1**0.5)


def test_rates_are_linear_between_tenors_flat_outside_and_take_the_premium() -> None:
    curve = flat(curves={"CNY": {"tenors": [1.0, 3.0], "rates": [0.02, 0.06]}})
    expected = 50 / 1.06**0.5 + 50 / 1.07**1.5 + 50 / 1.09**2.5 + 50 / 1.10**3.5
    assert exact(curve, life=4.0, discount_premium=0.04) == close(expected)


def test_tax_is_taken_from_royalties_and_costs_once() -> None:
    untaxed = 50 / 1.1**0.5 - 8 / 1.1**0.5
    assert exact(life=1.0, annual_cost=8.0) == close(untaxed)
    assert exact(life=1.0, annual_cost=8.0, tax_rate=0.25) == close(0.75 * untaxed)


def test_revenue_share_takes_its_part_of_the_revenue_not_of_the_cost() -> None:
    assert exact(life=1.0, annual_cost=8.0, revenue_share=0.25) == close((12.5 - 8) / 1.1**0.5)


# ---------------------------------------------------------------------------------------------------------------- revenue


def test_growth_fades_from_year_to_year() -> None:
    g1, g2, g3 = 0.2, 0.02 + 0.18 * EXP(-0.5), 0.02 + 0.18 * EXP(-1.0)
    revenues = [50 * (1 + g1), 50 * (1 + g1) * (1 + g2), 50 * (1 + g1) * (1 + g2) * (1 + g3)]
    expected = revenues[0] / 1.1**0.5 + revenues[1] / 1.1**1.5 + revenues[2] / 1.1**2.5
    assert exact(growth=0.2, growth_long=0.02, growth_fade=0.5) == close(expected)


def test_growth_alone_is_constant_and_starts_in_the_first_year() -> None:
    expected = sum(50 * 1.2**j / 1.1 ** (j - 0.5) for j in (1, 2, 3))
    assert exact(growth=0.2) == close(expected)
    assert exact(growth=0.2, growth_fade=0.5) == close(expected)
    assert exact(growth=0.2, growth_long=0.02) == close(expected)


def test_revenue_is_flat_within_a_year() -> None:
    expected = sum(25 * 1.2**y * df(u) for y, u in ((1, 0.25), (1, 0.75), (2, 1.25), (2, 1.75)))
    assert exact(flat(steps=2), growth=0.2, life=2.0) == close(expected)


def test_revenue_path_longer_than_life() -> None:
    assert exact(revenue_path=[100.0, 300.0, 900.0, 2700.0], life=2.0) == close(5 / 1.1**0.5 + 15 / 1.1**1.5)


def test_revenue_path_shorter_than_life_goes_on_with_the_growth_of_the_first_years() -> None:
    g1, g2 = 0.2, 0.02 + 0.18 * EXP(-0.5)
    after = [300 * (1 + g1), 300 * (1 + g1) * (1 + g2)]
    expected = 5 / 1.1**0.5 + 15 / 1.1**1.5 + 0.05 * after[0] / 1.1**2.5 + 0.05 * after[1] / 1.1**3.5
    asset = {"revenue_path": [100.0, 300.0], "life": 4.0, "growth": 0.2, "growth_long": 0.02, "growth_fade": 0.5}
    assert exact(**asset) == close(expected)
    assert exact(revenue=None, **asset) == close(expected)


def test_revenue_path_has_an_entry_a_year_whatever_the_steps() -> None:
    expected = 2.5 * df(0.25) + 2.5 * df(0.75) + 7.5 * df(1.25)
    assert exact(flat(steps=2), revenue_path=[100.0, 300.0], life=1.5) == close(expected)


def test_ramp_after_the_launch() -> None:
    expected = 0 + 50 * (1 / 4 * df(1.5) + 2 / 4 * df(2.5) + 3 / 4 * df(3.5) + df(4.5) + df(5.5))
    assert exact(life=6.0, launch_lag=1.0, ramp_years=4.0) == close(expected)


def test_ramp_is_read_at_the_end_of_the_period() -> None:
    expected = 50 * (0.5 / 2 * df(0.5) + 1.5 / 2 * df(1.5) + df(2.5))
    assert exact(launch_lag=0.5, ramp_years=2.0) == close(expected)
    halves = 25 * (0 * df(0.25) + 0.5 / 2 * df(0.75) + 1 / 2 * df(1.25))
    assert exact(flat(steps=2), launch_lag=0.5, ramp_years=2.0, life=1.5) == close(halves)


def test_launch_without_ramp_sells_at_once() -> None:
    assert exact(launch_lag=1.0) == close(50 * (df(1.5) + df(2.5)))
    assert exact(launch_lag=1.5) == close(50 * (df(1.5) + df(2.5)))
    assert exact(launch_lag=3.0) == 0.0


def test_costs_are_paid_before_the_launch() -> None:
    assert exact(launch_lag=1.0, annual_cost=8.0) == close(50 * (df(1.5) + df(2.5)) - 8 * (df(0.5) + df(1.5) + df(2.5)))


def test_obsolescence_is_read_at_the_end_of_the_period() -> None:
    assert exact(obsolescence=0.3) == close(sum(50 * EXP(-0.3 * j) * df(j - 0.5) for j in (1, 2, 3)))
    quarters = sum(12.5 * EXP(-0.3 * t / 4) * df(t / 4 - 0.125) for t in (1, 2, 3))
    assert exact(flat(steps=4), obsolescence=0.3, life=0.75) == close(quarters)


def test_royalty_range_counts_with_the_mean_of_its_triangle() -> None:
    mean = (0.02 + 0.05 + 0.11) / 3
    assert exact(life=1.0, royalty_low=0.02, royalty_high=0.11, annual_cost=8.0) == close((1000 * mean - 8) / 1.1**0.5)


def test_rival_takes_his_share_once_he_has_entered() -> None:
    def left(t: float) -> float:
        return EXP(-0.4 * t) + (1 - EXP(-0.4 * t)) * 0.3

    assert exact(entry_hazard=0.4, entry_loss=0.7) == close(sum(50 * left(j) * df(j - 0.5) for j in (1, 2, 3)))


# ---------------------------------------------------------------------------------------------------------------- pending rights


def test_pending_right_sells_and_may_be_lost_from_its_grant_on() -> None:
    expected = 0.6 * EXP(-0.2) * 50 * df(1.5) + 0.6 * EXP(-0.3) * 50 * df(2.5)
    pending = {"grant_probability": 0.6, "grant_lag": 1.5, "hazard": 0.1}
    assert exact(**pending) == close(expected)
    costs = 8 * (EXP(-0.1) * df(0.5) + 0.6 * EXP(-0.2) * df(1.5) + 0.6 * EXP(-0.3) * df(2.5))
    assert exact(annual_cost=8.0, **pending) == close(expected - costs)


def test_pending_right_that_is_sure_still_waits() -> None:
    assert exact(grant_lag=1.5) == close(50 * (df(1.5) + df(2.5)))


def test_grant_decided_today() -> None:
    assert exact(grant_probability=0.6) == close(0.6 * 50 * (df(0.5) + df(1.5) + df(2.5)))


def test_a_grant_at_the_end_of_a_period_counts_from_the_next() -> None:
    assert exact(grant_probability=0.6, grant_lag=1.0) == close(0.6 * 50 * (df(1.5) + df(2.5)))
    assert exact(flat(steps=2), grant_probability=0.6, grant_lag=0.5, life=1.0) == close(0.6 * 25 * df(0.75))


def annuities(name: str, extra: str = "") -> str:
    """10 after five years, 100 after six, 1000 after seven."""
    return f'[fee_schedules."{name}"]\ncurrency = "CNY"\nanchor = "filing"\ndue = [5, 6, 7]\namounts = [10, 100, 1000]\n{extra}\n'


@pytest.mark.parametrize(
    ("name", "extra", "lag", "due"),
    [
        ("CN/annuity", "", 1.5, (0, 100, 1000)),
        ("CN/annuity", "", 2.0, (0, 0, 1000)),
        ("CN/annuity", "", 1.0, (0, 100, 1000)),
        ("CN/annuity", "", 0.9, (10, 100, 1000)),
        ("CN/annuity", "before_grant = true", 1.5, (10, 100, 1000)),
        ("EP/annuity", "", 1.5, (10, 100, 1000)),
        ("EP/annuity", "before_grant = false", 1.5, (0, 100, 1000)),
    ],
)
def test_fees_counted_from_filing_while_the_right_is_pending(name: str, extra: str, lag: float, due: tuple[int, int, int]) -> None:
    asset = {"royalty_rate": 0.0, "filing_date": TODAY - FOUR_YEARS, "fee_schedule": name, "grant_lag": lag, "grant_probability": 0.6}
    chance = [0.6 if t > lag else 1.0 for t in (1, 2, 3)]
    expected = -sum(s * fee * df(t - 0.5) for s, fee, t in zip(chance, due, (1, 2, 3)))
    assert exact(assumptions=annuities(name, extra), **asset) == close(expected)


def test_fees_counted_from_a_grant_to_come() -> None:
    schedule = '[fee_schedules.x]\ncurrency = "CNY"\nanchor = "grant"\ndue = [0.5, 1.5]\namounts = [10, 100]\n'
    expected = -0.6 * (10 * df(1.5) + 100 * df(2.5))
    assert exact(assumptions=schedule, royalty_rate=0.0, fee_schedule="x", grant_lag=1.5, grant_probability=0.6) == close(expected)


# ---------------------------------------------------------------------------------------------------------------- costs and fees


def test_annual_cost_grows_with_time_itself() -> None:
    expected = -8 * sum(1.05**u * df(u) for u in (0.5, 1.5, 2.5))
    assert exact(royalty_rate=0.0, annual_cost=8.0, cost_inflation=0.05) == close(expected)
    ends = -8 * sum(1.05**e * df(e) for e in (1, 2, 3))
    assert exact(flat(mid_period=False), royalty_rate=0.0, annual_cost=8.0, cost_inflation=0.05) == close(ends)


FEES = '[fee_schedules.x]\ncurrency = "CNY"\nanchor = "grant"\ndue = [3, 4, 5, 6, 6.5, 7, 7.5]\namounts = [7, 3, 10, 100, 1000, 10000, 100000]\n'
"""Granted four years ago: the second is due today, the third, the fourth and the sixth at the ends of years, the last after them."""


def test_fees_on_the_borders_of_periods_belong_to_the_period_that_ends_there() -> None:
    asset = {"royalty_rate": 0.0, "grant_date": TODAY - FOUR_YEARS, "fee_schedule": "x"}
    assert exact(assumptions=FEES, **asset) == close(-(10 * df(0.5) + 100 * df(1.5) + 11000 * df(2.5)))
    assert exact(flat(mid_period=False), FEES, **asset) == close(-(10 * df(1) + 100 * df(2) + 11000 * df(3)))
    quarters = -(10 * df(0.875) + 100 * df(1.875) + 1000 * df(2.375) + 10000 * df(2.875))
    assert exact(flat(steps=4), FEES, **asset) == close(quarters)
    assert exact(assumptions=FEES, **{**asset, "life": 2.4}) == close(-(10 * df(0.5) + 100 * df(1.5)))


def test_fee_inflation_counts_from_today_to_the_day_of_the_fee() -> None:
    expected = -0.75 * (10 * 1.03 * df(0.5) + 100 * 1.03**2 * df(1.5) + (1000 * 1.03**2.5 + 10000 * 1.03**3) * df(2.5))
    asset = {"royalty_rate": 0.0, "grant_date": TODAY - FOUR_YEARS, "fee_schedule": "x", "fee_inflation": 0.03, "tax_rate": 0.25}
    assert exact(assumptions=FEES, cost_inflation=0.5, **asset) == close(expected)


def test_fees_are_changed_from_their_own_currency() -> None:
    market = flat(curves={"CNY": {"tenors": [1.0], "rates": [0.1]}, "EUR": {"tenors": [1.0], "rates": [0.2]}}, fx={"USD": 7.0, "EUR": 8.0})
    schedule = FEES.replace("CNY", "USD")
    asset = {"royalty_rate": 0.0, "grant_date": TODAY - FOUR_YEARS, "fee_schedule": "x", "life": 1.0}
    assert exact(market, schedule, **asset) == close(-70 * df(0.5))
    assert exact(market, schedule, currency="EUR", **asset) == close(-70 * df(0.5, 0.2))


def test_fees_that_come_again() -> None:
    schedule = '[fee_schedules.x]\ncurrency = "CNY"\nanchor = "grant"\ndue = [5, 8]\namounts = [10, 100]\nevery = 10\n'
    asset = {"royalty_rate": 0.0, "grant_date": TODAY - 3 * FOUR_YEARS, "fee_schedule": "x"}  # granted 12 years ago
    expected = -(10 * df(2.5) + 100 * df(5.5) + 10 * df(12.5) + 100 * df(15.5) + 10 * df(22.5))
    assert exact(assumptions=schedule, **{**asset, "life": 23.0}) == close(expected)
    assert exact(assumptions=schedule, **{**asset, "life": 22.5}) == close(expected + 10 * df(22.5))


def test_currency_brings_its_own_curve_and_rate() -> None:
    market = flat(curves={"CNY": {"tenors": [1.0], "rates": [0.1]}, "USD": {"tenors": [1.0], "rates": [0.2]}}, fx={"USD": 7.0})
    assert exact(market, currency="USD", life=1.0, annual_cost=8.0) == close(7 * 42 * df(0.5, 0.2))
    assert exact(market, currency="CNY", life=1.0, annual_cost=8.0) == close(42 * df(0.5))
    assert exact(market, life=1.0) == close(50 * df(0.5))


# ---------------------------------------------------------------------------------------------------------------- survival


CURVE = '[survival_curves.x]\nanchor = "filing"\nages = [0, 4, 10]\nsurviving = [1.0, 0.8, 0.2]\n'
"""Falls by 0.05 a year for four years, then by 0.1 a year for six."""
OLD = 500 / 365.25
AT_500 = (1 - 0.05 * OLD, 1 - 0.05 * (OLD + 1), 1 - 0.05 * (OLD + 2), 0.8 - 0.1 * (OLD + 3 - 4))


@pytest.mark.parametrize(
    ("age", "surviving"),
    [
        (1461, (0.7 / 0.8, 0.6 / 0.8, 0.5 / 0.8)),
        (2922, (0.3 / 0.4, 0.2 / 0.4, 0.2 / 0.4)),
        (0, (0.95, 0.9, 0.85)),
        (500, (AT_500[1] / AT_500[0], AT_500[2] / AT_500[0], AT_500[3] / AT_500[0])),
    ],
)
def test_survival_curve_between_its_ages_given_the_age_today(age: int, surviving: tuple[float, float, float]) -> None:
    asset = {"filing_date": TODAY - FOUR_YEARS * age / 1461, "survival_curve": "x"}
    assert exact(assumptions=CURVE, **asset) == close(sum(50 * s * df(u) for s, u in zip(surviving, (0.5, 1.5, 2.5))))
    with_hazard = sum(50 * s * EXP(-0.2 * (u + 0.5)) * df(u) for s, u in zip(surviving, (0.5, 1.5, 2.5)))
    assert exact(assumptions=CURVE, hazard=0.2, **asset) == close(with_hazard)


def test_survival_curve_counts_from_a_grant_to_come() -> None:
    curve = CURVE.replace("filing", "grant")
    surviving = (1.0, 1 - 0.05 * 0.5, 1 - 0.05 * 1.5)
    selling = 50 * (surviving[1] * df(1.5) + surviving[2] * df(2.5))
    assert exact(assumptions=curve, survival_curve="x", grant_lag=1.5) == close(selling)
    assert exact(assumptions=curve, survival_curve="x", grant_lag=1.5, grant_probability=0.6) == close(0.6 * selling)


def test_survival_curve_that_starts_below_one_is_flat_before_its_first_age() -> None:
    curve = '[survival_curves.x]\nanchor = "grant"\nages = [1, 3]\nsurviving = [0.9, 0.5]\n'
    costs = 8 * (1.0 * df(0.5) + 0.9 * df(1.5) + 0.9 * df(2.5) + 0.7 * df(3.5))  # ages −1, 0, 1, 2
    assert exact(assumptions=curve, royalty_rate=0.0, annual_cost=8.0, life=4.0, survival_curve="x", grant_lag=2.0) == close(-costs)


def test_costs_stop_with_the_right() -> None:
    assert exact(hazard=0.2, annual_cost=8.0) == close(sum(42 * EXP(-0.2 * j) * df(j - 0.5) for j in (1, 2, 3)))


# ---------------------------------------------------------------------------------------------------------------- part-periods


def test_a_last_part_of_a_period_earns_its_part_from_its_own_middle() -> None:
    expected = 42 * (df(0.5) + df(1.5) + 0.3 * df(2.15))
    found = one(life=2.3, annual_cost=8.0)
    assert found["closed_form"] == close(expected)
    assert found["expected_life"] == close(2.3)
    ends = 42 * (df(1) + df(2) + 0.3 * df(2.3))
    assert exact(flat(mid_period=False), life=2.3, annual_cost=8.0) == close(ends)
    quarters = 42 * (sum(0.25 * df(t / 4 - 0.125) for t in range(1, 10)) + 0.05 * df(2.275))
    assert exact(flat(steps=4), life=2.3, annual_cost=8.0) == close(quarters)


def test_a_part_period_takes_rates_at_its_own_end() -> None:
    left = EXP(-0.3 * 2.3) * EXP(-0.1 * 2.3) * (EXP(-0.4 * 2.3) + (1 - EXP(-0.4 * 2.3)) * 0.3) * min(1.0, 2.3 / 4)
    before = [EXP(-0.3 * e) * EXP(-0.1 * e) * (EXP(-0.4 * e) + (1 - EXP(-0.4 * e)) * 0.3) * e / 4 for e in (1, 2)]
    expected = 50 * (before[0] * df(0.5) + before[1] * df(1.5) + left * 0.3 * df(2.15))
    assert exact(life=2.3, hazard=0.3, obsolescence=0.1, entry_hazard=0.4, entry_loss=0.7, ramp_years=4.0) == close(expected)


def test_a_life_within_rounding_of_a_whole_number_has_no_extra_period() -> None:
    assert exact(life=2.0000000000001) == close(50 * (df(0.5) + df(1.5)))
    assert exact(flat(steps=12), life=0.1 + 0.2 - 0.05) == close(50 / 12 * sum(df((t - 0.5) / 12) for t in (1, 2, 3)))


def test_life_is_the_first_end_of_law_and_use() -> None:
    half = {"life": None, "expiry_date": TODAY + FOUR_YEARS}
    assert exact(**half) == close(sum(50 * df(j - 0.5) for j in (1, 2, 3, 4)))
    assert exact(economic_life=2.5, **half) == close(50 * (df(0.5) + df(1.5) + 0.5 * df(2.25)))
    assert exact(economic_life=9.0, **half) == close(sum(50 * df(j - 0.5) for j in (1, 2, 3, 4)))
    assert exact(**{**half, "life": 1.0}) == close(50 * df(0.5))


# ---------------------------------------------------------------------------------------------------------------- without end


YEARS = range(1, 2001)


def test_life_without_end_is_two_thousand_years() -> None:
    assert exact(life=None, indefinite=True) == close(sum(50 * df(j - 0.5) for j in YEARS))


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("mid_period", [True, False])
def test_life_without_end_with_growth_decay_and_costs(steps: int, mid_period: bool) -> None:
    growth = [0.02 + 0.08 * EXP(-0.3 * (min(j, 20) - 1)) for j in YEARS]  # the twentieth year's goes on
    expected, revenue = 0.0, 50.0
    for j in YEARS:
        revenue *= 1 + growth[j - 1]
        for s in range(steps):
            e = j - 1 + (s + 1) / steps
            u = e - 0.5 / steps if mid_period else e
            cash = 0.75 * (revenue * EXP(-0.01 * e) - 8 * 1.015**u) / steps
            expected += EXP(-0.02 * e) * cash * df(u, 0.12)
    asset = {"growth": 0.1, "growth_long": 0.02, "growth_fade": 0.3, "obsolescence": 0.01, "hazard": 0.02, "tax_rate": 0.25}
    asset |= {"annual_cost": 8.0, "cost_inflation": 0.015, "discount_premium": 0.02}
    found = exact(flat(steps=steps, mid_period=mid_period), life=None, indefinite=True, **asset)
    assert found == pytest.approx(expected, rel=1e-12)


def test_life_without_end_takes_the_years_written_out_from_life() -> None:
    growth = [0.02 + 0.08 * EXP(-0.3 * (min(j, 5) - 1)) for j in YEARS]
    expected, revenue = 0.0, 50.0
    for j in YEARS:
        revenue *= 1 + growth[j - 1]
        expected += revenue * df(j - 0.5)
    assert exact(life=5.0, indefinite=True, growth=0.1, growth_long=0.02, growth_fade=0.3) == close(expected)


def test_life_without_end_reaches_past_launch_ramp_grant_and_path() -> None:
    late = sum(50 * min(1.0, (j - 15.5) / 8.0) * df(j - 0.5) for j in range(16, 2001))
    assert exact(life=None, indefinite=True, launch_lag=15.5, ramp_years=8.0) == close(late)
    pending = sum(0.6 * EXP(-0.02 * j) * 50 * df(j - 0.5) for j in range(24, 2001))
    assert exact(life=None, indefinite=True, grant_lag=23.0, grant_probability=0.6, hazard=0.02) == close(pending)
    path = [100.0 + 10 * j for j in range(25)]
    revenues = [*path, *(path[-1] * 1.03**n for n in range(1, 1976))]
    assert exact(life=None, indefinite=True, revenue_path=path, growth=0.03) == close(sum(0.05 * r * df(j - 0.5) for j, r in enumerate(revenues, 1)))


def test_life_without_end_pays_official_fees_at_their_mean() -> None:
    schedule = '[fee_schedules.x]\ncurrency = "USD"\nanchor = "grant"\ndue = [5, 8]\namounts = [10, 100]\nevery = 10\n'
    asset = {"right_type": "trademark", "life": None, "indefinite": True, "royalty_rate": 0.0, "fee_schedule": "x"}
    asset |= {"grant_date": TODAY - 3 * FOUR_YEARS, "fee_inflation": 0.03, "cost_inflation": 0.03, "hazard": 0.02}
    written_out = {3: 10 * 1.03**3, 6: 100 * 1.03**6, 13: 10 * 1.03**13, 16: 100 * 1.03**16}
    fees = [written_out.get(j, 0.0) if j <= 20 else 11 * 1.03 ** (j - 0.5) for j in YEARS]
    expected = -sum(7 * fee * EXP(-0.02 * j) * df(j - 0.5) for j, fee in enumerate(fees, 1))
    assert exact(flat(fx={"USD": 7.0}), schedule, **asset) == close(expected)


# ---------------------------------------------------------------------------------------------------------------- premise


PREMISES = """
[premise.orderly.invention_patent]
discount = 0.2
time_to_sell = 1.5
[premise.forced.invention_patent]
discount = 0.6
time_to_sell = 0.25
"""


@pytest.mark.parametrize(("premise", "kept", "years"), [("going_concern", 1.0, 0.0), ("orderly", 0.8, 1.5), ("forced", 0.4, 0.25)])
def test_premise_lowers_the_value_alone(premise: str, kept: float, years: float) -> None:
    options = {"premise": premise, "paths": 50, "quantiles": (0.5,)}
    asset = {"volatility": 0.3, "tax_rate": 0.25, "tab_years": 10, "discount_premium": 0.02}
    plain, found = one(options={**options, "premise": "going_concern"}, assumptions=PREMISES, **asset), one(None, PREMISES, options, **asset)
    tab = 1 / (1 - 0.25 / 10 * sum(df(j - 0.5, 0.12) for j in range(1, 11)))
    assert found["value"] == close(found["mean"] * tab * kept * df(years, 0.12))
    for column in ("mean", "mean_raw", "standard_error", "q50", "expected_shortfall", "closed_form", "tab"):
        assert found[column] == plain[column]


def test_premise_takes_the_assets_own_rate() -> None:
    market = flat(curves={"CNY": {"tenors": [1.0], "rates": [0.1]}, "USD": {"tenors": [1.0, 2.0], "rates": [0.2, 0.3]}}, fx={"USD": 7.0})
    found = one(market, PREMISES, {"premise": "orderly"}, currency="USD")
    assert found["value"] == close(found["mean"] * 0.8 * df(1.5, 0.25))


def test_premise_of_an_asset_that_costs_more_than_it_earns() -> None:
    found = one(None, PREMISES, {"premise": "forced"}, royalty_rate=0.0, annual_cost=8.0, life=1.0)
    assert found["value"] == close(-8 * df(0.5) * 0.4 * df(0.25))
