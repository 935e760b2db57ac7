"""The tables of all scenarios together: scenarios.parquet, and the sums that its figures are made from in totals.arrow.

p = sums of a group: one a path, or of batch means one a lot
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from ipvalue.backend import kernels
from ipvalue.constants import REPLICATES
from ipvalue.job import Job
from ipvalue.lots import describe_lots, lot_count
from ipvalue.replicates import standard_error
from ipvalue.scenarios import BASE
from ipvalue.schema import quantile_name
from ipvalue.simulate import Made, Sampling
from ipvalue.totals import Key, Totals, Words, minus

SCENARIO = "scenario"
"""The column of the results that names it; it groups the sums, too."""
DIFFERENCE, ERROR = "difference", "difference_error"


def sums_of_each(made: Made, sampling: Sampling) -> int:
    """p"""
    return lot_count(sampling) if made == "lots" else sampling.paths


def scenarios_schema(job: Job, made: Made) -> pa.Schema:
    """The columns of scenarios.parquet."""
    spread = [] if made == "lots" else ["standard_deviation", *map(quantile_name, job.sampling.quantiles), "expected_shortfall"]
    numbers = ["value", "mean", "standard_error", *spread, DIFFERENCE, ERROR]
    texts = [(name, pa.string()) for name in (SCENARIO, *job.group_by)]
    return pa.schema([*texts, ("assets", pa.int64()), *((name, pa.float64()) for name in numbers)])


def scenario_records(names: Sequence[str], job: Job, made: Made, of_scenario: Mapping[str | None, Totals]) -> Iterator[dict[str, object]]:
    """A row for each scenario, by its name, and group, the whole before its groups."""
    base = {key: sums for key, _, sums, _ in of_scenario[BASE].ordered()}
    means: dict[Key, float] = {}
    for name in names:
        for key, count, sums, extras in of_scenario[name].ordered():
            figures = figures_of_sums(sums, base[key], means.get(key), job, made)
            means.setdefault(key, figures["mean"])
            named = dict(zip(job.group_by, key or (None,) * len(job.group_by), strict=True))
            yield {SCENARIO: name, **named, "assets": count, "value": extras[0], **figures}


def figures_of_sums(sums: Words, base: Words, base_mean: float | None, job: Job, made: Made) -> dict[str, float]:
    """What scenarios.parquet says of a group's sums (p, 2), and of their difference to those under the base, whose mean is `base_mean` (None: they
    are these)."""
    sampling, kernel = job.sampling, kernels(job.backend)
    if made == "lots":
        (mean, error), (_, apart) = (_of_lots(one, sampling) for one in (sums, minus(sums, base)))
        return {"mean": mean, "standard_error": error, DIFFERENCE: mean - (mean if base_mean is None else base_mean), ERROR: apart}
    found = [float(one) for one in kernel.statistics(kernel.exact_as_float(sums), sampling.quantiles, sampling.tail)]
    return {
        "mean": found[0],
        "standard_error": error_of_mean(sums, sampling),
        "standard_deviation": found[1],
        **{quantile_name(q): number for q, number in zip(sampling.quantiles, found[5:], strict=True)},
        "expected_shortfall": found[2],
        DIFFERENCE: found[0] - (found[0] if base_mean is None else base_mean),
        ERROR: error_of_mean(minus(sums, base), sampling),
    }


def _of_lots(sums: Words, sampling: Sampling) -> tuple[float, float]:
    """The mean of exact sums over lots (L, 2), and its standard error."""
    values = kernels(sampling.backend).exact_as_float(sums)
    statistics, _ = describe_lots(values.reshape(1, -1), np.zeros(1, np.int64), sampling, np.zeros(1, np.int8))
    return float(statistics[0, 0]), float(statistics[0, 1] / np.sqrt(np.float64(sampling.paths)))


def error_of_mean(sums: Words, sampling: Sampling) -> float:
    """The standard error of the mean of exact sums on each path (p, 2)."""
    kernel = kernels(sampling.backend)
    on_paths = kernel.exact_as_float(sums)
    if sampling.sampler == "sobol":
        return float(standard_error(on_paths.reshape(1, -1, REPLICATES).sum(axis=1) / np.float64(sampling.paths // REPLICATES))[0])
    return float(kernel.statistics(on_paths, (), sampling.tail)[1] / np.sqrt(np.float64(sampling.paths)))


def sums_schema(job: Job, made: Made) -> pa.Schema:
    """The columns of totals.arrow."""
    texts = [(name, pa.string()) for name in (SCENARIO, *job.group_by)]
    return pa.schema([*texts, ("lot" if made == "lots" else "path", pa.int64()), ("value", pa.decimal128(38, 6))])


def sums_batches(names: Sequence[str], job: Job, made: Made, of_scenario: Mapping[str | None, Totals]) -> Iterator[pa.RecordBatch]:
    """One batch for each scenario, by its name, and group."""
    schema, number = sums_schema(job, made), sums_of_each(made, job.sampling)
    place = pa.array(np.arange(number))
    for name in names:
        for key, _, sums, _ in of_scenario[name].ordered():
            value = pa.Array.from_buffers(pa.decimal128(38, 6), number, [None, pa.py_buffer(np.ascontiguousarray(sums))])
            texts = [pa.array([text] * number, pa.string()) for text in (name, *(key or (None,) * len(job.group_by)))]
            yield pa.RecordBatch.from_arrays([*texts, place, value], schema=schema)
