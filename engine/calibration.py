"""A portfolio's own rows valued for a second or two, in tasks of several sizes on all workers at once, to see what a whole run will take.

n = rows of the sample
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from ipvalue import spread
from ipvalue.compiled import compile_rows
from ipvalue.inputs import Inputs
from ipvalue.intake import read, scattered_rows, scattered_units
from ipvalue.manifest import write_tables
from ipvalue.receipt import Receipt
from ipvalue.rows import Floats, Longs
from ipvalue.schema import InputError, Rejects, RunError
from ipvalue.store import Store
from ipvalue.task import Loaded, Run, Task, run_loaded

READING_SECONDS = 1.0
ROUNDS_SECONDS = 1.5
"""Of each processor that takes part, so that a busy machine measures as much as an idle one."""
ENOUGH = 3
"""Rounds of tasks that are as large as those of the run."""
LEAST_ROWS, MOST_ROWS = 4_096, 65_536
ROWS_A_BATCH = 8_192
MOST_SUMS = 8_000_000
"""Sums of one path that are written at the end, unless one group has more."""
MOST_PLACES = 8
"""Stored groups of rows that the sample is taken from at least, where there are so many."""
TURN = 0x9E3779B97F4A7C15
WORK_A_ROW, PERIODS_A_PATH = 10_000.0, 5.0
"""What a row's preparation, and a path's statistics, are reckoned to cost beside one period of a path. They only say how much one row weighs beside
another; what they cost in all is measured."""


@dataclass(frozen=True)
class Used:
    """CPU-seconds of all threads, seconds by the clock, and the most resident bytes meanwhile."""

    cpu: float
    wall: float
    peak: int


class Meter:
    """What this process uses from now on."""

    def __init__(self) -> None:
        _forget_peak()
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def read(self) -> Used:
        return Used(time.process_time() - self._cpu, time.perf_counter() - self._wall, resident_bytes("VmHWM"))


def resident_bytes(key: str = "VmRSS") -> int:
    """Memory that this process holds (VmRSS), or the most that it held (VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == key:
            return int(rest.split()[0]) * 1024
    raise InputError(f"/proc/self/status does not say {key}, so no memory can be planned here")


def _forget_peak() -> None:
    """From now on VmHWM counts anew; where that is not permitted, it is still the most since the process began."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


@dataclass(frozen=True)
class Pool:
    """Rows (n,) that can be valued, in scattered order, with the `periods` (n,) and the `work` (n,) of each; `share` of all rows can be. `reading`
    is what `read` rows took, from the file to clean batches; `preparing` the bytes that a row takes on its way to vectors."""

    batch: pa.RecordBatch
    periods: Longs
    work: Floats
    share: float
    read: int
    reading: Used
    preparing: float


@dataclass(frozen=True)
class Round:
    """So many tasks at once of so many rows each, what they took, and the bytes of a task's part."""

    tasks: int
    rows: int
    work: float
    used: Used
    part: float


@dataclass(frozen=True)
class Measured:
    """What a calibration found. rounds: the first is the first time that anything ran, the second of one row a task, the others larger.

    before: resident bytes before them; groups: of all of them, task_groups: of the task that had most; ending: what a journal and the tables of
    `ended` of the groups took, tables: the bytes of these tables.
    """

    pool: Pool
    rounds: tuple[Round, ...]
    before: int
    groups: int
    task_groups: int
    ending: Used
    ended: int
    tables: int


def calibrate(inputs: Inputs) -> Measured:
    """Values a sample of an opened portfolio into a directory that is removed again. Raises InputError where no row of it can be valued."""
    workers = threads_at_once(inputs)
    pool = _drawn(inputs, min(MOST_ROWS, max(LEAST_ROWS, workers * rows_at_once(inputs))))
    with store_for_a_while() as store:
        run = replace(inputs.run, store=store)
        whole = Receipt(run.appraiser.new_totals(run.job.group_by))
        pa.default_memory_pool().release_unused()  # what reading the sample took and let go again
        before = resident_bytes()
        rounds, task_groups = _rounds(inputs, pool, run, whole, workers)
        some = _some_groups(whole, run)
        meter = Meter()
        run.store.write_journal("", some.record({}))
        tables = write_tables(run.store, run.job, some)
        ending, size = meter.read(), sum(one.bytes for one in tables)
        return Measured(pool, tuple(rounds), before, len(whole.totals.keys), task_groups, ending, len(some.totals.keys), size)


@contextmanager
def store_for_a_while() -> Iterator[Store]:
    """A store in a directory of its own, which is removed again. Raises RunError where there is no room for it, which asks for another TMPDIR."""
    with tempfile.TemporaryDirectory(prefix="ipvalue-plan-") as folder:
        try:
            yield Store(folder)
        except RunError as error:
            raise RunError(str(error).replace("name another --out", "set TMPDIR to another directory")) from None


def threads_at_once(inputs: Inputs) -> int:
    """Tasks that the calibration runs at a time: as many as the run would in this process, on as many cores as there are."""
    job = inputs.run.job
    return min(job.threads, len(os.sched_getaffinity(0)), len(inputs.tasks)) if job.scheduler == "threads" else 1


def rows_at_once(inputs: Inputs) -> int:
    """Rows that a task of the run takes at a time."""
    return min(inputs.run.appraiser.piece_rows, max(task.unit.rows for task in inputs.tasks))


def _drawn(inputs: Inputs, wanted: int) -> Pool:
    """Reads whole groups of rows until time is up, and keeps some rows of each batch."""
    run, units = inputs.run, list(scattered_units(inputs.portfolio))
    seconds, some = READING_SECONDS / min(len(units), MOST_PLACES), max(ROWS_A_BATCH, wanted // MOST_PLACES)
    kept: list[pa.RecordBatch] = []
    rows = good = 0
    meter, begun = Meter(), time.perf_counter()
    for unit in units:
        first = time.perf_counter()
        for batch, _, rejects in read(unit, run.duplicates, extra=run.extra):
            rows, good = rows + batch.num_rows + len(rejects.rows(unit.display)), good + batch.num_rows
            kept.append(scattered_rows(batch, some))
            if time.perf_counter() - first > seconds:
                break
        if time.perf_counter() - begun > READING_SECONDS:
            break
    reading = meter.read()
    return _compiled(inputs, scattered_rows(pa.concat_batches(kept), wanted, TURN), good / rows, rows, reading)


def _compiled(inputs: Inputs, batch: pa.RecordBatch, share: float, read_rows: int, reading: Used) -> Pool:
    """The rows of a batch that can be valued, with the periods of all their methods; as many at a time as a task of the run takes."""
    step, found = rows_at_once(inputs), []
    pa.default_memory_pool().release_unused()
    before, meter = resident_bytes(), Meter()
    for first in range(0, max(batch.num_rows, 1), step):
        found.append(_periods(inputs, batch.slice(first, step), first))
    preparing = max(meter.read().peak - before, 0) / min(step, max(batch.num_rows, 1))
    place, periods = (np.concatenate(column) for column in zip(*found, strict=True))
    if not len(place):
        raise InputError("none of the rows that were tried can be valued, so nothing can be planned: ipvalue check lists their problems")
    work = WORK_A_ROW + inputs.run.job.paths * (periods + PERIODS_A_PATH)
    return Pool(batch.take(pa.array(place)), periods, work, share * len(place) / batch.num_rows, read_rows, reading, preparing)


def _periods(inputs: Inputs, part: pa.RecordBatch, first: int) -> tuple[Longs, Longs]:
    """Which rows of a part, whose first has this number, can be valued, and the periods of each."""
    appraiser = inputs.run.appraiser
    rows = appraiser.rows(part, np.arange(first, first + part.num_rows), "sample", Rejects())
    compiled = compile_rows(rows, appraiser.tables)
    return rows.row, np.diff(compiled.vectors.offset[compiled.start])


def _some_groups(whole: Receipt, run: Run) -> Receipt:
    """What tasks gave back, with no more groups than can be written in a moment."""
    totals, kept = whole.totals, max(1, MOST_SUMS // run.job.paths)
    if len(totals.keys) <= kept:
        return whole
    some = run.appraiser.new_totals(run.job.group_by)
    widths = {"sums": totals.paths, "extras": totals.width, "counts": 1}
    some.restore(totals.names()[:kept], {name: array[: kept * widths[name]] for name, array in totals.arrays().items()})
    return replace(whole, totals=some)


def _rounds(inputs: Inputs, pool: Pool, run: Run, whole: Receipt, tasks: int) -> tuple[list[Round], int]:
    """Rounds of one row a task, twice; then of more and more rows, at last of as many as a task of the run takes, while the time that is left seems
    to allow it. And the most groups of a task."""
    most, first, size = min(rows_at_once(inputs), len(pool.periods)), 0, 1
    unit, groups = inputs.tasks[0].unit, 0
    rounds: list[Round] = []

    def take(receipt: Receipt) -> None:
        nonlocal groups
        groups = max(groups, len(receipt.totals.keys))
        whole.merge(receipt)

    while True:
        cleans, work = [], 0.0
        for number in range(len(rounds) * tasks, (len(rounds) + 1) * tasks):
            these = np.arange(first, first + size) % len(pool.periods)
            first += size
            work += float(pool.work[these].sum())
            cleans.append(Loaded(Task(replace(unit, rows=size), number), [(pool.batch.take(pa.array(these)), np.arange(size), Rejects())]))
        meter = Meter()
        spread.run(run_loaded, cleans, run, "threads", tasks, take)
        used = meter.read()
        part = sum(file.bytes for clean in cleans for file in whole.files[clean.task.number]) / tasks
        rounds.append(Round(tasks, size, work, used, part))
        if len(rounds) > 1:
            left = ROUNDS_SECONDS * tasks - sum(r.used.cpu for r in rounds)
            allowed = int(size * left / used.cpu)
            if len(rounds) > 2 and (allowed < size or [r.rows for r in rounds[2:]].count(most) >= ENOUGH):
                return rounds, groups
            size = most if allowed >= most else max(allowed // 2, size)
