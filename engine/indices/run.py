"""`ipvalue.indices`: how much of a value's variance each uncertain input brings; the command `ipvalue sensitivities --indices` is the same call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.absent import not_there
from ipvalue.backend import kernel
from ipvalue.execute import Outcome, Progress, value_portfolio
from ipvalue.indices.pick import Wanted, picked, wanted
from ipvalue.indices.work import Picked, index_work
from ipvalue.inputs import Inputs, opened, reopened
from ipvalue.job import Job
from ipvalue.schema import InputError
from ipvalue.shown import IndexPlots, plots_of
from ipvalue.store import Store
from ipvalue.task import Run
from ipvalue.valuation import Result, job_without_quantiles

OPTIONS = ("paths", "seed", "sampler", "precision", "premise", "workers", "scheduler", "memory", "backend", "rows_per_task")
"""The options of `value` that indices follow from, or are made by."""


class IndexResult(Result):
    """A results directory of indices."""

    command = "sensitivities --indices"
    tables = ("indices", "rejects")

    @cached_property
    def indices(self) -> pa.Table:
        """A row for each right and input: first-order and total index, each with its standard error."""
        return self._store.read_parquet("indices.parquet")

    def of(self, asset: str) -> pa.Table:
        """The rows of one right. Raises InputError where it has none."""
        found = self.indices.filter(pc.equal(self.indices["asset_id"], asset))
        if not found.num_rows:
            raise not_there(self.location, asset, [self.indices["asset_id"]], self.rejects)
        return found

    @property
    def plot(self) -> IndexPlots:  # type: ignore[override]  # of these alone
        """A chart of it: `.indices(asset)`, one right's by input."""
        plots: IndexPlots = plots_of(self)
        return plots


def indices(
    portfolio: object,
    *,
    assets: str | Sequence[str] | None = None,
    sample: float | None = None,
    market: object = None,
    assumptions: str | Path = "default",
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    rule: object = None,
    **options: Any,
) -> IndexResult:
    """How much of the variance of a right's value each of its uncertain inputs brings: first-order and total Sobol' indices with standard errors.

    assets: asset_ids; sample: a share of all rights instead (0.001: one in a thousand), chosen by the seed and each right's own id. options: those of
    OPTIONS; the rest is as for `value`. Values are those of paths, before tax benefit and premise. Raises InputError and RunError.
    """
    into = partial(indices_into, portfolio, assets, sample, market, assumptions, options=options, rule=rule, progress=progress)
    return IndexResult.written(into, out, overwrite, resume)


def open_indices(location: str | Path) -> IndexResult:
    """A finished results directory of indices. Raises InputError where it is none."""
    return IndexResult.open(location)


def indices_into(
    portfolio: object,
    assets: str | Sequence[str] | None,
    sample: float | None,
    market: object,
    assumptions: str | Path,
    *,
    options: Mapping[str, Any],
    out: str,
    overwrite: bool,
    resume: bool,
    keep: bool = True,
    progress: Progress | None = None,
    rule: object = None,
) -> Outcome:
    """Writes indices into a results directory and says what came of it."""
    store = Store(out)
    store.check_free(overwrite=overwrite, resume=resume)
    job, found_rule = job_without_quantiles(options, OPTIONS, "indices", rule)
    _refuse_sampler(job)
    asked = wanted(assets, sample, job.seed)
    with store.locked(), kernel.DefaultArithmetic(), opened(portfolio, market, assumptions, job, out, found_rule) as inputs:
        inputs, tasks = _planned(inputs, asked)
        told = None if progress is None else _told(progress, sum(len(task.rows) for task in tasks))
        whole = partial(index_work, picked=tasks)
        return value_portfolio(inputs, overwrite=overwrite, resume=resume, keep=keep, progress=told, command=IndexResult.command, whole=whole)


def _refuse_sampler(job: Job) -> None:
    if job.sampler != "random":
        raise InputError(f"sampler is {job.sampler!r}: indices draw one input anew and leave the others, which needs words of their own: random")


@contextmanager
def reopened_indices(manifest: Mapping[str, Any], out: str = ".", **options: Any) -> Iterator[tuple[Inputs, Run]]:
    """What a finished result was made of, opened again from its manifest alone, as `inputs.reopened` does. Raises InputError."""
    terms = manifest["inputs"]["indices"]
    with reopened(manifest, out, **options) as inputs:
        inputs, _ = _planned(inputs, wanted(terms.get("assets"), terms.get("sample"), inputs.run.job.seed))
        yield inputs, inputs.run


def _planned(inputs: Inputs, asked: Wanted) -> tuple[Inputs, list[Picked]]:
    """The inputs with the tasks of the rights that are wanted."""
    tasks, job, base = picked(inputs, asked), inputs.run.job, inputs.run.appraiser
    base = replace(base, sampling=replace(base.sampling, threads=job.threads_of_task(len(tasks))))
    return replace(inputs, run=replace(inputs.run, appraiser=base), tasks=[*tasks], besides={"indices": asked.terms}), tasks


def _told(progress: Progress, rights: int) -> Progress:
    """Of the rights that are wanted, not of all."""
    return lambda done, _: progress(done, rights)
