"""`ipvalue.export`: a result as a workbook; the command `ipvalue export` is the same call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipvalue.excel import LAST_ROW, LONGEST_TEXT, workbook, write_cell
from ipvalue.export.sheets import Styles, column_notes, write_table
from ipvalue.export.tabs import Content, Tab, content_of
from ipvalue.files import file_system
from ipvalue.schema import InputError
from ipvalue.storage import refuse_within

SUMMARY, COLUMNS = "Summary", "Columns"
MOST_ROWS = LAST_ROW - 1
"""Rows that a sheet has below its head."""
_ESTIMATES = "The figures are estimates from stated assumptions, not an appraisal."


@dataclass(frozen=True)
class Exported:
    """The workbook that was written; the rows of each sheet with a table; what of the result it does not hold, in sentences."""

    path: str
    rows: dict[str, int]
    left_out: tuple[str, ...]


def export(directory: str | Path, *, xlsx: str | Path, top: int = 1000, overwrite: bool = False) -> Exported:
    """Writes a result of any command as a workbook: what was run, totals with their quantiles, groups, the `top` rights,
    rejects, and what each column means.

    The same result gives the same bytes. Text is never a formula. Raises InputError where there is no result, where `xlsx` is there already (and
    not to be overwritten) or cannot be written.
    """
    path = str(xlsx)
    _check_target(path, str(directory), top, overwrite)
    content = content_of(str(directory), top)
    tabs = [Tab(tab.name, tab.table.slice(0, MOST_ROWS), tab.described, tab.of or tab.table.num_rows, tab.which, tab.drawn) for tab in content.tabs]
    with workbook(path, content.title, "results") as book:
        styles = Styles(book)
        summary = book.add_worksheet(SUMMARY)
        cut = sum(write_table(book, styles, tab) for tab in tabs)
        notes = column_notes(tabs)
        cut += write_table(book, styles, Tab(COLUMNS, notes, "", notes.num_rows))
        left_out = (*(_left_out(tab) for tab in tabs if tab.of > tab.table.num_rows), *([_cut(cut)] if cut else []))
        _write_summary(summary, styles, content, left_out)
    return Exported(path, {tab.name: tab.table.num_rows for tab in tabs}, left_out)


def _check_target(path: str, directory: str, top: int, overwrite: bool) -> None:
    if not path.lower().endswith(".xlsx"):
        raise InputError(f"{path}: a workbook's name ends in .xlsx: name it so")
    if not 1 <= top <= MOST_ROWS:
        raise InputError(f"top is {top:,}: it must be from 1 to {MOST_ROWS:,}, the rows that a sheet has")
    refuse_within(path, directory)
    fs, inner = file_system(path, "written")
    if fs.exists(inner) and not overwrite:
        raise InputError(f"{path}: is there already: name another, or give --overwrite")


def _left_out(tab: Tab) -> str:
    what = tab.which or f"rows, as many as a sheet holds ({MOST_ROWS:,})"
    return f"{tab.name} has {tab.table.num_rows:,} of {tab.of:,} {what}; the results directory has all"


def _cut(texts: int) -> str:
    return f"{texts:,} {'text is' if texts == 1 else 'texts are'} cut to the {LONGEST_TEXT:,} characters that a cell holds"


def _write_summary(sheet: Any, styles: Styles, content: Content, left_out: Sequence[str]) -> None:
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 110)
    sheet.hide_gridlines(2)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.write_string(0, 0, content.title, styles.head)
    rows = [*content.facts, *(("left out", text) for text in left_out), ("note", _ESTIMATES)]
    for row, (name, value) in enumerate(rows, 2):
        write_cell(sheet, row, 0, name, styles.name)
        write_cell(sheet, row, 1, value, styles.wrapped)
