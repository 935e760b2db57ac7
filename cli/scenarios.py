"""ipvalue scenarios"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ipvalue.cli.common import errors_as_sentences, out
from ipvalue.scenarios import Scenario, as_toml, listing, load_scenarios, shipped
from ipvalue.schema import InputError, did_you_mean

NAME = "scenarios"


def command(
    portfolio: Annotated[str | None, typer.Argument(help="Parquet, Arrow IPC, a directory of either, or CSV.", show_default=False)] = None,
    scenarios: Annotated[str | None, typer.Argument(help="scenarios.toml.", show_default=False)] = None,
    lists: Annotated[bool, typer.Option("--list", help="List the scenarios: of the file, or without one the shipped ones.")] = False,
    show: Annotated[str | None, typer.Option(help="Print one of them as TOML, by name.", show_default=False)] = None,
) -> None:
    """List and check scenarios.

    The file is checked, and what it makes is listed: each scenario with its shocks, the reasoning behind it, and the source of its size.

    Example: ipvalue scenarios --show "rates +200bp"
    """
    with errors_as_sentences():
        found = tuple(shipped().values()) if scenarios is None else load_scenarios(scenarios)
        if not print_if_asked(found, lists, show):
            raise InputError("give --list, or --show with the name of a scenario")


def print_if_asked(scenarios: Sequence[Scenario], lists: bool, show: str | None) -> bool:
    """Prints what --list and --show ask for; whether one of them was given."""
    if show is not None:
        by_name = {one.name: one for one in scenarios}
        if show not in by_name:
            raise InputError(f"there is no scenario {show!r}{did_you_mean(show, by_name)} (ipvalue scenarios --list)")
        typer.echo(as_toml(by_name[show]).rstrip())
    elif lists:
        for entry in listing(scenarios):
            out.print(Text(entry.pop("name"), style="bold"))
            out.print(_table(entry))
    return lists or show is not None


def _table(entry: dict[str, str]) -> Table:
    """What a scenario is beside its name."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=len("  reasoning"))
    table.add_column(overflow="fold")
    for name, text in entry.items():
        if text:
            table.add_row(Text(f"  {name}"), Text(text))
    return table
