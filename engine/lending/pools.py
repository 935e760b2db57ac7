"""The flows of a pool of loans on the paths, exactly: docs/numerics.md §19, "Tranches". What tranches.py divides.

Sums are 128-bit words in units of 10⁻⁶, added in any order and merged in any order. Of a loan without covenants they follow from its schedule and its
defaults; of one with covenants from the parts that are owed too. y = years of the pool, p = paths, else as in units.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.backend import kernel
from ipvalue.constants import MONEY_SCALE
from ipvalue.lending.amortisation import Schedules
from ipvalue.lending.bearing import Words
from ipvalue.lending.exact import add_whole
from ipvalue.lending.settlement import Events
from ipvalue.lending.tranches import Pool
from ipvalue.lending.units import CALLED, Bytes, Floats, Longs, Units, balance_after, default_of, part_owed, years_of
from ipvalue.numba_kernel import DefaultArithmetic
from ipvalue.numba_kernel.arithmetic import rint
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, inlined

_SCALE = float(MONEY_SCALE)

MOST = 2.0**62 / _SCALE
"""What balances and interest of all years may come to, so that a path's amounts are integers of 64 bits."""

WORD = 16
"""Bytes of a sum on one path."""

FLOWS = pa.schema([("low", pa.uint64()), ("high", pa.uint64())])
"""The columns of flows/part-*.arrow: 128-bit words."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Members:
    """Which loans of a book are in its pool (l,), and the years of the longest of them."""

    loans: Mask
    years: int


@dataclass(frozen=True)
class Flows:
    """Sums over the loans of a pool."""

    balance: Words  # (y + 1, p, 2) of loans without default, from the start on
    interest: Words  # (y, p, 2) paid
    loss: Words  # (y, p, 2) of principal

    def record(self) -> pa.RecordBatch:
        """Balance and interest, one after the other, as a task writes them (FLOWS)."""
        words = np.concatenate([one.reshape(-1, 2) for one in (self.balance, self.interest)])
        return pa.RecordBatch.from_arrays([pa.array(words[:, 0]), pa.array(words[:, 1])], schema=FLOWS)

    def merge(self, record: pa.Table) -> None:
        """Adds what `record` made a table of."""
        words = np.stack([record[name].to_numpy() for name in FLOWS.names], axis=1)
        cut = self.balance.size // 2
        for into, other in ((self.balance, words[:cut]), (self.interest, words[cut:])):
            kernel.merge_exact(into.reshape(-1, 2), np.ascontiguousarray(other))

    def pool(self, ends: Floats) -> Pool:
        """ends (y): of the pool's longest loan. What is owed and paid is below MOST."""
        return Pool(ends, *(np.ascontiguousarray(words[..., 0]).view(np.int64) for words in (self.balance, self.interest, self.loss)))


def flow_bytes(years: int, paths: int) -> int:
    """Bytes of the flows of a pool."""
    return (3 * years + 1) * paths * WORD


def no_flows(years: int, paths: int) -> Flows:
    """Those of no loan."""
    return Flows(*(np.zeros((size, paths, 2), np.uint64) for size in (years + 1, years, years)))


def add_schedules(flows: Flows, plan: Schedules, members: Mask, tested: Mask) -> None:
    """Adds what loans (l) that are `members` owe and pay where nobody defaults; of those `tested`, which have covenants, only what they owe today."""
    loan = np.repeat(np.arange(len(members)), np.diff(plan.offset))
    year = np.arange(len(loan)) - plan.offset[loan]
    for words, money, some in (
        (flows.balance, plan.owed, members[loan] & (~tested[loan] | (year == 0))),
        (flows.interest, plan.interest, members[loan] & ~tested[loan]),
    ):
        sums = np.zeros(len(words), np.uint64)
        np.add.at(sums, year[some], _in_units(money[some]).view(np.uint64))
        for one, amount in zip(words, sums, strict=True):
            kernel.merge_exact(one, np.repeat(np.array([[amount, 0]], np.uint64), len(one), axis=0))


def most_of(plan: Schedules, members: Mask) -> float:
    """What balances and interest of all years come to for loans (l) that are `members`: below MOST where they can be added up."""
    loan = np.repeat(members, np.diff(plan.offset))
    return float(plan.owed[plan.offset[:-1]][members].sum() + plan.interest[loan].sum())


def add_defaults(flows: Flows, events: Events, part: Longs, plan: Schedules, members: Mask, tested: Mask) -> None:
    """Adds the defaults of loans (l) that are `members`: part (e) of each loss is the pool's, what comes back pays the principal first; and takes off
    what these do not pay any more, but of those `tested`."""
    owed, paid = _in_units(plan.owed), _in_units(plan.interest)
    amounts = (events.interest, part, plan.offset, owed, paid, members, tested)
    with DefaultArithmetic():
        _add_defaults(events.loan, events.path, events.year, *amounts, flows.balance, flows.interest, flows.loss)


def add_tested(flows: Flows, units: Units, default: Bytes, parts: Floats, members: Mask) -> None:
    """Adds what the loans of a batch (l) that have covenants and are `members` owe after each year and pay, but for what comes back at defaults."""
    with DefaultArithmetic():
        _add_tested(units, default, parts, members, flows.balance, flows.interest)


def _in_units(money: Floats) -> Longs:
    found: Longs = np.rint(money * _SCALE).astype(np.int64)
    return found


@inlined
def _units_of(amount: Real) -> Whole:
    return np.int64(rint(amount * _SCALE))


@Kernel
def _add_defaults(
    loan: Array,
    path: Array,
    year: Array,
    unpaid: Array,
    part: Array,
    first: Array,
    owed: Array,
    paid: Array,
    members: Array,
    tested: Array,
    balance: Array,
    interest: Array,
    loss: Array,
) -> None:
    for e in range(loan.size):
        i = loan[e]
        if not members[i]:
            continue
        y, p, at, years = year[e] - 1, path[e], first[i], first[i + 1] - first[i]
        add_whole(interest[y], p, max(unpaid[e] - part[e], 0))
        add_whole(loss[y], p, max(part[e] - unpaid[e], 0))
        if not tested[i]:
            add_whole(interest[y], p, -unpaid[e])
            for k in range(y + 1, years):
                add_whole(interest[k], p, -paid[at + k])
                add_whole(balance[k], p, -owed[at + k])


@Kernel
def _add_tested(units: Any, default: Array, parts: Array, members: Array, balance: Array, interest: Array) -> None:
    for i in range(members.size):
        if not members[i] or units.tested[i] < 0:
            continue
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
