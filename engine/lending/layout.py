"""Where the collateral of a batch of loans is summed up: rows of `slots`, and which looks at which rights go into them. docs/numerics.md §19.

l = loans, k = pledges (loan i has offset[i] … offset[i + 1]), y = loan years, a = rights, c = their components (right, method), s = slots, n = looks

A loan may be *pooled* where all its rights are its own, each by one method, and one part h of all is recovered: they are summed up together, a slot
a year. Else it is *apart*: each right has a slot for each date, which the loans that share it have in common.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

NO_SLOT = -1


@dataclass(frozen=True)
class Layout:
    """Slots of a batch.

    pooled (l); of_year (Y,) of a pooled loan's years, one loan after another, NO_SLOT where it is apart; worth (l) of a pooled loan's rights at once.
    cell (k + 1) and of_cell: of the pledges, one after another, the slot of the right in each of the loan's years, NO_SLOT where the loan is pooled;
    worth_apart (a) of a right alone. several (s): whether methods are summed up there, whose sum counts from 0 up.
    """

    slots: int
    pooled: Mask
    of_year: Longs
    worth: Longs
    cell: Longs
    of_cell: Longs
    worth_apart: Longs
    several: Mask


@dataclass(frozen=True)
class Dates:
    """Looks (n,) by component and date: the component, the period and the year at whose end, from 1, and the slot; start (c + 1)."""

    start: Longs
    component: Longs
    period: Longs
    year: Longs
    slot: Longs


def pooled_loans(offset: Longs, right: Longs, kept: Floats, several: Mask) -> Mask:
    """(l,) which loans may be pooled. kept (k): h of each pledge; several (a): rights by several methods."""
    shared = np.bincount(right, minlength=len(several)) > 1
    apart = (shared | several)[right] | (kept != np.repeat(kept[offset[:-1]], np.diff(offset)))
    found: Mask = ~np.logical_or.reduceat(apart, offset[:-1])
    return found


def lay_out(offset: Longs, right: Longs, pooled: Mask, years: Longs, period: Longs, start: Longs, several: Mask) -> tuple[Layout, Dates]:
    """The slots of loans, and the looks that go into them.

    offset (l + 1), right (k): the pledges; pooled (l): of `pooled_loans`, or fewer; years (l + 1) where each loan's years begin, period (Y,) of their
    ends; start (a + 1): the components of each right; several (a): rights by several methods.
    """
    lengths, of_pledge = np.diff(years), np.repeat(np.arange(len(pooled)), np.diff(offset))
    cell = _offsets(lengths[of_pledge])
    pledge = np.repeat(np.arange(len(right)), lengths[of_pledge])
    year = np.arange(cell[-1]) - cell[pledge]
    at, pool = years[of_pledge[pledge]] + year, pooled[of_pledge[pledge]]

    in_pool = np.repeat(pooled, lengths)
    of_year = np.where(in_pool, np.cumsum(in_pool) - 1, NO_SLOT)
    wide = int(period.max(initial=0)) + 1
    keys, first, inverse = np.unique(right[pledge[~pool]] * wide + period[at[~pool]], return_index=True, return_inverse=True)
    before = int(in_pool.sum())
    of_cell = np.full(len(pledge), NO_SLOT)
    of_cell[~pool] = before + inverse
    after = before + len(keys)
    worth = np.where(pooled, after + np.cumsum(pooled) - 1, NO_SLOT)
    apart = np.unique(right[~pooled[of_pledge]])
    worth_apart = np.full(len(several), NO_SLOT)
    worth_apart[apart] = after + int(pooled.sum()) + np.arange(len(apart))
    of_several = np.zeros(after + int(pooled.sum()) + len(apart), np.bool_)
    of_several[before:after] = several[keys // wide]

    dates = _by_component(
        start,
        np.concatenate([right[pledge[pool]], keys // wide]),
        np.concatenate([period[at[pool]], keys % wide]),
        np.concatenate([year[pool], year[~pool][first]]) + 1,
        np.concatenate([of_year[at[pool]], before + np.arange(len(keys))]),
    )
    return Layout(len(of_several), pooled, of_year, worth, cell, of_cell, worth_apart, of_several), dates


def _by_component(start: Longs, right: Longs, period: Longs, year: Longs, slot: Longs) -> Dates:
    """The looks at rights as those at each of their components, in the order of the periods."""
    counts = np.diff(start)[right]
    look = np.repeat(np.arange(len(right)), counts)
    component = np.repeat(start[right] - _offsets(counts)[:-1], counts) + np.arange(len(look))
    order = np.lexsort((period[look], component))
    look, component = look[order], component[order]
    return Dates(np.searchsorted(component, np.arange(start[-1] + 1)), component, period[look], year[look], slot[look])


def _offsets(counts: Longs) -> Longs:
    """Where each of such parts begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
