"""A range of a portfolio's rows → clean batches with every column, and the rejects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.columns import given, packed
from ipvalue.intake.cells import converted
from ipvalue.intake.faults import Fault
from ipvalue.intake.kind import RIGHTS, Kind
from ipvalue.intake.mends import meant
from ipvalue.intake.same_rows import Alike
from ipvalue.intake.scan import Duplicates
from ipvalue.intake.shared import Streams
from ipvalue.intake.stored import BATCH_ROWS, Unit, few_rows, stored_batches
from ipvalue.intake.workbook import failed_formulas
from ipvalue.schema import PORTFOLIO, Column, Rejects

Rows = npt.NDArray[np.int64]


def read(
    unit: Unit,
    duplicates: Duplicates,
    columns: Sequence[str] | None = None,
    extra: Sequence[Column] = (),
    streams: Streams | None = None,
    only: npt.NDArray[np.bool_] | None = None,
    kind: Kind = RIGHTS,
    most: int = BATCH_ROWS,
) -> Iterator[tuple[pa.RecordBatch, Rows, Rejects]]:
    """The unit's good rows, at most `most` of 65,536 at a time, their numbers within the file, and the others' problems.

    The batch has every column of the registry (or those of `columns`, with the one that names rows) in its order and type, and then those of
    `extra`; one that the file lacks is null. A row with any bad cell, or whose name is a duplicate, is left out. `streams` are those
    that the units of a run share. only: (rows of the unit,) those that are wanted at all. Raises InputError where the file is damaged.
    """
    known = {name: column for name, column in kind.columns.items() if columns is None or name in columns or name == kind.key}
    known |= {column.name: column for column in extra}
    for batch, rows in _raw(unit, list(known), streams, only):
        for start in range(0, max(len(rows), 1), most):
            yield _clean(batch.slice(start, most), rows[start : start + most], unit.display, known, duplicates, kind)


@dataclass(frozen=True)
class Together:
    """Rows of several ranges of one file as they are stored, few of each, so that they are looked at together; their numbers within the file,
    ascending."""

    file: str
    table: pa.Table
    rows: Rows

    def clean(self, duplicates: Duplicates, extra: Sequence[Column] = ()) -> Iterator[tuple[pa.RecordBatch, Rows, Rejects]]:
        """What `read` gives of them."""
        known, at = {**PORTFOLIO, **{column.name: column for column in extra}}, 0
        for batch in self.table.combine_chunks().to_batches(BATCH_ROWS):
            yield _clean(batch, self.rows[at : at + batch.num_rows], self.file, known, duplicates, RIGHTS)
            at += batch.num_rows


def read_together(
    ranges: Sequence[tuple[Unit, npt.NDArray[np.bool_]]],
    extra: Sequence[Column] = (),
    streams: Streams | None = None,
    beside: tuple[Together, Alike] | None = None,
) -> Together:
    """Those rows of ranges of one file that are wanted. beside: rows of a later edition of the file, of which columns that are the same there are
    taken, where all that are wanted are among them: they are not read a second time."""
    ranges = [(unit, wanted) for unit, wanted in ranges if wanted.any()]
    if not ranges:
        return Together("", pa.table({}), np.zeros(0, np.int64))
    rows = np.concatenate([unit.first_row + np.flatnonzero(wanted) for unit, wanted in ranges])
    names, taken = [*PORTFOLIO, *(column.name for column in extra)], pa.table({})
    if beside is not None and np.isin(rows, beside[0].rows).all():
        later, alike = beside
        names, taken = list(alike.other), later.table.select(alike.same).take(pa.array(np.searchsorted(later.rows, rows)))
    if not names:
        return Together(ranges[0][0].display, taken, rows)
    table = pa.Table.from_batches([batch for unit, wanted in ranges for batch, _ in _raw(unit, names, streams, wanted)])
    for name in taken.column_names:
        table = table.append_column(name, taken[name])
    return Together(ranges[0][0].display, table, rows)


def _raw(unit: Unit, names: list[str], streams: Streams | None, only: npt.NDArray[np.bool_] | None) -> Iterator[tuple[pa.RecordBatch, Rows]]:
    """The unit's rows that are wanted, as they are stored, and their numbers within the file."""
    for batch, rows in _stored(unit, names, streams, only):
        if only is not None:
            wanted = only[rows - unit.first_row]
            batch, rows = batch.filter(pa.array(wanted)), rows[wanted]
        yield batch, rows


def _stored(unit: Unit, names: list[str], streams: Streams | None, only: npt.NDArray[np.bool_] | None) -> Iterator[tuple[pa.RecordBatch, Rows]]:
    """The unit's rows, or some with those of `only` among them, and their numbers within the file."""
    whole = unit.whole
    if streams is not None and only is not None and (few := streams.few(unit.path, slice(whole.first_row, whole.first_row + whole.rows))) is not None:
        numbers = whole.first_row + np.flatnonzero(few)
        start, stop = np.searchsorted(numbers, (unit.first_row, unit.first_row + unit.rows)).tolist()
        batches = streams.rows((unit.path, unit.groups, "few", *names), partial(few_rows, whole, names, few), len(numbers), start, stop)
        numbers = numbers[start:stop]
    else:
        batches, numbers = stored_batches(unit, names, streams), np.arange(unit.first_row, unit.first_row + unit.rows)
    row = 0
    for batch in batches:
        yield batch, numbers[row : row + batch.num_rows]
        row += batch.num_rows


def _clean(
    raw: pa.RecordBatch, rows: Rows, file: str, known: Mapping[str, Column], duplicates: Duplicates, kind: Kind
) -> tuple[pa.RecordBatch, Rows, Rejects]:
    cells = {name: converted(column, raw) for name, column in known.items()}
    ids = cells[kind.key][0]
    good = np.ones(len(rows), np.bool_)
    rejects = Rejects()
    for name, (array, faults) in cells.items():
        for fault in [*faults, *failed_formulas(known[name], raw), *_blank(known[name], array, faults)]:
            good &= ~fault.cells
            _reject(rejects, known[name], fault, raw, rows, ids, file)
    good &= ~_reject_duplicates(rejects, rows, ids, file, duplicates, kind)
    batch = pa.RecordBatch.from_arrays([array for array, _ in cells.values()], list(known))
    if good.all():
        return batch, rows, rejects
    return batch.filter(packed(good)), rows[good], rejects


def _blank(column: Column, array: pa.Array, faults: list[Fault]) -> list[Fault]:
    """The blanks of a required column, beside the cells that are null for a fault."""
    if not column.required or not array.null_count:
        return []
    blank = ~given(array)
    for fault in faults:
        blank &= ~fault.cells
    return [Fault(blank, f"{column.name} is given", "given")] if blank.any() else []


def _reject(rejects: Rejects, column: Column, fault: Fault, raw: pa.RecordBatch, rows: Rows, ids: pa.Array, file: str) -> None:
    where = np.flatnonzero(fault.cells)
    at = pa.array(where)
    values = [None if value is None else str(value) for value in raw[column.name].take(at).to_pylist()]
    messages = {value: _message(column, value, fault.must_be) for value in set(values)}
    told = [messages[value] for value in values]
    rejects.add(file, rows[where], ids.take(at).to_pylist(), column.name, values, fault.rule, told)


def _message(column: Column, value: str | None, must_be: str) -> str:
    if value is None or not value:
        return f"{column.name} is blank: it must be given in every row"
    shown = value if column.kind in ("float", "int", "bool") else repr(value)
    guess = meant(column, value)
    likely = f" (did you mean {guess}?)" if guess else ""
    mend = "correct it" if column.required else "correct it or leave it blank"
    return f"{column.name} is {shown}{likely}: it must be {must_be}; {mend}"


def _reject_duplicates(rejects: Rejects, rows: Rows, ids: pa.Array, file: str, duplicates: Duplicates, kind: Kind) -> npt.NDArray[np.bool_]:
    """Reject the rows of duplicated ids, and say which they are."""
    found = np.zeros(len(rows), np.bool_)
    if not len(duplicates.hashes):
        return found
    named = np.flatnonzero(given(ids))
    occurrences = duplicates.occurrences(ids.drop_null())
    where, times = named[occurrences > 0], occurrences[occurrences > 0]
    names = ids.take(pa.array(where)).to_pylist()
    messages = [f"{kind.key} {name!r} occurs {n} times: give every {kind.row} its own" for name, n in zip(names, times, strict=True)]
    rejects.add(file, rows[where], names, kind.key, names, f"{kind.key} is unique", messages)
    found[where] = True
    return found
