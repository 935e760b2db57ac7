"""The slow definition of tranches: docs/numerics.md section 19. A pool's flows on each path, year by year, through the waterfall.

Shapes: y = years, p = paths, j = tranches from the most senior. Money in whole units of 10^-6, as Python's own integers where it is divided.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from oracle_covenants import Tested
from oracle_lending import Book, OnPaths, fixed

from oracle import Array


@dataclass
class Pool:
    """What the pool owes and brings."""

    ends: Array  # (y,)
    balance: Array  # (y + 1, p) of loans without default, from the start on
    interest: Array  # (y, p)
    loss: Array  # (y, p) of principal


def pool(
    book: Book,
    lent: Sequence[OnPaths | Tested],
    parts: Sequence[Mapping[str, Array]],
    bearer: str = "bank",
    owed_parts: Mapping[int, Array] | None = None,
    called: Mapping[int, Array] | None = None,
    members: Sequence[int] | None = None,
) -> Pool:
    """owed_parts: of loans with covenants lambda in each year (y, p); called: of loans the paths (p,) on which they default by a call that is not
    met; members: the loans of the pool, by number, all without it."""
    members = range(len(book.loans)) if members is None else members
    ends = max((book.plans[i].ends for i in members), key=lambda ends: float(ends[-1]))
    years = len(ends)
    balance, interest, loss = (np.zeros((size, book.paths), np.int64) for size in (years + 1, years, years))
    for i in members:
        plan, one, part = book.plans[i], lent[i], parts[i]
        of_owed = (owed_parts or {}).get(i, np.ones((plan.years + 1, book.paths)))
        by_call = (called or {}).get(i, np.zeros(book.paths, bool))
        balance[0] += fixed(plan.balance[0])
        for y in range(plan.years):
            goes_on, hit = (one.default_year == 0) | (one.default_year > y + 1), one.default_year == y + 1
            paid = fixed(of_owed[y] * plan.interest[y])
            owed = np.where(by_call, 0, paid)
            balance[y + 1] += np.where(goes_on, fixed(of_owed[y + 1] * plan.balance[y + 1]), 0)
            came = np.where(by_call, paid, 0) + np.maximum(owed - part[bearer], 0)
            interest[y] += np.where(goes_on, paid, np.where(hit, came, 0))
            loss[y] += np.where(hit, np.maximum(part[bearer] - owed, 0), 0)
    return Pool(ends, balance, interest, loss)


@dataclass
class Tranched:
    """By tranche: notional (j,), written down and unpaid coupons (j, p), principal paid by year (j, y, p); of the pool's loss what excess and reserve
    met, and what they leave over (p,)."""

    notional: Array
    written: Array
    unpaid: Array
    paid: Array
    lost: Array
    by_excess: Array
    by_reserve: Array
    residual: Array
    ends: Array

    @property
    def loss(self) -> Array:
        out: Array = self.written + self.unpaid
        return out

    def expected_loss(self) -> Array:
        out: Array = self.loss.mean(axis=1) / self.notional
        return out

    def weighted_average_life(self) -> Array:
        paid = self.paid.mean(axis=2)
        out: Array = (paid * self.ends).sum(axis=1) / paid.sum(axis=1)
        return out


def nearest(x: float) -> int:
    """Half to even, as Python rounds."""
    return round(x)


def tranches(
    p: Pool, detachments: Sequence[float], coupons: Sequence[float] = (), fee: float = 0.0, reserve: float = 0.0, pro_rata: bool = False
) -> Tranched:
    """detachments: of the tranches from the most senior (1) down; each attaches where the next detaches, the last at 0. reserve: its start and
    target, as a part of the pool."""
    j, n, whole = len(detachments), p.balance.shape[1], int(p.balance[0, 0])
    cuts = [nearest(whole * one) for one in [*detachments, 0.0]]
    notional = [above - below for above, below in pairwise(cuts)]
    coupons = coupons or [0.0] * j
    out = Tranched(np.array(notional), *(np.zeros(shape, np.int64) for shape in ((j, n), (j, n), (j, len(p.ends), n), n, n, n, n)), p.ends)
    for path in range(n):
        _one_path(p, path, out, [float(c) for c in coupons], fee, nearest(whole * reserve), pro_rata)
    return out


def _one_path(p: Pool, path: int, out: Tranched, coupons: list[float], fee: float, target: int, pro_rata: bool) -> None:
    left, fund, before = [int(x) for x in out.notional], target, 0.0
    for y, end in enumerate(p.ends):
        length, before = float(end) - before, float(end)
        due = [nearest(c * length * float(b)) for c, b in zip(coupons, left, strict=True)]
        excess = int(p.interest[y, path]) - nearest(fee * length * float(p.balance[y, path])) - sum(due)
        unpaid = max(-excess, 0)
        drawn = min(unpaid, fund)
        fund, unpaid, excess = fund - drawn, unpaid - drawn, max(excess, 0)
        for k in reversed(range(len(left))):
            missed = min(unpaid, due[k])
            out.unpaid[k, path] += missed
            unpaid -= missed
        lost = min(int(p.loss[y, path]), sum(left))
        out.lost[path] += lost
        met = min(lost, excess)
        lost, excess = lost - met, excess - met
        out.by_excess[path] += met
        met = min(lost, fund)
        lost, fund = lost - met, fund - met
        out.by_reserve[path] += met
        for k in reversed(range(len(left))):
            written = min(lost, left[k])
            left[k] -= written
            out.written[k, path] += written
            lost -= written
        principal = max(sum(left) - int(p.balance[y + 1, path]), 0)
        rest, whole = principal, float(sum(left))
        pays = [0] * len(left)
        if pro_rata and whole:
            for k in range(len(left)):
                pays[k] = min(math.floor(principal * (left[k] / whole)), left[k], rest)
                rest -= pays[k]
        for k in range(len(left)):
            more = min(rest, left[k] - pays[k])
            pays[k], rest = pays[k] + more, rest - more
            left[k] -= pays[k]
            out.paid[k, y, path] += pays[k]
        filled = min(max(target - fund, 0), excess)
        fund += filled
        out.residual[path] += excess - filled
    out.residual[path] += fund


def rating(expected_loss: float, life: float, table: Mapping[str, Sequence[float]]) -> str | None:
    """The first of the table, best first, whose limit (by year, linear between, flat outside) is not below the expected loss."""
    for name, limits in table.items():
        if expected_loss <= float(np.interp(life, np.arange(1, len(limits) + 1), limits)):
            return name
    return None
