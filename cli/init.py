"""ipvalue init"""

from __future__ import annotations

from typing import Annotated

import typer

from ipvalue.cli.common import err, errors_as_sentences, out
from ipvalue.starter import init


def command(
    directory: Annotated[str, typer.Argument(help="An absent or empty directory.", show_default=False)],
) -> None:
    """Start: a job, a market, a sample and a workbook to fill in.

    Writes job.toml (every key with its meaning), market.toml (a real curve with its source), portfolio.csv (40 real rights), portfolio.xlsx (the same
    columns as a workbook to fill in) and README.md, and prints what to do next. A directory that holds anything is refused.

    Examples:
        ipvalue init first
        ipvalue init .
    """
    with errors_as_sentences():
        started = init(directory)
        out.print(f"{', '.join(started.files)} are in {started.directory}", markup=False)
        if started.left_out:
            err.print(f"ipvalue: {started.left_out}", markup=False)
        out.print("\nTo go on:")
        for line in started.commands:
            out.print(f"  {line}", markup=False)
