"""ipvalue schema"""

from __future__ import annotations

from typing import Annotated

import typer

from ipvalue.cli.common import errors_as_sentences
from ipvalue.schema import describe


def command(
    table: Annotated[str, typer.Argument(help="portfolio, loans, market, results, calibration or tranche_ratings.")] = "portfolio",
    format: Annotated[str, typer.Option("--format", help="md or json.")] = "md",
) -> None:
    """Print the columns of a table.

    Type, unit, what a blank means, limits, meaning and source of each.

    Examples:
        ipvalue schema portfolio --format json
        ipvalue schema market
    """
    with errors_as_sentences():
        typer.echo(describe(table, format).rstrip())
