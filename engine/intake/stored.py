"""Stored tables: opening a file, what it holds, and reading a range of its rows batch by batch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt
from fsspec.implementations.local import LocalFileSystem

from ipvalue.columns import packed
from ipvalue.files import file_errors, file_system, open_binary, reading
from ipvalue.intake.shared import Batches, Streams
from ipvalue.schema import RunError

Format = Literal["parquet", "ipc"]

BATCH_ROWS = 65_536
"""Most rows of a batch."""
MOST_BYTES_A_CODE = 2
"""A column of texts that takes less in a file, on average of its rows, holds few distinct ones."""
READ_BYTES = 1 << 18
"""What is read of a column of a local Parquet file at once."""


@dataclass(frozen=True)
class Unit:
    """A range of rows of one file, small enough to send: `rows` rows from the one numbered `first_row`, from 0.

    `groups` are the Parquet row groups or IPC record batches that hold them, after `skip` rows of the first, and
    `group_rows` the rows of all of these. `path` is what is opened, `display` what the user calls it.
    """

    path: str
    display: str
    format: Format
    groups: range
    group_rows: int
    skip: int
    rows: int
    first_row: int

    def part(self, rows: range) -> Unit:
        """Some of its rows, counted from its first."""
        return replace(self, skip=self.skip + rows.start, rows=len(rows), first_row=self.first_row + rows.start)

    @property
    def whole(self) -> Unit:
        """All rows of its groups."""
        return replace(self, skip=0, rows=self.group_rows, first_row=self.first_row - self.skip)


def place_of(path: str) -> str:
    """A path or URL that names the same file from anywhere on this machine."""
    fs, inner = file_system(path)
    return inner if isinstance(fs, LocalFileSystem) else str(fs.unstrip_protocol(inner))


def state_of(path: str) -> str:
    """What a file system says of a file (size, times and the like), as one text that differs where any of it does."""
    fs, inner = file_system(path)
    fs.invalidate_cache()
    return str(fs.ukey(inner))


def can_be_read(path: str) -> bool:
    """Whether a file is there and may be read."""
    fs, inner = file_system(path)
    try:
        fs.cat_file(inner, start=0, end=1)
    except file_errors():
        return False
    return True


def digest(path: str) -> str:
    """The SHA-256 of a file's bytes."""
    state = hashlib.sha256()
    fs, inner = file_system(path)
    with fs.open(inner, "rb") as file:
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def describe_file(path: str, fmt: Format) -> tuple[pa.Schema, list[int]]:
    """A file's Arrow schema and the rows of each of its row groups or record batches."""
    with open_binary(path) as file:
        if fmt == "parquet":
            parquet = pq.ParquetFile(file)
            metadata = parquet.metadata
            return parquet.schema_arrow, [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        reader = pa.ipc.open_file(file)
        narrow = pa.ipc.open_file(file, options=_ipc_options([0]))
        return reader.schema, [narrow.get_batch(i).num_rows for i in range(reader.num_record_batches)]


def stored_batches(unit: Unit, names: list[str], streams: Streams | None = None) -> Iterator[pa.RecordBatch]:
    """The unit's rows in order, at most BATCH_ROWS at a time, with those of the columns `names` that the file has.

    Arrow's own checks of offsets and UTF-8 run on each batch, so damage inside a file is an InputError and never a
    crash; that it cannot be reached any more is a RunError. With `streams`, units that are parts of the same Parquet row groups share one pass over
    them.
    """
    with reading(unit.display, lost=RunError):
        yield from _checked(_batches(unit, names, streams))


def few_rows(unit: Unit, names: list[str], wanted: npt.NDArray[np.bool_]) -> Batches:
    """The rows of whole groups that are wanted (group_rows,), few of them, with the same checks.

    Of a Parquet file one column is decoded after the other: what that takes of memory is taken once, and not once for each column.
    """
    with reading(unit.display, lost=RunError):
        if unit.format == "ipc":
            yield from _filtered(_ipc_batches(unit, names), wanted)
            return
        columns = [list(_filtered(column, wanted)) for column in _parquet_columns(unit, names)]
        yield from columns[0] if len(columns) == 1 else _side_by_side(columns)


def _filtered(batches: Iterator[pa.RecordBatch], wanted: npt.NDArray[np.bool_]) -> Iterator[pa.RecordBatch]:
    mask, row = packed(wanted), 0
    for batch in _checked(batches):
        yield batch.filter(mask.slice(row, batch.num_rows))
        row += batch.num_rows


def _side_by_side(columns: list[list[pa.RecordBatch]]) -> list[pa.RecordBatch]:
    """The batches of single columns as those of all together."""
    tables = [pa.Table.from_batches(one) for one in columns]
    whole = pa.Table.from_arrays([one.column(0) for one in tables], schema=pa.schema([one.schema.field(0) for one in tables]))
    batches: list[pa.RecordBatch] = whole.combine_chunks().to_batches()
    return batches


def _checked(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        batch.validate(full=True)
        yield batch


def _batches(unit: Unit, names: list[str], streams: Streams | None) -> Iterator[pa.RecordBatch]:
    if unit.format == "ipc":
        return _window(_ipc_batches(unit, names), unit.skip, unit.rows)
    if streams is None or unit.rows == unit.group_rows:
        return _window(_parquet_batches(unit, names), unit.skip, unit.rows)
    key = (unit.path, unit.groups, *names)
    return streams.rows(key, partial(_parquet_batches, unit, names), unit.group_rows, unit.skip, unit.skip + unit.rows)


def _parquet_batches(unit: Unit, names: list[str]) -> Batches:
    with _parquet(unit, names) as (parquet, present):
        yield from _decoded(parquet, unit, present)


def _parquet_columns(unit: Unit, names: list[str]) -> Iterator[Iterator[pa.RecordBatch]]:
    """The same, a column after the other; the bare rows where it has none of them."""
    with _parquet(unit, names) as (parquet, present):
        yield from (_decoded(parquet, unit, some) for some in [[name] for name in present] or [[]])


def _decoded(parquet: pq.ParquetFile, unit: Unit, names: list[str]) -> Batches:
    yield from parquet.iter_batches(BATCH_ROWS, row_groups=list(unit.groups), columns=names, use_threads=False)


@contextmanager
def _parquet(unit: Unit, names: list[str]) -> Iterator[tuple[pq.ParquetFile, list[str]]]:
    """A unit's file, and which of the columns it has."""
    with open_binary(unit.path) as file:
        # a disk is read as far as its rows are decoded; elsewhere, where each read is a request, all of a column's group at once
        how: dict[str, Any] = {"pre_buffer": False, "buffer_size": READ_BYTES if isinstance(file, pa.OSFile) else 0}
        parquet = pq.ParquetFile(file, **how)
        present = [name for name in parquet.schema_arrow.names if name in names]
        if repeated := _repeated(parquet, present):
            parquet = pq.ParquetFile(file, metadata=parquet.metadata, read_dictionary=repeated, **how)
        yield parquet, present


def _repeated(parquet: pq.ParquetFile, names: list[str]) -> list[str]:
    """Columns of texts that a file stores by their distinct ones, as good as all of them: to be read so too, in a third of the time. Its first row
    group decides for all, so that all batches of a file are of the same types."""
    if not parquet.metadata.num_row_groups:
        return []
    chunks = parquet.metadata.row_group(0)
    most = MOST_BYTES_A_CODE * chunks.num_rows
    sizes = {chunks.column(place).path_in_schema: chunks.column(place).total_uncompressed_size for place in range(chunks.num_columns)}
    return [name for name in names if pt.is_string(parquet.schema_arrow.field(name).type) and sizes.get(name, most) < most]


def _ipc_batches(unit: Unit, names: list[str]) -> Iterator[pa.RecordBatch]:
    with open_binary(unit.path) as file:
        schema = pa.ipc.open_file(file).schema
        present = [i for i, name in enumerate(schema.names) if name in names]
        reader = pa.ipc.open_file(file, options=_ipc_options(present))
        for group in unit.groups:
            yield reader.get_batch(group)


def _ipc_options(fields: list[int]) -> pa.ipc.IpcReadOptions:
    return pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)


def _window(batches: Iterator[pa.RecordBatch], skip: int, rows: int) -> Iterator[pa.RecordBatch]:
    """`rows` rows after the first `skip`, in slices of at most BATCH_ROWS."""
    for batch in batches:
        inside = batch.slice(min(skip, batch.num_rows), rows)
        skip -= min(skip, batch.num_rows)
        rows -= inside.num_rows
        for start in range(0, inside.num_rows, BATCH_ROWS):
            yield inside.slice(start, BATCH_ROWS)
        if not rows:
            return
