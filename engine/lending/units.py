"""Loans that settle together, as arrays: docs/numerics.md §19, "Pledges".

A unit holds the loans that shared assets or one borrower connect. u = units, l = loans, t = loan years (those of loan i from year[i] to
year[i + 1]), j = pledges, k = pledges and years, s = slots, b = borrowers, p = paths. A pledge is of one asset, or of all assets of a loan whose
collateral is summed already, because it recovers the same part of each.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.numba_kernel.compiler import Array, Real, Whole, inlined

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

CALLED = 128
"""Added to a borrower's year of default where it is a margin call that was not met."""


class Units(NamedTuple):
    """A batch of units. The loans of a unit stand in the order in which they take, the pledges of a loan with its own assets first."""

    loan: Longs  # (u + 1) first loan of each unit
    asset: Longs  # (u + 1) first shared asset of each unit
    year: Longs  # (l + 1) first year of each loan
    pledge: Longs  # (l + 1) first pledge of each loan
    shared: Longs  # (l) its first pledge of a shared asset; pledge[i + 1] where there is none
    borrower: Longs  # (l) row of years of default
    tested: Longs  # (l) first row of its parts owed and pledged (covenants.py), −1: it has no covenant
    owed: Floats  # (t) balance during the year
    interest: Floats  # (t)
    exposure: Floats  # (t) at a default in the year
    kept: Floats  # (j) part of the collateral that is recovered
    worth: Longs  # (j) slot of the assets' values
    on: Longs  # (j) number of the shared asset, −1: an own one
    look: Longs  # (j) first of its years in `slot`
    slot: Longs  # (k) slot of the collateral at the end of the year
    senior: Longs  # (j + 1) first of the loans that precede it on the asset
    before: Longs  # those loans, in order


NO_PARTS: Any = np.zeros((0, 0))
"""Parts owed and pledged where no loan has covenants."""


@inlined
def years_of(units: Any, i: Whole) -> Whole:
    return units.year[i + 1] - units.year[i]


@inlined
def balance_after(units: Any, i: Whole, y: Whole) -> Real:
    """What is owed after the payment of year index y."""
    at = units.year[i] + y + 1
    return units.owed[at] if at < units.year[i + 1] else 0.0


@inlined
def default_of(units: Any, default: Array, i: Whole, p: Whole) -> Whole:
    """The year in which loan i defaults on a path, with CALLED where it is one; 0: it does not."""
    found = np.int64(default[units.borrower[i], p])
    last = years_of(units, i)
    if found >= CALLED:
        return found if found - CALLED < last else 0
    return found if found <= last else 0


@inlined
def part_owed(units: Any, parts: Array, i: Whole, y: Whole, p: Whole) -> Real:
    """λ in year index y."""
    return 1.0 if units.tested[i] < 0 else parts[units.tested[i] + y, p]


@inlined
def owed_before(units: Any, j: Whole, y: Whole) -> Real:
    """The balances during year index y of the loans that precede pledge j on its asset."""
    total = 0.0
    for k in range(units.senior[j], units.senior[j + 1]):
        i = units.before[k]
        if y < years_of(units, i):
            total += units.owed[units.year[i] + y]
    return total
