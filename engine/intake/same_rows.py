"""Which rows of a portfolio stand in another one too, cell by cell and to the bit.

Files that belong together are read in step, so rows at the same place need no more than to be compared. Rows that have another asset_id there than in
the other file have been moved, added or removed: those are matched by the words of their cells, 24 bytes each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as pt

from ipvalue.files import open_binary, reading
from ipvalue.intake.cell_keys import bits_of, cell_words, row_keys
from ipvalue.intake.cells import convert
from ipvalue.intake.portfolio import Portfolio, SourceFile
from ipvalue.intake.scan import NOWHERE
from ipvalue.intake.stored import READ_BYTES, stored_batches
from ipvalue.schema import Column

Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Batches = Iterator[pa.RecordBatch]

_ID = "asset_id"
_MOST_ROWS = 2**62


@dataclass(frozen=True)
class Alike:
    """What two Parquet files with as many rows hold of some columns: `same` those that are in both, in the same bytes; `other` those of either that
    are not."""

    same: tuple[str, ...]
    other: tuple[str, ...]


Editions = dict[tuple[str, str], Alike]
"""By the paths of an old file and of the new one that belongs to it, where they have columns alike."""


def matched(old: Portfolio, new: Portfolio, columns: Mapping[str, Column]) -> tuple[Longs, Editions]:
    """(rows of new,) for each row, counted through the portfolio, the row of `old` with the same cells in `columns`, NOWHERE where there is none; and
    which files have which of the columns alike.

    A row with a cell that cannot be read matches none; of rows whose asset_id is there twice, any.
    """
    found = np.full(new.rows, NOWHERE, np.int64)
    moved, other, editions = _Loose(), _Loose(), {}
    for before, after in _pairs(old, new):
        if before.file is not None and after.file is not None and before.file.sha256 == after.file.sha256:
            found[after.first : after.first + after.file.rows] = np.arange(before.first, before.first + before.file.rows)
        else:
            alike = None
            if before.file is not None and after.file is not None and (alike := _alike_columns(before.file, after.file, list(columns))):
                editions[before.file.path, after.file.path] = alike
            _compare(before, after, alike, columns, found, moved, other)
    _find_moved(moved, other, found)
    return found, editions


@dataclass(frozen=True)
class _Place:
    """A file and the number of its first row, counted through the portfolio; no file where the other portfolio has none like it."""

    file: SourceFile | None
    first: int

    def like(self, what: str) -> str:
        """What it is known by: its sha256, its display name, or nothing."""
        return str(getattr(self.file, what, ""))


def _places(portfolio: Portfolio) -> list[_Place]:
    starts = np.cumsum([0, *(file.rows for file in portfolio.files)]).tolist()
    return [_Place(file, first) for file, first in zip(portfolio.files, starts, strict=False)]


def _pairs(old: Portfolio, new: Portfolio) -> list[tuple[_Place, _Place]]:
    """Files that belong together: with the same content, else with the same name, else in the same order; each file once."""
    before, after = _places(old), _places(new)
    pairs: list[tuple[_Place, _Place]] = []
    for alike in ("sha256", "display", "order"):
        waiting: dict[str, list[_Place]] = {}
        for one in before:
            waiting.setdefault(one.like(alike), []).append(one)
        here = [(waiting[key].pop(0), one) for one in after if waiting.get(key := one.like(alike))]
        taken = {two.first for _, two in here}
        pairs += here
        before = [one for names in waiting.values() for one in names]
        after = [one for one in after if one.first not in taken]
    none = _Place(None, 0)
    return [*pairs, *((one, none) for one in before), *((none, one) for one in after)]


@dataclass
class _Loose:
    """Rows that are not where the other portfolio has theirs: their words (n, 2) and numbers (n,), in pieces."""

    keys: list[npt.NDArray[np.uint64]] = field(default_factory=lambda: [np.zeros((0, 2), np.uint64)])
    rows: list[Longs] = field(default_factory=lambda: [np.zeros(0, np.int64)])

    def add(self, cells: _Cells, where: Mask, first: int) -> None:
        """Takes in the readable rows of `where`; the first of the cells' rows has the number `first`."""
        where = where & ~cells.faulty
        if where.any():
            mask = None if where.all() else pa.array(where)
            arrays = cells.arrays if mask is None else {name: array.filter(mask) for name, array in cells.arrays.items()}
            self.keys.append(row_keys(arrays, int(where.sum())))
            self.rows.append(first + np.flatnonzero(where))


class _Cells:
    """The cells of a batch in the registry's types, by column, and the rows with a cell that cannot be read."""

    def __init__(self, batch: pa.RecordBatch, columns: Mapping[str, Column]) -> None:
        self.rows = int(batch.num_rows)
        self.faulty = np.zeros(self.rows, np.bool_)
        self.arrays = {name: self._typed(columns[name], batch[name]) for name in batch.schema.names}

    def _typed(self, column: Column, array: pa.Array) -> pa.Array:
        if isinstance(array, pa.DictionaryArray):
            array = array.dictionary_decode()
        if array.type == column.arrow_type:
            return array
        array, faults = convert(column, array)
        for fault in faults:
            self.faulty |= fault.cells
        return array


def _compare(before: _Place, after: _Place, alike: Alike | None, columns: Mapping[str, Column], found: Longs, moved: _Loose, other: _Loose) -> None:
    """Notes in `found` the rows that stand at the same place of both files; those that may stand elsewhere go to `moved` and `other`."""
    if alike is not None and before.file is not None and not alike.other:
        found[after.first : after.first + before.file.rows] = np.arange(before.first, before.first + before.file.rows)
        return
    names = list(alike.other) if alike is not None and _ID in alike.same else list(columns)
    row, place = before.first, after.first
    for one, two in _in_step(_read(before, names), _read(after, names)):
        theirs, ours = (None if batch is None else _Cells(batch, columns) for batch in (one, two))
        here = min(theirs.rows if theirs else 0, ours.rows if ours else 0)
        in_place = np.zeros(max(theirs.rows if theirs else 0, ours.rows if ours else 0), np.bool_)
        if theirs and ours:
            in_place = _equal(theirs.arrays.get(_ID), ours.arrays.get(_ID), here)
            same = np.flatnonzero(in_place & _all_equal(theirs, ours))
            found[place + same] = row + same
        if theirs:
            other.add(theirs, ~in_place, row)
            row += theirs.rows
        if ours:
            moved.add(ours, ~in_place, place)
            place += ours.rows


def _read(place: _Place, names: list[str]) -> Batches:
    """All rows of a file, in those of the columns `names` that it has."""
    for unit in place.file.units(_MOST_ROWS) if place.file else ():
        yield from stored_batches(unit, names)


def _in_step(old: Batches, new: Batches) -> Iterator[tuple[pa.RecordBatch | None, pa.RecordBatch | None]]:
    """The batches of both, cut so that two together have as many rows; None for those of one that the other has no more rows beside."""
    one, two = next(old, None), next(new, None)
    while one is not None and two is not None:
        rows = min(one.num_rows, two.num_rows)
        yield one.slice(0, rows), two.slice(0, rows)
        one = one.slice(rows) if one.num_rows > rows else next(old, None)
        two = two.slice(rows) if two.num_rows > rows else next(new, None)
    while one is not None:
        yield one, None
        one = next(old, None)
    while two is not None:
        yield None, two
        two = next(new, None)


def _all_equal(one: _Cells, two: _Cells) -> Mask:
    """(n,) where all cells are equal and readable."""
    same = ~(one.faulty | two.faulty)
    for name in {*one.arrays, *two.arrays}:
        same &= _equal(one.arrays.get(name), two.arrays.get(name), one.rows)
    return same


def _equal(one: pa.Array | None, two: pa.Array | None, rows: int) -> Mask:
    """(rows,) where two columns' cells are equal to the bit, or both blank; a column that is not there is blank."""
    if one is None or two is None:
        there = two if one is None else one
        return np.ones(rows, np.bool_) if there is None else _mask(there.is_null())
    if one.null_count == rows and two.null_count == rows:
        return np.ones(rows, np.bool_)
    if pt.is_string(one.type):
        if one.equals(two):
            return np.ones(rows, np.bool_)
        same = _mask(pc.fill_null(pc.equal(one, two), False))
    elif pt.is_list(one.type):
        same = (cell_words(one) == cell_words(two)).all(axis=1)
    else:
        same = bits_of(one) == bits_of(two)
    if not one.null_count and not two.null_count:
        return same
    blank, blank_too = _mask(one.is_null()), _mask(two.is_null())
    return np.where(blank | blank_too, blank & blank_too, same)


def _mask(array: pa.Array) -> Mask:
    mask: Mask = array.to_numpy(zero_copy_only=False)
    return mask


def _find_moved(moved: _Loose, other: _Loose, found: Longs) -> None:
    """Notes in `found` which of the rows of `moved` stand in `other`."""
    keys, rows = np.concatenate(other.keys), np.concatenate(other.rows)
    wanted, places = np.concatenate(moved.keys), np.concatenate(moved.rows)
    if not len(rows) or not len(places):
        return
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    keys, rows = keys[order], rows[order]
    at = np.searchsorted(keys[:, 0], wanted[:, 0])
    waiting = np.arange(len(places))
    while len(waiting := waiting[at[waiting] < len(rows)]):  # those with the same first word, one after the other
        waiting = waiting[keys[at[waiting], 0] == wanted[waiting, 0]]
        same = keys[at[waiting], 1] == wanted[waiting, 1]
        found[places[waiting[same]]] = rows[at[waiting[same]]]
        waiting = waiting[~same]
        at[waiting] += 1


def _alike_columns(old: SourceFile, new: SourceFile, names: Sequence[str]) -> Alike | None:
    """Which columns two files hold in the same bytes, row group by row group, so that they need not be decoded to be compared; None where they are no
    Parquet files, or of other row groups."""
    if old.format != "parquet" or new.format != "parquet" or old.group_rows != new.group_rows:
        return None
    with reading(new.display), open_binary(old.path) as before, open_binary(new.path) as after:
        one, two = pq.ParquetFile(before), pq.ParquetFile(after)
        leaves = {leaf.path: place for place, leaf in enumerate(_leaves(two))}
        held = [name for name in names if name in one.schema_arrow.names or name in two.schema_arrow.names]
        equal = {name: _in_both(name, one, two) and one.schema_arrow.field(name).equals(two.schema_arrow.field(name)) for name in held}
        for place, leaf in enumerate(_leaves(one)):
            name = leaf.path.partition(".")[0]
            if equal.get(name):
                there = leaves.get(leaf.path)
                equal[name] = there is not None and leaf.equals(two.schema.column(there)) and _same_bytes(one, before, place, two, after, there)
    return Alike(tuple(name for name in held if equal[name]), tuple(name for name in held if not equal[name]))


def _leaves(file: pq.ParquetFile) -> list[pq.ColumnSchema]:
    return [file.schema.column(place) for place in range(len(file.schema))]


def _in_both(name: str, one: pq.ParquetFile, two: pq.ParquetFile) -> bool:
    return name in one.schema_arrow.names and name in two.schema_arrow.names


def _same_bytes(one: pq.ParquetFile, before: pa.NativeFile, place: int, two: pq.ParquetFile, after: pa.NativeFile, there: int) -> bool:
    """Whether a leaf column's pages are the same in every row group."""
    for group in range(one.metadata.num_row_groups):
        a, b = one.metadata.row_group(group).column(place), two.metadata.row_group(group).column(there)
        if any(getattr(a, what) != getattr(b, what) for what in ("physical_type", "compression", "encodings", "num_values", "total_compressed_size")):
            return False
        _go_to_pages(before, a)
        _go_to_pages(after, b)
        # a disk is read in small pieces, which stay in the processor's cache; elsewhere each read is a request
        step = READ_BYTES if isinstance(before, pa.OSFile) and isinstance(after, pa.OSFile) else a.total_compressed_size
        sizes = (min(step, a.total_compressed_size - at) for at in range(0, a.total_compressed_size, step))
        if not all(before.read_buffer(size).equals(after.read_buffer(size)) for size in sizes):
            return False
    return True


def _go_to_pages(file: pa.NativeFile, chunk: pq.ColumnChunkMetaData) -> None:
    offsets = [chunk.dictionary_page_offset, chunk.data_page_offset]
    file.seek(min(offset for offset in offsets if offset))  # 0: no dictionary, as Arrow reads it, too
