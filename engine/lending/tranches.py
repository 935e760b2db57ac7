"""Tranches of a pool of loans: its flows on each path through the waterfall, year after year. docs/numerics.md §19, "Tranches".

y = years of the pool, p = paths, j = tranches from the most senior. Money is integers of 10⁻⁶ of the market's currency; parts of it are products of
doubles, rounded once: the same bits everywhere, and nothing is lost on any path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pool:
    """What the loans of a pool owe and bring."""

    ends: Floats  # (y) years from the start
    balance: Longs  # (y + 1, p) of loans without default, from the start on
    interest: Longs  # (y, p)
    loss: Longs  # (y, p) of principal


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

    @property
    def attachment(self) -> list[float]:
        """(j) parts of the pool."""
        return [*self.detachment[1:], 0.0]

    def notional(self, whole: int) -> Longs:
        """(j) what tranches of a pool of so much have; together all of it."""
        cuts = np.rint(float(whole) * np.array([*self.detachment, 0.0])).astype(np.int64)
        cuts[0] = whole
        return cuts[:-1] - cuts[1:]


@dataclass(frozen=True)
class Outcome:
    """What became of the tranches of a pool. On each path Σ written + by_excess + by_reserve = Σ lost."""

    notional: Longs  # (j)
    written: Longs  # (j, p) written down
    unpaid: Longs  # (j, p) coupons
    paid: npt.NDArray[np.object_]  # (j, y) principal, summed over the paths
    lost: Longs  # (p) principal that the pool lost
    by_excess: Longs  # (p) what of it the excess spread met
    by_reserve: Longs  # (p)
    residual: Longs  # (p) what excess and reserve leave to the owner of the lowest tranche

    @property
    def loss(self) -> Longs:
        """(j, p)"""
        return self.written + self.unpaid


def waterfall(pool: Pool, deal: Deal) -> Outcome:
    """Runs a pool through a deal. All paths start from one balance."""
    whole, paths = int(pool.balance[0, 0]), pool.balance.shape[1]
    notional, target = deal.notional(whole), _part(deal.reserve, np.array([whole]))
    left = np.repeat(notional[:, None], paths, axis=1)
    written, unpaid = np.zeros_like(left), np.zeros_like(left)
    lost, by_excess, by_reserve, residual = (np.zeros(paths, np.int64) for _ in range(4))
    paid = np.zeros((len(notional), len(pool.ends)), object)
    reserve, before = np.repeat(target, paths), 0.0
    for y, end in enumerate(pool.ends):
        length, before = end - before, end
        due = np.stack([_part(coupon * length, one) for coupon, one in zip(deal.coupon, left, strict=True)])
        excess = pool.interest[y] - _part(deal.fee * length, pool.balance[y]) - due.sum(axis=0)
        short = np.maximum(-excess, 0)
        drawn = np.minimum(short, reserve)
        reserve = reserve - drawn
        unpaid += _from_below(short - drawn, due)
        excess = np.maximum(excess, 0)

        loss = np.minimum(pool.loss[y], left.sum(axis=0))
        met = np.minimum(loss, excess)
        held = np.minimum(loss - met, reserve)
        excess, reserve = excess - met, reserve - held
        down = _from_below(loss - met - held, left)
        left, written = left - down, written + down
        lost, by_excess, by_reserve = lost + loss, by_excess + met, by_reserve + held

        principal = np.maximum(left.sum(axis=0) - pool.balance[y + 1], 0)
        payment = _by_balance(principal, left) if deal.pro_rata else _from_above(principal, left)
        paid[:, y] = [exact_sum(one) for one in payment]
        left = left - payment
        filled = np.minimum(np.maximum(target - reserve, 0), excess)
        reserve, residual = reserve + filled, residual + (excess - filled)
    return Outcome(notional, written, unpaid, paid, lost, by_excess, by_reserve, residual + reserve)


def exact_sum(amounts: Longs) -> int:
    """Sum of integers (n) that are not negative, however large."""
    return (int((amounts >> 32).sum()) << 32) + int((amounts & 0xFFFFFFFF).sum())


def average_life(paid: npt.NDArray[np.object_], ends: Floats) -> Floats:
    """Mean time of principal, weighted by what is expected of it. paid (j, y) sums over the paths, ends (y) -> (j) years; NaN for a tranche that is
    never paid."""
    whole, weighted = np.zeros(len(paid)), np.zeros(len(paid))
    for y, end in enumerate(ends):
        amount = paid[:, y].astype(np.float64)
        whole, weighted = whole + amount, weighted + end * amount
    found: Floats = np.divide(weighted, whole, out=np.full(len(whole), np.nan), where=whole > 0.0)
    return found


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


def _part(part: float, amounts: Longs) -> Longs:
    """(n) a part of integers (n), to the nearest."""
    found: Longs = np.rint(part * amounts.astype(np.float64)).astype(np.int64)
    return found


def _from_above(amount: Longs, room: Longs) -> Longs:
    """An amount (p) laid on tranches with so much room each (j, p), the most senior first."""
    laid = np.zeros_like(room)
    for j in range(len(room)):
        laid[j] = np.minimum(amount, room[j])
        amount = amount - laid[j]
    return laid


def _from_below(amount: Longs, room: Longs) -> Longs:
    return _from_above(amount, room[::-1])[::-1]


def _by_balance(amount: Longs, left: Longs) -> Longs:
    """An amount (p) laid on tranches by what they have left (j, p); what roundings leave of it the most senior first."""
    whole = left.sum(axis=0).astype(np.float64)
    laid, rest = np.zeros_like(left), amount
    for j in range(len(left)):
        share = np.divide(left[j].astype(np.float64), whole, out=np.zeros(len(whole)), where=whole > 0.0)
        laid[j] = np.minimum(np.minimum(np.floor(amount.astype(np.float64) * share).astype(np.int64), left[j]), rest)
        rest = rest - laid[j]
    return laid + _from_above(rest, left - laid)
