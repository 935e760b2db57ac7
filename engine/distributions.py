"""What an uncertain input is drawn from (docs/numerics.md §17): a pair of columns as arrays, its moments, its ends.

a = rows
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.backend import kernel
from ipvalue.columns import Floats, Longs, Mask, Texts, floats, given, packed
from ipvalue.constants import (
    DRAWN_LOGNORMAL,
    DRAWN_NOT,
    DRAWN_PERT,
    DRAWN_QUANTILES,
    DRAWN_TRIANGULAR,
    DRAWN_UNIFORM,
    GRID_SIGMAS,
)
from ipvalue.schema import DISTRIBUTIONS, UNCERTAIN

KINDS = dict(zip(DISTRIBUTIONS, (DRAWN_TRIANGULAR, DRAWN_PERT, DRAWN_UNIFORM, DRAWN_LOGNORMAL, DRAWN_QUANTILES), strict=True))
PARAMETERS = {DRAWN_TRIANGULAR: 3, DRAWN_PERT: 3, DRAWN_UNIFORM: 2, DRAWN_LOGNORMAL: 2}
"""How many parameters a distribution has; quantiles two or more."""
PERT_WEIGHT = 4.0
"""Of the mode in the mean: Malcolm, Roseboom, Clark & Fazar (1959)."""


@dataclass(frozen=True)
class Distributions:
    """What a column of rows is drawn from: kind (a,) of constants.DRAWN_…; the row's parameters are `count` of `values` from `start` (a,) on."""

    kind: npt.NDArray[np.uint8]
    start: Longs
    count: Longs
    values: Floats

    @classmethod
    def of(cls, batch: pa.RecordBatch, name: str) -> Distributions:
        """Of the column `name`, one of schema.UNCERTAIN."""
        lists = batch[f"{name}_parameters"]
        kind = np.maximum(Texts.of(batch[f"{name}_distribution"]).index(KINDS), DRAWN_NOT).astype(np.uint8)
        count = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        return cls(kind, np.cumsum(count) - count, count, lists.flatten().to_numpy(zero_copy_only=False).astype(np.float64))

    @property
    def drawn(self) -> Mask:
        """(a,) where there is one."""
        drawn: Mask = self.kind != DRAWN_NOT
        return drawn

    def of_kind(self, *kinds: int) -> Mask:
        """(a,) where it is one of these."""
        found: Mask = np.isin(self.kind, kinds)
        return found

    @property
    def whole(self) -> Mask:
        """(a,) where it has as many parameters as it takes."""
        wanted = np.array([PARAMETERS.get(kind, 0) for kind in range(DRAWN_QUANTILES + 1)])[self.kind]
        return np.where(self.of_kind(DRAWN_QUANTILES), self.count >= 2, self.count == wanted)

    def parameter(self, place: int) -> Floats:
        """(a,) the parameter at a place (from 0, or −1 the last), 0 where there is none."""
        has = self.count > max(place, 0)
        at = np.where(has, self.start + (place if place >= 0 else self.count - 1), 0)
        return np.where(has, self.values[at], 0.0) if len(self.values) else np.zeros(len(self.kind))

    @property
    def ordered(self) -> Mask:
        """(a,) where they ascend; of a log-normal where the deviation is not negative."""
        inside = np.ones(max(len(self.values) - 1, 0), np.bool_)
        edges = self.start[(self.start > 0) & (self.start < len(self.values))] - 1
        inside[edges] = False
        falls = np.flatnonzero(inside & (self.values[1:] < self.values[:-1]))
        owner = np.searchsorted(self.start + self.count, falls, side="right")
        ascends = np.ones(len(self.kind), np.bool_)
        ascends[owner] = False
        return np.where(self.of_kind(DRAWN_LOGNORMAL), self.parameter(1) >= 0.0, ascends)

    def moments(self) -> tuple[Floats, Floats]:
        """(a,), (a,) mean and mean square; 0 where there is none."""
        low, mode, high = self.parameter(0), self.parameter(1), self.parameter(2)
        mean, square = np.zeros(len(low)), np.zeros(len(low))
        one = self.of_kind(DRAWN_TRIANGULAR)
        mean[one] = ((low + mode + high) / 3.0)[one]
        square[one] = ((low * low + mode * mode + high * high + low * mode + low * high + mode * high) / 6.0)[one]
        one = self.of_kind(DRAWN_PERT)
        middle = (low + PERT_WEIGHT * mode + high) / (2.0 + PERT_WEIGHT)
        mean[one] = middle[one]
        square[one] = (middle * middle + (middle - low) * (high - middle) / (3.0 + PERT_WEIGHT))[one]
        one = self.of_kind(DRAWN_UNIFORM)
        mean[one] = ((low + mode) / 2.0)[one]
        square[one] = ((low * low + low * mode + mode * mode) / 3.0)[one]
        one = self.of_kind(DRAWN_LOGNORMAL)
        if one.any():
            variance = mode * mode
            mean[one] = _exp((low + 0.5 * variance)[one])
            square[one] = _exp((2.0 * low + 2.0 * variance)[one])
        one = self.of_kind(DRAWN_QUANTILES) & self.whole
        for row in np.flatnonzero(one):
            v = self.values[self.start[row] : self.start[row] + self.count[row]].tolist()
            cells = len(v) - 1
            first = second = 0.0
            for a, b in itertools.pairwise(v):
                first += a + b
                second += a * a + a * b + b * b
            mean[row], square[row] = first / (2.0 * cells), second / (3.0 * cells)
        return mean, square

    def ends(self) -> tuple[Floats, Floats]:
        """(a,), (a,) the lowest and the highest draw, of a log-normal those at GRID_SIGMAS standard deviations; 0 where there is none."""
        least, greatest = self.parameter(0), self.parameter(-1)
        one = self.of_kind(DRAWN_LOGNORMAL)
        if one.any():
            for end, sign in ((least, -GRID_SIGMAS), (greatest, GRID_SIGMAS)):
                end[one] = _exp((self.parameter(0) + sign * self.parameter(1))[one])
        return np.where(self.drawn, least, 0.0), np.where(self.drawn, greatest, 0.0)

    def relative(self, scale: Floats, shift: Floats) -> tuple[Floats, Floats]:
        """(a, 3) numbers and (…,) values of (draw − shift)/scale, as the kernels take them: low, mode, high; of a log-normal mean and deviation of
        the log and what is added."""
        numbers = np.zeros((len(self.kind), 3))
        for place in range(3):
            numbers[:, place] = (self.parameter(place) - shift) / scale
        one = self.of_kind(DRAWN_UNIFORM)
        numbers[one, 2] = numbers[one, 1]
        one = self.of_kind(DRAWN_LOGNORMAL)
        if one.any():
            numbers[one, 0] = self.parameter(0)[one] - kernel.elementary("log", np.ascontiguousarray(scale[one]))
            numbers[one, 1] = self.parameter(1)[one]
            numbers[one, 2] = 0.0 - shift[one] / scale[one]
        numbers[~self.drawn | self.of_kind(DRAWN_QUANTILES)] = 0.0
        row = np.repeat(np.arange(len(self.kind)), self.count)
        return numbers, (self.values - shift[row]) / scale[row]


def with_means(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows with the mean of its distribution where an uncertain column is blank: what its draws are relative to."""
    for name in UNCERTAIN:
        drawn, blank = batch[f"{name}_distribution"], batch[name].is_null()
        if drawn.null_count == len(drawn):
            continue
        found = Distributions.of(batch, name)
        wanted = pc.and_(pa.array(found.drawn & found.whole & found.ordered), blank)
        place = batch.schema.get_field_index(name)
        batch = batch.set_column(place, batch.schema.field(place), pc.if_else(wanted, pa.array(found.moments()[0]), batch[name]))
    return batch


def with_ranges_drawn(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Filled rows with a royalty's range as the triangular distribution that it is, where correlations may tie it to another draw: a range by itself
    is drawn apart."""
    low, high, rate = (batch[name] for name in ("royalty_low", "royalty_high", "royalty_rate"))
    if batch["input_correlations"].null_count == len(batch) or low.null_count == len(batch):
        return batch
    others = given(batch["revenue_distribution"]) | given(batch["discount_premium_distribution"])
    tied = given(batch["input_correlations"]) & others & given(low) & given(high) & given(rate) & ~given(batch["royalty_rate_distribution"])
    if not tied.any():
        return batch
    triangles = np.stack([floats(one) for one in (low, rate, high)], axis=1)[tied].tolist()
    lists = batch["royalty_rate_parameters"].to_pylist()
    for row, triangle in zip(np.flatnonzero(tied), triangles, strict=True):
        lists[row] = triangle
    where = packed(tied)
    changed = {
        "royalty_rate_distribution": pc.if_else(where, "triangular", batch["royalty_rate_distribution"]),
        "royalty_rate_parameters": pa.array(lists, batch["royalty_rate_parameters"].type),
        "royalty_low": pc.if_else(where, None, low),
        "royalty_high": pc.if_else(where, None, high),
    }
    for name, cells in changed.items():
        place = batch.schema.get_field_index(name)
        batch = batch.set_column(place, batch.schema.field(place), cells)
    return batch


def _exp(x: Floats) -> Floats:
    found: Floats = kernel.elementary("exp", np.ascontiguousarray(x))
    return found
