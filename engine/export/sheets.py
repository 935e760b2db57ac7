"""A table as a sheet: head with notes, formats by unit, widths, a distribution drawn beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from ipvalue.excel import write_cell
from ipvalue.export.meaning import described
from ipvalue.export.tabs import Tab
from ipvalue.schema import IN_PERCENT, Column

_DENSEST = 1e5
"""Amounts of a column from which on nobody looks at what comes after the point."""
_WIDEST, _NARROWEST = 60, 9
_ON_A_PAGE = 8
"""Columns that are still to be read where they are printed on the width of a page."""
_LOOKED_AT = 200
"""Rows by which a column's width is chosen."""
_FORMATS = {**dict.fromkeys(IN_PERCENT, "0.00%"), "years": "0.00", "int": "#,##0", "date": "yyyy-mm-dd"}
_MONEY, _SMALL = "#,##0", "#,##0.00"


class Styles:
    """The formats of a workbook, each made once."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._numbers: dict[str, Any] = {}
        self.head = book.add_format({"bold": True, "bottom": 1})
        # after a number, which ends at the right of its cell, a text would begin at once
        self.text_head = book.add_format({"bold": True, "bottom": 1, "indent": 1})
        self.text = book.add_format({"indent": 1})
        self.number_head = book.add_format({"bold": True, "bottom": 1, "align": "right"})
        self.name = book.add_format({"bold": True, "valign": "top"})
        self.wrapped = book.add_format({"text_wrap": True, "align": "left", "valign": "top"})

    def number(self, shown: str) -> Any:
        """A format of numbers."""
        if shown not in self._numbers:
            self._numbers[shown] = self._book.add_format({"num_format": shown})
        return self._numbers[shown]


def write_table(book: Any, styles: Styles, tab: Tab) -> int:
    """Writes a table as a sheet of its own; says how many texts were cut."""
    sheet, table = book.add_worksheet(tab.name), tab.table
    columns = _known(tab)
    sheet.freeze_panes(1, 1)
    sheet.set_landscape()
    sheet.repeat_rows(0)
    if table.num_columns <= _ON_A_PAGE:
        sheet.fit_to_pages(1, 0)
    shown = [_format(table[name], columns.get(name)) for name in table.column_names]
    formats = [styles.text if one is None else styles.number(one) for one in shown]
    for place, name in enumerate(table.column_names):
        sheet.set_column(place, place, _width(name, table[name].slice(0, _LOOKED_AT).to_pylist()))
        sheet.write_string(0, place, name, styles.number_head if _is_number(table[name].type) else styles.text_head)
        if name in columns:
            sheet.write_comment(0, place, _note(columns[name]), {"author": "ipvalue", "x_scale": 1.5})
    if table.num_rows and table.num_columns:
        sheet.autofilter(0, 0, table.num_rows, table.num_columns - 1)
    cut = 0
    for row, cells in enumerate(_rows(table), 1):
        for place, cell in enumerate(cells):
            cut += not write_cell(sheet, row, place, cell, formats[place])
    if tab.drawn:
        _draw(book, sheet, table.num_rows)
    return cut


def column_notes(tabs: Sequence[Tab]) -> pa.Table:
    """What each column of the sheets means, where the sheet does not say it."""
    rows = []
    for tab in tabs:
        for name, column in _known(tab).items():
            rows.append((tab.name, name, column.meaning, column.unit))
    return pa.table(dict(zip(("sheet", "column", "meaning", "unit"), map(list, zip(*rows, strict=True)), strict=True)))


def _known(tab: Tab) -> dict[str, Column]:
    """The columns of a sheet that the registry describes."""
    return {name: described(tab.described, name) for name in tab.table.column_names} if tab.described else {}


def _rows(table: pa.Table) -> Any:
    for batch in table.to_batches(max_chunksize=4096):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _note(column: Column) -> str:
    return column.meaning + (f"\nUnit: {column.unit}" if column.unit else "")


def _format(values: pa.ChunkedArray, column: Column | None) -> str | None:
    """How Excel shows a column's numbers; None where it holds none."""
    if pt.is_date(values.type):
        return _FORMATS["date"]
    if pt.is_integer(values.type):
        return _FORMATS["int"]
    if not _is_number(values.type):
        return None
    if column is not None and column.unit in _FORMATS:
        return _FORMATS[column.unit]
    if column is not None and column.unit != "market's currency":
        return "General"
    largest = max((abs(value) for value in values.to_pylist() if value is not None), default=0)
    return _MONEY if largest >= _DENSEST else _SMALL


def _is_number(of: pa.DataType) -> bool:
    return bool(pt.is_integer(of) or pt.is_floating(of) or pt.is_decimal(of))


def _width(name: str, cells: Sequence[Any]) -> int:
    lengths = [len(f"{cell:,.0f}") if isinstance(cell, float) else _columns(str(cell)) for cell in cells if cell is not None]
    return max(_NARROWEST, min(_WIDEST, max([len(name) + 4, *(length + 2 for length in lengths)])))


def _columns(text: str) -> int:
    """How wide a text is: Chinese characters take the room of two."""
    return sum(2 if ord(one) > 0x2E7F else 1 for one in text)


def _draw(book: Any, sheet: Any, bars: int) -> None:
    """The histogram of a sheet whose columns are from, to, paths and label."""
    chart = book.add_chart({"type": "column"})
    paths, labels = ([sheet.name, 1, place, bars, place] for place in (2, 3))
    chart.add_series({"name": "paths", "categories": labels, "values": paths, "gap": 10})
    chart.set_title({"name": "The whole's value, by path"})
    chart.set_x_axis({"name": "from"})
    chart.set_y_axis({"name": "paths", "major_gridlines": {"visible": True, "line": {"color": "#D9D9D9"}}})
    chart.set_legend({"none": True})
    chart.set_size({"width": 860, "height": 400})
    sheet.insert_chart(1, 5, chart)
