"""The known pitfalls of model.md §11 that relief from royalty can fall into: each test fails in who does.

The expected numbers are worked out here, by hand, and not taken from the engine. The asset earns 50 a year for three years at 10 %,
unless said otherwise. Pitfall 10 is of licences.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from commandline import run, table
from valued import ASSET, FOUR_YEARS, TODAY, checked, exact, flat, one, result

EXP = math.exp
STEPS = pytest.mark.parametrize("steps", [1, 4, 12])


def close(expected: float) -> Any:
    """Equal but for the rounding of a few operations."""
    return pytest.approx(expected, rel=1e-13, abs=1e-13)


def df(u: float, k: float = 0.1) -> float:
    return float((1 + k) ** -u)


# ------------------------------------------------------------------------------------ 1  tax amortisation over the statutory life


@pytest.mark.parametrize(("tab_years", "life"), [(15, 3.0), (15, 30.0), (10, 3.0), (2, 3.0), (2, 0.5)])
@pytest.mark.parametrize("steps", [1, 12])
def test_1_tax_amortisation_runs_over_the_statutory_life(tab_years: int, life: float, steps: int) -> None:
    found = one(flat(steps=steps), life=life, tax_rate=0.25, tab_years=tab_years)
    annuity = (1 - 1.1**-tab_years) / 0.1 * 1.1**0.5
    factor = 1 / (1 - 0.25 / tab_years * annuity)
    assert found["value"] == close(found["mean"] * factor)
    assert found["tab"] == close(found["mean"] * (factor - 1))


def test_1_no_tax_amortisation_without_statutory_life_or_tax() -> None:
    for cells in ({"tax_rate": 0.25}, {"tax_rate": 0.0, "tab_years": 15}):
        found = one(**cells)
        assert (found["tab"], found["value"]) == (0.0, found["mean"])


def test_1_tax_amortisation_of_something_worth_less_than_nothing() -> None:
    found = one(royalty_rate=0.0, annual_cost=8.0, tax_rate=0.25, tab_years=15, life=1.0)
    assert found["mean"] == close(-6 * df(0.5))
    assert (found["tab"], found["value"]) == (0.0, found["mean"])
    nothing = one(royalty_rate=0.0, tax_rate=0.25, tab_years=15)
    assert (nothing["mean"], nothing["tab"], nothing["value"]) == (0.0, 0.0, 0.0)


def test_1_the_distribution_and_the_totals_are_before_tax_amortisation() -> None:
    asset = {**ASSET, "volatility": 0.3, "tax_rate": 0.25}
    options: dict[str, Any] = {"paths": 64, "quantiles": (0.5,)}
    without, found = result([asset], **options), result([{**asset, "tab_years": 15}], **options)
    for column in ("mean", "mean_raw", "standard_error", "standard_deviation", "q50", "expected_shortfall", "closed_form"):
        assert found.assets[column].to_pylist() == without.assets[column].to_pylist()
    assert found.totals.equals(without.totals)
    assert found.groups["mean"].to_pylist() == without.groups["mean"].to_pylist()
    (value,), (raw,) = found.groups["value"].to_pylist(), found.assets["value"].to_pylist()
    assert value == pytest.approx(raw, abs=1e-6)
    assert value > 1.1 * found.groups["mean"][0].as_py()


def test_1_relief_of_more_than_the_price_gives_no_negative_value() -> None:
    """Tax 90 % at −40 %: the relief on each unit paid is worth 1.55 units, so no price is high enough and 1/(1 − 1.55) is no factor."""
    assert 0.9 / 2 * (df(0.5, -0.4) + df(1.5, -0.4)) > 1.5
    cells = {"tax_rate": 0.9, "tab_years": 2, "discount_premium": -0.5, "life": 1.0}
    good = {**ASSET, "asset_id": "good"}
    for row in result([{**ASSET, **cells}, good]).assets.to_pylist():  # rejected, or without the benefit
        assert row["value"] >= row["mean"] > 0


# ------------------------------------------------------------------------------------ 2  survival curves and optimal renewal


RENEWALS = """
[defaults.invention_patent]
survival_curve = "x"

[defaults.design]
survival_curve = "x"
renewal = "optimal"

[survival_curves.x]
anchor = "filing"
ages = [0, 5]
surviving = [1.0, 0.5]
"""


def test_2_a_curve_of_renewals_fills_no_row_whose_owner_chooses() -> None:
    asset = {"filing_date": TODAY, "annual_cost": 1.0}
    always = one(assumptions=RENEWALS, **asset)
    assert always["closed_form"] == close(49 * (0.9 * df(0.5) + 0.8 * df(1.5) + 0.7 * df(2.5)))
    assert "survival_curve" in always["filled"]
    chooses = one(assumptions=RENEWALS, options={"paths": 1000}, renewal="optimal", **asset)
    assert chooses["mean"] == close(49 * (df(0.5) + df(1.5) + df(2.5)))
    assert chooses["expected_life"] == close(3.0)
    assert "survival_curve" not in chooses["filled"]


def test_2_nor_where_the_assumptions_say_that_the_owner_chooses() -> None:
    chooses = one(assumptions=RENEWALS, options={"paths": 1000}, right_type="design", filing_date=TODAY, annual_cost=1.0)
    assert chooses["mean"] == close(49 * (df(0.5) + df(1.5) + df(2.5)))
    assert chooses["filled"] == "design: renewal"


def test_2_a_curve_that_the_row_names_is_used() -> None:
    paths = 20_000
    found = one(assumptions=RENEWALS, options={"paths": paths}, renewal="optimal", survival_curve="x", filing_date=TODAY, annual_cost=1.0)
    years = 0.9 + 0.8 + 0.7
    variance = 0.1 * 0 + 0.1 * 1 + 0.1 * 4 + 0.7 * 9 - years**2
    assert abs(found["expected_life"] - years) < 5 * math.sqrt(variance / paths)
    assert abs(found["mean"] - 49 * (0.9 * df(0.5) + 0.8 * df(1.5) + 0.7 * df(2.5))) < 5 * found["standard_error"]


def test_2_hazard_applies_whoever_chooses() -> None:
    paths = 20_000
    found = one(assumptions=RENEWALS, options={"paths": paths}, renewal="optimal", hazard=0.2, filing_date=TODAY, annual_cost=1.0)
    expected = 49 * sum(EXP(-0.2 * j) * df(j - 0.5) for j in (1, 2, 3))
    assert abs(found["mean"] - expected) < 5 * found["standard_error"]


def test_2_holds_for_the_assumptions_that_ship() -> None:
    dated = {**ASSET, "jurisdiction": "US", "filing_date": date(2022, 1, 1), "grant_date": date(2024, 1, 1), "growth": 0.0}
    rows = [{**dated, "asset_id": name, "renewal": name} for name in ("always", "optimal")]
    filled = dict(zip(*(result(rows, flat(fx={"USD": 7.0}), shipped=True).assets[name].to_pylist() for name in ("asset_id", "filled"))))
    assert "survival_curve" in filled["always"]
    assert "survival_curve" not in filled["optimal"]
    assert "fee_schedule" in filled["optimal"]


# ------------------------------------------------------------------------------------ 3  the same risk, or decline, twice


SAME_RISK = [{"hazard": 0.3, "discount_premium": 0.3}, {"grant_probability": 0.3, "grant_lag": 1.0, "discount_premium": 0.3}]
SAME_DECLINE = {"growth": -0.3, "obsolescence": 0.3}
INNOCENT = [{}, {"hazard": 0.3}, {"discount_premium": 0.3}, {"growth": -0.3}, {"obsolescence": 0.3}, {"growth": 0.3, "obsolescence": 0.3},
            {"hazard": 0.001, "discount_premium": 0.3}, {"hazard": 0.3, "obsolescence": 0.3},
            {"growth": -0.001, "obsolescence": 0.3}]  # fmt: skip


def rows_with(*cells: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**ASSET, "asset_id": f"r{i}", "tax_rate": 0.25, **each} for i, each in enumerate(cells)]


def about(warnings: Any, *words: str) -> list[str]:
    """The warnings that have all the words."""
    return [one for one in warnings if all(word in one for word in words)]


def test_3_the_same_risk_twice_is_warned_about_with_the_number_of_rows() -> None:
    rows = rows_with(*SAME_RISK, *INNOCENT)
    for warnings in (checked(rows).warnings, result(rows).manifest["warnings"]):
        (found,) = about(warnings, "hazard", "discount_premium")
        assert "2" in found.split()
        assert not about(warnings, "growth", "obsolescence")


def test_3_the_same_decline_twice_is_warned_about_with_the_number_of_rows() -> None:
    rows = rows_with(SAME_DECLINE, SAME_DECLINE, SAME_DECLINE, *INNOCENT)
    for warnings in (checked(rows).warnings, result(rows).manifest["warnings"]):
        (found,) = about(warnings, "growth", "obsolescence")
        assert "3" in found.split()
        assert not about(warnings, "hazard", "discount_premium")


def test_3_no_warning_where_nothing_is_counted_twice() -> None:
    rows = rows_with(*INNOCENT)
    assert not checked(rows).warnings
    assert not result(rows).manifest["warnings"]


def test_3_what_the_assumptions_fill_counts_too() -> None:
    warnings = checked(rows_with({"hazard": 0.3}), assumptions="[defaults.invention_patent]\ndiscount_premium = 0.3\n").warnings
    assert len(about(warnings, "hazard", "discount_premium")) == 1


def test_3_the_commands_say_so_on_stderr(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(table(rows_with(*SAME_RISK, SAME_DECLINE)), "risky.parquet")
    (tmp_path / "none.toml").write_text("")
    (tmp_path / "market.toml").write_text('currency = "CNY"\nvaluation_date = 2026-01-01\n[curves.CNY]\ntenors = [1]\nrates = [0.1]\n')
    for command in (("check", "risky.parquet"), ("value", "risky.parquet", "--out", "out", "--paths", "8")):
        ran = run(*command, "--assumptions", "none.toml")
        assert ran.code == 0
        said = " ".join(ran.err.split())  # however long the lines are
        for word in ("hazard", "discount_premium", "growth", "obsolescence"):
            assert word in said, ran


# ------------------------------------------------------------------------------------ 4  one product's revenue


def test_4_revenue_shares_divide_a_product_among_its_patents() -> None:
    shares = {"a": 0.5, "b": 0.3, "c": 0.2}
    tax = {"tax_rate": 0.25, "tab_years": 10}
    family = result([{**ASSET, **tax, "asset_id": name, "revenue_share": share} for name, share in shares.items()])
    whole = one(**tax)
    values = dict(zip(family.assets["asset_id"].to_pylist(), family.assets["value"].to_pylist()))
    for name, share in shares.items():
        assert values[name] == close(share * whole["value"])
    (group,) = family.groups.to_pylist()
    assert group["value"] == pytest.approx(whole["value"], abs=3e-6)
    assert group["mean"] == pytest.approx(whole["mean"], abs=3e-6)


def test_4_a_path_of_revenue_is_shared_too() -> None:
    assert exact(revenue_path=[1000.0, 2000.0], revenue_share=0.25, life=2.0) == close(12.5 * df(0.5) + 25 * df(1.5))


# ------------------------------------------------------------------------------------ 5  nominal and real, tax


def test_5_nominal_growth_meets_nominal_rates_once() -> None:
    nominal = exact(growth=0.03)
    assert nominal == close(sum(50 * 1.03**j * df(j - 0.5) for j in (1, 2, 3)))
    real = exact(flat(1.1 / 1.03 - 1))  # without inflation on either side, but for the half year from its start to the middle
    assert nominal == close(real * 1.03**0.5)


def test_5_nothing_grows_that_is_not_told_to() -> None:
    assert exact(annual_cost=8.0) == close(42 * (df(0.5) + df(1.5) + df(2.5)))


def test_5_tax_is_taken_once_and_only_where_it_is_named() -> None:
    untaxed = 42 * (df(0.5) + df(1.5) + df(2.5))
    for tax in (0.0, 0.25, 0.4):
        assert exact(annual_cost=8.0, tax_rate=tax) == close((1 - tax) * untaxed)
    salvaged = one(royalty_rate=0.0, salvage=1000.0, annual_cost=8.0, renewal="optimal", tax_rate=0.25)
    assert salvaged["mean"] == close(1000 * df(1))  # salvage is what is left after tax


# ------------------------------------------------------------------------------------ 6  when money comes


def test_6_the_middle_of_the_period_is_meant_for_cash_and_tax_amortisation_alike() -> None:
    cells = {"life": 1.0, "tax_rate": 0.25, "tab_years": 2}
    middle, end = one(flat(mid_period=True), **cells), one(flat(mid_period=False), **cells)
    assert middle["value"] == close(37.5 * df(0.5) / (1 - 0.125 * (df(0.5) + df(1.5))))
    assert end["value"] == close(37.5 * df(1) / (1 - 0.125 * (df(1) + df(2))))


@STEPS
def test_6_tax_is_paid_by_the_year_whatever_the_periods(steps: int) -> None:
    found = one(flat(steps=steps), tax_rate=0.25, tab_years=2)
    assert found["value"] / found["mean"] == close(1 / (1 - 0.125 * (df(0.5) + df(1.5))))


@STEPS
@pytest.mark.parametrize("mid_period", [True, False])
def test_6_salvage_is_money_of_the_periods_end(steps: int, mid_period: bool) -> None:
    """Costs far above its income: given up in the first period on every path."""
    cells = {"annual_cost": 5000.0, "salvage": 700.0, "renewal": "optimal", "volatility": 0.2}
    found = one(flat(steps=steps, mid_period=mid_period), options={"paths": 64, "quantiles": (0.0, 1.0)}, **cells)
    assert found["mean"] == found["value"] == close(700 * df(1 / steps))
    assert found["q00"] == found["q100"] == close(700 * df(1 / steps))
    assert (found["expected_life"], found["standard_deviation"], found["probability_of_loss"]) == (0.0, 0.0, 0.0)


def test_6_salvage_of_a_part_period_comes_at_its_own_end() -> None:
    assert one(annual_cost=5000.0, salvage=700.0, renewal="optimal", life=0.3)["mean"] == close(700 * df(0.3))


def test_6_salvage_is_not_received_at_expiry_nor_without_the_choice() -> None:
    lives = 50 * (df(0.5) + df(1.5) + df(2.5))
    assert exact(salvage=1000.0) == close(lives)
    # worth keeping to the last: 50 in the last year are more than 20 at its end
    assert one(salvage=20.0, renewal="optimal")["mean"] == close(lives)


# ------------------------------------------------------------------------------------ 7  all rates are annual


@STEPS
def test_7_growth_is_annual(steps: int) -> None:
    assert exact(flat(0.0, steps), growth=0.2) == close(50 * (1.2 + 1.2**2 + 1.2**3))
    ends = sum(50 / steps * 1.2 ** math.ceil(t / steps) * df(t / steps) for t in range(1, 3 * steps + 1))
    assert exact(flat(steps=steps, mid_period=False), growth=0.2) == close(ends)


def test_7_steps_change_the_mean_by_the_discounting_within_the_year_alone() -> None:
    cells = {"growth": 0.2, "annual_cost": 8.0, "cost_inflation": 0.0, "tax_rate": 0.25, "volatility": 0.3}
    values = [exact(flat(steps=steps), **cells) for steps in (1, 4, 12)]
    # the mean of 1.1^-u over a year is above that of its middle by (ln 1.1)²/24
    assert max(values) / min(values) - 1 < math.log(1.1) ** 2 / 24
    still = [exact(flat(0.0, steps), **cells) for steps in (1, 4, 12)]
    assert still == [close(0.75 * (60 + 72 + 86.4 - 24))] * 3


@STEPS
@pytest.mark.parametrize(("rate", "left"), [("hazard", 0.0), ("obsolescence", 0.0), ("entry_hazard", 0.4)])
def test_7_hazards_are_annual(steps: int, rate: str, left: float) -> None:
    """By hand, and within half a period of the same in continuous time."""
    cells = {rate: 0.3} | ({"entry_loss": 1 - left} if left else {})
    found = exact(flat(0.0, steps), **cells)
    assert found == close(sum(50 / steps * (left + (1 - left) * EXP(-0.3 * t / steps)) for t in range(1, 3 * steps + 1)))
    continuous = 50 * (3 * left + (1 - left) * (1 - EXP(-0.9)) / 0.3)
    assert 0 <= 1 - found / continuous <= 0.3 * 0.5 / steps


@STEPS
def test_7_expected_life_is_in_years(steps: int) -> None:
    paths = 20_000
    found = one(flat(steps=steps), options={"paths": paths}, hazard=0.3)
    expected = sum(EXP(-0.3 * t / steps) / steps for t in range(1, 3 * steps + 1))
    assert abs(found["expected_life"] - expected) < 5 * 1.5 / math.sqrt(paths)  # no life of 0 to 3 years varies by more than 1.5


@STEPS
def test_7_volatility_is_annual(steps: int) -> None:
    """Only the last period of four years earns: its logarithm has standard deviation 0.3·√4 and mean −½·0.6²."""
    paths = 20_000
    cells = {"life": 4.0, "launch_lag": 4.0 - 0.5 / steps, "volatility": 0.3}
    found = one(flat(steps=steps), options={"paths": paths, "quantiles": (0.5,)}, **cells)
    median_error = 0.6 * math.sqrt(math.pi / 2 / paths)
    assert abs(math.log(found["q50"] / found["closed_form"]) + 0.18) < 4 * median_error
    assert found["closed_form"] == close(50 / steps * df(4 - 0.5 / steps))


@STEPS
def test_7_years_count_for_the_heavy_tail_not_periods(steps: int) -> None:
    cells = {"life": 9.0, "launch_lag": 9.0 - 0.5 / steps}
    found = one(flat(steps=steps), options={"paths": 100}, volatility=0.5, **cells)
    assert found["status"] == "heavy_tail"
    assert found["standard_error"] * 10 / found["closed_form"] == pytest.approx(math.sqrt(EXP(0.25 * 9) - 1), rel=1e-12)
    assert one(flat(steps=steps), options={"paths": 100}, volatility=0.45, **cells)["status"] == "ok"


@STEPS
def test_7_a_right_with_a_month_to_live_earns_a_month(steps: int) -> None:
    assert exact(flat(steps=steps), life=1 / 12) == close(50 / 12 * df(1 / 24))
    assert exact(flat(steps=steps, mid_period=False), life=1 / 12) == close(50 / 12 * df(1 / 12))
    month = {"life": None, "expiry_date": TODAY + timedelta(days=30)}
    found = one(flat(steps=steps), **month)
    assert found["closed_form"] == close(50 * 30 / 365.25 * df(15 / 365.25))
    assert found["expected_life"] == close(30 / 365.25)


@STEPS
def test_7_annual_costs_and_lives_end_within_a_period(steps: int) -> None:
    assert exact(flat(0.0, steps), life=2.3, annual_cost=8.0) == close(42 * 2.3)
    assert exact(flat(0.0, steps), life=2.3, growth=0.1) == close(50 * (1.1 + 1.21 + 0.3 * 1.331))


# ------------------------------------------------------------------------------------ 8  expiry dates


RENEWAL = '[fee_schedules.x]\ncurrency = "CNY"\nanchor = "grant"\ndue = [10]\namounts = [100]\nevery = 10\n'


@pytest.mark.parametrize("right_type", ["trademark", "geographical_indication"])
def test_8_a_registrations_term_is_not_the_life_of_what_is_renewed(right_type: str) -> None:
    cells = {"right_type": right_type, "expiry_date": TODAY + FOUR_YEARS}
    found = one(**{**cells, "life": None, "economic_life": 9.0})
    assert found["expected_life"] == 9.0
    assert found["closed_form"] == close(sum(50 * df(j - 0.5) for j in range(1, 10)))
    assert exact(**{**cells, "life": None, "indefinite": True}) == close(50 / 0.1 * 1.1**0.5)
    (reject,) = checked([{**ASSET, **cells, "life": None}]).rejects.to_pylist()
    assert reject["column"] == "life"


def test_8_the_term_of_other_rights_is_their_life() -> None:
    for right_type in ("invention_patent", "design"):
        cells = {"right_type": right_type, "expiry_date": TODAY + FOUR_YEARS, "life": None, "economic_life": 9.0}
        assert one(**cells)["expected_life"] == close(4.0)


def test_8_the_marks_that_ship_with_assumptions_live_on_past_their_term() -> None:
    cells = {"asset_id": "one", "right_type": "trademark", "jurisdiction": "CN", "revenue": 1000.0, "expiry_date": TODAY + timedelta(days=30)}
    (found,) = result([cells], shipped=True).assets.to_pylist()
    assert found["expected_life"] > 10
    assert "indefinite" in found["filled"]


@pytest.mark.parametrize("days", [0, -1, -4000])
@pytest.mark.parametrize("right_type", ["invention_patent", "trademark"])
def test_8_a_right_past_its_expiry_is_rejected_and_not_worth_nothing(right_type: str, days: int) -> None:
    good, ended = {**ASSET, "asset_id": "good"}, {**ASSET, "right_type": right_type, "expiry_date": TODAY + timedelta(days=days)}
    found = result([ended, good])
    assert found.assets["asset_id"].to_pylist() == ["good"]
    (reject,) = found.rejects.to_pylist()
    assert (reject["asset_id"], reject["column"]) == ("one", "expiry_date")
    assert checked([ended, good]).rejected == 1


def test_8_renewals_are_dated_by_the_expiry_date() -> None:
    cells = {"royalty_rate": 0.0, "fee_schedule": "x", "expiry_date": TODAY + FOUR_YEARS, "life": 25.0, "fee_inflation": 0.03}
    due = -100 * (1.03**4 * df(3.5) + 1.03**14 * df(13.5) + 1.03**24 * df(23.5))
    assert exact(assumptions=RENEWAL, right_type="trademark", **cells) == close(due)
    # whatever the other dates say
    assert exact(assumptions=RENEWAL, right_type="trademark", grant_date=TODAY - FOUR_YEARS / 2, **cells) == close(due)
    # a right that is not renewed counts from its grant, eight years ago
    other = -100 * (1.03**2 * df(1.5) + 1.03**12 * df(11.5) + 1.03**22 * df(21.5))
    assert exact(assumptions=RENEWAL, grant_date=TODAY - 2 * FOUR_YEARS, **cells) == close(other)


# ------------------------------------------------------------------------------------ 9  sums of quantiles, quantiles of sums


MARKET = flat(factors={"names": ["chips"], "correlation": [[1.0]]})
QUANTILES = (0.05, 0.5, 0.95)


def pair(**cells: Any) -> list[dict[str, Any]]:
    return [{**ASSET, "asset_id": name, "volatility": 0.5, "sector": "chips", **cells} for name in ("a", "b")]


def test_9_groups_have_the_quantiles_of_the_sums() -> None:
    found = result(
        [*pair(), {**pair()[0], "asset_id": "c", "revenue": 300.0, "hazard": 0.2}], MARKET, paths=2000, quantiles=QUANTILES, keep_paths=True
    )
    paths = np.array(found.paths["values"].to_pylist())
    (group,) = found.groups.to_pylist()
    units = np.rint(paths * 1e6).sum(axis=0)
    assert [round(float(value) * 1e6) for value in found.totals["value"].to_pylist()] == units.tolist()
    for quantile, name in zip(QUANTILES, ("q05", "q50", "q95")):
        together = float(np.quantile(units / 1e6, quantile))
        alone = sum(found.assets[name].to_pylist())
        assert group[name] == pytest.approx(together, rel=1e-14)
        assert group[f"sum_of_quantiles_{name}"] == pytest.approx(alone, abs=2e-6)
        assert group[f"diversification_{name}"] == pytest.approx(together - alone, abs=3e-6)
    assert group["diversification"] == group["diversification_q05"]
    # independent rights: bad years of one are not those of the others
    assert group["q05"] > 1.05 * group["sum_of_quantiles_q05"]
    assert group["q95"] < 0.95 * group["sum_of_quantiles_q95"]


def test_9_rights_that_move_as_one_have_nothing_to_diversify() -> None:
    (group,) = result(pair(factor_loading=1.0), MARKET, paths=2000, quantiles=QUANTILES).groups.to_pylist()
    for name in ("q05", "q50", "q95"):
        assert group[f"diversification_{name}"] == pytest.approx(0.0, abs=3e-6)


def test_9_rights_that_move_against_each_other_hedge() -> None:
    """One year: Var(X + X') = 2·(e^v − 1) + 2·(e^−v − 1) with v = 0.5², less than either alone and than twice it."""
    rows = [row | {"factor_loading": loading, "life": 1.0} for row, loading in zip(pair(), (1.0, -1.0))]
    (group,) = result(rows, MARKET, paths=20_000, quantiles=QUANTILES).groups.to_pylist()
    assert group["standard_deviation"] == pytest.approx(50 * df(0.5) * math.sqrt(2 * EXP(0.25) + 2 * EXP(-0.25) - 4), rel=0.05)
    assert group["diversification"] > 0.3 * group["sum_of_quantiles_q05"]


def test_9_means_of_the_assets_add_up_to_the_mean_of_the_sums() -> None:
    rows = [
        {**ASSET, "asset_id": f"r{i}", "revenue": 1e3 * 7.3**i, "volatility": 0.1 * i, "hazard": 0.05 * i, "annual_cost": 3.0 * i} for i in range(8)
    ]
    found = result(rows, paths=999)
    (group,) = found.groups.to_pylist()
    # each path value is rounded by at most half a unit of 10^-6
    assert group["mean"] == pytest.approx(math.fsum(found.assets["mean_raw"].to_pylist()), abs=8 * 0.5e-6, rel=1e-15)
    totals = [float(value) for value in found.totals["value"].to_pylist()]
    assert group["mean"] == pytest.approx(math.fsum(totals) / 999, rel=1e-14)


# ------------------------------------------------------------------------------------ 11  heavy tails


def test_11_a_heavy_tail_is_named_and_has_its_analytic_error() -> None:
    found = one(options={"paths": 400}, life=1.0, volatility=1.5)
    assert found["status"] == "heavy_tail"
    assert found["standard_error"] == pytest.approx(50 * df(0.5) * math.sqrt(EXP(2.25) - 1) / 20, rel=1e-12)
    assert found["standard_error"] != pytest.approx(found["standard_deviation"] / 20, rel=0.01)  # what the paths show


def test_11_the_analytic_error_knows_every_source_of_chance() -> None:
    """V = (w·m·c·X − f) while alive, w = 1000·DF, E[m²] of the triangle 0.02, 0.05, 0.11, X of variance e^(1.5² + 0.4²) − 1."""
    cells = {"life": 1.0, "volatility": 1.5, "revenue_uncertainty": 0.4, "hazard": 0.3, "annual_cost": 8.0, "royalty_low": 0.02, "royalty_high": 0.11}
    found = one(options={"paths": 400}, entry_hazard=0.5, entry_loss=0.6, **cells)
    lives, out = EXP(-0.3), EXP(-0.5)
    mean_m = (0.02 + 0.05 + 0.11) / 3
    square_m = mean_m**2 + (0.02**2 + 0.05**2 + 0.11**2 - 0.02 * 0.05 - 0.02 * 0.11 - 0.05 * 0.11) / 18
    mean_c, square_c = out + (1 - out) * 0.4, out + (1 - out) * 0.16
    w, f = 1000 * df(0.5), 8 * df(0.5)
    mean = lives * (w * mean_m * mean_c - f)
    square = lives * (w * w * square_m * square_c * EXP(2.25 + 0.16) - 2 * w * mean_m * mean_c * f + f * f)
    assert found["closed_form"] == close(mean)
    assert found["standard_error"] == pytest.approx(math.sqrt(square - mean**2) / 20, rel=1e-12)


def test_11_two_periods_share_their_first_shock() -> None:
    found = one(options={"paths": 400}, life=2.0, volatility=1.2, hazard=0.3)
    w, s, v = [50 * df(0.5), 50 * df(1.5)], [EXP(-0.3), EXP(-0.6)], 1.44
    mean = s[0] * w[0] + s[1] * w[1]
    square = s[0] * w[0] ** 2 * EXP(v) + s[1] * (2 * w[0] * w[1] * EXP(v) + w[1] ** 2 * EXP(2 * v))
    assert found["status"] == "heavy_tail"
    assert found["standard_error"] == pytest.approx(math.sqrt(square - mean**2) / 20, rel=1e-12)


@pytest.mark.parametrize(
    ("volatility", "life", "status"), [(1.41, 1.0, "ok"), (1.42, 1.0, "heavy_tail"), (0.5, 8.0, "ok"), (0.51, 8.0, "heavy_tail")]
)
def test_11_the_status_looks_at_variance_times_time(volatility: float, life: float, status: str) -> None:
    found = one(options={"paths": 100}, life=life, volatility=volatility)
    assert found["status"] == status
    if status == "ok":
        assert found["standard_error"] == close(found["standard_deviation"] / 10)


def test_11_without_closed_form_the_error_is_the_samples_and_the_row_still_says_so() -> None:
    found = one(options={"paths": 400}, life=1.0, volatility=1.5, annual_cost=30.0, renewal="optimal")
    assert (found["status"], found["closed_form"]) == ("heavy_tail", None)
    assert found["standard_error"] == close(found["standard_deviation"] / 20)
