"""`ipvalue.plan`: what a run will take, before it is run: work, time, memory and disk, from its own inputs and a sample of its rows."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ipvalue.backend import kernel
from ipvalue.calibration import Measured, Meter, Round, Used, calibrate, resident_bytes, rows_at_once
from ipvalue.inputs import Inputs, opened
from ipvalue.intake import BATCH_ROWS
from ipvalue.job_file import in_words_of_a_job, load_job
from ipvalue.manifest import terms_of
from ipvalue.memory import size
from ipvalue.overnight import loans_beside, opened_job, opened_loans
from ipvalue.schema import InputError, Source
from ipvalue.shown import Shown
from ipvalue.store import Store
from ipvalue.valuation import job_and_rule

if TYPE_CHECKING:
    from ipvalue.loan_book.planning import LoanPlan
    from ipvalue.loan_book.run import Planned

BYTES_A_FILE = 200
"""What a manifest says of each."""
KEPT_BYTES = 8
"""Of a path that is kept, until it is written."""
WORD = 16
"""Bytes of an exact sum of one path."""


@dataclass(frozen=True, repr=False)
class Plan(Shown):
    """What a run will take: rows, those of them that can be valued, and paths × periods of all these; tasks, each a part file; groups.

    Seconds: of all processors together, and by the clock with so many workers. Bytes: the most memory at a time, of which `program_bytes` is the
    program itself and its inputs; `memory_limit` what may be taken beside it; the results; what they take while the run is on; and what is free
    where they go, None where nobody says (object stores). sampled: rows that were valued to find out. lending: what the loans take beside all that,
    where there are any.
    """

    rows: int
    assets: int
    path_periods: int
    tasks: int
    groups: int
    workers: int
    cpu_seconds: float
    wall_seconds: float
    memory_bytes: int
    program_bytes: int
    memory_limit: int
    disk_bytes: int
    working_bytes: int
    free_bytes: int | None
    sampled: int
    warnings: tuple[str, ...]
    lending: LoanPlan | None = None

    @property
    def together(self) -> Together:
        """The valuation and the lending, one after the other."""
        of, loans = self, self.lending
        if loans is None:
            return Together(of.cpu_seconds, of.wall_seconds, of.memory_bytes, of.disk_bytes, of.working_bytes)
        return Together(
            of.cpu_seconds + loans.cpu_seconds,
            of.wall_seconds + loans.wall_seconds,
            max(of.memory_bytes, loans.memory_bytes),
            of.disk_bytes + loans.disk_bytes,
            max(of.working_bytes, of.disk_bytes + loans.working_bytes),
        )


@dataclass(frozen=True)
class Together:
    """What a job takes in all: as the fields of Plan of these names."""

    cpu_seconds: float
    wall_seconds: float
    memory_bytes: int
    disk_bytes: int
    working_bytes: int


def plan(
    source: object,
    *,
    market: object = None,
    assumptions: str | Path = "default",
    out: str | Path | None = None,
    rule: object = None,
    loans: object = None,
    ratings: Source | None = None,
    programmes: Source | None = None,
    policies: Source | None = None,
    policy: str | None = None,
    pool: Source | None = None,
    tranche_ratings: object = None,
    started: bool = False,
    **options: Any,
) -> Plan:
    """What valuing a portfolio with these options, or running a job file (a path that ends in .toml), will take.

    Opens and checks all inputs as the run does, refuses what would not fit the memory, values a sample of the rows for some seconds and writes
    nothing that stays. out: where results would go; options: those of `value`. loans, and what they name: lent beside, as a job with loans would do.
    started: whether the start of this process is counted too, as in a command's run it is. Raises InputError.
    """
    begun = Used(time.process_time(), time.process_time(), resident_bytes()) if started else Used(0.0, 0.0, resident_bytes())
    meter = Meter()
    named: dict[str, Any] = {"ratings": ratings, "programmes": programmes, "policies": policies, "policy": policy}
    named |= {"pool": pool, "tranche_ratings": tranche_ratings}
    with _opened(source, market, assumptions, out, rule, options, loans, named) as (inputs, book):
        opening, limit = meter.read(), inputs.run.job.memory_limit
        found = _planned(inputs, calibrate(inputs), begun, opening, limit)
        found = found if book is None else _with_loans(found, book)
        return replace(found, warnings=(*found.warnings, *_warnings(found, inputs.run.store.location)))


@contextmanager
def _opened(
    source: object,
    market: object,
    assumptions: str | Path,
    out: str | Path | None,
    rule: object,
    options: dict[str, Any],
    loans: object,
    named: dict[str, Any],
) -> Iterator[tuple[Inputs, Planned | None]]:
    """The inputs of a portfolio or of a job file, whose store is where results would go, or the root of it; and the book of its loans, or None."""
    if isinstance(source, str | Path) and Path(source).suffix == ".toml":
        asked = {"market": market, "out": out, "rule": rule, "loans": loans, **named, **options}
        given = [name for name, value in asked.items() if value is not None]
        if given or assumptions != "default":
            raise InputError(f"{source}: a job file says by itself what is run: write {(given or ['assumptions'])[0]} there")
        file = load_job(source)
        with in_words_of_a_job(), opened_job(file) as inputs, opened_loans(file, inputs) as book:
            yield inputs, book
        return
    if loans is None and (alone := [name for name, value in named.items() if value is not None]):
        raise InputError(f"{alone[0]} is given, and there are no loans: name their table with --loans")
    if loans is not None and rule is not None:
        raise InputError("nothing can be lent against a right whose income a rule makes: leave --loans or --rule out")
    job, found = job_and_rule(options, rule)
    with kernel.DefaultArithmetic(), opened(source, market, assumptions, job, str(out or "results"), found) as inputs:
        if loans is None:
            yield inputs, None
            return
        with loans_beside(inputs, loans, {**options, "quantiles": None}, named) as book:
            yield inputs, book


def _with_loans(found: Plan, book: Planned) -> Plan:
    """The plan with what the loans take."""
    from ipvalue.loan_book.planning import plan_loans  # with Numba, which nothing else needs

    more = tuple(text for text in book.inputs.warnings if text not in found.warnings)
    return replace(found, lending=plan_loans(book), warnings=(*found.warnings, *more))


def _valuing(inputs: Inputs, found: Measured, assets: int) -> float:
    """CPU-seconds of all tasks, from the file's clean rows to their parts: those of a piece of rows as measured, and what a piece of the run differs
    in work. A piece has costs of its own, which grow with its groups and methods too: so the slope is taken where it is wanted, but under a
    tolerance, where few rows cost more than all others, over all that was measured."""
    one, *rounds = found.rounds[1:]
    pieces = sum(-(-task.unit.rows // rows_at_once(inputs)) for task in inputs.tasks)
    wanted = assets * float(found.pool.work.mean()) / pieces
    *lower, largest = _by_size([one, *rounds])
    nearby = [r for r in lower if 2 * r.rows <= largest.rows] if wanted > largest.work and inputs.run.job.tolerance is None else []
    before = (nearby or lower[:1] or [largest])[-1]
    apart = largest.work - before.work
    slope = max((largest.cpu - before.cpu) / apart, 0.0) if apart > largest.work / 2 else largest.cpu / largest.work
    return pieces * max(largest.cpu + slope * (wanted - largest.work), slope * wanted)


@dataclass(frozen=True)
class _Piece:
    """What one task took on average over the rounds of so many rows: units of work, CPU-seconds."""

    rows: int
    work: float
    cpu: float


def _by_size(rounds: list[Round]) -> list[_Piece]:
    """One piece for each number of rows, ascending."""
    found = []
    for rows in sorted({r.rows for r in rounds}):
        these = [r for r in rounds if r.rows == rows]
        tasks = sum(r.tasks for r in these)
        found.append(_Piece(rows, sum(r.work for r in these) / tasks, sum(r.used.cpu for r in these) / tasks))
    return found


def _planned(inputs: Inputs, found: Measured, begun: Used, opening: Used, limit: int) -> Plan:
    job, rows = inputs.run.job, inputs.portfolio.rows
    assets = round(rows * found.pool.share)
    cores = len(os.sched_getaffinity(0))
    groups = max(inputs.groups, found.groups)
    ending = (groups + bool(job.group_by)) / (found.ended + bool(job.group_by))
    once = max(found.rounds[0].used.cpu - found.rounds[1].used.cpu, 0.0)
    spread = once + found.pool.reading.cpu / found.pool.read * rows + _valuing(inputs, found, assets)
    starts = job.threads if job.scheduler == "processes" else 0
    at_once = min(job.threads, len(inputs.tasks))
    last = -(-len(inputs.tasks) // at_once) * at_once / len(inputs.tasks)
    speed = _speed(found.rounds) if job.scheduler == "threads" else min(at_once, cores) if job.scheduler == "processes" else at_once
    cpu = begun.cpu * (1 + starts) + opening.cpu + spread + found.ending.cpu * ending
    wall = begun.wall * (2 if starts else 1) + opening.wall + spread / speed * last + found.ending.wall * ending
    program, memory = _memory(inputs, found, begun, opening, groups)
    (disk, working), free = _disk(inputs, found, assets, groups, ending), _free(inputs.run.store)
    return Plan(
        rows=rows,
        assets=assets,
        path_periods=round(assets * float(found.pool.periods.mean()) * job.paths),
        tasks=len(inputs.tasks),
        groups=groups,
        workers=job.threads,
        cpu_seconds=cpu,
        wall_seconds=wall,
        memory_bytes=memory,
        program_bytes=program,
        memory_limit=limit,
        disk_bytes=disk,
        working_bytes=working,
        free_bytes=free,
        sampled=min(len(found.pool.periods), sum(r.tasks * r.rows for r in found.rounds)),
        warnings=inputs.warnings,
    )


def _warnings(found: Plan, place: str) -> Iterator[str]:
    """What will not do, as far as the sample shows it."""
    whole, limit, free = found.together, found.memory_limit, found.free_bytes
    if (memory := whole.memory_bytes - found.program_bytes) > limit:
        yield f"about {size(memory)} of memory are needed beside the program, and {size(limit)} may be used: use fewer workers, or allow more"
    if free is not None and whole.working_bytes > free:
        yield f"{place}: about {size(whole.working_bytes)} of disk are needed, and {size(free)} are free: make room, or write elsewhere"


def _free(store: Store) -> int | None:
    """Bytes that are free where a local store is or would be made."""
    if not store.is_local:
        return None
    place = Path(store.root).absolute()
    return shutil.disk_usage(next(one for one in (place, *place.parents) if one.is_dir())).free


def _speed(rounds: tuple[Round, ...]) -> float:
    """CPU-seconds a second of the rounds with most rows."""
    largest = [r.used for r in rounds if r.rows == max(one.rows for one in rounds)]
    return sum(used.cpu for used in largest) / sum(used.wall for used in largest)


def _memory(inputs: Inputs, found: Measured, begun: Used, opening: Used, groups: int) -> tuple[int, int]:
    """Bytes of the program itself with its inputs, and at most: while inputs are opened, while tasks are at work, at the end."""
    job, pool, (largest, of_task) = inputs.run.job, found.pool, _at_work(inputs, found)
    workers = min(job.threads, len(inputs.tasks))
    program = found.before - pool.batch.nbytes
    # some tasks hand over their sums while the next ones are at work, and rows are read meanwhile
    sums = (groups + (workers + -(-workers // 2)) * min(of_task, groups)) * job.paths * WORD
    a_row, stored = (sum(column.nbytes for column in columns) / len(pool.periods) for columns in (pool.batch.columns, _stored(pool.batch)))
    read = min(2 * BATCH_ROWS, inputs.portfolio.rows) * stored + workers * min(BATCH_ROWS, max(task.unit.rows for task in inputs.tasks)) * a_row
    apart = workers * begun.peak if job.scheduler == "processes" else 0
    tasks = program + apart + workers * largest + sums + round(read)
    return program, max(opening.peak, tasks, found.ending.peak - pool.batch.nbytes + (groups - found.groups) * job.paths * WORD)


def _at_work(inputs: Inputs, found: Measured) -> tuple[int, int]:
    """Bytes that a task of the run takes while it is at work, but for its sums, and the number of its groups."""
    job, largest, rows = inputs.run.job, max(found.rounds, key=lambda r: r.rows), rows_at_once(inputs)
    peak = max(r.used.peak for r in found.rounds if r.rows == largest.rows)
    sums = (largest.tasks * found.task_groups + found.groups) * job.paths * WORD
    more = max(rows - largest.rows, 0) * (found.pool.preparing + (KEPT_BYTES * job.paths if job.keep_paths else 0))
    return max(peak - found.before - sums, 0) // largest.tasks + round(more), found.task_groups * max(rows, largest.rows) // largest.rows


def _stored(batch: pa.RecordBatch) -> list[pa.Array]:
    """The columns that a file has, as far as the sample shows it."""
    return [column for column in batch.columns if column.null_count < len(column)]


def _disk(inputs: Inputs, found: Measured, assets: int, groups: int, ending: float) -> tuple[int, int]:
    """Bytes of the results with their manifest, and at most while the run is on: the journal holds the sums once more, and is written beside the one
    before it."""
    one, largest = found.rounds[1], max(found.rounds, key=lambda r: r.rows)
    a_row = (largest.part - one.part) / (largest.rows - one.rows) if largest.rows > one.rows else 0.0
    parts = assets * a_row + len(inputs.tasks) * (one.part - a_row)
    manifest = len(json.dumps(terms_of(inputs), indent=2)) + BYTES_A_FILE * len(inputs.tasks)
    whole = parts + found.tables * ending + manifest
    return round(whole), round(whole + 2 * (groups * inputs.run.job.paths * WORD + manifest))
