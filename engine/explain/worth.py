"""Rights in one stage of the world: compiled, and simulated where a step touches them.

a = rows, c = components (row, method), n = paths under random words, 16 replicates under sobol
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.appraise import Appraiser, Rows
from ipvalue.backend import kernels
from ipvalue.compiled import Compiled, compile_rows
from ipvalue.constants import REPLICATES
from ipvalue.reconcile import weighted
from ipvalue.replicates import standard_error
from ipvalue.rows import Floats, Longs, Mask
from ipvalue.schema import PORTFOLIO, Rejects
from ipvalue.simulate import Sampling, simulate
from ipvalue.stopping import add_boundaries
from ipvalue.summary import estimated_by_replicate, evidence_of, figures_of, with_method_shown
from ipvalue.tolerance import refined

BYTES = 96 * 1024 * 1024
"""What a worker holds of the paths of the rights that it simulates at a time; of one right's at least."""


Grouping = Callable[[pa.RecordBatch], npt.NDArray[np.int32]]
"""Numbers the groups of rows (a,), by their columns as the results write them."""


@dataclass(frozen=True)
class State:
    """Rows in one stage: of all rows (a,) the `place` among those that are `compiled`, −1 where they cannot be valued there or were not asked for,
    and the `group`, −1 where they were not asked for."""

    appraiser: Appraiser
    rows: Rows
    compiled: Compiled
    place: Longs
    group: npt.NDArray[np.int32]

    def some(self, which: Longs) -> Compiled:
        """Those of `which` (ascending), each of which can be valued."""
        mask = np.zeros(len(self.compiled.several), np.bool_)
        mask[self.place[which]] = True
        return self.compiled.only(mask)


def state_of(batch: pa.RecordBatch, which: Longs, appraiser: Appraiser, grouping: Grouping) -> State:
    """The rows `which` (ascending) of a batch (columns of the registry and of the appraiser's rule) as that appraiser fills and compiles them."""
    names = [*PORTFOLIO, *(column.name for column in appraiser.extra)]
    rows = appraiser.rows(batch.select(names).take(pa.array(which)), which, "", Rejects())
    place, group = np.full(batch.num_rows, -1, np.int64), np.full(batch.num_rows, -1, np.int32)
    group[which] = grouping(with_method_shown(rows.batch))
    compiled = compile_rows(rows, appraiser.tables)
    place[rows.row] = np.arange(len(rows))
    return State(appraiser, rows, compiled, place, group)


@dataclass(frozen=True)
class Worth:
    """What rights are worth: `value` (a,) as a result has it, where `good` (a,); the `series` (a, n) whose mean it is but for rounding; of how
    many `paths` (a,)."""

    good: Mask
    value: Floats
    series: Floats
    paths: Longs

    def only(self, these: Mask) -> Worth:
        return Worth(self.good[these], self.value[these], self.series[these], self.paths[these])


def worth(state: State, which: Longs) -> Worth:
    """The rights `which` (ascending), each of which can be valued, simulated. Raises InputError where a rule fails on one."""
    compiled, sampling = state.some(which), state.appraiser.sampling
    add_boundaries(compiled.vectors, sampling.backend)
    with state.appraiser.naming(state.rows):
        good, value, series = _simulated(compiled, state.appraiser)
        paths = np.full(len(good), sampling.paths, np.int64)
        if sampling.tolerance is not None:
            figures, _ = refined(state.appraiser.valued(compiled, sampling), compiled, sampling, state.appraiser.valued)
            value, paths = figures.value, figures.paths
            series *= np.sqrt(sampling.paths / paths)[:, None]
    return Worth(good, value, series, paths)


def _simulated(compiled: Compiled, appraiser: Appraiser) -> tuple[Mask, Floats, Floats]:
    """(a,) whether there is a value, (a,) the value, and (a, n) its series: each component's with its own factor of benefit and premise."""
    vectors, sampling = compiled.vectors, appraiser.sampling
    simulated = simulate(vectors, appraiser.factors, sampling, None, None, keep_paths=sampling.sampler == "random")
    parts = figures_of(vectors, simulated, sampling)
    good = np.maximum.reduceat(parts.status, compiled.start[:-1]) == 0
    factor = np.where(parts.mean > 0.0, vectors.tab_factor, 1.0) * vectors.premise_factor
    values = simulated.values
    if values is None:
        values = estimated_by_replicate(evidence_of(vectors, simulated, parts.closed_form, sampling))
    return good, weighted(parts.value, compiled), weighted(values, compiled, compiled.weight * factor)


def rows_at_once(compiled: Compiled, sampling: Sampling) -> int:
    """How many rights are simulated at a time, so that they take at most BYTES."""
    widest = int(np.diff(compiled.start).max(initial=1))
    return max(1, BYTES // (width(sampling) * (8 * widest + 4 * 8)))


def width(sampling: Sampling) -> int:
    """Numbers in a series."""
    return REPLICATES if sampling.sampler == "sobol" else sampling.paths


def errors(series: Floats, sampling: Sampling) -> Floats:
    """(a,) standard errors of the means of series (a, n); NaN of a single path (docs/explain.md)."""
    if sampling.sampler == "sobol":
        # as they lie to the first, so that equal ones have no error; each right's control was fitted on them, which takes a degree of freedom
        wider: Floats = standard_error(series - series[:, :1]) * np.sqrt(np.float64(REPLICATES - 1) / np.float64(REPLICATES - 2))
        return wider
    if sampling.paths == 1:
        return np.full(len(series), np.nan)
    statistics = kernels(sampling.backend).statistics
    deviation = np.array([statistics(one, (), 1.0)[1] for one in series], np.float64)
    error: Floats = deviation / np.sqrt(np.float64(sampling.paths))
    return error
