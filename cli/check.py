"""ipvalue check"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ipvalue.cli.common import count, errors_as_sentences, out, progress, warn
from ipvalue.valuation import check

NAME = "check"
LONGEST_VALUE = 60


def command(
    portfolio: Annotated[str, typer.Argument(help="Parquet, Arrow IPC, a directory of either, or CSV; a path or URL.", show_default=False)],
    market: Annotated[str | None, typer.Option(help="market.toml; without it the one beside the portfolio.", show_default=False)] = None,
    assumptions: Annotated[str, typer.Option(help='assumptions.toml, or "default" for the shipped ones.')] = "default",
    limit: Annotated[int, typer.Option(min=0, help="Problems to print.")] = 50,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if any row would be rejected.")] = False,
) -> None:
    """Validate a portfolio without valuing it.

    Every problem is listed with file, row (from 0), column, value and rule. Exit 2 if no row can be valued.

    Example: ipvalue check rights.csv --market market.toml
    """
    with errors_as_sentences():
        with progress(False, "checking") as show:
            outcome = check(portfolio, market=market, assumptions=assumptions, progress=show)
        warn(outcome.warnings, False)
        for one in outcome.rejects.slice(0, limit).to_pylist():
            out.print(_line(one), markup=False)
        if outcome.rejects.num_rows > limit:
            out.print(f"and {count(outcome.rejects.num_rows - limit, 'more problem')}: --limit {outcome.rejects.num_rows} prints all")
        out.print(f"{outcome.valued:,} of {count(outcome.rows, 'row')} can be valued, {outcome.rejected:,} would be rejected")
        if not outcome.valued:
            raise typer.Exit(2)
        if strict and outcome.rejected:
            raise typer.Exit(1)


def _line(problem: dict[str, Any]) -> str:
    """One problem: file, row, asset_id, column, value, what is wrong, rule."""
    named = f" ({problem['asset_id']})" if problem["asset_id"] else ""
    value = " ".join((problem["value"] or "blank").split())
    value = value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…"
    found = "" if value in problem["message"] else f" = {value}"
    return f"{problem['file']}, row {problem['row']}{named}, {problem['column']}{found}: {problem['message']} [{problem['rule']}]"
