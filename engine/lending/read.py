"""A table of loans (path, URL or table in memory) → loans as arrays, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ipvalue.intake import BOOK, Portfolio, columns_of, open_portfolio, read, repeated_ids
from ipvalue.lending.build import Agreed, pledged_by
from ipvalue.lending.left_out import LeftOut, left_out, reject_followers, reject_ranks
from ipvalue.lending.loan_rules import Named, check_loans, principal_in_market
from ipvalue.lending.loans import Loans, Pledged
from ipvalue.lending.pledges import Numbers, Pledges, starts
from ipvalue.rows import Floats, Ints, Longs, Mask, Rows
from ipvalue.schema import Rejects

CHECKED_ROWS = 8_192
"""Rows that are checked at a time: while they are, they take many times their place in the table."""
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
    up yet: `without_bad_rights` does. The table is held a batch at a time, of a loan its arrays alone. Raises InputError where a file is missing,
    damaged, empty or no table of loans, and RunError where the copy cannot be written.
    """
    book = source if isinstance(source, Portfolio) else open_portfolio(source, spool, kind=BOOK)
    rejects, agreed = Rejects(), Agreed(named)
    good, chosen = _checked(book, named, rejects, agreed, where)
    pledged, principal = _stated(book, good, named)
    bad = ~good | reject_ranks(pledged, rejects, good)
    bad |= reject_followers(pledged, rejects, bad, ~bad)
    loans = agreed.loans(~bad[good], pledged.only(~bad))
    return LoanBook(book, loans, rejects, left_out(principal[bad]), chosen[~bad[good]])


def _checked(book: Portfolio, named: Named, rejects: Rejects, agreed: Agreed, where: Callable[[pa.RecordBatch], Mask] | None) -> tuple[Mask, Mask]:
    """Which of all rows keep the rules of loans by themselves, and which of these are chosen; the former are agreed, the problems of the others go to
    the rejects."""
    duplicates = repeated_ids(book, BOOK)
    good, chosen, first = np.zeros(book.rows, np.bool_), [np.zeros(0, np.bool_)], 0
    for file in book.files:
        for unit in file.units(max(file.rows, 1)):
            for batch, row, problems in read(unit, duplicates, kind=BOOK, most=CHECKED_ROWS):
                rows = _rows(batch, row, unit.display, problems)
                check_loans(rows, named)
                rows.settle()
                rejects.merge(rows.rejects)
                agreed.add(rows)
                good[first + rows.row] = True
                chosen.append(np.ones(len(rows), np.bool_) if where is None else where(rows.batch))
        first += file.rows
    return good, np.concatenate(chosen)


def _stated(book: Portfolio, good: Mask, named: Named) -> tuple[Pledged, Floats]:
    """What all rows (l) pledge, whether they are good or not, and what is owed on each, NaN where that is not known."""
    ids, pledged, principal = [], [], []
    at = 0
    for batch in columns_of(book, _STATED, BOOK):
        rows = _rows(batch, np.arange(at, at + batch.num_rows), "", Rejects())
        at += batch.num_rows
        ids.append(batch[BOOK.key])
        pledged.append(pledged_by(rows, good[rows.row]))
        principal.append(principal_in_market(rows, named.fx))
    rights, lengths, ranks = zip(*pledged, strict=True)
    names = pa.chunked_array(rights, pa.string()).dictionary_encode().combine_chunks()
    pledges = Pledges(starts(np.concatenate(lengths)), names.indices.to_numpy(), _narrow(np.concatenate(ranks)))
    rows_of = [one.rows for one in book.files]
    return Pledged(
        tuple(one.display for one in book.files),
        np.repeat(np.arange(len(rows_of), dtype=np.int32), rows_of),
        np.concatenate([np.arange(count) for count in rows_of]),
        pa.chunked_array(ids, pa.string()).combine_chunks(),
        names.dictionary,
        pledges,
    ), np.concatenate(principal)


def _narrow(ranks: Ints) -> Numbers:
    """The same in as few bytes as the largest takes: mostly one."""
    return ranks.astype(np.min_scalar_type(int(ranks.max(initial=0))))


def _rows(batch: pa.RecordBatch, row: Longs, file: str, rejects: Rejects) -> Rows:
    return Rows(batch, row, pa.nulls(len(row)), file, rejects, BOOK.key)
