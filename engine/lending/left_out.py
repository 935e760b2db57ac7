"""Loans that are left out of a book: for what they are pledged, or for another that was left out. docs/numerics.md §19, "Left out"."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.lending.loans import Loans, Pledged
from ipvalue.schema import Rejects

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

VALUED, UNKNOWN, REJECTED, BY_RULE = range(4)
"""What a right that is pledged may be: one of the portfolio that can be valued, none of it, rejected there, or of a rule of the user's."""

_STATES = (
    (UNKNOWN, "every pledged right is in the portfolio", "which the portfolio does not have: correct the name, or take it out"),
    (REJECTED, "every pledged right can be valued", "whose own row was rejected: mend it, or take it out"),
    (BY_RULE, "no pledged right is valued by a rule of the user's", "whose income a rule of your own makes: nothing can be lent against it"),
)
_FOLLOWS = "no loan that precedes it is rejected"


@dataclass(frozen=True)
class LeftOut:
    """How many loans are left out, and what is owed on them, in the market's currency; of `unread` ones that is not known."""

    loans: int = 0
    principal: float = 0.0
    unread: int = 0

    def __add__(self, other: LeftOut) -> LeftOut:
        return LeftOut(self.loans + other.loans, self.principal + other.principal, self.unread + other.unread)


def left_out(principal: Floats) -> LeftOut:
    """Those whose principals are these (l), NaN where one is not known."""
    known = ~np.isnan(principal)
    return LeftOut(len(principal), math.fsum(principal[known].tolist()), int(np.count_nonzero(~known)))


def without_bad_rights(loans: Loans, state: Longs, written: Floats) -> tuple[Loans, Rejects, LeftOut]:
    """The loans whose rights can all be lent against, the problems of the others, and how much these are.

    state: (a) what each of the rights that are pledged is. written: (a) years that an indefinite right is written out for, infinite for others.
    """
    pledges, rejects, bad = loans.pledges, Rejects(), np.zeros(len(loans), np.bool_)
    for one, rule, why in _STATES:
        bad |= _reject(loans, rejects, state[pledges.asset] == one, "asset_ids", rule, lambda name, why=why: f"asset_ids has {name!r}, {why}")  # type: ignore[misc]
    bad |= _reject_late(loans, rejects, past_written_years(loans, written))
    bad |= _reject_covenants(loans, rejects)
    bad |= reject_followers(loans, rejects, bad, ~bad)
    return loans.only(~bad), rejects, left_out(loans.terms.principal[bad])


def past_written_years(loans: Loans, written: Floats) -> Mask:
    """(k) where a loan's term ends at or past the written-out years of an indefinite right."""
    found: Mask = loans.terms.term[loans.pledges.loan] >= written[loans.pledges.asset]
    return found


def reject_followers(loans: Pledged, rejects: Rejects, bad: Mask, among: Mask) -> Mask:
    """Reject the loans, among some, that rejected ones (l) precede. (l)"""
    found = loans.pledges.precedence().followers(bad) & among
    ranks = [str(loans.pledges.rank[loans.pledges.offset[i] : loans.pledges.offset[i + 1]].tolist()) for i in np.flatnonzero(found)]
    message = "a loan with a better rank on one of its rights was rejected, so what is left for this one is not known: mend that one, or the ranks"
    _add(loans, rejects, found, "pledge_ranks", ranks, _FOLLOWS, message)
    return found


def reject_ranks(loans: Pledged, rejects: Rejects, among: Mask) -> Mask:
    """Reject the loans, among some, that have the same rank as others on a right, and those whose ranks are circular. (l)"""
    bad = _reject(
        loans,
        rejects,
        loans.pledges.same_rank() & np.repeat(among, np.diff(loans.pledges.offset)),
        "pledge_ranks",
        "loans on one right have different ranks",
        lambda name: f"another loan has the same rank on {name!r} (a blank is 1): give each its own in pledge_ranks",
    )
    circular = loans.pledges.precedence().circular() & among & ~bad
    names = [_names(loans, i) for i in np.flatnonzero(circular).tolist()]
    message = "loans precede each other in a circle, each on another right: change the ranks so that one of them comes first"
    _add(loans, rejects, circular, "pledge_ranks", names, "pledges are not circular", message)
    return bad | circular


def _reject_late(loans: Loans, rejects: Rejects, pledges: Mask) -> Mask:
    bad = loans.pledges.any_of(pledges)
    terms = [f"{term:g}" for term in loans.terms.term[bad]]
    message = "term reaches the end of the years that an indefinite right of the loan is written out for: shorten it, or pledge another right"
    _add(loans, rejects, bad, "term", terms, "term is shorter than the written-out years of an indefinite right", message)
    return bad


def _reject_covenants(loans: Loans, rejects: Rejects) -> Mask:
    bad = loans.pledges.any_of(loans.pledges.shared) & ~np.isnan(loans.terms.covenant_trigger)
    triggers = [f"{one:g}" for one in loans.terms.covenant_trigger[bad]]
    message = "the loan has a covenant and shares a right with another one: leave the covenant's columns blank, or pledge other rights"
    _add(loans, rejects, bad, "covenant_trigger", triggers, "a loan with a covenant shares no right", message)
    return bad


def _reject(loans: Pledged, rejects: Rejects, pledges: Mask, column: str, rule: str, message: Callable[[str], str]) -> Mask:
    """Reject loans for the first of some of their pledges (k), by the name of the right. (l)"""
    bad = loans.pledges.any_of(pledges)
    asset = loans.pledges.asset[loans.pledges.first_of(pledges)[bad]]
    names = loans.assets.take(pa.array(asset)).to_pylist()
    _add(loans, rejects, bad, column, names, rule, [message(name) for name in names])
    return bad


def _add(loans: Pledged, rejects: Rejects, bad: Mask, column: str, values: list[str], rule: str, message: str | list[str]) -> None:
    """Add problems of some loans (l), a value for each, to those of their files."""
    which, ids = np.flatnonzero(bad), loans.loan_id.filter(pa.array(bad)).to_pylist()
    told = [message] * len(which) if isinstance(message, str) else message
    for file in np.unique(loans.file[which]):
        here = np.flatnonzero(loans.file[which] == file)
        some = [[list_[i] for i in here] for list_ in (ids, values, told)]
        rejects.add(loans.files[file], loans.row[which[here]], some[0], column, some[1], rule, some[2])


def _names(loans: Pledged, loan: int) -> str:
    at = slice(loans.pledges.offset[loan], loans.pledges.offset[loan + 1])
    return "; ".join(loans.assets.take(pa.array(loans.pledges.asset[at])).to_pylist())
