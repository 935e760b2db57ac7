"""The greatest principal that a policy's limits allow, and which of them binds: docs/numerics.md §19, "How much may be lent".

l = loans, e = events, a = pledged rights, those of loan i from start[i] to start[i + 1].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ipvalue.lending.settlement import Events
from ipvalue.lending.units import Floats, Longs
from ipvalue.numba_kernel import DefaultArithmetic
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, device

LIMITS = ("loan_to_value", "expected_loss", "coverage")
NO_LIMIT = np.inf


def by_loan_to_value(start: Longs, cap: Floats, mean: Floats, seniors: Floats) -> Floats:
    """cap, mean, seniors (a): the cap of the right's type, 0 for a type that is not lent on; its mean; the seniors' principal on it. (l)"""
    return _sums(start, np.maximum(cap * mean - seniors, 0.0))


def loan_to_value(start: Longs, principal: Floats, worth: Floats, seniors: Floats) -> Floats:
    """worth (a): of the pledged rights, their means or what a forced sale brings; seniors (a): the seniors' principal on each, 0 where none precedes.
    NaN where nothing is left. (l)"""
    left = _sums(start, np.where(seniors > 0.0, np.maximum(worth - seniors, 0.0), worth))
    found: Floats = np.divide(principal, left, out=np.full(len(principal), np.nan), where=left > 0.0)
    return found


def by_coverage(start: Longs, mean: Floats, later: Floats, least: Floats) -> Floats:
    """later (a): E[K] at the loan's end, today's money; least (l): the policy's, NaN where it has none. (l)"""
    earned = np.maximum(_sums(start, mean - later), 0.0)
    return np.where(np.isnan(least), NO_LIMIT, earned / least)


def by_expected_loss(events: Events, principal: Floats, limit: Floats, paths: int) -> Floats:
    """principal (l): of the loans that the events are of, which have no covenants; limit (l): parts of it, NaN where there is none. (l)"""
    out = np.full(len(principal), NO_LIMIT)
    with DefaultArithmetic():
        _by_expected_loss(events.start, events.exposure, events.room, principal, limit, paths, out)
    return out


def binding(limits: Floats) -> tuple[Floats, Longs]:
    """limits (l, LIMITS) -> the least (l), and its place in LIMITS, the first where two are equal; −1 where none binds."""
    least = limits.min(axis=1)
    return least, np.where(least < NO_LIMIT, limits.argmin(axis=1), -1)


def _sums(start: Longs, amounts: Floats) -> Floats:
    loans = len(start) - 1
    found: Floats = np.bincount(np.repeat(np.arange(loans), np.diff(start)), amounts, loans).astype(np.float64)
    return found


@Kernel
def _by_expected_loss(start: Array, exposure: Array, room: Array, principal: Array, limit: Array, paths: Whole, out: Array) -> None:
    for i in range(len(principal)):
        if not np.isnan(limit[i]):
            some = slice(start[i], start[i + 1])
            out[i] = _root(exposure[some] / principal[i], room[some], limit[i] * paths)


@device
def _root(per_unit: Any, room: Any, free: Real) -> Real:
    """The P with Σ (P·d − room)⁺ = free·P, infinite where there is none above 0."""
    ratio = np.where(per_unit > 0.0, room / per_unit, np.inf)  # where all is repaid nothing is lost
    order = np.argsort(ratio, kind="mergesort")
    d, m = 0.0, 0.0
    for k in range(order.size):
        d += per_unit[order[k]]
        m += room[order[k]]
        bound = ratio[order[k + 1]] if k + 1 < order.size else np.inf
        if d > free and m / (d - free) <= bound:
            return m / (d - free)
    return np.inf
