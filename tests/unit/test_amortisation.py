"""Schedules of many loans at once, beside the slow definition, one loan at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracle_borrowers import schedule
from oracle_capital import effective_maturity

import oracle
from ipvalue.lending.amortisation import KINDS, schedules

RNG = np.random.default_rng(3)


def some_loans(n: int) -> list[dict[str, Any]]:
    loans: list[dict[str, Any]] = []
    for i in range(n):
        term = float(RNG.choice([0.25, 1.0, 1.5, 2.0, 3.0, 3.0 + 1e-12, 7.3]))
        years = max(oracle.ceil_time(term), 1)
        parts = RNG.uniform(0, 1, years)
        principal = float(RNG.uniform(1e4, 1e7))
        row = {"principal": principal, "rate": float(RNG.choice([0.0, 0.0435, 0.2])), "term": term, "amortisation": KINDS[i % 4]}
        loans.append(row | {"schedule": (principal * parts / parts.sum()).tolist() if i % 4 == 3 else None})
    return loans


def test_the_slow_definition() -> None:
    loans = some_loans(200)
    columns = {name: np.array([loan[name] for loan in loans]) for name in ("principal", "rate", "term")}
    made = schedules(**columns, kind=[loan["amortisation"] for loan in loans], repayments=[loan["schedule"] for loan in loans])
    maturity = made.effective_maturity()
    for i, loan in enumerate(loans):
        at, slow = slice(made.offset[i], made.offset[i + 1]), schedule(loan, oracle.Market())
        for fast, expected in (
            (made.ends, slow.ends),
            (made.lengths, slow.lengths),
            (made.owed, slow.balance[:-1]),
            (made.interest, slow.interest),
            (made.principal, slow.principal),
            (made.exposure, slow.ead),
        ):
            assert fast[at] == pytest.approx(expected, rel=1e-11, abs=1e-8)
        assert maturity[i] == pytest.approx(effective_maturity(slow), rel=1e-12)


def test_every_loan_is_repaid_to_the_last_bit_that_is_owed() -> None:
    loans = some_loans(80)
    columns = {name: np.array([loan[name] for loan in loans]) for name in ("principal", "rate", "term")}
    made = schedules(**columns, kind=[loan["amortisation"] for loan in loans], repayments=[loan["schedule"] for loan in loans])
    last = made.offset[1:] - 1
    assert np.array_equal(made.owed[last], made.principal[last])
    assert np.add.reduceat(made.principal, made.offset[:-1]) == pytest.approx(columns["principal"], rel=1e-12)


def test_a_loan_does_not_depend_on_its_neighbours() -> None:
    one = schedules(np.array([1e6]), np.array([0.05]), np.array([2.5]), ["annuity"])
    two = schedules(np.array([3e5, 1e6]), np.array([0.01, 0.05]), np.array([6.0, 2.5]), ["annuity", "annuity"])
    assert np.array_equal(one.owed, two.owed[6:])
    assert np.array_equal(one.interest, two.interest[6:])


def test_a_schedule_that_has_not_a_repayment_a_year_is_refused() -> None:
    with pytest.raises(ValueError, match="loan 0 has 3 years and 2 repayments"):
        schedules(np.array([100.0]), np.array([0.05]), np.array([2.5]), ["schedule"], [[50.0, 50.0]])
