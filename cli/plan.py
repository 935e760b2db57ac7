"""ipvalue plan"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ipvalue.cli.common import comma_list, errors_as_sentences, out, quantile_list, warn
from ipvalue.cli.flags import AsJson, Assumptions, Backend, GroupBy, KeepPaths, Market, Memory, Rule, Workers
from ipvalue.planning import Plan, plan
from ipvalue.report.planned import plan_lines, sampled


def command(
    source: Annotated[str, typer.Argument(metavar="PORTFOLIO|JOB", help="As for value, or a job file (.toml).", show_default=False)],
    market: Market = None,
    assumptions: Assumptions = "default",
    out_dir: Annotated[str | None, typer.Option("--out", help="Where results would go, to see what is free there.", show_default=False)] = None,
    paths: Annotated[int | None, typer.Option(help="Simulated paths a right; 10000 by default.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the random numbers; 1 by default.", show_default=False)] = None,
    sampler: Annotated[str | None, typer.Option(help="random (the default) or sobol.", show_default=False)] = None,
    tolerance: Annotated[float | None, typer.Option(help="As value takes it.", show_default=False)] = None,
    max_paths: Annotated[int | None, typer.Option(help="As value takes it.", show_default=False)] = None,
    precision: Annotated[str | None, typer.Option(help="single (the default) or double.", show_default=False)] = None,
    quantiles: Annotated[str | None, typer.Option(help="Quantiles to report; five by default.", show_default=False)] = None,
    tail: Annotated[float | None, typer.Option(help="As value takes it.", show_default=False)] = None,
    group_by: GroupBy = None,
    keep_paths: KeepPaths = False,
    workers: Workers = None,
    scheduler: Annotated[str | None, typer.Option(help="threads (the default), processes, or tcp://HOST:PORT.", show_default=False)] = None,
    memory: Memory = None,
    backend: Backend = None,
    rule: Rule = None,
    loans: Annotated[str | None, typer.Option(help="Loans against the rights, as lend takes them: lent beside.", show_default=False)] = None,
    ratings: Annotated[str | None, typer.Option(help="As lend takes it.", show_default=False)] = None,
    programmes: Annotated[str | None, typer.Option(help="As lend takes it.", show_default=False)] = None,
    policies: Annotated[str | None, typer.Option(help="As lend takes it.", show_default=False)] = None,
    policy: Annotated[str | None, typer.Option(help="As lend takes it.", show_default=False)] = None,
    pool: Annotated[str | None, typer.Option(help="As lend takes it.", show_default=False)] = None,
    tranche_ratings: Annotated[str | None, typer.Option(help="As lend takes it.", show_default=False)] = None,
    premise: Annotated[str | None, typer.Option(help="going_concern (the default), orderly or forced.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a run will take before it is run.

    Rights, paths × periods, processor and wall time, peak memory, disk and tasks, from the run's own inputs and a random sample of its rows, which is
    valued for some seconds. Nothing is kept. What would not fit the memory is refused, as the run would be. With loans, of a job or by
    --loans, also what lending will take.

    Examples:
        ipvalue plan rights.parquet --market market.toml --paths 10000 --group-by sector
        ipvalue plan job.toml --json
    """
    options: dict[str, Any] = {
        "out": out_dir,
        "paths": paths,
        "seed": seed,
        "sampler": sampler,
        "tolerance": tolerance,
        "max_paths": max_paths,
        "precision": precision,
        "tail": tail,
        "group_by": comma_list(group_by),
        "keep_paths": keep_paths or None,
        "workers": workers,
        "scheduler": scheduler,
        "memory": memory,
        "backend": backend,
        "premise": premise,
        "loans": loans,
        "ratings": ratings,
        "programmes": programmes,
        "policies": policies,
        "policy": policy,
        "pool": pool,
        "tranche_ratings": tranche_ratings,
    }
    with errors_as_sentences():
        options["quantiles"] = None if quantiles is None else quantile_list(quantiles)
        found = plan(source, market=market, assumptions=assumptions, rule=rule, started=True, **options)
        if as_json:
            typer.echo(json.dumps(asdict(found), indent=2))
        else:
            warn(found.warnings, False)
            _print(found)


def _print(found: Plan) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for cells in plan_lines(found):
        table.add_row(*map(Text, cells))
    out.print(table)
    out.print(sampled(found), markup=False)
