"""The flows of a pool of loans on the paths, exactly: docs/numerics.md §19, "Tranches". What tranches.py divides.

Sums are 128-bit words in units of 10⁻⁶, added in any order and merged in any order. y = years of the pool, p = paths, else as in units.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.backend import kernel
from ipvalue.constants import MONEY_SCALE
from ipvalue.lending.bearing import Words
from ipvalue.lending.exact import add_whole
from ipvalue.lending.settlement import Events
from ipvalue.lending.tranches import Pool
from ipvalue.lending.units import CALLED, NO_PARTS, Bytes, Floats, Longs, Units, balance_after, default_of, part_owed, years_of
from ipvalue.numba_kernel import DefaultArithmetic
from ipvalue.numba_kernel.arithmetic import rint
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, device, inlined

_SCALE = float(MONEY_SCALE)


@dataclass(frozen=True)
class Flows:
    """Sums over the loans of a pool."""

    balance: Words  # (y + 1, p, 2) of loans without default, from the start on
    interest: Words  # (y, p, 2) paid
    loss: Words  # (y, p, 2) of principal
    certain: Words  # (2, y + 1, 2) to be added on every path: balance, interest

    def pool(self, ends: Floats) -> Pool:
        """ends (y): of the pool's longest loan."""
        for words, amount in zip((self.balance, self.interest), self.certain, strict=True):
            for y, one in enumerate(words):
                kernel.merge_exact(one, np.repeat(amount[y : y + 1], len(one), axis=0))
        self.certain[:] = 0
        amounts = [kernel.exact_as_float(words.reshape(-1, 2)).reshape(words.shape[:2]) for words in (self.balance, self.interest, self.loss)]
        return Pool(ends, *amounts)


def no_flows(years: int, paths: int) -> Flows:
    return Flows(*(np.zeros((size, width, 2), np.uint64) for size, width in ((years + 1, paths), (years, paths), (years, paths), (2, years + 1))))


def add_payments(flows: Flows, units: Units, default: Bytes, members: npt.NDArray[np.bool_], parts: Floats = NO_PARTS) -> None:
    """Adds what the loans of a batch that are `members` (l) owe and pay, but for what comes back at defaults."""
    with DefaultArithmetic():
        _add_payments(units, default, parts, members, flows.balance, flows.interest, flows.certain)


def add_losses(flows: Flows, events: Events, part: Longs, members: npt.NDArray[np.bool_]) -> None:
    """Adds the defaults of a block's loans that are `members` (l): part (e) of each loss is the pool's. What comes back pays the principal first."""
    with DefaultArithmetic():
        _add_losses(events.loan, events.path, events.year, events.interest, part, members, flows.interest, flows.loss)


@inlined
def _units_of(amount: Real) -> Whole:
    return np.int64(rint(amount * _SCALE))


@Kernel
def _add_payments(units: Any, default: Array, parts: Array, members: Array, balance: Array, interest: Array, certain: Array) -> None:
    for i in range(members.size):
        if members[i]:
            add_whole(certain[0], 0, _units_of(units.owed[units.year[i]]))
            if units.tested[i] < 0:
                _add_scheduled(units, i, default[units.borrower[i]], balance, interest, certain)
            else:
                _add_tested(units, i, default, parts, balance, interest)


@device
def _add_scheduled(units: Any, i: Whole, default: Array, balance: Array, interest: Array, certain: Array) -> None:
    """All payments for certain, and taken off again from a default on."""
    years = years_of(units, i)
    paid = [_units_of(units.interest[units.year[i] + y]) for y in range(years)]
    after = [_units_of(balance_after(units, i, y)) for y in range(years)]
    for y in range(years):
        add_whole(certain[0], y + 1, after[y])
        add_whole(certain[1], y, paid[y])
    for p in range(default.size):
        if default[p]:
            year, called = (np.int64(default[p]) & (CALLED - 1)) - 1, default[p] >= CALLED
            for y in range(year, years):
                if y > year or not called:
                    add_whole(interest[y], p, -paid[y])
                add_whole(balance[y + 1], p, -after[y])


@device
def _add_tested(units: Any, i: Whole, default: Array, parts: Array, balance: Array, interest: Array) -> None:
    for p in range(default.shape[1]):
        when = default_of(units, default, i, p)
        end, called = when & (CALLED - 1), when >= CALLED
        last = years_of(units, i) if when == 0 else end - 1
        for y in range(last):
            add_whole(interest[y], p, _units_of(part_owed(units, parts, i, y, p) * units.interest[units.year[i] + y]))
            after = 0.0 if y + 1 == years_of(units, i) else part_owed(units, parts, i, y + 1, p) * balance_after(units, i, y)
            add_whole(balance[y + 1], p, _units_of(after))
        if called:
            add_whole(interest[last], p, _units_of(part_owed(units, parts, i, last, p) * units.interest[units.year[i] + last]))


@Kernel
def _add_losses(loan: Array, path: Array, year: Array, unpaid: Array, part: Array, members: Array, interest: Array, loss: Array) -> None:
    for e in range(loan.size):
        if members[loan[e]]:
            y, p = year[e] - 1, path[e]
            add_whole(interest[y], p, max(unpaid[e] - part[e], 0))
            add_whole(loss[y], p, max(part[e] - unpaid[e], 0))
