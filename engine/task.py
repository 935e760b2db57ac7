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
from ipvalue.schema import ENDS_PROCESS, Column, Rejects, quantile_name
from ipvalue.simulate import Reals
from ipvalue.storage import Written
from ipvalue.store import Store
from ipvalue.summary import DENSE, asset_schema

Clean = tuple[pa.RecordBatch, Longs, Rejects]
"""What intake.read gives: good rows, their numbers within the file, and the others' problems."""


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

    def release(self) -> None:
        """Lets go of what its tasks share in this process."""
        self.streams.release()


@dataclass(frozen=True)
class Task:
    """A range of rows and the number of its part file; `quarantined` rows (by their number within the file) are not to be valued."""

    unit: Unit
    number: int
    quarantined: tuple[int, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """A task whose rows have been read already, or are read as they are taken."""

    task: Task
    clean: Iterable[Clean]


def run_task(task: Task, run: Run) -> Receipt:
    """Values one range of rows and writes its part. Running it twice changes nothing."""
    return run_loaded(Loaded(task, clean_rows(task, run)), run)


def run_loaded(loaded: Loaded, run: Run) -> Receipt:
    """The same of rows that have been read."""
    keep_freed_memory()
    with kernels(run.job.backend).DefaultArithmetic():
        return _value_task(loaded, run)


def try_task(task: Task, run: Run) -> None:
    """Values one range of rows as run_task does, and writes nothing."""
    with kernels(run.job.backend).DefaultArithmetic():
        for _ in _values(Loaded(task, clean_rows(task, run)), run, Receipt(run.appraiser.new_totals(run.job.group_by)), []):
            pass


def _value_task(loaded: Loaded, run: Run) -> Receipt:
    receipt, task = Receipt(run.appraiser.new_totals(run.job.group_by)), loaded.task
    files: list[Written] = []
    parts: list[pa.RecordBatch] = []
    if run.job.keep_paths:
        name = f"paths/part-{task.number:05d}.arrow"
        files.append(run.store.write_ipc(name, paths_schema(run.job), _values(loaded, run, receipt, parts)))
    else:
        for _ in _values(loaded, run, receipt, parts):
            pass
    files.append(write_assets(run, task.number, pa.Table.from_batches(parts, asset_schema(run.job.sampling.quantiles))))
    receipt.files[task.number] = files
    receipt.rows = task.unit.rows
    receipt.rejected = len(receipt.rejects.rows(task.unit.display))
    return receipt


def write_assets(run: Run, number: int, assets: pa.Table) -> Written:
    """Writes a part of the result; its bytes follow from the rows alone, whatever the pieces they are held in."""
    return run.store.write_parquet(part_name(number), assets.combine_chunks(), DENSE, [quantile_name(one) for one in run.job.sampling.quantiles])


def part_name(number: int) -> str:
    """The file of a part's result rows."""
    return f"assets/part-{number:05d}.parquet"


def _values(loaded: Loaded, run: Run, receipt: Receipt, parts: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Values the rows chunk by chunk into `receipt` and `parts`; yields the chunks' path values where they are kept. A chunk's pieces are put
    together again, so that no file depends on their size."""
    for pieces in prepared(loaded.clean, loaded.task.unit.display, run, receipt):
        names: list[pa.Array] = []
        values: list[pa.Array] = []
        for _, assets, kept in _valued(pieces, run, receipt):
            parts.append(assets)
            if kept is not None:
                names.append(assets["asset_id"])
                values.append(pa.array(kept.reshape(-1)))
        if values:
            lists = pa.FixedSizeListArray.from_arrays(_one(values), run.job.paths)
            yield pa.RecordBatch.from_arrays([_one(names), lists], schema=paths_schema(run.job))


def _one(arrays: list[pa.Array]) -> pa.Array:
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)


def valued(clean: Iterable[Clean], file: str, run: Run, receipt: Receipt) -> Iterator[tuple[Rows, pa.RecordBatch, Reals | None]]:
    """Values clean rows of a file piece by piece into `receipt`; yields those that have a value, their result rows, and the values of their paths
    where they are kept."""
    return _valued(chain.from_iterable(prepared(clean, file, run, receipt)), run, receipt)


def _valued(pieces: Iterable[Rows], run: Run, receipt: Receipt) -> Iterator[tuple[Rows, pa.RecordBatch, Reals | None]]:
    for rows in pieces:
        assets, values = run.appraiser.value(rows, receipt.totals)
        receipt.doubts += run.appraiser.doubts(rows)
        if assets is not None:
            receipt.doubts += run.appraiser.unreached(rows, assets)
            receipt.valued += assets.num_rows
            yield rows, assets, values


def clean_rows(task: Task, run: Run) -> Iterator[Clean]:
    """The task's rows but for the quarantined ones, which go to the rejects."""
    for batch, row, rejects in read(task.unit, run.duplicates, extra=run.extra, streams=run.streams):
        yield (*without(task.quarantined, task.unit.display, batch, row, rejects), rejects)


def prepared(clean: Iterable[Clean], file: str, run: Run, receipt: Receipt) -> Iterator[Iterator[Rows]]:
    """Clean rows with their blanks filled, in chunks, each in the pieces that memory allows; rejects go to the receipt."""
    chunk, piece = run.appraiser.chunk_rows, run.appraiser.piece_rows
    for batch, row, rejects in clean:
        receipt.rejects.merge(rejects)
        for start in range(0, batch.num_rows, chunk):
            stop = min(start + chunk, batch.num_rows)
            pieces = ((first, min(first + piece, stop)) for first in range(start, stop, piece))
            yield (run.appraiser.rows(batch.slice(a, b - a), row[a:b], file, receipt.rejects) for a, b in pieces)


def without(quarantined: tuple[int, ...], file: str, batch: pa.RecordBatch, row: Longs, rejects: Rejects) -> tuple[pa.RecordBatch, Longs]:
    """Rows of a file and their numbers without the quarantined ones, which go to the rejects."""
    deadly = np.isin(row, quarantined)
    if not deadly.any():
        return batch, row
    names = batch["asset_id"].filter(pa.array(deadly)).to_pylist()
    messages = [
        f"asset_id {name!r} ended every process that valued it: look at its cells, and at the rule where one earns its income" for name in names
    ]
    rejects.add(file, row[deadly], names, "asset_id", names, ENDS_PROCESS, messages)
    return batch.filter(pa.array(~deadly)), row[~deadly]


def paths_schema(job: Job) -> pa.Schema:
    """The columns of paths/part-*.arrow."""
    value = pa.float32() if job.precision == "single" else pa.float64()
    return pa.schema([("asset_id", pa.string()), ("values", pa.list_(value, job.paths))])


def check_task(task: Task, run: Run, keep: int | None = None) -> Receipt:
    """Validates one range of rows as far as a run would, without simulating; the receipt has the first `keep` problems of each rule."""
    receipt = Receipt(run.appraiser.new_totals(()))
    for rows in chain.from_iterable(prepared(clean_rows(task, run), task.unit.display, run, receipt)):
        run.appraiser.check(rows)
        receipt.doubts += run.appraiser.doubts(rows)
        receipt.valued += len(rows)
    receipt.rows = task.unit.rows
    receipt.rejected = len(receipt.rejects.rows(task.unit.display))
    receipt.rejects.shorten(keep)
    return receipt
