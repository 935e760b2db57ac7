"""What lending a book of loans will take: some of its units, from everywhere in it, are lent in tasks of several sizes; the portfolio is read once.

Weight is what tasks are cut by: a loan counts as one and each of its pledges as one more.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipvalue import spread
from ipvalue.calibration import ENOUGH, ROUNDS_SECONDS, TURN, Meter, Used, resident_bytes, store_for_a_while
from ipvalue.loan_book.run import Planned
from ipvalue.loan_book.tables import LOANS_A_PART, write_tables
from ipvalue.loan_book.work import SLOT_BYTES, Book, LoanTask, figures_name, flows_name, new_receipt, run_loans
from ipvalue.manifest import terms_of
from ipvalue.numba_kernel import compile_seconds
from ipvalue.receipt import Receipt
from ipvalue.rows import Longs
from ipvalue.schema import InputError

PARTS_OF_A_TASK = (16, 4, 1)
"""The sizes of the tasks that are tried, after one of a single unit: a task of the run by so much."""
BYTES_A_FILE = 200
"""What a manifest says of each."""
COPIES = 2
"""How often figures of a part of the loans are in memory at the end: as they were read, and as they are written."""


@dataclass(frozen=True)
class LoanPlan:
    """What lending will take beside the valuation: loans that are read, and rows that are none; the rights that they pledge; tasks.

    Seconds: of all processors together, and by the clock. Bytes: the most memory at a time, the results, what they take while the run is on, and the
    copy of the pledged rows (under TMPDIR, on a cluster in the results directory). sampled: loans that were lent to find out.
    """

    loans: int
    set_aside: int
    rights: int
    tasks: int
    cpu_seconds: float
    wall_seconds: float
    memory_bytes: int
    disk_bytes: int
    working_bytes: int
    copied_bytes: int
    sampled: int


@dataclass(frozen=True)
class _Round:
    """So many tasks at once, their weight and loans together, and what they took."""

    tasks: int
    weight: float
    loans: int
    used: Used

    @property
    def cpu(self) -> float:
        """CPU-seconds a task."""
        return self.used.cpu / self.tasks


def plan_loans(planned: Planned) -> LoanPlan:
    """Lends some units of an opened book into a directory that is removed again. Raises InputError where none of them can be lent."""
    job, weight = planned.inputs.run.job, planned.weight
    at_once = min(job.threads, len(os.sched_getaffinity(0)), len(planned.inputs.tasks)) if job.scheduler == "threads" else 1
    lots = _lots(planned, weight, at_once)
    with store_for_a_while() as store, tempfile.TemporaryDirectory(prefix="ipvalue-plan-") as folder:
        trial, meter = planned.into(store), Meter()
        book = trial.book_of([task for lot in lots for task in lot], Path(folder))
        gathering, copied = meter.read(), _copied(planned, book, lots)
        before, compiled = resident_bytes(), compile_seconds()
        whole, rounds = new_receipt(book.run), [_lent(lots[0], weight, book, receipt := new_receipt(book.run))]
        first = _ended(planned, book, receipt)
        compiled = compile_seconds() - compiled
        whole.merge(receipt)
        for lot in lots[1:]:
            spent = sum(one.used.cpu for one in rounds[1:])
            expected = rounds[-1].used.cpu / rounds[-1].weight * _weight(lot, weight) if len(rounds) > 1 else 0.0
            if spent + expected > ROUNDS_SECONDS * at_once and len(rounds) > ENOUGH - 1:
                break
            rounds.append(_lent(lot, weight, book, whole))
        last = _ended(planned, book, whole)
        return _planned(planned, _Found(gathering, copied, before, compiled, tuple(rounds), (first, last)), whole)


@dataclass(frozen=True)
class _Ended:
    """The tables of the loans so far: how many these are, what the tables took; bytes of the loans' parts, of the others, of what tasks wrote for
    them but for a pool's flows, which grow with tasks and not with loans, and of the figures among these."""

    lent: int
    used: Used
    loans: int
    tables: int
    passed: int
    figures: int


@dataclass(frozen=True)
class _Found:
    """What was measured; copied: bytes of a right's row; before: resident bytes before the rounds; compiled: seconds of the first that no later run
    needs."""

    gathering: Used
    copied: float
    before: int
    compiled: float
    rounds: tuple[_Round, ...]
    ends: tuple[_Ended, _Ended]


def _lots(planned: Planned, weight: Longs, tasks: int) -> list[list[LoanTask]]:
    """The tasks of each round: one unit each, then of more and more, none of them twice."""
    unit = planned.loans.unit
    with np.errstate(over="ignore"):
        scattered = np.argsort(np.arange(int(unit.max(initial=-1)) + 1, dtype=np.uint64) * np.uint64(TURN), kind="stable")
    place = np.empty(len(scattered), np.int64)
    place[scattered] = np.arange(len(scattered))
    heavy = np.bincount(place[unit], weight)
    ends, of_task = np.cumsum(heavy), float(weight.sum()) / max(len(planned.inputs.tasks), 1)
    lots: list[list[LoanTask]] = []
    at = number = 0
    for wanted in (0.0, *(of_task / part for part in PARTS_OF_A_TASK), *[of_task] * (ENOUGH - 1)):
        lot = []
        for _ in range(tasks):
            stop = max(int(np.searchsorted(ends, (ends[at - 1] if at else 0.0) + wanted)), at) + 1
            if at < len(ends):
                lot.append(LoanTask(number, np.flatnonzero((place[unit] >= at) & (place[unit] < stop))))
                at, number = min(stop, len(ends)), number + 1
        if lot:
            lots.append(lot)
    if not lots:
        raise InputError("none of the loans can be lent, so nothing can be planned: rejects of ipvalue lend list their problems")
    return lots


def _weight(lot: Sequence[LoanTask], weight: Longs) -> float:
    return float(sum(weight[task.loans].sum() for task in lot))


def _lent(lot: Sequence[LoanTask], weight: Longs, book: Book, whole: Receipt) -> _Round:
    meter = Meter()
    spread.run(run_loans, lot, book, "threads", len(lot), whole.merge)
    return _Round(len(lot), _weight(lot, weight), sum(len(task.loans) for task in lot), meter.read())


def _ended(planned: Planned, book: Book, whole: Receipt) -> _Ended:
    """Writes the tables of what is lent so far."""
    meter = Meter()
    files = write_tables(planned.ledger, book.run.store, book.run.job, whole)
    loans = sum(one.bytes for one in files if one.name.startswith("loans/"))
    flows = {flows_name(number) for number in whole.files}
    passed = sum(one.bytes for one in whole.written() if one.name not in flows)
    names = {figures_name(number) for number in whole.files}
    figures = sum(one.bytes for one in whole.written() if one.name in names)
    return _Ended(whole.valued, meter.read(), loans, sum(one.bytes for one in files) - loans, passed, figures)


def _planned(planned: Planned, found: _Found, whole: Receipt) -> LoanPlan:
    job, tasks, loans = planned.inputs.run.job, len(planned.inputs.tasks), len(planned.loans)
    if not whole.valued:
        raise InputError("none of the loans that were tried can be lent, so nothing can be planned: ipvalue lend says why, in rejects.parquet")
    lent = round(loans * whole.valued / whole.rows)
    once = max(found.rounds[0].used.cpu + found.ends[0].used.cpu - found.compiled, 0.0)
    lending = tasks * _of_task(found.rounds[1:], float(planned.weight.sum()) / tasks)
    ended = [one.used.cpu for one in found.ends]
    ending = max(ended[1] + _more(found.ends, lent, [min(ended), ended[1]]), ended[1])
    at_once = min(job.threads, tasks)
    largest = _largest(found.rounds)
    speed = largest.used.cpu / largest.used.wall if job.scheduler == "threads" else min(at_once, len(os.sched_getaffinity(0)))
    last = -(-tasks // at_once) * at_once / tasks
    loan_bytes, passed = ([getattr(one, name) for one in found.ends] for name in ("loans", "passed"))
    disk = loan_bytes[1] + _more(found.ends, lent, loan_bytes) + found.ends[1].tables + len(json.dumps(terms_of(planned.inputs), indent=2))
    working = passed[1] + _more(found.ends, lent, passed)
    rights = int(np.count_nonzero(planned.places >= 0))
    return LoanPlan(
        loans=loans,
        set_aside=planned.source.source.rows - loans,
        rights=rights,
        tasks=tasks,
        cpu_seconds=once + found.gathering.cpu + lending + ending,
        wall_seconds=once + found.gathering.wall + lending / max(speed, 0.1) * last + ending,
        memory_bytes=round(_memory(planned, found, lent)),
        disk_bytes=round(disk + BYTES_A_FILE * (4 + lent // LOANS_A_PART)),
        working_bytes=round(disk + working + _flows(planned) + BYTES_A_FILE * 2 * tasks),
        copied_bytes=round(found.copied * rights),
        sampled=whole.rows,
    )


def _flows(planned: Planned) -> int:
    """Bytes of the flows of a pool that tasks write."""
    if (pooled := planned.pooled) is None:
        return 0
    writing = sum(bool((pooled.members.loans & planned.loans.tested)[task.loans].any()) for task in planned.tasks)
    return writing * pooled.bytes_of_task(planned.loans, planned.inputs.run.job.paths)


def _copied(planned: Planned, book: Book, lots: Sequence[Sequence[LoanTask]]) -> float:
    """Bytes of the copy of a pledged right's row."""
    loans = np.sort(np.concatenate([task.loans for lot in lots for task in lot]))
    return os.path.getsize(book.gathered.path) / len(np.unique(planned.loans.pledges.take(loans).asset))


def _largest(rounds: Sequence[_Round]) -> _Round:
    """The round of most weight a task."""
    return max(rounds, key=lambda one: one.weight / one.tasks)


def _of_task(rounds: Sequence[_Round], wanted: float) -> float:
    """CPU-seconds of a task of so much weight. What a task takes beside its weight is seen where those tried are much smaller."""
    if not rounds:  # all of the book is what was lent first
        return 0.0
    largest, smallest = _largest(rounds), min(rounds, key=lambda one: one.weight / one.tasks)
    alike = [one for one in rounds if 2.0 * one.weight / one.tasks > largest.weight / largest.tasks]
    rate = sum(one.used.cpu for one in alike) / sum(one.weight for one in alike)
    weight, apart = largest.weight / largest.tasks, largest.weight / largest.tasks - smallest.weight / smallest.tasks
    if 2.0 * weight > wanted or apart < weight / 2.0:
        return rate * wanted
    slope = max(largest.cpu - smallest.cpu, 0.0) / apart
    return max(largest.cpu + slope * (wanted - weight), slope * wanted)


def _more(ends: tuple[_Ended, _Ended], lent: int, values: Sequence[float]) -> float:
    """What loans that were not lent for it add, by what those added that were."""
    first, last = ends
    return (values[1] - values[0]) / (last.lent - first.lent) * (lent - last.lent) if last.lent > first.lent else 0.0


def _memory(planned: Planned, found: _Found, lent: int) -> float:
    """Bytes at most: while tasks are at work, or when the tables are made, of so many loans. What stands behind a task's loans is as large as its
    slots, up to what a task takes at a time."""
    job, largest = planned.inputs.run.job, _largest(found.rounds)
    workers = min(job.threads, len(planned.inputs.tasks))
    loans, most = planned.loans, min(planned.room, SLOT_BYTES)
    slots = float(((np.diff(loans.years.offset) + 1) * np.diff(loans.pledges.offset)).sum()) / float(planned.weight.sum()) * job.paths * 8.0
    of_task, tried = (
        min(slots * weight, most) for weight in (float(planned.weight.sum()) / len(planned.inputs.tasks), largest.weight / largest.tasks)
    )
    flows, pool = (0, 0) if (pooled := planned.pooled) is None else (pooled.bytes_of_task(loans, job.paths), pooled.bytes_at_end(job.paths))
    task = max((largest.used.peak - found.before) / largest.tasks - flows, 0.0) * max(of_task / tried, 1.0) + flows
    apart = workers * found.before if job.scheduler == "processes" else 0
    figures = _more(found.ends, min(lent, max(LOANS_A_PART, found.ends[1].lent)), [one.figures for one in found.ends])
    ending = max(found.ends[1].used.peak, found.before + pool) + COPIES * figures
    return max(found.before + apart + workers * task, ending)
