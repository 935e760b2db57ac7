"""The run: tasks on ranges of rows, spread by Dask over threads, processes or a cluster; progress, interruption, and the results directory."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue import spread
from ipvalue.appraise import Appraiser, Rows, make_appraiser
from ipvalue.assumptions import Assumptions, load_assumptions
from ipvalue.backend import kernels
from ipvalue.cash_rule import CashRule
from ipvalue.constants import NUMERICS_VERSION
from ipvalue.doubts import Doubts
from ipvalue.intake import Duplicates, Portfolio, Streams, Unit, open_portfolio, read, scan
from ipvalue.job import Job
from ipvalue.market import Market, load_market
from ipvalue.memory import keep_freed_memory
from ipvalue.schema import BrokenRule, Column, InputError, Rejects
from ipvalue.store import Store, Written
from ipvalue.summary import DENSE, asset_schema, describe_groups, quantile_name
from ipvalue.totals import Totals


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


@dataclass
class Receipt:
    """What a task gives back: the files it wrote, its counts, its rejects and its share of the totals."""

    number: int
    totals: Totals
    rows: int = 0
    valued: int = 0
    rejected: int = 0
    files: list[Written] = field(default_factory=list)
    rejects: Rejects = field(default_factory=Rejects)
    doubts: Doubts = field(default_factory=Doubts)


Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


# ------------------------------------------------------------------------------------------------------------------------- one task


def run_task(task: Task, run: Run) -> Receipt:
    """Values one range of rows and writes its part. Running it twice changes nothing."""
    keep_freed_memory()
    with kernels(run.job.backend).DefaultArithmetic():
        return _value_task(task, run)


def _value_task(task: Task, run: Run) -> Receipt:
    receipt = Receipt(task.number, run.appraiser.new_totals(run.job.group_by))
    parts: list[pa.RecordBatch] = []
    if run.job.keep_paths:
        name = f"paths/part-{task.number:05d}.arrow"
        receipt.files.append(run.store.write_ipc(name, _paths_schema(run.job), _values(task, run, receipt, parts)))
    else:
        for _ in _values(task, run, receipt, parts):
            pass
    name = f"assets/part-{task.number:05d}.parquet"
    quantiles = run.job.sampling.quantiles
    table = pa.Table.from_batches(parts, asset_schema(quantiles))
    receipt.files.append(run.store.write_parquet(name, table, DENSE, [quantile_name(one) for one in quantiles]))
    receipt.rejected = len(receipt.rejects.rows(task.unit.display))
    return receipt


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
    receipt = Receipt(task.number, run.appraiser.new_totals(()))
    for rows in _prepared(task, run, receipt):
        run.appraiser.check(rows)
        receipt.doubts += run.appraiser.doubts(rows)
        receipt.valued += len(rows)
    receipt.rejected = len(receipt.rejects.rows(task.unit.display))
    receipt.rejects.shorten(keep)
    return receipt


# ------------------------------------------------------------------------------------------------------------------------- the run


@dataclass(frozen=True)
class Outcome:
    """What a run came to; `rules` are the broken ones with how many problems each, `rejects` the problems (of a check, those kept)."""

    rows: int
    valued: int
    rejected: int
    rejects: pa.Table
    warnings: tuple[str, ...]
    seconds: float
    rules: tuple[BrokenRule, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """A run's opened and checked inputs."""

    portfolio: Portfolio
    market: Market
    assumptions: Assumptions
    run: Run
    tasks: list[Task]
    warnings: tuple[str, ...]


@contextmanager
def opened(portfolio: object, market: object, assumptions: str | Path, job: Job, out: str, rule: CashRule | None = None) -> Iterator[Inputs]:
    """Opens and checks all that a run reads, before anything is written. Raises InputError."""
    if fault := kernels(job.backend).isa_fault:
        raise InputError(f"{fault}: set it to one of them, or leave it unset" if job.backend == "native" else fault)
    if rule is not None:
        rule.check()
    with tempfile.TemporaryDirectory(prefix="ipvalue-") as spool:
        store = Store(out)
        if not store.is_shared and job.scheduler != "threads":
            raise InputError(f"{out}: other processes cannot write to this one's memory: use --scheduler threads or name another --out")
        the_market = market if isinstance(market, Market) else load_market(_market_source(market, portfolio))
        book = load_assumptions(assumptions)
        found = open_portfolio(portfolio, Path(spool), rule.extra if rule else ())
        scanned = scan(found, job.group_by)
        # a blank counts as one group until it is filled
        job.check_memory(scanned.groups * book.ways_to_fill(job.group_by), max(scanned.methods, book.most_methods))
        units = found.units(job.task_rows(found.rows, the_market.steps_per_year))
        tasks = [Task(unit, number) for number, unit in enumerate(units)]
        sampling = replace(job.sampling, threads=job.threads_of_task(len(tasks)))
        run = Run(job, make_appraiser(the_market, book, sampling, job.premise, job.keep_paths, rule), scanned.duplicates, store)
        yield Inputs(found, the_market, book, run, tasks, (*found.warnings, *scanned.warnings))


def _market_source(market: object, portfolio: object) -> Any:
    """The market given, else market.toml beside the portfolio."""
    if isinstance(market, str | Path | Mapping):
        return market
    if market is not None:
        found = f"an object of type {type(market).__name__}"
        raise InputError(f"{found} is no market: give the path of a TOML file, a mapping like one, or what load_market gave")
    if isinstance(portfolio, str | Path) and (beside := Path(portfolio).parent / "market.toml").exists():
        return beside
    raise InputError("no market is given and no market.toml stands beside the portfolio: name one with --market")


def value_portfolio(inputs: Inputs, *, overwrite: bool = False, progress: Progress | None = None, command: str = "value") -> Outcome:
    """Values the portfolio into its results directory, whole or not at all. Raises InputError, RunError or KeyboardInterrupt."""
    run, store = inputs.run, inputs.run.store
    started, clock = datetime.now(UTC), time.perf_counter()
    draft = store.begin(overwrite)
    try:
        gathered = _gather(run_task, replace(inputs, run=replace(run, store=draft)), progress)
        if not gathered.valued:
            raise _nothing_left(gathered)
        draft.sweep()
        files = [*gathered.files, *_write_tables(draft, run.job, gathered)]
        seconds = time.perf_counter() - clock
        draft.write_manifest(_manifest(inputs, gathered, files, started, seconds, command))
    except BaseException:
        draft.discard()
        raise
    draft.commit()
    return Outcome(gathered.rows, gathered.valued, gathered.rejected, gathered.rejects.table(), _warnings(inputs, gathered), seconds)


def check_portfolio(inputs: Inputs, progress: Progress | None = None, keep: int | None = None) -> Outcome:
    """Finds every problem a run would find, without simulating or writing. Counts all, and keeps the first `keep` of each rule (None: all)."""
    clock = time.perf_counter()
    gathered = _gather(partial(check_task, keep=keep), inputs, progress, keep)
    return Outcome(
        gathered.rows,
        gathered.valued,
        gathered.rejected,
        gathered.rejects.table(),
        _warnings(inputs, gathered),
        time.perf_counter() - clock,
        gathered.rejects.broken_rules(),
    )


def _gather(function: Callable[[Task, Run], Receipt], inputs: Inputs, progress: Progress | None, keep: int | None = None) -> Receipt:
    """All tasks' receipts in one, with the first `keep` problems of each rule. Rejects and totals do not depend on the order they come in; files
    are sorted by name."""
    job = inputs.run.job
    whole = Receipt(-1, inputs.run.appraiser.new_totals(job.group_by))

    def take(receipt: Receipt) -> None:
        whole.rows += receipt.rows
        whole.valued += receipt.valued
        whole.rejected += receipt.rejected
        whole.files += receipt.files
        whole.rejects.merge(receipt.rejects)
        whole.rejects.shorten(keep)
        whole.doubts += receipt.doubts
        whole.totals.merge(receipt.totals)
        if progress:
            progress(whole.rows, inputs.portfolio.rows)

    try:
        spread.run(function, inputs.tasks, inputs.run, job.scheduler, job.threads, take)
    finally:
        inputs.run.streams.release()
    whole.files.sort(key=lambda file: file.name)
    return whole


def _warnings(inputs: Inputs, gathered: Receipt) -> tuple[str, ...]:
    """What the user should know about the files and the rows."""
    return (*inputs.warnings, *gathered.doubts.sentences())


def _nothing_left(gathered: Receipt) -> InputError:
    table = gathered.rejects.table()
    lines = [f"  {one['file']}, row {one['row']}: {one['message']}" for one in table.slice(0, 3).to_pylist()]
    if more := table.num_rows - len(lines):
        lines.append(f"  and {more:,} more {'problem' if more == 1 else 'problems'}: ipvalue check lists them")
    return InputError("\n".join([f"no row can be valued: all {gathered.rows:,} were rejected", *lines]))


def _write_tables(store: Store, job: Job, gathered: Receipt) -> list[Written]:
    totals = gathered.totals
    return [
        store.write_parquet("groups.parquet", describe_groups(totals, job.sampling)),
        store.write_ipc("totals.arrow", totals_schema(job.group_by), _totals_batches(totals)),
        store.write_parquet("rejects.parquet", gathered.rejects.table()),
    ]


def totals_schema(columns: tuple[str, ...]) -> pa.Schema:
    """The columns of totals.arrow."""
    return pa.schema([*((name, pa.string()) for name in columns), ("path", pa.int64()), ("value", pa.decimal128(38, 6))])


def _totals_batches(totals: Totals) -> Iterator[pa.RecordBatch]:
    """One batch a group. A 128-bit sum in units of 10⁻⁶ is a decimal128(38, 6) as it stands."""
    schema = totals_schema(totals.columns)
    path = pa.array(np.arange(totals.paths))
    for key, _, sums, _ in totals.ordered():
        value = pa.Array.from_buffers(pa.decimal128(38, 6), totals.paths, [None, pa.py_buffer(np.ascontiguousarray(sums))])
        texts = [pa.array([text] * totals.paths, pa.string()) for text in key or (None,) * len(totals.columns)]
        yield pa.RecordBatch.from_arrays([*texts, path, value], schema=schema)


def _manifest(inputs: Inputs, gathered: Receipt, files: list[Written], started: datetime, seconds: float, command: str) -> dict[str, Any]:
    """The only file that holds times and hosts."""
    job = inputs.run.job
    return {
        "command": command,
        "ipvalue": version("ipvalue"),
        "numerics_version": NUMERICS_VERSION,
        "options": {**job.model_dump(), "quantiles": list(job.sampling.quantiles), "max_paths": job.cap},
        "inputs": {
            "portfolio": [{"file": one.display, "rows": one.rows, "bytes": one.bytes, "sha256": one.sha256} for one in inputs.portfolio.files],
            "market": {"sha256": inputs.market.sha256, "content": inputs.market.model_dump(mode="json")},
            "assumptions": {"sha256": inputs.assumptions.sha256},
            **inputs.run.appraiser.rule_terms(),
        },
        "premise": inputs.run.appraiser.premise_terms(),
        "counts": {"rows": gathered.rows, "valued": gathered.valued, "rejected": gathered.rejected, "tasks": len(inputs.tasks)},
        "files": [asdict(one) for one in files],
        "warnings": list(_warnings(inputs, gathered)),
        "time": {"started": started.isoformat(), "seconds": round(seconds, 3)},
        "machine": {
            "host": platform.node(),
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "workers": job.threads,
            "backend": job.backend,
            **({"instruction_set": kernels("native").isa()} if job.backend == "native" else {}),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pyarrow": pa.__version__,
        },
    }
