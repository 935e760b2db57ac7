"""What loans recover where they default: docs/numerics.md §19, "Pledges". One event for each path on which a loan defaults.

u, l, t, j, s, b, p as in units.py, e = events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.heap import held
from ipvalue.lending.alone import room_of, settle_alone
from ipvalue.lending.exact import in_units
from ipvalue.lending.records import Records, alike_of, default_in, exposure_in, loan_records, own_in
from ipvalue.lending.units import CALLED, NO_PARTS, Bytes, Floats, Longs, Mask, Units
from ipvalue.numba_kernel import DefaultArithmetic
from ipvalue.numba_kernel.arithmetic import fma
from ipvalue.numba_kernel.arrays import records
from ipvalue.numba_kernel.compiler import Array, Kernel, Record, Whole, device

i4, i8 = np.int32, np.int64

_MONEY = {"loss": i8, "used": i8, "interest": i8, "exposure": np.float64, "room": np.float64}
_EVENT: dict[str, Any] = {"loan": i4, "path": i4, "year": np.uint8, **_MONEY}
"""Types of the columns of Events, in their order there."""


@dataclass(frozen=True)
class Events:
    """Defaults of loans, by loan and path. Money as integers is in units of 10⁻⁶."""

    start: Longs  # (l + 1) first event of each loan
    loan: npt.NDArray[np.int32]  # (e)
    path: npt.NDArray[np.int32]
    year: Bytes  # from 1
    loss: Longs
    used: Longs  # the pledged rights' own value that liquidation uses up
    interest: Longs  # of the year, unpaid
    exposure: Floats
    room: Floats  # what the loan could have taken

    def on(self, paths: Mask) -> Events:
        """Those on some of the paths (p,), of which only what is lost and used is told."""
        here = np.flatnonzero(paths[self.path])
        start = np.searchsorted(here, self.start)
        none, nothing = np.zeros(0), np.zeros(0, np.int64)
        columns: dict[str, Any] = {name: getattr(self, name)[here] for name in ("loan", "path", "year", "loss", "used")}
        return Events(start=start, **columns, interest=nothing, exposure=none, room=none)


class _Work(NamedTuple):
    """Of one path."""

    loans: Any  # (l) default: the year, with CALLED, 0: none; cash: set aside for it; next: where its next event goes
    assets: Any  # (shared assets) left of it; realised: in this year; gone: in an earlier one; seen: by a loan in this year


def settle(units: Units, slots: Floats, default: Bytes, parts: Floats = NO_PARTS) -> Events:
    """Settles a batch of units on all paths.

    slots (s, p): collateral and values. default (b, p): the year in which each borrower defaults, from 1, with CALLED added where it is by a margin
    call; 0: it does not. parts (rows, p): what covenants made of the loans (covenants.py).
    """
    assets, made = int(units.asset[-1]), loan_records(units)
    count = np.zeros(len(made.loans), i8)
    with DefaultArithmetic():
        _count(made.loans, default, count)
        start = np.concatenate([[0], np.cumsum(count)])
        events: Any = tuple(held(f"event_{name}", (int(start[-1]),), kind) for name, kind in _EVENT.items())
        paths = default.shape[1]
        room = room_of(paths)
        no_flags = {name: np.zeros(assets, np.bool_) for name in ("realised", "gone", "seen")}
        work = _Work(
            records({"default": np.zeros(len(count), i8), "cash": np.zeros(len(count)), "next": start[:-1]}),
            records({"left": np.zeros(assets), **no_flags}),
        )
        _settle(units.loan, units.asset, made, slots, default, parts, work, room, events)
    return Events(start, *events)


@Kernel
def _count(loans: Array, default: Array, count: Array) -> None:
    for i in range(len(count)):
        row, last, found = default[loans[i].borrower], i4(loans[i].years), i4(0)
        for p in range(row.size):
            year = i4(row[p])
            latest = last + i4(CALLED - 1) if year >= i4(CALLED) else last
            found = i4(found + ((year > 0) & (year <= latest)))
        count[i] = found


@Kernel
def _settle(first: Array, asset: Array, made: Records, slots: Array, default: Array, parts: Array, work: Any, room: Any, out: Any) -> None:
    loans, pledges, years, slot = made
    for u in range(len(first) - 1):
        i = first[u]
        if first[u + 1] == i + 1 and asset[u] == asset[u + 1]:
            settle_alone(i, loans[i], pledges, years, slot, slots, default[loans[i].borrower], parts, room, work.loans[i].next, out)
            continue
        some = range(i, first[u + 1]), range(asset[u], asset[u + 1])
        for p in range(default.shape[1]):
            _settle_path(some, loans, pledges, years, slot, slots, default, parts, p, work.loans, work.assets, out)


@device
def _settle_path(
    some: Any,
    loans: Array,
    pledges: Array,
    years: Array,
    slot: Array,
    slots: Array,
    default: Array,
    parts: Array,
    p: Whole,
    now: Array,
    assets: Array,
    out: Any,
) -> None:
    """The loans of a unit on one path, year after year. some: the loans and the shared assets of the unit."""
    earliest, latest = CALLED, 0
    for i in some[0]:
        when = default_in(loans[i], i8(default[loans[i].borrower, p]))
        now[i].default, now[i].cash = when, 0.0
        year = when & (CALLED - 1)
        if year:
            earliest, latest = min(earliest, year), max(latest, year)
    for a in some[1]:
        assets[a].gone = False
    for y in range(earliest - 1, latest):
        if not _realise(some, loans, pledges, y, now, assets):
            continue
        for i in some[0]:
            if y < loans[i].years:
                _take(i, loans[i], pledges, years, slot, slots, parts, y, p, now[i], assets, out)
        for a in some[1]:
            assets[a].gone |= assets[a].realised


@device
def _realise(some: Any, loans: Array, pledges: Array, y: Whole, now: Array, assets: Array) -> bool:
    """Marks the shared assets that the defaults of year index y realise; whether there is any default."""
    for a in some[1]:
        assets[a].realised = assets[a].seen = False
    found = False
    for i in some[0]:
        if now[i].default & (CALLED - 1) == y + 1:
            found = True
            for j in range(loans[i].shared, loans[i].end):
                a = pledges[j].on
                assets[a].realised = not assets[a].gone
    return found


@device
def _take(
    i: Whole,
    loan: Record,
    pledges: Array,
    years: Array,
    slot: Array,
    slots: Array,
    parts: Array,
    y: Whole,
    p: Whole,
    now: Record,
    assets: Array,
    out: Any,
) -> None:
    """What a loan takes in year index y on a path."""
    year, called = now.default & (CALLED - 1), now.default >= CALLED
    hit, goes_on = year == y + 1, year == 0 or year > y + 1
    exposure, interest, taken, used, own, claim = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    if hit:
        exposure, interest = exposure_in(loan, years, parts, y, called, p)
        worth, own = own_in(loan, pledges, slot, slots, parts, y, called, p)
        taken = min(exposure, now.cash)
        claim = exposure - taken
        x = min(claim, own)
        used = taken + (x / own * worth if x > 0.0 else 0.0)
        taken, claim = taken + x, claim - x
    elif goes_on and y + 1 < loan.years:
        claim = max(years[loan.year + y + 1].owed - now.cash, 0.0)
    whole, chain = 0.0, 0.0
    for j in range(loan.shared, loan.end):
        a, h = pledges[j].on, pledges[j].kept
        if h == 0.0 or not assets[a].realised:
            continue
        if not assets[a].seen:
            assets[a].seen, assets[a].left = True, max(slots[slot[pledges[j].look + y], p], 0.0)
        if hit or goes_on:
            left = assets[a].left
            whole, chain = whole + left, fma(h, left, chain)
            x = min(claim, h * left)
            assets[a].left = max(left - x / h, 0.0)
            used, taken, claim = used + x / h, taken + x, claim - x
    if goes_on:
        now.cash = now.cash + taken
    if hit:
        room = (now.cash + own) + alike_of(loan, pledges, whole, chain)
        loans, at, of_year, loss, uses, unpaid, exposed, reach = out
        e = now.next
        now.next = e + 1
        loans[e], at[e], of_year[e], exposed[e], reach[e] = i, p, year, exposure, room
        loss[e], uses[e], unpaid[e] = in_units(max(exposure - taken, 0.0)), in_units(used), in_units(interest)
