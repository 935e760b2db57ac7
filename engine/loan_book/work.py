"""What each task of a book of loans does: whole units of loans, lent against the rights that they pledge. docs/numerics.md §19.

l = loans of a task, k = their pledges, a = rights, b = borrowers, p = paths
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.backend import kernels
from ipvalue.columns import distinct
from ipvalue.heap import keep_freed_memory
from ipvalue.intake import Gathered
from ipvalue.lending.batch import Batch, batch_of, in_order, packed, units_of
from ipvalue.lending.covenants import Covenants, with_covenants
from ipvalue.lending.defaults import borrowers_of, default_years
from ipvalue.lending.figures import loan_figures
from ipvalue.lending.layout import pooled_loans
from ipvalue.lending.left_out import REJECTED, UNKNOWN, VALUED, without_bad_rights
from ipvalue.lending.loans import Loans
from ipvalue.lending.pledges import runs
from ipvalue.lending.pools import FLOWS, Flows, Members, add_tested, no_flows
from ipvalue.lending.settlement import Events, settle
from ipvalue.lending.units import NO_PARTS
from ipvalue.loan_book.capped import one_by_one
from ipvalue.loan_book.collateral import Collateral, collateral_of
from ipvalue.loan_book.figures import Lender, cap_of, described, figures_schema, pledges_of
from ipvalue.loan_book.pledged import Rights, only, rights_of
from ipvalue.memory import size
from ipvalue.receipt import Receipt
from ipvalue.rows import Floats, Longs, Mask
from ipvalue.schema import InputError, Rejects
from ipvalue.summary import UNUSABLE
from ipvalue.task import Run
from ipvalue.totals import Totals

Bytes = npt.NDArray[np.uint8]

NUMBER = "number"
"""The column of figures that says which loan of the book they are of."""

_OF_EVENT = (("path", pa.int32()), ("year", pa.uint8()), ("loss", pa.int64()), ("used", pa.int64()))
EVENTS = pa.schema([(name, pa.list_(kind)) for name, kind in _OF_EVENT])
"""The columns of events/part-*.arrow: of each loan its defaults, by path; money in units of 10⁻⁶."""
POOLED_EVENTS = EVENTS.append(pa.field("interest", pa.list_(pa.int64())))
"""The same where a pool of loans is cut into tranches: with what was not paid of the year's interest."""


@dataclass(frozen=True)
class LoanTask:
    """Loans of whole units, by their numbers in the book, ascending; rights and loans that end a process, by their numbers: they are set aside."""

    number: int
    loans: Longs
    deadly_rights: tuple[int, ...] = ()
    deadly_loans: tuple[int, ...] = ()


Parts = list[tuple[pa.RecordBatch, pa.RecordBatch]]
"""Figures and events of loans, batch by batch."""

ENDS = "a loan can be lent without ending the process"
"""The rule that loans break which end processes."""


@dataclass(frozen=True)
class Book:
    """What the tasks share: the run, the loans, the rows of the rights that they pledge and which of those there are (a,), what the bank goes by,
    the bytes that a task may take for what stands behind loans on all paths, and the pool that is cut into tranches, where there is one."""

    run: Run
    loans: Loans
    gathered: Gathered
    known: Mask
    lender: Lender
    room: int
    pool: Members | None = None

    @property
    def events(self) -> pa.Schema:
        """The columns of the events."""
        return EVENTS if self.pool is None else POOLED_EVENTS

    def release(self) -> None:
        """Lets go of what is open."""
        self.run.release()


def new_receipt(run: Run) -> Receipt:
    """A receipt of loans: their sums are made of the events of all parts."""
    return Receipt(Totals((), 0, 0, run.job.backend))


def run_loans(task: LoanTask, book: Book) -> Receipt:
    """Lends to some units and writes what comes of it for the tables of the whole book. Running it twice changes nothing."""
    keep_freed_memory()
    run, receipt = book.run, new_receipt(book.run)
    parts, flows = lent_of(task, book, receipt)
    figures, events = ([part[i] for part in parts] for i in range(2))
    schema = figures_schema(run.job.sampling.quantiles).insert(0, pa.field(NUMBER, pa.int64()))
    receipt.files[task.number] = [
        run.store.write_ipc(figures_name(task.number), schema, figures, lasting=False),
        run.store.write_ipc(events_name(task.number), book.events, events, lasting=False),
        *([] if flows is None else [run.store.write_ipc(flows_name(task.number), FLOWS, [flows.record()], lasting=False)]),
    ]
    receipt.rows, receipt.valued = len(task.loans), sum(one.num_rows for one in figures)
    receipt.rejected = receipt.rows - receipt.valued
    return receipt


def figures_name(number: int) -> str:
    """The file of a task's loans."""
    return f"figures/part-{number:05d}.arrow"


def events_name(number: int) -> str:
    """The file of their defaults."""
    return f"events/part-{number:05d}.arrow"


def flows_name(number: int) -> str:
    """The file of what a task's loans with covenants owe and pay to the pool."""
    return f"flows/part-{number:05d}.arrow"


def lent_of(task: LoanTask, book: Book, receipt: Receipt, wanted: Longs | None = None) -> tuple[Parts, Flows | None]:
    """What comes of a task's loans, and the flows of those that are pooled and have covenants, where there are any; problems go to the receipt, and
    nothing is written. wanted: the numbers of their rights, where the part that the task's are copied in has others."""
    with kernels(book.run.job.backend).DefaultArithmetic():
        rights = rights_of(task.number, book.gathered, book.run.appraiser, receipt, wanted, task.deadly_rights)
        return _lent(task, rights, book, receipt)


def refuse_too_large(task: LoanTask, book: Book) -> None:
    """Raises InputError where what stands behind one of the task's units does not fit the memory of a worker."""
    receipt = new_receipt(book.run)
    with kernels(book.run.job.backend).DefaultArithmetic():
        rights = rights_of(task.number, book.gathered, book.run.appraiser, receipt)
        _slots(_lendable(book.loans.take(task.loans), task, rights, book)[0], rights, book)


def _lent(task: LoanTask, rights: Rights, book: Book, receipt: Receipt) -> tuple[Parts, Flows | None]:
    """Figures and events of the task's loans by batch, and the flows. Rights whose values turn out to be no numbers are taken out with the loans on
    them, and the others lent to without these."""
    loans = book.loans.take(task.loans)
    pooled = np.zeros(len(loans), np.bool_) if book.pool is None else book.pool.loans[task.loans] & loans.tested
    while True:
        lent, rejects = _lendable(loans, task, rights, book)
        parts: Parts = []
        numbers = _numbers(lent, loans)
        members = pooled[numbers]
        flows = no_flows(book.pool.years, book.run.job.paths) if book.pool is not None and members.any() else None
        for batch, here, found in _batches(lent, rights, book):
            if found.status.any():
                rights = _without(here, found.status != 0, rights, book, receipt)
                break
            parts.append(_settled(lent, batch, here, found, book, None if flows is None else (flows, members)))
            del found  # whose slots the next batch takes
        else:
            receipt.rejects.merge(rejects)
            return [(_numbered(figures, task.loans[numbers]), events) for figures, events in parts], flows


def _lendable(loans: Loans, task: LoanTask, rights: Rights, book: Book) -> tuple[Loans, Rejects]:
    """Those of a task's loans that can be lent, and the problems of the others."""
    rejects, deadly = Rejects(), np.isin(task.loans, task.deadly_loans)
    if deadly.any():
        for file in np.unique(loans.file[deadly]):
            here = deadly & (loans.file == file)
            names = loans.loan_id.filter(pa.array(here)).to_pylist()
            messages = [f"loan_id {name!r}, or one that shares a right or its borrower with it, ended every process that lent it" for name in names]
            rejects.add(loans.files[file], loans.row[here], names, "loan_id", names, ENDS, messages)
        loans = loans.take(np.flatnonzero(~deadly))
    known = book.known[_assets(book, task.loans[~deadly])]
    place = _places(loans.assets, rights)
    state = np.where(place >= 0, VALUED, np.where(known, REJECTED, UNKNOWN))
    lent, problems, _ = without_bad_rights(loans, state, np.append(rights.written, np.inf)[place])
    rejects.merge(problems)
    return lent, rejects


def _assets(book: Book, loans: Longs) -> Longs:
    """The rights that loans pledge, by their numbers in the book, in the order in which the loans' own tables have them."""
    found: Longs = distinct(book.loans.pledges.take(loans).asset)[0].astype(np.int64)
    return found


def _places(assets: pa.StringArray, rights: Rights) -> Longs:
    """(n,) where ids stand among the rights, −1: nowhere."""
    found: Longs = pc.fill_null(pc.index_in(assets, rights.asset_id), -1).to_numpy().astype(np.int64)
    return found


def _batches(lent: Loans, rights: Rights, book: Book) -> Iterator[tuple[Batch, Rights, Collateral]]:
    """The loans in whole units, so many at a time that what stands behind them fits; with their rights, and these on all paths. Raises InputError
    where one unit does not fit."""
    if not len(lent):
        return
    place = _places(lent.assets, rights)
    slots, kept, alone = _slots(lent, rights, book)
    order = in_order(lent)
    bundle = packed(lent.unit, slots, max(min(book.room, SLOT_BYTES) // (book.run.job.paths * 8), 1))[order]
    for one in range(int(bundle[-1]) + 1):
        batch = batch_of(lent, order[bundle == one], kept, alone)
        here = only(rights, place[batch.right])
        yield batch, here, collateral_of(batch, here, book.run.appraiser)


def _slots(lent: Loans, rights: Rights, book: Book) -> tuple[Longs, Floats, Mask]:
    """(l,) the slots of each loan, at most; (k,) h of each pledge; (l,) whose rights have slots of their own though they could be pooled. Raises
    InputError where those of one unit do not fit."""
    place = _places(lent.assets, rights)
    kept = book.lender.kept(lent, rights.right_type[place])
    alone = one_by_one(book.lender.policies, lent.terms.policy)
    pledges, years = lent.pledges, np.diff(lent.years.offset)
    pooled = pooled_loans(pledges.offset, pledges.asset, kept, rights.compiled.several[place]) & ~alone
    slots: Longs = (years + 1) * np.where(pooled, 1, np.diff(pledges.offset))
    largest = int(np.bincount(lent.unit, slots).max(initial=0)) * book.run.job.paths * 8
    if largest > book.room:
        raise InputError(
            f"{lent.files[0]}: loans that share rights or borrowers are settled together, and some {np.bincount(lent.unit).max():,} of them need "
            f"{size(largest)} of memory, of which a worker has {size(book.room)}: use fewer paths or workers, or allow more with --memory"
        )
    return slots, kept, alone


SLOT_BYTES = 256 * 1024 * 1024
"""Most memory of a task for what stands behind loans: more would make nothing faster."""


def _without(here: Rights, bad: Mask, rights: Rights, book: Book, receipt: Receipt) -> Rights:
    """The rights but for some of `here`, which go to the rejects."""
    ids = here.asset_id.filter(pa.array(bad)).to_pylist()
    for file in np.unique(here.file[bad]):
        of_file = here.file[bad] == file
        names = [name for name, one in zip(ids, of_file, strict=True) if one]
        values: list[str | None] = [None] * len(names)
        column, rule, message = UNUSABLE
        receipt.rejects.add(book.gathered.files[file], here.row[bad][of_file], names, column, values, rule, message)
    return only(rights, np.flatnonzero(~np.isin(rights.number, here.number[bad])))


def _settled(
    lent: Loans, batch: Batch, rights: Rights, found: Collateral, book: Book, pooled: tuple[Flows, Mask] | None
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Figures and events of a batch. pooled: what is added to of which loans that are lent."""
    run, lender = book.run, book.lender
    sampling = run.appraiser.sampling
    borrower, hashes, default = _defaults(lent, batch, book)
    units = units_of(batch, found.layout, borrower)
    covenants, tested, parts = _covenants(lent, batch, borrower), None, NO_PARTS
    if len(covenants.loan):
        tested = with_covenants(units, covenants, found.slots, default, hashes, sampling.seed)
        units, default, parts = units._replace(tested=tested.tested), tested.default, tested.parts
        if pooled is not None:
            add_tested(pooled[0], units, default, parts, pooled[1][batch.loan])
    events = settle(units, found.slots, default, parts)
    pledge = pledges_of(batch, found.mean)
    figures = loan_figures(
        units,
        events,
        found.slots,
        default,
        plan=batch.years,
        rate=lent.terms.rate[batch.loan],
        cap=cap_of(lent, batch, pledge, rights, lender),
        quantiles=sampling.quantiles,
        backend=sampling.backend,
        replicates=sampling.sampler == "sobol",
        parts=parts,
    )
    rows = described(lent, batch, rights, found, pledge, events, figures, covenants, tested, lender)
    places = [pa.array(batch.loan), *rows.columns]
    return pa.RecordBatch.from_arrays(places, [NUMBER, *rows.schema.names]), _events(events, book.events)


def _defaults(lent: Loans, batch: Batch, book: Book) -> tuple[Longs, npt.NDArray[np.uint64], Bytes]:
    """(l,) the borrower of each loan of a batch, (b,) their hashes, and (b, p) the years in which they default."""
    appraiser, terms = book.run.appraiser, lent.terms
    _, first, borrower = np.unique(lent.borrower[batch.loan], return_index=True, return_inverse=True)
    hashes = lent.borrower_hash[batch.loan[first]]
    these, at = batch.loan, runs(lent.years.offset, batch.loan)
    steps = appraiser.tables.steps_per_year
    borrowers = borrowers_of(batch.years, hashes, borrower, terms.factor[these], terms.factor_loading[these], lent.threshold[at], steps)
    return borrower, hashes, default_years(borrowers, appraiser.factors, appraiser.sampling)


def _covenants(lent: Loans, batch: Batch, borrower: Longs) -> Covenants:
    """The covenants of a batch's loans, those of one borrower side by side."""
    terms, these = lent.terms, batch.loan
    with_one = np.flatnonzero(lent.tested[these])
    loan = with_one[np.argsort(borrower[with_one], kind="stable")]
    start = np.flatnonzero(np.diff(borrower[loan], prepend=-1, append=-1)) if len(loan) else np.zeros(1, np.int64)
    numbers = (getattr(terms, f"covenant_{name}")[these[loan]] for name in ("trigger", "target", "release", "cure"))
    trigger, target, release, cure = numbers
    return Covenants(start, loan, trigger, target, np.nan_to_num(release), cure)


def _events(events: Events, schema: pa.Schema) -> pa.RecordBatch:
    start = pa.array(events.start, pa.int32())
    columns = [pa.ListArray.from_arrays(start, pa.array(getattr(events, field.name), field.type.value_type)) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _numbers(lent: Loans, loans: Loans) -> Longs:
    """(l,) which of some loans those are that are lent."""
    keys = [one.file * (np.int64(1) << 40) + one.row for one in (loans, lent)]
    found: Longs = np.searchsorted(keys[0], keys[1])
    return found


def _numbered(figures: pa.RecordBatch, number: Longs) -> pa.RecordBatch:
    """Figures by the numbers of their loans in the book (l,), in place of those among the loans that are lent."""
    return figures.set_column(0, pa.field(NUMBER, pa.int64()), pa.array(number[figures[NUMBER].to_numpy()]))
