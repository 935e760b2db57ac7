"""The files of a portfolio: what each holds, in which ranges its rows are read, and whether it is still what it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ipvalue.intake.stored import Format, Unit, can_be_read, digest, state_of
from ipvalue.intake.workbook import Sheet
from ipvalue.schema import InputError, RunError


@dataclass(frozen=True)
class SourceFile:
    """One file: what the user calls it, what is opened, and the rows of each row group or record batch.

    `bytes` and `sha256` are those of the user's own file (of the spooled copy where the portfolio is a table in
    memory), `location` where that is, from anywhere on this machine (None: in memory), `state` what its file system said of it, `sheet` where its
    rows stand in a workbook.
    """

    display: str
    path: str
    format: Format
    group_rows: tuple[int, ...]
    bytes: int
    sha256: str
    location: str | None = None
    state: str | None = None
    sheet: Sheet | None = None

    def is_there(self) -> bool:
        """Whether the user's file can still be found and read."""
        return self.location is None or can_be_read(self.location)

    def is_as_it_was(self) -> bool:
        """Whether it has the content it had; read again only where its file system says something else of it than before."""
        return self.location is None or state_of(self.location) == self.state or digest(self.location) == self.sha256

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return sum(self.group_rows)

    def units(self, rows_per_task: int) -> Iterator[Unit]:
        """The file in ranges of at most `rows_per_task` rows: small neighbouring groups together, large ones cut."""
        first, row = 0, 0
        while first < len(self.group_rows):
            last, rows = first + 1, self.group_rows[first]
            while last < len(self.group_rows) and rows + self.group_rows[last] <= rows_per_task:
                rows += self.group_rows[last]
                last += 1
            parts = -(-rows // rows_per_task)
            for part in range(parts):
                start, stop = rows * part // parts, rows * (part + 1) // parts
                yield Unit(self.path, self.display, self.format, range(first, last), rows, start, stop - start, row + start)
            first, row = last, row + rows


@dataclass(frozen=True)
class Portfolio:
    """The files of a portfolio, each checked against the schema, and what the user should know about them."""

    files: tuple[SourceFile, ...]
    warnings: tuple[str, ...]

    @property
    def rows(self) -> int:
        """How many rows the files hold together."""
        return sum(file.rows for file in self.files)

    @property
    def places(self) -> dict[str, Callable[[str, int], str]]:
        """For each workbook what names a cell of it, by its column and its row from 0."""
        return {file.display: file.sheet.place for file in self.files if file.sheet is not None}

    def check(self) -> None:
        """Raises RunError where a file cannot be read any more, and InputError where one is not what it was when it was opened."""
        for file in self.files:
            if not file.is_there():
                raise RunError(f"{file.display}: cannot be found or read any more: put it back as it was")
            if not file.is_as_it_was():
                raise InputError(f"{file.display}: changed while it was being valued, so nothing of the run is kept: start again")

    def units(self, rows_per_task: int) -> list[Unit]:
        """All rows in ranges of at most `rows_per_task`, in the order of the files."""
        return [unit for file in self.files for unit in file.units(rows_per_task)]
