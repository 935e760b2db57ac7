"""The versions of rows on their paths: what results say of each, and of its difference to the base.

a = rows, v = versions, the base first; p = paths
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.appraise import Appraiser
from ipvalue.backend import kernels
from ipvalue.cashflows import Vectors, interleave, take
from ipvalue.constants import REPLICATES
from ipvalue.lots import difference_error, simulate_lots
from ipvalue.reconcile import method_values, put_together, reconcile
from ipvalue.replicates import standard_error
from ipvalue.rows import Floats, Longs, Mask
from ipvalue.scenarios.study import Study, Version
from ipvalue.simulate import Factors, Reals, Sampling, Simulated, simulate
from ipvalue.stopping import add_boundaries
from ipvalue.summary import Figures, estimated_by_replicate, evidence_of, figures_of
from ipvalue.totals import Totals
from ipvalue.uncertain import same_inputs

Groups = npt.NDArray[np.int32]

ASSETS_AT_ONCE = 32_768
"""Versions of rights whose vectors are laid next to one another at a time, so that they stay in the cache."""

_PATHS = ("hash", "volatility", "loading", "uncertainty", "factor", "step", "royalty_low", "royalty_high")
"""What the random levels of a right follow from, beside the factors (docs/numerics.md §16)."""


@dataclass(frozen=True)
class Valued:
    """Figures (a,) of rows under a version, the values by method of rows with several (lists, else null), and (a,) the standard error of the mean's
    difference to the base's. Or all that of several versions, one after the other."""

    figures: Figures
    of_methods: pa.Array
    error: Floats

    def only(self, rows: Mask) -> Valued:
        """Those of some rows (a,)."""
        return Valued(_at(self.figures, np.flatnonzero(rows)), self.of_methods.filter(pa.array(rows)), self.error[rows])

    def each(self, versions: int) -> list[Valued]:
        """(v,) apart what is of so many versions."""
        a = len(self.error) // versions
        places = [slice(k * a, k * a + a) for k in range(versions)]
        return [Valued(_at(self.figures, at), self.of_methods.slice(at.start, a), self.error[at]) for at in places]


def value_versions(versions: Sequence[Version], study: Study, groups: npt.NDArray[np.int32], totals: Totals) -> Valued:
    """(v·a,) the versions valued, one after the other; `totals` takes their path values into their `groups` (v, a)."""
    several = versions[0].compiled.several
    if not several.any():
        return _of_one_method(versions, study, groups, totals)
    if several.all():
        return _of_several(versions, study, groups, totals)
    ones = _of_one_method([one.only(~several) for one in versions], study, groups[:, ~several], totals)
    mixed = _of_several([one.only(several) for one in versions], study, groups[:, several], totals)
    return _merged(np.tile(several, len(versions)), ones, mixed)


def _merged(several: Mask, one: Valued, more: Valued) -> Valued:
    error = np.empty(len(several))
    error[~several], error[several] = one.error, more.error
    order = np.empty(len(several), np.int64)
    order[~several], order[several] = np.arange(len(one.error)), len(one.error) + np.arange(len(more.error))
    of_methods = pa.concat_arrays([one.of_methods, more.of_methods]).take(pa.array(order))
    return Valued(put_together(several, one.figures, more.figures), of_methods, error)


# ------------------------------------------------------------------------------------------------ rows with one method


def _of_one_method(versions: Sequence[Version], study: Study, groups: Groups, totals: Totals) -> Valued:
    vectors = [one.compiled.vectors for one in versions]
    beside = [
        number
        for number, (one, appraiser) in enumerate(zip(vectors, study.appraisers, strict=True))
        if _same_factors(appraiser.factors, study.base.factors) and _same_paths(one, vectors[0])
    ]
    together = (_beside_by_lots if study.made == "lots" else _beside)([vectors[k] for k in beside], study, groups[beside], totals)
    apart = sorted(set(range(len(versions))) - set(beside))
    if not apart:
        return together
    found = dict(zip(beside, together.each(len(beside)), strict=True)) | _apart(vectors, apart, study, groups, totals)
    return _joined([found[number] for number in range(len(versions))])


def _same_factors(one: Factors, two: Factors) -> bool:
    same = one.steps_per_year == two.steps_per_year and np.array_equal(one.hashes, two.hashes)
    return one is two or (same and one.matrix.tobytes() == two.matrix.tobytes())


def _same_paths(one: Vectors, two: Vectors) -> bool:
    """Whether all rows have the levels of the others."""
    pairs = [(getattr(one, name), getattr(two, name)) for name in _PATHS]
    return all(mine is theirs or mine.tobytes() == theirs.tobytes() for mine, theirs in pairs) and same_inputs(one.inputs, two.inputs)


def _beside(vectors: list[Vectors], study: Study, groups: Groups, totals: Totals) -> Valued:
    """Versions on the base's own paths, the base first: each right's next to one another, so that the kernel makes its paths once."""
    v, a = groups.shape
    step = max(1, ASSETS_AT_ONCE // v)
    return _by_version([_some_beside(vectors, study, groups, totals, start, min(start + step, a)) for start in range(0, a, step)], v)


def _some_beside(vectors: list[Vectors], study: Study, groups: Groups, totals: Totals, start: int, stop: int) -> tuple[Figures, Floats]:
    """Figures and errors of the rows from `start` to `stop`, those of a row's versions next to one another."""
    v, n, sampling = len(vectors), stop - start, study.base.sampling
    together = interleave(vectors, start, stop)
    add_boundaries(together, sampling.backend)
    simulated = _simulated(together, study.base, study, np.ascontiguousarray(groups[:, start:stop].T).reshape(-1), totals, paired=True)
    figures = figures_of(together, simulated, sampling)
    return figures, _errors(together, simulated, figures, sampling, np.arange(v * n) // v * v)


def _by_version(parts: list[tuple[Figures, Floats]], v: int) -> Valued:
    """(v·a,) what stands by row and version in each of the parts, by version and row."""

    def turned(arrays: list[Any]) -> Any:
        if arrays[0] is None:
            return None
        shapes = [array.reshape(-1, v, *array.shape[1:]).swapaxes(0, 1) for array in arrays]
        return np.concatenate(shapes, axis=1).reshape(-1, *arrays[0].shape[1:])

    columns: dict[str, Any] = {field.name: turned([getattr(figures, field.name) for figures, _ in parts]) for field in fields(Figures)}
    return _valued(Figures(**columns), turned([error for _, error in parts]))


def _beside_by_lots(vectors: list[Vectors], study: Study, groups: Groups, totals: Totals) -> Valued:
    """The same by batch means."""
    sampling, a = study.base.sampling, groups.shape[1]
    simulated = simulate_lots(vectors, study.base.factors, sampling, groups, totals)
    assert simulated.paired is not None
    error = simulated.paired[:, 1] / np.sqrt(np.float64(sampling.paths))
    parts, of_first = [], np.zeros(0)
    for k, one in enumerate(vectors):
        here = slice(k * a, k * a + a)
        sums = None if simulated.sums is None else simulated.sums[:, here]
        own = Simulated(simulated.statistics[here], simulated.status[here], None, sums)
        figures = figures_of(one, own, sampling)
        if sums is not None:
            alone = _by_replicate(one, own, figures, sampling)
            of_first = alone if k == 0 else of_first
            error[here] = standard_error(alone - of_first)
        parts.append(_valued(figures, error[here]))
    return _joined(parts)


def _simulated(vectors: Vectors, appraiser: Appraiser, study: Study, group: Groups, totals: Totals | None, **more: Any) -> Simulated:
    if study.made == "lots":
        return simulate_lots([vectors], appraiser.factors, appraiser.sampling, group, totals, **more)
    return simulate(vectors, appraiser.factors, appraiser.sampling, group, totals, made=study.made, **more)


def _errors(vectors: Vectors, simulated: Simulated, figures: Figures, sampling: Sampling, first: Longs) -> Floats:
    """(n,) the standard error of each mean's difference to that of the version `first` (n,)."""
    if simulated.sums is None:
        assert simulated.paired is not None
        error: Floats = simulated.paired[:, 1] / np.sqrt(np.float64(sampling.paths))
        return error
    alone = _by_replicate(vectors, simulated, figures, sampling)
    return standard_error(alone - alone[first])


def _by_replicate(vectors: Vectors, simulated: Simulated, figures: Figures, sampling: Sampling) -> Floats:
    """(n, 16) what each replicate alone contributes to the means of versions, which does not depend on what stands beside them."""
    return estimated_by_replicate(evidence_of(vectors, simulated, figures.closed_form, sampling))


def _apart(vectors: Sequence[Vectors], numbers: list[int], study: Study, groups: Groups, totals: Totals) -> dict[int, Valued]:
    """Versions on paths of their own, some rows at a time: their values, or under sobol their replicates, are laid beside the base's."""
    a, sampling, keep = len(vectors[0].hash), study.base.sampling, study.base.sampling.sampler != "sobol"
    for number in (0, *numbers):
        add_boundaries(vectors[number], sampling.backend)
    found: dict[int, list[Valued]] = {number: [] for number in numbers}
    for some in _shares(a, study):
        first = take(vectors[0], some)
        of_base = _simulated(first, study.base, study, groups[0][some], None, keep_paths=keep)
        replicates = None if keep else _by_replicate(first, of_base, figures_of(first, of_base, sampling), sampling)
        for number in numbers:
            own, appraiser = take(vectors[number], some), study.appraisers[number]
            simulated = _simulated(own, appraiser, study, groups[number][some], totals, keep_paths=keep)
            figures = figures_of(own, simulated, sampling)
            good = (simulated.status == 0) & (of_base.status == 0)
            if replicates is None:
                error = _laid_beside(simulated.values, of_base.values, good, study)
            else:
                error = np.where(good, standard_error(_by_replicate(own, simulated, figures, sampling) - replicates), np.nan)
            found[number].append(_valued(replace(figures, values=None), error))
    return {number: _joined(parts) for number, parts in found.items()}


def _shares(rows: int, study: Study) -> Iterator[Longs]:
    """The places of rows, so many at a time as have their path values kept."""
    sampling = study.base.sampling
    step = max(1, study.kept_bytes // (sampling.paths * (8 if sampling.precision == "double" else 4)))
    return (np.arange(start, min(start + step, rows)) for start in range(0, rows, step))


def _laid_beside(values: Reals | None, first: Reals | None, good: Mask, study: Study) -> Floats:
    """(a,) the standard error of the mean difference of path values (a, p), or sums over lots, not a number but where `good`."""
    assert values is not None
    assert first is not None
    sampling = study.base.sampling
    if study.made == "lots":
        return difference_error(first, values, good, sampling)
    error = np.full(len(good), np.nan)
    kernel = kernels(sampling.backend)
    for place in np.flatnonzero(good):
        one, two = values[place].astype(np.float64), first[place].astype(np.float64)
        if sampling.sampler == "sobol":
            by_replicate = (one - two).reshape(1, -1, REPLICATES).sum(axis=1) / np.float64(sampling.paths // REPLICATES)
            error[place] = standard_error(by_replicate)[0]
        else:
            error[place] = kernel.difference(one, two)[1] / np.sqrt(np.float64(sampling.paths))
    return error


def _valued(figures: Figures, error: Floats) -> Valued:
    return Valued(figures, pa.nulls(len(error), pa.list_(pa.float64())), error)


def _at(figures: Figures, places: Longs | slice) -> Figures:
    """The figures of some rows (by their places)."""
    columns: dict[str, Any] = {field.name: getattr(figures, field.name) for field in fields(Figures)}
    found: dict[str, Any] = {name: None if column is None else column[places] for name, column in columns.items()}
    return Figures(**found)


def _joined(parts: Sequence[Valued]) -> Valued:
    names = [field.name for field in fields(Figures)]
    columns = {name: [getattr(one.figures, name) for one in parts] for name in names}
    together: dict[str, Any] = {name: None if arrays[0] is None else np.concatenate(arrays) for name, arrays in columns.items()}
    figures = Figures(**together)
    return Valued(figures, pa.concat_arrays([one.of_methods for one in parts]), np.concatenate([one.error for one in parts]))


# ------------------------------------------------------------------------------------------------ rows with several methods


def _of_several(versions: Sequence[Version], study: Study, groups: Groups, totals: Totals) -> Valued:
    """Rows whose value is reconciled from that of several methods, on the paths of all of them, some rows at a time."""
    parts = []
    for some in _shares(groups.shape[1], study):
        wanted = np.isin(np.arange(groups.shape[1]), some)
        parts.append(_reconciled([one.only(wanted) for one in versions], study, groups[:, some], totals))
    return _joined([one for of_version in zip(*parts, strict=True) for one in of_version])


def _reconciled(versions: Sequence[Version], study: Study, groups: Groups, totals: Totals) -> list[Valued]:
    found, first = [], None
    sampling = replace(study.base.sampling, quantiles=study.quantiles)
    for version, appraiser, group in zip(versions, study.appraisers, groups, strict=True):
        compiled = version.compiled
        add_boundaries(compiled.vectors, sampling.backend)
        figures, by_method = reconcile(compiled, appraiser.factors, sampling, group, totals, keep_paths=True, lots=study.made == "lots")
        first = figures if first is None else first
        error = _laid_beside(figures.values, first.values, (figures.status == 0) & (first.status == 0), study)
        values = method_values(np.ones(len(group), np.bool_), compiled.start, by_method)
        found.append(Valued(replace(figures, values=None), values, error))
    return found
