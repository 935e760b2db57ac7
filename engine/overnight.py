"""`ipvalue.run`: a job file valued into a directory that is named by what is valued, so that the same job goes on where it was; and its loans lent
into another, beside it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipvalue.backend import kernel
from ipvalue.execute import Outcome, Progress, value_portfolio
from ipvalue.fingerprint import fingerprint
from ipvalue.inputs import Inputs, opened
from ipvalue.job_file import LATEST, JobFile, in_words, in_words_of_a_job, load_job
from ipvalue.journal import SINCE
from ipvalue.loan_book.lent import LendResult, open_loans
from ipvalue.manifest import terms_of
from ipvalue.options import Groups, Numbers
from ipvalue.schema import InputError, IpvalueError, RunError
from ipvalue.since import fault_of, work_beside
from ipvalue.store import LostRecord, Store, made_by
from ipvalue.valuation import Result, job_and_rule
from ipvalue.work import Work, whole_work

if TYPE_CHECKING:
    from ipvalue.loan_book.run import Planned

_log = logging.getLogger("ipvalue")

DIGITS = 12
"""Of the fingerprint in a directory's name."""
PASSED_OVER = "passed_over"
"""The term that says which earlier results no row could be taken over from, and why, where any was tried."""
MOST_TRIED = 3
"""Earlier results that are tried: where none of so many can be taken from, it is no accident."""
_NUMBERS = (*Numbers.model_fields, *Groups.model_fields, "rule")
"""The options that figures follow from."""


LENT = "-lending"
"""How the name of a directory ends that has the loans of a job."""


@dataclass(frozen=True)
class Lent:
    """The loans of a job that is done: their results directory, and what came of them."""

    directory: str
    outcome: Outcome


@dataclass(frozen=True)
class Finished:
    """A job that is done: its results directory, what came of it, and of its loans, and whether rows that were set aside count as a failure."""

    directory: str
    outcome: Outcome
    strict: bool
    lent: Lent | None = None

    @property
    def failed(self) -> bool:
        """Whether rows were set aside and none should have been."""
        return self.strict and any(one.rejected for one in (self.outcome, *([self.lent.outcome] if self.lent else ())))


class JobResult(Result):
    """What a job came to: the results directory of its portfolio, and that of its loans (`lent`), None where it has none."""

    lent: LendResult | None = None


def run(job: str | Path, *, progress: Progress | None = None, lending: Progress | None = None) -> JobResult:
    """Values what a job file says (docs/files.md) into a directory of its own, ROOT/DATE-FINGERPRINT, and lends its loans, if it has any, into one
    beside it, ROOT/DATE-FINGERPRINT-lending, as `ipvalue run` does.

    A run that was stopped goes on, one that is finished is only opened; where anything that a figure follows from has changed, it is another
    directory. progress, lending: called with the rights that are valued, and with the loans that are lent. Raises InputError (nothing written, unless
    the text says what) and RunError (the text says what is kept).
    """
    done = run_job(job, progress, lending)
    found = JobResult.open(done.directory)
    found.lent = open_loans(done.lent.directory) if done.lent else None
    return found


def run_job(job: str | Path, progress: Progress | None = None, lending: Progress | None = None) -> Finished:
    """The same, with what came of it."""
    file = load_job(job)
    with in_words_of_a_job(), opened_job(file) as inputs, opened_loans(file, inputs) as book:
        directory = _directory(file, inputs)
        loans = None if book is None else book.into(Store(f"{_directory(file, book.inputs)}{LENT}"))
        if loans is not None:  # before the night's work
            loans.inputs.run.store.check_free(overwrite=False, resume=True)
        _log.info("the results of %s go to %s", job, directory)
        outcome = _valued(file, inputs.into(Store(directory)), progress)
        lent = None if loans is None else _lent(loans, directory, lending)
    return Finished(directory, outcome, file.run.strict, lent)


def _directory(file: JobFile, inputs: Inputs) -> str:
    """The results directory, named by all that the results follow from."""
    return f"{file.outputs.root.rstrip('/')}/{inputs.market.valuation_date}-{fingerprint(terms_of(inputs))[:DIGITS]}"


def _valued(file: JobFile, inputs: Inputs, progress: Progress | None) -> Outcome:
    store = inputs.run.store
    with store.locked():
        value = partial(value_portfolio, inputs, resume=True, progress=progress)
        if file.since == LATEST:
            return _beside_the_latest(inputs, store, value)
        with work_beside(file.since) as work_of:
            outcome: Outcome = value(work_of=work_of)
            return outcome


def _lent(book: Planned, valued: str, progress: Progress | None) -> Lent:
    """Lends when the portfolio is valued, in `valued`, which an error does not undo."""
    store = book.inputs.run.store
    _log.info("the portfolio is valued in %s; the results of its loans go to %s", valued, store.location)
    try:
        with store.locked():
            return Lent(store.location, book.lend(resume=True, progress=progress))
    except (InputError, RunError) as error:
        raise type(error)(f"{error}; the portfolio is valued, in {valued}") from None


def _beside_the_latest(inputs: Inputs, store: Store, value: Callable[..., Outcome]) -> Outcome:
    """Values beside the latest result that rows can be taken over from, or all of them where there is none: the night's run is to be there in the
    morning. What is found at fault with an earlier result, even when the run is half done, is warned of and recorded."""
    passed: list[dict[str, str]] = []
    if begun := _unfinished(store):  # it goes on as it was begun
        passed += begun.get(PASSED_OVER, ())
        places = [begun[SINCE]["result"]] if SINCE in begun else []
    else:
        places = _latest(store, terms_of(inputs)["options"])
    for number, place in enumerate(places):
        try:
            with work_beside(place) as work_of:
                return value(work_of=_telling(work_of, passed, number > 0))
        except IpvalueError:
            if (fault := fault_of(inputs, place)) is None:
                raise
        reason = in_words(fault.replace(": value without --since", ""))
        passed.append({"result": place, "reason": reason})
        others = places[number + 1 :]
        instead = f"nothing is taken over from {place}, and {others[0]} is tried" if others else "nothing is taken over, all rows are valued"
        _log.warning("%s: %s", instead, reason.replace("\n ", ";"))
    return value(work_of=_telling(whole_work, passed, bool(places)))


def _unfinished(store: Store) -> Mapping[str, Any] | None:
    """How the run that is there was begun, None where there is none or nobody can say."""
    try:
        found: Mapping[str, Any] | None = json.loads(store.read_journal()[0]) if store.found == "unfinished" else None
    except LostRecord:
        return None
    return found


def _telling(work_of: Callable[[Inputs], Work], passed: list[dict[str, str]], anew: bool) -> Callable[[Inputs], Work]:
    """The work with the earlier results that were passed over, for the record."""

    def work(inputs: Inputs) -> Work:
        found = work_of(inputs)
        return replace(found, terms={**found.terms, **({PASSED_OVER: passed} if passed else {})}, anew=anew)

    return work


def _latest(store: Store, options: Mapping[str, Any]) -> list[str]:
    """The finished results beside `store`, at most MOST_TRIED: those first of which nobody can say any more how they were begun, then those with the
    same options, the latest first."""
    root, own = store.root.rpartition("/")[0], store.root.rstrip("/")
    places = [path.rstrip("/") for path in store.fs.ls(root, detail=False)] if store.fs.isdir(root) else []
    others = [Store(store.location_of(place)) for place in places if place != own and not place.endswith(LENT)]
    others = [other for other in others if _is_of_value(other) or _has_lost_its_manifest(other)]
    return [place for _, place in sorted(((_begun(other, options), other.location) for other in others), reverse=True)[:MOST_TRIED]]


def _begun(store: Store, options: Mapping[str, Any]) -> tuple[bool, bool, str]:
    """How and when a result was begun, as it sorts: whether that cannot be told, whether its figures follow from the same options, and when."""
    try:
        manifest = store.manifest()
        alike = all(manifest["options"].get(name) == options[name] for name in _NUMBERS)
        return False, alike, str(manifest["time"]["started"])
    except (InputError, KeyError, TypeError):
        return True, False, ""


def _is_of_value(store: Store) -> bool:
    """Whether it is a finished result, and not known to be another command's."""
    try:
        return store.found == "finished" and made_by(store.manifest()) == "value"
    except InputError:
        return True


def _has_lost_its_manifest(store: Store) -> bool:
    return store.found == "nothing" and bool(store.fs.exists(store.place("totals.arrow")))


@contextmanager
def opened_job(file: JobFile) -> Iterator[Inputs]:
    """All that a job reads, opened and checked; its store is the root of the results. Raises InputError."""
    job, rule = job_and_rule(file.asked, file.rule)
    with kernel.DefaultArithmetic(), opened(file.portfolio, file.market, file.assumptions, job, file.outputs.root, rule) as inputs:
        yield inputs


@contextmanager
def opened_loans(file: JobFile, inputs: Inputs) -> Iterator[Planned | None]:
    """The loans of a job, opened and checked, and the rights of its portfolio that they pledge found; None where it has none. Raises InputError."""
    if file.loans is None:
        yield None
        return
    named = file.lending.model_dump()
    options = {**file.asked, "quantiles": named.pop("quantiles")}
    with loans_beside(inputs, file.loans, options, named) as book:
        yield book


@contextmanager
def loans_beside(inputs: Inputs, loans: object, options: Mapping[str, Any], named: Mapping[str, Any]) -> Iterator[Planned]:
    """Loans against the rights of an opened portfolio, opened and checked, and what they pledge found; of the valuation's options those that loans
    follow from too. named: as loan_book.names.load_names takes it. Raises InputError."""
    from ipvalue.loan_book.names import load_names  # with Numba, which nothing else needs
    from ipvalue.loan_book.run import OPTIONS, loan_job, opened_book

    job = loan_job({name: options[name] for name in OPTIONS if options.get(name) is not None})
    with opened_book(inputs.under(job), loans, load_names(**named)) as book:
        yield book
