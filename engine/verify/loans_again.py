"""Loans re-derived from the inputs of their run, with all that are settled with them, and compared with their rows of the result.

l = loans, p = paths
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue import spread
from ipvalue.intake import hash_ids
from ipvalue.lending.bearing import Words, bear
from ipvalue.lending.book import NAMES, Tails
from ipvalue.loan_book.parts import events_of
from ipvalue.loan_book.pledged import ENDS as RIGHT_ENDS
from ipvalue.loan_book.run import Planned
from ipvalue.loan_book.tables import NONE, Ledger, loan_rows, shares_of, tails_told, years_of
from ipvalue.loan_book.work import ENDS as LOAN_ENDS
from ipvalue.loan_book.work import NUMBER, Book, LoanTask, lent_of, new_receipt
from ipvalue.share import Share, chosen
from ipvalue.verify.rights import differences
from ipvalue.verify.verify import Looked, Progress, kernels_here

OF_BALANCES = ("bank_expected_loss", "break_even_spread", *(f"bank_es_{name}" for name in NAMES))
"""What follows from all loans of a programme whose balance may run out."""


@dataclass(frozen=True)
class _Again:
    """What re-deriving some units needs: the book with their rights, what its tables are made by, the losses on the paths, and their tails."""

    book: Book
    ledger: Ledger
    sums: Words
    found: Tails

    def release(self) -> None:
        """Lets go of what is open."""
        self.book.release()


def compare_loans(
    looked: Looked,
    planned: Planned,
    loans: pa.Table,
    rejects: pa.Table,
    sums: Words,
    wanted: str | None,
    share: Share | None,
    progress: Progress | None,
) -> None:
    """Re-derives the loan `wanted`, or a share of all, and compares them with their rows; also that of which the reasons are in the rejects."""
    found, ids = looked.findings, planned.loans.loan_id
    taken: npt.NDArray[np.bool_] = pc.equal(ids, wanted or "").to_numpy(zero_copy_only=False)
    if share is not None:
        taken = chosen(hash_ids(ids), share.of_rights, share.seed)
    tasks = _tasks(planned, np.flatnonzero(taken), rejects)
    made: list[pa.Table] = []
    with tempfile.TemporaryDirectory(prefix="ipvalue-") as folder:
        book = replace(planned.book_of(tasks, Path(folder)), pool=None)  # no row of a loan depends on it
        again = _Again(book, planned.ledger, sums, tails_told(sums))

        def take(table: pa.Table) -> None:
            made.append(table)
            if progress:
                progress(len(made), len(tasks))

        try:
            spread.run(_derived, tasks, again, "threads", looked.opened.job.threads, take)
        finally:
            again.release()
    names = ids.filter(pa.array(taken))
    stored = loans.filter(pc.is_in(loans["loan_id"], names))
    derived = pa.concat_tables(made).combine_chunks() if made else loans.slice(0, 0)
    derived = derived.filter(pc.is_in(derived["loan_id"], names))
    derived = derived.take(pc.sort_indices(pc.index_in(derived["loan_id"], ids)))
    looked.derived = len(names)
    found.add("figures that differ", *_differences(stored, derived, planned))
    limited = int(_limited(planned.ledger, np.flatnonzero(taken)).sum())
    beside = f"; of {limited:,} what the bank bears follows from a balance that all loans of a programme share, and is not" if limited else ""
    by = kernels_here(looked.opened.job.backend)
    if share is not None:
        looked.lines.append(("re-derived", f"{len(names):,} loans, a share of {share.of_rights:g} by seed {share.seed}, with {by}{beside}"))
        return
    equal = "" if found.counts["figures that differ"] else ": all equal, to the bit"
    at = int(np.flatnonzero(taken)[0])
    where = f"{planned.loans.files[planned.loans.file[at]]}, row {planned.loans.row[at]}"
    count = stored.num_columns - (len(OF_BALANCES) if limited else 0)
    looked.lines.append(("re-derived", f"{wanted} from {where}, with {by}; {count} columns{equal}{beside}"))


def _tasks(planned: Planned, loans: npt.NDArray[np.int64], rejects: pa.Table) -> list[LoanTask]:
    """Tasks of the units of some loans, numbered anew, as the run's were cut; what ended processes then is not tried again."""
    book = planned.loans
    rights = _told(rejects, RIGHT_ENDS[1])
    dead = np.flatnonzero(pc.is_in(book.loan_id, pa.array(_told(rejects, LOAN_ENDS), pa.string())).to_numpy(zero_copy_only=False))
    deadly_rights = np.flatnonzero(pc.is_in(book.assets, pa.array(rights, pa.string())).to_numpy(zero_copy_only=False))
    units = np.isin(book.unit, book.unit[loans])
    parts = [task.loans[units[task.loans]] for task in planned.tasks]
    ends = tuple(deadly_rights.tolist()), tuple(dead.tolist())
    return [LoanTask(number, one, *ends) for number, one in enumerate(part for part in parts if len(part))]


def _told(rejects: pa.Table, rule: str) -> list[str]:
    found: list[str] = rejects.filter(pc.equal(rejects["rule"], rule))["asset_id"].to_pylist()
    return found


def _derived(task: LoanTask, again: _Again) -> pa.Table:
    """The rows of a task's loans as the result has them; where a balance may run out as if it did not."""
    book, ledger, paths = again.book, again.ledger, again.book.run.job.paths
    parts, _ = lent_of(task, book, new_receipt(book.run))
    if not parts:
        return pa.table({"loan_id": pa.array([], pa.string())})
    figures, table = (pa.Table.from_batches([part[i] for part in parts]).combine_chunks() for i in range(2))
    numbers = figures[NUMBER].to_numpy()
    events, years = events_of(table), years_of(ledger.loans, numbers)
    terms = ledger.terms(numbers)
    borne = bear(events, terms._replace(limited=np.full_like(terms.limited, -1)), years, NONE, np.zeros_like(again.sums))
    return loan_rows(ledger, figures, borne.bank, shares_of(events, borne, again.found, len(numbers)), paths)


def _limited(ledger: Ledger, loans: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(l,) whose programmes have a balance that may run out."""
    limited: Any = ledger.terms(loans).limited
    found: npt.NDArray[np.bool_] = (limited >= 0).any(axis=1)
    return found


def _differences(stored: pa.Table, derived: pa.Table, planned: Planned) -> list[str]:
    """What differs, a sentence each; of loans with a balance that may run out, what follows from it is not looked at."""
    place = pc.index_in(stored["loan_id"], planned.loans.loan_id).to_numpy()
    limited = _limited(planned.ledger, place)
    if stored["loan_id"].to_pylist() != derived["loan_id"].to_pylist() or not limited.any():
        return differences(stored, derived, "loan_id", "lent")
    free, rest = pa.array(~limited), pa.array(limited)
    told = differences(stored.filter(free), derived.filter(free), "loan_id", "lent")
    kept, made = (one.filter(rest).drop_columns(list(OF_BALANCES)) for one in (stored, derived))
    return told + differences(kept, made, "loan_id", "lent")
