"""`ipvalue.run`: a job file valued into a directory that is named by what is valued, so that the same job goes on where it was."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ipvalue.backend import kernel
from ipvalue.execute import Outcome, Progress, value_portfolio
from ipvalue.fingerprint import fingerprint
from ipvalue.inputs import Inputs, opened
from ipvalue.job_file import LATEST, JobFile, in_words_of_a_job, load_job
from ipvalue.journal import SINCE
from ipvalue.manifest import terms_of
from ipvalue.schema import InputError
from ipvalue.since import work_beside
from ipvalue.store import Store
from ipvalue.valuation import Result, job_and_rule, open_result
from ipvalue.work import Work, whole_work

_log = logging.getLogger("ipvalue")

DIGITS = 12
"""Of the fingerprint in a directory's name."""


@dataclass(frozen=True)
class Finished:
    """A job that is done: its results directory, what came of it, and whether rows that were set aside count as a failure."""

    directory: str
    outcome: Outcome
    strict: bool

    @property
    def failed(self) -> bool:
        """Whether rows were set aside and none should have been."""
        return self.strict and self.outcome.rejected > 0


def run(job: str | Path, *, progress: Progress | None = None) -> Result:
    """Values what a job file says (docs/files.md) into a directory of its own, ROOT/DATE-FINGERPRINT, as `ipvalue run` does.

    A run that was stopped goes on, one that is finished is only opened; where anything that a figure follows from has changed, it is another
    directory. Raises InputError (nothing written) and RunError (the text says what is kept).
    """
    return open_result(run_job(job, progress).directory)


def run_job(job: str | Path, progress: Progress | None = None) -> Finished:
    """The same, with what came of it."""
    file = load_job(job)
    with in_words_of_a_job(), opened_job(file) as inputs:
        root = file.outputs.root.rstrip("/")
        directory = f"{root}/{inputs.market.valuation_date}-{fingerprint(terms_of(inputs))[:DIGITS]}"
        _log.info("the results of %s go to %s", job, directory)
        store = Store(directory)
        with store.locked(), work_beside(_since(file, store)) as work_of:
            either = _or_everything(work_of) if file.since == LATEST else work_of
            outcome = value_portfolio(inputs.into(store), resume=True, progress=progress, work_of=either)
    return Finished(directory, outcome, file.run.strict)


def _since(file: JobFile, store: Store) -> str | None:
    """The result that rows are taken over from; of a run that goes on, the latest is the one that it was begun with."""
    if file.since != LATEST:
        return file.since
    if store.found == "unfinished":
        before = json.loads(store.read_journal()[0]).get(SINCE)
        return before and _location(store, before["result"])
    return _latest(store)


def _latest(store: Store) -> str | None:
    """The finished result beside `store` that was begun last; None where there is none."""
    root = store.root.rpartition("/")[0]
    places = [path.rstrip("/") for path in store.fs.ls(root, detail=False)] if store.fs.isdir(root) else []
    others = [Store(_location(store, place)) for place in places if place != store.root.rstrip("/")]
    finished = [(other.manifest()["time"]["started"], other.location) for other in others if other.found == "finished"]
    return max(finished)[1] if finished else None


def _location(store: Store, place: str) -> str:
    """What names a place on a store's file system."""
    return place if store.is_local else str(store.fs.unstrip_protocol(place))


def _or_everything(work_of: Callable[[Inputs], Work]) -> Callable[[Inputs], Work]:
    """The work beside the latest result or, where no row can be taken over from it, all of it: the night's run is to be there in the morning."""

    def work(inputs: Inputs) -> Work:
        try:
            return work_of(inputs)
        except InputError as error:
            _log.warning("nothing is taken over, all rows are valued: %s", str(error).replace("\n", ";"))
            return whole_work(inputs)

    return work


@contextmanager
def opened_job(file: JobFile) -> Iterator[Inputs]:
    """All that a job reads, opened and checked; its store is the root of the results. Raises InputError."""
    job, rule = job_and_rule(file.asked, file.rule)
    with kernel.DefaultArithmetic(), opened(file.portfolio, file.market, file.assumptions, job, file.outputs.root, rule) as inputs:
        yield inputs
