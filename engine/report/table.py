"""Tables of texts, for a terminal and for a notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from rich.cells import cell_len, set_cell_size

_LINE = 80
"""Columns of a terminal: names are cut for the numbers beside them to stay on the line."""
_LEAST_NAME = 12


@dataclass(frozen=True)
class Table:
    """Rows of texts under heads; sides: one letter a column, l or r, where its texts begin or end."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    sides: str

    @property
    def text(self) -> str:
        """The rows under one another, for a terminal; where numbers end the lines, long names are cut."""
        rows = [self.heads, *self.rows] if any(self.heads) else self.rows
        widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
        if len(widths) > 1 and self.sides[-1] == "r":
            widths[0] = max(min(widths[0], _LINE - sum(width + 2 for width in widths[1:])), _LEAST_NAME)
        lines = ["  ".join(map(_aligned, row, widths, self.sides)).rstrip() for row in rows]
        return "\n".join([self.title, *lines] if self.title else lines)

    @property
    def html(self) -> str:
        """An HTML table without colours of its own, so that a notebook's theme, light or dark, gives them. All texts are escaped."""
        title = f"<caption style='caption-side: top; text-align: left'>{escape(self.title)}</caption>" if self.title else ""
        head = f"<thead>{self._row('th', self.heads)}</thead>" if any(self.heads) else ""
        body = "".join(self._row("td", row) for row in self.rows)
        return f"<table class='dataframe'>{title}{head}<tbody>{body}</tbody></table>"

    def _row(self, tag: str, cells: Sequence[str]) -> str:
        styled = [f"<{tag} style='text-align: {_SIDES[side]}'>{escape(cell)}</{tag}>" for cell, side in zip(cells, self.sides, strict=True)]
        return f"<tr>{''.join(styled)}</tr>"


_SIDES = {"l": "left", "r": "right"}


def _aligned(cell: str, width: int, side: str) -> str:
    cell = cell if cell_len(cell) <= width else f"{set_cell_size(cell, width - 1)}…"
    space = " " * (width - cell_len(cell))
    return f"{cell}{space}" if side == "l" else f"{space}{cell}"


@dataclass(frozen=True)
class Sheet:
    """A sentence that says what a thing is, and tables of it: few and short ones for a terminal, more of them for a notebook."""

    head: str
    brief: Callable[[], Sequence[Table]]
    full: Callable[[], Sequence[Table]]

    @property
    def text(self) -> str:
        """For a terminal."""
        return "\n".join([f"<ipvalue {self.head}>", *(table.text for table in self.brief())])

    @property
    def html(self) -> str:
        """For a notebook."""
        return f"<div><p>ipvalue {escape(self.head)}</p>{''.join(table.html for table in self.full())}</div>"
