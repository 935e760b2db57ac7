"""Several methods on one right: on each path the weighted sum of what the methods give, all on the same random numbers.

a = rows with several methods, c = components (row, method), p = paths, q = quantiles
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.backend import kernels
from ipvalue.compiled import Compiled
from ipvalue.constants import MONEY_LIMIT, STATISTICS
from ipvalue.lots import describe_lots, simulate_lots
from ipvalue.ranges import NOT_FINITE, TOO_LARGE
from ipvalue.rows import Floats, Longs, Mask
from ipvalue.simulate import Factors, Precision, Reals, Sampling, simulate
from ipvalue.summary import Evidence, Figures, estimated, evidence_of, figures_of
from ipvalue.totals import Totals

MOST_BYTES = 64 * 1024 * 1024
"""Path values that a worker holds at a time to reconcile; one row's at least."""


def row_bytes(methods: int, paths: int, precision: Precision) -> int:
    """Memory to reconcile one row: the paths of its methods, and in double their sum, one product, and what is rounded of it."""
    return paths * (methods * (8 if precision == "double" else 4) + 4 * 8)


def reconcile(
    compiled: Compiled,
    factors: Factors,
    sampling: Sampling,
    group: npt.NDArray[np.int32] | None,
    totals: Totals | None,
    *,
    keep_paths: bool = False,
    lots: bool = False,
) -> tuple[Figures, Floats]:
    """The rows' figures (a,) and the value of each component (c,); the rows' path values are added to `totals`, where given, of their
    `group` (a,). lots: by batch means, which have sums over lots in the place of path values (docs/numerics.md §20).

    Rows are taken so many at a time that their components' paths stay below MOST_BYTES.
    """
    widest = int(np.diff(compiled.start).max())
    step = max(1, MOST_BYTES // row_bytes(widest, sampling.paths, sampling.precision))
    figures, values = [], []
    for first in range(0, len(compiled.several), step):
        these = np.zeros(len(compiled.several), np.bool_)
        these[first : first + step] = True
        here = None if group is None else group[these]
        part, by_method = _reconciled(compiled.only(these), factors, sampling, here, totals, keep_paths, lots)
        figures.append(part)
        values.append(by_method)
    columns = {name: _joined([getattr(one, name) for one in figures]) for name in _NAMES}
    return Figures(**columns), np.concatenate(values)


_NAMES = tuple(field.name for field in fields(Figures))


def _joined(arrays: list[Any]) -> Any:
    return None if arrays[0] is None else np.concatenate(arrays)


def put_together(several: Mask, ones: Figures, mixed: Figures) -> Figures:
    """The figures of a batch (a,) from those of its rows with one method and those with `several`."""

    def merged(name: str) -> Any:
        one, more = getattr(ones, name), getattr(mixed, name)
        if one is None:
            return None
        out = np.empty((len(several), *one.shape[1:]), one.dtype)
        out[~several], out[several] = one, more
        return out

    return Figures(**{name: merged(name) for name in _NAMES})


def method_values(several: Mask, start: Longs, values: Floats) -> pa.Array:
    """The components' values as a list for each row of a batch (a,), null for a row with one method. start: of the rows with several."""
    counts = np.zeros(len(several), np.int64)
    counts[several] = np.diff(start)
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(values), mask=pa.array(~several))


def _reconciled(
    compiled: Compiled,
    factors: Factors,
    sampling: Sampling,
    group: npt.NDArray[np.int32] | None,
    totals: Totals | None,
    keep_paths: bool,
    lots: bool,
) -> tuple[Figures, Floats]:
    if lots:
        simulated = simulate_lots([compiled.vectors], factors, sampling, None, None, keep_paths=True)
    else:
        simulated = simulate(compiled.vectors, factors, sampling, None, None, keep_paths=True)
    parts = figures_of(compiled.vectors, simulated, sampling)
    assert simulated.values is not None
    summed = weighted(simulated.values, compiled)
    rounded = summed if lots else _in_precision(summed, sampling)
    values = rounded.astype(np.float64)
    status = _status(values, parts.status, compiled.start)
    statistics = _described(values, status, sampling, lots)
    good = status == 0
    if totals is not None and group is not None:
        kernels(sampling.backend).add_exact(totals.sums, group[good], values[good])
    deviation = statistics[:, STATISTICS.index("standard_deviation")]
    closed, heavy = weighted(parts.closed_form, compiled), np.logical_or.reduceat(parts.heavy, compiled.start[:-1])
    # a deviation of a sum is at most the sum of the deviations, and nearly so where all follow one path
    at_most = weighted(parts.standard_error, compiled)
    mean = statistics[:, STATISTICS.index("mean")]
    error = np.where(heavy & ~np.isnan(closed), at_most, deviation / np.sqrt(np.float64(sampling.paths)))
    if simulated.sums is not None:
        of_parts = vars(evidence_of(compiled.vectors, simulated, parts.closed_form, sampling))
        mean, error = estimated(Evidence(**{name: weighted(numbers, compiled) for name, numbers in of_parts.items()}))
    figures = Figures(
        statistics=statistics,
        status=status,
        values=rounded if keep_paths else None,
        closed_form=closed,
        mean=mean,
        standard_error=error,
        heavy=heavy,
        expected_life=_life(parts.expected_life, compiled),
        tab=weighted(parts.tab, compiled),
        value=weighted(parts.value, compiled),
        paths=parts.paths[compiled.start[:-1]],
    )
    return figures, parts.value


def _described(values: Floats, status: npt.NDArray[np.int8], sampling: Sampling, lots: bool) -> Floats:
    """(a, 5 + q) the statistics of values (a, p), or of sums over lots, without expected_life; 0 where there is a status (a,)."""
    if lots:
        return describe_lots(values, np.arange(len(values)), sampling, status)[0]
    statistics, kernel = np.zeros((len(values), len(STATISTICS) + len(sampling.quantiles))), kernels(sampling.backend)
    for a in np.flatnonzero(status == 0):
        statistics[a] = kernel.statistics(values[a], sampling.quantiles, sampling.tail)
    return statistics


def _in_precision(values: Floats, sampling: Sampling) -> Reals:
    return values.astype(np.float32) if sampling.precision == "single" else values


def weighted(numbers: Reals, compiled: Compiled, weight: Floats | None = None) -> Floats:
    """(a, …) Σ weight·number over each row's components (c, …), in the order of its methods."""
    weight = compiled.weight if weight is None else weight
    start, counts = compiled.start[:-1], np.diff(compiled.start)
    total = np.zeros((len(counts), *numbers.shape[1:]))
    for k in range(int(counts.max())):
        rows = np.flatnonzero(counts > k)
        at = start[rows] + k
        total[rows] += weight[at].reshape(-1, *[1] * (numbers.ndim - 1)) * numbers[at]
    return total


def _status(values: Floats, of_parts: npt.NDArray[np.int8], start: Longs) -> npt.NDArray[np.int8]:
    """(a,) why a row has no value: what ails a component, or the sum itself."""
    status: npt.NDArray[np.int8] = np.maximum.reduceat(of_parts, start[:-1])
    status[~np.isfinite(values).all(axis=1)] = NOT_FINITE
    status[(status == 0) & (np.abs(values) >= MONEY_LIMIT).any(axis=1)] = TOO_LARGE
    return status


def _life(lives: Floats, compiled: Compiled) -> Floats:
    """(a,) the expected life by the income methods, in the proportion of their weights; a price's one year where there is none."""
    weight = np.where(compiled.earns, compiled.weight, 0.0)
    total = weighted(np.ones(len(lives)), compiled, weight)
    life = weighted(lives, compiled, weight) / np.where(total > 0.0, total, 1.0)
    return np.where(total > 0.0, life, 1.0)
