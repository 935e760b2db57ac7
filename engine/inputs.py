"""All that a run reads: opened and checked before anything is written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ipvalue.appraise import make_appraiser
from ipvalue.assumptions import Assumptions, load_assumptions
from ipvalue.backend import kernels
from ipvalue.cash_rule import CashRule, find_rule
from ipvalue.constants import NUMERICS_VERSION
from ipvalue.files import file_system, is_object_store, reading
from ipvalue.intake import Portfolio, open_portfolio, reopen_portfolio, scan
from ipvalue.job import Job, make_job
from ipvalue.likeness import common_ground
from ipvalue.lots import lot_count
from ipvalue.market import Market, load_market, market_of
from ipvalue.schema import InputError
from ipvalue.store import Store
from ipvalue.task import Run, Task


@dataclass(frozen=True)
class Inputs:
    """A run's opened and checked inputs; groups: how many the group columns make, before blanks are filled; besides: what else the results follow
    from, for the record."""

    portfolio: Portfolio
    market: Market
    assumptions: Assumptions
    run: Run
    tasks: list[Task]
    warnings: tuple[str, ...]
    groups: int
    besides: Mapping[str, Any] = field(default_factory=dict)

    def into(self, store: Store) -> Inputs:
        """The same, to be written elsewhere."""
        return replace(self, run=replace(self.run, store=store))

    def under(self, job: Job) -> Inputs:
        """The same files for a run with other options, that has no groups and keeps no paths: nothing is read again; its tasks are for the caller to
        make."""
        appraiser = make_appraiser(self.market, self.assumptions, job.sampling, job.premise, False)
        return replace(self, run=Run(job, appraiser, self.run.duplicates, self.run.store), tasks=[], groups=0)

    @property
    def first_file(self) -> str:
        """Of the portfolio, the file that is opened first."""
        return self.tasks[0].unit.path

    def common(self, places: Sequence[str]) -> dict[str, Any] | None:
        """What the workers of a cluster must have in common with this process (likeness.py), `places` being files that they must see; None where
        there is no cluster."""
        job = self.run.job
        return None if job.is_local else common_ground(job.backend, places)


@contextmanager
def opened(
    portfolio: object, market: object, assumptions: str | Path, job: Job, out: str, rule: CashRule | None = None, *, lots: bool = False
) -> Iterator[Inputs]:
    """Opens and checks all that a run reads, before anything is written. lots: groups have sums over lots of paths in place of one for each path.
    Raises InputError."""
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
        yield _planned(found, the_market, book, job, store, rule, lots)


@contextmanager
def reopened(manifest: Mapping[str, Any], out: str = ".", table: object = None, lots: bool = False, **options: Any) -> Iterator[Inputs]:
    """What a finished result was made of, opened again from its manifest alone; `options` take the place of its own. A store `out` is not looked at.
    table: the portfolio, where that was a table in memory, of which the manifest has no more than the hash.

    Raises InputError where anything is not what it was, or this version's numbers are others.
    """
    recorded = manifest["inputs"]
    if manifest["numerics_version"] != NUMERICS_VERSION:
        raise InputError(f"was made under numerics_version {manifest['numerics_version']}, and this is {NUMERICS_VERSION}: value it again")
    job = make_job({**manifest["options"], **options})
    rule = find_rule(job.rule) if job.rule else None
    if rule is not None and rule.sha256 != recorded["rule"]["sha256"]:
        raise InputError(f"rule {job.rule}: is not what it was when the result was made")
    with tempfile.TemporaryDirectory(prefix="ipvalue-") as spool:
        portfolio = reopen_portfolio(recorded["portfolio"], Path(spool), rule.extra if rule else (), table)
        market, book = market_of(recorded["market"]["content"]), load_assumptions(recorded["assumptions"]["content"])
        yield _planned(portfolio, market, book, job, Store(out), rule, lots)


def _planned(portfolio: Portfolio, market: Market, book: Assumptions, job: Job, store: Store, rule: CashRule | None, lots: bool) -> Inputs:
    """The inputs with their plan: what is to be done, in tasks. Raises InputError where it does not fit the memory."""
    scanned = scan(portfolio, job.group_by)
    # a blank counts as one group until it is filled
    groups = scanned.groups * book.ways_to_fill(job.group_by)
    rows = job.task_rows(portfolio.rows, market.steps_per_year)
    tasks = [Task(unit, number) for number, unit in enumerate(portfolio.units(rows))]
    sampling = replace(job.sampling, threads=job.threads_of_task(len(tasks)))
    appraiser = make_appraiser(market, book, sampling, job.premise, job.keep_paths, rule)
    kept = min(rows, portfolio.rows, appraiser.chunk_rows) if job.keep_paths else 0
    left = job.check_memory(groups, max(scanned.methods, book.most_methods), kept, sums=lot_count(job.sampling) if lots else None)
    run = Run(job, replace(appraiser, chunk_bytes=left), scanned.duplicates, store)
    return Inputs(portfolio, market, book, run, tasks, (*portfolio.warnings, *scanned.warnings), scanned.groups)


def _market_source(market: object, portfolio: object) -> Any:
    """The market given, else market.toml beside the portfolio."""
    if isinstance(market, str | Path | Mapping):
        return market
    if market is not None:
        found = f"an object of type {type(market).__name__}"
        raise InputError(f"{found} is no market: give the path of a TOML file, a mapping like one, or what load_market gave")
    if isinstance(portfolio, str | Path):
        if beside := _beside(str(portfolio)):
            return beside
        fs, inner = file_system(str(portfolio))
        with reading(str(portfolio)):  # where there is no portfolio either, its name is what was mistyped
            fs.info(inner)
    mend = "name one with --market; ipvalue init DIR writes one to begin with"
    raise InputError(f"no market is given and no market.toml stands beside the portfolio: {mend}")


def _beside(portfolio: str) -> str | None:
    """The path or URL of market.toml beside a portfolio, None where there is none."""
    fs, inner = file_system(portfolio)
    if is_object_store(fs) and "/" not in inner:  # nothing stands beside a bucket
        return None
    place = f"{portfolio.rstrip('/').rpartition('/')[0]}/market.toml" if "://" in portfolio else str(Path(portfolio).parent / "market.toml")
    fs, inner = file_system(place)
    with reading(place):
        return place if fs.exists(inner) else None
