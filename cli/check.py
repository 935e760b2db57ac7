"""ipvalue check"""

from __future__ import annotations

from typing import Annotated

import typer

from ipvalue.cli.common import errors_as_sentences, out, progress, warn
from ipvalue.valuation import check

NAME = "check"


def command(
    portfolio: Annotated[str, typer.Argument(help="Parquet, Arrow IPC, a directory of either, or CSV; a path or URL.", show_default=False)],
    market: Annotated[str | None, typer.Option(help="market.toml; without it the one beside the portfolio.", show_default=False)] = None,
    assumptions: Annotated[str, typer.Option(help='assumptions.toml, or "default" for the shipped ones.')] = "default",
    limit: Annotated[int, typer.Option(help="Problems to print.")] = 50,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if any row would be rejected.")] = False,
) -> None:
    """Validate a portfolio without valuing it: every problem with row, column, value and rule."""
    with errors_as_sentences():
        with progress(False, "checking") as show:
            outcome = check(portfolio, market=market, assumptions=assumptions, progress=show)
        warn(outcome.warnings, False)
        for one in outcome.rejects.slice(0, limit).to_pylist():
            out.print(f"{one['file']}, row {one['row']}, {one['column']}: {one['message']}  [{one['rule']}]", markup=False)
        if outcome.rejects.num_rows > limit:
            out.print(f"and {outcome.rejects.num_rows - limit:,} more problems: --limit prints more")
        out.print(f"{outcome.valued:,} of {outcome.rows:,} rows can be valued, {outcome.rejected:,} would be rejected")
        if strict and outcome.rejected:
            raise typer.Exit(1)
