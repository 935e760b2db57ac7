"""Charts and tables as pages hold them: a chart beside its figures as a table, a table that can be searched and sorted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from bokeh.plotting import figure

Cell = str | tuple[str, float | None]
"""A text, or a number as it is shown and as it is sorted (None: a blank, after all others)."""

FIRST_ROWS = 20
"""Rows of a table that are shown at first, and in print; one of more can be searched."""
WIDE = 5
"""A table of more columns takes the page's whole width."""


@dataclass(frozen=True)
class Column:
    """A column of a table: its head, and whether it holds numbers."""

    head: str
    number: bool = False


@dataclass(frozen=True)
class Grid:
    """A table of a page. `name` is its own on the page; note: a sentence under it."""

    kind: ClassVar[str] = "grid"

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    spread: bool = False
    """Whether its texts need the page's whole width."""

    @property
    def first(self) -> Sequence[Sequence[Cell]]:
        """The rows that the page holds as HTML; the script has all."""
        return self.rows[:FIRST_ROWS]

    @property
    def long(self) -> bool:
        """Whether it has more rows than are shown at first."""
        return len(self.rows) > FIRST_ROWS

    @property
    def wide(self) -> bool:
        """Whether it needs the page's whole width."""
        return self.spread or len(self.columns) > WIDE

    @property
    def content(self) -> dict[str, Any]:
        """For the script: all rows, each a list of [text] or [text, number]."""
        rows = [[[cell] if isinstance(cell, str) else list(cell) for cell in row] for row in self.rows]
        return {"rows": rows, "first": FIRST_ROWS}


@dataclass(frozen=True)
class Chart:
    """A chart of a page: what it says in a sentence (`alt`, for those who do not see it), a caption, and its figures as a table."""

    kind: ClassVar[str] = "chart"
    wide: ClassVar[bool] = False

    name: str
    title: str
    alt: str
    caption: str
    item: dict[str, Any] = field(repr=False)
    data: Grid | None = None


@dataclass(frozen=True)
class Facts:
    """Names and what is said of them, a line each."""

    kind: ClassVar[str] = "facts"

    title: str
    lines: Sequence[tuple[str, str]]
    wide: bool = False


@dataclass(frozen=True)
class Note:
    """A sentence; a warning is one in the place of what cannot be shown, or that the run itself said."""

    kind: ClassVar[str] = "note"
    wide: ClassVar[bool] = True

    text: str
    warning: bool = True


Part = Chart | Grid | Facts | Note


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading: `name` is its own on the page, lead a sentence or two on what it shows."""

    name: str
    title: str
    lead: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Tile:
    """One of the figures at the head of a page, and what to know beside."""

    name: str
    figure: str
    aside: str = ""


def embedded(name: str, drawn: figure, title: str, alt: str, caption: str, data: Grid | None = None) -> Chart:
    """A figure of Bokeh's, taken apart for a page: it fills its place's width, and the page says its title."""
    from bokeh.embed import json_item

    drawn.title = None
    drawn.sizing_mode = "stretch_width"
    return Chart(name, title, alt, caption, dict(json_item(drawn, name)), data)


def number(value: float | None, said: Callable[[float], str]) -> Cell:
    """A number's cell, blank for none."""
    return ("", None) if value is None else (said(value), float(value))
