"""The tables of a whole book of loans, from what its tasks wrote: one pass over all defaults for balances, one for who bears what, one for the loans'
parts of the book's tails. docs/numerics.md §19.

l = loans that are lent, t = their years, b = bearers (bearing.SUMMED), p = paths
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.constants import MONEY_SCALE
from ipvalue.heap import release_freed_memory
from ipvalue.job import Job
from ipvalue.lending.bearing import SUMMED, Borne, Terms, Words, bear, claimed, paying_parts, tail_sums
from ipvalue.lending.book import NAMES, Tails, book_figures, contributions, tails
from ipvalue.lending.figures import break_even_spread
from ipvalue.lending.left_out import LeftOut
from ipvalue.lending.loans import Loans
from ipvalue.lending.pledges import counts_of, runs, starts
from ipvalue.lending.settlement import Events
from ipvalue.lending.sharing import BEARERS, Programme
from ipvalue.loan_book.exposures import Exposures
from ipvalue.loan_book.parts import Parts
from ipvalue.loan_book.pool import Pooled, PoolSums, write_pool
from ipvalue.loan_book.work import NUMBER, flows_name
from ipvalue.receipt import Receipt
from ipvalue.rows import Floats, Longs, Mask
from ipvalue.storage import Written
from ipvalue.store import Store

LOANS_A_PART = 65_536
"""Rows of a part of the loans, whatever the tasks were."""
ORDER = ("all", "bank", *BEARERS, "borrower")
"""Of the rows of book.parquet."""
TOLD = {"": "all", "bank_": "bank"}
"""Whose tails the loans' parts are told of, by the beginning of the columns' names."""
LOSSES = pa.schema([("bearer", pa.string()), ("path", pa.int64()), ("loss", pa.decimal128(38, 6))])
"""The columns of losses.arrow."""
_SCALE = float(MONEY_SCALE)
NONE = np.zeros((0, 0, 0))
"""What balances pay where none is limited."""


@dataclass(frozen=True)
class Ledger:
    """The loans of a book, all that were read, their programmes, how much was left out before, and the pool that is cut into tranches."""

    loans: Loans
    programmes: tuple[Programme, ...]
    left_out: LeftOut
    pooled: Pooled | None = None

    @cached_property
    def balances(self) -> dict[tuple[int, int], int]:
        """(programme, bearer) by number → the place of its balance among those that run out."""
        limited = [(i, b) for i, one in enumerate(self.programmes) for b, limit in enumerate(one.limits) if limit is not None]
        return {pair: place for place, pair in enumerate(limited)}

    def limits(self) -> Longs:
        """(m,) the balances that run out, in units of 10⁻⁶."""
        found = [self.programmes[i].limits[b] for i, b in self.balances]
        return np.rint(np.array(found, np.float64) * _SCALE).astype(np.int64)

    def terms(self, loans: Longs) -> Terms:
        """Who bears what of some loans."""
        of = self.loans.terms
        table = np.full((len(self.programmes) + 1, len(BEARERS)), -1)  # the last row is of no programme
        for (i, b), place in self.balances.items():
            table[i, b] = place
        return Terms(of.shares[loans], table[of.programme[loans]])


def write_tables(ledger: Ledger, store: Store, job: Job, gathered: Receipt) -> list[Written]:
    """Writes the loans, the book, its losses on the paths, its exposures, and the rejects. Rows of loans are held a part at a time."""
    release_freed_memory()
    parts = Parts(store, tuple(sorted(gathered.files)))
    paying = _paying(parts, ledger, job.paths)
    pool = None if ledger.pooled is None else PoolSums.of(ledger.pooled, ledger.loans, job.paths)
    sums, bank = _borne(parts, ledger, paying, job.paths, pool)
    shares = _shares(parts, ledger, paying, sums)
    exposures = Exposures()
    release_freed_memory()
    return [
        *_write_loans(parts, ledger, bank, shares, exposures, job.paths),
        store.write_parquet("book.parquet", _book(sums)),
        store.write_ipc("losses.arrow", LOSSES, _losses(sums)),
        store.write_parquet("exposures.parquet", exposures.table(ledger.loans, np.sort(parts.lent), ledger.left_out)),
        *([] if pool is None else _write_pool(pool, parts, gathered, job)),
        store.write_parquet("rejects.parquet", gathered.rejects.table()),
    ]


def _write_pool(pool: PoolSums, parts: Parts, gathered: Receipt, job: Job) -> list[Written]:
    """Writes what tranches lose, when the flows of loans with covenants are added."""
    for number in parts.tasks:
        if any(file.name == flows_name(number) for file in gathered.files[number]):
            pool.flows.merge(parts.store.read_ipc(flows_name(number)))
    return write_pool(pool, parts.lent, parts.store, job)


# ------------------------------------------------------------------------------------------------------------- the passes


def _paying(parts: Parts, ledger: Ledger, paths: int) -> Floats:
    """(m, y, p) the part of each claim that balances pay."""
    limits = ledger.limits()
    if not len(limits):
        return NONE
    years = int(np.diff(ledger.loans.years.offset).max(initial=1))
    sums = np.zeros((len(limits), years, paths, 2), np.uint64)
    for loans, events in parts.events():
        claimed(events, ledger.terms(loans), sums)
    return paying_parts(sums, limits)


def _borne(parts: Parts, ledger: Ledger, paying: Floats, paths: int, pool: PoolSums | None) -> tuple[Words, Floats]:
    """Sums on the paths by bearer (b, p, 2), and (t,) what the bank loses over all of them in each year of the loans, as they stand in the parts.
    Adds to the flows of a pool."""
    sums, bank = np.zeros((len(SUMMED), paths, 2), np.uint64), [np.zeros(0)]
    for loans, events in parts.events():
        borne = bear(events, ledger.terms(loans), years_of(ledger.loans, loans), paying, sums, each=pool is not None)
        bank.append(borne.bank)
        if pool is not None:
            pool.add(loans, events, borne)
    return sums, np.concatenate(bank)


def _shares(parts: Parts, ledger: Ledger, paying: Floats, sums: Words) -> Floats:
    """(l, told, levels) the loans' parts of the book's expected shortfalls, as they stand in the parts."""
    found, scratch, made = tails_told(sums), np.zeros_like(sums), [np.zeros((0, len(TOLD), len(NAMES)))]
    told: Mask = found.marks.max(axis=0) > 0
    for loans, whole in parts.events():
        events = whole.on(told)
        borne: Borne = bear(events, ledger.terms(loans), years_of(ledger.loans, loans), paying, scratch)
        made.append(shares_of(events, borne, found, len(loans)))
    return np.concatenate(made)


def tails_told(sums: Words) -> Tails:
    """The tails of sums (b, p, 2), without marks of those that loans' parts are not told of."""
    found = tails(sums)
    of = np.isin(SUMMED, list(TOLD.values()))
    return replace(found, marks=np.where(of[:, None], found.marks, np.uint8(0)))


def shares_of(events: Events, borne: Borne, found: Tails, loans: int) -> Floats:
    """(l, told, levels) so many loans' parts of the book's expected shortfalls, for each of TOLD."""
    return contributions(tail_sums(events, borne, found.marks, loans), found)[:, [SUMMED.index(bearer) for bearer in TOLD.values()]]


def years_of(loans: Loans, these: Longs) -> Longs:
    """Where the years of some loans begin, one loan after another."""
    return starts(counts_of(loans.years.offset, these))


# ------------------------------------------------------------------------------------------------------------- the tables


def loan_rows(ledger: Ledger, lent: pa.Table, bank: Floats, shares: Floats, paths: int) -> pa.Table:
    """The result's rows of loans, from their figures. bank (t,): what it loses over all paths in each year, in units of 10⁻⁶; shares (l, told,
    levels): the loans' parts of the book's expected shortfalls, of TOLD."""
    bank = bank / (paths * _SCALE)
    number, loans = lent[NUMBER].to_numpy(), ledger.loans
    years = loans.years.take(number)
    standing = lent["standing"].combine_chunks().flatten().to_numpy()
    more: dict[str, Any] = {
        "bank_expected_loss": np.bincount(np.repeat(np.arange(len(number)), np.diff(years.offset)), bank, len(number)),
        "break_even_spread": break_even_spread(years, loans.terms.rate[number], bank, standing),
    }
    for at, begin in enumerate(TOLD):
        more |= {f"{begin}es_{name}": shares[:, at, level] for level, name in enumerate(NAMES)}
    columns = {
        "loan_id": loans.loan_id.take(pa.array(number)),
        "borrower_id": loans.borrower_id.take(pa.array(number)),
        **{name: lent[name] for name in lent.column_names if name not in (NUMBER, "standing", "by_right_type")},
        **{name: pa.array(one, mask=np.isnan(one)) for name, one in more.items()},
    }
    return pa.table(columns).combine_chunks()


def _write_loans(parts: Parts, ledger: Ledger, bank: Floats, shares: Floats, exposures: Exposures, paths: int) -> list[Written]:
    """Writes loans/part-*.parquet, in the order of the table of loans, and adds them to the exposures. bank (t), shares (l, told, levels): of the
    loans as they stand in the parts."""
    lent = parts.lent
    order, years = np.argsort(lent), years_of(ledger.loans, lent)

    def write(place: int, these: Longs) -> Written:
        figures = parts.figures(these)
        exposures.add(figures)
        rows = loan_rows(ledger, figures, bank[runs(years, these)], shares[these], paths)
        return parts.store.write_parquet(f"loans/part-{place:05d}.parquet", rows)

    return [write(place, order[first : first + LOANS_A_PART]) for place, first in enumerate(range(0, len(order), LOANS_A_PART))]


def _book(sums: Words) -> pa.Table:
    rows = [{"bearer": name, **book_figures(sums[SUMMED.index(name)])} for name in ORDER]
    return pa.Table.from_pylist(rows)


def _losses(sums: Words) -> Iterator[pa.RecordBatch]:
    """One batch a bearer. A 128-bit sum in units of 10⁻⁶ is a decimal128(38, 6) as it stands."""
    paths = sums.shape[1]
    path = pa.array(np.arange(paths))
    for name in ORDER:
        words = np.ascontiguousarray(sums[SUMMED.index(name)])
        loss = pa.Array.from_buffers(pa.decimal128(38, 6), paths, [None, pa.py_buffer(words)])
        yield pa.RecordBatch.from_arrays([pa.array([name] * paths, pa.string()), path, loss], schema=LOSSES)
