"""ipvalue check"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from ipvalue.cli.common import count, errors_as_sentences, out, progress, warn
from ipvalue.cli.flags import AsJson, Assumptions, Market, Rule
from ipvalue.execute import Outcome
from ipvalue.schema import BrokenRule
from ipvalue.valuation import check

LONGEST_VALUE = 60


def command(
    portfolio: Annotated[
        str, typer.Argument(help="Parquet, Arrow IPC, a directory of either, CSV, or an Excel workbook; a path or URL.", show_default=False)
    ],
    market: Market = None,
    assumptions: Assumptions = "default",
    rule: Rule = None,
    limit: Annotated[int, typer.Option(min=0, help="Problems to print of each rule.")] = 5,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if any row would be rejected.")] = False,
    as_json: AsJson = False,
) -> None:
    """Validate a portfolio without valuing it.

    Every problem is counted under the rule it breaks; the first of each rule are listed with file, row (from 0), column, value and what to do.
    What may be counted twice in rows that can be valued is warned about. Exit 2 if no row can be valued.

    Examples:
        ipvalue check rights.csv --market market.toml
        ipvalue check book.xlsx --limit 20 --strict
        ipvalue check rights.parquet --json
    """
    with errors_as_sentences():
        with progress(False, "checking") as show:
            outcome = check(portfolio, market=market, assumptions=assumptions, keep=limit, progress=show, rule=rule)
        if as_json:
            typer.echo(json.dumps(_json(outcome), indent=2))
        else:
            warn(outcome.warnings, False)
            _print_problems(outcome)
            out.print(f"{outcome.valued:,} of {count(outcome.rows, 'row')} can be valued, {outcome.rejected:,} would be rejected")
        if not outcome.valued:
            raise typer.Exit(2)
        if strict and outcome.rejected:
            raise typer.Exit(1)


def _json(outcome: Outcome) -> dict[str, Any]:
    counts = {"rows": outcome.rows, "valued": outcome.valued, "rejected": outcome.rejected, "warnings": list(outcome.warnings)}
    return {**counts, "rules": [{**asdict(broken), "first": first} for broken, first in _by_rule(outcome)]}


def _by_rule(outcome: Outcome) -> Iterator[tuple[BrokenRule, list[dict[str, Any]]]]:
    """The broken rules, those with most problems first, each with the first problems of its own."""
    kept = outcome.rejects.to_pylist()
    for broken in outcome.rules:
        yield broken, [one for one in kept if (one["column"], one["rule"]) == (broken.column, broken.rule)]


def _print_problems(outcome: Outcome) -> None:
    for broken, first in _by_rule(outcome):
        out.print(f"{count(broken.problems, 'problem')} with {broken.column}: {broken.rule}", markup=False)
        for problem in first:
            out.print(f"  {_line(problem)}", markup=False)
        if broken.problems > len(first):
            out.print(f"  and {broken.problems - len(first):,} more: --limit {broken.problems} prints all", markup=False)


def _line(problem: dict[str, Any]) -> str:
    """One problem: file, row, asset_id, what is wrong and what to do; column and value before it where the sentence does not hold them."""
    named = f" ({problem['asset_id']})" if problem["asset_id"] else ""
    value = problem["value"] or "blank"
    shown = " ".join(value[:LONGEST_VALUE].split()) + ("…" if len(value) > LONGEST_VALUE else "")
    shown = shown or repr(value[:LONGEST_VALUE])
    message = " ".join(problem["message"].replace(value, shown).replace(repr(value)[1:-1], shown).split())
    told = message.startswith(problem["column"]) and shown in message
    found = "" if told else f", {problem['column']} = {shown}"
    return f"{problem['file']}, row {problem['row']}{named}{found}: {message}"
