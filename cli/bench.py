"""ipvalue bench"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ipvalue.cli.common import errors_as_sentences, out, progress
from ipvalue.cli.flags import AsJson
from ipvalue.speed import NIGHT_HOURS, REGISTER, Run, Speed, measure


def command(
    full: Annotated[bool, typer.Option("--full", help="Four minutes instead of one, for figures to quote.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure what this machine can do overnight.

    Values made-up rights of ten years, file in to files out, at several numbers of paths, and says how many a night is enough for.

    Examples:
        ipvalue bench
        ipvalue bench --json
    """
    with errors_as_sentences():
        with progress(False, "measuring", "runs") as show:
            found = measure(full, show)
        if as_json:
            typer.echo(json.dumps(_json(found), indent=2))
        else:
            _print(found)


def _json(found: Speed) -> dict[str, object]:
    return {**asdict(found), "gain": found.gain, "runs": [_run_json(run) for run in found.runs], "alone": _run_json(found.alone)}


def _run_json(run: Run) -> dict[str, float]:
    return {
        **asdict(run),
        "rights_per_second": run.rights_per_second,
        "path_years_per_cpu_second": run.path_years_per_cpu_second,
        "rights_a_night": run.rights_a_night,
        "hours_for_the_register": run.hours_for_the_register,
    }


def _print(found: Speed) -> None:
    kernels = f"{found.backend} kernels ({found.instruction_set})"
    out.print(f"{found.machine}, {found.cores} {'core' if found.cores == 1 else 'cores'}, {kernels}\n", markup=False)
    heads = ("paths", "rights a second", "M path-years a CPU-second", f"rights in {NIGHT_HOURS:g} hours", f"hours for {REGISTER / 1e6:.1f} M rights")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, justify="right")
    for run in found.runs:
        rate, night = f"{run.rights_per_second:,.0f}", f"{run.rights_a_night / 1e6:,.1f} M"
        cells = (f"{run.paths:,}", rate, f"{run.path_years_per_cpu_second / 1e6:,.0f}", night, f"{run.hours_for_the_register:,.1f}")
        table.add_row(*map(Text, cells))
    out.print(table)
    out.print(
        f"\nAll {found.cores} workers are {found.gain:.2f} times as fast as one. The rights are made up, of ten years each; "
        f"{REGISTER / 1e6:.1f} M were in force in China in mid-2024.",
        markup=False,
    )
