"""Waterfalls of many paths beside the slow definition, and what must hold of every deal."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle_tranches as slow
import pytest

from ipvalue.lending.tranches import Deal, Pool, average_life, rating, waterfall

RNG = np.random.default_rng(9)


def some_pool(years: int, paths: int) -> Pool:
    """A pool of 1,000 that repays and loses a part of itself each year."""
    balance, interest, loss = np.full((years + 1, paths), 1000.0), np.zeros((years, paths)), np.zeros((years, paths))
    for y in range(years):
        repaid = RNG.uniform(0, 0.6, paths) if y < years - 1 else np.ones(paths)
        defaulted = RNG.uniform(0, 0.3, paths) * (RNG.uniform(size=paths) < 0.5)
        balance[y + 1] = np.maximum(balance[y] * (1 - repaid - defaulted), 0.0)
        loss[y] = np.minimum(balance[y] - balance[y + 1], RNG.uniform(0, 1, paths) * defaulted * balance[y])
        interest[y] = RNG.uniform(0.0, 0.08, paths) * balance[y]
    ends = np.arange(1.0, years + 1)
    ends[-1] -= 0.5
    return Pool(ends, balance, interest, loss)


DEALS: dict[str, dict[str, Any]] = {
    "plain": {"detachment": [1.0, 0.3, 0.1], "coupon": [0.0, 0.0, 0.0]},
    "coupons": {"detachment": [1.0, 0.3, 0.1], "coupon": [0.02, 0.05, 0.15], "fee": 0.005},
    "reserve": {"detachment": [1.0, 0.2], "coupon": [0.03, 0.06], "reserve": 0.03, "fee": 0.01},
    "pro rata": {"detachment": [1.0, 0.6, 0.05], "coupon": [0.02, 0.04, 0.0], "reserve": 0.01, "pro_rata": True},
    "whole": {"detachment": [1.0], "coupon": [0.04]},
}


@pytest.mark.parametrize("name", DEALS)
def test_the_slow_definition(name: str) -> None:
    pool, deal = some_pool(4, 500), DEALS[name]
    fast = waterfall(pool, Deal(**deal))
    given = {key: value for key, value in deal.items() if key not in ("detachment", "coupon")}
    expected = slow.tranches(slow.Pool(pool.ends, pool.balance, pool.interest, pool.loss), deal["detachment"], deal["coupon"], **given)
    assert fast.notional == pytest.approx(expected.notional)
    assert fast.loss == pytest.approx(expected.loss, abs=1e-9)
    assert fast.paid.mean(axis=2) == pytest.approx(expected.paid, abs=1e-9)
    assert fast.residual == pytest.approx(expected.residual, abs=1e-9)
    assert average_life(fast.paid.mean(axis=2), pool.ends) == pytest.approx(expected.weighted_average_life())


@pytest.mark.parametrize("name", DEALS)
def test_all_money_goes_somewhere(name: str) -> None:
    """Interest, reserve and principal that came in are fees, coupons, principal and residual that went out."""
    pool, deal = some_pool(3, 200), Deal(**DEALS[name])
    out = waterfall(pool, deal)
    lengths = np.diff([0.0, *pool.ends])
    owed = out.notional[:, None]
    assert np.all(out.paid.sum(axis=1) <= owed * (1 + 1e-12))
    if not any(deal.coupon):
        came = pool.interest.sum(axis=0) + deal.reserve * 1000 + (pool.balance[:-1] - pool.balance[1:] - pool.loss).sum(axis=0)
        fees = (deal.fee * lengths[:, None] * pool.balance[:-1]).sum(axis=0)
        assert out.paid.sum(axis=(0, 1)) + out.residual + fees == pytest.approx(came)
        assert out.paid.sum(axis=1) + out.loss == pytest.approx(np.repeat(owed, 200, axis=1))


def test_losses_rise_from_below() -> None:
    pool = some_pool(3, 300)
    out = waterfall(pool, Deal([1.0, 0.3, 0.1], [0.0, 0.0, 0.0]))
    for senior, junior in ((0, 1), (1, 2)):
        hurt = out.loss[senior] > 1e-9
        assert np.all(out.loss[junior][hurt] + out.paid[junior].sum(axis=0)[hurt] == pytest.approx(out.notional[junior]))
        assert np.all(out.loss[junior][hurt] > 0)


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
