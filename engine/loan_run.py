"""A book of loans against rights of a portfolio: opened, planned and lent."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ipvalue.backend import kernel
from ipvalue.execute import Outcome, Progress, value_portfolio
from ipvalue.inputs import Inputs, opened
from ipvalue.intake import gather, places_of
from ipvalue.job import Job, make_job
from ipvalue.lending.batch import packed
from ipvalue.lending.loan_rules import Named
from ipvalue.lending.loans import Loans
from ipvalue.lending.policy import SHIPPED as POLICIES
from ipvalue.lending.policy import load_policies
from ipvalue.lending.ratings import load_ratings
from ipvalue.lending.read import LoanBook, read_loans
from ipvalue.lending.sharing import SHIPPED as PROGRAMMES
from ipvalue.lending.sharing import load_programmes
from ipvalue.loan_figures import Lender
from ipvalue.loan_pool import Pooled, asked_pool
from ipvalue.loan_tables import Ledger, write_tables
from ipvalue.loan_work import Book, LoanTask, new_receipt, run_loans
from ipvalue.rows import Longs
from ipvalue.schema import InputError, did_you_mean
from ipvalue.store import Store
from ipvalue.work import Work

Source = str | Path | Mapping[str, Any]
"""A TOML file, or a mapping like one."""

COMMAND = "lend"
OPTIONS = ("paths", "seed", "sampler", "precision", "quantiles", "workers", "scheduler", "memory", "backend", "rows_per_task")
"""The options of `value` that loans follow from, or are made by."""
QUANTILES = (0.05, 0.5)
"""Of coverage and of what the rights of a loan are worth together, where no others are asked for."""


def lend_into(
    loans: object,
    portfolio: object,
    market: object,
    assumptions: str | Path,
    *,
    ratings: Source | None,
    programmes: Source | None,
    policies: Source | None,
    policy: str | None,
    pool: Source | None,
    tranche_ratings: object,
    options: Mapping[str, Any],
    out: str,
    overwrite: bool,
    resume: bool,
    keep: bool = True,
    progress: Progress | None = None,
) -> Outcome:
    """Lends into a results directory and says what came of it."""
    store = Store(out)
    store.check_free(overwrite=overwrite, resume=resume)
    job = _job(options)
    names = (load_ratings(ratings) if ratings else {}, load_programmes(programmes or PROGRAMMES), load_policies(policies or POLICIES))
    if policy is not None and policy not in names[2]:
        raise InputError(f"there is no policy {policy!r}{did_you_mean(policy, names[2])} (policies: {', '.join(names[2])})")
    with (
        store.locked(),
        kernel.DefaultArithmetic(),
        opened(portfolio, market, assumptions, job, out) as inputs,
        tempfile.TemporaryDirectory(prefix="ipvalue-") as folder,
    ):
        named, asked = Named(inputs.market, *names), asked_pool(pool, tranche_ratings, Path(folder))
        source = read_loans(loans, named, Path(folder), None if asked is None else asked.where)
        pooled = None if asked is None else asked.of(source)
        planned = _planned(inputs, source, named, policy, Path(folder), pooled)
        told = None if progress is None else _told(progress, planned.source.source.rows)
        ways: dict[str, Any] = {"overwrite": overwrite, "resume": resume, "keep": keep, "progress": told, "command": COMMAND}
        return value_portfolio(planned.inputs, whole=planned.work, **ways)


def _job(options: Mapping[str, Any]) -> Job:
    for name in options:
        if name not in OPTIONS:
            raise InputError(f"{name} is no option of loans{did_you_mean(name, OPTIONS)} (options: {', '.join(OPTIONS)})")
    return make_job({"quantiles": QUANTILES, **options})


def _told(progress: Progress, loans: int) -> Progress:
    """Of the loans, not of the rights."""
    return lambda done, _: progress(done, loans)


@dataclass(frozen=True)
class Planned:
    """A book before anything is computed: its loans, and the rights that they pledge, each with its place in the portfolio and its task."""

    inputs: Inputs
    source: LoanBook
    loans: Loans
    named: Named
    places: tuple[Longs, Longs]
    part: Longs
    folder: Path
    room: int
    pooled: Pooled | None

    def work(self, inputs: Inputs) -> Work:
        """All loans lent. Copies the rows that are pledged, those of each task together."""
        run = inputs.run
        gathered, rejects = gather(inputs.portfolio, run.duplicates, self.places, self.part, self.folder)
        lender = Lender(tuple(self.named.policies.values()), inputs.assumptions, run.appraiser.tables, run.appraiser.sampling)
        book = Book(run, self.loans, gathered, self.places[0] >= 0, lender, self.room, None if self.pooled is None else self.pooled.members)
        begun = new_receipt(run)
        begun.rejects.merge(self.source.rejects)
        begun.rejects.merge(rejects)
        begun.rows = begun.rejected = self.source.source.rows - len(self.loans)
        ledger = Ledger(self.loans, tuple(self.named.programmes.values()), self.source.left_out, self.pooled)
        portfolios = (inputs.portfolio, self.source.source)
        return Work(inputs.tasks, run_loans, book, begun, portfolios, (gathered.path,), tables=partial(write_tables, ledger), passed=True)


def _planned(inputs: Inputs, source: LoanBook, named: Named, policy: str | None, folder: Path, pooled: Pooled | None) -> Planned:
    job, loans = inputs.run.job, _with_policy(source.loans, policy)
    places = places_of(inputs.portfolio, loans.assets)
    weight = 1 + np.diff(loans.pledges.offset)
    at_once = job.task_rows(int(weight.sum()), inputs.market.steps_per_year)
    task = packed(loans.unit, weight, at_once) if len(loans) else np.zeros(0, np.int64)
    part = np.zeros(len(loans.assets), np.int64)
    part[loans.pledges.asset] = task[loans.pledges.loan]
    by_task = np.argsort(task, kind="stable")
    cuts = np.searchsorted(task[by_task], np.arange(int(task.max(initial=-1)) + 2))
    tasks: Any = [LoanTask(number, by_task[cuts[number] : cuts[number + 1]]) for number in range(len(cuts) - 1)]
    base, left = inputs.run.appraiser, job.check_memory(1, inputs.assumptions.most_methods)
    base = replace(base, sampling=replace(base.sampling, threads=job.threads_of_task(len(tasks))), chunk_bytes=left // 4)
    run, warnings = replace(inputs.run, appraiser=base), (*inputs.warnings, *source.source.warnings)
    besides = {"loans": _terms(source, named, policy, pooled)}
    inputs = replace(inputs, run=run, tasks=tasks, warnings=warnings, besides=besides)
    return Planned(inputs, source, loans, named, places, part, folder, left // 2, pooled)


def _with_policy(loans: Loans, policy: str | None) -> Loans:
    """The loans with a policy where they name none."""
    if policy is None:
        return loans
    place = np.where(loans.terms.policy < 0, np.int32(loans.policies.index(policy)), loans.terms.policy)
    return replace(loans, terms=replace(loans.terms, policy=place))


def _terms(source: LoanBook, named: Named, policy: str | None, pooled: Pooled | None) -> dict[str, Any]:
    """What the results follow from beside the portfolio, for the record."""
    pool = {} if pooled is None else {"pool": pooled.cut.model_dump(mode="json"), "tranche_ratings": pooled.limits and list(pooled.limits.items())}
    return {
        **pool,
        "files": {one.display: {"rows": one.rows, "bytes": one.bytes, "sha256": one.sha256} for one in source.source.files},
        "ratings": {name: list(curve) for name, curve in named.ratings.items()},
        "programmes": {name: one.model_dump(mode="json") for name, one in named.programmes.items()},
        "policies": {name: one.model_dump(mode="json") for name, one in named.policies.items()},
        "policy": policy,
    }
