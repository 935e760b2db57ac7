"""One right of a result drawn again, to be looked at from nearer by: what it brings by year, for how long it is held, and how its average settles.

y = years, q = quantiles, n = numbers of paths looked at
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.absent import not_there
from ipvalue.appraise import Appraiser
from ipvalue.backend import kernels
from ipvalue.cashflows import Vectors, take
from ipvalue.compiled import Compiled, compile_rows
from ipvalue.constants import REPLICATES, STATISTICS
from ipvalue.inputs import Inputs, reopened
from ipvalue.replicates import standard_error
from ipvalue.rows import Floats, Longs
from ipvalue.schema import RunError
from ipvalue.simulate import Sampling
from ipvalue.stopping import add_boundaries
from ipvalue.summary import Figures
from ipvalue.valuation import Result
from ipvalue.verify import Derived, derive, differences, done_here

LEAST_PATHS = 16
PARTS_MORE = 20
"""The average is looked at again after a twentieth more paths."""


@dataclass(frozen=True)
class ByYear:
    """What a right brings in each year (y,) from the valuation date, or has brought by its end, in present-value money: mean (y,), and quantiles
    (y, q) of `levels`. The last of an `endless` right stands for all that come after it."""

    years: npt.NDArray[np.int64]
    mean: Floats
    quantiles: Floats
    levels: tuple[float, ...]
    endless: bool


@dataclass(frozen=True)
class Held:
    """For which part of each year (y,) from the valuation date a right is in force, on the average of its paths: `held` as it is, `by_law` (y,) with
    an owner who never gives it up."""

    years: npt.NDArray[np.int64]
    held: Floats
    by_law: Floats


@dataclass(frozen=True)
class Settling:
    """The plain average of the first paths (n,) of a right and its standard error (n,); closed_form where there is one, `row` its row of results."""

    paths: npt.NDArray[np.int64]
    mean: Floats
    standard_error: Floats
    row: dict[str, Any]

    @property
    def closed_form(self) -> float | None:
        """The exact expectation."""
        exact: float | None = self.row["closed_form"]
        return exact


def by_year(result: Result, asset: str, *, cumulative: bool) -> ByYear:
    """Draws a right again with all income and costs but those of each year (or of those up to it) left out, on the same paths; when it is given up
    stays what it was. Raises InputError where there is no such right or it cannot be drawn again, RunError where it comes out otherwise."""
    with _drawn_again(result, asset) as right:
        return _by_year(right, cumulative)


def course(result: Result, asset: str) -> tuple[ByYear, Held]:
    """What a right has brought by the end of each year, and for how long it is in force in each; it is drawn again once. Raises as `by_year` does."""
    with _drawn_again(result, asset) as right:
        return _by_year(right, cumulative=True), _held(right)


def _by_year(right: _Again, cumulative: bool) -> ByYear:
    years = right.years
    kept = right.year <= years[:, None] if cumulative else right.year == years[:, None]
    many = right.over(years)
    figures = right.valued(replace(many, vectors=_only(many.vectors, kept.ravel())))
    return ByYear(years, figures.mean, figures.statistics[:, len(STATISTICS) :], right.sampling.quantiles, right.endless)


def _held(right: _Again) -> Held:
    """A right that ends with a year is in force for as long as the right itself up to that year's end."""
    years = right.years
    kept = (right.year <= years[:, None]).ravel()
    many = right.over(years)
    lives = right.valued(replace(many, vectors=replace(many.vectors, survival=np.where(kept, many.vectors.survival, 0.0)))).expected_life
    weights = right.weights_of_life * right.lengths
    whole, lasting = (np.bincount(right.year, weights * part, len(years) + 1)[1:] for part in (1.0, right.compiled.vectors.survival))
    some = whole > 0.0
    held, by_law = (np.divide(part, whole, out=np.zeros(len(years)), where=some) for part in (np.diff(lives, prepend=0.0), lasting))
    return Held(years, held, by_law)


def drawn(result: Result, asset: str) -> tuple[dict[str, Any], Floats]:
    """A right's row of results and its values on its own paths (p,), drawn again. Raises as `by_year` does."""
    with _drawn_again(result, asset) as right:
        values = right.valued(right.compiled, keep_paths=True).values
        assert values is not None
        return right.row, values[0].astype(np.float64)


def settling(result: Result, asset: str) -> Settling:
    """The average of a right's first paths, as they grow in number. Raises as `by_year` does."""
    row, values = drawn(result, asset)
    by_sobol = result.manifest["options"].get("sampler") == "sobol"
    paths = _looks(len(values), REPLICATES if by_sobol else 1)
    mean = np.cumsum(values)[paths - 1] / paths
    if by_sobol:
        # sixteen neighbouring paths are one point of the sixteen replicates
        of_replicates = np.cumsum(values.reshape(-1, REPLICATES), axis=0)[paths // REPLICATES - 1] / (paths // REPLICATES)[:, None]
        return Settling(paths, mean, standard_error(of_replicates), row)
    away = values - mean[-1]
    off = mean - mean[-1]
    squares = np.maximum(np.cumsum(away * away)[paths - 1] - paths * off * off, 0.0)
    return Settling(paths, mean, np.sqrt(squares / np.maximum(paths - 1, 1) / paths), row)


def _looks(paths: int, of: int) -> npt.NDArray[np.int64]:
    """(n,) numbers of paths from few to all, each a multiple of `of`, as far apart as they are large."""
    found, number = [], max(LEAST_PATHS, 2 * of)
    while number < paths:
        found.append(number)
        number += max(number // PARTS_MORE // of * of, of)
    return np.array([*found, paths])


@dataclass(frozen=True)
class _Again:
    """A right drawn again: its row of results, its components with the year each of their periods lies in, and the sampling of that row."""

    row: dict[str, Any]
    made: Derived
    compiled: Compiled
    year: Longs
    appraiser: Appraiser
    sampling: Sampling

    @property
    def years(self) -> npt.NDArray[np.int64]:
        """(y,) those that it lies in."""
        return np.arange(1, int(self.year.max()) + 1)

    @property
    def lengths(self) -> Floats:
        """(offset[a],) the years that each period lasts."""
        vectors = self.compiled.vectors
        found: Floats = np.repeat(vectors.step, np.diff(vectors.offset))
        found[vectors.offset[1:] - 1] = vectors.last_delta
        return found

    @property
    def weights_of_life(self) -> Floats:
        """(offset[a],) of each period, the weight of its method in the right's expected life: that of methods by income, if there is one."""
        compiled = self.compiled
        weight = np.where(compiled.earns, compiled.weight, 0.0)
        weight = weight if weight.any() else np.ones(len(weight))
        found: Floats = np.repeat(weight / weight.sum(), np.diff(compiled.vectors.offset))
        return found

    def over(self, years: npt.NDArray[np.int64]) -> Compiled:
        """Its components as often as there are years, each time as a right."""
        compiled, size = self.compiled, len(self.compiled.weight)
        return replace(
            compiled,
            vectors=take(compiled.vectors, np.tile(np.arange(size), len(years))),
            start=np.arange(len(years) + 1) * size,
            several=np.tile(compiled.several, len(years)),
            weight=np.tile(compiled.weight, len(years)),
            earns=np.tile(compiled.earns, len(years)),
        )

    @property
    def endless(self) -> bool:
        """Whether its last year repeats for ever."""
        return bool(self.made.rows.flags("indefinite")[0])

    def valued(self, compiled: Compiled, *, keep_paths: bool = False) -> Figures:
        """Components on its paths."""
        with self.appraiser.naming(self.made.rows):
            return self.appraiser.valued(compiled, self.sampling, keep_paths=keep_paths)[0]


@contextmanager
def _drawn_again(result: Result, asset: str) -> Iterator[_Again]:
    """The right, made again from what the manifest names (and a table in memory, where the result has it), and equal to its row of results."""
    how = done_here(result.manifest)
    place, row = _found(result, asset)
    with reopened(result.manifest, table=result.given, **how) as inputs, kernels(how["backend"]).DefaultArithmetic():
        made = _derived(result, inputs, place, asset, row)
        appraiser = inputs.run.appraiser
        compiled = compile_rows(made.rows, appraiser.tables)
        add_boundaries(compiled.vectors, appraiser.sampling.backend)
        cells = row.to_pylist()[0]
        sampling = replace(appraiser.sampling, paths=cells["paths"], tolerance=None)
        yield _Again(cells, made, compiled, _years(compiled.vectors), appraiser, sampling)


def _found(result: Result, asset: str) -> tuple[int, pa.Table]:
    """The number of the part that holds a right, and the right's row. Raises InputError where there is none of that name."""
    before = 0
    for part in result.asset_parts():
        here = pc.index(part["asset_id"], asset).as_py()
        if here >= 0:
            ends = np.cumsum([file["rows"] for file in result.manifest["files"] if file["name"].startswith("assets/")])
            return int(np.searchsorted(ends, before + here, "right")), part.slice(here, 1)
        before += part.num_rows
    raise not_there(result.location, asset, (part["asset_id"] for part in result.asset_parts()), result.rejects)


def _derived(result: Result, inputs: Inputs, place: int, asset: str, row: pa.Table) -> Derived:
    made = derive(inputs.tasks[place], inputs.run, asset)
    told = differences(row, made.assets) if made else [f"{asset}: is not among the rows that its part was made of"]
    if made is None or told:
        raise RunError(f"{result.location}: {told[0]}: the result is not what its manifest says (ipvalue verify says more)")
    return made


def _years(vectors: Vectors) -> Longs:
    """(offset[a],) the year, from 1, that each period lies in."""
    lengths = np.diff(vectors.offset)
    periods = np.arange(vectors.offset[-1]) - np.repeat(vectors.offset[:-1], lengths)
    return periods // np.repeat(np.rint(1.0 / vectors.step).astype(np.int64), lengths) + 1


def _only(vectors: Vectors, kept: npt.NDArray[np.bool_]) -> Vectors:
    """Vectors that bring and cost nothing but in the periods that are `kept` (offset[a],)."""
    zeroed: dict[str, Any] = {name: np.where(kept, getattr(vectors, name), 0.0) for name in ("w", "f", "salvage")}
    low = None if vectors.low is None else np.where(kept, vectors.low, -np.inf)
    high = None if vectors.high is None else np.where(kept, vectors.high, np.inf)
    return replace(vectors, **zeroed, low=low, high=high)
