"""A loan that shares neither an asset nor its borrower, settled on all paths at once: docs/numerics.md §19, "Pledges".

Which paths, then what is there, then what is taken, each in a loop of its own over arrays that do not overlap, so that nothing waits for memory.
n = paths on which it defaults
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ipvalue.lending.exact import in_units
from ipvalue.lending.records import default_in, exposure_in, own_in
from ipvalue.lending.units import CALLED
from ipvalue.numba_kernel.compiler import Array, Record, Whole, device, loop

i8, u1 = np.int64, np.uint8

_YEARS = 256
"""What a borrower's year of default may be, with CALLED."""


class Room(NamedTuple):
    """Of one loan. (paths) but for the last three, which are by the borrower's year of default."""

    path: Any  # and one more
    when: Any  # the borrower's year
    worth: Any  # of the assets
    own: Any  # what they bring
    exposure: Any
    interest: Any
    row: Any  # the slot of the assets then
    exposed: Any
    unpaid: Any


def room_of(paths: int) -> Room:
    """Room for loans on so many paths."""
    numbers: dict[str, Any] = {name: np.empty(paths) for name in ("worth", "own", "exposure", "interest")}
    tables: dict[str, Any] = {name: np.zeros(_YEARS) for name in ("exposed", "unpaid")}
    return Room(path=np.empty(paths + 1, i8), when=np.empty(paths, u1), row=np.zeros(_YEARS, i8), **numbers, **tables)


@device
def settle_alone(
    i: Whole, loan: Record, pledges: Array, years: Array, slot: Array, slots: Array, default: Array, parts: Array, room: Any, first: Whole, out: Any
) -> None:
    """The events of loan i, from number `first` on. default (paths): of its borrower."""
    n = 0
    for p in range(default.size):
        room.path[n] = p
        n += default_in(loan, i8(default[p])) != 0
    path, when, here = room.path[:n], room.when[:n], slice(first, first + n)
    worth, own, exposure, interest = room.worth[:n], room.own[:n], room.exposure[:n], room.interest[:n]
    loans, paths, year, loss, used, unpaid, exposed, could = out
    for k in range(n):
        when[k] = default[path[k]]
    if loan.end == loan.pledge + 1 and loan.tested < 0:
        _fill_tables(loan, pledges, years, slot, parts, room)
        _look_up(slots, path, when, room.row, room.exposed, room.unpaid, worth, exposure, interest)
        _bring(pledges[loan.pledge].kept, worth, own)
    else:
        for k in range(n):
            y = i8(when[k] & (CALLED - 1)) - 1
            worth[k], own[k] = own_in(loan, pledges, slot, slots, parts, y, when[k] >= CALLED, path[k])
            exposure[k], interest[k] = exposure_in(loan, years, parts, y, when[k] >= CALLED, path[k])
    _take(i, path, when, worth, own, exposure, interest, loans[here], paths[here], year[here], loss[here], used[here], unpaid[here])
    exposed[here] = exposure
    could[here] = own


@device
def _fill_tables(loan: Record, pledges: Array, years: Array, slot: Array, parts: Array, room: Any) -> None:
    """Slot, exposure and interest of a loan with one pledge and no covenant, by its borrower's year of default."""
    look = pledges[loan.pledge].look
    for y in range(loan.years):
        room.row[y + 1] = slot[look + y]
        room.exposed[y + 1], room.unpaid[y + 1] = exposure_in(loan, years, parts, y, False, 0)
        if y + 1 < loan.years:
            room.row[y + 1 + CALLED] = slot[look + y]
            room.exposed[y + 1 + CALLED], room.unpaid[y + 1 + CALLED] = exposure_in(loan, years, parts, y, True, 0)


@loop
def _look_up(
    slots: Array, path: Array, when: Array, row: Array, exposed: Array, unpaid: Array, worth: Array, exposure: Array, interest: Array
) -> None:
    for k in range(path.size):
        worth[k] = slots[row[when[k]], path[k]]
    for k in range(path.size):
        exposure[k] = exposed[when[k]]
    for k in range(path.size):
        interest[k] = unpaid[when[k]]


@loop
def _bring(kept: Any, worth: Array, own: Array) -> None:
    for k in range(worth.size):
        worth[k] = max(worth[k], 0.0)
        own[k] = kept * worth[k]


@loop
def _take(
    i: Whole,
    path: Array,
    when: Array,
    worth: Array,
    own: Array,
    exposure: Array,
    interest: Array,
    loans: Array,
    paths: Array,
    year: Array,
    loss: Array,
    used: Array,
    unpaid: Array,
) -> None:
    for k in range(path.size):
        loans[k], paths[k], year[k] = i, path[k], when[k] & u1(CALLED - 1)
    for k in range(path.size):
        taken = min(exposure[k], own[k])
        some = taken > 0.0
        use = taken / (own[k] if some else 1.0) * worth[k]
        loss[k], used[k] = in_units(max(exposure[k] - taken, 0.0)), in_units(use if some else 0.0)
    for k in range(path.size):
        unpaid[k] = in_units(interest[k])
