"""A batch of units as compiled functions read it, a record a loan, pledge and year: nothing is counted or copied in a loop over paths."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.lending.units import CALLED, Longs, Units
from ipvalue.numba_kernel.arithmetic import fma
from ipvalue.numba_kernel.arrays import records
from ipvalue.numba_kernel.compiler import Array, Real, Record, Whole, inlined


class Records(NamedTuple):
    """Units of `units.py`, without what only some functions need."""

    loans: Any  # (l) year, years, pledge, shared, end, borrower, tested; alike: whether all its pledges recover one part
    pledges: Any  # (j) kept, on, look
    years: Any  # (t) owed, interest, exposure
    slot: Longs


def recovers_alike(units: Units) -> npt.NDArray[np.bool_]:
    """(l) whether all pledges of a loan recover one part."""
    first = units.pledge[:-1]
    return np.minimum.reduceat(units.kept, first) == np.maximum.reduceat(units.kept, first) if len(first) else np.zeros(0, np.bool_)


def loan_records(units: Units) -> Records:
    loans = {"year": units.year[:-1], "years": np.diff(units.year), "pledge": units.pledge[:-1], "shared": units.shared, "end": units.pledge[1:]}
    return Records(
        records({**loans, "borrower": units.borrower, "tested": units.tested, "alike": recovers_alike(units)}),
        records({"kept": units.kept, "on": units.on, "look": units.look}),
        records({"owed": units.owed, "interest": units.interest, "exposure": units.exposure}),
        units.slot,
    )


@inlined
def alike_of(loan: Record, pledges: Array, whole: Real, chain: Real) -> Real:
    """Σ h·k of a loan's assets: h·Σ k where it recovers one part of all, else the chain of fma."""
    return pledges[loan.pledge].kept * whole if loan.alike else chain


@inlined
def own_collateral(loan: Record, pledges: Array, slot: Array, slots: Array, y: Whole, p: Whole) -> tuple[Real, Real]:
    """What a loan's own assets are worth at the end of year index y on a path, and what they bring."""
    worth, chain = 0.0, 0.0
    for j in range(loan.pledge, loan.shared):
        k = max(slots[slot[pledges[j].look + y], p], 0.0)
        worth += k
        chain = fma(pledges[j].kept, k, chain)
    return worth, alike_of(loan, pledges, worth, chain)


@inlined
def default_in(loan: Record, found: Whole) -> Whole:
    """The year in which a loan defaults whose borrower does in `found`, with CALLED where that is one; 0: it does not."""
    latest = loan.years + (CALLED - 1) if found >= CALLED else loan.years
    return found if found <= latest else 0


@inlined
def exposure_in(loan: Record, years: Array, parts: Array, y: Whole, called: bool, p: Whole) -> tuple[Real, Real]:
    """What is owed at a default in year index y, and the interest in it: where a call was not met the year's payment was made."""
    owed, interest = years[loan.year + y].exposure, years[loan.year + y].interest
    if called:
        owed, interest = years[loan.year + y + 1].owed, 0.0
    if loan.tested >= 0:
        part = parts[loan.tested + y + called, p]
        owed, interest = part * owed, part * interest
    return owed, interest


@inlined
def own_in(loan: Record, pledges: Array, slot: Array, slots: Array, parts: Array, y: Whole, called: bool, p: Whole) -> tuple[Real, Real]:
    """What the own assets are worth at the end of year index y, and what they bring."""
    worth, brings = own_collateral(loan, pledges, slot, slots, y, p)
    if loan.tested >= 0:
        part = parts[loan.tested + loan.years + y + called, p]
        worth, brings = part * worth, part * brings
    return worth, brings
