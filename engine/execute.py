"""The run: tasks on ranges of rows, spread by Dask over threads, processes or a cluster; progress, ends of every kind, and going on after them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from ipvalue import spread
from ipvalue.fingerprint import Terms, fingerprint
from ipvalue.inputs import Inputs
from ipvalue.journal import Journal, refuse_others, refuse_otherwise
from ipvalue.manifest import manifest_of, terms_of, warnings_of, write_tables
from ipvalue.receipt import Receipt
from ipvalue.schema import BrokenRule, InputError, IpvalueError, RunError
from ipvalue.storage import Written
from ipvalue.store import JOURNAL, MANIFEST, Store, part_of
from ipvalue.task import check_task
from ipvalue.work import Numbered, Work, whole_work

_log = logging.getLogger("ipvalue")

Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


class Interrupted(KeyboardInterrupt):
    """A run was stopped; the text says what is kept of it."""


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


def value_portfolio(
    inputs: Inputs,
    *,
    overwrite: bool = False,
    resume: bool = False,
    keep: bool = True,
    progress: Progress | None = None,
    command: str = "value",
    whole: Callable[[Inputs], Work] = whole_work,
    work_of: Callable[[Inputs], Work] | None = None,
) -> Outcome:
    """Values the portfolio into its results directory, which nobody else may write to meanwhile. Where it ends early, what is done is kept
    (`keep`), and `resume` goes on with it. whole: all that there is to do; work_of: what of it where there is no such result yet.

    Raises InputError (nothing is kept), RunError or Interrupted (the text says what is kept).
    """
    terms = terms_of(inputs)
    draft = inputs.run.store.begin(fingerprint(terms), overwrite=overwrite, resume=resume)
    if draft.found == "finished":
        _put_in_place(draft)
        if before := _finished(inputs, terms, whole):
            return before
        draft = inputs.run.store
    inputs = inputs.into(draft)
    journal: Journal | None = None
    work = None
    try:
        work = (work_of or whole)(inputs)
        terms = {**terms, **work.terms}
        journal = Journal(draft, terms, work.begun, work.portfolios, work.anew)
        draft.remove(MANIFEST)  # of a damaged result: from here on the journal says what is there
        _gather(work, [task for task in work.tasks if journal.waits_for(task.number)], inputs, journal.done, journal.take, progress)
        draft.sweep()
        work.check()
        journal.check_parts()
        if not journal.done.valued:
            raise _nothing_left(journal.done, command)
        files = [*([] if work.passed else journal.done.written()), *(work.tables or write_tables)(draft, inputs.run.job, journal.done)]
        draft.write_manifest(manifest_of(inputs, terms, journal, files, command))
    except BaseException as error:
        raise _ended(error, inputs, work, journal, keep, resume) from None
    _put_in_place(draft)
    return _outcome(inputs, journal.done, journal.seconds)


def _put_in_place(draft: Store) -> None:
    try:
        draft.commit()
    except KeyboardInterrupt:
        raise Interrupted(f"stopped while the result was put in place in {draft.location}: the same command with --resume goes on") from None


def _ended(error: BaseException, inputs: Inputs, work: Work | None, journal: Journal | None, keep: bool, resume: bool) -> BaseException:
    """What a run that ends early raises; what it did is kept where it may be gone on with."""
    draft = inputs.run.store
    if journal is None and draft.found != "nothing":  # another run's, or one that cannot be gone on with now
        return error
    if work is None or journal is None or not keep:
        draft.discard()
        return error
    try:
        draft.sweep()
        journal.write()
    except (IpvalueError, KeyboardInterrupt) as reason:
        # of an input that changed or is lost, which explains more than what came of it; after a full disk the record before this one stands
        if isinstance(reason, InputError) or isinstance(error, InputError):
            error = reason
    if isinstance(error, InputError) or not journal.kept:
        draft.discard()
        return error
    again = "the same command goes on" if resume else "the same command with --resume goes on"
    kept = f"{journal.kept:,} of {len(work.tasks):,} parts are kept in {draft.location}: {again}"
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(f"stopped; {kept}")
    if isinstance(error, IpvalueError):
        return RunError(f"{error}; {kept}")
    _log.info(kept)
    return error


def _finished(inputs: Inputs, terms: Terms, whole: Callable[[Inputs], Work]) -> Outcome | None:
    """The outcome of the result that is there, its damaged parts made again; None where other files of it are damaged, so that it is made anew.

    Raises InputError where it is another run's.
    """
    clock, store = time.perf_counter(), inputs.run.store
    manifest = store.manifest()
    refuse_others(manifest, terms, store.location)
    files = {file.name: file for file in (Written(**entry) for entry in manifest["files"])}
    damaged = [file.name for file in files.values() if not store.holds(file)]
    parts = {part_of(name) for name in damaged}
    if None in parts:
        which = next(name for name in damaged if part_of(name) is None)
        _log.info("the result in %s is made again from the start: %s is damaged", store.location, which)
        return None

    def check(receipt: Receipt) -> None:
        for file in receipt.written():
            refuse_otherwise(file, files[file.name], store.location)

    if parts:
        work = whole(inputs)
        _gather(work, [task for task in work.tasks if task.number in parts], inputs, work.begun, check, None)
    _log.info("the result in %s is complete: %s", store.location, _mended(damaged))
    counts = manifest["counts"]
    rejects = store.read_parquet("rejects.parquet")
    return Outcome(counts["rows"], counts["valued"], counts["rejected"], rejects, tuple(manifest["warnings"]), time.perf_counter() - clock)


def _mended(damaged: list[str]) -> str:
    """What was done about the damaged files of a finished result, in a clause."""
    match damaged:
        case []:
            return "nothing was left to do"
        case [one]:
            return f"{one}, which was damaged, was made again"
    return f"{len(damaged):,} damaged files were made again, {damaged[0]} the first"


def check_portfolio(inputs: Inputs, progress: Progress | None = None, keep: int | None = None) -> Outcome:
    """Finds every problem a run would find, without simulating or writing. Counts all, and keeps the first `keep` of each rule (None: all)."""
    clock = time.perf_counter()
    work = replace(whole_work(inputs), function=partial(check_task, keep=keep), apart=None, writes=False)
    found = work.begun

    def take(receipt: Receipt) -> None:
        found.merge(receipt)
        found.rejects.shorten(keep)

    _gather(work, work.tasks, inputs, found, take, progress)
    return _outcome(inputs, found, time.perf_counter() - clock)


def _outcome(inputs: Inputs, done: Receipt, seconds: float) -> Outcome:
    rejects = done.rejects
    return Outcome(done.rows, done.valued, done.rejected, rejects.table(), warnings_of(inputs, done), seconds, rejects.broken_rules())


def _gather(
    work: Work,
    tasks: Sequence[Numbered],
    inputs: Inputs,
    whole: Receipt,
    take: Callable[[Receipt], None],
    progress: Progress | None,
) -> None:
    """Runs tasks of the work; `take` brings their receipts, in any order, into `whole`, of which `progress` tells. Without any, no worker is asked
    for: a finished run is finished though its cluster is gone."""
    job, store = inputs.run.job, inputs.run.store
    own = (store.place(MANIFEST if store.found == "finished" else JOURNAL),) if work.writes else ()

    def told(receipt: Receipt) -> None:
        take(receipt)
        if progress:
            progress(whole.rows, inputs.portfolio.rows)

    if progress and whole.rows:  # of a run that goes on
        progress(whole.rows, inputs.portfolio.rows)
    try:
        if tasks:
            spread.run(work.function, tasks, work.shared, job.scheduler, job.threads, told, work.apart, inputs.common((*work.places, *own)))
    finally:
        work.shared.release()
    for portfolio in reversed(work.portfolios):  # the first is the one that rows are rejected of
        whole.rejects.locate(portfolio.places)


def _nothing_left(gathered: Receipt, command: str) -> InputError:
    table = gathered.rejects.table()
    lines = [f"  {one['file']}, row {one['row']}: {one['message']}" for one in table.slice(0, 3).to_pylist()]
    if more := table.num_rows - len(lines):
        where = "" if command == "lend" else ": ipvalue check lists them"  # which knows no loans
        lines.append(f"  and {more:,} more {'problem' if more == 1 else 'problems'}{where}")
    return InputError(
        "\n".join([f"no {'loan can be lent' if command == 'lend' else 'row can be valued'}: all {gathered.rows:,} were rejected", *lines])
    )
