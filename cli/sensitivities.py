"""ipvalue sensitivities"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

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
from ipvalue.indices import indices_into, open_indices
from ipvalue.report.indices import index_table
from ipvalue.report.sensitivities import swings_of, whole_by_driver
from ipvalue.schema import InputError
from ipvalue.sensitivities import open_sensitivities, sensitivities_into

MOST_RIGHTS = 10
"""Rights whose indices are printed."""


def command(
    portfolio: Annotated[str, typer.Argument(help="As for value.", show_default=False)],
    drivers: Annotated[str | None, typer.Option(help="Drivers, as growth,discount; by default all.", show_default=False)] = None,
    swing: Annotated[
        list[str] | None, typer.Option(help="How far the tornado moves a driver, as discount=0.02; may be given several times.", show_default=False)
    ] = None,
    indices: Annotated[bool, typer.Option("--indices", help="Sobol' indices of chosen rights, in place of the above.")] = False,
    asset: Annotated[
        list[str] | None, typer.Option(help="The asset_id of a right for --indices; may be given several times.", show_default=False)
    ] = None,
    sample: Annotated[float | None, typer.Option(help="The share of the rights for --indices, as 0.001.", show_default=False)] = None,
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

    --indices: how much of the variance of a right's value each of its uncertain inputs (survival, rival, level, royalty, own shocks, sector) brings.

    Examples:
        ipvalue sensitivities rights.parquet --market market.toml --group-by sector --swing discount=0.02 --out moved
        ipvalue sensitivities rights.parquet --indices --asset TM-1 --out moved
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
        ways: dict[str, Any] = {"out": out_dir, "overwrite": overwrite, "resume": resume, "rule": rule}
        if indices:
            others = {"--drivers": drivers, "--swing": swing, "--group-by": options.pop("group_by")}
            _refuse(others, "--indices are of rights and their uncertain inputs: leave it out")
            with progress(log_json, "drawing inputs anew") as bar:
                outcome = indices_into(portfolio, asset or None, sample, market, assumptions, options=options, progress=bar, **ways)
            _tell(outcome, log_json, out_dir, _print_indices)
            return
        _refuse({"--asset": asset, "--sample": sample}, "rights are chosen for --indices: give that too")
        asked, swings = comma_list(drivers) or None, swings_of(swing or ())
        with progress(log_json, "moving drivers") as bar:
            into = partial(sensitivities_into, portfolio, asked, swings, market, assumptions, options=options)
            outcome = into(progress=bar, **ways)
        _tell(outcome, log_json, out_dir, _print_result)


def _refuse(given: dict[str, object], reason: str) -> None:
    """Refuses options that do not go together with the others."""
    for name, value in given.items():
        if value:
            raise InputError(f"{name}: {reason}")


def _tell(outcome: Outcome, log_json: bool, out_dir: str, show: Callable[[str, Outcome], None]) -> None:
    warn(outcome.warnings, log_json)
    if log_json:
        log_line("done", rows=outcome.rows, valued=outcome.valued, rejected=outcome.rejected, seconds=round(outcome.seconds, 3), out=out_dir)
        return
    show(out_dir, outcome)
    if outcome.rejected:
        out.print(f"{count(outcome.rejected, 'row')} rejected: {out_dir.rstrip('/')}/rejects.parquet says why", markup=False)


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
    out.print(f"Results are in {out_dir}: sensitivities.parquet holds every driver and group, tornado.parquet the swings", markup=False)


def _print_indices(out_dir: str, outcome: Outcome) -> None:
    """The indices of the first rights."""
    out.print(index_table(open_indices(out_dir), MOST_RIGHTS).text, markup=False)
    out.print(f"{count(outcome.valued, 'right')} in {outcome.seconds:,.1f} s", markup=False)
    out.print(f"Results are in {out_dir}: indices.parquet holds every right and input", markup=False)
