"""ipvalue value"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from ipvalue.amounts import money
from ipvalue.cli.common import comma_list, count, errors_as_sentences, log_line, out, progress, quantile_list, warn
from ipvalue.cli.flags import (
    BACKENDS,
    SAMPLERS,
    Assumptions,
    GroupBy,
    KeepPaths,
    LogJson,
    Market,
    Memory,
    OutDir,
    Overwrite,
    Paths,
    Precision,
    Premise,
    Quantiles,
    Scheduler,
    Seed,
    Tail,
    Workers,
)
from ipvalue.valuation import open_result, value_into


def command(
    portfolio: Annotated[
        str, typer.Argument(help="Parquet, Arrow IPC, a directory of either, CSV, or an Excel workbook; a path or URL.", show_default=False)
    ],
    market: Market = None,
    assumptions: Assumptions = "default",
    out_dir: OutDir = "results",
    paths: Paths = 10_000,
    seed: Seed = 1,
    sampler: Annotated[
        str,
        typer.Option(help="random, or sobol: far smaller errors of the means from as many paths, a multiple of 16.", autocompletion=SAMPLERS),
    ] = "random",
    tolerance: Annotated[
        float | None,
        typer.Option(help="Doubles a right's paths while its standard error is above this part of its mean, as 0.01.", show_default=False),
    ] = None,
    max_paths: Annotated[
        int | None, typer.Option(help="Most paths a right may have under --tolerance; by default 64 times --paths.", show_default=False)
    ] = None,
    precision: Precision = "single",
    quantiles: Quantiles = "0.05,0.25,0.5,0.75,0.95",
    tail: Tail = 0.05,
    group_by: GroupBy = None,
    keep_paths: KeepPaths = False,
    workers: Workers = None,
    scheduler: Scheduler = "threads",
    memory: Memory = None,
    backend: Annotated[
        str | None,
        typer.Option(help="native (C) or numba: the same bits; by default native where built.", show_default=False, autocompletion=BACKENDS),
    ] = None,
    rule: Annotated[
        str | None, typer.Option(help="module:function or file.py:function that earns the income instead of each right's method.", show_default=False)
    ] = None,
    premise: Premise = "going_concern",
    since: Annotated[
        str | None, typer.Option(metavar="DIR", help="An earlier result: rows that are the same still are taken over from it.", show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run of the same inputs and options that was stopped in --out.")] = False,
    overwrite: Overwrite = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if any row was rejected.")] = False,
    log_json: LogJson = False,
) -> None:
    """Value a portfolio: each right's distribution and the sum's.

    Examples:
        ipvalue value rights.parquet --market market.toml --group-by sector --out results
        ipvalue value book.xlsx --out results
        ipvalue value s3://bucket/rights.parquet --market market.toml --tolerance 0.01 --out s3://bucket/results
    """
    with errors_as_sentences(log_json):
        options = {
            "paths": paths,
            "seed": seed,
            "sampler": sampler,
            "tolerance": tolerance,
            "max_paths": max_paths,
            "precision": precision,
            "quantiles": quantile_list(quantiles),
            "tail": tail,
            "group_by": comma_list(group_by),
            "keep_paths": keep_paths,
            "workers": workers,
            "scheduler": scheduler,
            "memory": memory,
            "backend": backend,
            "premise": premise,
        }
        with progress(log_json, "valuing") as show:
            into = partial(value_into, portfolio, market, assumptions, out_dir, options, overwrite=overwrite, resume=resume)
            outcome = into(since=since, progress=show, rule=rule)
        warn(outcome.warnings, log_json)
        if log_json:
            log_line("done", rows=outcome.rows, valued=outcome.valued, rejected=outcome.rejected, seconds=round(outcome.seconds, 3), out=out_dir)
        else:
            _print_summary(out_dir, outcome.valued, outcome.rejected, outcome.seconds)
        if strict and outcome.rejected:
            raise typer.Exit(1)


def _print_summary(out_dir: str, valued: int, rejected: int, seconds: float) -> None:
    result = open_result(out_dir)
    whole = result.groups.slice(0, 1).to_pylist()[0]
    currency = result.manifest["inputs"]["market"]["content"]["currency"]
    out.print(f"{count(valued, 'right')} valued in {seconds:,.1f} s: {money(whole['value'])} {currency} in all")
    if rejected:
        out.print(f"{count(rejected, 'row')} rejected: {out_dir.rstrip('/')}/rejects.parquet says why", markup=False)
    out.print(f"Results are in {out_dir}; look at them with: ipvalue show {out_dir}", markup=False)
