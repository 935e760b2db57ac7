"""One task: a range of rows, valued into a part of the results, or checked only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from ipvalue.appraise import Appraiser, Rows
from ipvalue.backend import kernels
from ipvalue.intake import Duplicates, Streams, Unit, read
from ipvalue.job import Job
from ipvalue.memory import keep_freed_memory
from ipvalue.receipt import Receipt
from ipvalue.schema import Column
from ipvalue.storage import Written
from ipvalue.store import Store
from ipvalue.summary import DENSE, asset_schema, quantile_name


@dataclass(frozen=True)
class Run:
    """Everything a task needs beside its range of rows; picklable."""

    job: Job
    appraiser: Appraiser
    duplicates: Duplicates
    store: Store
    streams: Streams = field(default_factory=Streams)

    @property
    def extra(self) -> tuple[Column, ...]:
        """Columns that are read beside the schema's."""
        return self.appraiser.extra


@dataclass(frozen=True)
class Task:
    """A range of rows and the number of its part file."""

    unit: Unit
    number: int


def run_task(task: Task, run: Run) -> Receipt:
    """Values one range of rows and writes its part. Running it twice changes nothing."""
    keep_freed_memory()
    with kernels(run.job.backend).DefaultArithmetic():
        return _value_task(task, run)


def _value_task(task: Task, run: Run) -> Receipt:
    receipt = Receipt(run.appraiser.new_totals(run.job.group_by))
    files: list[Written] = []
    parts: list[pa.RecordBatch] = []
    if run.job.keep_paths:
        name = f"paths/part-{task.number:05d}.arrow"
        files.append(run.store.write_ipc(name, _paths_schema(run.job), _values(task, run, receipt, parts)))
    else:
        for _ in _values(task, run, receipt, parts):
            pass
    files.append(write_assets(run, task.number, parts))
    receipt.files[task.number] = files
    receipt.rejected = len(receipt.rejects.rows(task.unit.display))
    return receipt


def write_assets(run: Run, number: int, parts: list[pa.RecordBatch]) -> Written:
    """Writes the result rows of a task."""
    quantiles = run.job.sampling.quantiles
    table = pa.Table.from_batches(parts, asset_schema(quantiles))
    return run.store.write_parquet(f"assets/part-{number:05d}.parquet", table, DENSE, [quantile_name(one) for one in quantiles])


def _values(task: Task, run: Run, receipt: Receipt, parts: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Values the rows chunk by chunk into `receipt` and `parts`; yields the chunks' path values where they are kept."""
    for rows in _prepared(task, run, receipt):
        assets, values = run.appraiser.value(rows, receipt.totals)
        receipt.doubts += run.appraiser.doubts(rows)
        if assets is not None:
            receipt.doubts += run.appraiser.unreached(rows, assets)
            parts.append(assets)
            receipt.valued += assets.num_rows
        if assets is not None and values is not None:
            lists = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), run.job.paths)
            yield pa.RecordBatch.from_arrays([assets["asset_id"], lists], schema=_paths_schema(run.job))


def _prepared(task: Task, run: Run, receipt: Receipt) -> Iterator[Rows]:
    """The task's clean rows with their blanks filled, in chunks; rejects go to the receipt."""
    step = run.appraiser.chunk_rows
    for batch, row, rejects in read(task.unit, run.duplicates, extra=run.extra, streams=run.streams):
        receipt.rejects.merge(rejects)
        for start in range(0, batch.num_rows, step):
            yield run.appraiser.rows(batch.slice(start, step), row[start : start + step], task.unit.display, receipt.rejects)
    receipt.rows = task.unit.rows


def _paths_schema(job: Job) -> pa.Schema:
    value = pa.float32() if job.precision == "single" else pa.float64()
    return pa.schema([("asset_id", pa.string()), ("values", pa.list_(value, job.paths))])


def check_task(task: Task, run: Run, keep: int | None = None) -> Receipt:
    """Validates one range of rows as far as a run would, without simulating; the receipt has the first `keep` problems of each rule."""
    receipt = Receipt(run.appraiser.new_totals(()))
    for rows in _prepared(task, run, receipt):
        run.appraiser.check(rows)
        receipt.doubts += run.appraiser.doubts(rows)
        receipt.valued += len(rows)
    receipt.rejected = len(receipt.rejects.rows(task.unit.display))
    receipt.rejects.shorten(keep)
    return receipt
