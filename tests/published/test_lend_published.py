"""`ipvalue.lend` itself against published numbers and closed forms; what its definition is held to stands in test_lending_definition.py."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from one_factor import NORMAL, beyond, default_given, frye, over_factor
from scipy.stats import binom
from tables import lending_rows

import ipvalue
from ipvalue.schema import LOANS, PORTFOLIO

MARKET = {
    "currency": "CNY",
    "valuation_date": date(2026, 11, 22),
    "curves": {"CNY": {"tenors": [1.0], "rates": [0.02]}},
    "factors": {"names": ["software", "pharma"], "correlation": [[1.0, 0.3], [0.3, 1.0]]},
}
RIGHT = {"right_type": "trademark", "method": "market", "comparable_price": 60.0, "volatility": 0.0}
LOAN = {"principal": 100.0, "rate": 0.0, "term": 1.0, "pd": 0.05, "sector": "software", "liquidation_discount": 0.0, "liquidation_lag": 0.0}


def table(rows: list[dict[str, Any]], columns: Any) -> pa.Table:
    names = {name for row in rows for name in row}
    return pa.Table.from_pylist(rows, pa.schema([(name, column.arrow_type) for name, column in columns.items() if name in names]))


def lent(loans: list[dict[str, Any]], right: dict[str, Any], **options: Any) -> ipvalue.LendResult:
    """Loans of a borrower each, on a right each."""
    rights = [{"asset_id": f"A{i}", **RIGHT, **right} for i in range(len(loans))]
    rows = [{"loan_id": f"L{i}", "asset_ids": [f"A{i}"], **LOAN, **loan} for i, loan in enumerate(loans)]
    return ipvalue.lend(table(rows, LOANS), table(rights, PORTFOLIO), market=MARKET, assumptions="default", workers=1, **options)


# ----------------------------------------------------------------------------------------------------------------------
# Large pools


@pytest.mark.parametrize(("rho", "pd"), [("0.2", "pd_1.0"), ("0.6", "pd_2.0")])
def test_the_worst_rate_of_default_is_vasiceks(rho: str, pd: str) -> None:
    """Hull, table 11.4, at 99.9 %: within four standard errors of a quantile of so many paths, and half a loan."""
    printed = float(next(row for row in lending_rows("vasicek.csv") if row["rho"] == rho)[pd]) / 100
    count, paths, level = 500, 65_536, 0.999
    p, loading = float(pd.removeprefix("pd_")) / 100, math.sqrt(float(rho))
    loan = {"pd": p, "factor_loading": loading, "liquidation_discount": 1.0}
    found = lent([loan] * count, {}, paths=paths, seed=3)
    (book,) = found.book.filter(pc.equal(found.book["bearer"], "all")).to_pylist()
    worst = book["var_99_9"] / (100.0 * count)
    below, above = (NORMAL.inv_cdf(level + sign * 4 * math.sqrt(level * (1 - level) / paths)) for sign in (-1, 1))
    low, high = (float(default_given(np.array(-x), p, loading)) for x in (below, above))
    assert low - 0.5 / count < worst < high + 0.5 / count
    assert low < printed < high
    assert high - low < 0.3 * printed


TRANCHES = {"equity": (0.0, 0.06), "mezzanine": (0.06, 0.15), "senior": (0.15, 1.0)}


def test_tranche_losses_of_a_large_pool_follow_the_bivariate_normal() -> None:
    """E[(L − a)+] = Φ₂(Φ⁻¹(PD), −Φ⁻¹(a); −√(1 − ρ²)) of a pool without end; this one is as near as 1,000 loans can be."""
    pd, loading, count = 0.05, math.sqrt(0.3), 1_000
    cut = {"tranche": [{"name": name, "attachment": low, "detachment": high} for name, (low, high) in TRANCHES.items()]}
    loan = {"pd": pd, "factor_loading": loading, "liquidation_discount": 1.0}
    found = lent([loan] * count, {}, paths=8_192, seed=5, sampler="sobol", pool=cut)
    rows = {row["tranche"]: row for row in found.tranches.to_pylist()}

    def of_so_many(low: float, high: float) -> float:
        """The same of `count` loans, defaults being binomial given the factor."""
        k = np.arange(count + 1)
        share = np.clip(k / count - low, 0.0, high - low)
        return over_factor(lambda x: np.array([binom.pmf(k, count, p) @ share for p in default_given(x, pd, loading)]))

    for name, (low, high) in TRANCHES.items():
        limit = (beyond(low, pd, loading) - beyond(high, pd, loading)) / (high - low)
        exact = of_so_many(low, high) / (high - low)
        assert abs(exact / limit - 1) < 0.02, name
        assert abs(rows[name]["expected_loss"] - exact) < 4 * rows[name]["standard_error"], name
        assert rows[name]["standard_error"] < 0.04 * limit
        attached = round(low * count)
        reached = over_factor(lambda x, k=attached: binom.sf(k, count, default_given(x, pd, loading)))  # type: ignore[misc]
        assert abs(rows[name]["probability_of_default"] - reached) < 0.005
    assert rows["pool"]["expected_loss"] == pytest.approx(pd, rel=0.01)


# ----------------------------------------------------------------------------------------------------------------------
# Collateral that falls in bad years


@pytest.mark.parametrize("loading", [0.0, math.sqrt(0.2)], ids=["independent", "wrong-way"])
def test_systematic_collateral_is_freyes(loading: float) -> None:
    """Frye (2000), "Collateral damage": PD 5 %, asset correlation 0.2, log-normal collateral of mean 0.8 and deviation 0.4 of the exposure."""
    sigma, rho, pd = math.sqrt(math.log(1.25)), math.sqrt(0.2), 0.05
    right = {"comparable_price": 80.0, "volatility": sigma, "factor_loading": loading, "sector": "software"}
    found = lent([{"pd": pd, "factor_loading": rho}] * 40, right, paths=40_000, seed=7)

    expected = 100.0 * frye(pd, rho, sigma, loading)
    (book,) = found.book.filter(pc.equal(found.book["bearer"], "all")).to_pylist()
    error = book["standard_deviation"] / math.sqrt(40_000) / 40
    assert abs(book["mean"] / 40 - expected) < 4 * error
    assert error < 0.015 * expected
    for row in found.loans.to_pylist():
        assert abs(row["expected_loss"] - expected) < 5 * row["standard_error"]


# ----------------------------------------------------------------------------------------------------------------------
# Capital, and a loan by hand


def test_risk_weights_are_those_of_annex_5() -> None:
    """Bullets without interest over 2.5 years: their effective maturity is the table's."""
    rows = lending_rows("irb.csv")
    classes = {"corporate": 50.0, "sme": 5.0, "other_retail": 50.0}
    loans = [
        {"pd": float(row["pd_percent"]) / 100, "exposure_class": kind, "turnover": turnover, "term": 2.5, "factor_loading": 0.0}
        for row in rows
        for kind, turnover in classes.items()
    ]
    found = iter(lent(loans, {}, paths=64).loans["risk_weight"].to_pylist())
    for row in rows:
        for kind in classes:
            assert abs(100 * next(found) - float(row[kind])) < 0.02


def test_a_bullet_loan_with_certain_collateral_by_hand() -> None:
    """100 at 10 % for two years; 60 of collateral, of which 70 % come half a year later. In each year 110 are owed at default."""
    terms = {"rate": 0.10, "term": 2.0, "pd": 0.3, "factor_loading": 0.0, "liquidation_discount": 0.3, "liquidation_lag": 0.5}
    found = lent([terms], {}, paths=2_000, seed=1)
    (row,) = found.loans.to_pylist()
    recovered = 0.7 * 60 / math.sqrt(1.1)
    assert row["pd"] == pytest.approx(1 - 0.7**2, abs=4 * math.sqrt(0.51 * 0.49 / 2_000))
    assert row["ead"] == pytest.approx(110.0)
    assert row["lgd"] == pytest.approx(1 - recovered / 110, rel=1e-7)
    assert row["expected_loss"] == pytest.approx(row["pd"] * (110 - recovered), rel=1e-7)
    first = (row["expected_loss_present"] / (110 - recovered) - row["pd"] / 1.21) / (1 / 1.1 - 1 / 1.21)  # the share that defaults in the first year
    assert first == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / 2_000))
    spread = row["expected_loss_present"] / (100 * ((1 - first) / 1.1 + (1 - row["pd"]) / 1.21))
    assert row["break_even_spread"] == pytest.approx(spread, rel=1e-6)
    assert row["loan_to_value"] == pytest.approx(100 / 60)
    assert row["coverage_q05"] == pytest.approx(recovered / 110, rel=1e-6)
    losses = {float(one) for one in found.losses.filter(pc.equal(found.losses["bearer"], "all"))["loss"].to_pylist()}
    assert sorted(losses) == pytest.approx([0.0, 110 - recovered], rel=1e-7)
