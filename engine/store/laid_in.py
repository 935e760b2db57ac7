"""A Parquet file with other numbers in some of its rows: the columns that stay are its own bytes, so what would be written anew is written no slower
than it is copied.

What `write_parquet` writes: one row group, of each column of numbers one page. The records are those of parquet.thrift
(github.com/apache/parquet-format).

n = rows laid in, k = values of a column that are not null
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.types as pt

from ipvalue.columns import given
from ipvalue.store.compact import Field, Records, Struct
from ipvalue.store.readable import table_of

Longs = npt.NDArray[np.int64]

_MARK = b"PAR1"
_LENGTH = 4
"""Bytes of the length of a footer, and of the levels that say which values of a page are null."""

_GROUPS = 4
"""Of FileMetaData."""
_COLUMNS, _PLAIN_BYTES, _ROWS, _ALL_BYTES = 1, 2, 3, 6
"""Of RowGroup: its columns, rows, and the bytes of its pages before and after compression."""
_OFFSET, _DESCRIPTION = 2, 3
"""Of ColumnChunk: a field that is 0, and its ColumnMetaData."""
_PATH, _CODEC, _PLAIN_SIZE, _SIZE, _FIRST_PAGE, _DICTIONARY, _STATISTICS = 3, 4, 6, 7, 9, 11, 12
"""Of ColumnMetaData."""
_PLAIN_PAGE, _PAGE, _VALUES = 2, 3, 5
"""Of PageHeader: the bytes of the page before and after compression, and its DataPageHeader."""
_ENCODING = 2
"""Of DataPageHeader."""
_PLAIN, _SPLIT = 0, 9
"""Encodings: values one after the other, or their first bytes, then their second, and so on."""
_UNCOMPRESSED, _ZSTD = 0, 6
"""Codecs."""
_NUMBERS = (pa.float64(), pa.int64())
"""Types of which Parquet holds the very bytes; narrower whole numbers are widened there, and some units of time are others."""


class _Otherwise(Exception):
    """A file, or a change of it, for which it is to be written as a table."""


@dataclass(frozen=True)
class _Column:
    """A column of the file: its name, its record in the footer, the description within that, and where its pages stand in the file."""

    name: str
    record: Struct
    described: Mapping[int, Field]
    pages: slice


@dataclass(frozen=True)
class _Chunk:
    """The pages of a column, and how many bytes they are more than before without compression."""

    pages: list[Any]
    more: int = 0

    @property
    def size(self) -> int:
        return sum(map(len, self.pages))


def laid_in(content: bytes, where: Longs, before: pa.Table, after: pa.Table) -> list[Any] | None:
    """The pieces, one after the other, of the file that `write_parquet` makes of the table in `content` with the rows of `after` (n,) in the places
    `where` of those of `before` (n,). None where a text or list changes, a value becomes null or is none no more, or the file is otherwise than
    `write_parquet` writes it."""
    (was,), (now,) = (rows.combine_chunks().to_batches() for rows in (before, after))
    try:
        return _File(content).with_columns(where, {name: now[name] for name in now.schema.names if not _same(was[name], now[name])})
    except (_Otherwise, ValueError, IndexError, KeyError):
        return None


def _same(one: pa.Array, two: pa.Array) -> bool:
    """Whether two columns are equal to the bit; 0 and −0 are not."""
    if pt.is_list(one.type):
        return bool(one.equals(two)) and _same(one.flatten(), two.flatten())
    if pt.is_floating(one.type):
        one, two = one.view(pa.int64()), two.view(pa.int64())
    return bool(one.equals(two))


class _File:
    """A Parquet file of one row group, and its footer."""

    def __init__(self, content: bytes) -> None:
        end = len(content) - len(_MARK) - _LENGTH
        self.content = content
        self.footer = Records(content[end - int.from_bytes(content[end : end + _LENGTH], "little") : end])
        groups = self.footer.structs(self.footer.struct(0).fields[_GROUPS][0])
        if len(groups) != 1:
            raise _Otherwise
        self.group = groups[0].fields
        self.rows = self.footer.integer(self.group[_ROWS])
        self.columns = [self._column(record) for record in self.footer.structs(self.group[_COLUMNS][0])]

    def _column(self, record: Struct) -> _Column:
        footer, chunk = self.footer, record.fields
        if chunk.keys() != {_OFFSET, _DESCRIPTION} or footer.integer(chunk[_OFFSET]):
            raise _Otherwise
        described = footer.struct(chunk[_DESCRIPTION][0]).fields
        first = footer.integer(described[_DICTIONARY if _DICTIONARY in described else _FIRST_PAGE])
        return _Column(footer.text(described[_PATH]), record, described, slice(first, first + footer.integer(described[_SIZE])))

    def with_columns(self, where: Longs, columns: Mapping[str, pa.Array]) -> list[Any]:
        """The file with other values (n,) in some columns."""
        if columns.keys() - {column.name for column in self.columns}:
            raise _Otherwise
        whole = memoryview(self.content)
        pieces: list[Any] = [_MARK]
        records, at, more = [], len(_MARK), 0
        for column in self.columns:
            chunk = _Chunk([whole[column.pages]])
            if column.name in columns:
                chunk = self._exchanged(column, where, columns[column.name])
            records.append(self._recorded(column, chunk, at - column.pages.start))
            pieces += chunk.pages
            at, more = at + chunk.size, more + chunk.more
        footer = self._footer(records, at - len(_MARK), more)
        return [*pieces, footer, len(footer).to_bytes(_LENGTH, "little"), _MARK]

    def _exchanged(self, column: _Column, where: Longs, values: pa.Array) -> _Chunk:
        """A column of numbers with other `values` (n,)."""
        codec, first, stop = self.footer.integer(column.described[_CODEC]), column.pages.start, column.pages.stop
        if values.type not in _NUMBERS or codec not in (_UNCOMPRESSED, _ZSTD) or column.described.keys() & {_STATISTICS, _DICTIONARY}:
            raise _Otherwise
        heads = Records(self.content)
        head = heads.struct(first)
        encoding = heads.integer(heads.struct(head.fields[_VALUES][0]).fields[_ENCODING])
        if head.stop + heads.integer(head.fields[_PAGE]) != stop or encoding not in (_PLAIN, _SPLIT):
            raise _Otherwise
        stored = memoryview(self.content)[head.stop : stop]
        page = bytearray(stored if codec == _UNCOMPRESSED else pa.decompress(stored, heads.integer(head.fields[_PLAIN_PAGE]), "zstd"))
        self._lay_in(page, column, encoding, where, values)
        packed = page if codec == _UNCOMPRESSED else pa.compress(page, "zstd")
        header = heads.exchanged(first, head.stop, {head.fields[_PAGE]: len(packed)})
        return _Chunk([header, packed], len(header) - (head.stop - first))

    def _lay_in(self, page: bytearray, column: _Column, encoding: int, where: Longs, values: pa.Array) -> None:
        """Lays values (n,) into a page of numbers."""
        first = _LENGTH + int.from_bytes(page[:_LENGTH], "little")
        width = values.type.byte_width
        stored = np.frombuffer(page, np.uint8)[first:]
        count, places = len(stored) // width, where
        if count != self.rows or values.null_count:
            there = table_of(self.content, columns=[column.name])[column.name].is_valid().to_numpy()
            if count != there.sum() or (there[where] != given(values)).any():  # too few: a column without levels, as it may not be null
                raise _Otherwise
            places, values = (np.cumsum(there) - 1)[where[there[where]]], values.drop_null()
        new = values.to_numpy().view(np.uint8).reshape(-1, width)
        if encoding == _SPLIT:
            stored.reshape(width, count)[:, places] = new.T
        else:
            stored.reshape(count, width)[places] = new

    def _recorded(self, column: _Column, chunk: _Chunk, moved: int) -> bytes:
        """The record of a column in the footer, whose pages stand so many bytes further on."""
        described = column.described
        values = {described[which]: self.footer.integer(described[which]) + moved for which in (_FIRST_PAGE, _DICTIONARY) if which in described}
        values[described[_SIZE]] = chunk.size
        values[described[_PLAIN_SIZE]] = self.footer.integer(described[_PLAIN_SIZE]) + chunk.more
        return self.footer.exchanged(column.record.start, column.record.stop, values)

    def _footer(self, records: list[bytes], size: int, more: int) -> bytes:
        """The footer with those records of columns, whose pages are `size` bytes, and so many more than before without compression."""
        first, last = self.columns[0].record.start, self.columns[-1].record.stop
        values = {self.group[_ALL_BYTES]: size, self.group[_PLAIN_BYTES]: self.footer.integer(self.group[_PLAIN_BYTES]) + more}
        if min(values)[0] < last:
            raise _Otherwise
        return b"".join([self.footer.content[:first], *records, self.footer.exchanged(last, len(self.footer.content), values)])
