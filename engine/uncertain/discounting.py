"""What discounting by a drawn rate takes of each period (docs/numerics.md §17).

a = assets of the batch, t = periods (ragged)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.backend import kernels
from ipvalue.constants import DRIVERS, INPUT_PREMIUM, LOG2_E
from ipvalue.distributions import Distributions
from ipvalue.drivers import Drivers, ending
from ipvalue.rows import Floats, Longs, Mask, Rows
from ipvalue.schema import UNCERTAIN
from ipvalue.tables import Tables

LEAST_GROWTH = 0.01
"""Of one plus a drawn discount rate: below it a present value means nothing."""


def discounting_of(rows: Rows, tables: Tables, drivers: Drivers, offset: Longs, parts: dict[str, Any], premium: Mask) -> Floats:
    """(9, offset[a]) of ext/simulate.h, by the periods of all rows; of those whose premium is not drawn they are never used."""
    lengths = np.diff(offset)
    row = np.repeat(np.arange(len(rows)), lengths)
    number = np.arange(offset[-1]) - np.repeat(offset[:-1], lengths)
    steps = np.float64(tables.steps_per_year)
    life = np.where(drivers.indefinite != 0, lengths / steps, drivers.drivers[DRIVERS.index("life")])
    end = np.minimum((number + 1) / steps, life[row])
    middle = (number / steps + end) / 2.0 if tables.mid_period else end
    rates = [1.0 + _spot(tables, drivers.curve[row], at) + rows.floats("discount_premium")[row] for at in (middle, end)]
    found = np.zeros((9, len(row)))
    found[0], found[3] = 1.0 / rates[0], 1.0 / rates[1]
    found[1], found[4] = -LOG2_E * middle, -LOG2_E * end
    found[2] = -middle / rates[0]
    endless = premium & (drivers.indefinite != 0)
    if endless.any():
        _perpetuity(tables, drivers, offset, parts, endless, rates[0], found)
    return found


def _spot(tables: Tables, curve: npt.NDArray[np.int32], at: Floats) -> Floats:
    """(t,) zero rates of a curve each, linear between tenors and flat outside, by operations that every processor does alike."""
    start, tenors, rates = tables.curves
    found = np.zeros(len(at))
    for number in np.unique(curve):
        here = curve == number
        x, y, u = tenors[start[number] : start[number + 1]], rates[start[number] : start[number + 1]], at[here]
        right = np.clip(np.searchsorted(x, u), 1, max(len(x) - 1, 1))
        if len(x) == 1:
            found[here] = y[0]
            continue
        left = right - 1
        part = (np.minimum(np.maximum(u, x[0]), x[-1]) - x[left]) / (x[right] - x[left])
        found[here] = y[left] + (y[right] - y[left]) * part
    return found


def _perpetuity(tables: Tables, drivers: Drivers, offset: Longs, parts: dict[str, Any], endless: Mask, rate: Floats, found: Floats) -> None:
    """The part of the last period that repeats for ever, and by which factor each year: model.md §4."""
    explicit = kernels(tables.backend).vectors(ending(drivers, offset, tables.steps_per_year), tables, offset, bool(drivers.limited.any()))
    inflation = drivers.drivers[DRIVERS.index("cost_inflation")]
    for a in np.flatnonzero(endless):
        first, last = int(offset[a]), int(offset[a + 1]) - 1
        year = slice(last + 1 - tables.steps_per_year, last + 1)
        lives = parts["survival"]
        if lives[last] <= 0.0:
            continue
        income = 0.0
        for w, s in zip(explicit["w"][year].tolist(), lives[year].tolist(), strict=True):
            income += w * s / float(lives[last])
        if parts["w"][last] > explicit["w"][last] and income > 0.0:
            repeats = (parts["w"][last] - explicit["w"][last]) / income
            found[5, last] = (parts["w"][last] - explicit["w"][last]) / parts["w"][last]
            found[6, last] = repeats / (1.0 + repeats)
        if parts["f"][last] > explicit["f"][last]:
            before = lives[year.start - 1] if year.start > first else 1.0
            found[7, last] = (parts["f"][last] - explicit["f"][last]) / parts["f"][last]
            found[8, last] = (1.0 + inflation[a]) * (lives[last] / before) / rate[last]


def check_rates(rows: Rows, found: Distributions, premium: Mask, drivers: Drivers, discounting: Floats, offset: Longs) -> None:
    """A drawn discount rate leaves present values that mean something, and are finite."""
    least = found.ends()[0] - rows.floats("discount_premium")
    nonempty = np.diff(offset) > 0
    lowest = np.minimum.reduceat(1.0 / np.maximum(discounting[0], discounting[3]), offset[:-1]) if nonempty.all() else np.ones(len(rows))
    given = f"{UNCERTAIN[INPUT_PREMIUM]}_parameters"
    rows.reject(
        premium & ~(lowest + least >= LEAST_GROWTH),
        given,
        f"no drawn discount rate is below {LEAST_GROWTH - 1.0:g}",
        lambda value: f"{given} {value} and the risk-free rate give discount rates of -100 % or less: raise the lowest draw",
    )
    last = offset[1:] - 1
    ratio = 1.0 + least * discounting[0][last]
    repeats = np.maximum(discounting[6][last], discounting[8][last])
    rows.reject(
        premium & (repeats > 0.0) & ~(ratio > repeats),
        given,
        "growth · survival / (1 + discount rate) < 1 at every draw with an indefinite life",
        lambda value: (
            f"{given} {value} give discount rates that growth or cost_inflation reaches, so without end the value is infinite: "
            "raise the lowest draw, or set indefinite to false and give a life"
        ),
    )
