"""`ipvalue.sensitivities`: how far each driver moves a portfolio's value; the command `ipvalue sensitivities` is the same call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.backend import kernel
from ipvalue.execute import Outcome, Progress, value_portfolio
from ipvalue.inputs import Inputs, opened, reopened
from ipvalue.scenario_work import kept_bytes, with_versions
from ipvalue.scenarios import Study
from ipvalue.schema import InputError
from ipvalue.sensitivities.drivers import Driver, Pair, chosen, pairs_of, recorded
from ipvalue.sensitivities.ends import appraisers_of
from ipvalue.sensitivities.work import FINE, Bench, sensitivity_work
from ipvalue.shown import plots_of
from ipvalue.store import Store
from ipvalue.valuation import Result, job_without_quantiles

OPTIONS = ("paths", "seed", "sampler", "precision", "group_by", "premise", "workers", "scheduler", "memory", "backend", "rows_per_task")
"""The options of `value` that sensitivities follow from, or are made by."""


class SensitivityResult(Result):
    """A results directory of sensitivities."""

    command = "sensitivities"
    tables = ("assets", "sensitivities", "tornado", "rejects")

    @cached_property
    def sensitivities(self) -> pa.Table:
        """A row for each group, the whole first, and driver: derivative and elasticity of the mean, each with its standard error."""
        return self._store.read_parquet("sensitivities.parquet")

    @cached_property
    def tornado(self) -> pa.Table:
        """A row for each group, the whole first, and driver, the widest first: the value with the driver at its low and at its high end."""
        return self._store.read_parquet("tornado.parquet")

    @property
    def plot(self) -> Any:
        """Charts of it: `.tornado()` of the whole, or of a group by its texts."""
        return plots_of(self)

    def bars(self, *group: str) -> pa.Table:
        """The tornado of one group, by its texts in the order of the group columns, or of the whole: what `plot.tornado` of a result takes."""
        columns = self.manifest["options"]["group_by"]
        if group and len(group) != len(columns):
            raise InputError(f"the group {', '.join(group)} has {len(group)} texts: give one for each of {', '.join(columns) or 'no group columns'}")
        found = self.tornado
        for name, text in zip(columns, group or (None,) * len(columns), strict=True):
            found = found.filter(pc.is_null(found[name]) if text is None else pc.equal(found[name], text))
        return found.drop_columns(columns)

    def __repr__(self) -> str:
        counts, drivers = self.manifest["counts"], self.manifest["inputs"]["sensitivities"]
        return f"<ipvalue sensitivities: {counts['valued']:,} of {counts['rows']:,} rights, {len(drivers):,} drivers, {self.location}>"


def sensitivities(
    portfolio: object,
    *,
    drivers: Sequence[str] | None = None,
    swings: Mapping[str, float] | None = None,
    market: object = None,
    assumptions: str | Path = "default",
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    rule: object = None,
    **options: Any,
) -> SensitivityResult:
    """How far each driver moves the value of rights and groups: derivatives and elasticities of the mean with standard errors, and a tornado.

    drivers: by name, by default all of docs/sensitivities.md. swings: how far the tornado moves a driver. options: those of OPTIONS; the rest is as
    for `value`. Where the mean has a closed form so have they, without error. Raises InputError and RunError.
    """
    into = partial(sensitivities_into, portfolio, drivers, swings, market, assumptions, options=options, rule=rule, progress=progress)
    return SensitivityResult.written(into, out, overwrite, resume)


def open_sensitivities(location: str | Path) -> SensitivityResult:
    """A finished results directory of sensitivities. Raises InputError where it is none."""
    return SensitivityResult.open(location)


def sensitivities_into(
    portfolio: object,
    drivers: Sequence[str] | None,
    swings: Mapping[str, float] | None,
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
    """Writes sensitivities into a results directory and says what came of it."""
    asked = chosen(drivers, swings)
    store = Store(out)
    store.check_free(overwrite=overwrite, resume=resume)
    job, found_rule = job_without_quantiles(options, OPTIONS, "sensitivities", rule)
    with store.locked(), kernel.DefaultArithmetic(), opened(portfolio, market, assumptions, job, out, found_rule) as inputs:
        inputs, bench = _planned(inputs, asked)

        def whole(inputs: Inputs) -> Any:
            return sensitivity_work(inputs, replace(bench, run=inputs.run))

        command = SensitivityResult.command
        return value_portfolio(inputs, overwrite=overwrite, resume=resume, keep=keep, progress=progress, command=command, whole=whole)


@contextmanager
def reopened_sensitivities(manifest: Mapping[str, Any], out: str = ".", **options: Any) -> Iterator[tuple[Inputs, Bench]]:
    """What a finished result was made of, opened again from its manifest alone, as `inputs.reopened` does. Raises InputError."""
    with reopened(manifest, out, **options) as inputs:
        yield _planned(inputs, [recorded(terms) for terms in manifest["inputs"]["sensitivities"]])


def _planned(inputs: Inputs, drivers: Sequence[Driver]) -> tuple[Inputs, Bench]:
    """The inputs for all versions, and what moves the drivers. Raises InputError where the sums of all versions do not fit the memory."""
    pairs = pairs_of(drivers, 1.0 / inputs.market.steps_per_year)
    inputs = with_versions(inputs, 1 + 2 * len(pairs))
    base, premise = inputs.run.appraiser, inputs.run.job.premise
    fine = tuple(replace(pair, amount=pair.amount * (1.0 if pair.driver.in_periods else FINE)) for pair in pairs)

    def made(each: Sequence[Pair]) -> list[Any]:
        return [appraisers_of(pair, base, inputs.market, premise) for pair in each]

    study = Study((), (base, *chain.from_iterable(made(pairs))), made="moments", kept_bytes=kept_bytes(inputs, 1 + 2 * len(pairs)))
    bench = Bench(inputs.run, pairs, fine, study, tuple(made(fine)))
    return replace(inputs, besides={"sensitivities": [one.terms for one in drivers]}), bench
