"""ipvalue lend"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from ipvalue.cli.common import count, errors_as_sentences, log_line, out, progress, quantile_list, warn
from ipvalue.cli.flags import (
    Assumptions,
    Backend,
    LogJson,
    Market,
    Memory,
    OutDir,
    Overwrite,
    Paths,
    Precision,
    Resume,
    Sampler,
    Scheduler,
    Seed,
    Workers,
)
from ipvalue.execute import Outcome
from ipvalue.lent import open_loans
from ipvalue.loan_run import lend_into
from ipvalue.report.loans import book_table, tranche_tables


def command(
    loans: Annotated[str, typer.Argument(help="Table of loans: Parquet, Arrow IPC, a directory of either, or CSV.", show_default=False)],
    portfolio: Annotated[str, typer.Option(help="The rights that are pledged, among others: as for value.", show_default=False)],
    market: Market = None,
    assumptions: Assumptions = "default",
    ratings: Annotated[str | None, typer.Option(help="TOML of ratings that loans name.", show_default=False)] = None,
    programmes: Annotated[
        str | None, typer.Option(help="TOML of programmes that share losses, in place of the shipped ones.", show_default=False)
    ] = None,
    policies: Annotated[str | None, typer.Option(help="TOML of lending policies, in place of the shipped ones.", show_default=False)] = None,
    policy: Annotated[str | None, typer.Option(help="The policy of loans that name none.", show_default=False)] = None,
    pool: Annotated[str | None, typer.Option(help="TOML of a pool of the loans, and how it is cut into tranches.", show_default=False)] = None,
    tranche_ratings: Annotated[
        str | None,
        typer.Option(help="What tranches are rated by: the most that each rating may lose (TOML, CSV, Parquet).", show_default=False),
    ] = None,
    out_dir: OutDir = "results",
    paths: Paths = 10_000,
    seed: Seed = 1,
    sampler: Sampler = "random",
    precision: Precision = "single",
    quantiles: Annotated[str, typer.Option(help="Quantiles of coverage, and of what rights are worth, to report.")] = "0.05,0.5",
    workers: Workers = None,
    scheduler: Scheduler = "threads",
    memory: Memory = None,
    backend: Backend = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if any loan was rejected.")] = False,
    log_json: LogJson = False,
) -> None:
    """Lend against rights: what is lost, and by whom.

    Defaults and collateral are of the same paths. Of each loan probability of default, exposure, loss, loan to value, coverage and the most that
    may be lent; of the book what each bearer loses.

    Examples:
        ipvalue lend loans.parquet --portfolio rights.parquet --market market.toml --out lent
        ipvalue lend loans.parquet --portfolio rights.parquet --policy bank_of_communications --strict
    """
    with errors_as_sentences(log_json):
        options = {
            "paths": paths,
            "seed": seed,
            "sampler": sampler,
            "precision": precision,
            "quantiles": quantile_list(quantiles),
            "workers": workers,
            "scheduler": scheduler,
            "memory": memory,
            "backend": backend,
        }
        names: dict[str, Any] = {"ratings": ratings, "programmes": programmes, "policies": policies, "policy": policy}
        names |= {"pool": pool, "tranche_ratings": tranche_ratings}
        with progress(log_json, "lending", "loans") as bar:
            into = partial(lend_into, loans, portfolio, market, assumptions, **names, options=options)
            outcome = into(out=out_dir, overwrite=overwrite, resume=resume, progress=bar)
        warn(outcome.warnings, log_json)
        if log_json:
            log_line("done", rows=outcome.rows, lent=outcome.valued, rejected=outcome.rejected, seconds=round(outcome.seconds, 3), out=out_dir)
        else:
            _print_result(out_dir, outcome)
        if strict and outcome.rejected:
            raise typer.Exit(1)


def _print_result(out_dir: str, outcome: Outcome) -> None:
    lent = open_loans(out_dir)
    for one in (book_table(lent), *tranche_tables(lent)):
        out.print(one.text, markup=False)
    out.print(f"{count(outcome.valued, 'loan')} in {outcome.seconds:,.1f} s")
    if outcome.rejected:
        out.print(f"{count(outcome.rejected, 'loan')} rejected: {out_dir.rstrip('/')}/rejects.parquet says why", markup=False)
    out.print(f"Results are in {out_dir}; look at them with: ipvalue show {out_dir}", markup=False)
