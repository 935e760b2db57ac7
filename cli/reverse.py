"""ipvalue reverse"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from ipvalue.amounts import money
from ipvalue.cli.common import comma_list, count, errors_as_sentences, log_line, out, progress
from ipvalue.cli.flags import (
    AsJson,
    Assumptions,
    Backend,
    GroupBy,
    LogJson,
    Market,
    Memory,
    Paths,
    Precision,
    Premise,
    Rule,
    Sampler,
    Scheduler,
    Seed,
    Tail,
    Workers,
)
from ipvalue.reverse import MOST, ReverseStress, reverse_stress
from ipvalue.scenarios import as_toml
from ipvalue.schema import InputError


def command(
    portfolio: Annotated[str, typer.Argument(help="As for value.", show_default=False)],
    scenarios: Annotated[str | None, typer.Argument(help="scenarios.toml; leave it out for a shipped one by --scenario.", show_default=False)] = None,
    until: Annotated[str, typer.Option(help="The limit: a statistic, < or >, and an amount, as 'q05 < 1e9'.", show_default=False)] = ...,  # type: ignore[assignment]
    scenario: Annotated[str | None, typer.Option(help="Which scenario is scaled, by name.", show_default=False)] = None,
    group: Annotated[str | None, typer.Option(help="Of one group, by its values with commas between.", show_default=False)] = None,
    most: Annotated[float, typer.Option(help="The largest size looked at, in sizes of the scenario.")] = MOST,
    market: Market = None,
    assumptions: Assumptions = "default",
    paths: Paths = 10_000,
    seed: Seed = 1,
    sampler: Sampler = "random",
    precision: Precision = "single",
    tail: Tail = 0.05,
    group_by: GroupBy = None,
    workers: Workers = None,
    scheduler: Scheduler = "threads",
    memory: Memory = None,
    backend: Backend = None,
    rule: Rule = None,
    premise: Premise = "going_concern",
    as_json: AsJson = False,
    log_json: LogJson = False,
) -> None:
    """Find how large a shock must be to bring a value to a limit.

    The shocks of a scenario are scaled together, until a statistic of the whole or of a group meets the limit. All sizes are valued on the same
    random numbers, so that a run of the scenario that is printed meets it too.

    Examples:
        ipvalue reverse rights.parquet scenarios.toml --scenario "royalties fall" --until "q05 < 1e9"
        ipvalue reverse rights.parquet --scenario "royalty compression" --until "mean < 5e8" --json
    """
    with errors_as_sentences(log_json):
        if scenarios is None and scenario is None:
            raise InputError("no scenario is given: name a scenarios.toml, or a shipped scenario by --scenario (ipvalue scenarios --list)")
        source = scenarios if scenarios is not None else {"library": [scenario]}
        options = {
            "paths": paths,
            "seed": seed,
            "sampler": sampler,
            "precision": precision,
            "tail": tail,
            "group_by": comma_list(group_by),
            "workers": workers,
            "scheduler": scheduler,
            "memory": memory,
            "backend": backend,
            "rule": rule,
            "premise": premise,
            "market": market,
            "assumptions": assumptions,
        }
        with progress(log_json, "valuing") as bar:
            found = reverse_stress(portfolio, source, until, scenario=scenario, group=group, most=most, progress=bar, **options)
        if log_json:
            log_line("done", reached=found.reached, size=found.size, figure=found.figure, tried=len(found.trials))
        if as_json:
            typer.echo(json.dumps(_json(found), indent=2))
        else:
            _print(found)


def _print(found: ReverseStress) -> None:
    out.print(str(found), markup=False)
    out.print(f"{count(len(found.trials), 'size')} tried, from {money(found.base)} at 0", markup=False)
    if found.scenario is not None:
        out.print(f"\n{as_toml(found.scenario)}", markup=False, end="")


def _json(found: ReverseStress) -> dict[str, object]:
    return {
        "reached": found.reached,
        "size": found.size,
        "below": found.below,
        "figure": found.figure,
        "base": found.base,
        "limit": str(found.limit),
        "group": found.group,
        "impossible": found.impossible,
        "scenario": found.scenario and found.scenario.terms,
        "trials": [[trial.size, trial.figure] for trial in found.trials],
    }
