"""CSV files, workbooks and tables in memory, copied once to Arrow IPC files that tasks read by ranges of rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from ipvalue.files import file_system, reading
from ipvalue.intake.column_names import Names, check_names, check_schema
from ipvalue.intake.kind import Kind
from ipvalue.intake.stored import BATCH_ROWS
from ipvalue.intake.workbook import Sheet, open_sheet, sheet_batches
from ipvalue.schema import InputError, RunError

TABLE = "table in memory"
"""What a portfolio is called that is no file."""
_CSV = pacsv.ParseOptions(newlines_in_values=True)


def spool_table(table: Any, spool: Path, names: Names) -> Path:
    """Copy a table's known columns to Arrow IPC."""
    with reading(TABLE, "an Arrow stream"):
        reader = pa.RecordBatchReader.from_stream(table)
        check_schema(reader.schema, TABLE, names)
    copy = spool / "table.arrow"
    _write(copy, _decoded(reader, names), TABLE)
    return copy


def spool_csv(path: str, display: str, spool: Path, names: Names) -> str:
    """Copy a CSV file's known columns to Arrow IPC as text: cells are cast later, so one bad cell rejects one row."""
    fs, inner = file_system(path)
    with reading(display, "CSV"), fs.open(inner, "rb") as file:
        found = pacsv.open_csv(file, parse_options=_CSV).schema.names
        check_names(found, display, names)
    copy = spool / "csv.arrow"
    _write(copy, _csv_batches(fs, inner, found, display, names), display)
    return str(copy)


def spool_workbook(path: str, display: str, spool: Path, names: Names, kind: Kind) -> tuple[str, Sheet]:
    """Copy the known columns of a workbook's sheet to Arrow IPC as text; and say where its rows stand."""
    sheet = open_sheet(path, display, names, kind)
    copy = spool / "workbook.arrow"
    _write(copy, sheet_batches(path, display, sheet), f"{display}, sheet {sheet.name}")
    return str(copy), sheet


def _csv_batches(fs: Any, inner: str, found: list[str], display: str, names: Names) -> Iterator[pa.RecordBatch]:
    as_text = pacsv.ConvertOptions(
        column_types=dict.fromkeys(found, pa.string()),
        include_columns=[name for name in found if name in names.known],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
        null_values=[""],
    )
    with reading(display, "CSV"), fs.open(inner, "rb") as file:
        yield from pacsv.open_csv(file, parse_options=_CSV, convert_options=as_text)


def _decoded(reader: pa.RecordBatchReader, names: Names) -> Iterator[pa.RecordBatch]:
    """The known columns, dictionaries decoded: their codes may differ by batch, which an IPC file cannot hold."""
    with reading(TABLE, "an Arrow stream"):
        for batch in reader:
            known = batch.select([name for name in batch.schema.names if name in names.known])
            arrays = [_plain(one) if isinstance(one, pa.DictionaryArray) else one for one in known.columns]
            yield pa.RecordBatch.from_arrays(arrays, known.schema.names)


def _plain(codes: pa.DictionaryArray) -> pa.Array:
    """Its values. Arrow has no way to take those that are views, as polars' are."""
    words = codes.dictionary.cast(pa.string()) if codes.type.value_type == pa.string_view() else codes.dictionary
    return words.take(codes.indices)


def _write(path: Path, batches: Iterator[pa.RecordBatch], display: str) -> None:
    """Copy batches to an uncompressed IPC file, in pieces of at most BATCH_ROWS."""
    first = next(batches, None)
    if first is None:
        raise InputError(f"{display}: holds no rows")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file, pa.ipc.new_file(file, first.schema) as writer:
            for batch in chain([first], batches):
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    writer.write_batch(batch.slice(start, BATCH_ROWS))
    except OSError as error:
        raise RunError(f"{path}: the copy of {display} cannot be written ({error}): make room or go elsewhere") from None
