"""The slow definition of tranches: docs/numerics.md section 19. A pool's flows on each path, year by year, through the waterfall.

Shapes: y = years, p = paths, j = tranches from the most senior. Money in doubles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from oracle_lending import Book, OnPaths, fixed

from oracle import Array


@dataclass
class Pool:
    """What the pool owes and brings."""

    ends: Array  # (y,)
    balance: Array  # (y + 1, p) of loans without default, from the start on
    interest: Array  # (y, p)
    loss: Array  # (y, p) of principal


def pool(book: Book, lent: Sequence[OnPaths], parts: Sequence[Mapping[str, Array]], bearer: str = "bank") -> Pool:
    ends = max((plan.ends for plan in book.plans), key=lambda ends: float(ends[-1]))
    years = len(ends)
    balance, interest, loss = np.zeros((years + 1, book.paths)), np.zeros((years, book.paths)), np.zeros((years, book.paths))
    for plan, one, part in zip(book.plans, lent, parts, strict=True):
        balance[0] += fixed(plan.balance[0])
        for y in range(plan.years):
            goes_on, hit = (one.default_year == 0) | (one.default_year > y + 1), one.default_year == y + 1
            owed = fixed(plan.interest[y])
            balance[y + 1] += np.where(goes_on, fixed(plan.balance[y + 1]), 0)
            interest[y] += np.where(goes_on, owed, np.where(hit, np.maximum(owed - part[bearer], 0), 0))
            loss[y] += np.where(hit, np.maximum(part[bearer] - owed, 0), 0)
    return Pool(ends, balance / 1e6, interest / 1e6, loss / 1e6)


@dataclass
class Tranched:
    """By tranche: notional (j,), loss (j, p), mean principal paid by year (j, y); what the reserve and the excess leave over (p,)."""

    notional: Array
    loss: Array
    paid: Array
    residual: Array
    ends: Array

    def expected_loss(self) -> Array:
        out: Array = self.loss.mean(axis=1) / self.notional
        return out

    def weighted_average_life(self) -> Array:
        out: Array = (self.paid * self.ends).sum(axis=1) / self.paid.sum(axis=1)
        return out


def tranches(
    p: Pool, detachments: Sequence[float], coupons: Sequence[float] = (), fee: float = 0.0, reserve: float = 0.0, pro_rata: bool = False
) -> Tranched:
    """detachments: of the tranches from the most senior (1) down; each attaches where the next detaches, the last at 0. reserve: its start and
    target, as a part of the pool."""
    whole = p.balance[0, 0]
    notional = -np.diff([*detachments, 0.0]) * whole
    coupons = coupons or [0.0] * len(notional)
    n = p.balance.shape[1]
    left = np.repeat(notional[:, None], n, axis=1)
    loss, paid = np.zeros_like(left), np.zeros((len(notional), len(p.ends)))
    fund, residual = np.full(n, reserve * whole), np.zeros(n)
    for y, length in enumerate(np.diff([0.0, *p.ends])):
        due = np.array([c * length * b for c, b in zip(coupons, left, strict=True)])
        excess = p.interest[y] - fee * length * p.balance[y] - due.sum(axis=0)
        from_fund = np.minimum(np.maximum(-excess, 0.0), fund)
        fund, unpaid, excess = fund - from_fund, np.maximum(-excess, 0.0) - from_fund, np.maximum(excess, 0.0)
        for j in reversed(range(len(notional))):
            missed = np.minimum(unpaid, due[j])
            loss[j] += missed
            unpaid = unpaid - missed
        lost = p.loss[y].copy()
        met = np.minimum(lost, excess)
        lost, excess = lost - met, excess - met
        met = np.minimum(lost, fund)
        lost, fund = lost - met, fund - met
        for j in reversed(range(len(notional))):
            written = np.minimum(lost, left[j])
            left[j] -= written
            loss[j] += written
            lost = lost - written
        principal = np.maximum(left.sum(axis=0) - p.balance[y + 1], 0.0)
        standing = left.sum(axis=0)
        for j in range(len(notional)):
            payment = np.minimum(principal * left[j] / np.where(standing > 0, standing, 1.0) if pro_rata else principal, left[j])
            left[j] -= payment
            paid[j, y] = payment.mean()
            principal = principal if pro_rata else principal - payment
        filled = np.minimum(np.maximum(reserve * whole - fund, 0.0), excess)
        fund, residual = fund + filled, residual + excess - filled
    return Tranched(notional, loss, paid, residual + fund, p.ends)


def rating(expected_loss: float, life: float, table: Mapping[str, Sequence[float]]) -> str | None:
    """The first of the table, best first, whose limit (by year, linear between, flat outside) is not below the expected loss."""
    for name, limits in table.items():
        if expected_loss <= float(np.interp(life, np.arange(1, len(limits) + 1), limits)):
            return name
    return None
