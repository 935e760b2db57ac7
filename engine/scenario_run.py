"""`ipvalue.scenarios`: a portfolio under scenarios, all of them in one pass; the command `ipvalue scenarios` is the same call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue import spread
from ipvalue.appraise import make_appraiser
from ipvalue.backend import kernel
from ipvalue.compiled import compile_rows
from ipvalue.execute import Outcome, Progress, value_portfolio
from ipvalue.inputs import Inputs, opened, reopened
from ipvalue.intake import read
from ipvalue.job import Job
from ipvalue.lots import check_lots
from ipvalue.receipt import Receipt
from ipvalue.scenario_work import Scenes, kept_bytes, scenario_work, with_versions
from ipvalue.scenarios import Problem, Scenario, Study, check_names, check_rows, load_scenarios, markets, merged, terms
from ipvalue.schema import InputError, Source, did_you_mean
from ipvalue.simulate import Made
from ipvalue.store import Store
from ipvalue.task import Task, prepared
from ipvalue.valuation import Result, job_and_rule

STATISTICS: dict[str, Made] = {"all": "all", "mean": "moments", "batch-means": "lots"}
"""How assets are described: by all statistics; by mean, standard error, standard deviation and difference alone; or by mean, standard error and
difference from the sums over lots of paths, groups too."""


class ScenarioResult(Result):
    """A results directory of scenarios."""

    command = "scenarios"
    tables = ("assets", "scenarios", "totals", "rejects")

    @cached_property
    def scenarios(self) -> pa.Table:
        """A row for each scenario, the base first, and group: the distribution of its sum, and the mean's difference to the base with its error."""
        return self._store.read_parquet("scenarios.parquet")

    @property
    def groups_each(self) -> int:
        """The rows that each scenario has in `scenarios`: the whole, then its groups."""
        return int(self.scenarios.num_rows) // (1 + len(self.manifest["inputs"]["scenarios"]))

    def of_group(self, place: int = 0) -> list[dict[str, Any]]:
        """The rows of one group, by its place among the groups of a scenario (0: the whole), the base first."""
        rows = self.scenarios.take(np.arange(place, self.scenarios.num_rows, self.groups_each))
        found: list[dict[str, Any]] = rows.to_pylist()
        return found

    @property
    def groups(self) -> pa.Table:
        """Results of scenarios have none: raises InputError."""
        raise InputError(f"{self.location}: has the groups of every scenario in `scenarios`, the base's first")


def scenarios(
    portfolio: object,
    scenarios: Source | Sequence[Scenario] | None = None,
    *,
    library: Sequence[str] = (),
    statistics: str = "all",
    market: object = None,
    assumptions: str | Path = "default",
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    rule: object = None,
    **options: Any,
) -> ScenarioResult:
    """Values a portfolio under scenarios, all of them on the same random numbers and, where they move no paths, on the same paths.

    scenarios: a scenarios.toml, a mapping like one, or Scenario objects; library: shipped scenarios by name, "all" for every one. statistics: "all";
    "mean" where assets need no quantiles; "batch-means" where groups need none either, many times quicker. The rest is as for `value`, without
    tolerance and keep_paths.
    Each scenario's figures are those of a run of its own, to the bit. Raises InputError, before anything is computed where a shock makes a value
    impossible, and RunError.
    """
    into = partial(scenarios_into, portfolio, scenarios, library, statistics, market, assumptions, options=options, rule=rule, progress=progress)
    return ScenarioResult.written(into, out, overwrite, resume)


def open_scenarios(location: str | Path) -> ScenarioResult:
    """A finished results directory of scenarios. Raises InputError where it is none."""
    return ScenarioResult.open(location)


def scenarios_into(
    portfolio: object,
    source: Source | Sequence[Scenario] | None,
    library: Sequence[str],
    statistics: str,
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
    """Values scenarios into a results directory and says what came of it."""
    if statistics not in STATISTICS:
        raise InputError(f"statistics is {statistics!r}: it must be all, mean or batch-means{did_you_mean(statistics, STATISTICS)}")
    store = Store(out)
    store.check_free(overwrite=overwrite, resume=resume)
    job, found_rule = job_and_rule(dict(options), rule)
    _refuse_options(job)
    found = _loaded(source, library, found_rule.extra if found_rule else ())
    read = opened(portfolio, market, assumptions, job, out, found_rule, lots=STATISTICS[statistics] == "lots")
    with store.locked(), kernel.DefaultArithmetic(), read as inputs:
        inputs, study = _planned(inputs, found, statistics)
        _check_rows(inputs, study)
        whole = partial(scenario_work, study=study)
        return value_portfolio(inputs, overwrite=overwrite, resume=resume, keep=keep, progress=progress, command=ScenarioResult.command, whole=whole)


@contextmanager
def reopened_scenarios(manifest: Mapping[str, Any], out: str = ".", **options: Any) -> Iterator[tuple[Inputs, Scenes]]:
    """What a finished result of scenarios was made of, opened again from its manifest alone, as `inputs.reopened` does. Raises InputError."""
    with reopened(manifest, out, lots=STATISTICS[manifest["inputs"]["statistics"]] == "lots", **options) as inputs:
        recorded, rule = manifest["inputs"], inputs.run.appraiser.tables.rule
        found = load_scenarios({"scenario": recorded["scenarios"]}, (), rule.extra if rule else ())
        inputs, study = _planned(inputs, found, recorded["statistics"])
        yield inputs, Scenes(inputs.run, study)


def _refuse_options(job: Job) -> None:
    if job.tolerance is not None:
        raise InputError("tolerance: every scenario is valued on the same paths: give paths instead")
    if job.keep_paths:
        raise InputError("keep_paths: the paths of scenarios are not kept: value one of them alone")


def _loaded(source: Source | Sequence[Scenario] | None, library: Sequence[str], extra: Any) -> tuple[Scenario, ...]:
    if source is None or isinstance(source, str | Path | Mapping):
        return load_scenarios(source, library, extra)
    found = (*(load_scenarios(None, library, extra) if library else ()), *source)
    check_names([one.name for one in found], "scenarios")
    return found


def _planned(inputs: Inputs, found: tuple[Scenario, ...], statistics: str) -> tuple[Inputs, Study]:
    """The inputs for all versions, and what values those. Raises InputError where the sums of all do not fit the memory."""
    made = STATISTICS[statistics]
    if made == "lots":
        check_lots(inputs.run.job.sampling)
    inputs = with_versions(inputs, 1 + len(found), made)
    job, base = inputs.run.job, inputs.run.appraiser
    shocked = markets(found, inputs.market)
    others = [
        base if market is inputs.market else make_appraiser(market, inputs.assumptions, base.sampling, job.premise, False, base.tables.rule)
        for market in shocked
    ]
    study = Study(found, (base, *others), made, kept_bytes(inputs, 1 + len(found), made))
    besides = {"scenarios": terms(found), "statistics": statistics}
    return replace(inputs, besides=besides), study


def _check_rows(inputs: Inputs, study: Study) -> None:
    """Raises InputError where a shock makes a cell of any row what it cannot be."""
    if not any(shock.columns for scenario in study.scenarios for shock in scenario.shocks):
        return
    problems: list[Problem] = []
    job, scenes = inputs.run.job, Scenes(inputs.run, study)
    try:
        spread.run(_problems, inputs.tasks, scenes, job.scheduler, job.threads, problems.extend)
    finally:
        scenes.release()
    if problems:
        raise InputError("\n".join(map(str, merged(problems))))


def _problems(task: Task, scenes: Scenes) -> Iterable[Problem]:
    """What the scenarios make of the rows that the base could value, and cannot be."""
    run = scenes.run
    found: list[Problem] = []
    receipt = Receipt(run.appraiser.new_totals(()))
    for rows in chain.from_iterable(prepared(read(task.unit, run.duplicates, extra=run.extra, streams=run.streams), task.unit.display, run, receipt)):
        problems = check_rows(scenes.study.scenarios, rows)
        if problems:  # of rows that the base rejects nothing is asked
            compile_rows(rows, run.appraiser.tables)
            problems = check_rows(scenes.study.scenarios, rows)
        found += problems
    return merged(found)
