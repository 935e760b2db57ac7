"""A batch of units as compiled functions read it, a record a loan, pledge and year: nothing is counted or copied in a loop over paths."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.lending.units import Longs, Units
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
