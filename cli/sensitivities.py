"""ipvalue sensitivities"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ipvalue.cli.common import comma_list, count, errors_as_sentences, log_line, out, progress, warn
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
    Resume,
    Rule,
    Sampler,
    Scheduler,
    Seed,
    Workers,
)
from ipvalue.execute import Outcome
from ipvalue.report.sensitivities import swings_of, whole_by_driver
from ipvalue.sensitivities import open_sensitivities, sensitivities_into


def command(
    portfolio: Annotated[str, typer.Argument(help="As for value.", show_default=False)],
    drivers: Annotated[str | None, typer.Option(help="Drivers, as growth,discount; by default all.", show_default=False)] = None,
    swing: Annotated[
        list[str] | None, typer.Option(help="How far the tornado moves a driver, as discount=0.02; may be given several times.", show_default=False)
    ] = None,
    market: Market = None,
    assumptions: Assumptions = "default",
    out_dir: OutDir = "results",
    paths: Paths = 10_000,
    seed: Seed = 1,
    sampler: Sampler = "random",
    precision: Precision = "single",
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
    """Say how far each driver moves the value.

    Every driver (growth, royalty rate, discount rates, tax, hazard, …) is moved a little to either side, all on the same random numbers; where a
    value has a closed form, on that. Derivatives, elasticities and a tornado of each group and the whole, and of each right, with standard errors.

    Example: ipvalue sensitivities rights.parquet --market market.toml --group-by sector --swing discount=0.02 --out moved
    """
    with errors_as_sentences(log_json):
        options = {
            "paths": paths,
            "seed": seed,
            "sampler": sampler,
            "precision": precision,
            "group_by": comma_list(group_by),
            "workers": workers,
            "scheduler": scheduler,
            "memory": memory,
            "backend": backend,
            "premise": premise,
        }
        asked, swings = comma_list(drivers) or None, swings_of(swing or ())
        with progress(log_json, "moving drivers") as bar:
            into = partial(sensitivities_into, portfolio, asked, swings, market, assumptions, options=options)
            outcome = into(out=out_dir, overwrite=overwrite, resume=resume, progress=bar, rule=rule)
        warn(outcome.warnings, log_json)
        if log_json:
            log_line("done", rows=outcome.rows, valued=outcome.valued, rejected=outcome.rejected, seconds=round(outcome.seconds, 3), out=out_dir)
        else:
            _print_result(out_dir, outcome)


def _print_result(out_dir: str, outcome: Outcome) -> None:
    """What moves the whole, the widest swing first."""
    result = open_sensitivities(out_dir)
    currency = result.manifest["inputs"]["market"]["content"]["currency"]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("driver", overflow="fold")
    for name in ("elasticity", "± error", "swing", f"low, {currency}", "high"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in whole_by_driver(result):
        table.add_row(Text(line.driver), line.elasticity, line.error, line.swing, line.low, line.high)
    out.print(table)
    out.print(f"{count(outcome.valued, 'right')} moved in {outcome.seconds:,.1f} s")
    if outcome.rejected:
        out.print(f"{count(outcome.rejected, 'row')} rejected: {out_dir.rstrip('/')}/rejects.parquet says why", markup=False)
    out.print(f"Results are in {out_dir}: sensitivities.parquet holds every driver and group, tornado.parquet the swings", markup=False)
