"""A table of loans (path, URL or table in memory) → loans as arrays, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.intake import BATCH_ROWS, BOOK, Portfolio, columns_of, open_portfolio, read, repeated_ids
from ipvalue.lending.build import build, pledges_of
from ipvalue.lending.left_out import LeftOut, left_out, reject_followers, reject_ranks
from ipvalue.lending.loan_rules import Named, check_loans, principal_in_market
from ipvalue.lending.loans import Loans, Pledged
from ipvalue.rows import Rows
from ipvalue.schema import Rejects

Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_STATED = [BOOK.key, "asset_ids", "pledge_ranks", "principal", "currency"]


@dataclass(frozen=True)
class LoanBook:
    """A table of loans as it was read: its files, the loans, the problems of the rows that are none, and how much these are; chosen (l): the loans
    that were asked for."""

    source: Portfolio
    loans: Loans
    rejects: Rejects
    left_out: LeftOut
    chosen: Mask


def read_loans(source: str | Path | object, named: Named, spool: Path, where: Callable[[pa.RecordBatch], Mask] | None = None) -> LoanBook:
    """The loans of a path or URL (Parquet, Arrow IPC, a directory of either, CSV, Excel), of anything with `__arrow_c_stream__`, or of files that
    are open.

    CSV and tables in memory are copied once into the directory `spool`. where: which rows are chosen, all without it. What is pledged is not looked
    up yet: `without_bad_rights` does. Raises InputError where a file is missing, damaged, empty or no table of loans, and RunError where the copy
    cannot be written.
    """
    book = source if isinstance(source, Portfolio) else open_portfolio(source, spool, kind=BOOK)
    files = tuple(one.display for one in book.files)
    file = np.repeat(np.arange(len(files)), [one.rows for one in book.files])
    row = np.concatenate([np.arange(one.rows) for one in book.files])
    checked, good, rejects = _checked(book, named)
    stated = _rows(list(columns_of(book, _STATED, BOOK)), row)
    pledged = Pledged(files, file, row, stated.batch[BOOK.key], *pledges_of(stated, good))
    bad = ~good | reject_ranks(pledged, rejects, good)
    bad |= reject_followers(pledged, rejects, bad, ~bad)
    rows = checked.only(~bad[good])
    loans = build(rows, pledged.only(~bad), named)
    chosen = np.ones(len(loans), np.bool_) if where is None else where(rows.batch)
    return LoanBook(book, loans, rejects, left_out(principal_in_market(stated, named.fx)[bad]), chosen)


def _checked(book: Portfolio, named: Named) -> tuple[Rows, Mask, Rejects]:
    """The rows that keep the rules of loans by themselves, which of all rows these are, and the problems of the others."""
    duplicates, rejects, batches, kept = repeated_ids(book, BOOK), Rejects(), [], []
    first = 0
    for file in book.files:
        for unit in file.units(BATCH_ROWS):
            for batch, row, problems in read(unit, duplicates, kind=BOOK):
                rows = Rows(batch, row, pa.nulls(len(row)), unit.display, problems, BOOK.key)
                check_loans(rows, named)
                rows.settle()
                rejects.merge(rows.rejects)
                batches.append(rows.batch)
                kept.append(first + rows.row)
        first += file.rows
    good, where = np.zeros(book.rows, np.bool_), np.concatenate(kept)
    good[where] = True
    return _rows(batches, where), good, rejects


def _rows(batches: list[pa.RecordBatch], row: Longs) -> Rows:
    """Rows of whatever files as one batch."""
    return Rows(pa.concat_batches(batches), row, pa.nulls(len(row)), "", Rejects(), BOOK.key)
