"""Tranches of a pool of loans: its flows on each path through the waterfall, year after year. docs/numerics.md §19, "Tranches".

y = years of the pool, p = paths, j = tranches from the most senior. Sums, products, quotients and the least or greatest of doubles alone, in a
fixed order: the same bits everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pool:
    """What the loans of a pool owe and bring, in money of the market."""

    ends: Floats  # (y) years from the start
    balance: Floats  # (y + 1, p) of loans without default, from the start on
    interest: Floats  # (y, p)
    loss: Floats  # (y, p) of principal


@dataclass(frozen=True)
class Deal:
    """How a pool is cut. Tranche j takes losses from where j + 1 detaches, the last from 0, up to its detachment; the first detaches at 1."""

    detachment: Sequence[float]  # (j) parts of the pool, falling from 1
    coupon: Sequence[float]  # (j) annual
    fee: float = 0.0  # a year, of the balance
    reserve: float = 0.0  # its start and target, as a part of the pool
    pro_rata: bool = False  # principal by balances; else the most senior tranche first

    def __post_init__(self) -> None:
        falls = all(above > below for above, below in zip(self.detachment, [*self.detachment[1:], 0.0], strict=True))
        if not self.detachment or self.detachment[0] != 1.0 or not falls:
            raise ValueError(f"detachments start at 1 and fall, above 0: {list(self.detachment)}")
        if len(self.coupon) != len(self.detachment):
            raise ValueError(f"{len(self.detachment)} tranches and {len(self.coupon)} coupons")
        if min(*self.coupon, self.fee, self.reserve) < 0.0:
            raise ValueError("coupons, fee and reserve are not negative")


@dataclass(frozen=True)
class Outcome:
    """What became of the tranches of a pool."""

    notional: Floats  # (j)
    loss: Floats  # (j, p) written down, and coupons not paid
    paid: Floats  # (j, y, p) principal
    residual: Floats  # (p) what excess and reserve leave to the owner of the lowest tranche


def waterfall(pool: Pool, deal: Deal) -> Outcome:
    """Runs a pool through a deal. All paths start from one balance."""
    whole = float(pool.balance[0, 0])
    lower = [*deal.detachment[1:], 0.0]
    notional = np.array([(top - bottom) * whole for top, bottom in zip(deal.detachment, lower, strict=True)])
    j, paths = len(notional), pool.balance.shape[1]
    left = np.repeat(notional[:, None], paths, axis=1)
    loss, paid = np.zeros((j, paths)), np.zeros((j, len(pool.ends), paths))
    reserve, residual, before = np.full(paths, deal.reserve * whole), np.zeros(paths), 0.0
    for y, end in enumerate(pool.ends):
        length, before = end - before, end
        due = np.asarray(deal.coupon)[:, None] * length * left
        excess = pool.interest[y] - deal.fee * length * pool.balance[y] - _total(due)
        drawn = np.minimum(np.maximum(-excess, 0.0), reserve)
        reserve = reserve - drawn
        loss += _from_below(np.maximum(-excess, 0.0) - drawn, due)
        excess = np.maximum(excess, 0.0)

        by_excess = np.minimum(pool.loss[y], excess)
        by_reserve = np.minimum(pool.loss[y] - by_excess, reserve)
        excess, reserve = excess - by_excess, reserve - by_reserve
        written = _from_below(pool.loss[y] - by_excess - by_reserve, left)
        left, loss = left - written, loss + written

        principal = np.maximum(_total(left) - pool.balance[y + 1], 0.0)
        paid[:, y] = _by_balance(principal, left) if deal.pro_rata else _from_above(principal, left)
        left = left - paid[:, y]
        filled = np.minimum(np.maximum(deal.reserve * whole - reserve, 0.0), excess)
        reserve, residual = reserve + filled, residual + (excess - filled)
    return Outcome(notional, loss, paid, residual + reserve)


def average_life(mean_paid: Floats, ends: Floats) -> Floats:
    """Mean time of principal, weighted by what is expected of it. mean_paid (j, y), ends (y) -> (j) years; 0 for a tranche that is never paid."""
    whole, weighted = np.zeros(len(mean_paid)), np.zeros(len(mean_paid))
    for y, end in enumerate(ends):
        whole, weighted = whole + mean_paid[:, y], weighted + end * mean_paid[:, y]
    return np.divide(weighted, whole, out=np.zeros(len(whole)), where=whole > 0.0)


def rating(expected_loss: float, life: float, limits: Mapping[str, Sequence[float]]) -> str | None:
    """The first rating of a table, best first, that an expected loss (a part of the notional) allows at an average life; None where none does.

    limits: by rating the greatest expected loss over 1, 2, … years; linear between, flat outside.
    """
    for name, limit in limits.items():
        at = min(max(life, 1.0), float(len(limit))) - 1.0
        low = min(int(at), len(limit) - 1)
        high = min(low + 1, len(limit) - 1)
        if expected_loss <= limit[low] + (limit[high] - limit[low]) * (at - low):
            return name
    return None


def _total(amounts: Floats) -> Floats:
    """Sum over tranches, the most senior first. (j, p) -> (p)"""
    found = np.zeros(amounts.shape[1])
    for one in amounts:
        found = found + one
    return found


def _from_above(amount: Floats, room: Floats) -> Floats:
    """An amount (p) laid on tranches with so much room each (j, p), the most senior first."""
    laid = np.zeros_like(room)
    for j in range(len(room)):
        laid[j] = np.minimum(amount, room[j])
        amount = amount - laid[j]
    return laid


def _from_below(amount: Floats, room: Floats) -> Floats:
    return _from_above(amount, room[::-1])[::-1]


def _by_balance(amount: Floats, left: Floats) -> Floats:
    whole = _total(left)
    part = np.divide(amount, whole, out=np.zeros_like(whole), where=whole > 0.0)
    return np.minimum(part * left, left)
