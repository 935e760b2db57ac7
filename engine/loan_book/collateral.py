"""What stands behind a batch of loans on every path: its rights simulated once, and looked at when the loans' years end. docs/numerics.md §19.

l = loans, a = rights of the batch, c = their components, n = looks, s = slots, p = paths
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.appraise import Appraiser
from ipvalue.backend import kernels
from ipvalue.cashflows import take
from ipvalue.compiled import Compiled
from ipvalue.constants import STATISTICS
from ipvalue.heap import held
from ipvalue.lending.ahead import ahead
from ipvalue.lending.batch import Batch
from ipvalue.lending.defaults import last_periods, year_factors
from ipvalue.lending.layout import NO_SLOT, Dates, Layout, lay_out
from ipvalue.lending.looks import Looks
from ipvalue.loan_book.pledged import Rights
from ipvalue.reconcile import weighted
from ipvalue.rows import Floats, Longs
from ipvalue.simulate import Sampling, Simulated, simulate
from ipvalue.summary import Evidence, estimated, evidence_of, figures_of

MEAN = STATISTICS.index("mean")


@dataclass(frozen=True)
class Collateral:
    """slots (s, p) as `layout` has them; mean (a,) of each right; status (a,) int8: 0, or why its values cannot be described."""

    layout: Layout
    slots: Floats
    mean: Floats
    status: Any


def collateral_of(batch: Batch, rights: Rights, appraiser: Appraiser) -> Collateral:
    """The collateral of a batch; rights: those that it pledges, in its order. Its slots are those of the thread: the next batch takes them."""
    compiled, sampling = rights.compiled, replace(appraiser.sampling, quantiles=())
    period = last_periods(batch.years.ends, appraiser.tables.steps_per_year)
    pooled = batch.pooled(compiled.several)
    layout, dates = lay_out(batch.pledges.offset, batch.pledges.asset, pooled, batch.years.offset, period, compiled.start, compiled.several)
    slots = held("slots", (layout.slots, sampling.paths), np.float64)
    looks = _looks(dates, layout, _worth(batch, layout, compiled), rights, appraiser, slots)
    simulated = simulate(compiled.vectors, appraiser.factors, sampling, None, None, made="moments", looks=looks)
    mean, status = _means(simulated, compiled, layout, slots, sampling)
    return Collateral(layout, slots, mean, status)


def _worth(batch: Batch, layout: Layout, compiled: Compiled) -> Longs:
    """(c,) the slot that takes each component's values."""
    of_right = layout.worth_apart.copy()
    of_pool = layout.worth[batch.pledges.loan]
    of_right[batch.pledges.asset[of_pool != NO_SLOT]] = of_pool[of_pool != NO_SLOT]
    return np.repeat(of_right, np.diff(compiled.start))


def _looks(dates: Dates, layout: Layout, worth: Longs, rights: Rights, appraiser: Appraiser, slots: Floats) -> Looks:
    compiled, tables = rights.compiled, appraiser.tables
    components = np.diff(compiled.start)
    lasting = ~compiled.earns[dates.component]
    period = (np.where(lasting, dates.year, dates.period) - 1).astype(np.int32)
    curve, premium = np.repeat(rights.curve, components), np.repeat(rights.premium, components)
    seen = ahead(compiled.vectors, compiled.earns, curve, premium, tables, dates.start, period)
    several = np.repeat(compiled.several, components)
    years = None
    if lasting.any() and tables.steps_per_year > 1:
        years = year_factors(appraiser.factors, int(period[lasting].max()) + 1, appraiser.sampling)
    curves = seen.curves
    return Looks(
        start=dates.start,
        period=period,
        entered=seen.entered,
        open=seen.open,
        owed=seen.owed,
        lasting=seen.lasting,
        slot=dates.slot,
        opens=_first_of(dates.slot),
        weight=compiled.weight[dates.component],
        floored=(~several[dates.component]).astype(np.uint8),
        curve_entered=seen.curve_entered,
        curve_open=seen.curve_open,
        cell_start=curves.cell_start,
        first_cell=curves.first_cell,
        slope=curves.slope,
        level0=curves.level0,
        worth=worth,
        share=compiled.weight,
        worth_opens=_first_of(worth) & (worth != NO_SLOT),
        slots=slots,
        years=years,
    )


def _first_of(slot: Longs) -> npt.NDArray[np.uint8]:
    """(n,) 1 where a slot is named for the first time."""
    found = np.zeros(len(slot), np.uint8)
    found[np.unique(slot, return_index=True)[1]] = 1
    return found


def _means(simulated: Simulated, compiled: Compiled, layout: Layout, slots: Floats, sampling: Sampling) -> tuple[Floats, Any]:
    """(a,) the mean of each right, and why it cannot be described."""
    figures = figures_of(compiled.vectors, simulated, sampling)
    status = np.maximum.reduceat(simulated.status, compiled.start[:-1])
    several = compiled.several
    if not several.any():
        return figures.mean, status
    mean = figures.mean[compiled.start[:-1]].copy()
    mean[several] = _mixed(simulated, figures.closed_form, compiled, layout, slots, sampling)
    return mean, status


def _mixed(simulated: Simulated, closed: Floats, compiled: Compiled, layout: Layout, slots: Floats, sampling: Sampling) -> Floats:
    """The means of the rights by several methods."""
    several = compiled.several
    if simulated.sums is None:
        kernel = kernels(sampling.backend)
        return np.array([kernel.statistics(slots[slot], (), sampling.tail)[MEAN] for slot in layout.worth_apart[several]])
    parts, chosen = compiled.only(several), np.repeat(several, np.diff(compiled.start))
    some = replace(simulated, sums=simulated.sums[:, chosen])
    evidence = vars(evidence_of(take(compiled.vectors, np.flatnonzero(chosen)), some, closed[chosen], sampling))
    return estimated(Evidence(**{name: weighted(numbers, parts) for name, numbers in evidence.items()}))[0]
