"""Which of an exchange's clients borrow, and which of its own rights each loan has in pledge (data/exchange_loans.toml).

b = borrowers, s = the most loans that one of them wants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ipvalue.backend import kernel
from ipvalue.synthesize.draws import Floats, law_of, uniforms
from ipvalue.synthesize.worth import Longs, Rights, sums_by

_CLIENTS, _WISHES = 2**63 + 1, 2**63 + 2
"""Streams of random words, beyond those of blocks and of the clients themselves."""


@dataclass(frozen=True)
class Pledges:
    """Loans, borrower after borrower, and their pledges, loan after loan: those of loan i from offset[i] to offset[i + 1]."""

    client: Longs  # (b) from 0, in order
    borrower: Longs  # (loans) place in `client`
    offset: Longs  # (loans + 1)
    right: Longs  # (pledges) row of the portfolio
    rank: Longs  # (pledges)


def draw_pledges(seed: int, rights: Rights, table: dict[str, Any]) -> Pledges:
    """The loans of as many borrowers as the file says; a right is pledged once, or twice by the same borrower."""
    client = _borrowers(seed, rights, table)
    number, wanted, u_second = _wishes(seed, table)
    held, begin = _holdings(rights, client)
    owned = np.diff(np.append(begin, len(held)))
    # the loans of a borrower take its rights one after another until none is left
    earlier = np.cumsum(wanted, axis=1) - wanted
    wanted[np.arange(wanted.shape[1]) >= number[:, np.newaxis]] = 0
    taken = np.clip(owned[:, np.newaxis] - earlier, 0, wanted)
    borrower, turn = np.nonzero(taken)
    first, several = (begin[:, np.newaxis] + earlier)[borrower, turn], taken[borrower, turn]
    loan = np.repeat(np.arange(len(several)), several)
    right = held[first[loan] + np.arange(len(loan)) - (np.cumsum(several) - several)[loan]]
    # and some the second rank on the first right of the loan before
    junior = np.flatnonzero((turn > 0) & (u_second[borrower, turn] < table["pledges"]["second"]) & (several < table["pledges"]["most"]))
    order = np.argsort(np.append(loan, junior), kind="stable")
    rank = np.append(np.full(len(loan), 1), np.full(len(junior), 2))[order]
    counts = several + np.isin(np.arange(len(several)), junior)
    return Pledges(client, borrower, np.append(0, np.cumsum(counts)), np.append(right, held[first[junior - 1]])[order], rank)


def _borrowers(seed: int, rights: Rights, table: dict[str, Any]) -> Longs:
    """(b) clients drawn without replacement by the weight of their rights: Efraimidis and Spirakis (2006), Information Processing Letters 97(5)."""
    lendable = sums_by(rights.owner, rights.lendable)
    (u,) = uniforms(seed, _CLIENTS, 1, len(lendable))
    able = np.flatnonzero(lendable > 0.0)
    weight = kernel.elementary("pow", lendable[able], np.full(len(able), table["borrowers"]["power"]))
    waiting = -kernel.elementary("log", u[able]) / weight
    return np.sort(able[np.argsort(waiting, kind="stable")[: table["number"]]])


def _wishes(seed: int, table: dict[str, Any]) -> tuple[Longs, Longs, Floats]:
    """How many loans a borrower wants (b), against how many rights each (b, s), and numbers for their second ranks (b, s)."""
    most = max(table["borrowers"]["loans"]["values"])
    u_number, *others = uniforms(seed, _WISHES, 1 + 2 * most, table["number"])
    number = law_of(table["borrowers"]["loans"])(u_number).astype(np.int64)
    u_rights, u_second = np.array(others[:most]).T, np.array(others[most:]).T
    return number, law_of(table["pledges"]["rights"])(u_rights).astype(np.int64), u_second


def _holdings(rights: Rights, client: Longs) -> tuple[Longs, Longs]:
    """Rows that these clients can pledge, one client after another, and where each client's begin (b)."""
    place = np.full(rights.owner.max() + 1, -1)
    place[client] = np.arange(len(client))
    held = np.flatnonzero((rights.lendable > 0.0) & (place[rights.owner] >= 0))
    held = held[np.argsort(place[rights.owner[held]], kind="stable")]
    return held, np.searchsorted(place[rights.owner[held]], np.arange(len(client)))
