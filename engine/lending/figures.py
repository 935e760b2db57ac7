"""What the results say of a loan, from its defaults and what stands behind it on each path: docs/numerics.md §19, "Statistics of a loan".

l, t, j, s, b, p as in units.py, e = events, q = quantiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.backend import Backend, kernels
from ipvalue.constants import BLOCK_PATHS, MONEY_SCALE, REPLICATES
from ipvalue.heap import held
from ipvalue.lending.amortisation import Schedules, discounts
from ipvalue.lending.exact import add_whole, as_double
from ipvalue.lending.records import recovers_alike
from ipvalue.lending.settlement import Events
from ipvalue.lending.standing import pool, stand
from ipvalue.lending.units import CALLED, NO_PARTS, Bytes, Floats, Units, default_of, years_of
from ipvalue.numba_kernel import DefaultArithmetic
from ipvalue.numba_kernel.arithmetic import sqrt
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, device, loop
from ipvalue.numba_kernel.describe import striped_squares, striped_sum
from ipvalue.replicates import standard_error

f8, u8 = np.float64, np.uint64

_SCALE = float(MONEY_SCALE)
_AT_ONCE = 32
"""Loans whose values on the paths stay in the cache until their quantiles are found."""


@dataclass(frozen=True)
class LoanFigures:
    """By loan (l), by its quantiles (l, q) or years (t); NaN: there is none."""

    pd: Floats
    ead: Floats
    lgd: Floats
    expected_loss: Floats
    standard_deviation: Floats
    standard_error: Floats
    expected_loss_present: Floats
    value: Floats  # (l, q) of the pledged rights, less the seniors' principal
    loan_to_value: Floats  # (l, q)
    coverage: Floats  # (l, q)
    breach: Floats  # (t) share of paths
    standing: Floats  # (t) share of paths without default up to the year, by the part that is owed


class _Found(NamedTuple):
    loss: Floats  # (l) sums over the paths
    exposure: Floats
    present: Floats
    deviation: Floats
    replicate: Floats  # (l, 16) sums of losses
    breach: Floats  # (t) numbers of paths
    standing: Floats


class _Room(NamedTuple):
    losses: Floats  # (p) of one loan
    least: Floats  # (some loans, p) coverage
    pool: Floats  # (some loans, p) value
    behind: Floats  # (paths of a block)
    chain: Floats
    sums: npt.NDArray[np.uint64]  # (most years, 2)
    replicates: npt.NDArray[np.uint64]  # (16, 2)


def loan_figures(
    units: Units,
    events: Events,
    slots: Floats,
    default: Bytes,
    *,
    plan: Schedules,
    rate: Floats,
    cap: Floats,
    quantiles: Sequence[float],
    backend: Backend,
    replicates: bool = False,
    parts: Floats = NO_PARTS,
) -> LoanFigures:
    """The figures of loans whose `events` `settle` found on these slots, defaults and parts.

    rate, cap (l): annual rate; cap on loan to value, NaN: no cap. backend: whose kernels find the quantiles. replicates: paths are those of
    the sampler `sobol`.
    """
    paths, loans, years = default.shape[1], len(rate), len(plan.ends)
    by_year = np.diff(plan.offset)
    discount = discounts(np.repeat(rate, by_year), plan.ends)
    value, coverage = (np.empty((loans, len(quantiles))) for _ in range(2))
    shapes: list[Any] = [loans, loans, loans, loans, (loans, REPLICATES), years, years]
    found = _Found(*(np.zeros(shape) for shape in shapes))
    sums = [np.zeros((size, 2), u8) for size in (int(by_year.max(initial=0)), REPLICATES)]
    rows = (held(f"described_{i}", shape, f8) for i, shape in enumerate(((_AT_ONCE, paths), (_AT_ONCE, paths), (BLOCK_PATHS,), (BLOCK_PATHS,))))
    room, stripes, alike = _Room(np.zeros(paths), *rows, *sums), np.empty(16), recovers_alike(units)
    of_events = (events.start, events.path, events.year, events.loss, events.exposure)
    for first in range(0, loans, _AT_ONCE):
        last = min(first + _AT_ONCE, loans)
        pools = _in_slots(units, slots, first, last)
        with DefaultArithmetic():
            _describe(units, slots, default, parts, cap, alike, discount, of_events, replicates, pools is None, stripes, found, room, first, last)
        for row, out in ((room.pool[: last - first] if pools is None else pools, value), (room.least[: last - first], coverage)):
            out[first:last] = kernels(backend).quantiles_of(row, quantiles)
    count = np.diff(events.start)
    principal = plan.owed[plan.offset[:-1]]
    error = found.deviation / np.sqrt(f8(paths))
    if replicates:
        error = standard_error(found.replicate / (paths // REPLICATES * _SCALE))
    none = np.full(loans, np.nan)
    ltv = np.divide(principal[:, None], value, out=np.full_like(value, np.nan), where=value > 0.0)
    return LoanFigures(
        pd=count / paths,
        ead=np.divide(found.exposure, count, out=none.copy(), where=count > 0),
        lgd=np.divide(found.loss / _SCALE, found.exposure, out=none.copy(), where=found.exposure > 0.0),
        expected_loss=found.loss / (paths * _SCALE),
        standard_deviation=found.deviation,
        standard_error=error,
        expected_loss_present=found.present / (paths * _SCALE),
        value=value,
        loan_to_value=ltv,
        coverage=coverage,
        breach=np.where(np.isnan(np.repeat(cap, by_year)), np.nan, found.breach / paths),
        standing=found.standing / paths,
    )


def all_in_cost(rate: Floats, guarantee_fee: Floats) -> Floats:
    """What the borrower pays a year on what it owes. (l)"""
    found: Floats = rate + guarantee_fee
    return found


def saving(plan: Schedules, unsecured_rate: Floats, guarantee_fee: Floats) -> Floats:
    """Money that the pledge saves over a loan's life beside an unsecured loan; NaN where its rate is not known. (l)"""
    by_year, known = np.diff(plan.offset), ~np.isnan(unsecured_rate)
    dear, fee = np.repeat(np.where(known, unsecured_rate, 0.0), by_year), np.repeat(guarantee_fee, by_year) * plan.lengths
    saved = plan.owed * ((discounts(dear, -plan.lengths) - 1.0) - fee) - plan.interest
    return np.where(known, _by_loan(plan, saved), np.nan)


def break_even_spread(plan: Schedules, rate: Floats, bank: Floats, standing: Floats) -> Floats:
    """A rate on what is owed that pays for what the bank is expected to lose; NaN where nothing is owed. (l)

    bank (t): E[the bank's part of losses in the year]; standing (t): of LoanFigures.
    """
    v = discounts(np.repeat(rate, np.diff(plan.offset)), plan.ends)
    lost, owed = _by_loan(plan, v * bank), _by_loan(plan, v * plan.lengths * plan.owed * standing)
    found: Floats = np.divide(lost, owed, out=np.full(len(rate), np.nan), where=owed > 0.0)
    return found


def _by_loan(plan: Schedules, amounts: Floats) -> Floats:
    """Sums over the years of each loan, in order."""
    loans = len(plan.offset) - 1
    found: Floats = np.bincount(np.repeat(np.arange(loans), np.diff(plan.offset)), amounts, loans).astype(f8)
    return found


def _in_slots(units: Units, slots: Floats, first: int, last: int) -> Floats | None:
    """(last − first, p) the values of what is pledged to some loans, where slots that follow each other hold them; else None."""
    pledge = units.pledge[first : last + 1]
    worth = units.worth[pledge[:-1]]
    alone = (np.diff(pledge) == 1) & (units.shared[first:last] == pledge[1:])
    return slots[worth[0] : worth[0] + last - first] if alone.all() and (np.diff(worth) == 1).all() else None


@Kernel
def _describe(
    units: Any,
    slots: Array,
    default: Array,
    parts: Array,
    cap: Array,
    alike: Array,
    discount: Array,
    events: Any,
    replicates: bool,
    pools: bool,
    stripes: Array,
    found: Any,
    room: Any,
    first: Whole,
    last: Whole,
) -> None:
    for i in range(first, last):
        _describe_losses(units, i, events, discount, replicates, stripes, found, room)
        _count_standing(units, default, parts, i, events, found)
        stand(units, slots, parts, i, cap[i], alike[i], room.behind, room.chain, found.breach, room.least[i - first])
        if pools:
            pool(units, slots, i, room.pool[i - first])


@device
def _describe_losses(units: Any, i: Whole, events: Any, discount: Array, replicates: bool, stripes: Array, found: Any, room: Any) -> None:
    start, path, year, loss, exposure = events
    first, last, n, at = start[i], start[i + 1], room.losses.size, units.year[i]
    if first == last:
        return
    losses, sums, by_replicate = room.losses, room.sums, room.replicates
    sums[:] = u8(0)
    by_replicate[:] = u8(0)
    here = slice(first, last)
    found.exposure[i] = _add_events(path[here], year[here], loss[here], exposure[here], losses, sums)
    for y in range(years_of(units, i)):
        found.present[i] += discount[at + y] * as_double(sums[y, 0], sums[y, 1])
    mean = striped_sum(losses, 0.0, stripes) / f8(n)
    found.deviation[i] = sqrt(striped_squares(losses, mean, stripes) / f8(n - 1)) if n > 1 else 0.0
    losses[:] = 0.0
    if replicates:
        for e in range(first, last):
            add_whole(by_replicate, path[e] % REPLICATES, loss[e])
    for r in range(REPLICATES):
        found.replicate[i, r] = as_double(by_replicate[r, 0], by_replicate[r, 1])
    low, high = sums[0]
    for y in range(1, years_of(units, i)):
        low += sums[y, 0]
        high += sums[y, 1] + (u8(1) if low < sums[y, 0] else u8(0))
    found.loss[i] = as_double(low, high)


@loop
def _add_events(path: Array, year: Array, loss: Array, exposure: Array, losses: Array, sums: Array) -> Real:
    """A loan's losses on their paths, and their sums by year; returns the sum of exposures."""
    exposed = 0.0
    for e in range(path.size):
        losses[path[e]] = f8(loss[e]) / _SCALE
    for e in range(path.size):
        add_whole(sums, year[e] - 1, loss[e])
        exposed += exposure[e]
    return exposed


@device
def _count_standing(units: Any, default: Array, parts: Array, i: Whole, events: Any, found: Any) -> None:
    """Paths without default up to each year, by the part of the loan that is owed in the year."""
    start, year, at, paths = events[0], events[2], units.year[i], default.shape[1]
    for y in range(years_of(units, i)):
        found.standing[at + y] = 0.0
    if units.tested[i] < 0:
        _count_years(year[start[i] : start[i + 1]], found.standing[at : at + years_of(units, i)])
        left = f8(paths)
        for y in range(years_of(units, i)):
            left -= found.standing[at + y]
            found.standing[at + y] = left
        return
    for y in range(years_of(units, i)):
        owed = 0.0
        for p in range(paths):
            when = default_of(units, default, i, p) & (CALLED - 1)
            if when == 0 or when > y + 1:
                owed += parts[units.tested[i] + y, p]
        found.standing[at + y] = owed


@loop
def _count_years(year: Array, found: Array) -> None:
    for e in range(year.size):
        found[year[e] - 1] += 1.0
