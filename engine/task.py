"""One task: a range of rows, valued into a part of the results, or checked only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pyarrow as pa

from ipvalue.appraise import Appraiser, Rows
from ipvalue.backend import kernels
from ipvalue.heap import keep_freed_memory
from ipvalue.intake import Duplicates, Streams, Unit, read
from ipvalue.job import Job
from ipvalue.receipt import Receipt
from ipvalue.rows import Longs
from ipvalue.schema import Column, Rejects
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
    """A range of rows and the number of its part file; `quarantined` rows (by their number within the file) are not to be valued."""

    unit: Unit
    number: int
    quarantined: tuple[int, ...] = ()


@dataclass(frozen=True)
class Clean:
    """A task and its rows as they come from the files: good rows, their numbers, and the others' problems."""

    task: Task
    batches: Iterable[tuple[pa.RecordBatch, Longs, Rejects]]


def run_task(task: Task, run: Run) -> Receipt:
    """Values one range of rows and writes its part. Running it twice changes nothing."""
    return run_clean(Clean(task, read(task.unit, run.duplicates, extra=run.extra, streams=run.streams)), run)


def run_clean(clean: Clean, run: Run) -> Receipt:
    """The same of rows that have been read already, or are read as they are taken."""
    keep_freed_memory()
    with kernels(run.job.backend).DefaultArithmetic():
        return _value_task(clean, run)


def try_task(task: Task, run: Run) -> None:
    """Values one range of rows as run_task does, and writes nothing."""
    clean = Clean(task, read(task.unit, run.duplicates, extra=run.extra, streams=run.streams))
    with kernels(run.job.backend).DefaultArithmetic():
        for _ in _values(clean, run, Receipt(run.appraiser.new_totals(run.job.group_by)), []):
            pass


def _value_task(clean: Clean, run: Run) -> Receipt:
    receipt, task = Receipt(run.appraiser.new_totals(run.job.group_by)), clean.task
    files: list[Written] = []
    parts: list[pa.RecordBatch] = []
    if run.job.keep_paths:
        name = f"paths/part-{task.number:05d}.arrow"
        files.append(run.store.write_ipc(name, paths_schema(run.job), _values(clean, run, receipt, parts)))
    else:
        for _ in _values(clean, run, receipt, parts):
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


def _values(clean: Clean, run: Run, receipt: Receipt, parts: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Values the rows chunk by chunk into `receipt` and `parts`; yields the chunks' path values where they are kept. A chunk's pieces are put
    together again, so that no file depends on their size."""
    for pieces in _prepared(clean, run, receipt):
        assets: list[pa.RecordBatch] = []
        values: list[pa.Array] = []
        for rows in pieces:
            found, kept = run.appraiser.value(rows, receipt.totals)
            receipt.doubts += run.appraiser.doubts(rows)
            if found is None:
                continue
            receipt.doubts += run.appraiser.unreached(rows, found)
            receipt.valued += found.num_rows
            assets.append(found)
            if kept is not None:
                values.append(pa.array(kept.reshape(-1)))
        if assets:
            parts.append(_one(assets))
        if values:
            lists = pa.FixedSizeListArray.from_arrays(values[0] if len(values) == 1 else pa.concat_arrays(values), run.job.paths)
            yield pa.RecordBatch.from_arrays([parts[-1]["asset_id"], lists], schema=paths_schema(run.job))


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _prepared(clean: Clean, run: Run, receipt: Receipt) -> Iterator[Iterator[Rows]]:
    """The clean rows with their blanks filled, in chunks, each in the pieces that memory allows; rejects go to the receipt."""
    chunk, piece = run.appraiser.chunk_rows, run.appraiser.piece_rows
    unit = clean.task.unit
    for batch, row, rejects in clean.batches:
        receipt.rejects.merge(rejects)
        batch, row = _without(clean.task, batch, row, receipt.rejects)
        for start in range(0, batch.num_rows, chunk):
            stop = min(start + chunk, batch.num_rows)
            pieces = ((first, min(first + piece, stop)) for first in range(start, stop, piece))
            yield (run.appraiser.rows(batch.slice(a, b - a), row[a:b], unit.display, receipt.rejects) for a, b in pieces)
    receipt.rows = unit.rows


def _without(task: Task, batch: pa.RecordBatch, row: Longs, rejects: Rejects) -> tuple[pa.RecordBatch, Longs]:
    """Rows and their numbers without the quarantined ones, which go to the rejects."""
    deadly = np.isin(row, task.quarantined)
    if not deadly.any():
        return batch, row
    names = batch["asset_id"].filter(pa.array(deadly)).to_pylist()
    messages = [
        f"asset_id {name!r} ended every process that valued it: look at its cells, and at the rule where one earns its income" for name in names
    ]
    rejects.add(task.unit.display, row[deadly], names, "asset_id", names, "a row can be valued without ending the process", messages)
    return batch.filter(pa.array(~deadly)), row[~deadly]


def paths_schema(job: Job) -> pa.Schema:
    """The columns of paths/part-*.arrow."""
    value = pa.float32() if job.precision == "single" else pa.float64()
    return pa.schema([("asset_id", pa.string()), ("values", pa.list_(value, job.paths))])


def check_task(task: Task, run: Run, keep: int | None = None) -> Receipt:
    """Validates one range of rows as far as a run would, without simulating; the receipt has the first `keep` problems of each rule."""
    receipt = Receipt(run.appraiser.new_totals(()))
    batches = read(task.unit, run.duplicates, extra=run.extra, streams=run.streams)
    for rows in chain.from_iterable(_prepared(Clean(task, batches), run, receipt)):
        run.appraiser.check(rows)
        receipt.doubts += run.appraiser.doubts(rows)
        receipt.valued += len(rows)
    receipt.rejected = len(receipt.rejects.rows(task.unit.display))
    receipt.rejects.shorten(keep)
    return receipt
