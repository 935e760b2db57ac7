"""Basel risk weights: the published table and the slow definition."""

from __future__ import annotations

import numpy as np
import oracle_capital
import pytest
from tables import lending_rows

from ipvalue.lending.capital import CLASSES, correlation, risk_weights

RNG = np.random.default_rng(5)


@pytest.mark.parametrize(("kind", "turnover"), [("corporate", 50.0), ("sme", 5.0), ("other_retail", 50.0)])
def test_the_table_of_annex_5(kind: str, turnover: float) -> None:
    rows = lending_rows("irb.csv")
    pd, n = np.array([float(row["pd_percent"]) / 100 for row in rows]), len(rows)
    weights = risk_weights(pd, np.full(n, 0.45), [kind] * n, np.full(n, 2.5), np.full(n, turnover))
    assert 100 * weights == pytest.approx([float(row[kind]) for row in rows], abs=0.02)


def test_the_slow_definition() -> None:
    n = 300
    pd, lgd, maturity, turnover = 10 ** RNG.uniform(-5, 0, n), RNG.uniform(0, 1, n), RNG.uniform(0.2, 7, n), RNG.uniform(1, 80, n)
    kinds = RNG.choice(CLASSES, n).tolist()
    expected = [oracle_capital.risk_weight(*row, scaling=1.06) for row in zip(pd, lgd, kinds, maturity, turnover, strict=True)]
    assert risk_weights(pd, lgd, kinds, maturity, turnover, scaling=1.06) == pytest.approx(expected, rel=1e-10, abs=1e-13)
    expected = [oracle_capital.correlation(*row) for row in zip(pd, kinds, turnover, strict=True)]
    assert correlation(pd, kinds, turnover) == pytest.approx(expected, rel=1e-13)


def test_a_loan_in_default_and_one_below_the_floor() -> None:
    two = np.array([1.0, 1e-6])
    weights = risk_weights(two, np.full(2, 0.45), ["corporate"] * 2, np.full(2, 2.5), np.full(2, 50.0))
    assert weights[0] == 0.0
    assert 100 * weights[1] == pytest.approx(14.44, abs=0.02)
