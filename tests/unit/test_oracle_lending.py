"""The definition of loans (docs/numerics.md section 19): what must hold whatever the numbers are, and cases small enough for a pencil."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle_loan_figures as figures
import pytest
from oracle_borrowers import year_factors
from oracle_capital import effective_maturity
from oracle_collateral import collateral
from oracle_covenants import with_covenants
from oracle_lending import Book, lend, share
from oracle_tranches import Pool, pool, rating, tranches

import oracle

CURVE = {"CNY": ([1.0, 10.0], [0.02, 0.03])}
MARKET = oracle.Market(currency="CNY", curves=CURVE, factors=("software",))
QUARTERS = oracle.Market(currency="CNY", curves=CURVE, factors=("software",), steps_per_year=4)
RIGHT: dict[str, Any] = {
    "asset_id": "A",
    "right_type": "invention_patent",
    "sector": "software",
    "revenue": 1_000.0,
    "royalty_rate": 0.1,
    "life": 6.25,
    "hazard": 0.04,
    "volatility": 0.3,
    "factor_loading": 0.5,
    "annual_cost": 15.0,
    "discount_premium": 0.08,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rival": {"entry_hazard": 0.3, "entry_loss": 0.6},
    "uncertain": {"revenue_uncertainty": 0.4, "royalty_low": 0.05, "royalty_high": 0.2},
    "licence": {"method": "licence", "minimum_guarantee": 60.0, "cap": 150.0, "annual_cost": 0.0},
    "renewal": {"renewal": "optimal", "annual_cost": 60.0, "growth": -0.1, "salvage": 20.0, "entry_hazard": 0.1, "entry_loss": 0.5},
    "for ever": {"indefinite": True, "right_type": "trademark"},
    "reconciled": {"methods": ["relief_from_royalty", "market"], "weights": [0.7, 0.3], "comparable_price": 400.0},
}


def certain(asset_id: str, worth: float) -> dict[str, Any]:
    return {"asset_id": asset_id, "right_type": "trademark", "method": "market", "comparable_price": worth}


def loan(loan_id: str, **columns: Any) -> dict[str, Any]:
    plain = {"loan_id": loan_id, "borrower_id": "B", "principal": 100.0, "rate": 0.0, "term": 2.0, "pd": 0.3, "asset_ids": []}
    return {**plain, "liquidation_discount": 0.0, "liquidation_lag": 0.0, **columns}


@pytest.mark.parametrize(("name", "market"), [*((name, MARKET) for name in VARIANTS), ("rival", QUARTERS), ("renewal", QUARTERS)])
def test_collateral_is_what_is_expected_of_the_right_given_the_path(name: str, market: oracle.Market) -> None:
    """Cash up to a date and what is expected after it are worth as much as the right. (A licence or right whose costs never exceed its income is
    never worth less than nothing, so the limit at 0 takes nothing away; of the others little.)"""
    asset, paths, date = RIGHT | VARIANTS[name], np.arange(8_000), 2.0
    if "methods" in asset:  # today's price is worth the same later
        k, _ = collateral(asset, market, np.array([date]), 1, paths)
        parts = [collateral({**asset, "methods": None, "method": m}, market, np.array([date]), 1, paths)[0] for m in asset["methods"]]
        above = parts[0] > 0
        assert k[above] == pytest.approx((0.7 * parts[0] + 0.3 * parts[1])[above], rel=1e-14)
        assert np.all(k[~above] <= 0.3 * parts[1][~above])  # less what the costs exceed the income by, while it lives
        return
    k, values = collateral(asset, market, np.array([date]), 1, paths)
    received = first_periods(asset, market, 2 * market.steps_per_year, len(paths))
    apart = received + k[0] * oracle.discount_factor(asset, market, date) - values
    assert abs(apart.mean()) < 4 * apart.std() / np.sqrt(len(paths)) + 1e-9


def first_periods(asset: dict[str, Any], market: oracle.Market, periods: int, paths: int) -> oracle.Array:
    """V of the first periods alone: the right with nothing after them, and the same boundary."""
    v = oracle.vectors(asset, market)
    b0, b1 = (b.copy() for b in oracle.boundary(v)) if v.optional else (np.zeros(v.periods), np.zeros(v.periods))
    for later in (v.w, v.f, v.salvage, v.lo, b0, b1):
        later[periods:] = 0.0
    return oracle.simulate(asset, market, paths=paths, seed=1, vectors=v, boundary=(b0, b1)).values


def test_a_years_factor_is_standard_and_moves_assets_and_borrowers_alike() -> None:
    paths = np.arange(20_000)
    first, second, part = year_factors(QUARTERS, "software", [1.0, 2.0, 2.5], 1, paths)
    for g in (first, second, part):
        assert abs(g.mean()) < 4 / np.sqrt(len(paths))
        assert abs(g.var() - 1) < 4 * np.sqrt(2 / len(paths))
    f = oracle.factor_normals(QUARTERS, "software", 1, paths, 10)
    assert part == pytest.approx((f[8] + f[9]) / np.sqrt(2))


@pytest.mark.parametrize(
    "asset", [RIGHT, certain("A", 100.0) | {"volatility": 0.4, "factor_loading": 0.6, "sector": "software"}], ids=["income", "market"]
)
@pytest.mark.parametrize("market", [MARKET, QUARTERS], ids=["years", "quarters"])
def test_more_dates_move_no_other(asset: dict[str, Any], market: oracle.Market) -> None:
    paths = np.arange(64)
    few, _ = collateral(asset, market, np.array([1.0, 2.0]), 1, paths)
    many, _ = collateral(asset, market, np.array([1.0, 1.4, 2.0, 2.6]), 1, paths)
    assert np.array_equal(few, many[[0, 2]])
    if "comparable_price" in asset or market is MARKET:
        assert np.array_equal(many[1], many[2])


def test_loans_of_one_borrower_default_together() -> None:
    loans = [loan("a", pd=0.1), loan("b", pd=0.3), loan("short", pd=0.2, term=1.0), loan("other", borrower_id="C")]
    book = Book(loans, {}, MARKET, 4_000)
    a, b, short, other = book.default_years
    assert np.array_equal(a, b)
    assert np.array_equal(short, np.where(a == 1, 1, 0))
    assert not np.array_equal(other, b)
    assert np.count_nonzero(b == 1) / 4_000 == pytest.approx(0.3, abs=0.03)


def test_the_senior_takes_first_whatever_the_order_of_rows() -> None:
    assets = {"X": certain("X", 120.0), "Y": certain("Y", 30.0)}
    senior, junior = loan("senior", asset_ids=["X"], pledge_ranks=[1]), loan("junior", asset_ids=["X", "Y"], pledge_ranks=[2, 1])
    for loans in ([senior, junior], [junior, senior]):
        book = Book(loans, assets, MARKET, 400)
        for terms, one in zip(loans, lend(book), strict=True):
            hit = one.default_year > 0
            assert hit.any()
            assert np.all(one.recovery[hit] == (100.0 if terms["loan_id"] == "senior" else 50.0))
            assert np.all(one.room[hit] == (120.0 if terms["loan_id"] == "senior" else 50.0))
            assert np.all(one.behind == (120.0 if terms["loan_id"] == "senior" else 50.0))


def test_what_a_loan_that_goes_on_is_due_is_set_aside_for_it() -> None:
    """The junior's borrower defaults first on some paths: the senior's balance is kept from the sale, and found at its own default."""
    loans = [
        loan("senior", asset_ids=["X"], pledge_ranks=[1], borrower_id="S"),
        loan("junior", asset_ids=["X"], pledge_ranks=[2], borrower_id="J"),
    ]
    senior, junior = lend(Book(loans, {"X": certain("X", 130.0)}, MARKET, 2_000))
    junior_first = (junior.default_year == 1) & (senior.default_year == 2)
    senior_first = (junior.default_year == 2) & (senior.default_year == 1)
    assert junior_first.any()
    assert senior_first.any()
    paid = (junior.default_year == 2) & (senior.default_year == 0)  # the senior was repaid that day
    assert np.all(junior.recovery[paid] == 100.0)
    assert np.all(junior.recovery[(junior.default_year > 0) & ~paid] == 30.0)
    assert np.all(senior.recovery[senior.default_year > 0] == 100.0)


def test_circular_pledges_are_refused() -> None:
    loans = [loan("a", asset_ids=["X", "Y"], pledge_ranks=[1, 2]), loan("b", asset_ids=["X", "Y"], pledge_ranks=[2, 1])]
    with pytest.raises(ValueError, match="circular"):
        _ = Book(loans, {"X": certain("X", 1.0), "Y": certain("Y", 1.0)}, MARKET, 4).order


def test_the_largest_principal_meets_its_limit_exactly() -> None:
    asset = certain("X", 60.0) | {"volatility": 0.6}
    terms = loan("a", asset_ids=["X"], rate=0.05, liquidation_discount=0.2, amortisation="level")
    book = Book([terms], {"X": asset}, MARKET, 2_000)
    one = lend(book)[0]
    largest = figures.largest_by_expected_loss(one, 100.0, 0.05, 2_000)
    assert largest is not None
    again = Book([terms | {"principal": largest}], {"X": asset}, MARKET, 2_000)
    assert lend(again)[0].loss.mean() == pytest.approx(0.05 * largest, rel=1e-12)
    assert figures.largest_by_expected_loss(one, 100.0, 0.9, 2_000) is None
    bare = lend(Book([terms | {"asset_ids": []}], {}, MARKET, 2_000))[0]
    assert figures.largest_by_expected_loss(bare, 100.0, 0.05, 2_000) == 0.0


def test_the_caps_by_right_type_leave_room_for_seniors() -> None:
    assets = {"X": certain("X", 400.0), "Y": certain("Y", 100.0) | {"right_type": "utility_model"}}
    loans = [loan("a", asset_ids=["X"]), loan("b", asset_ids=["X", "Y"], pledge_ranks=[2, 1])]
    book = Book(loans, assets, MARKET, 16)
    caps = {"trademark": 0.5, "utility_model": 0.15}
    assert figures.capped_value(book, 0, caps) == pytest.approx(200.0)
    assert figures.capped_value(book, 1, caps) == pytest.approx(115.0)


def test_coverage_of_a_right_that_always_earns_is_what_it_earns_meanwhile() -> None:
    asset = RIGHT | {"annual_cost": 0.0, "volatility": 0.0, "hazard": 0.0}
    book = Book([loan("a", asset_ids=["A"])], {"A": asset}, MARKET, 16)
    v = oracle.vectors(asset, MARKET)
    assert figures.largest_by_coverage(book, 0, 1.25) == pytest.approx(v.w[:2].sum() / 1.25)


# ----------------------------------------------------------------------------------------------------------------------
# Tranches and covenants


def one_path(balance: list[float], interest: list[float], loss: list[float]) -> Pool:
    """Of money in units of 10⁻⁶."""
    years = len(loss)
    return Pool(np.arange(1.0, years + 1), *(np.rint(1e6 * np.array(x))[:, None].astype(np.int64) for x in (balance, interest, loss)))


def test_a_waterfall_by_hand() -> None:
    """100 with a junior fifth. Year 1: 12 of interest, 4 of coupons, 1 of fee; 10 are lost: 7 of excess, 2 of reserve, 1 written off the junior.
    40 of principal, all to the senior. Year 2: 5 of interest, 2.5 of fee and coupons; nothing lost; 2 refill the reserve; all is repaid."""
    p = one_path([100, 59, 0], [12, 4.93], [10, 0])
    got = tranches(p, [1.0, 0.2], coupons=[0.04, 0.04], fee=0.01, reserve=0.02)
    assert got.notional.tolist() == [80_000_000, 20_000_000]
    assert got.loss[:, 0].tolist() == [0, 1_000_000]
    assert (got.lost[0], got.by_excess[0], got.by_reserve[0]) == (10_000_000, 7_000_000, 2_000_000)
    assert got.paid.ravel().tolist() == [40_000_000, 40_000_000, 0, 19_000_000]
    assert got.residual[0] == 4_930_000 - 590_000 - 2_360_000
    assert got.weighted_average_life() == pytest.approx([1.5, 2.0])


def test_pro_rata_pays_all_and_sequential_the_senior_first() -> None:
    p = one_path([100, 50, 0], [0, 0], [10, 0])
    assert tranches(p, [1.0, 0.2], pro_rata=True).paid.ravel().tolist() == [35_555_556, 44_444_444, 4_444_444, 5_555_556]
    assert tranches(p, [1.0, 0.2]).paid.ravel().tolist() == [40_000_000, 40_000_000, 0, 10_000_000]


def test_unpaid_coupons_fall_on_the_lowest_tranche() -> None:
    got = tranches(one_path([100, 0], [1], [0]), [1.0, 0.2], coupons=[0.02, 0.10])
    assert got.loss[:, 0].tolist() == [600_000, 2_000_000]


def test_tranches_lose_together_what_the_pool_loses() -> None:
    loans = [
        loan(f"L{i}", borrower_id=f"B{i}", term=1.0 + i % 3, rate=0.05, amortisation="annuity", asset_ids=["X"], pledge_ranks=[i + 1])
        for i in range(6)
    ]
    book = Book(loans, {"X": certain("X", 150.0)}, MARKET, 500)
    lent = lend(book)
    p = pool(book, lent, share(book, lent))
    got = tranches(p, [1.0, 0.5, 0.1])
    assert np.array_equal(got.loss.sum(axis=0), p.loss.sum(axis=0) - excess(p))
    assert got.loss.sum(axis=0).max() > 100_000_000
    assert np.array_equal(got.paid.sum(axis=1) + got.loss, np.repeat(got.notional[:, None], 500, axis=1))


def excess(p: Pool) -> oracle.Array:
    """What interest makes good: no more in a year than is lost in it."""
    out: oracle.Array = np.minimum(p.interest, p.loss).sum(axis=0)
    return out


def test_a_rating_is_the_best_that_the_expected_loss_allows() -> None:
    table = {"Aaa": [0.0, 0.0001], "A": [0.001, 0.003], "B": [0.05, 0.10]}
    assert rating(0.002, 1.5, table) == "A"
    assert rating(0.0021, 1.5, table) == "B"
    assert rating(0.0001, 5.0, table) == "Aaa"
    assert rating(0.2, 1.0, table) is None


def test_a_margin_call_restores_the_target_and_lowers_the_loss() -> None:
    asset = certain("X", 150.0) | {"volatility": 0.5}
    terms = loan("a", asset_ids=["X"], term=3.0, rate=0.05)
    book = Book([terms], {"X": asset}, MARKET, 2_000)
    free, held = with_covenants(book, {})[0], with_covenants(book, {"a": {"trigger": 0.8, "target": 0.7}})[0]
    assert np.array_equal(free.loss, lend(book)[0].loss)
    assert np.array_equal(held.default_year, free.default_year)
    assert held.calls[0] > 0
    assert held.calls[2] == 0
    assert np.all(held.loss <= free.loss + 1e-9)
    assert held.loss.mean() < free.loss.mean()
    behind = lend(book)[0].behind
    called = (free.default_year == 0) & (0.8 * behind[0] < 100) & (held.owed < 1)
    assert np.all(held.owed[called] <= 0.7 * behind[0][called] / 100 + 1e-12)


def test_calls_that_are_not_met_are_defaults_of_the_borrower() -> None:
    asset = certain("X", 110.0)
    loans = [loan("a", asset_ids=["X"], term=3.0, pd=0.1), loan("b", term=2.0, pd=0.0), loan("c", term=1.0, pd=0.0)]
    a, b, c = with_covenants(Book(loans, {"X": asset}, MARKET, 2_000), {"a": {"trigger": 0.8, "target": 0.7, "cure": 0.25}})
    assert a.unmet[0] == pytest.approx(0.75 * 0.9, abs=0.05)
    assert np.array_equal(a.default_year == 1, b.default_year == 1)
    assert np.count_nonzero(c.default_year == 1) / 2_000 == pytest.approx(0.1, abs=0.03)  # repaid before the call
    assert np.all(b.loss[b.default_year == 1] == 100.0)
    assert not a.loss.any()


def test_release_gives_back_collateral_down_to_its_limit() -> None:
    terms = loan("a", asset_ids=["X"], term=3.0, pd=0.2, amortisation="level", principal=90.0)
    one = with_covenants(Book([terms], {"X": certain("X", 200.0)}, MARKET, 500), {"a": {"trigger": 0.9, "release": 0.5}})[0]
    assert one.releases.tolist() == pytest.approx([np.mean(one.default_year != 1), np.mean((one.default_year != 1) & (one.default_year != 2)), 0.0])
    repaid = one.default_year == 0
    assert np.all(one.pledged[repaid] == pytest.approx(0.3))  # 30 owed are half of 60


def test_effective_maturity_of_a_level_loan() -> None:
    book = Book([loan("a", term=3.0, amortisation="level")], {}, MARKET, 1)
    assert effective_maturity(book.plans[0]) == pytest.approx(2.0)
