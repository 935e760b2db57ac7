"""The oracle by hand: each test states a number, or an identity, worked out apart from the code."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
import xxhash

import oracle

TODAY = date(2026, 1, 1)


def market(**changes: Any) -> oracle.Market:
    given: dict[str, Any] = {"currency": "CNY", "valuation_date": TODAY, "curves": {"CNY": ([1.0], [0.1])}} | changes
    return oracle.Market(**given)


def patent(**changes: Any) -> dict[str, Any]:
    return {
        "asset_id": "A",
        "right_type": "invention_patent",
        "revenue": 1000.0,
        "royalty_rate": 0.1,
        "life": 3.0,
    } | changes


def brand(**changes: Any) -> dict[str, Any]:
    return patent(right_type="trademark", life=None, indefinite=True) | changes


def days_before(years: float) -> date:
    """The date that lies so many years of 365.25 days before today (years times 365.25 whole)."""
    return date.fromordinal(TODAY.toordinal() - round(years * 365.25))


def rejected(asset: dict[str, Any], rule: str, m: oracle.Market | None = None, **tables: Any) -> None:
    with pytest.raises(oracle.Rejected, match=rule):
        oracle.vectors(asset, m or market(), **tables)


# --- time, discounting, growth ----------------------------------------------------------------------------------------


def test_a_right_with_a_month_to_live_earns_a_month() -> None:
    v = oracle.vectors(patent(life=1 / 12), market())
    assert v.periods == 1
    assert v.delta.tolist() == [1 / 12]
    assert v.w[0] == pytest.approx(1000 * 0.1 / 12 * 1.1 ** (-1 / 24))


def test_part_periods_and_years() -> None:
    v = oracle.vectors(patent(life=2.375), market(steps_per_year=4))
    assert v.periods == 10
    assert v.e[-1] == 2.375
    assert v.delta[-1] == pytest.approx(0.125)
    assert v.u[-1] == pytest.approx(2.3125)
    assert v.y.tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
    assert oracle.vectors(patent(life=2.0), market(mid_period=False)).u.tolist() == [1, 2]


def test_spot_curve_is_linear_between_tenors_and_flat_outside() -> None:
    m = market(curves={"CNY": ([1.0, 3.0], [0.02, 0.06])}, mid_period=False)
    v = oracle.vectors(patent(life=4.0, discount_premium=0.01), m)
    expected = [100 * (1 + k + 0.01) ** -t for t, k in ((1, 0.02), (2, 0.04), (3, 0.06), (4, 0.06))]
    assert v.w.tolist() == pytest.approx(expected)


def test_growth_fades_to_its_long_rate_and_is_flat_within_a_year() -> None:
    asset = patent(growth=0.2, growth_long=0.05, growth_fade=0.5)
    g1, g2, g3 = 0.2, 0.05 + 0.15 * math.exp(-0.5), 0.05 + 0.15 * math.exp(-1.0)
    assert [oracle.revenue_of_year(asset, y) for y in (1, 2, 3)] == pytest.approx(
        [1000 * (1 + g1), 1000 * (1 + g1) * (1 + g2), 1000 * (1 + g1) * (1 + g2) * (1 + g3)]
    )
    v = oracle.vectors(patent(growth=0.5), market(steps_per_year=2, curves={"CNY": ([1.0], [0.0])}))
    assert v.w.tolist() == pytest.approx([75, 75, 112.5, 112.5, 168.75, 168.75])


def test_revenue_path_then_growth() -> None:
    asset = patent(revenue_path=[10.0, 30.0], growth=0.2, growth_long=0.1, growth_fade=1e9)
    assert [oracle.revenue_of_year(asset, y) for y in (1, 2, 3, 4)] == pytest.approx([10, 30, 36, 39.6])


def test_tax_share_obsolescence_and_fx() -> None:
    m = market(curves={"USD": ([1.0], [0.0])}, fx={"USD": 7.0})
    v = oracle.vectors(patent(currency="USD", tax_rate=0.25, revenue_share=0.5, obsolescence=0.1, life=1.0), m)
    assert v.w[0] == pytest.approx(100 * 0.75 * 0.5 * math.exp(-0.1) * 7)


def test_ramp_starts_after_the_launch_lag() -> None:
    v = oracle.vectors(patent(life=5.0, launch_lag=1.0, ramp_years=3.0), market(curves={"CNY": ([1.0], [0.0])}))
    assert v.w.tolist() == pytest.approx([0, 100 / 3, 200 / 3, 100, 100])
    v = oracle.vectors(patent(life=3.0, launch_lag=1.0), market(curves={"CNY": ([1.0], [0.0])}))
    assert v.w.tolist() == pytest.approx([0, 100, 100])


def test_a_pending_right_sells_and_survives_as_granted() -> None:
    m = market(curves={"CNY": ([1.0], [0.0])})
    v = oracle.vectors(patent(life=4.0, grant_probability=0.6, grant_lag=2.0, hazard=0.1), m)
    assert v.w.tolist() == pytest.approx([0, 0, 100, 100])
    assert v.S.tolist() == pytest.approx([math.exp(-0.1), math.exp(-0.2), 0.6 * math.exp(-0.3), 0.6 * math.exp(-0.4)])


@pytest.mark.parametrize(
    ("method", "columns", "rate"),
    [
        ("excess_earnings", {"margin": 0.3, "contributory_charge": 0.1}, 0.2),
        ("incremental_income", {"margin": 0.3, "contributory_charge": 0.1}, 0.3),
        ("licence", {"margin": 0.3}, 0.1),
        ("project", {"margin": 0.3, "contributory_charge": 0.05}, 0.25),
        ("project", {}, 0.1),
    ],
)
def test_rate_by_method(method: str, columns: dict[str, Any], rate: float) -> None:
    assert oracle.vectors(patent(method=method, **columns), market()).rate == pytest.approx(rate)


# --- life and survival ------------------------------------------------------------------------------------------------


def test_life_is_what_ends_first() -> None:
    expiry = date.fromordinal(TODAY.toordinal() + 1461)  # four years
    assert oracle.vectors(patent(life=None, expiry_date=expiry), market()).e[-1] == 4.0
    assert oracle.vectors(patent(life=None, expiry_date=expiry, economic_life=2.5), market()).e[-1] == 2.5
    assert oracle.vectors(patent(life=None, expiry_date=expiry, right_type="trademark", economic_life=7.0), market()).e[-1] == 7.0


def test_survival_curve_is_conditional_on_todays_age() -> None:
    curve = {"anchor": "grant", "ages": [0.0, 4.0, 8.0], "surviving": [1.0, 0.8, 0.4]}
    asset = patent(life=6.0, survival_curve="c", grant_date=days_before(4))
    v = oracle.vectors(asset, market(), curves={"c": curve})
    assert v.S.tolist() == pytest.approx([x / 0.8 for x in (0.7, 0.6, 0.5, 0.4, 0.4, 0.4)])


def test_a_pending_rights_survival_curve_starts_at_grant() -> None:
    curve = {"anchor": "grant", "ages": [0.0, 4.0], "surviving": [1.0, 0.6]}
    v = oracle.vectors(patent(life=4.0, survival_curve="c", grant_lag=2.0), market(), curves={"c": curve})
    assert v.S.tolist() == pytest.approx([1, 1, 0.9, 0.8])


def test_nothing_survives_to_the_age() -> None:
    curve = {"anchor": "grant", "ages": [0.0, 4.0], "surviving": [1.0, 0.0]}
    rejected(patent(survival_curve="c", grant_date=days_before(8)), "survival_curve", curves={"c": curve})


# --- fees -------------------------------------------------------------------------------------------------------------

FEES = {"currency": "USD", "anchor": "grant", "due": [5.5, 9.5], "amounts": [100.0, 200.0]}


def test_fees_fall_into_the_period_that_ends_at_or_after_them() -> None:
    m = market(fx={"USD": 7.0})
    asset = patent(life=6.0, fee_schedule="US", grant_date=days_before(4), fee_inflation=0.03, tax_rate=0.2)
    v = oracle.vectors(asset, m, schedules={"US": FEES})
    expected = np.zeros(6)
    expected[1] = 100 * 1.03**1.5 * 7 * 0.8 * 1.1**-1.5
    expected[5] = 200 * 1.03**5.5 * 7 * 0.8 * 1.1**-5.5
    assert v.f.tolist() == pytest.approx(expected.tolist())


def test_a_fee_due_now_is_past_and_one_due_at_a_periods_end_is_in_it() -> None:
    schedule = FEES | {"currency": "CNY", "due": [4.0, 5.0]}
    v = oracle.vectors(patent(fee_schedule="s", grant_date=days_before(4)), market(), schedules={"s": schedule})
    assert (v.f > 0).tolist() == [True, False, False]
    assert v.f[0] == pytest.approx(200 * 1.1**-0.5)


def test_a_schedule_with_every_repeats() -> None:
    schedule = {"currency": "CNY", "anchor": "filing", "due": [1.0, 2.0], "amounts": [10.0, 20.0], "every": 4.0}
    asset = patent(fee_schedule="s", filing_date=days_before(4))
    events = oracle.fee_events(asset, market(), {"s": schedule}, 10.0)
    assert sorted(events) == [(1, 10), (2, 20), (5, 10), (6, 20), (9, 10), (10, 20)]


def test_chinese_annuities_are_not_due_before_grant() -> None:
    schedule = {"currency": "CNY", "anchor": "filing", "due": [1.0, 2.0, 3.0, 4.0], "amounts": [9.0] * 4}
    asset = patent(grant_lag=2.0, filing_date=TODAY, life=4.0, grant_probability=0.5)
    for name, due in (("CN/invention_patent", [3, 4]), ("EP/invention_patent", [1, 2, 3, 4])):
        events = oracle.fee_events(asset | {"fee_schedule": name}, market(), {name: schedule}, 4.0)
        assert [time for time, _ in events] == due


def test_pending_grant_fees_count_from_the_grant_to_come() -> None:
    asset = patent(grant_lag=2.0, fee_schedule="US", life=8.0)
    events = oracle.fee_events(asset, market(fx={"USD": 1.0}), {"US": FEES}, 8.0)
    assert [time for time, _ in events] == [7.5]


def test_a_trademarks_renewals_fall_on_its_expiry_date() -> None:
    schedule = {"currency": "CNY", "anchor": "grant", "due": [10.0], "amounts": [500.0], "every": 10.0}
    expiry = date.fromordinal(TODAY.toordinal() + 1461)
    asset = patent(right_type="trademark", expiry_date=expiry, life=30.0, fee_schedule="TM")
    events = oracle.fee_events(asset, market(), {"TM": schedule}, 30.0)
    assert [time for time, _ in events] == [4, 14, 24]


def test_annual_costs_inflate_to_the_middle_of_the_period() -> None:
    v = oracle.vectors(patent(life=1.5, annual_cost=10.0, cost_inflation=0.02), market())
    assert v.f.tolist() == pytest.approx([10 * 1.02**0.5 * 1.1**-0.5, 5 * 1.02**1.25 * 1.1**-1.25])


# --- indefinite life --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("mid_period", [True, False])
def test_indefinite_life_is_a_very_long_explicit_one(steps: int, mid_period: bool) -> None:
    m = market(steps_per_year=steps, mid_period=mid_period)
    common = {
        "growth": 0.2,
        "growth_long": 0.02,
        "growth_fade": 3.0,
        "hazard": 0.08,
        "obsolescence": 0.05,
        "annual_cost": 20.0,
        "cost_inflation": 0.03,
        "launch_lag": 0.5,
        "ramp_years": 2.0,
    }
    endless = oracle.closed_form(oracle.vectors(brand(**common), m))
    long = oracle.closed_form(oracle.vectors(patent(right_type="trademark", **(common | {"life": 100.0})), m))
    assert endless == pytest.approx(long, rel=1e-6)


def test_indefinite_life_with_renewal_fees_is_close_to_a_very_long_explicit_one() -> None:
    """Fees at their mean over the renewal cycle: exact when one is due every year and fees inflate as costs do."""
    schedule = {"currency": "CNY", "anchor": "grant", "due": [0.5], "amounts": [30.0], "every": 1.0}
    common = {"hazard": 0.1, "fee_schedule": "s", "grant_date": TODAY, "fee_inflation": 0.02, "cost_inflation": 0.02}
    endless = oracle.closed_form(oracle.vectors(brand(**common), market(), {"s": schedule}))
    long = oracle.closed_form(oracle.vectors(patent(right_type="trademark", **(common | {"life": 100.0})), market(), {"s": schedule}))
    assert endless == pytest.approx(long, rel=1e-6)


@pytest.mark.parametrize(
    ("schedule", "mean"),
    [
        ({"due": [10.0], "amounts": [500.0], "every": 10.0}, 50.0),
        ({"due": [5.0, 10.0], "amounts": [100.0, 500.0], "every": 10.0}, 60.0),
        ({"due": [6.0, 10.0, 20.0], "amounts": [1.0, 2.0, 400.0]}, 40.0),
        ({"due": [10.0], "amounts": [300.0]}, 30.0),
    ],
)
def test_mean_fee_over_a_renewal_cycle(schedule: dict[str, Any], mean: float) -> None:
    tables = {"s": schedule | {"currency": "USD", "anchor": "grant"}}
    assert oracle.mean_fee(brand(fee_schedule="s"), market(fx={"USD": 2.0}), tables) == pytest.approx(2 * mean)


def test_indefinite_years_reach_past_ramp_grant_and_path() -> None:
    assert oracle.vectors(brand(), market()).periods == 20
    assert oracle.vectors(brand(life=3.2), market()).periods == 4
    assert oracle.vectors(brand(life=1.0, launch_lag=2.5, ramp_years=3.0), market()).periods == 7
    assert oracle.vectors(brand(life=1.0, revenue_path=[1.0, 2.0, 3.0]), market()).periods == 4


def test_perpetuity_by_hand() -> None:
    """Flat cash of 100 at the year's end at 10 %, 2 % growth: 100·1.02/(0.1 − 0.02)."""
    v = oracle.vectors(brand(growth=0.02), market(mid_period=False))
    assert oracle.closed_form(v) == pytest.approx(102 / 0.08)


@pytest.mark.parametrize("growth", [0.1, 0.2])
def test_growth_at_or_above_the_discount_rate_rejects_an_indefinite_life(growth: float) -> None:
    rejected(brand(growth=growth + 1e-12), "indefinite")


# --- project, cost, market --------------------------------------------------------------------------------------------


def test_project_stages() -> None:
    m = market(curves={"CNY": ([1.0], [0.0])})
    asset = patent(
        method="project",
        life=5.0,
        stage_costs=[10.0, 40.0],
        stage_years=[1.0, 1.5],
        stage_probabilities=[0.5, 0.8],
        tax_rate=0.2,
    )
    v = oracle.vectors(asset, m)
    assert v.f.tolist() == pytest.approx([8, 32, 0, 0, 0])
    assert v.S.tolist() == pytest.approx([1, 0.5, 0.5, 0.4, 0.4])
    assert v.w.tolist() == pytest.approx([0, 0, 0, 80, 80])
    assert oracle.closed_form(v) == pytest.approx(-8 - 16 + 0.4 * 160)
    optimal = oracle.vectors(asset | {"renewal": "optimal"}, m)
    assert optimal.decision.tolist() == [True, True, False, False, False]
    # Nothing is uncertain about the level, so the gates change nothing where going on pays.
    assert oracle.solve(optimal).value == pytest.approx(-8 - 16 + 0.4 * 160)


def test_cost_and_market_are_one_lognormal_draw() -> None:
    m = market(curves={"USD": ([1.0], [0.1])}, fx={"USD": 7.0}, steps_per_year=12)
    asset = {
        "asset_id": "K",
        "right_type": "copyright",
        "method": "cost",
        "currency": "USD",
        "replacement_cost": 100.0,
        "functional_obsolescence": 0.2,
        "economic_obsolescence": 0.5,
        "volatility": 0.3,
        "tax_rate": 0.25,
        "tab_years": 10,
        "life": 9.0,
    }
    v = oracle.vectors(asset, m)
    assert (v.periods, v.step, v.S[0], v.f[0]) == (1, 1.0, 1.0, 0.0)
    assert v.w[0] == pytest.approx(280)
    assert oracle.tab_factor(asset, m) == 1.0
    result = oracle.value(asset, m, paths=4000, seed=1)
    assert abs(result["mean"] - 280) < 4 * result["standard_error"]
    assert result["standard_deviation"] == pytest.approx(280 * math.sqrt(math.exp(0.09) - 1), rel=0.1)
    other = asset | {"method": "market", "comparable_price": 50.0, "comparable_adjustment": 0.1}
    assert oracle.vectors(other, m).w[0] == pytest.approx(385)


# --- rejections -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"life": None}, "life"),
        ({"revenue": None}, "revenue"),
        ({"royalty_rate": None}, "rate"),
        ({"expiry_date": days_before(1)}, "expired"),
        ({"expiry_date": TODAY}, "expired"),
        ({"royalty_low": 0.05}, "both or neither"),
        ({"royalty_low": 0.11, "royalty_high": 0.2}, "royalty_low"),
        ({"royalty_low": 0.0, "royalty_high": 0.2, "royalty_rate": 0.0}, "royalty_low"),
        ({"method": "licence", "minimum_guarantee": 2.0, "cap": 1.0}, "cap"),
        ({"method": "licence", "indefinite": True}, "indefinite"),
        ({"indefinite": True, "entry_hazard": 0.1}, "indefinite"),
        ({"method": "excess_earnings", "margin": 0.1, "contributory_charge": 0.2}, "negative"),
        ({"factor_loading": 0.5, "sector": "mining"}, "sector"),
        ({"currency": "EUR"}, "currency"),
        ({"fee_schedule": "unknown"}, "fee_schedule"),
        ({"discount_premium": -1.2}, "discount_premium"),
    ],
)
def test_the_model_rejects(changes: dict[str, Any], rule: str) -> None:
    rejected(patent(**changes), rule)


# --- randomness -------------------------------------------------------------------------------------------------------


def test_xxh64_agrees_with_the_reference_implementation() -> None:
    for length in range(100):
        data = bytes((37 * i + length) % 256 for i in range(length))
        assert oracle.xxh64(data) == xxhash.xxh64(data).intdigest()


def test_words_are_laid_out_as_documented() -> None:
    counter = np.array([2 * 2**28 + 22, 7, 0x89ABCDEF, 0x01234567], dtype=np.uint32)
    expected = oracle.ars(counter, (0xDDDDDDDD, 0xCCCCCCCC, 0, 0), 5)
    got = oracle.word(0xCCCCCCCCDDDDDDDD, 0x0123456789ABCDEF, 2, 22, np.arange(28, 32))
    assert got.tolist() == expected.tolist()


def test_a_path_does_not_depend_on_where_the_block_starts() -> None:
    m = market(steps_per_year=2, factors=("b", "a"), correlation=[[1.0, 0.3], [0.3, 1.0]])
    asset = patent(
        volatility=0.3,
        hazard=0.1,
        sector="a",
        factor_loading=0.6,
        royalty_low=0.05,
        royalty_high=0.2,
        revenue_uncertainty=0.2,
    )
    whole = oracle.simulate(asset, m, paths=50, seed=9)
    part = oracle.simulate(asset, m, paths=20, seed=9, path_from=30)
    assert part.values.tolist() == whole.values[30:].tolist()


def test_thresholds() -> None:
    assert oracle.threshold(1.0) == 2**32
    assert oracle.threshold(0.0) == 0
    assert oracle.threshold(0.5) == 2**31
    # word 0 is u = 2^-33, so it lives only where s is above that
    assert oracle.threshold(2.0**-33) == 0
    assert oracle.threshold(2.0**-32) == 1


def test_factors_are_correlated_in_the_order_of_their_names() -> None:
    correlation = [[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 1.0]]
    m = market(factors=("zinc", "alpha", "mid"), correlation=correlation)
    index = np.arange(20_000)
    zinc, alpha, mid = (oracle.factor_normals(m, name, 5, index, 3)[1] for name in ("zinc", "alpha", "mid"))
    observed = np.corrcoef([zinc, alpha, mid])
    assert observed == pytest.approx(np.array(correlation), abs=4 / math.sqrt(20_000))
    # the first by name is its own stream
    own = oracle.normals(5, oracle.xxh64(b"alpha"), oracle.PURPOSE_FACTOR, 0, 3, index)[1]
    assert alpha.tolist() == own.tolist()
    shuffled = replace(m, factors=("mid", "zinc", "alpha"), correlation=[[1, 0, 0], [0, 1, 0.8], [0, 0.8, 1]])
    assert oracle.factor_normals(shuffled, "zinc", 5, index, 3)[1].tolist() == zinc.tolist()


def test_cholesky_allows_semidefinite_and_refuses_indefinite() -> None:
    assert oracle.cholesky([[1, 1], [1, 1]]).tolist() == [[1, 0], [1, 0]]
    with pytest.raises(ValueError, match="semidefinite"):
        oracle.cholesky([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])


def test_normals_have_the_moments_of_the_normal() -> None:
    z = np.concatenate(oracle.normals(1, 2, 1, 2, 4, np.arange(20_000)))
    n = len(z)
    assert abs(z.mean()) < 4 / math.sqrt(n)
    assert abs((z**2).mean() - 1) < 4 * math.sqrt(2 / n)
    assert abs((z**4).mean() - 3) < 4 * math.sqrt(96 / n)


def test_the_triangular_draw_has_its_mean_and_variance() -> None:
    v = oracle.vectors(patent(royalty_low=0.02, royalty_high=0.3), market())
    m = oracle.triangular(v, (np.arange(100_000) + 0.5) / 100_000)
    low, high = 0.2, 3.0
    assert m.mean() == pytest.approx((low + 1 + high) / 3, rel=1e-6)
    assert m.var() == pytest.approx((low**2 + 1 + high**2 - low - high - low * high) / 18, rel=1e-5)
    assert (m.min() > low, m.max() < high) == (True, True)


# --- closed form against simulation -----------------------------------------------------------------------------------

FEATURES: dict[str, dict[str, Any]] = {
    "plain": {},
    "volatile": {"volatility": 0.3},
    "uncertain level": {"revenue_uncertainty": 0.4, "volatility": 0.2},
    "factor": {"volatility": 0.3, "factor_loading": -0.6, "sector": "pharma"},
    "lapse": {"hazard": 0.2, "annual_cost": 15.0, "volatility": 0.2},
    "rival": {"entry_hazard": 0.3, "entry_loss": 0.7, "volatility": 0.2, "hazard": 0.1},
    "royalty range": {"royalty_low": 0.02, "royalty_high": 0.15, "volatility": 0.1},
    "royalty range at an edge": {"royalty_low": 0.1, "royalty_high": 0.25},
    "pending": {"grant_lag": 1.5, "grant_probability": 0.6, "annual_cost": 12.0},
    "all": {
        "volatility": 0.25,
        "revenue_uncertainty": 0.3,
        "factor_loading": 0.5,
        "sector": "software",
        "hazard": 0.05,
        "entry_hazard": 0.2,
        "entry_loss": 0.5,
        "royalty_low": 0.05,
        "royalty_high": 0.2,
        "annual_cost": 9.0,
        "growth": 0.1,
        "ramp_years": 2.0,
    },
}


@pytest.mark.parametrize("feature", FEATURES)
def test_simulated_mean_and_variance_are_the_analytic_ones(feature: str) -> None:
    m = market(steps_per_year=4, factors=("software", "pharma"), correlation=[[1.0, 0.4], [0.4, 1.0]])
    asset = patent(asset_id=feature, life=4.5, **FEATURES[feature])
    v = oracle.vectors(asset, m)
    sample = oracle.simulate(asset, m, paths=8000, seed=11, vectors=v)
    figures = oracle.statistics(sample.values, sample.alive_time)
    mean, variance = oracle.closed_form(v), oracle.closed_form_variance(v)
    assert mean is not None
    assert variance is not None
    assert abs(figures["mean_raw"] - mean) <= 4 * figures["standard_error"] + 1e-9
    squares = (sample.values - mean) ** 2
    assert abs(squares.mean() - variance) <= 5 * squares.std() / math.sqrt(len(squares)) + 1e-6
    life = float(np.sum(v.S * v.delta))
    assert abs(sample.expected_life - life) <= 4 * sample.alive_time.std() / math.sqrt(8000) + 1e-9


def test_closed_form_with_a_rival_by_hand() -> None:
    v = oracle.vectors(patent(life=1.0, entry_hazard=0.5, entry_loss=0.4, hazard=0.2), market(mid_period=False))
    entered = 1 - math.exp(-0.5)
    assert oracle.closed_form(v) == pytest.approx(math.exp(-0.2) * 100 / 1.1 * (1 - 0.4 * entered))


def test_a_licence_is_clamped_before_its_costs() -> None:
    m = market(curves={"CNY": ([1.0], [0.0])})
    asset = patent(
        method="licence",
        life=3.0,
        launch_lag=1.0,
        minimum_guarantee=90.0,
        cap=110.0,
        revenue_share=0.5,
        volatility=0.5,
        tax_rate=0.2,
    )
    v = oracle.vectors(asset, m)
    assert v.lo.tolist() == pytest.approx([0, 72, 72])
    assert v.hi.tolist() == [math.inf, pytest.approx(88), pytest.approx(88)]
    assert oracle.closed_form(v) is None
    sample = oracle.simulate(asset, m, paths=500, seed=1, vectors=v)
    assert sample.values.min() == pytest.approx(144)
    assert sample.values.max() == pytest.approx(176)
    assert oracle.closed_form(oracle.vectors(patent(method="licence"), m)) is not None


# --- the boundary -----------------------------------------------------------------------------------------------------


def test_the_last_boundary_is_where_cash_meets_salvage() -> None:
    v = oracle.vectors(patent(renewal="optimal", salvage=30.0, annual_cost=20.0, volatility=0.3), market())
    b0, b1 = oracle.boundary(v)
    assert b0[-1] == pytest.approx((v.salvage[-1] + v.f[-1]) / v.w[-1], rel=1e-9)
    assert b1.tolist() == b0.tolist()


def test_two_periods_by_quadrature() -> None:
    """b_1 where w_1 L − f_1 + S_2/S_1·E[max(0, w_2 L X − f_2)] = 0, the expectation being Black and Scholes'."""
    v = oracle.vectors(patent(life=2.0, renewal="optimal", annual_cost=110.0, volatility=0.4, hazard=0.1), market())

    def phi(x: float) -> float:
        return 0.5 * math.erfc(-x / math.sqrt(2))

    def stay(level: float) -> float:
        d = (math.log(v.w[1] * level / v.f[1]) + 0.08) / 0.4
        call = v.w[1] * level * phi(d) - v.f[1] * phi(d - 0.4)
        return float(v.w[0] * level - v.f[0] + v.S[1] / v.S[0] * call)

    b0, _ = oracle.boundary(v, nodes=64)
    assert abs(stay(b0[0])) < 1e-3
    assert b0[0] < v.f[0] / v.w[0]  # the option to go on is worth something
    coarse, _ = oracle.boundary(v, nodes=16)
    assert coarse[0] == pytest.approx(b0[0], rel=1e-4)


def test_only_decision_dates_have_a_boundary() -> None:
    schedule = {"currency": "CNY", "anchor": "grant", "due": [1.5], "amounts": [60.0]}
    v = oracle.vectors(patent(renewal="optimal", fee_schedule="s", grant_date=TODAY, volatility=0.3), market(), {"s": schedule})
    b0, _ = oracle.boundary(v)
    assert (b0 > 0).tolist() == [False, True, False]


def test_an_asset_that_only_costs_is_given_up_at_once() -> None:
    asset = patent(renewal="optimal", revenue=0.0, annual_cost=1.0, volatility=0.2)
    v = oracle.vectors(asset, market())
    assert np.isinf(oracle.boundary(v)[0]).all()
    sample = oracle.simulate(asset, market(), paths=10, seed=1)
    assert sample.values.tolist() == [0.0] * 10
    assert sample.expected_life == 0.0


def test_a_rival_that_takes_everything_makes_the_owner_leave() -> None:
    asset = patent(renewal="optimal", annual_cost=10.0, volatility=0.2, entry_hazard=0.3, entry_loss=1.0, life=6.0)
    v = oracle.vectors(asset, market())
    sample = oracle.simulate(asset, market(), paths=4000, seed=2, vectors=v)
    value = oracle.solve(v).value
    assert abs(sample.values.mean() - value) < 4 * sample.values.std() / math.sqrt(4000)
    assert sample.values.min() >= -1e-9 - v.f.sum()


@pytest.mark.parametrize("volatility", [0.0, 0.3])
@pytest.mark.parametrize("entry_loss", [0.6, 1.0])
@pytest.mark.parametrize("method", ["relief_from_royalty", "licence"])
def test_simulated_value_under_the_boundary_is_the_programmes_value(volatility: float, entry_loss: float, method: str) -> None:
    """Rival, range, level uncertainty, clamps and lapse together: the sampled mean is the programme's expectation."""
    asset = patent(
        renewal="optimal",
        method=method,
        annual_cost=60.0,
        volatility=volatility,
        entry_hazard=0.2,
        entry_loss=entry_loss,
        life=5.0,
        royalty_low=0.02,
        royalty_high=0.2,
        revenue_uncertainty=0.3,
        hazard=0.05,
        salvage=25.0,
        cap=140.0,
        minimum_guarantee=20.0,
    )
    v = oracle.vectors(asset, market())
    solution = oracle.solve(v, nodes=16)
    sample = oracle.simulate(asset, market(), paths=10_000, seed=4, boundary=(solution.b0, solution.b1), vectors=v)
    error = sample.values.std() / 100
    assert abs(sample.values.mean() - solution.value) < 4 * error
    # and the rule is no worse than never leaving, or leaving at doubled thresholds
    never = oracle.simulate(asset, market(), paths=10_000, seed=4, boundary=(0 * v.w, 0 * v.w), vectors=v)
    early = oracle.simulate(asset, market(), paths=10_000, seed=4, boundary=(2 * solution.b0, 2 * solution.b1), vectors=v)
    for other in (never, early):
        gap = sample.values - other.values
        assert gap.mean() > -3 * gap.std() / 100
    assert (solution.b0 >= 0).all()


def test_salvage_is_received_on_abandonment_only() -> None:
    m = market(curves={"CNY": ([1.0], [0.0])})
    asset = patent(life=2.0, renewal="optimal", salvage=500.0)
    sample = oracle.simulate(asset, m, paths=5, seed=1)
    # A year's cash first, then salvage instead of the last year's cash: nothing is lost by waiting at a rate of 0.
    assert sample.values.tolist() == [600.0] * 5
    assert sample.abandoned.tolist() == [2] * 5
    kept = oracle.simulate(asset | {"salvage": 50.0}, m, paths=5, seed=1)
    assert kept.values.tolist() == [200.0] * 5  # never at expiry
    owned = oracle.simulate(asset | {"renewal": "always"}, m, paths=5, seed=1)
    assert owned.values.tolist() == [200.0] * 5


# --- statistics and totals --------------------------------------------------------------------------------------------


def test_statistics_by_hand() -> None:
    values = np.array([4.0, -1.0, 3.0, 2.0, 0.0])
    got = oracle.statistics(values, np.ones(5), quantiles=(0.5, 0.3), tail=0.4)
    assert got["mean_raw"] == 1.6
    assert got["standard_deviation"] == pytest.approx(np.std(values, ddof=1))
    assert got["quantiles"] == {0.5: 2.0, 0.3: pytest.approx(0.4)}
    assert got["expected_shortfall"] == -0.5
    assert got["probability_of_loss"] == 0.2
    assert oracle.statistics(np.array([3.0]), 1.0)["standard_deviation"] == 0.0


def test_quantiles_equal_numpys_bit_for_bit() -> None:
    rng = np.random.default_rng(1)
    for n in (1, 2, 3, 10, 101, 1000):
        values = np.sort(rng.normal(size=n))
        for alpha in (0.0, 0.01, 0.05, 0.25, 1 / 3, 0.5, 0.75, 0.95, 0.999, 1.0):
            assert oracle.quantile(values, alpha) == np.quantile(values, alpha)


def test_expected_shortfall_counts_ties_at_its_edge() -> None:
    values = np.array([1.0, 2.0, 2.0, 2.0, 5.0])
    assert oracle.statistics(values, 1.0, tail=0.6)["expected_shortfall"] == pytest.approx(5 / 3)


def test_striped_sum_keeps_the_documented_order() -> None:
    values = np.random.default_rng(2).normal(size=100) * 10.0 ** np.arange(100) ** 0.5
    stripes = [0.0] * 16
    for p, x in enumerate(values):
        stripes[p % 16] += float(x)
    while len(stripes) > 1:
        half = len(stripes) // 2
        stripes = [stripes[i] + stripes[i + half] for i in range(half)]
    assert oracle.striped_sum(values) == stripes[0]


def test_totals_are_exact_and_independent_of_order() -> None:
    rng = np.random.default_rng(3)
    parts = [rng.normal(size=7) * 10.0**k for k in range(-5, 14)]
    forward, backward = oracle.totals(parts), oracle.totals(parts[::-1])
    assert forward == backward
    assert all(isinstance(x, int) for x in forward)
    assert oracle.totals([np.array([0.0000005, 0.0000015, -2.5e-6])]) == [0, 2, -2]  # ties to even
    with pytest.raises(oracle.Rejected):
        oracle.totals([np.array([4e22])])


def test_value_adds_tab_and_premise() -> None:
    m = market()
    asset = patent(tax_rate=0.25, tab_years=2)
    plain = oracle.value(asset, m, paths=4, seed=1)
    factor = 1 / (1 - 0.125 * (1.1**-0.5 + 1.1**-1.5))
    assert plain["value"] == pytest.approx(plain["mean"] * factor)
    assert plain["tab"] == pytest.approx(plain["mean"] * (factor - 1))
    forced = oracle.value(asset, m, paths=4, seed=1, premise=(0.3, 0.5))
    assert forced["value"] == pytest.approx(plain["value"] * 0.7 * 1.1**-0.5)
    assert forced["tab"] == plain["tab"]
    loss = oracle.value(asset | {"annual_cost": 500.0}, m, paths=4, seed=1)
    assert (loss["value"], loss["tab"]) == (loss["mean"], 0.0)


def test_tolerance_doubles_the_paths() -> None:
    asset = patent(volatility=0.5)
    got = oracle.value(asset, market(), paths=100, seed=1, tolerance=0.02, max_paths=100_000)
    assert got["paths"] in {100 * 2**k for k in range(1, 10)}
    assert got["standard_error"] <= 0.02 * got["mean"]
    for most, paths in ((150, 100), (399, 200), (400, 400)):
        assert oracle.value(asset, market(), paths=100, seed=1, tolerance=1e-9, max_paths=most)["paths"] == paths


def test_a_tolerance_is_met_or_what_stops_it() -> None:
    errors: dict[int, tuple[float, float] | None] = {10: (-2.0, 0.3), 20: (-2.0, 0.2), 40: (-2.0, 0.1), 80: None}
    assert oracle.grown(errors.get, 10, None, None) == 10
    assert oracle.grown(errors.get, 10, 0.15, 80) == 10
    assert oracle.grown(errors.get, 10, 0.1, 80) == 20
    assert oracle.grown(errors.get, 10, 0.09, 39) == 20
    assert oracle.grown(errors.get, 10, 0.01, 80) == 40
    assert oracle.grown(lambda paths: (0.0, 0.0), 10, 0.01, 80) == 10


def test_a_heavy_tail_is_said_and_its_error_is_analytic() -> None:
    asset = patent(volatility=0.9)
    got = oracle.value(asset, market(), paths=100, seed=1)
    variance = oracle.closed_form_variance(oracle.vectors(asset, market()))
    assert got["status"] == "heavy_tail"
    assert variance is not None
    assert got["standard_error"] == math.sqrt(variance / 100)
