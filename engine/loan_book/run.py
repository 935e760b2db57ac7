"""A book of loans against rights of a portfolio: opened, planned and lent."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ipvalue.backend import kernel
from ipvalue.execute import Outcome, Progress, value_portfolio
from ipvalue.heap import release_freed_memory
from ipvalue.inputs import Inputs, opened, reopened
from ipvalue.intake import BOOK, NOWHERE, gather, places_of, reopen_portfolio
from ipvalue.job import Job, make_job, refuse_unknown
from ipvalue.lending.batch import packed
from ipvalue.lending.loan_rules import Named
from ipvalue.lending.loans import Loans
from ipvalue.lending.pledges import Numbers, runs
from ipvalue.lending.read import LoanBook, read_loans
from ipvalue.loan_book.apart import run_loans_apart
from ipvalue.loan_book.figures import Lender
from ipvalue.loan_book.names import Names, load_names
from ipvalue.loan_book.pool import Pooled
from ipvalue.loan_book.tables import Ledger, write_tables
from ipvalue.loan_book.work import Book, LoanTask, new_receipt, refuse_too_large, run_loans
from ipvalue.rows import Longs
from ipvalue.schema import Rejects
from ipvalue.store import Store
from ipvalue.task import Run
from ipvalue.work import Work

COMMAND = "lend"
PLACES = "loan_files"
"""Among the inputs in a manifest: where the tables of loans lie, by their names. No figure follows from it."""
OPTIONS = ("paths", "seed", "sampler", "precision", "quantiles", "workers", "scheduler", "memory", "backend", "rows_per_task")
"""The options of `value` that loans follow from, or are made by."""
PLEDGED = "pledged/part-00000.arrow"
"""In the results directory, the rows that are pledged, where the workers of a cluster read them; it goes when the run is done."""
MOST_WEIGHT = 8_192
"""Of a task's loans and pledges: a task holds its rights and what stands behind its loans, and larger ones take no less time for a loan."""
QUANTILES = (0.05, 0.5)
"""Of coverage and of what the rights of a loan are worth together, where no others are asked for."""


def lend_into(
    loans: object,
    portfolio: object,
    market: object,
    assumptions: str | Path,
    *,
    named: Mapping[str, Any],
    options: Mapping[str, Any],
    out: str,
    overwrite: bool,
    resume: bool,
    keep: bool = True,
    progress: Progress | None = None,
) -> Outcome:
    """Lends into a results directory and says what came of it. named: as load_names takes it."""
    store = Store(out)
    store.check_free(overwrite=overwrite, resume=resume)
    job, names = loan_job(options), load_names(**named)
    with (
        store.locked(),
        kernel.DefaultArithmetic(),
        opened(portfolio, market, assumptions, job, out) as inputs,
        opened_book(inputs, loans, names) as planned,
    ):
        return planned.lend(overwrite=overwrite, resume=resume, keep=keep, progress=progress)


def loan_job(options: Mapping[str, Any]) -> Job:
    """The options of a run of loans, checked."""
    refuse_unknown(options, OPTIONS, "loans")
    return make_job({"quantiles": QUANTILES, **options})


@contextmanager
def opened_book(inputs: Inputs, loans: object, names: Names) -> Iterator[Planned]:
    """A book of loans, opened, checked and planned; nothing of it is computed yet. inputs: of a run with `loan_job`'s options. Raises InputError."""
    with tempfile.TemporaryDirectory(prefix="ipvalue-") as folder:
        named, asked = names.in_market(inputs.market), names.pool
        source = read_loans(loans, named, Path(folder), None if asked is None else asked.where)
        release_freed_memory()
        pooled = None if asked is None else asked.of(source)
        planned = _planned(inputs, source, named, names.policy, Path(folder), pooled)
        planned.refuse_too_large()
        yield planned


def _told(progress: Progress, loans: int) -> Progress:
    """Of the loans, not of the rights."""
    return lambda done, _: progress(done, loans)


@contextmanager
def reopened_book(manifest: Mapping[str, Any], out: str = ".", **options: Any) -> Iterator[Planned]:
    """What a finished result of loans was made of, opened again from its manifest alone, as `inputs.reopened` does. Raises InputError."""
    of, places = manifest["inputs"]["loans"], manifest["inputs"].get(PLACES, {})
    limits = of.get("tranche_ratings")
    names = load_names(
        ratings={"rating": of["ratings"]},
        programmes={"programme": of["programmes"]},
        policies={"policy": of["policies"]},
        policy=of["policy"],
        pool=of.get("pool"),
        tranche_ratings=None if limits is None else {"rating": dict(limits)},
    )
    files = [{"file": name, "path": places.get(name), "sha256": one["sha256"]} for name, one in of["files"].items()]
    with (
        tempfile.TemporaryDirectory(prefix="ipvalue-") as folder,
        reopened(manifest, out, **options) as inputs,
        opened_book(inputs, reopen_portfolio(files, Path(folder), kind=BOOK), names) as planned,
    ):
        yield planned


@dataclass(frozen=True)
class Planned:
    """A book before anything is computed: its loans, and the rights that they pledge, each with its place in the portfolio."""

    inputs: Inputs
    source: LoanBook
    loans: Loans
    named: Named
    places: Numbers
    folder: Path
    room: int
    pooled: Pooled | None

    def into(self, store: Store) -> Planned:
        """The same, to be written elsewhere."""
        return replace(self, inputs=self.inputs.into(store))

    def lend(self, *, overwrite: bool = False, resume: bool = False, keep: bool = True, progress: Progress | None = None) -> Outcome:
        """Lends into the results directory of the inputs."""
        told = None if progress is None else _told(progress, self.source.source.rows)
        ways: dict[str, Any] = {"overwrite": overwrite, "resume": resume, "keep": keep, "progress": told, "command": COMMAND}
        return value_portfolio(self.inputs, whole=self.work, **ways)

    def work(self, inputs: Inputs) -> Work:
        """All loans lent. Copies the rows that are pledged, those of each task together."""
        run = inputs.run
        tasks: Any = inputs.tasks
        book, rejects = self._book(run, tasks, self.folder)
        if not run.job.is_local:
            run.store.copy_in(PLEDGED, book.gathered.path)
            book = replace(book, gathered=replace(book.gathered, path=run.store.place(PLEDGED)))
        begun = new_receipt(run)
        begun.rejects.merge(self.source.rejects)
        begun.rejects.merge(rejects)
        begun.rows = begun.rejected = self.source.source.rows - len(self.loans)
        tables = partial(write_tables, self.ledger)
        portfolios, places = (inputs.portfolio, self.source.source), (book.gathered.path,)
        return Work(inputs.tasks, run_loans, book, begun, portfolios, places, apart=run_loans_apart, tables=tables, passed=True)

    @property
    def tasks(self) -> list[LoanTask]:
        """Those of the run."""
        found: list[Any] = self.inputs.tasks
        return found

    @property
    def weight(self) -> Longs:
        """(l,) by which tasks are cut."""
        return _weight(self.loans)

    @property
    def ledger(self) -> Ledger:
        """What the tables of the whole book are made by."""
        return Ledger(self.loans, tuple(self.named.programmes.values()), self.source.left_out, self.pooled)

    def book_of(self, tasks: Sequence[LoanTask], folder: Path) -> Book:
        """What some tasks need, which are of whole units and numbered from 0: the rights of those alone are copied, into `folder`."""
        return self._book(self.inputs.run, tasks, folder)[0]

    def _book(self, run: Run, tasks: Sequence[LoanTask], folder: Path) -> tuple[Book, Rejects]:
        """What tasks need, and the problems of the rights that they pledge."""
        part, pledges = np.full(len(self.loans.assets), NOWHERE, np.int32), self.loans.pledges
        for task in tasks:
            part[pledges.asset[runs(pledges.offset, task.loans)]] = task.number
        places = np.where(part == NOWHERE, np.int32(NOWHERE), self.places)
        gathered, rejects = gather(self.inputs.portfolio, run.duplicates, places, part, folder)
        release_freed_memory()
        lender = Lender(tuple(self.named.policies.values()), self.inputs.assumptions, run.appraiser.tables, run.appraiser.sampling)
        members = None if self.pooled is None else self.pooled.members
        return Book(run, self.loans, gathered, self.places != NOWHERE, lender, self.room, members), rejects

    def refuse_too_large(self) -> None:
        """Raises InputError where a unit's collateral on all paths does not fit the memory of a worker; the rights of those that may not are read."""
        loans = self.loans
        most = np.bincount(loans.unit, (np.diff(loans.years.offset) + 1) * np.diff(loans.pledges.offset)) * self.inputs.run.job.paths * 8.0
        doubtful = np.flatnonzero(most > self.room)
        if not len(doubtful):
            return
        with tempfile.TemporaryDirectory(prefix="ipvalue-") as folder:
            task = LoanTask(0, np.flatnonzero(np.isin(loans.unit, doubtful)))
            refuse_too_large(task, self.book_of([task], Path(folder)))


def _planned(inputs: Inputs, source: LoanBook, named: Named, policy: str | None, folder: Path, pooled: Pooled | None) -> Planned:
    job, loans = inputs.run.job, _with_policy(source.loans, policy)
    places = places_of(inputs.portfolio, loans.assets)
    weight = _weight(loans)
    at_once = job.task_rows(int(weight.sum()), inputs.market.steps_per_year, MOST_WEIGHT)
    task = packed(loans.unit, weight, at_once) if len(loans) else np.zeros(0, np.int64)
    by_task = np.argsort(task, kind="stable")
    cuts = np.searchsorted(task[by_task], np.arange(int(task.max(initial=-1)) + 2))
    tasks: Any = [LoanTask(number, by_task[cuts[number] : cuts[number + 1]]) for number in range(len(cuts) - 1)]
    base, left = inputs.run.appraiser, job.check_memory(1, inputs.assumptions.most_methods)
    left = left if pooled is None else pooled.check_memory(job, loans, left)
    base = replace(base, sampling=replace(base.sampling, threads=job.threads_of_task(len(tasks))), chunk_bytes=left // 4)
    run, warnings = replace(inputs.run, appraiser=base), (*inputs.warnings, *source.source.warnings)
    besides = {"loans": _terms(source, named, policy, pooled), PLACES: {one.display: one.location for one in source.source.files}}
    inputs = replace(inputs, run=run, tasks=tasks, warnings=warnings, besides=besides)
    return Planned(inputs, source, loans, named, places, folder, left // 2, pooled)


def _weight(loans: Loans) -> Longs:
    """(l,) a loan counts as one, and each of its pledges as one more."""
    return 1 + np.diff(loans.pledges.offset)


def _with_policy(loans: Loans, policy: str | None) -> Loans:
    """The loans with a policy where they name none."""
    if policy is None:
        return loans
    place = np.where(loans.terms.policy < 0, np.int32(loans.policies.index(policy)), loans.terms.policy)
    return replace(loans, terms=replace(loans.terms, policy=place))


def _terms(source: LoanBook, named: Named, policy: str | None, pooled: Pooled | None) -> dict[str, Any]:
    """What the results follow from beside the portfolio, for the record."""
    return {
        **({} if pooled is None else pooled.record),
        "files": {one.display: {"rows": one.rows, "bytes": one.bytes, "sha256": one.sha256} for one in source.source.files},
        "ratings": {name: list(curve) for name, curve in named.ratings.items()},
        "programmes": {name: one.model_dump(mode="json") for name, one in named.programmes.items()},
        "policies": {name: one.model_dump(mode="json") for name, one in named.policies.items()},
        "policy": policy,
    }
