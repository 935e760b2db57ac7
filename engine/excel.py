"""Workbooks to be written (.xlsx): what is given as text stays text, the same content has the same bytes, and a file is whole or not there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from ipvalue.files import file_system
from ipvalue.schema import InputError
from ipvalue.storage import atomic, uploaded, writing

LAST_ROW = 1_048_576
"""Of a sheet, counted from 1."""
LONGEST_TEXT = 32_767
"""Characters that a cell holds."""
_DAY = datetime(1980, 1, 1)
"""The day that every workbook says it was made on: a file is to be the same where what it holds is."""
_FIRST_DAY = date(1900, 3, 1)
"""Spreadsheet programs do not agree on earlier ones."""


@contextmanager
def workbook(path: str, title: str, what: str) -> Iterator[Any]:
    """An XlsxWriter workbook, written to a path or URL when it is whole. `what` is written: "results".

    Raises InputError where XlsxWriter is not installed or nothing can be written there.
    """
    try:
        from xlsxwriter import Workbook
    except ImportError:
        raise InputError(f"{path}: {what} are written to workbooks with XlsxWriter, which is not installed: pip install 'ipvalue[xlsx]'") from None
    fs, inner = file_system(path, "written")
    with writing(path, InputError, "file"), atomic(Path(inner)) if isinstance(fs, LocalFileSystem) else uploaded(fs, inner) as file:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        book = Workbook(file, options)
        book.set_properties({"title": title, "created": _DAY})
        yield book
        book.close()


def write_cell(sheet: Any, row: int, column: int, value: Any, style: Any = None) -> bool:
    """Writes a value as what it is, a blank as nothing; a list as "a; b". False where a text was cut, for it is longer than a cell holds."""
    match value:
        case None:
            return True
        case bool():
            sheet.write_boolean(row, column, value, style)
        case int() | float() | Decimal() if math.isfinite(value):
            sheet.write_number(row, column, value, style)
        case date() if value >= _FIRST_DAY:
            sheet.write_datetime(row, column, value, style)
        case list():
            return write_cell(sheet, row, column, "; ".join("" if one is None else f"{one}" for one in value), style)
        case _:
            text = str(value)
            fits = len(text) <= LONGEST_TEXT
            sheet.write_string(row, column, text if fits else f"{text[: LONGEST_TEXT - 1]}…", style)
            return fits
    return True
