"""The slow definition of covenants: docs/numerics.md section 19. Yearly tests of loan to value on the paths, of loans with assets of their own.

Shapes: y = years, p = paths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from oracle_borrowers import borrower_of
from oracle_lending import Book, standing

import oracle
from oracle import Array

PURPOSE_CALL = 8


@dataclass
class Tested:
    """One loan under its covenant. Shares of paths by year: (y,)."""

    default_year: Array  # (p,) 0: none
    loss: Array  # (p,)
    owed: Array  # (p,) lambda at the end
    pledged: Array  # (p,) kappa at the end
    calls: Array
    unmet: Array
    releases: Array
    mean_call: Array
    owed_by_year: list[Array]  # (p,) lambda in each year, and after the last
    called: Array  # (p,) whether the default is by a call that was not met


def with_covenants(book: Book, covenants: Mapping[str, Mapping[str, float]]) -> list[Tested]:
    """covenants: loan_id -> trigger, target, release (both optional), cure (1 if absent)."""
    n, loans, plans = book.paths, book.loans, book.plans
    stand = [standing(book, i) for i in range(len(loans))]
    asked = book.asked
    failed = {b: np.zeros(n, bool) for b in asked}
    out = [
        Tested(np.zeros(n, int), np.zeros(n), np.ones(n), np.ones(n), *(np.zeros(plan.years) for _ in range(4)), [], np.zeros(n, bool))
        for plan in plans
    ]

    def default(i: int, y: int, where: Array, exposure: Array) -> None:
        recovery = np.minimum(exposure, out[i].pledged * stand[i].brings[y])
        out[i].loss[where] = np.maximum(exposure - recovery, 0.0)[where]
        out[i].default_year[where] = y + 1

    for y in range(max(plan.years for plan in plans)):
        for i, loan in enumerate(loans):
            out[i].owed_by_year.append(out[i].owed.copy())
            if y < plans[i].years:
                default(i, y, (asked[borrower_of(loan)] == y + 1) & ~failed[borrower_of(loan)], out[i].owed * plans[i].ead[y])
        for b in asked:
            failed[b] |= asked[b] == y + 1
        unmet = {b: np.zeros(n, bool) for b in asked}
        for i, loan in enumerate(loans):
            terms = covenants.get(str(loan["loan_id"]))
            if terms is None or y >= plans[i].years - 1:
                continue
            one, borrower = out[i], borrower_of(loan)
            balance, behind = one.owed * plans[i].balance[y + 1], one.pledged * stand[i].behind[y]
            goes_on = ~failed[borrower] & (balance > 0)
            call = goes_on & (balance > terms["trigger"] * behind)
            word = oracle.word(book.seed, oracle.xxh64(borrower.encode()), PURPOSE_CALL, y, book.numbers)
            met = call & (word < oracle.threshold(terms.get("cure", 1.0)))
            target = terms.get("target", terms["trigger"]) * behind
            one.calls[y], one.unmet[y] = call.mean(), (call & ~met).mean()
            one.mean_call[y] = np.where(call, balance - target, 0.0).mean()
            one.owed[met] *= (target / np.where(balance > 0, balance, 1.0))[met]
            unmet[borrower] |= call & ~met
            enough = terms.get("release", 0.0) * behind
            release = goes_on & ~call & (balance < enough)
            one.pledged[release] *= balance[release] / enough[release]
            one.releases[y] = release.mean()
        for i, loan in enumerate(loans):
            if y < plans[i].years - 1:
                default(i, y, unmet[borrower_of(loan)], out[i].owed * plans[i].balance[y + 1])
                out[i].called |= unmet[borrower_of(loan)]
        for b in asked:
            failed[b] |= unmet[b]
    for one in out:
        one.owed_by_year.append(one.owed)
    return out
