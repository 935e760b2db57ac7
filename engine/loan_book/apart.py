"""A task of loans that killed its workers, run in processes of its own: the rights that end them are found and left out, with the loans on them, and
then the loans that do. Loans that share a right or a borrower are settled at once, so of such a unit all are left out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from ipvalue.backend import kernels
from ipvalue.loan_book.pledged import rights_of
from ipvalue.loan_book.work import Book, LoanTask, lent_of, new_receipt, run_loans
from ipvalue.quarantine import Lot, Stopped, deadly_rows, run_alone
from ipvalue.receipt import Receipt
from ipvalue.rows import Longs
from ipvalue.simulate import simulate


def run_loans_apart(task: LoanTask, book: Book, stopped: Stopped) -> Receipt:
    """What run_loans does and gives, without what ends processes: it is among the rejects.

    Raises RunError where too much does, or the task ends its process still; kernel.Stopped where the run was stopped.
    """
    rights = np.unique(book.loans.pledges.take(task.loans).asset)
    found = deadly_rows(_lot(task, len(rights), "rights"), lambda some: partial(_try_rights, task.number, rights[some], book), stopped)
    task = replace(task, deadly_rights=tuple(rights[list(found)].tolist()))
    units = _units(task, book)
    lot = _lot(task, len(units), "units")
    found = deadly_rows(lot, lambda some: partial(_try_loans, task, np.sort(np.concatenate(units[some.start : some.stop])), book), stopped)
    deadly = np.concatenate([np.zeros(0, np.int64), *(units[one] for one in found)])
    return run_alone(partial(run_loans, replace(task, deadly_loans=tuple(deadly.tolist())), book), lot, stopped)


def _lot(task: LoanTask, count: int, things: str) -> Lot:
    return Lot(f"loans of task {task.number}", 0, count, things)


def _units(task: LoanTask, book: Book) -> list[Longs]:
    """The loans of each unit, by their numbers in the book, ascending."""
    unit = book.loans.take(task.loans).unit
    order = np.argsort(unit, kind="stable")
    return np.split(task.loans[order], np.flatnonzero(np.diff(unit[order])) + 1)


def _try_rights(part: int, numbers: Longs, book: Book) -> None:
    """Values some rights as the loans on them need it, and writes nothing."""
    appraiser = book.run.appraiser
    with kernels(book.run.job.backend).DefaultArithmetic():
        rights = rights_of(part, book.gathered, appraiser, new_receipt(book.run), numbers)
        if len(rights):
            simulate(rights.compiled.vectors, appraiser.factors, replace(appraiser.sampling, quantiles=()), None, None, made="moments")


def _try_loans(task: LoanTask, loans: Longs, book: Book) -> None:
    """Lends to some units of a task, and writes nothing."""
    lent_of(replace(task, loans=loans), book, new_receipt(book.run), np.unique(book.loans.pledges.take(loans).asset))
