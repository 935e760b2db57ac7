"""ipvalue calibrate"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

import typer

from ipvalue.calibrate import Calibrated, factors, history, implied, survival
from ipvalue.cli.common import Command, errors_as_sentences, number_list, out, progress
from ipvalue.cli.flags import Assumptions, Backend, Market, Rule, Scheduler, Workers

app = typer.Typer(help="Find parameters in prices, revenue, sectors and renewals.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)

_OUT = "File for the table: .parquet, .arrow or .csv; must not be there. Without it: the terminal."
_OUT_TOML = "File for the table (.parquet, .arrow, .csv) or for what belongs into a TOML file (.toml); must not be there."
Out = Annotated[str | None, typer.Option("--out", help=_OUT, show_default=False)]
OutToml = Annotated[str | None, typer.Option("--out", help=_OUT_TOML, show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="The same for machines, with all rows.")]


def _tell(found: Calibrated, out_file: str | None, as_json: bool) -> None:
    if out_file is not None:
        found.write(out_file)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2))
    else:
        out.print(str(found), markup=False)
        if out_file is not None:
            out.print(f"\nThis is in {out_file}", markup=False)


@app.command("implied", cls=Command)
def of_prices(
    portfolio: Annotated[str, typer.Argument(help="As for value.", show_default=False)],
    prices: Annotated[str, typer.Argument(help="A table asset_id, price.", show_default=False)],
    driver: Annotated[str, typer.Option(help="What the price implies: any column that holds one number.")] = "revenue",
    search: Annotated[str | None, typer.Option(help="Where to look for it, as 0.01,0.2; by default all that is allowed.", show_default=False)] = None,
    market: Market = None,
    assumptions: Assumptions = "default",
    paths: Annotated[int | None, typer.Option(help="Simulated paths a right; 10000 by default.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the random numbers; 1 by default.", show_default=False)] = None,
    sampler: Annotated[str | None, typer.Option(help="random (the default) or sobol.", show_default=False)] = None,
    precision: Annotated[str | None, typer.Option(help="single (the default) or double.", show_default=False)] = None,
    rule: Rule = None,
    premise: Annotated[str | None, typer.Option(help="going_concern (the default), orderly or forced.", show_default=False)] = None,
    workers: Workers = None,
    scheduler: Scheduler = "threads",
    backend: Backend = None,
    out_file: Out = None,
    as_json: AsJson = False,
) -> None:
    """Find the driver that known prices imply.

    Revenue, royalty rate or any other. Exactly where a right's value has a closed form; else by search on the same random numbers, with a standard
    error. A right whose price cannot be reached is listed with the reason.

    Examples:
        ipvalue calibrate implied rights.parquet prices.csv --driver royalty_rate --out implied.parquet
    """
    options: dict[str, Any] = {
        "paths": paths, "seed": seed, "sampler": sampler, "precision": precision, "premise": premise, "workers": workers, "scheduler": scheduler,
        "backend": backend,
    }  # fmt: skip
    with errors_as_sentences():
        given = {name: value for name, value in options.items() if value is not None}
        with progress(False, "solving", "tasks") as show:
            found = implied(
                portfolio,
                prices,
                driver,
                market=market,
                assumptions=assumptions,
                rule=rule,
                search=number_list(search, "search"),
                progress=show,
                **given,
            )
        _tell(found, out_file, as_json)


@app.command("history", cls=Command)
def of_revenue(
    revenues: Annotated[str, typer.Argument(help="A table asset_id, year, revenue.", show_default=False)],
    group: Annotated[str | None, typer.Option(help="Text column: what rights are drawn towards the mean of.", show_default=False)] = None,
    least_revenue: Annotated[float, typer.Option(help="Growth from less revenue is left out.")] = 0.0,
    out_file: Out = None,
    as_json: AsJson = False,
) -> None:
    """Find growth and volatility from yearly revenue.

    Each with a 95 % interval, drawn towards those of the group as far as a series is short.

    Examples:
        ipvalue calibrate history revenue.csv --group sector --out history.parquet
    """
    with errors_as_sentences():
        _tell(history(revenues, group=group, least_revenue=least_revenue), out_file, as_json)


@app.command("factors", cls=Command)
def of_sectors(
    panel: Annotated[str, typer.Argument(help="A table sector, year, growth; or asset_id, sector, year, revenue.", show_default=False)],
    out_file: OutToml = None,
    as_json: AsJson = False,
) -> None:
    """Find factors' correlation and loadings on them.

    --out factors.toml writes the table [factors] of market.toml.

    Examples:
        ipvalue calibrate factors panel.csv --out factors.toml
    """
    with errors_as_sentences():
        _tell(factors(panel), out_file, as_json)


@app.command("survival", cls=Command)
def of_renewals(
    records: Annotated[str, typer.Argument(help="A table asset_id, grant_date or filing_date, lapse_date.", show_default=False)],
    anchor: Annotated[str, typer.Option(help="grant or filing: where ages count from.")] = "grant",
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Day up to which lapses are known; needed where rights are in force.", show_default=False),
    ] = None,
    by: Annotated[str | None, typer.Option(help="Text column, or cohort: a curve for each.", show_default=False)] = None,
    ages: Annotated[str | None, typer.Option(help="Ages of the curve's points, as 0,4,4.1,8; by default whole years.", show_default=False)] = None,
    name: Annotated[str, typer.Option(help="What the curve is called.")] = "renewals",
    out_file: OutToml = None,
    as_json: AsJson = False,
) -> None:
    """Find a survival curve from renewal records.

    --out curves.toml writes the table [survival_curves] of assumptions.toml.

    Examples:
        ipvalue calibrate survival renewals.csv --as-of 2026-06-30 --by right_type --out curves.toml
    """
    with errors_as_sentences():
        day = None if as_of is None else as_of.date()
        _tell(survival(records, anchor=anchor, as_of=day, by=by, ages=number_list(ages, "ages"), name=name), out_file, as_json)
