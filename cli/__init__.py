"""The command `ipvalue`: one module a command, loaded when it is asked for; each parses, calls the library and prints."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from ipvalue.cli.light import arrow_in_the_common_heap, arrow_without_pandas, collect_nothing_loaded, loading

COMMANDS = (
    "value",
    "run",
    "plan",
    "scenarios",
    "sensitivities",
    "lend",
    "reverse",
    "check",
    "schema",
    "assumptions",
    "synthesize",
    "show",
    "report",
    "explain",
    "verify",
    "serve",
    "bench",
    "calibrate",
)
"""Modules of this package, in the order in which the help lists them."""


class Commands(TyperGroup):
    """The commands, each loaded when it is asked for; all of them where one is asked for that there is not."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        for name in (cmd_name,) if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                self.commands[name] = _command(name)
        return super().get_command(ctx, cmd_name)


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
    help="Values intellectual property by the million: values, distributions, portfolio risk.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _all() -> None:
    pass


def main() -> None:
    """Entry point of the console script."""
    arrow_in_the_common_heap()
    arrow_without_pandas()
    with loading():
        for name in {*sys.argv[1:2]} & {*COMMANDS}:
            import_module(f"{__name__}.{name}")
    collect_nothing_loaded()
    app()
