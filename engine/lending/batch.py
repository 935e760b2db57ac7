"""Whole units of loans, taken together: the loans in the order in which they take, and as the settlement has them. docs/numerics.md §19, "Pledges".

l, u, t, j, k as in units.py; rights (a) and slots as in layout.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipvalue.lending.amortisation import Schedules
from ipvalue.lending.layout import Layout, pooled_loans
from ipvalue.lending.loans import Loans
from ipvalue.lending.pledges import Pledges, runs, starts
from ipvalue.lending.units import Units

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

OWN, UNTESTED = -1, -1


@dataclass(frozen=True)
class Batch:
    """loan (l): which of the loans they are; unit (l): from 0, ascending; the pledges, of rights (a) in the order of the book; right (a): which these
    are; kept: h of each pledge; the years; alone (l): whose rights have slots of their own though they could be pooled."""

    loan: Longs
    unit: Longs
    pledges: Pledges
    right: Longs
    kept: Floats
    years: Schedules
    alone: Mask

    def pooled(self, several: Mask) -> Mask:
        """(l,) which loans are pooled. several (a): rights by several methods."""
        return pooled_loans(self.pledges.offset, self.pledges.asset, self.kept, several) & ~self.alone


def in_order(loans: Loans) -> Longs:
    """(l,) the loans unit by unit, those of each in the order in which they take."""
    place = np.empty(len(loans), np.int64)
    place[loans.order] = np.arange(len(loans))
    found: Longs = np.lexsort((place, loans.unit))
    return found


def packed(unit: Longs, weight: Longs, most: int) -> Longs:
    """(l,) whole units put together, in their order, of about `most` in weight (l,); from 0. A larger one is by itself."""
    ends = np.cumsum(np.bincount(unit, weight).astype(np.int64))
    begins = np.concatenate([[0], ends[:-1]])
    found: Longs = np.unique(begins // most, return_inverse=True)[1][unit]
    return found


def batch_of(loans: Loans, these: Longs, kept: Floats, alone: Mask) -> Batch:
    """Some of the loans, whole units in order; kept (k), alone (l): of all."""
    pledge = runs(loans.pledges.offset, these)
    right, asset = np.unique(loans.pledges.asset[pledge], return_inverse=True)
    pledges = Pledges(starts(np.diff(loans.pledges.offset)[these]), asset, loans.pledges.rank[pledge])
    unit = np.unique(loans.unit[these], return_inverse=True)[1]
    return Batch(these, unit, pledges, right, kept[pledge], loans.years.take(these), alone[these])


def units_of(batch: Batch, layout: Layout, borrower: Longs) -> Units:
    """The batch for the settlement. borrower (l): row of the years of default."""
    pledges, years = batch.pledges, batch.years
    entry = _entries(pledges, layout)
    loan, right = pledges.loan[entry], pledges.asset[entry]
    pooled, shared = layout.pooled[loan], pledges.shared[entry]
    first = np.searchsorted(loan, np.arange(len(batch.unit) + 1))
    of_unit = np.arange(int(batch.unit.max(initial=-1)) + 2)
    pairs, number = np.unique(np.stack([batch.unit[loan[shared]], right[shared]]), axis=1, return_inverse=True)
    on = np.full(len(entry), OWN)
    on[shared] = number.reshape(-1)
    look, slot = _slots(layout, years, loan, entry)
    senior, before = _seniors(pledges, entry, shared)
    return Units(
        loan=np.searchsorted(batch.unit, of_unit),
        asset=np.searchsorted(pairs[0], of_unit),
        year=years.offset,
        pledge=first,
        shared=first[:-1] + np.bincount(loan[~shared], minlength=len(batch.unit)),
        borrower=borrower,
        tested=np.full(len(batch.unit), UNTESTED),
        owed=years.owed,
        interest=years.interest,
        exposure=years.exposure,
        kept=batch.kept[entry],
        worth=np.where(pooled, layout.worth[loan], layout.worth_apart[right]),
        on=on,
        look=look,
        slot=slot,
        senior=senior,
        before=before,
    )


def _entries(pledges: Pledges, layout: Layout) -> Longs:
    """(j) the pledges that stand for themselves, a pooled loan's first for all of it: by loan, own ones before shared ones."""
    first = np.zeros(len(pledges.asset), np.bool_)
    first[pledges.offset[:-1]] = True
    entry = np.flatnonzero(first | ~layout.pooled[pledges.loan])
    found: Longs = entry[np.lexsort((entry, pledges.shared[entry], pledges.loan[entry]))]
    return found


def _slots(layout: Layout, years: Schedules, loan: Longs, entry: Longs) -> tuple[Longs, Longs]:
    """(j) the first of each entry's years, and (k) the slot of each."""
    lengths, pooled = np.diff(years.offset)[loan], layout.pooled[loan]
    look = starts(lengths)
    begin = np.where(pooled, years.offset[loan], layout.cell[entry])
    at = np.arange(look[-1]) + np.repeat(begin - look[:-1], lengths)
    of_pool = np.repeat(pooled, lengths)
    slot = np.empty(len(at), np.int64)
    slot[of_pool], slot[~of_pool] = layout.of_year[at[of_pool]], layout.of_cell[at[~of_pool]]
    return look[:-1], slot


def _seniors(pledges: Pledges, entry: Longs, shared: Mask) -> tuple[Longs, Longs]:
    """(j + 1) and the loans that precede each entry on its right, by rank."""
    order = pledges.by_asset
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    right = pledges.asset[order]
    top = np.searchsorted(right, right)[place[entry]]
    counts = np.where(shared, place[entry] - top, 0)
    senior = starts(counts)
    at = np.arange(senior[-1]) + np.repeat(top - senior[:-1], counts)
    return senior, pledges.loan[order[at]]
