"""Waterfalls of many paths beside the slow definition, and what must hold of every deal."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle_tranches as slow
import pytest

from ipvalue.lending.tranches import Deal, Pool, average_life, exact_sum, rating, waterfall

RNG = np.random.default_rng(9)


def some_pool(years: int, paths: int) -> Pool:
    """A pool of 1,000 (and 7 millionths) that repays and loses a part of itself each year."""
    balance, interest, loss = np.full((years + 1, paths), 1000.000007), np.zeros((years, paths)), np.zeros((years, paths))
    for y in range(years):
        repaid = RNG.uniform(0, 0.6, paths) if y < years - 1 else np.ones(paths)
        defaulted = RNG.uniform(0, 0.3, paths) * (RNG.uniform(size=paths) < 0.5)
        balance[y + 1] = np.maximum(balance[y] * (1 - repaid - defaulted), 0.0)
        loss[y] = np.minimum(balance[y] - balance[y + 1], RNG.uniform(0, 1, paths) * defaulted * balance[y])
        interest[y] = RNG.uniform(0.0, 0.08, paths) * balance[y]
    ends = np.arange(1.0, years + 1)
    ends[-1] -= 0.5
    return Pool(ends, *(np.rint(money * 1e6).astype(np.int64) for money in (balance, interest, loss)))


DEALS: dict[str, dict[str, Any]] = {
    "plain": {"detachment": [1.0, 0.3, 0.1], "coupon": [0.0, 0.0, 0.0]},
    "coupons": {"detachment": [1.0, 0.3, 0.1], "coupon": [0.02, 0.05, 0.15], "fee": 0.005},
    "reserve": {"detachment": [1.0, 0.2], "coupon": [0.03, 0.06], "reserve": 0.03, "fee": 0.01},
    "pro rata": {"detachment": [1.0, 0.6, 0.05], "coupon": [0.02, 0.04, 0.0], "reserve": 0.01, "pro_rata": True},
    "whole": {"detachment": [1.0], "coupon": [0.04]},
}


FIELDS = ("notional", "written", "unpaid", "lost", "by_excess", "by_reserve", "residual")


@pytest.mark.parametrize("name", DEALS)
def test_the_slow_definition(name: str) -> None:
    pool, deal = some_pool(4, 200), DEALS[name]
    fast = waterfall(pool, Deal(**deal))
    given = {key: value for key, value in deal.items() if key not in ("detachment", "coupon")}
    expected = slow.tranches(slow.Pool(pool.ends, pool.balance, pool.interest, pool.loss), deal["detachment"], deal["coupon"], **given)
    for field in FIELDS:
        assert np.array_equal(getattr(fast, field), getattr(expected, field)), field
    assert fast.paid.tolist() == expected.paid.sum(axis=2).tolist()
    assert average_life(fast.paid, pool.ends) == pytest.approx(expected.weighted_average_life(), rel=1e-14)


@pytest.mark.parametrize("name", DEALS)
def test_what_is_lost_is_borne_exactly(name: str) -> None:
    pool, deal = some_pool(4, 500), Deal(**DEALS[name])
    out = waterfall(pool, deal)
    assert np.array_equal(out.written.sum(axis=0) + out.by_excess + out.by_reserve, out.lost)
    assert (out.lost > 0).any()
    assert out.lost.max() <= pool.balance[0, 0]


@pytest.mark.parametrize("name", DEALS)
def test_all_money_goes_somewhere(name: str) -> None:
    """Interest, reserve and principal that came in are fees, coupons, principal and residual that went out."""
    pool, deal = some_pool(3, 200), Deal(**DEALS[name])
    out = waterfall(pool, deal)
    lengths = np.diff([0.0, *pool.ends])
    owed = out.notional[:, None]
    assert out.paid.sum() + out.written.sum() == 200 * owed.sum()
    if not any(deal.coupon):
        reserve = np.rint(deal.reserve * float(pool.balance[0, 0]))
        came = pool.interest.sum() + 200 * reserve + (pool.balance[0] - pool.loss.sum(axis=0)).sum()
        fees = np.rint(deal.fee * lengths[:, None] * pool.balance[:-1]).sum()
        assert out.paid.sum() + out.residual.sum() + fees == pytest.approx(came, rel=1e-12)


def test_losses_rise_from_below() -> None:
    pool = some_pool(3, 300)
    out = waterfall(pool, Deal([1.0, 0.3, 0.1], [0.0, 0.0, 0.0]))
    for senior, junior in ((0, 1), (1, 2)):
        hurt = out.loss[senior] > 0
        assert hurt.any()
        assert np.all(out.loss[junior][hurt] > 0)


def test_sums_of_large_integers_are_exact() -> None:
    amounts = np.array([2**62 - 1, 2**61 + 7, 3, 0] * 1000, np.int64)
    assert exact_sum(amounts) == sum(amounts.tolist())


def test_parts_of_a_pool_add_up_to_it() -> None:
    deal = Deal([1.0, 0.7, 0.1], [0.0] * 3)
    for whole in (1, 10, 10**6 + 1, 2**62 - 12345):
        assert sum(deal.notional(whole).tolist()) == whole


def test_the_rating_is_that_of_the_definition() -> None:
    table = {"Aaa": [0.0, 0.0001, 0.0003], "A": [0.001, 0.003, 0.005], "B": [0.05]}
    for loss in (0.0, 1e-4, 2e-4, 0.002, 0.02, 0.2):
        for life in (0.4, 1.0, 1.7, 2.0, 9.0):
            assert rating(loss, life, table) == slow.rating(loss, life, table)


@pytest.mark.parametrize(
    ("detachment", "coupon", "message"),
    [
        ([0.9, 0.1], [0.0, 0.0], "start at 1"),
        ([1.0, 0.1, 0.1], [0.0] * 3, "fall"),
        ([1.0, 0.0], [0.0] * 2, "fall"),
        ([1.0, 0.1], [0.0], "2 tranches and 1 coupons"),
        ([1.0], [-0.01], "not negative"),
    ],
)
def test_a_deal_that_cannot_be_is_refused(detachment: list[float], coupon: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Deal(detachment, coupon)
