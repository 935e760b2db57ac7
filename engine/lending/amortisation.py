"""What loans owe and pay, year by year: docs/numerics.md §19, "Dates" and "Payments".

l = loans. Years stand one loan after another, those of loan i from offset[i] to offset[i + 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from ipvalue.backend import kernel
from ipvalue.constants import TIME_EPSILON
from ipvalue.lending.pledges import counts_of, runs, starts
from ipvalue.schema import AMORTISATIONS

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

KINDS = AMORTISATIONS


@dataclass(frozen=True)
class Schedules:
    """Years of loans, and what is owed and paid in them, in the currency of their principals; all but `offset` by loan and year."""

    offset: Longs  # (l + 1)
    ends: Floats  # years from the start of the loan
    lengths: Floats
    owed: Floats  # balance during the year, before its payment
    interest: Floats
    principal: Floats

    def take(self, loans: Longs) -> Schedules:
        """Those of some loans, by their places."""
        these = runs(self.offset, loans)
        by_year = {one.name: getattr(self, one.name)[these] for one in fields(self) if one.name != "offset"}
        return Schedules(starts(counts_of(self.offset, loans)), **by_year)

    @property
    def exposure(self) -> Floats:
        """At a default in the year: the balance before the year's payment, and its interest."""
        found: Floats = self.owed + self.interest
        return found

    def effective_maturity(self) -> Floats:
        """Mean time of a loan's payments, weighted by them, within 1 and 5 years (Basel Framework CRE32). (l)"""
        payments = self.interest + self.principal
        weighted, whole = (np.add.reduceat(x, self.offset[:-1]) for x in (self.ends * payments, payments))
        found: Floats = np.clip(weighted / whole, 1.0, 5.0)
        return found


def loan_years(term: Floats) -> Longs:
    """Years of a loan, a last part-year among them. (l)"""
    found: Longs = np.maximum(np.ceil(term - TIME_EPSILON), 1.0).astype(np.int64)
    return found


def schedules(
    principal: Floats, rate: Floats, term: Floats, kind: Sequence[str], repayments: Sequence[Sequence[float] | None] | None = None
) -> Schedules:
    """Balances and payments of loans (l).

    rate: annual effective, not negative. term: years, above 0. kind: one of KINDS. repayments: of each loan of kind `schedule` the principal that it
    repays at the end of each year, as many as it has years and together its principal. Raises ValueError where there are not as many.
    """
    years = loan_years(term)
    offset = np.concatenate([[0], np.cumsum(years)])
    ends, lengths, owed, interest, repaid = (np.zeros(offset[-1]) for _ in range(5))
    kinds, own = np.asarray(kind), [one or () for one in repayments or [()] * len(kind)]
    short = [i for i in np.flatnonzero(kinds == "schedule") if len(own[i]) != years[i]]
    if short:
        raise ValueError(f"loan {short[0]} has {years[short[0]]} years and {len(own[short[0]])} repayments")
    payment = _annuities(principal, rate, term, years, kinds == "annuity")
    balance, before = principal.astype(np.float64), np.zeros(len(term))
    for y in range(int(years.max(initial=0))):
        here = np.flatnonzero(years > y)
        at, last = offset[here] + y, years[here] == y + 1
        end = np.minimum(y + 1.0, term[here])
        ends[at], lengths[at], owed[at] = end, end - before[here], balance[here]
        interest[at] = balance[here] * _interest(rate[here], lengths[at])
        due = np.zeros(len(here))
        for name, amount in (("level", principal[here] / years[here]), ("annuity", payment[here] - interest[at])):
            due = np.where(kinds[here] == name, amount, due)
        for i in np.flatnonzero(kinds[here] == "schedule"):
            due[i] = own[here[i]][y]
        repaid[at] = np.where(last, balance[here], due)
        balance[here], before[here] = balance[here] - repaid[at], end
    return Schedules(offset, ends, lengths, owed, interest, repaid)


def first_exposure(principal: Floats, rate: Floats, term: Floats) -> Floats:
    """What is owed with its interest at a default in the first year, the most there ever is. All (l)."""
    found: Floats = principal + principal * _interest(rate, np.minimum(term, 1.0))
    return found


def discounts(rate: Floats, time: Floats) -> Floats:
    """(1 + rate)^(-time), both (n,)."""
    found: Floats = kernel.elementary("pow", 1.0 + rate, -time)
    return found


def _interest(rate: Floats, length: Floats) -> Floats:
    found: Floats = np.where(length == 1.0, rate, kernel.elementary("pow", 1.0 + rate, length) - 1.0)
    return found


def _annuities(principal: Floats, rate: Floats, term: Floats, years: Longs, wanted: npt.NDArray[np.bool_]) -> Floats:
    """The equal payments of the loans wanted, 0 for the others. (l)"""
    worth = np.zeros(len(term))
    for y in range(int(years[wanted].max(initial=0))):
        here = np.flatnonzero(wanted & (years > y))
        worth[here] += discounts(rate[here], np.minimum(y + 1.0, term[here]))
    found: Floats = np.divide(principal, worth, out=np.zeros(len(term)), where=wanted)
    return found
