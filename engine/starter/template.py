"""A workbook to fill in: every column of a portfolio with a note, lists to choose from, limits checked as one types, and rows as examples."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from typing import Any

from ipvalue.excel import workbook, write_cell
from ipvalue.schema import FILLABLE, PORTFOLIO, Column

ROWS = 10_000
"""So many rows have their lists and limits."""
_GROUPS, _HEADS = 0, 1
"""The rows (from 0) of the groups' names and of the columns'."""
_MOST_LISTED = 255
"""Characters of a list of choices that Excel takes."""
_CURRENCIES = ("CNY", "USD", "EUR", "JPY", "GBP", "CHF", "KRW", "HKD", "TWD", "SGD", "INR", "CAD", "AUD", "SEK", "BRL")
_FORMATS = {"string": "@", "choice": "@", "date": "yyyy-mm-dd", "float_list": "@", "int_list": "@", "choice_list": "@", "string_list": "@"}
"""Text where Excel would make a date or a number of an id."""

_MONEY = "asset's currency"
_WIDTHS = {"asset_id": 26, "revenue": 18, "replacement_cost": 18, "comparable_price": 18}

_READ_ME = """\
Fill in the sheet "portfolio": a row for each right. Then, in a shell:
    ipvalue check portfolio.xlsx
    ipvalue value portfolio.xlsx --out results
A market.toml beside the workbook, or named with --market, says currency, valuation date, curves and sectors.

Bold columns must be given in every row. So must what the method needs: revenue and royalty_rate for relief_from_royalty and licence, revenue and \
margin for excess_earnings and incremental_income, replacement_cost for cost, comparable_price for market.
What is blank is filled from sourced assumptions, and the results say what was. A cell that holds nothing but spaces is blank.
Rows 3 to {last} are examples: write over them or delete them.

Numbers are numbers: 0.05 or 5 %, 1200000; no units, no text. Dates are dates. Lists are text with semicolons: 0.6; 0.4.
A formula counts as the value that was saved with it. A failed formula (#N/A) rejects its row. Merged cells are refused.
The first row holds groups of columns for the eye only. Columns may be moved, hidden or deleted, and columns of your own added: these are not read.
Other sheets are not read, hidden rows are.

Messages count rows from 0, as all tables of results do, and name the cell besides: (cell D7 of sheet portfolio)."""


def write_template(path: str, sample: str, examples: int) -> None:
    """Writes the workbook; `sample` is a portfolio in CSV, of which `examples` rows are shown, spread over it. Raises InputError."""
    rows = list(csv.DictReader(sample.splitlines()))
    shown = [rows[place * len(rows) // examples] for place in range(examples)]
    columns = sorted(PORTFOLIO.values(), key=lambda column: not column.required)
    with workbook(path, "ipvalue: a portfolio", "portfolios") as book:
        sheet = book.add_worksheet("portfolio")
        _write_heads(book, sheet, columns)
        for row, cells in enumerate(shown, _HEADS + 1):
            for place, column in enumerate(columns):
                write_cell(sheet, row, place, _value(column, cells.get(column.name)))
        _write_read_me(book, _READ_ME.format(last=_HEADS + 1 + len(shown)))


def _write_heads(book: Any, sheet: Any, columns: Sequence[Column]) -> None:
    group_style = book.add_format({"italic": True, "font_color": "#595959"})
    head, required = book.add_format({"bottom": 1}), book.add_format({"bottom": 1, "bold": True, "bg_color": "#FFF2CC"})
    sheet.freeze_panes(_HEADS + 1, 1)
    before = ""
    for place, column in enumerate(columns):
        shown = "#,##0" if column.unit == _MONEY and column.kind == "float" else _FORMATS.get(column.kind, "General")
        sheet.set_column(place, place, _width(column), book.add_format({"num_format": shown}))
        if validation := _validation(column):
            sheet.data_validation(_HEADS + 1, place, _HEADS + ROWS, place, validation)
    for place, column in enumerate(columns):
        if column.group != before:
            sheet.write_string(_GROUPS, place, column.group, group_style)
        before = column.group
    for place, column in enumerate(columns):
        sheet.write_string(_HEADS, place, column.name, required if column.required else head)
        sheet.write_comment(_HEADS, place, _note(column), {"x_scale": 2, "y_scale": 1.4, "author": "ipvalue"})


def _width(column: Column) -> int:
    """Characters that the name and what stands below it take."""
    return max(len(column.name) + 2, _WIDTHS.get(column.name, 14), *(len(choice) + 4 for choice in column.choices))


def _note(column: Column) -> str:
    """What a column means, its unit, what it must be, and what a blank means."""
    unit = f"Unit: {column.unit}." if column.unit else ""
    limits = f"Must be {column.limits}." if column.limits else f"Must be {column.noun}."
    blank = "Must be given in every row." if column.required else _blank(column)
    return "\n".join(filter(None, (f"{column.name}: {column.meaning}.", unit, limits, blank)))


def _blank(column: Column) -> str:
    if column.name not in FILLABLE:
        return "A blank stays blank."
    means = str(column.default).lower() if isinstance(column.default, bool) else column.default
    return "A blank is filled from the assumptions" + (", or stays blank." if means is None else f", else it means {means}.")


def _validation(column: Column) -> dict[str, Any] | None:
    """What Excel checks as one types: a list to choose from, limits of numbers, a date."""
    common = {"ignore_blank": True, "error_title": column.name, "error_message": f"It must be {column.limits or column.noun}."[:255]}
    match column.kind:
        case "choice" if len(",".join(column.choices)) <= _MOST_LISTED:
            return {**common, "validate": "list", "source": list(column.choices)}
        case "bool":
            return {**common, "validate": "list", "source": ["TRUE", "FALSE"]}
        case "date":
            return {**common, "validate": "date", "criteria": ">=", "value": date(1900, 3, 1)}
        case "float" | "int":
            return {**common, **_limits(column), "validate": "decimal" if column.kind == "float" else "integer"}
        case "string" if column.name == "currency":
            # a proposal: any other code may be typed
            return {**common, "validate": "list", "source": list(_CURRENCIES), "error_type": "warning"}
    return None


def _limits(column: Column) -> dict[str, Any]:
    if column.low is not None and column.high is not None:
        return {"criteria": "between", "minimum": column.low, "maximum": column.high}
    return {"criteria": ">=" if column.low is not None else "<=", "value": column.high if column.low is None else column.low}


def _value(column: Column, text: str | None) -> Any:
    """A cell of CSV as what it is."""
    if not text:
        return None
    match column.kind:
        case "float":
            return float(text)
        case "int":
            return int(text)
        case "date":
            return date.fromisoformat(text)
    return text


def _write_read_me(book: Any, text: str) -> None:
    sheet = book.add_worksheet("read me")
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 110)
    for row, line in enumerate(text.splitlines()):
        sheet.write_string(row, 0, line, wrapped)
