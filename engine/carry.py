"""Tasks of a run that takes rows over from an earlier result: its parts put together, and what is taken out of the earlier sums.

n = rows of a range
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.backend import kernels
from ipvalue.beside import Range, Valued, clean_rows, value_beside
from ipvalue.doubts import Doubts
from ipvalue.heap import keep_freed_memory
from ipvalue.intake import NOWHERE, Editions, Unit
from ipvalue.quarantine import Stopped, deadly_rows, lot_of, run_alone
from ipvalue.receipt import Receipt
from ipvalue.rows import Longs, Mask, Rows
from ipvalue.schema import InputError, RunError
from ipvalue.storage import Written
from ipvalue.store import Store, laid_in, table_of
from ipvalue.summary import REPEATED, asset_schema
from ipvalue.task import Run, part_name, valued, write_assets


@dataclass(frozen=True)
class Earlier:
    """The result that rows are taken over from: its parts in order, and whether this version of pyarrow would write their bytes."""

    store: Store
    parts: tuple[Written, ...]
    copied: bool

    @cached_property
    def first(self) -> Longs:
        """(parts + 1,) the number of each part's first result row, and of them all."""
        return np.cumsum([0, *(part.rows for part in self.parts)])

    def pool(self, places: Longs) -> tuple[list[pa.Table], Longs]:
        """Tables that hold the result rows of these numbers, and where in all of them each stands. Each part that has any is read once, and kept
        whole where most of it is wanted. Columns of texts that repeat are dictionaries. Raises RunError where a part is damaged."""
        part = np.searchsorted(self.first, places, side="right") - 1
        order = np.argsort(part, kind="stable")
        tables: list[pa.Table] = []
        index, before = np.empty(len(places), np.int64), 0
        for number, here in _runs(part[order]):
            table, wanted = table_of(self.content(self.parts[number]), REPEATED), places[order[here]] - self.first[number]
            if 2 * len(wanted) < table.num_rows:
                table, wanted = table.combine_chunks().take(pa.array(wanted)), np.arange(len(wanted))
            index[order[here]] = before + wanted
            tables.append(table)
            before += table.num_rows
        return tables, index

    def rows(self, places: Longs) -> pa.Table:
        """The result rows of these numbers, in their order."""
        tables, index = self.pool(places)
        return pa.concat_tables(tables).combine_chunks().take(pa.array(index))

    def whole(self, places: Longs) -> Written | None:
        """The part that is these rows, if one is and its bytes may be copied."""
        first = self.first
        number = int(np.searchsorted(first, places[0], side="right")) - 1 if self.copied and len(places) else NOWHERE
        if number == NOWHERE or first[number] != places[0] or first[number + 1] != places[0] + len(places) or (np.diff(places) != 1).any():
            return None
        return self.parts[number]

    def under(self, source: Longs) -> int | None:
        """The number of the part whose rows stand where these do, if one is: of NOWHERE those in whose place others come."""
        here = np.flatnonzero(source != NOWHERE)
        if not len(here):
            return None
        number = int(np.searchsorted(self.first, source[here[0]], side="right")) - 1
        there = self.parts[number].rows == len(source) and (source[here] - self.first[number] == here).all()
        return number if there else None

    def content(self, part: Written) -> bytes:
        """The bytes of a part. Raises RunError where they are not what they were."""
        try:
            return self.store.read_as_written(part)
        except InputError as error:
            raise RunError(str(error)) from None


def _runs(numbers: Longs) -> Iterator[tuple[int, slice]]:
    """Each number of an ascending list, and where it stands."""
    starts = np.flatnonzero(np.diff(numbers, prepend=NOWHERE))
    for start, stop in zip(starts, [*starts[1:], len(numbers)], strict=False):
        yield int(numbers[start]), slice(start, stop)


@dataclass(frozen=True)
class Renewal:
    """What the tasks share: the run, the earlier run whose rows leave the sums, and its result. lasting: whether its doubts still hold; editions:
    which files of their portfolios have columns alike."""

    run: Run
    old: Run
    earlier: Earlier
    lasting: bool
    editions: Editions

    def release(self) -> None:
        """Lets go of what is open."""
        self.run.release()
        self.old.release()


@dataclass(frozen=True)
class Piece:
    """One part of the new result: its range of rows, its number, and (n,) the number of each row's earlier result row, NOWHERE where it is to be
    valued."""

    unit: Unit
    number: int
    source: Longs

    @property
    def fresh(self) -> Mask:
        """(n,) the rows to be valued."""
        mask: Mask = self.source == NOWHERE
        return mask


@dataclass(frozen=True)
class Renewed:
    """Parts of one file that are made together, so that their few rows to be valued come to the kernel together; `leaving` are rows of one file of
    the earlier portfolio, for which most of these stand in, `left` (m,) the numbers of their result rows. `quarantined` rows (by their number
    within the file) are not to be valued."""

    pieces: tuple[Piece, ...]
    leaving: tuple[Range, ...] = ()
    left: Longs | None = None
    quarantined: tuple[int, ...] = ()

    @property
    def number(self) -> int:
        return self.pieces[0].number


@dataclass(frozen=True)
class Gone:
    """Rows of one file of the earlier portfolio that the new one does not have so: they leave the sums."""

    ranges: tuple[Range, ...]
    number: int


def run_renewal(task: Renewed | Gone, renewal: Renewal) -> Receipt:
    """Makes parts, or finds what leaves the sums. Running it twice changes nothing."""
    keep_freed_memory()
    with kernels(renewal.run.job.backend).DefaultArithmetic():
        return _renew(task, renewal) if isinstance(task, Renewed) else _take_out(task, renewal)


def run_renewal_apart(task: Renewed | Gone, renewal: Renewal, stopped: Stopped) -> Receipt:
    """What run_renewal does and gives, without the rows that end the process which values them: they are among the rejects.

    Raises RunError where too many do, or where none is found to and the task ends its process still; where one is to leave the sums; kernel.Stopped
    where the run was stopped.
    """
    wanted = [(piece.unit, piece.fresh) for piece in task.pieces] if isinstance(task, Renewed) else []
    leaving = task.leaving if isinstance(task, Renewed) else task.ranges
    deadly = _deadly(wanted, renewal.run, stopped)
    if gone := _deadly(leaving, renewal.old, stopped):
        raise RunError(
            f"{leaving[0][0].display}, row {gone[0]}: ends the process that values it, though {renewal.earlier.store.location} has a value of it, "
            "which is to be taken out of the sums: value without --since"
        )
    if isinstance(task, Renewed):
        task = replace(task, quarantined=deadly)
    units = [unit for unit, _ in wanted or leaving]
    return run_alone(
        partial(run_renewal, task, renewal), lot_of(replace(units[0], rows=units[-1].first_row + units[-1].rows - units[0].first_row)), stopped
    )


def _deadly(ranges: Sequence[Range], run: Run, stopped: Stopped) -> tuple[int, ...]:
    """The rows that are meant at which processes end, by their numbers within the file."""
    return tuple(row for unit, meant in ranges if meant.any() for row in deadly_rows(lot_of(unit), partial(_attempt, unit, meant, run), stopped))


def _attempt(unit: Unit, meant: Mask, run: Run, rows: range) -> partial[None]:
    return partial(_try, (unit.part(rows), meant[rows.start : rows.stop]), run)


def _try(some: Range, run: Run) -> None:
    """Values rows and writes nothing."""
    with kernels(run.job.backend).DefaultArithmetic():
        _value([some], run, Receipt(run.appraiser.new_totals(run.job.group_by)))


def _take_out(task: Gone, renewal: Renewal) -> Receipt:
    """The opposite of what the rows once added."""
    run = renewal.old
    once = Receipt(run.appraiser.new_totals(run.job.group_by))
    _value(task.ranges, run, once)
    once.totals.negate()
    once.doubts.negate()
    return Receipt(once.totals, {task.number: []}, doubts=once.doubts if renewal.lasting else Doubts())


def _renew(task: Renewed, renewal: Renewal) -> Receipt:
    run = renewal.run
    receipt = Receipt(run.appraiser.new_totals(run.job.group_by))
    wanted = [(piece.unit, piece.fresh) for piece in task.pieces]
    left = None
    if task.leaving:
        alike = renewal.editions.get((task.leaving[0][0].path, task.pieces[0].unit.path))
        fresh, before = value_beside(wanted, task.leaving, alike, run, renewal.old, receipt, task.quarantined)
        left = _Left.of(task, before)
    else:
        fresh = _value(wanted, run, receipt, task.quarantined)
    receipt.files[task.number] = list(_parts(task.pieces, fresh, left, renewal))
    receipt.rows = sum(piece.unit.rows for piece in task.pieces)
    receipt.valued += sum(int((~piece.fresh).sum()) for piece in task.pieces)
    receipt.rejected = len(receipt.rejects.rows(task.pieces[0].unit.display))
    return receipt


@dataclass(frozen=True)
class _Left:
    """What the earlier result says of rows that leave it: the numbers of their result rows, ascending, and these."""

    places: Longs
    assets: pa.Table

    @classmethod
    def of(cls, task: Renewed, before: Valued) -> _Left | None:
        """The rows that leave beside a task, valued `before`; None where not all of them have a value any more."""
        rows = np.concatenate([unit.first_row + np.flatnonzero(meant) for unit, meant in task.leaving])
        return cls(task.left, before.assets) if task.left is not None and np.array_equal(rows, before.rows) else None

    def at(self, places: Longs) -> pa.Table | None:
        """The result rows of these numbers, if all are there, one behind the other."""
        start, count = np.searchsorted(self.places, places[0]), len(places)
        return self.assets.slice(start, count) if np.array_equal(self.places[start : start + count], places) else None


def _parts(pieces: tuple[Piece, ...], fresh: Valued, left: _Left | None, renewal: Renewal) -> Iterator[Written]:
    """Writes each part: copied where it is one of the earlier result's, else put together from its rows and `fresh`."""
    earlier, run = renewal.earlier, renewal.run
    inside = [slice(*np.searchsorted(fresh.rows, (one.unit.first_row, one.unit.first_row + one.unit.rows))) for one in pieces]
    whole = [earlier.whole(one.source[~one.fresh]) if here.start == here.stop else None for one, here in zip(pieces, inside, strict=True)]
    under = [earlier.under(one.source) if here.stop - here.start == one.fresh.sum() else None for one, here in zip(pieces, inside, strict=True)]
    mixed = [here for here in zip(pieces, inside, whole, under, strict=True) if here[2:] == (None, None)]
    others = _put_together([here[:2] for here in mixed], fresh, renewal)
    for piece, here, copied, part in zip(pieces, inside, whole, under, strict=True):
        if copied is not None:
            yield run.store.write_copy(part_name(piece.number), earlier.content(copied), copied)
        elif part is not None:
            yield _laid_over(piece, part, fresh.assets.slice(here.start, here.stop - here.start), left, renewal)
        else:
            yield next(others)


def _laid_over(piece: Piece, number: int, rows: pa.Table, left: _Left | None, renewal: Renewal) -> Written:
    """Writes the earlier part of that number with `rows` in the places of those that are fresh in the piece."""
    earlier, run, where = renewal.earlier, renewal.run, np.flatnonzero(piece.fresh)
    content = earlier.content(earlier.parts[number])
    before = left.at(earlier.first[number] + where) if left and earlier.copied else None
    if before is not None and (pieces := laid_in(content, where, before, rows)):
        return run.store.write_pieces(part_name(piece.number), pieces, piece.unit.rows)
    return write_assets(run, piece.number, _with(table_of(content, REPEATED).cast(rows.schema).combine_chunks(), piece.fresh, rows))


def _with(table: pa.Table, where: Mask, rows: pa.Table) -> pa.Table:
    """A table with other rows in the places of `where` (n,); texts that are the same there, as most are, stay as they are."""
    mask = pa.array(where)
    index = np.arange(len(where))
    index[where] = len(where) + np.arange(len(rows))
    for place, (name, new) in enumerate(zip(rows.schema.names, rows.columns, strict=True)):
        old = table.column(place)
        if pa.types.is_primitive(new.type):
            both = pc.replace_with_mask(old.combine_chunks(), mask, new.combine_chunks())
        elif pa.types.is_string(new.type) and old.filter(mask).equals(new):
            continue
        else:
            both = pa.chunked_array([*old.chunks, *new.chunks], new.type).combine_chunks().take(pa.array(index))
        table = table.set_column(place, name, both)
    return table


def _put_together(pieces: Sequence[tuple[Piece, slice]], fresh: Valued, renewal: Renewal) -> Iterator[Written]:
    """Writes parts of which others than the same rows stand in the places of the earlier result's; with each its slice of `fresh`."""
    places = np.concatenate([piece.source[~piece.fresh] for piece, _ in pieces])
    tables, index = renewal.earlier.pool(places)
    pool, at = pa.concat_tables([fresh.assets, *(table.cast(fresh.assets.schema) for table in tables)]).combine_chunks(), 0
    for piece, here in pieces:
        old = piece.unit.first_row + np.flatnonzero(~piece.fresh)
        found = np.concatenate([len(fresh.rows) + index[at : at + len(old)], np.arange(here.start, here.stop)])
        order = np.argsort(np.concatenate([old, fresh.rows[here]]), kind="stable")
        yield write_assets(renewal.run, piece.number, pool.take(pa.array(found[order])))
        at += len(old)


def _value(ranges: Sequence[Range], run: Run, receipt: Receipt, quarantined: tuple[int, ...] = ()) -> Valued:
    """Values the rows that are meant, all of one file, into `receipt`."""
    numbers, parts = [np.zeros(0, np.int64)], []
    for rows, assets, _ in valued(clean_rows(ranges, run, quarantined), ranges[0][0].display, run, receipt):
        numbers.append(rows.row)
        parts.append(assets)
    return Valued(np.concatenate(numbers), pa.Table.from_batches(parts, asset_schema(run.job.sampling.quantiles)).combine_chunks())


def doubts_of(rows: Rows, places: Longs, run: Run, earlier: Earlier) -> Doubts:
    """What is doubtful about rows whose results, of the numbers `places`, are taken over."""
    found = run.appraiser.doubts(rows)
    if run.job.tolerance is not None and len(places):
        found += run.appraiser.unreached(rows, earlier.rows(places).combine_chunks().to_batches()[0])
    return found
