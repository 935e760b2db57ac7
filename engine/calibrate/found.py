"""What a calibration found: tables that show themselves, with their doubts, and go back into a portfolio, a market or assumptions."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from ipvalue.schema import InputError
from ipvalue.storage import atomic

SHOWN_ROWS = 12
SUFFIXES = (".parquet", ".arrow", ".csv", ".toml")


@dataclass(frozen=True)
class Calibrated:
    """The table that a calibration is asked for, others beside it by name, and what is doubtful about them, a sentence each.

    title: what it is. drivers: columns of `table` that are columns of a portfolio, by asset_id. toml: the same for market.toml or
    assumptions.toml, where that is where it belongs. shown: columns of `table` that are shown; all where it is empty. Tables are pyarrow's, so
    pandas, polars and duckdb take them as they are.
    """

    title: str
    table: pa.Table
    doubts: tuple[str, ...]
    drivers: tuple[str, ...] = ()
    others: Mapping[str, pa.Table] = field(default_factory=dict)
    toml: str | None = None
    shown: tuple[str, ...] = ()

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<ipvalue {self.title}: {self.table.num_rows:,} rows, {len(self.doubts)} {'doubt' if len(self.doubts) == 1 else 'doubts'}>"

    def __str__(self) -> str:
        blocks = [f"{name}\n{text(table)}" if name else text(table) for name, table in self._to_show().items()]
        return "\n\n".join([self.title, *blocks, *(["\n".join(f"doubt: {one}" for one in self.doubts)] if self.doubts else [])])

    def _repr_html_(self) -> str:
        blocks = [f"<b>{html.escape(self.title)}</b>"]
        for name, table in self._to_show().items():
            blocks.append((f"<p>{html.escape(name)}</p>" if name else "") + _html(table))
        return "".join([*blocks, *(f"<p>doubt: {html.escape(one)}</p>" for one in self.doubts)])

    def _to_show(self) -> dict[str, pa.Table]:
        return {"": self.table.select(self.shown or self.table.schema.names), **self.others}

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        others = {name: table.to_pylist() for name, table in self.others.items()}
        return {"title": self.title, "doubts": list(self.doubts), "table": self.table.to_pylist(), **others}

    def into(self, portfolio: object) -> pa.Table:
        """A portfolio with the drivers that were found in place of its own, by asset_id. Raises InputError where it has no such column."""
        if not self.drivers:
            raise InputError(f"{self.title}: belongs into market.toml or assumptions.toml, not into a portfolio: write its toml there")
        rights = pa.table(portfolio)
        if "asset_id" not in rights.schema.names:
            raise InputError("the table has no column asset_id, so nothing can be put into it: give a portfolio")
        found = self._of_rights()
        place = pc.index_in(rights["asset_id"].cast(pa.string()), found["asset_id"].combine_chunks())
        for driver in self.drivers:
            cells = found[driver].take(place.combine_chunks())
            if driver in rights.schema.names:
                cells = pc.coalesce(cells, rights[driver].cast(pa.float64()))
                rights = rights.set_column(rights.schema.get_field_index(driver), driver, cells)
            else:
                rights = rights.append_column(driver, cells)
        return rights

    def _of_rights(self) -> pa.Table:
        return next(table for table in (self.table, *self.others.values()) if {"asset_id", *self.drivers} <= {*table.schema.names})

    def write(self, path: str | Path) -> None:
        """Writes the table (.parquet, .arrow, .csv) or its toml (.toml) to a file that is not there yet. Raises InputError."""
        out = Path(path)
        suffix = out.suffix.lower()
        if suffix not in SUFFIXES:
            raise InputError(f"{path}: the name must end in one of {', '.join(SUFFIXES)}")
        if suffix == ".toml" and self.toml is None:
            raise InputError(f"{path}: what is found here is a table of rights: give a name that ends in {', '.join(SUFFIXES[:-1])}")
        if out.exists():
            raise InputError(f"{path}: is there already: choose another name")
        try:
            with atomic(out) as file:
                self._write(file, suffix)
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from None

    def _write(self, file: Any, suffix: str) -> None:
        match suffix:
            case ".parquet":
                pq.write_table(self.table, file)
            case ".arrow":
                with pa.ipc.new_file(file, self.table.schema) as ipc:
                    ipc.write_table(self.table)
            case ".csv":
                pacsv.write_csv(self.table, file)
            case _:
                file.write((self.toml or "").encode())


def text(table: pa.Table, rows: int = SHOWN_ROWS) -> str:
    """The first rows of a table in columns; numbers with four digits, columns that are blank throughout left out."""
    header, cells, right = _cells(table, rows)
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    lines = ["  ".join(f"{cell:>{w}}" if r else f"{cell:<{w}}" for cell, w, r in zip(line, widths, right, strict=True)) for line in (header, *cells)]
    more = [f"and {table.num_rows - rows:,} more rows"] if table.num_rows > rows else []
    return "\n".join(line.rstrip() for line in (*lines, *more))


def _html(table: pa.Table) -> str:
    header, cells, _ = _cells(table, SHOWN_ROWS)
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>" for line in cells)
    more = f"<p>and {table.num_rows - SHOWN_ROWS:,} more rows</p>" if table.num_rows > SHOWN_ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cells(table: pa.Table, rows: int) -> tuple[Sequence[str], list[list[str]], list[bool]]:
    """Names, texts of the first rows, and which columns hold numbers; without those that are blank throughout."""
    shown = table.select([name for name in table.schema.names if table[name].null_count < table.num_rows or not table.num_rows])
    right = [pa.types.is_floating(one.type) or pa.types.is_integer(one.type) for one in shown.schema]
    columns = [[_shown(value) for value in shown[name].slice(0, rows).to_pylist()] for name in shown.schema.names]
    return shown.schema.names, [list(line) for line in zip(*columns, strict=True)], right


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:.4g}"
        case int():
            return str(value)
        case _:
            return str(value)
