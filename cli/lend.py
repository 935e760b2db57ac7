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
from ipvalue.lendable.result import open_lendable
from ipvalue.lendable.run import largest_into
from ipvalue.loan_book.lent import open_loans
from ipvalue.loan_book.run import lend_into
from ipvalue.report.loans import book_table, capacity_table, tranche_tables
from ipvalue.report.table import Table
from ipvalue.schema import InputError


def command(
    portfolio: Annotated[str, typer.Option(help="The rights that are pledged, among others: as for value.", show_default=False)],
    loans: Annotated[
        str | None, typer.Argument(help="Table of loans: Parquet, Arrow IPC, a directory of either, CSV, or an Excel workbook.", show_default=False)
    ] = None,
    largest: Annotated[bool, typer.Option("--largest", help="Without LOANS: how much --policy allows on each right and to each owner.")] = False,
    market: Market = None,
    assumptions: Assumptions = "default",
    ratings: Annotated[str | None, typer.Option(help="TOML of ratings that loans name.", show_default=False)] = None,
    programmes: Annotated[
        str | None, typer.Option(help="TOML of programmes that share losses, in place of the shipped ones.", show_default=False)
    ] = None,
    policies: Annotated[str | None, typer.Option(help="TOML of lending policies, in place of the shipped ones.", show_default=False)] = None,
    policy: Annotated[str | None, typer.Option(help="The policy of loans that name none; of --largest.", show_default=False)] = None,
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
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if any loan was rejected; with --largest, any right.")] = False,
    log_json: LogJson = False,
) -> None:
    """Lend against rights: what is lost, and by whom.

    Defaults and collateral are of the same paths. Of each loan probability of default, exposure, loss, loan to value, coverage and the most that
    may be lent; of the book what each bearer loses. --largest: of every right of a portfolio, and of its owners, the most that may be lent.

    Examples:
        ipvalue lend loans.parquet --portfolio rights.parquet --market market.toml --out lent
        ipvalue lend loans.parquet --portfolio rights.parquet --policy bank_of_communications --strict --out lent
        ipvalue lend loans.parquet --portfolio rights.parquet --pool pool.toml --tranche-ratings ratings.csv --out lent
        ipvalue lend --largest --portfolio rights.parquet --policy bank_of_communications --out most
    """
    with errors_as_sentences(log_json):
        options = {
            "paths": paths,
            "seed": seed,
            "sampler": sampler,
            "precision": precision,
            "workers": workers,
            "scheduler": scheduler,
            "memory": memory,
            "backend": backend,
        }
        names: dict[str, Any] = {"ratings": ratings, "policies": policies, "policy": policy}
        of_loans: dict[str, Any] = {"programmes": programmes, "pool": pool, "tranche_ratings": tranche_ratings}
        if largest:
            _refuse({"LOANS": loans, "--programmes": programmes, "--pool": pool, "--tranche-ratings": tranche_ratings})
            into = partial(largest_into, portfolio, market, assumptions, **names, options=options)
        elif loans is None:
            raise InputError("LOANS is missing: give a table of loans, or --largest to find out how much may be lent on each right")
        else:
            options["quantiles"] = quantile_list(quantiles)
            into = partial(lend_into, loans, portfolio, market, assumptions, named={**names, **of_loans}, options=options)
        with progress(log_json, "lending", "rights" if largest else "loans") as bar:
            outcome = into(out=out_dir, overwrite=overwrite, resume=resume, progress=bar)
        warn(outcome.warnings, log_json)
        if log_json:
            log_line("done", rows=outcome.rows, lent=outcome.valued, rejected=outcome.rejected, seconds=round(outcome.seconds, 3), out=out_dir)
        else:
            _print_result(out_dir, outcome, largest)
        if strict and outcome.rejected:
            raise typer.Exit(1)


def _refuse(given: dict[str, str | None]) -> None:
    """Refuses what is of loans."""
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{name} is of loans, and --largest needs none: leave it out")


def _print_result(out_dir: str, outcome: Outcome, largest: bool) -> None:
    what = "right" if largest else "loan"
    for one in _tables(out_dir, largest):
        out.print(one.text, markup=False)
    out.print(f"{count(outcome.valued, what)} in {outcome.seconds:,.1f} s")
    if outcome.rejected:
        out.print(f"{count(outcome.rejected, what)} rejected: {out_dir.rstrip('/')}/rejects.parquet says why", markup=False)
    out.print(f"Results are in {out_dir}; look at them with: ipvalue show {out_dir}", markup=False)


def _tables(out_dir: str, largest: bool) -> list[Table]:
    """What is printed of a result."""
    if largest:
        return [capacity_table(open_lendable(out_dir))]
    lent = open_loans(out_dir)
    return [book_table(lent), *tranche_tables(lent)]
