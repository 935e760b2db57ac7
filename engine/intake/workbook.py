"""Excel workbooks (.xlsx, .xlsm), copied once to Arrow IPC as text, as CSV files are: cells are cast later, so one bad cell rejects one row."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, Any, cast
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.columns import truth
from ipvalue.files import file_system, first_line, reading
from ipvalue.intake.cell_scan import column_letters, column_number, merged_ranges, without_value
from ipvalue.intake.column_names import Names, check_names
from ipvalue.intake.faults import Fault
from ipvalue.intake.kind import Kind
from ipvalue.intake.stored import BATCH_ROWS
from ipvalue.schema import Column, InputError, IpvalueError

SUFFIXES = (".xlsx", ".xlsm")

LAST_ROW = 1_048_576
"""Of a sheet, in Excel and whatever writes for it."""
HEAD_ROWS = 50
"""So many rows of a sheet are looked through for the one with the columns' names: titles may stand above it."""
MOST_BYTES = 2 << 30
"""A workbook whose XML unpacks to more is refused: a full sheet of Excel's with a dozen columns takes half of it."""
ERRORS = (
    "#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!", "#UNKNOWN!", "#GETTING_DATA",
)  # fmt: skip
"""What a cell holds whose formula failed."""
_MARK = {b"ipvalue": b"workbook"}
"""The metadata of a copy, by which its rows are known to come from a workbook."""
_OLD = b"\xd0\xcf\x11\xe0"
"""How .xls files begin, and workbooks that are protected by a password."""


@dataclass(frozen=True)
class Sheet:
    """Where the rows of a workbook stand: the sheet, the number (from 1) of its row with the columns' names, and the letters of the columns read."""

    name: str
    head: int
    letters: dict[str, str]

    def place(self, column: str, row: int) -> str:
        """A cell of the table, its `row` counted from 0, as a spreadsheet program names it."""
        number = self.head + 1 + row
        return f"cell {self.letters[column]}{number} of sheet {self.name}" if column in self.letters else f"row {number} of sheet {self.name}"


@dataclass(frozen=True)
class Book:
    """A workbook that is open: its sheets that are shown, and the member of its archive that each is."""

    archive: ZipFile
    sheets: list[Any]
    members: dict[str, str]


def open_sheet(path: str, display: str, names: Names, kind: Kind) -> Sheet:
    """The sheet that holds the rows: the one that has a column named as `kind.key`, or of several the one called `kind.sheet`.

    Raises InputError where there is none, a column is missing, cells are merged, or a formula's value was not saved.
    """
    with _opened(path, display) as book:
        worksheet, number, heads = _head(book, display, kind)
        where = f"{display}, sheet {worksheet.title}"
        check_names([head for head in heads if head], where, names)
        letters = {head: column_letters(place + 1) for place, head in enumerate(heads) if head in names.known}
        sheet = Sheet(worksheet.title, number, letters)
        _check_cells(book, sheet, where)
        return sheet


def sheet_batches(path: str, display: str, sheet: Sheet) -> Iterator[pa.RecordBatch]:
    """The known columns of a sheet as text, in batches; blank rows at its end are left out, those between rows are rows."""
    with _opened(path, display) as book:
        worksheet = next(one for one in book.sheets if one.title == sheet.name)
        places = [column_number(letter) - 1 for letter in sheet.letters.values()]
        rows: list[list[str | None]] = []
        blank = 0
        for number, cells in enumerate(_rows(worksheet, sheet.head + 1, max(places) + 1), sheet.head + 1):
            if number > LAST_ROW:
                raise InputError(f"{display}, sheet {sheet.name}: has rows after the last that there can be ({LAST_ROW:,}): write it again")
            row = [_text(cells[place]) if place < len(cells) else None for place in places]
            if not any(row):
                blank += 1
                continue
            rows += [[None] * len(places)] * blank
            rows.append(row)
            blank = 0
            while len(rows) >= BATCH_ROWS:
                yield _batch(rows[:BATCH_ROWS], sheet)
                del rows[:BATCH_ROWS]
        if rows:
            yield _batch(rows, sheet)


def failed_formulas(column: Column, raw: pa.RecordBatch) -> list[Fault]:
    """The cells of a column of any text that hold the error of a formula, where the rows come from a workbook; in every other column they are no
    value anyway."""
    if column.kind != "string" or column.form or raw.schema.metadata != _MARK or column.name not in raw.schema.names:
        return []
    failed = truth(pc.is_in(raw[column.name], pa.array(ERRORS)))
    return [Fault(failed, f"{column.name} is no error of a formula", "text, and not the error of a formula")]


@contextmanager
def _opened(path: str, display: str) -> Iterator[Book]:
    """A workbook, its values and not its formulas; macros and links to other workbooks are not looked at."""
    try:
        from openpyxl.reader.excel import ExcelReader
    except ImportError:
        missing = "workbooks are read with openpyxl, which is not installed"
        raise InputError(f"{display}: {missing}: pip install 'ipvalue[xlsx]', or save the sheet as CSV") from None
    fs, inner = file_system(path)
    with reading(display), fs.open(inner, "rb") as file, warnings.catch_warnings(), _damage(display):
        warnings.simplefilter("ignore")  # of extensions that openpyxl knows no use for: none of them is a cell
        _check_size(file, display)
        reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
        reader.read()
        shown = [one for one in reader.wb.worksheets if one.sheet_state == "visible"]
        for worksheet in shown:
            worksheet.reset_dimensions()  # what the file says of its own size is not always so
        yield Book(reader.archive, shown, {sheet.name: relation.target for sheet, relation in reader.parser.find_sheets()})


@contextmanager
def _damage(display: str) -> Iterator[None]:
    """Whatever a reader of damaged files trips over, as a sentence."""
    try:
        yield
    except (IpvalueError, OSError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"{display}: cannot be read as a workbook ({first_line(error)}): it is damaged, cut short or something else") from None


def _check_size(file: IO[bytes], display: str) -> None:
    if file.read(len(_OLD)) == _OLD:
        raise InputError(f"{display}: is protected by a password, or of Excel's old format (.xls): save it as .xlsx without a password")
    file.seek(0)
    with ZipFile(file) as archive:
        # no member yields more bytes than its entry says
        unpacked = sum(one.file_size for one in archive.infolist() if one.filename.endswith((".xml", ".rels")))
    file.seek(0)
    if unpacked > MOST_BYTES:
        size = f"{unpacked / (1 << 30):,.1f} GiB"
        raise InputError(f"{display}: unpacks to {size} of XML, and no more than {MOST_BYTES >> 30} GiB is read: write it as CSV or Parquet")


def _head(book: Book, display: str, kind: Kind) -> tuple[Any, int, list[str]]:
    """The sheet with the rows, the number of its row with the columns' names, and these, "" where a cell is blank."""
    found, first = [], None
    for worksheet in book.sheets:
        for number, cells in enumerate(_rows(worksheet, 1, None, HEAD_ROWS), 1):
            heads = [(_text(cell) or "").strip() for cell in cells]
            if any(heads):
                first = first or (worksheet, number, heads)
            if kind.key in heads and sum(head in kind.columns for head in heads) > 1:
                found.append((worksheet, number, heads))
                break
    if len(found) > 1:
        found = [one for one in found if one[0].title.casefold() == kind.sheet] or found
    if len(found) > 1:
        several = " and ".join(one[0].title for one in found)
        raise InputError(f"{display}: the sheets {several} all have a column {kind.key}: call the one that is meant {kind.sheet}")
    if found:
        return found[0]
    if first is None:
        raise InputError(f"{display}: holds no rows")
    return first


def _check_cells(book: Book, sheet: Sheet, where: str) -> None:
    """Raises InputError where cells to be read are merged, or hold a formula without its value."""
    read = {column_number(letter): name for name, letter in sheet.letters.items()}
    member = book.members[sheet.name]
    for text, (left, top, right, bottom) in merged_ranges(book.archive, member):
        if bottom >= sheet.head and any(left <= column <= right for column in read):
            raise InputError(f"{where}: cells {text} are merged: unmerge them{' and fill in each' if top > sheet.head else ''}")
    for letter, row in without_value(book.archive, member):
        if row >= sheet.head and column_number(letter) in read:
            name = read[column_number(letter)]
            mend = "open the workbook in a spreadsheet program, save it there and try again"
            raise InputError(f"{where}, cell {letter}{row} ({name}): is a formula whose value was not saved: {mend}")


def _rows(worksheet: Any, first: int, columns: int | None, last: int | None = None) -> Iterator[tuple[Any, ...]]:
    return cast(Iterator[tuple[Any, ...]], worksheet.iter_rows(min_row=first, max_row=last, max_col=columns, values_only=True))


def _batch(rows: list[list[str | None]], sheet: Sheet) -> pa.RecordBatch:
    schema = pa.schema([(name, pa.string()) for name in sheet.letters], _MARK)
    return pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in zip(*rows, strict=True)], schema=schema)


def _text(cell: object) -> str | None:
    """A cell as it would stand in CSV. One that holds but spaces is blank, for so it looks; a date loses its time, as it does in Parquet."""
    match cell:
        case None:
            return None
        case bool():
            return "true" if cell else "false"
        case str():
            return cell if cell.strip() else None
        case float():
            return f"{cell:.0f}" if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        case datetime():
            return cell.date().isoformat()
        case date():
            return cell.isoformat()
    return str(cell)
