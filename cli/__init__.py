"""The command `ipvalue`: one module a command; each parses, calls the library and prints."""

from __future__ import annotations

import typer

from ipvalue.cli import (
    assumptions,
    bench,
    calibrate,
    check,
    explain,
    plan,
    reverse,
    run,
    scenarios,
    schema,
    sensitivities,
    show,
    synthesize,
    value,
    verify,
)
from ipvalue.cli.common import Command
from ipvalue.cli.light import arrow_in_the_common_heap, arrow_without_pandas, collect_nothing_loaded

app = typer.Typer(
    name="ipvalue",
    help="Values intellectual property by the million: values, distributions, portfolio risk.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (value, run, plan, scenarios, sensitivities, reverse, check, schema, assumptions, synthesize, show, explain, verify, bench):
    app.command(name=module.NAME, cls=Command)(module.command)
app.add_typer(calibrate.app, name=calibrate.NAME)


def main() -> None:
    """Entry point of the console script."""
    arrow_in_the_common_heap()
    arrow_without_pandas()
    collect_nothing_loaded()
    app()
