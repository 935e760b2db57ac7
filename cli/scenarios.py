"""ipvalue scenarios"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ipvalue.cli.common import comma_list, count, errors_as_sentences, log_line, out, progress, quantile_list, warn
from ipvalue.cli.flags import (
    Assumptions,
    Backend,
    GroupBy,
    LogJson,
    Market,
    Memory,
    OutDir,
    Overwrite,
    Paths,
    Precision,
    Premise,
    Quantiles,
    Resume,
    Rule,
    Sampler,
    Scheduler,
    Seed,
    Tail,
    Workers,
)
from ipvalue.execute import Outcome
from ipvalue.report.scenarios import HEADS, by_scenario, farthest
from ipvalue.scenario_run import ScenarioResult, open_scenarios, scenarios_into
from ipvalue.scenarios import Scenario, as_toml, listing, load_scenarios, shipped
from ipvalue.schema import InputError, did_you_mean

MOST_SHOWN = 50
"""Scenarios printed beside the base: of more, those that are farthest from it."""


def command(
    portfolio: Annotated[str | None, typer.Argument(help="As for value.", show_default=False)] = None,
    scenarios: Annotated[str | None, typer.Argument(help="scenarios.toml; leave it out for shipped ones by --library.", show_default=False)] = None,
    lists: Annotated[bool, typer.Option("--list", help="List the scenarios: of the file, or without one the shipped ones.")] = False,
    show: Annotated[str | None, typer.Option(help="Print one of them as TOML, by name.", show_default=False)] = None,
    library: Annotated[
        list[str] | None, typer.Option(help="A shipped scenario by name; may be given several times; all for every one.", show_default=False)
    ] = None,
    statistics: Annotated[str, typer.Option(help="all; mean: no quantiles of rights; batch-means: nor of groups, much quicker.")] = "all",
    market: Market = None,
    assumptions: Assumptions = "default",
    out_dir: OutDir = "results",
    paths: Paths = 10_000,
    seed: Seed = 1,
    sampler: Sampler = "random",
    precision: Precision = "single",
    quantiles: Quantiles = "0.05,0.25,0.5,0.75,0.95",
    tail: Tail = 0.05,
    group_by: GroupBy = None,
    workers: Workers = None,
    scheduler: Scheduler = "threads",
    memory: Memory = None,
    backend: Backend = None,
    rule: Rule = None,
    premise: Premise = "going_concern",
    resume: Resume = False,
    overwrite: Overwrite = False,
    log_json: LogJson = False,
) -> None:
    """Value a portfolio under scenarios, all in one pass.

    Shocks that are impossible for a right (a royalty above 100 %) are refused before anything is computed. With --list or --show nothing is
    valued: the file is checked, and what it makes is listed, each scenario with its shocks, the reasoning behind it, and the source of its size.

    Examples:
        ipvalue scenarios rights.parquet scenarios.toml --market market.toml --statistics mean --out stressed
        ipvalue scenarios rights.parquet scenarios.toml --statistics batch-means --out stressed
        ipvalue scenarios --list
        ipvalue scenarios rights.parquet --library all --paths 1000 --out stressed
    """
    with errors_as_sentences(log_json):
        names = library or []
        if lists or show is not None:
            print_if_asked(load_scenarios(scenarios, names) if scenarios or names else tuple(shipped().values()), lists, show)
            return
        if portfolio is None:
            raise InputError("no portfolio is given: name one and a scenarios.toml, or give --list to see the shipped scenarios")
        options = {
            "paths": paths,
            "seed": seed,
            "sampler": sampler,
            "precision": precision,
            "quantiles": quantile_list(quantiles),
            "tail": tail,
            "group_by": comma_list(group_by),
            "workers": workers,
            "scheduler": scheduler,
            "memory": memory,
            "backend": backend,
            "premise": premise,
        }
        with progress(log_json, "valuing scenarios") as bar:
            into = partial(scenarios_into, portfolio, scenarios, names, statistics, market, assumptions, options=options)
            outcome = into(out=out_dir, overwrite=overwrite, resume=resume, progress=bar, rule=rule)
        warn(outcome.warnings, log_json)
        if log_json:
            log_line("done", rows=outcome.rows, valued=outcome.valued, rejected=outcome.rejected, seconds=round(outcome.seconds, 3), out=out_dir)
        else:
            _print_result(out_dir, outcome)


def print_scenarios(result: ScenarioResult, group: str | None = None) -> None:
    """The whole, or a group, under each scenario, and how far that is from the base."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("scenario", overflow="fold")
    for name in (f"mean, {result.manifest['inputs']['market']['content']['currency']}", *HEADS):
        table.add_column(name, justify="right", no_wrap=True)
    lines = by_scenario(result, group)
    shown = farthest(lines, MOST_SHOWN)
    for line in shown:
        table.add_row(Text(line.scenario), *line.cells)
    out.print(table)
    if left := len(lines) - len(shown):
        out.print(f"and {count(left, 'more scenario')}, nearer to the base: {result.location.rstrip('/')}/scenarios.parquet holds all", markup=False)


def _print_result(out_dir: str, outcome: Outcome) -> None:
    """What came of the run."""
    print_scenarios(open_scenarios(out_dir))
    out.print(f"{count(outcome.valued, 'right')} valued in {outcome.seconds:,.1f} s")
    if outcome.rejected:
        out.print(f"{count(outcome.rejected, 'row')} rejected: {out_dir.rstrip('/')}/rejects.parquet says why", markup=False)
    out.print(f"Results are in {out_dir}: scenarios.parquet holds every scenario and group", markup=False)


def print_if_asked(scenarios: Sequence[Scenario], lists: bool, show: str | None) -> None:
    """Prints what --list and --show ask for."""
    if show is not None:
        by_name = {one.name: one for one in scenarios}
        if show not in by_name:
            raise InputError(f"there is no scenario {show!r}{did_you_mean(show, by_name)} (ipvalue scenarios --list)")
        typer.echo(as_toml(by_name[show]).rstrip())
    if lists:
        for entry in listing(scenarios):
            out.print(Text(entry.pop("name"), style="bold"))
            out.print(_table(entry))


def _table(entry: dict[str, str]) -> Table:
    """What a scenario is beside its name."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=len("  reasoning"))
    table.add_column(overflow="fold")
    for name, text in entry.items():
        if text:
            table.add_row(Text(f"  {name}"), Text(text))
    return table
