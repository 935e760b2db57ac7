"""Licences against Black and Scholes, projects against decision trees and against the compound option of Geske.

Black & Scholes, *The pricing of options and corporate liabilities*, Journal of Political Economy 81 (1973). Geske, *The valuation of compound
options*, Journal of Financial Economics 7 (1979); both in present-value money, in which the level is a martingale and no rate is left.
Everything here is worked out from model.md; only the row's columns go to the engine.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm
from valued import flat, one, result

PATHS = 110_000
MOST_PATHS = 64 * PATHS
SIGMAS = pytest.mark.parametrize("sigma", [0.15, 0.4, 0.8])
PROJECT_SIGMAS = pytest.mark.parametrize("sigma", [0.2, 0.4, 0.6])
"""Up to five years of them: σ²T stays below 2."""
INF = math.inf


def cumulative(x: float) -> float:
    return float(norm.cdf(x))


def call(worth: float, strike: float, variance: float) -> float:
    """E[(worth·L − strike)⁺], ln L normal with the variance and mean of L 1. All in money of one date."""
    if strike <= 0:
        return worth - strike
    if strike == INF:
        return 0.0
    if variance == 0:
        return max(worth - strike, 0.0)
    d1 = (math.log(worth / strike) + variance / 2) / math.sqrt(variance)
    return worth * cumulative(d1) - strike * cumulative(d1 - math.sqrt(variance))


def clamped(worth: float, low: float, high: float, variance: float) -> float:
    """E[min(max(worth·L, low), high)]: the floor, a call above it, less a call above the cap."""
    return low + call(worth, low, variance) - call(worth, high, variance)


def compound_call(worth: float, strike: float, first: float, variance: float, variance_first: float) -> float:
    """E[(E[(worth·L₂ − strike)⁺ | L₁] − first)⁺], ln L₁ and ln L₂ with their variances (Geske 1979, r = 0).

    worth·N₂(a₁, b₁; ρ) − strike·N₂(a₂, b₂; ρ) − first·N(a₂), ρ² = variance_first/variance.
    """
    rest = variance - variance_first
    lowest = brentq(lambda level: call(level * worth, strike, rest) - first, 1e-9, 1e9, xtol=1e-14, rtol=1e-14)
    root1, root2 = math.sqrt(variance_first), math.sqrt(variance)
    a2 = -math.log(lowest) / root1 - root1 / 2
    b2 = math.log(worth / strike) / root2 - root2 / 2
    correlation = root1 / root2
    both = multivariate_normal([0.0, 0.0], [[1.0, correlation], [correlation, 1.0]])
    return float(worth * both.cdf([a2 + root1, b2 + root2]) - strike * both.cdf([a2, b2]) - first * cumulative(a2))


def simulated(market: dict[str, Any], **cells: Any) -> dict[str, Any]:
    """The results row of so many paths that the standard error is below 0.5 % of the value."""
    paths = PATHS
    while True:
        found = one(market, options={"paths": paths, "precision": "single", "quantiles": (0.0, 0.5, 1.0)}, **cells)
        assert found["closed_form"] is None
        assert found["status"] == "ok"
        if 0 < found["standard_error"] < 0.005 * found["mean"]:
            return found
        assert paths < MOST_PATHS, (found["mean"], found["standard_error"])
        paths *= 4


def within_four_errors(found: dict[str, Any], exact: float) -> None:
    assert abs(found["mean"] - exact) < 4 * found["standard_error"], (found["mean"], exact, found["standard_error"])


# ------------------------------------------------------------------------------------ the formulas themselves


def test_the_formulas_hold_against_numerical_integration() -> None:
    z = np.linspace(-10, 10, 200_001)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    level = np.exp(0.5 * z - 0.125)
    assert clamped(50.0, 40.0, 60.0, 0.25) == pytest.approx(float(np.clip(50 * level, 40, 60) @ density), rel=1e-8)
    inner = np.array([call(100.0 * x, 90.0, 0.16) for x in level[::100]])
    weights = density[::100] * 100
    assert compound_call(100.0, 90.0, 12.0, 0.25 + 0.16, 0.25) == pytest.approx(float(np.maximum(inner - 12, 0) @ weights), rel=1e-5)


def test_a_compound_option_without_a_first_strike_is_a_call() -> None:
    assert compound_call(100.0, 90.0, 1e-12, 0.41, 0.25) == pytest.approx(call(100.0, 90.0, 0.41), rel=1e-6)


# ------------------------------------------------------------------------------------ licences of one period


BOUNDS = pytest.mark.parametrize(("low", "high"), [(45.0, None), (None, 55.0), (45.0, 55.0), (50.0, 50.0 * 1.5), (10.0, 400.0), (60.0, 90.0)])


@SIGMAS
@BOUNDS
def test_floor_and_cap_of_one_year_are_options(low: float | None, high: float | None, sigma: float) -> None:
    """50 expected, between the bounds, in the middle of the year."""
    found = simulated(flat(), method="licence", life=1.0, volatility=sigma, minimum_guarantee=low, cap=high)
    factor = 1.1**-0.5
    exact = clamped(50 * factor, (low or 0.0) * factor, INF if high is None else high * factor, sigma**2)
    within_four_errors(found, exact)
    if low is not None:
        assert found["q00"] >= low * factor * (1 - 1e-6)
    if high is not None:
        assert found["q100"] <= high * factor * (1 + 1e-6)


@SIGMAS
@pytest.mark.parametrize(("low", "high"), [(45.0, None), (None, 55.0), (40.0, 70.0)])
def test_with_survival_currency_tax_cost_and_share(low: float | None, high: float | None, sigma: float) -> None:
    """Half of the royalty is the owner's, the bounds are all his; the guarantee is paid only while the right lives."""
    market = flat(fx={"USD": 7.1})
    market["curves"]["USD"] = {"tenors": [1.0], "rates": [0.04]}
    cells = {
        "currency": "USD",
        "tax_rate": 0.25,
        "hazard": 0.2,
        "revenue": 2000.0,
        "revenue_share": 0.5,
        "annual_cost": 6.0,
        "discount_premium": 0.05,
    }
    found = simulated(market, method="licence", life=1.0, volatility=sigma, minimum_guarantee=low, cap=high, **cells)
    money = 1.09**-0.5 * 0.75 * 7.1
    exact = clamped(50 * money, (low or 0.0) * money, INF if high is None else high * money, sigma**2) - 6 * money
    within_four_errors(found, math.exp(-0.2) * exact)
    assert abs(found["expected_life"] - math.exp(-0.2)) < 4 * 0.5 / math.sqrt(PATHS)
    assert found["q00"] <= 0.0  # nothing is paid once the right has ended
    if low is not None:
        assert found["q00"] == 0.0


def test_a_part_year_has_its_part_of_the_bounds_and_a_whole_periods_variance() -> None:
    found = simulated(flat(), method="licence", life=0.4, volatility=0.5, minimum_guarantee=45.0, cap=70.0)
    money = 0.4 * 1.1**-0.2
    within_four_errors(found, clamped(50 * money, 45 * money, 70 * money, 0.25))


def test_uncertainty_of_today_adds_its_variance() -> None:
    cells = {"minimum_guarantee": 45.0, "cap": 70.0, "volatility": 0.3, "revenue_uncertainty": 0.4}
    found = simulated(flat(mid_period=False), method="licence", life=1.0, **cells)
    within_four_errors(found, clamped(50 / 1.1, 45 / 1.1, 70 / 1.1, 0.25))


def test_a_rivals_entry_mixes_two_clamped_incomes() -> None:
    cells = {"minimum_guarantee": 30.0, "cap": 55.0, "volatility": 0.3, "entry_hazard": 0.5, "entry_loss": 0.6}
    found = simulated(flat(), method="licence", life=1.0, **cells)
    money, out = 1.1**-0.5, math.exp(-0.5)
    free, met = (clamped(share * 50 * money, 30 * money, 55 * money, 0.09) for share in (1.0, 0.4))
    within_four_errors(found, out * free + (1 - out) * met)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_licence_of_several_years_is_the_sum_of_its_years(steps: int) -> None:
    """Each period's bounds are its own: no decision joins them."""
    found = simulated(flat(steps=steps), method="licence", life=3.0, volatility=0.4, growth=0.1, hazard=0.05, minimum_guarantee=48.0, cap=66.0)
    exact = 0.0
    for t in range(1, 3 * steps + 1):
        end = t / steps
        money = 1.1 ** -(end - 0.5 / steps) / steps
        exact += math.exp(-0.05 * end) * clamped(50 * 1.1 ** math.ceil(end) * money, 48 * money, 66 * money, 0.16 * end)
    within_four_errors(found, exact)


# ------------------------------------------------------------------------------------ projects: options on options


def gate(start: float, steps: int) -> int:
    """The period in which a stage that starts then is paid: e_{t−1} ≤ start < e_t."""
    return math.floor(start * steps + 1e-9) + 1


def project(market: dict[str, Any], costs: Sequence[float], years: Sequence[float], chances: Sequence[float], **cells: Any) -> dict[str, Any]:
    lists = {"stage_costs": list(costs), "stage_years": list(years), "stage_probabilities": list(chances)}
    return simulated(market, method="project", renewal="optimal", **lists, **cells)


def discounted(amount: float, period: int, steps: int, rate: float = 0.1) -> float:
    """Money at a period's end (no mid_period)."""
    return amount * (1 + rate) ** -(period / steps)


@PROJECT_SIGMAS
@pytest.mark.parametrize("cost", [30.0, 45.0, 50.0])
def test_one_gate_is_a_call(cost: float, sigma: float) -> None:
    """The stage's cost falls in year 1, whose level is seen; income of 50 in year 2 has no news to wait for: its mean given L₁ is 50·L₁."""
    found = project(flat(mid_period=False), [cost], [1.0], [1.0], life=2.0, volatility=sigma)
    within_four_errors(found, call(discounted(50, 2, 1), discounted(cost, 1, 1), sigma**2))


def test_one_gate_in_another_currency_with_tax_chance_and_hazard() -> None:
    market = flat(mid_period=False, fx={"USD": 7.1})
    market["curves"]["USD"] = {"tenors": [1.0], "rates": [0.04]}
    cells = {"currency": "USD", "tax_rate": 0.25, "discount_premium": 0.06, "hazard": 0.1, "margin": 0.08, "contributory_charge": 0.03}
    found = project(market, [12.0], [1.0], [0.4], life=2.0, volatility=0.5, **cells)
    money = 0.75 * 7.1
    lives = [math.exp(-0.1), 0.4 * math.exp(-0.2)]
    within_four_errors(found, call(lives[1] * discounted(50 * money, 2, 1), lives[0] * discounted(12 * money, 1, 1), 0.25))


@PROJECT_SIGMAS
def test_a_later_gate_has_its_own_years_of_news(sigma: float) -> None:
    """The first stage costs nothing: the one gate is in year 4, the first that starts at or after the end of year 3."""
    found = project(flat(mid_period=False), [0.0, 40.0], [3.0, 1.0], [0.9, 0.8], life=5.0, volatility=sigma)
    within_four_errors(found, call(0.72 * discounted(50, 5, 1), 0.9 * discounted(40, 4, 1), 4 * sigma**2))


@PROJECT_SIGMAS
@pytest.mark.parametrize(("first", "second"), [(4.0, 30.0), (8.0, 40.0), (1.0, 50.0)])
def test_two_gates_are_a_compound_option(first: float, second: float, sigma: float) -> None:
    """Stage 1 (two years) is paid in year 1, stage 2 (one year) in year 3, income comes in year 4: L₁ and L₃ are the news."""
    found = project(flat(mid_period=False), [first, second], [2.0, 1.0], [1.0, 1.0], life=4.0, volatility=sigma)
    exact = compound_call(discounted(50, 4, 1), discounted(second, 3, 1), discounted(first, 1, 1), 3 * sigma**2, sigma**2)
    within_four_errors(found, exact)


@pytest.mark.parametrize("steps", [1, 2, 4, 12])
def test_the_gates_fall_where_their_stages_start_whatever_the_steps(steps: int) -> None:
    """A year and half a year of stages, then income for a year: with one step a year the second is paid in year 2 and income waits for year 3."""
    found = project(flat(steps=steps, mid_period=False), [4.0, 30.0], [1.0, 0.5], [0.9, 0.7], life=3.0, volatility=0.4, hazard=0.05)
    second = gate(1.0, steps)
    launch = math.ceil(1.5 * steps) + 1

    def lives(t: int) -> float:
        """S_t: success counts from the first period that begins at or after the stage's end."""
        start = (t - 1) / steps
        return math.exp(-0.05 * t / steps) * (0.9 if start >= 1.0 else 1.0) * (0.7 if start >= 1.5 else 1.0)

    worth = sum(lives(t) * discounted(50 / steps, t, steps) for t in range(launch, 3 * steps + 1))
    strikes = lives(second) * discounted(30, second, steps), lives(1) * discounted(4, 1, steps)
    within_four_errors(found, compound_call(worth, *strikes, 0.16 * second / steps, 0.16 / steps))


def test_two_gates_with_chances_tax_and_uncertainty_of_today() -> None:
    """The owner knows today's level, so its variance is news at the first gate already."""
    cells = {"tax_rate": 0.25, "revenue_uncertainty": 0.3, "volatility": 0.35, "growth": 0.05}
    found = project(flat(mid_period=False), [3.0, 40.0], [1.0, 2.0], [0.6, 0.8], life=6.0, **cells)
    worth = 0.48 * 0.75 * sum(discounted(50 * 1.05**t, t, 1) for t in (4, 5, 6))
    second, first = 0.6 * 0.75 * discounted(40, 2, 1), 0.75 * discounted(3, 1, 1)
    within_four_errors(found, compound_call(worth, second, first, 0.09 + 2 * 0.1225, 0.09 + 0.1225))


def test_the_middle_of_the_period_moves_money_and_not_news() -> None:
    found = project(flat(mid_period=True), [4.0, 30.0], [2.0, 1.0], [1.0, 1.0], life=4.0, volatility=0.4)
    late = 1.1**0.5
    worth, second, first = (late * discounted(*money, 1) for money in ((50.0, 4), (30.0, 3), (4.0, 1)))
    within_four_errors(found, compound_call(worth, second, first, 0.48, 0.16))


# ------------------------------------------------------------------------------------ projects: decision trees


Tree = tuple[tuple[float, ...], tuple[float, ...]]
TREES: list[Tree] = [
    ((10.0,), (0.5,)),
    ((5.0, 20.0), (0.6, 0.5)),
    ((5.0, 10.0, 20.0), (0.6, 0.5, 0.8)),
    ((0.0, 10.0, 0.0, 30.0), (0.9, 1.0, 0.3, 0.7)),
    ((50.0, 50.0, 50.0), (0.9, 0.9, 0.9)),
]


def ends(tree: Tree, income: float) -> list[tuple[float, float]]:
    """(probability, value) of every end of a tree of yearly stages, gone through while there is success; all at mid-year, 10 %."""
    costs, chances = tree
    found = []
    for outcome in itertools.product((True, False), repeat=len(costs)):
        probability = math.prod(chance if good else 1 - chance for chance, good in zip(chances, outcome))
        paid = 0.0
        for year, (cost, good) in enumerate(zip(costs, outcome)):
            paid += cost * 1.1 ** -(year + 0.5)
            if not good:
                found.append((probability, -paid))
                break
        else:
            found.append((probability, income - paid))
    return found


def tree_row(tree: Tree, **cells: Any) -> dict[str, Any]:
    costs, chances = tree
    stages = {"stage_costs": list(costs), "stage_years": [1.0] * len(costs), "stage_probabilities": list(chances)}
    return {"method": "project", **stages, "life": len(costs) + 3.0, "revenue": 4000.0, **cells}


def tree_income(tree: Tree) -> float:
    """200 in each of three years after the last stage."""
    return sum(200 * 1.1 ** -(len(tree[0]) + year + 0.5) for year in range(3))


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: f"{len(tree[0])} stages")
def test_the_mean_over_all_ends_of_a_tree(tree: Tree) -> None:
    exact = sum(probability * value for probability, value in ends(tree, tree_income(tree)))
    assert one(**tree_row(tree))["closed_form"] == pytest.approx(exact, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: f"{len(tree[0])} stages")
def test_the_paths_are_the_ends_of_the_tree_as_often_as_they_should(tree: Tree) -> None:
    paths = 40_000
    row = {"asset_id": "tree", "right_type": "invention_patent", "royalty_rate": 0.05, **tree_row(tree)}
    found = np.array(result([row], paths=paths, keep_paths=True).paths["values"].to_pylist()[0])
    expected: dict[float, float] = {}
    for probability, value in ends(tree, tree_income(tree)):
        expected[round(value, 6)] = expected.get(round(value, 6), 0.0) + probability
    values, counts = np.unique(np.round(found, 6), return_counts=True)
    assert set(values) <= {value + 0.0 for value, probability in expected.items() if probability > 0}
    for value, probability in expected.items():
        count = int(counts[values == value].sum())
        assert abs(count - paths * probability) <= 4.5 * math.sqrt(paths * probability * (1 - probability)), value


def best(tree: Tree, income: float, salvage: float = 0.0) -> float:
    """The value of a tree whose owner may stop at each gate, without any news: rolled back from the last.

    Salvage is money of the year's end and to be had in any year, so waiting for it is never better than the first gate.
    """
    costs, chances = tree
    value = income
    for year in reversed(range(len(costs))):
        value = -costs[year] * 1.1 ** -(year + 0.5) + chances[year] * value
        if costs[year] > 0 or salvage > 0:
            value = max(value, salvage * 1.1 ** -(year + 1))
    return value


SURE: list[Tree] = [
    ((100.0,), (1.0,)),
    ((500.0,), (1.0,)),
    ((100.0, 200.0), (1.0, 1.0)),
    ((100.0, 400.0), (1.0, 1.0)),
    ((0.0, 600.0), (1.0, 1.0)),
    ((10.0, 0.0, 600.0), (1.0, 1.0, 1.0)),
]


@pytest.mark.parametrize("salvage", [0.0, 30.0])
@pytest.mark.parametrize("tree", SURE, ids=str)
def test_without_chance_the_best_policy_is_found_exactly(tree: Tree, salvage: float) -> None:
    found = one(**tree_row(tree, renewal="optimal", salvage=salvage))
    exact = best(tree, tree_income(tree), salvage)
    assert found["mean"] == pytest.approx(exact, rel=1e-12, abs=1e-9)
    assert found["mean"] >= one(**tree_row(tree))["closed_form"]


@pytest.mark.parametrize("tree", [*TREES, ((5.0, 20.0, 400.0), (0.6, 0.5, 0.8))], ids=str)
def test_with_chances_the_best_policy_is_found(tree: Tree) -> None:
    found = one(options={"paths": 100_000}, **tree_row(tree, renewal="optimal"))
    assert abs(found["mean"] - best(tree, tree_income(tree))) <= 4 * found["standard_error"] + 1e-9
    assert found["mean"] >= one(**tree_row(tree))["closed_form"] - 4 * found["standard_error"]


def with_news(costs: Sequence[float], chances: Sequence[float], income: Sequence[float], out: float, left: float) -> float:
    """A tree of yearly stages in which a rival comes with probability 1 − out a year, and the owner sees it before each payment.

    Node: the year and whether the rival is there. income[j]: of year j after the last stage, without a rival.
    """
    years = len(costs) + len(income)

    def value(year: int, entered: bool) -> float:
        """At the gate of the year (from 0), in today's money."""
        if year == years:
            return 0.0
        staged = year < len(costs)
        money = 1.1 ** -(year + 0.5)
        now = -costs[year] * money if staged else income[year - len(costs)] * money * (left if entered else 1.0)
        later = value(year + 1, True) if entered else out * value(year + 1, False) + (1 - out) * value(year + 1, True)
        going_on = now + (chances[year] if staged else 1.0) * later
        return max(going_on, 0.0) if staged and costs[year] > 0 else going_on

    return out * value(0, False) + (1 - out) * value(0, True)


@pytest.mark.parametrize(
    ("costs", "chances", "income"),
    [((5.0, 90.0), (0.5, 0.8), (200.0,)), ((5.0, 10.0, 150.0), (0.6, 0.9, 0.9), (200.0, 200.0)), ((1.0, 0.0, 110.0), (0.7, 0.8, 0.5), (200.0,) * 3)],
)
@pytest.mark.parametrize("left", [0.3, 0.0])
def test_gates_that_see_a_rival_come(costs: tuple[float, ...], chances: tuple[float, ...], income: tuple[float, ...], left: float) -> None:
    out = 0.8
    cells = {"life": float(len(costs) + len(income)), "entry_hazard": -math.log(out), "entry_loss": 1 - left, "renewal": "optimal"}
    found = simulated(flat(), **tree_row((costs, chances), **cells))
    within_four_errors(found, with_news(costs, chances, income, out, left))
    assert found["mean"] > one(**tree_row((costs, chances), **{**cells, "renewal": "always"}))["closed_form"]
