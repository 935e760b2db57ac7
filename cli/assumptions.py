"""ipvalue assumptions"""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ipvalue.assumptions import TITLES, Listing, as_text, jurisdictions, listing, load_assumptions
from ipvalue.cli.common import errors_as_sentences, out, warn
from ipvalue.cli.flags import Assumptions


def command(
    assumptions: Assumptions = "default",
    right_type: Annotated[str | None, typer.Option(help="Only what a right of this type may meet.", show_default=False)] = None,
    jurisdiction: Annotated[str | None, typer.Option(help="Only what a right in this jurisdiction may meet.", show_default=False)] = None,
    sector: Annotated[str | None, typer.Option(help="Only what a right in this sector may meet.", show_default=False)] = None,
    format: Annotated[str, typer.Option("--format", help="table, md or json.")] = "table",
) -> None:
    """List what fills blanks; fees, survival curves, premises.

    Each figure with its unit and source. A source "as X" is that of the same column in the set X.

    Examples:
        ipvalue assumptions --right-type invention_patent --jurisdiction CN
        ipvalue assumptions --format json --right-type trademark
    """
    with errors_as_sentences():
        book = load_assumptions(assumptions)
        found = listing(book, right_type, jurisdiction, sector)
        if jurisdiction is not None and jurisdiction not in (known := jurisdictions(book)):
            warn((f"no figure is for {jurisdiction} alone: those for every jurisdiction apply ({', '.join(known)} have their own)",), False)
        if format != "table":
            typer.echo(as_text(found, format).rstrip())
        else:
            _print(found)


def _print(found: Listing) -> None:
    for part, rows in found.rows.items():
        if rows:
            out.print(Text(TITLES[part], style="bold underline"))
        for name, members in groupby(rows, key=lambda row: next(iter(row.values()))):
            out.print()
            out.print(Text(name, style="bold"))
            out.print(_table(list(members)))
        if rows:
            out.print()


def _table(rows: list[dict[str, str]]) -> Table:
    """The rows of one set, schedule, curve or premise, without their name; long cells are folded, the others stay whole."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    columns = list(rows[0])[1:]
    for name in columns:
        table.add_column(
            name, no_wrap=name != "source" and ":" not in name, overflow="fold", ratio={"source": 2}.get(name, 1 if ":" in name else None)
        )
    for row in rows:
        table.add_row(*(Text(row[name]) for name in columns))  # as they are: a source may look like markup
    return table
