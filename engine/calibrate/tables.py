"""The tables that calibrations read: small, whole in memory, and refused with every problem named before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from ipvalue import columns
from ipvalue.files import open_binary, reading
from ipvalue.intake.cells import convert, readable
from ipvalue.schema import Column, InputError, Rejects, nearest

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

TOLD = 5
"""Problems of each rule that an error lists."""
_IPC = (".arrow", ".feather", ".ipc")
_KINDS = "Parquet (.parquet, .pq), Arrow IPC (.arrow, .feather, .ipc) or CSV (.csv)"


class Stored:
    """A table as it was given: `file` is what its errors call it."""

    def __init__(self, source: object, noun: str) -> None:
        if isinstance(source, str | Path):
            self.file, self.table = str(source), _read(str(source))
        elif hasattr(source, "__arrow_c_stream__"):
            self.file = f"table of {noun}"
            with reading(self.file, "an Arrow stream"):
                self.table = pa.table(pa.RecordBatchReader.from_stream(source))
        else:
            found = f"an object of type {type(source).__name__}"
            raise InputError(f"{found} is no table of {noun}: give a path, a URL or a table that has __arrow_c_stream__")
        if not self.table.num_rows:
            raise InputError(f"{self.file}: holds no rows")

    def has(self, name: str) -> bool:
        """Whether it has a column of that name."""
        return name in self.table.schema.names

    def given(self, known: Iterable[Column]) -> Given:
        """Its `known` columns, converted. Raises InputError where one is missing, or a cell cannot stand in its column."""
        return Given(self, tuple(known))


class Given:
    """Clean columns of a stored table; rows (from 0, in its order) that break a rule are collected by `reject` and refused together by `settle`."""

    def __init__(self, stored: Stored, known: Sequence[Column]) -> None:
        self.file = stored.file
        self.rows = stored.table.num_rows
        self._is_csv = stored.file.lower().endswith(".csv")  # whose cells are text
        self._rejects = Rejects()
        self._names = stored.table.schema.names
        arrays = {column.name: self._raw(stored.table, column) for column in known}
        ids = [None if one is None else str(one) for one in arrays[known[0].name].to_pylist()]
        self._ids: list[str | None] = ids
        self._cells: dict[str, pa.Array] = {}
        for column in known:
            self._cells[column.name] = self._converted(column, arrays[column.name])
        self.settle()

    def _raw(self, table: pa.Table, column: Column) -> pa.Array:
        found = self._names.count(column.name)
        if found > 1:
            raise InputError(f"{self.file}: column {column.name} is there {found} times: keep one")
        if found:
            cells = table[column.name].combine_chunks()
            if not (readable(column, cells.type) or self._is_csv):
                raise InputError(f"{self.file}: column {column.name} is of type {cells.type}, but must hold {column.noun}: cast it")
            return cells
        if column.required:
            near = nearest(column.name, self._names)
            mend = f"rename {near!r} if that is it" if near else f"it has {', '.join(self._names[:12])}"
            raise InputError(f"{self.file}: column {column.name} is missing: {mend}")
        return pa.nulls(table.num_rows, column.arrow_type)

    def _converted(self, column: Column, raw: pa.Array) -> pa.Array:
        cells, faults = convert(column, raw)
        bad = np.zeros(self.rows, np.bool_)
        for fault in faults:
            bad |= fault.cells
            self._reject(fault.cells, column.name, raw, fault.rule, partial(_must_be, column.name, fault.must_be))
        if column.required:
            blank = ~columns.given(cells) & ~bad
            self._reject(blank, column.name, raw, f"{column.name} is given", lambda _: f"{column.name} is blank: it must be given in every row")
        return cells

    def has(self, name: str) -> bool:
        """Whether the table has the column at all."""
        return name in self._names

    def column(self, name: str) -> pa.Array:
        """A column as Arrow has it."""
        return self._cells[name]

    def texts(self, name: str) -> npt.NDArray[Any]:
        """(rows,) a column of texts."""
        return np.array(self._cells[name].to_pylist(), object)

    def floats(self, name: str) -> Floats:
        """(rows,) a column of numbers or of dates (in days), NaN where it is blank."""
        cells = self._cells[name]
        return columns.floats(cells.cast(pa.int32()) if pa.types.is_date32(cells.type) else cells)

    def codes(self, name: str) -> tuple[list[str], Longs]:
        """The distinct texts of a column, in the order of their UTF-8 bytes, and the place of each row's among them."""
        encoded = self._cells[name].dictionary_encode()
        names = encoded.dictionary.to_pylist()
        order = sorted(range(len(names)), key=lambda i: names[i].encode())
        place = np.empty(len(names), np.int64)
        place[order] = np.arange(len(names))
        return [names[i] for i in order], place[encoded.indices.to_numpy()]

    def reject(self, bad: Mask, column: str, rule: str, message: str | Callable[[str], str]) -> None:
        """Note that the rows of `bad` (rows,) break a rule; `message` may depend on the value's text."""
        self._reject(bad, column, self._cells[column], rule, message if callable(message) else lambda _: message)

    def _reject(self, bad: Mask, column: str, cells: pa.Array, rule: str, message: Callable[[str], str]) -> None:
        where = np.flatnonzero(bad)
        if len(where):
            values = [None if value is None else str(value) for value in cells.take(pa.array(where)).to_pylist()]
            texts = [message(value or "blank") for value in values]
            self._rejects.add(self.file, where, [self._ids[row] for row in where], column, values, rule, texts)

    def settle(self) -> None:
        """Raises InputError with the first problems of each rule, if there are any."""
        if not len(self._rejects):
            return
        problems, lines = self._rejects.table().to_pylist(), []
        for broken in self._rejects.broken_rules():
            these = [one for one in problems if (one["column"], one["rule"]) == (broken.column, broken.rule)]
            lines += [f"{one['file']}, row {one['row']} ({one['asset_id'] or 'no id'}): {one['message']}" for one in these[:TOLD]]
            if len(these) > TOLD:
                lines.append(f"{self.file}: and {len(these) - TOLD:,} more rows where not {broken.rule}")
        raise InputError("\n".join(lines))

    def reject_repeated(self, keys: Sequence[str], rule: str) -> None:
        """Note every row whose `keys` stand in another row too."""
        table = pa.table({name: self._cells[name] for name in keys})
        counts = table.group_by(list(keys), use_threads=False).aggregate([([], "count_all")])
        if counts.num_rows == self.rows:
            return
        many: Mapping[tuple[Any, ...], int] = {
            tuple(row[name] for name in keys): row["count_all"] for row in counts.filter(pc.greater(counts["count_all"], 1)).to_pylist()
        }
        of_rows = [tuple(row[name] for name in keys) for row in table.to_pylist()]
        times = [many.get(key, 1) for key in of_rows]
        said = dict(zip(map(str, self._cells[keys[-1]].to_pylist()), times, strict=True)) if len(keys) == 1 else {}
        bad = np.array(times) > 1
        self.reject(bad, keys[-1], rule, lambda value: f"{keys[-1]} {value} stands there {said.get(value, 'several')} times: keep one row of it")


def _must_be(name: str, limits: str, value: str) -> str:
    return f"{name} is {value}: it must be {limits}"


def _read(path: str) -> pa.Table:
    suffix = PurePosixPath(path).suffix.lower()
    if suffix not in (".parquet", ".pq", ".csv", *_IPC):
        raise InputError(f"{path}: {suffix or 'a file without a suffix'} is not a known kind of file: give {_KINDS}")
    with reading(path, "CSV" if suffix == ".csv" else "Parquet" if suffix in (".parquet", ".pq") else "an Arrow IPC file"), open_binary(path) as file:
        if suffix == ".csv":
            return _as_text(file)
        table = pq.ParquetFile(file).read(use_threads=False) if suffix in (".parquet", ".pq") else pa.ipc.open_file(file).read_all()
        table.validate(full=True)
        return table


def _as_text(file: pa.NativeFile) -> pa.Table:
    """A CSV file's cells as text: they are cast later, so that a bad one is named."""
    content = file.read_buffer()
    names = pacsv.open_csv(pa.BufferReader(content)).schema.names
    options = pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""])
    return pacsv.read_csv(pa.BufferReader(content), parse_options=pacsv.ParseOptions(newlines_in_values=True), convert_options=options)
