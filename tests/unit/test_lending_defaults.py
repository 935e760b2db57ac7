"""Probabilities and thresholds of loans, and borrowers as the kernels take them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import oracle_borrowers
import pytest
from lent import PLAIN, borrowers, probabilities_of, schedules_of

import oracle
from ipvalue.lending.defaults import last_periods
from ipvalue.lending.probabilities import thresholds

MARKET = oracle.Market(currency="CNY", curves={"CNY": ([1.0], [0.02])}, factors=("software", "pharma"), steps_per_year=4)
RATINGS = {"BB": [0.1, 0.28], "D": [0.5, 1.0, 1.0], "one": [0.05]}
RISKS: list[dict[str, Any]] = [
    {"pd": 0.19},
    {"pd": 1.0},
    {"pd": 0.0},
    {"pd_curve": [0.1, 0.28]},
    {"rating": "BB"},
    {"rating": "D"},
    {"rating": "one"},
    {"pd_curve": [0.2, 0.2, 0.9], "rating": "BB"},
]


def loan(i: int, term: float, **columns: Any) -> dict[str, Any]:
    return {**PLAIN, "loan_id": f"L{i}", "term": term, **columns}


@pytest.mark.parametrize("term", [0.25, 1.0, 2.0, 4.5, 6.0])
def test_probabilities_are_those_of_the_slow_definition(term: float) -> None:
    loans = [loan(i, term, **risk) for i, risk in enumerate(RISKS)]
    plan = schedules_of(loans)
    found = np.split(probabilities_of(loans, plan, RATINGS), plan.offset[1:-1])
    for one, p in zip(loans, found, strict=True):
        slow = oracle_borrowers.schedule(one, MARKET)
        assert p == pytest.approx(oracle_borrowers.default_probabilities(one, slow.lengths, RATINGS), rel=1e-14, abs=0.0)


def test_thresholds_are_the_inverse_normal_and_infinite_at_the_ends() -> None:
    p = np.concatenate([10.0 ** -np.linspace(0.01, 9.9, 200), 1.0 - 10.0 ** -np.linspace(0.01, 9.5, 200)])
    assert thresholds(p) == pytest.approx([oracle_borrowers.default_threshold(x) for x in p], rel=1e-13, abs=1e-13)
    ends = np.array([0.0, np.nextafter(2.0**-33, 0.0), 1.0 - 2.0**-34, 1.0])
    assert thresholds(ends).tolist() == [-math.inf, -math.inf, math.inf, math.inf]
    assert np.isfinite(thresholds(np.array([2.0**-33, 1.0 - 2.0**-33]))).all()


def test_periods_up_to_a_time() -> None:
    times = np.array([1e-10, 0.1, 0.25, 0.26, 1.0, 7.3])
    assert last_periods(times, 4).tolist() == [1, 1, 1, 2, 4, 30]
    assert last_periods(times[1:], 4).tolist() == [oracle_borrowers.period_at(float(t), 4) for t in times[1:]]


def test_borrowers_hold_their_loans_and_years_share_spans() -> None:
    loans = [
        loan(0, 2.5, borrower_id="X", pd=0.1, sector="software", factor_loading=0.5),
        loan(1, 1.0, borrower_id="Y", pd=0.2, sector="pharma", factor_loading=0.0),
        loan(2, 2.0, borrower_id="X", pd=0.3, sector="software", factor_loading=-0.4),
        loan(3, 1.0, borrower_id="Y", pd=0.2, factor_loading=0.4),
    ]
    names, found = borrowers(loans, MARKET)
    assert names == ["X", "Y"]
    assert found.loan_start.tolist() == [0, 2, 4]
    assert found.rho.tolist() == [0.5, -0.4, 0.0, 0.0]  # none without a factor
    assert found.year_start.tolist() == [0, 3, 5, 6, 7]
    distinct = list(zip(found.spans.factor.tolist(), found.spans.first.tolist(), found.spans.count.tolist(), strict=True))
    spans = [distinct[k] if k >= 0 else None for k in found.span]
    assert spans == [(1, 0, 4), (1, 4, 4), (1, 8, 2), (1, 0, 4), (1, 4, 4), None, None]
    assert len(distinct) == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loan_start", np.array([0, 2])),
        ("year_start", np.array([0, 3, 2, 6, 7])),
        ("span", np.full(7, 9, np.int32)),
        ("rho", np.array([0.5, 1.5])),
        ("rho", np.array([0.5, np.nan])),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(name: str, value: Any) -> None:
    _, found = borrowers([loan(0, 3.0, borrower_id="X", pd=0.1, sector="software", factor_loading=0.5), loan(1, 2.0, pd=0.1)], MARKET)
    with pytest.raises(ValueError, match=r"start at|spans|loadings"):
        replace(found, **{name: value})
    with pytest.raises(ValueError, match="one period at least"):
        replace(found.spans, count=np.zeros(3, np.int32))
