"""The definition of loans (docs/numerics.md section 19) against published numbers and closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import oracle_loan_figures as figures
import pytest
from one_factor import NORMAL, beyond, default_given, frye, over_factor
from oracle_borrowers import default_probabilities, schedule
from oracle_capital import risk_weight
from oracle_lending import BEARERS, Book, lend, share
from oracle_tranches import Pool, tranches
from scipy.stats import binom
from tables import lending_rows

import oracle

MARKET = oracle.Market(currency="CNY", curves={"CNY": ([1.0], [0.02])}, factors=("software", "pharma"), correlation=((1.0, 0.3), (0.3, 1.0)))
CERTAIN = {"asset_id": "certain", "right_type": "trademark", "method": "market", "comparable_price": 60.0}


def loan(**columns: Any) -> dict[str, Any]:
    plain = {"loan_id": "L", "borrower_id": "B", "principal": 100.0, "rate": 0.0, "term": 1.0, "pd": 0.05, "sector": "software", "asset_ids": []}
    return {**plain, "liquidation_discount": 0.0, "liquidation_lag": 0.0, **columns}


# ----------------------------------------------------------------------------------------------------------------------
# Vasicek


@pytest.mark.parametrize("row", lending_rows("vasicek.csv"), ids=lambda r: f"rho{r['rho']}")
def test_the_limit_of_the_loss_quantile_is_vasiceks(row: dict[str, str]) -> None:
    """Hull, table 11.4: the worst rate of default at 99.9 %; its rho is the square of the loading."""
    for name, printed in row.items():
        if name != "rho":
            loading = math.sqrt(float(row["rho"]))
            worst = float(default_given(np.array(-NORMAL.inv_cdf(0.999)), float(name.removeprefix("pd_")) / 100, loading))
            assert f"{100 * worst:.1f}" == printed


@pytest.mark.parametrize(("pd", "loading"), [(0.01, math.sqrt(0.2)), (0.02, math.sqrt(0.6))])
def test_defaults_of_equal_loans_are_the_mixture_of_binomials(pd: float, loading: float) -> None:
    """One-year loans without recovery: on how many paths more than k of them default, as likely as four standard errors at least."""
    count, paths = 40, 8_192
    loans = [loan(loan_id=f"L{i}", borrower_id=f"B{i}", pd=pd, factor_loading=loading, principal=1.0) for i in range(count)]
    book = Book(loans, {}, MARKET, paths, seed=11)
    defaults = sum(part["all"] for part in share(book, lend(book))) // 10**6
    for k in (0, 1, 2, 4, 8, 16):
        beyond = over_factor(lambda x, k=k: binom.sf(k, count, default_given(x, pd, loading)))  # type: ignore[misc]
        seen = np.count_nonzero(defaults > k)
        assert min(binom.cdf(seen, paths, beyond), binom.sf(seen - 1, paths, beyond)) > NORMAL.cdf(-4)


# ----------------------------------------------------------------------------------------------------------------------
# Collateral that falls in bad years


@pytest.mark.parametrize("loading", [0.0, math.sqrt(0.2)], ids=["independent", "wrong-way"])
def test_systematic_collateral_is_freyes(loading: float) -> None:
    """Frye (2000), "Collateral damage": PD 5 %, asset correlation 0.2, log-normal collateral of mean 0.8 and deviation 0.4 of the exposure."""
    sigma, rho, pd = math.sqrt(math.log(1 + 0.25)), math.sqrt(0.2), 0.05
    asset = {
        "asset_id": "A",
        "right_type": "trademark",
        "method": "market",
        "comparable_price": 0.8,
        "volatility": sigma,
        "factor_loading": loading,
        "sector": "software",
    }
    book = Book([loan(principal=1.0, pd=pd, factor_loading=rho, asset_ids=["A"])], {"A": asset}, MARKET, 60_000, seed=5)

    part = share(book, one := lend(book))[0]
    found = figures.loan_figures(book, 0, one[0], part)
    assert abs(found["expected_loss"] - frye(pd, rho, sigma, loading)) < 4 * found["standard_error"]
    assert abs(found["pd"] - pd) < 4 * math.sqrt(pd * (1 - pd) / book.paths)


def test_wrong_way_collateral_loses_more() -> None:
    losses = {}
    for loading in (-0.5, 0.0, 0.5):
        asset = {**CERTAIN, "volatility": 0.5, "factor_loading": loading, "sector": "software"}
        book = Book([loan(factor_loading=0.6, asset_ids=["A"])], {"A": asset}, MARKET, 4_000)
        losses[loading] = float(lend(book)[0].loss.mean())
    assert losses[-0.5] < losses[0.0] < losses[0.5]


# ----------------------------------------------------------------------------------------------------------------------
# Capital, and loans by hand


@pytest.mark.parametrize("row", lending_rows("irb.csv"), ids=lambda r: f"pd{r['pd_percent']}")
def test_risk_weights_are_those_of_annex_5(row: dict[str, str]) -> None:
    pd = float(row["pd_percent"]) / 100
    for kind, turnover in (("corporate", 50.0), ("sme", 5.0), ("other_retail", 50.0)):
        weight = risk_weight(pd, 0.45, kind, turnover=turnover)
        assert abs(100 * weight - float(row[kind])) < 0.02


def test_a_bullet_loan_with_certain_collateral_by_hand() -> None:
    """100 at 10 % for two years; 60 of collateral, of which 70 % come half a year later. In each year 110 are owed at default."""
    terms = loan(rate=0.10, term=2.0, pd=0.3, liquidation_discount=0.3, liquidation_lag=0.5, asset_ids=["certain"])
    book = Book([terms], {"certain": CERTAIN}, MARKET, 2_000)
    one = lend(book)[0]
    recovered = 0.7 * 60 / math.sqrt(1.1)
    hit = one.default_year > 0
    assert set(one.default_year.tolist()) == {0, 1, 2}
    assert one.loss[hit] == pytest.approx(np.full(hit.sum(), 110 - recovered), rel=1e-15)
    assert not one.loss[~hit].any()
    row = figures.loan_figures(book, 0, one, share(book, [one])[0])
    assert row["pd"] == pytest.approx(1 - 0.7**2, abs=4 * math.sqrt(0.51 * 0.49 / 2_000))
    assert row["lgd"] == pytest.approx(1 - recovered / 110, rel=1e-8)
    first, second = (np.count_nonzero(one.default_year == y) / 2_000 for y in (1, 2))
    assert row["expected_loss_present"] == pytest.approx((first / 1.1 + second / 1.21) * (110 - recovered), rel=1e-8)
    spread = (first / 1.1 + second / 1.21) * (110 - recovered) / (100 * ((1 - first) / 1.1 + (1 - first - second) / 1.21))
    assert row["break_even_spread"] == pytest.approx(spread, rel=1e-8)
    assert figures.loan_to_value(book, 0, one)["mean"] == pytest.approx(100 / 60)
    assert row["coverage"][0.05] == pytest.approx(recovered / 110)


@pytest.mark.parametrize(
    ("amortisation", "balances"),
    [("bullet", [100, 100, 100, 0]), ("level", [100, 200 / 3, 100 / 3, 0]), ("annuity", [100, 68.2791, 34.9722, 0]), ("schedule", [100, 50, 20, 0])],
)
def test_balances_by_hand(amortisation: str, balances: list[float]) -> None:
    """Three years at 5 %; the annuity pays 36.7209 a year."""
    plan = schedule(loan(rate=0.05, term=3.0, amortisation=amortisation, schedule=[50, 30, 20]), MARKET)
    extra = 5e-5 if amortisation == "annuity" else 1e-9
    assert plan.balance == pytest.approx(balances, abs=extra)
    assert plan.ead == pytest.approx(1.05 * plan.balance[:-1])
    if amortisation == "annuity":
        assert plan.interest + plan.principal == pytest.approx(np.full(3, 36.72086), abs=1e-5)


def test_a_last_part_year_has_its_part_of_interest_and_default() -> None:
    plan = schedule(loan(rate=0.21, term=1.5, amortisation="annuity"), MARKET)
    assert plan.ends.tolist() == [1.0, 1.5]
    assert plan.interest[1] == pytest.approx(0.1 * plan.balance[1])
    assert (plan.interest + plan.principal)[0] == pytest.approx((plan.interest + plan.principal)[1])
    assert default_probabilities(loan(pd=0.19), plan.lengths) == pytest.approx([0.19, 0.1])


def test_a_curve_holds_cumulative_probabilities() -> None:
    lengths = np.ones(3)
    assert default_probabilities(loan(pd_curve=[0.1, 0.28]), lengths) == pytest.approx([0.1, 0.2, 0.2])
    assert default_probabilities(loan(rating="BB"), lengths, {"BB": [0.1, 0.28]}) == pytest.approx([0.1, 0.2, 0.2])


# ----------------------------------------------------------------------------------------------------------------------
# Who bears it

ZHONGSHAN = {"shares": {"fund": 0.54, "insurer": 0.16, "appraiser": 0.04}}


def shared_book(paths: int = 2_000) -> Book:
    loans = [
        loan(loan_id=f"L{i}", borrower_id=f"B{i % 7}", principal=100 + 7.123457 * i, rate=0.05, term=1 + i % 3, pd=0.1, factor_loading=0.5)
        | {"programme": "zhongshan" if i % 2 else None, "guarantor_share": 0.8, "amortisation": ("level", "annuity")[i % 2], "asset_ids": ["certain"]}
        | {"pledge_ranks": [i + 1]}
        for i in range(12)
    ]
    return Book(loans, {"certain": {**CERTAIN, "volatility": 0.3}}, MARKET, paths)


@pytest.mark.parametrize("balance", [None, 120.0, 0.0])
def test_parts_add_up_to_the_loss_on_every_path(balance: float | None) -> None:
    book = shared_book()
    lent = lend(book)
    programme = ZHONGSHAN | ({} if balance is None else {"balances": {"fund": balance}})
    parts = share(book, lent, {"zhongshan": programme})
    for part, one in zip(parts, lent, strict=True):
        assert np.array_equal(sum(part[b] for b in (*BEARERS, "bank")), part["all"])
        assert min(int(part[b].min()) for b in (*BEARERS, "bank")) >= 0
        assert np.array_equal(part["all"], np.rint(one.loss * 1e6))
    paid = sum(part["fund"] for part in parts)
    asked = sum(np.floor(part["all"] * 0.54) for part, one in zip(parts, book.loans, strict=True) if one["programme"])
    if balance is None:
        assert np.array_equal(paid, asked)
    else:
        assert paid.max() <= balance * 1e6
        assert np.all((paid == asked) | (paid > balance * 1e6 - 20))  # all of it, or until it has run out
        assert (asked > balance * 1e6).any()


def test_contributions_add_up_to_the_expected_shortfall() -> None:
    book = shared_book()
    units = [part["all"] for part in share(book, lend(book), {"zhongshan": ZHONGSHAN})]
    whole = figures.book_figures(np.sum(units, axis=0))
    for level, name in ((0.95, "es_95"), (0.99, "es_99"), (0.999, "es_99_9")):
        assert sum(figures.contributions(units, level)) == pytest.approx(whole[name], rel=1e-12)
    assert whole["es_95"] <= whole["es_99"] <= whole["es_99_9"]
    assert whole["var_95"] <= whole["es_95"]


# ----------------------------------------------------------------------------------------------------------------------
# Tranches


def test_tranche_losses_of_a_large_pool_follow_the_bivariate_normal() -> None:
    """E[min(L, d)] = PD - P(...): the expected loss between attachment and detachment of Vasicek's pool."""
    pd, rho, paths = 0.05, math.sqrt(0.3), 60_000
    x = oracle.factor_normals(MARKET, "software", 3, np.arange(paths), 1)[0]
    loss = default_given(x, pd, rho)
    units = 10**9
    balance = np.array([np.full(paths, units), np.zeros(paths, np.int64)])
    large = Pool(np.ones(1), balance, np.zeros((1, paths), np.int64), np.rint(loss * units).astype(np.int64)[None, :])
    borne = tranches(large, [1.0, 0.15, 0.06]).loss / units

    for j, (attach, detach) in enumerate([(0.15, 1.0), (0.06, 0.15), (0.0, 0.06)]):
        expected = beyond(attach, pd, rho) - beyond(detach, pd, rho)
        error = borne[j].std() / math.sqrt(paths)
        assert abs(borne[j].mean() - expected) < 4 * error
        assert borne[j] == pytest.approx(np.clip(loss - attach, 0, detach - attach), abs=2e-9)
