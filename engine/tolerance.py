"""With a tolerance: more paths for the assets whose standard error is still above it (docs/numerics.md §14).

a = assets
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.compiled import Compiled
from ipvalue.constants import MONEY_LIMIT
from ipvalue.doubts import Doubts
from ipvalue.rows import Floats, Mask, Rows
from ipvalue.simulate import Sampling, Tolerance
from ipvalue.summary import Figures

Valued = tuple[Figures, pa.Array]
"""The figures of assets (a,), and the values by method of those with several (lists, else null)."""


def refined(first: Valued, compiled: Compiled, sampling: Sampling, value: Callable[[Compiled, Sampling], Valued]) -> Valued:
    """What `first` says of assets (a,) on `sampling.paths` paths, and on twice, four times … as many of those whose error is above the tolerance.

    An asset that so many paths give no value keeps what it had on half of them. Path values that are kept are those of the first paths.
    """
    tolerance = sampling.tolerance
    if tolerance is None:
        return first
    figures, of_methods = first
    wanting = (figures.status == 0) & above(figures.mean, figures.standard_error, tolerance)
    while wanting.any() and 2 * sampling.paths <= tolerance.max_paths:
        sampling = replace(sampling, paths=2 * sampling.paths)
        finer, by_method = value(compiled.only(wanting), sampling)
        good = finer.status == 0
        rows = np.flatnonzero(wanting)[good]
        figures, of_methods = _updated(figures, rows, finer, good), _exchanged(of_methods, rows, by_method, good)
        wanting[wanting] = good & above(finer.mean, finer.standard_error, tolerance)
    return figures, of_methods


def above(mean: Floats, error: Floats, tolerance: Tolerance) -> Mask:
    """(a,) where a standard error is above the tolerance; nowhere that it is not known."""
    with np.errstate(over="ignore"):  # nothing is above an infinite product
        wide: Mask = error > tolerance.of_mean * np.abs(mean)
    return wide


def _updated(figures: Figures, rows: npt.NDArray[np.intp], finer: Figures, good: Mask) -> Figures:
    """The figures with those of `rows` from the good ones of `finer`."""
    columns = {name: column.copy() for name, column in vars(figures).items() if name != "values"}
    for name, column in columns.items():
        column[rows] = getattr(finer, name)[good]
    return Figures(**columns, values=figures.values)


def _exchanged(lists: pa.Array, rows: npt.NDArray[np.intp], others: pa.Array, good: Mask) -> pa.Array:
    """The lists with those of `rows` from the good ones of `others`."""
    places = np.arange(len(lists))
    places[rows] = len(lists) + np.flatnonzero(good)
    return pa.concat_arrays([lists, others]).take(pa.array(places))


def unreached(rows: Rows, assets: pa.RecordBatch, tolerance: Tolerance) -> Doubts:
    """The rows whose results (`assets`, in their order) have an error above the tolerance or an unknown one, by what stood in the way."""
    error = assets["standard_error"].to_numpy(zero_copy_only=False)
    paths = assets["paths"].to_numpy()
    wide, capped = above(assets["mean"].to_numpy(), error, tolerance), paths == tolerance.max_paths
    found, part = Doubts(), f"standard_error is above the tolerance of {tolerance.of_mean:g} of the mean"
    found.add(f"{part} with {tolerance.max_paths:,} paths, the most allowed: allow more with --max-paths", rows, wide & capped)
    beyond = f"twice as many have values that are not numbers or reach {MONEY_LIMIT:.3g}, more than a sum can hold"
    found.add(f"{part} with the paths they have, and {beyond}: volatility, growth or revenue is too large", rows, wide & ~capped)
    found.add("standard_error is not known, so the tolerance gave no more paths; closed_form is exact", rows, np.isnan(error))
    return found
