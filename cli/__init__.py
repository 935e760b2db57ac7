"""The command `ipvalue`: one module a command, loaded when it is asked for; each parses, calls the library and prints."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ipvalue.cli.light import arrow_in_the_common_heap, arrow_without_pandas, collect_nothing_loaded, loading
from ipvalue.cli.plain import plain_where_it_must_be

COMMANDS = {
    "init": "Start: a job, a market, a sample and a workbook to fill in.",
    "value": "Value a portfolio: each right's distribution and the sum's.",
    "run": "Run a job file: the overnight job.",
    "plan": "Say what a run will take before it is run.",
    "scenarios": "Value a portfolio under scenarios, all in one pass.",
    "sensitivities": "Say how far each driver moves the value.",
    "lend": "Lend against rights: what is lost, and by whom.",
    "reverse": "Find how large a shock must be to bring a value to a limit.",
    "check": "Validate a portfolio without valuing it.",
    "schema": "Print the columns of a table.",
    "assumptions": "List what fills blanks; fees, survival curves, premises.",
    "synthesize": "Write a synthetic portfolio, labelled so in its metadata.",
    "show": "Show a result: its distribution, top rights and groups.",
    "report": "Write a result as one page of charts and tables.",
    "export": "Write a result as an Excel workbook.",
    "explain": "Say why the value moved from one result to another.",
    "verify": "Verify a result: files, counts, sums, and rights again.",
    "serve": "Serve results to a browser on this machine, to read only.",
    "bench": "Measure what this machine can do overnight.",
    "calibrate": "Find parameters in prices, revenue, sectors and renewals.",
}
"""Modules of this package in the order of the help, and the first line of what each says of itself: the list is shown without loading them."""

_ABOUT = "Values intellectual property by the million: values, distributions, portfolio risk."

_NEXT = (
    ("ipvalue init first", "a job, a market, a sample of real rights, a workbook to fill in"),
    ("ipvalue value first/portfolio.csv --out first/valued", "values the sample"),
    ("ipvalue show first/valued", "its distribution, its rights and groups"),
)
_DOCS = (
    ("ipvalue --help", "all commands"),
    ("ipvalue COMMAND --help", "one of them, with examples"),
    ("ipvalue schema portfolio", "what a portfolio may hold"),
)


class Commands(TyperGroup):
    """The commands, each loaded when it is asked for; all of them where one is asked for that there is not."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if self._listing:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name])
        for name in (cmd_name,) if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                self.commands[name] = _command(name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with self._only_listed():
            super().format_commands(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        with self._only_listed():
            return super().shell_complete(ctx, incomplete)

    @contextmanager
    def _only_listed(self) -> Iterator[None]:
        """Meanwhile commands are known by name and summary alone."""
        self._listing = True
        try:
            yield
        finally:
            self._listing = False


def _command(name: str) -> Any:
    """A command, or the group of commands of a module with an `app` of its own."""
    module = import_module(f"{__name__}.{name}")
    if hasattr(module, "app"):
        return typer.main.get_command(module.app)
    from ipvalue.cli.common import Command

    one = typer.Typer(add_completion=False, rich_markup_mode=None)
    one.command(name, cls=Command)(module.command)
    return typer.main.get_command(one)


app = typer.Typer(
    name="ipvalue",
    cls=Commands,
    help=_ABOUT,
    invoke_without_command=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _all(ctx: typer.Context, show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show_version:
        typer.echo(f"ipvalue {version('ipvalue')}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        typer.echo(_first_screen())


def _first_screen() -> str:
    """What there is to do for someone who typed the command alone."""
    begin, more = (
        "\n".join(f"  {line}\n      {what}" for line, what in _NEXT),
        "\n".join(f"  {line:<{max(len(one) for one, _ in _DOCS)}}  {what}" for line, what in _DOCS),
    )
    return f"ipvalue {version('ipvalue')}. {_ABOUT}\n\nTo begin:\n{begin}\n\nTo read on:\n{more}"


def main() -> None:
    """Entry point of the console script."""
    plain_where_it_must_be()
    if named := {*sys.argv[1:2]} & {*COMMANDS}:
        with loading():
            arrow_in_the_common_heap()
            arrow_without_pandas()
            for name in named:
                import_module(f"{__name__}.{name}")
            collect_nothing_loaded()  # while the collector rests: it would begin with all that was loaded
    app()
