"""Bounds on the cash (a licence's guarantee and cap) in the kernel and in the boundary, ahead of the methods that fill them:
vectors of the definition go in, and every path comes out as the definition has it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import portfolios
import pytest
from compared import as_engine

import oracle
from ipvalue.ext import kernel

MARKET = oracle.Market(
    currency="CNY",
    valuation_date=portfolios.VALUATION_DATE,
    steps_per_year=2,
    mid_period=True,
    curves={"CNY": ([1.0], [0.02])},
    fx={},
    factors=list(portfolios.SECTORS),
    correlation=portfolios.MARKET["factors"]["correlation"],
)
LICENCE = {
    "right_type": "invention_patent", "method": "licence", "revenue": 1000.0, "royalty_rate": 0.05, "life": 6.3, "volatility": 0.3, "hazard": 0.05,
    "sector": "pharma", "factor_loading": 0.6, "discount_premium": 0.08, "revenue_uncertainty": 0.2, "royalty_low": 0.02, "royalty_high": 0.09,
}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "guarantee": {"minimum_guarantee": 45.0},
    "cap": {"cap": 55.0, "launch_lag": 1.2},
    "both, a rival and a cost": {"minimum_guarantee": 30.0, "cap": 60.0, "entry_hazard": 0.2, "entry_loss": 0.7, "annual_cost": 20.0},
    "given up when it does not pay": {"minimum_guarantee": 20.0, "cap": 80.0, "annual_cost": 45.0, "salvage": 25.0, "renewal": "optimal",
                                      "entry_hazard": 0.2, "entry_loss": 0.7},
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("single", [False, True])
def test_bounded_cash_follows_the_definition_path_by_path(name: str, single: bool) -> None:
    asset = {"asset_id": name, **LICENCE, **CASES[name]}
    slow = oracle.vectors(asset, MARKET)
    engine = as_engine(slow, asset, MARKET)
    bounds = (np.zeros(slow.periods), np.zeros(slow.periods))
    if slow.optional:
        engine.bound_out, engine.bound_in = bounds = kernel.boundary(engine)
        best = oracle.solve(slow, nodes=64)
        # a bound that keeps income level leaves the choice flat in places: compare where the boundary is within reach
        reach = (best.b0 > 0.1) & (best.b0 < 10.0)
        np.testing.assert_allclose(bounds[0][reach], best.b0[reach], rtol=5e-3)
    order = np.argsort(np.array([one.encode() for one in MARKET.factors]))
    matrix = np.array(MARKET.correlation)[np.ix_(order, order)]
    names = [sorted(MARKET.factors)[i].encode() for i in range(3)]
    factors = SimpleNamespace(matrix=kernel.cholesky(matrix), hashes=np.array([oracle.xxh64(one) for one in names], np.uint64))
    _, status, values = kernel.simulate(engine, factors, seed=9, paths=900, single=single, quantiles=[0.5], tail=0.05, keep=True)
    expected = oracle.simulate(asset, MARKET, paths=900, seed=9, vectors=slow, boundary=bounds).values
    assert status[0] == 0
    off = np.abs(values[0] - expected) / np.abs(expected).max()
    assert np.count_nonzero(off > (2e-5 if single else 1e-12)) <= (2 if single and slow.optional else 0)
