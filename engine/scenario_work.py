"""A run of scenarios: what each task does with its rows, and the tables of all scenarios together (model.md §10).

v = versions: the base, then each scenario; a = rows of a piece
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.backend import kernels
from ipvalue.heap import keep_freed_memory
from ipvalue.inputs import Inputs
from ipvalue.job import Job
from ipvalue.quarantine import Stopped, run_without_deadly
from ipvalue.receipt import Receipt
from ipvalue.rows import Mask, Rows
from ipvalue.scenario_tables import DIFFERENCE, ERROR, SCENARIO, scenario_records, scenarios_schema, sums_batches, sums_of_each, sums_schema
from ipvalue.scenarios import BASE, Study, Valued, Version, value_versions, versions_of
from ipvalue.schema import Rejects, quantile_name
from ipvalue.simulate import Made
from ipvalue.storage import Written
from ipvalue.store import Store
from ipvalue.summary import (
    DENSE,
    EXTRA_COLUMNS,
    add_to_totals,
    asset_schema,
    describe_assets,
    reject_unusable,
    with_method_shown,
)
from ipvalue.task import Clean, Run, Task, clean_rows, part_name, prepared
from ipvalue.totals import Totals
from ipvalue.work import Work

SHOWN = ("asset_id", "method", "methods", "weights")
"""What the results take over from the portfolio, which no shock changes."""

KEPT_BYTES = 64 * 1024 * 1024
"""Most memory of a worker for the path values that are laid beside each other."""
_NOT_MADE: dict[Made, tuple[str, ...]] = {
    "all": (),
    "moments": ("expected_shortfall", "probability_of_loss"),
    "lots": ("standard_deviation", "expected_shortfall", "probability_of_loss"),
}
"""What results do not say of a right, beside quantiles."""

ROWS_A_PART = 524_288
"""Rows of results that a task writes at most: of all scenarios."""


@dataclass(frozen=True)
class Scenes:
    """What the tasks share: the run and the study."""

    run: Run
    study: Study

    def release(self) -> None:
        """Lets go of what is open."""
        self.run.release()

    @property
    def names(self) -> tuple[str, ...]:
        """(v,) the names of the versions."""
        return (BASE, *(one.name for one in self.study.scenarios))


def scenario_work(inputs: Inputs, study: Study) -> Work:
    """All rows valued under every scenario. Raises InputError where the sums of all do not fit the memory."""
    scenes = Scenes(inputs.run, study)
    begun, tables = Receipt(new_totals(scenes)), partial(_write_tables, scenes)
    return Work(inputs.tasks, run_scenes, scenes, begun, (inputs.portfolio,), (inputs.first_file,), apart=run_scenes_apart, tables=tables)


def new_totals(scenes: Scenes) -> Totals:
    """Empty sums by group and scenario; quantiles are added up where there are any."""
    sampling, job = scenes.study.base.sampling, scenes.run.job
    extras = EXTRA_COLUMNS + len(scenes.study.quantiles)
    return Totals((*job.group_by, SCENARIO), sums_of_each(scenes.study.made, sampling), extras, sampling.backend)


# ------------------------------------------------------------------------------------------------ a task


def run_scenes(task: Task, scenes: Scenes) -> Receipt:
    """Values one range of rows under every scenario and writes its part. Running it twice changes nothing."""
    keep_freed_memory()
    with kernels(scenes.run.job.backend).DefaultArithmetic():
        return _value_task(task, scenes)


def try_scenes(task: Task, scenes: Scenes) -> None:
    """Values one range of rows as run_scenes does, and writes nothing."""
    with kernels(scenes.run.job.backend).DefaultArithmetic():
        for _ in _valued(clean_rows(task, scenes.run), task.unit.display, scenes, Receipt(new_totals(scenes))):
            pass


def run_scenes_apart(task: Task, scenes: Scenes, stopped: Stopped) -> Receipt:
    """What run_scenes does and gives, without the rows that end the process which values them (quarantine.run_apart)."""
    return run_without_deadly(task, scenes, stopped, try_scenes, run_scenes)


def _value_task(task: Task, scenes: Scenes) -> Receipt:
    run, receipt = scenes.run, Receipt(new_totals(scenes))
    table = rows_of(clean_rows(task, run), task.unit.display, scenes, receipt)
    split = [quantile_name(one) for one in scenes.study.quantiles]
    receipt.files[task.number] = [run.store.write_parquet(part_name(task.number), table, (*DENSE, DIFFERENCE, ERROR), split)]
    receipt.rows = task.unit.rows
    receipt.rejected = len(receipt.rejects.rows(task.unit.display))
    return receipt


def rows_of(clean: Iterable[Clean], file: str, scenes: Scenes, receipt: Receipt) -> pa.Table:
    """The result rows of clean rows of a file, by version and row; their path values go into the receipt's totals."""
    return _by_version(list(_valued(clean, file, scenes, receipt)), len(scenes.names), scene_schema(scenes.study))


def _by_version(pieces: list[pa.RecordBatch], v: int, schema: pa.Schema) -> pa.Table:
    """The result rows of pieces, each of which has them by version, by version and row."""
    if len(pieces) == 1:
        return pa.Table.from_batches(pieces, schema)
    sizes = [piece.num_rows // v for piece in pieces]
    return pa.Table.from_batches([piece.slice(k * a, a) for k in range(v) for piece, a in zip(pieces, sizes, strict=True)], schema).combine_chunks()


def _valued(clean: Iterable[Clean], file: str, scenes: Scenes, receipt: Receipt) -> Iterator[pa.RecordBatch]:
    """Values rows piece by piece into the receipt; yields their result rows by version."""
    for rows in chain.from_iterable(prepared(clean, file, scenes.run, receipt)):
        if (described := _described(rows, scenes, receipt)) is not None:
            yield described


def _described(rows: Rows, scenes: Scenes, receipt: Receipt) -> pa.RecordBatch | None:
    """The result rows of filled rows, by version, the base first, those of each in their order; their path values go into the receipt's totals."""
    study, totals = scenes.study, receipt.totals
    versions = versions_of(study, rows)
    if not len(versions[0].rows):
        return None
    versions, valued, groups = value_usable(versions, study, scenes.names, totals)
    receipt.doubts += study.base.doubts(versions[0].rows)
    receipt.valued += len(versions[0].rows)
    if not len(versions[0].rows):
        return None
    add_to_totals(totals, groups.reshape(-1), valued.figures, valued.figures)
    return _result_rows(versions[0].rows, valued, scenes)


def value_usable(versions: list[Version], study: Study, names: Sequence[str], totals: Totals) -> tuple[list[Version], Valued, Any]:
    """The versions valued (v·a,), of the rows that can be summed under all of their `names`, and (v, a) int32 the groups in `totals`, which takes
    their path values in. The other rows go to the base's rejects."""
    groups = _groups(versions[0].rows, names, totals)
    valued = value_versions(versions, study, groups, totals)
    good = (valued.figures.status.reshape(groups.shape) == 0).all(axis=0)
    if good.all():
        return versions, valued, groups
    _take_out([one.only(~good) for one in versions], study, groups[:, ~good], totals)
    return _usable(versions, valued, good, groups, names)


def _groups(rows: Rows, names: Sequence[str], totals: Totals) -> Any:
    """(v, a) int32: the groups of rows under each scenario, by what they are under the base."""
    batch = with_method_shown(rows.batch)
    named = batch.append_column(SCENARIO, pa.repeat(BASE, batch.num_rows))
    return totals.beside(totals.groups_of(named), names)


def _take_out(versions: list[Version], study: Study, groups: Any, totals: Totals) -> None:
    """Takes rows out of the sums again that one of the versions cannot be summed up of."""
    once = totals.like()
    value_versions(versions, study, groups, once)
    once.negate()
    totals.merge(once)


def _usable(versions: list[Version], valued: Valued, good: Mask, groups: Any, names: Sequence[str]) -> tuple[list[Version], Valued, Any]:
    """What is left where rows whose values cannot be summed go to the base's rejects, with the scenario's name; good (a,): the others."""
    base = versions[0].rows
    for name, version, one in zip(names, versions, valued.each(len(versions)), strict=True):
        reject_unusable(version.rows, one.figures.status)
        if version.rows.rejects is not base.rejects:
            base.rejects.merge(version.rows.rejects.under(f"scenario {name!r}"))
    return [one.only(good) for one in versions], valued.only(np.tile(good, len(versions))), groups[:, good]


def _result_rows(rows: Rows, valued: Valued, scenes: Scenes) -> pa.RecordBatch:
    """The result rows of rows (a,) by version; valued (v·a,): of all versions."""
    sampling, v, a = replace(scenes.study.base.sampling, quantiles=scenes.study.quantiles), len(scenes.names), len(rows)
    figures = valued.figures
    assets = describe_assets(_repeated(rows, v), figures, valued.of_methods, sampling)
    columns = {name: assets[name] for name in assets.schema.names}
    columns |= {
        SCENARIO: pa.array(scenes.names, pa.string()).take(pa.array(np.repeat(np.arange(v), a))),
        DIFFERENCE: pa.array((figures.mean.reshape(v, a) - figures.mean[:a]).reshape(-1)),
        ERROR: pa.array(valued.error, mask=np.isnan(valued.error)),
    }
    schema = scene_schema(scenes.study)
    return pa.RecordBatch.from_arrays([columns[field.name] for field in schema], schema=schema)


def _repeated(rows: Rows, times: int) -> Rows:
    """Rows so many times one after the other."""
    schema = rows.batch.schema
    arrays = [pa.concat_arrays([rows.batch[name]] * times) for name in schema.names if name in SHOWN]
    batch = pa.RecordBatch.from_arrays(arrays, [name for name in schema.names if name in SHOWN])
    return Rows(batch, np.tile(rows.row, times), pa.concat_arrays([rows.filled] * times), rows.file, Rejects())


def scene_schema(study: Study) -> pa.Schema:
    """The columns of assets/part-*.parquet: those of `value` but for what is not made, and the scenario with its difference."""
    fields = [field for field in asset_schema(study.quantiles) if field.name not in _NOT_MADE[study.made]]
    numbers = [pa.field(name, pa.float64()) for name in (DIFFERENCE, ERROR)]
    return pa.schema([pa.field(SCENARIO, pa.string()), *fields, *numbers])


# ------------------------------------------------------------------------------------------------ all together


def _write_tables(scenes: Scenes, store: Store, job: Job, gathered: Receipt) -> list[Written]:
    """Writes the scenarios, the sums that they are made from, and the rejects."""
    made, of_scenario = scenes.study.made, dict(gathered.totals.split())
    records = list(scenario_records(scenes.names, job, made, of_scenario))
    return [
        store.write_parquet("scenarios.parquet", pa.Table.from_pylist(records, scenarios_schema(job, made))),
        store.write_ipc("totals.arrow", sums_schema(job, made), sums_batches(scenes.names, job, made, of_scenario)),
        store.write_parquet("rejects.parquet", gathered.rejects.table()),
    ]


# ------------------------------------------------------------------------------------------------ before anything is computed


def kept_bytes(inputs: Inputs, versions: int, made: Made = "all") -> int:
    """Most memory of a worker for path values of rows under the base."""
    return min(KEPT_BYTES, _left(inputs, versions, made) // 4)


def _left(inputs: Inputs, versions: int, made: Made) -> int:
    """Memory of a worker beside the sums of all versions. Raises InputError where these do not fit."""
    groups = inputs.groups * inputs.assumptions.ways_to_fill(inputs.run.job.group_by)
    job = inputs.run.job
    return job.check_memory(groups, inputs.assumptions.most_methods, versions=versions, sums=sums_of_each(made, job.sampling))


def with_versions(inputs: Inputs, versions: int, made: Made = "all") -> Inputs:
    """The inputs with tasks so large that all versions of their rows make one part, and pieces that fit the memory. Raises InputError where the sums
    of all do not."""
    job, steps = inputs.run.job, inputs.market.steps_per_year
    rows = max(1, min(job.task_rows(inputs.portfolio.rows, steps), ROWS_A_PART // versions))
    tasks = [Task(unit, number) for number, unit in enumerate(inputs.portfolio.units(rows))]
    base, left = inputs.run.appraiser, _left(inputs, versions, made)
    base = replace(base, sampling=replace(base.sampling, threads=job.threads_of_task(len(tasks))), chunk_bytes=left // (2 * versions))
    return replace(inputs, run=replace(inputs.run, appraiser=base), tasks=tasks)
