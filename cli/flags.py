"""Options that several commands have, each with its meaning; the defaults stand with the commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer


def one_of(*words: str) -> Callable[[str], list[str]]:
    """What a shell completes an option's value to."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


SAMPLERS, PRECISIONS, SCHEDULERS = one_of("random", "sobol"), one_of("single", "double"), one_of("threads", "processes", "tcp://", "tls://")
BACKENDS, PREMISES = one_of("native", "numba"), one_of("going_concern", "orderly", "forced")

Market = Annotated[str | None, typer.Option(help="market.toml; without it the one beside the portfolio.", show_default=False)]
Assumptions = Annotated[str, typer.Option(help='assumptions.toml, or "default" for the shipped ones.')]
OutDir = Annotated[str, typer.Option("--out", help="Results directory; must be empty or not exist.")]
Paths = Annotated[int, typer.Option(help="Simulated paths a right.")]
Seed = Annotated[int, typer.Option(help="Seed of the random numbers.")]
Sampler = Annotated[str, typer.Option(help="random or sobol.", autocompletion=SAMPLERS)]
Precision = Annotated[str, typer.Option(help="single or double.", autocompletion=PRECISIONS)]
Tail = Annotated[float, typer.Option(help="Share of the lowest paths that the expected shortfall averages.")]
Quantiles = Annotated[str, typer.Option(help="Quantiles to report.")]
GroupBy = Annotated[str | None, typer.Option(help="Columns to group by, as sector,right_type.", show_default=False)]
Workers = Annotated[int | None, typer.Option(help="Threads or processes; by default the cores.", show_default=False)]
Scheduler = Annotated[str, typer.Option(help="threads, processes, or tcp://HOST:PORT (tls://) of a Dask scheduler.", autocompletion=SCHEDULERS)]
Memory = Annotated[str | None, typer.Option(help="Memory the run may use, as 8GiB; by default what is free.", show_default=False)]
Backend = Annotated[str | None, typer.Option(help="native (C) or numba; by default native where built.", show_default=False, autocompletion=BACKENDS)]
Rule = Annotated[str | None, typer.Option(help="The run's rule, as module:function or file.py:function.", show_default=False)]
Premise = Annotated[str, typer.Option(help="going_concern, orderly or forced.", autocompletion=PREMISES)]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the same run that was stopped in --out.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result in --out.")]
LogJson = Annotated[bool, typer.Option("--log-json", help="Progress and warnings as JSON lines on stderr.")]
AsJson = Annotated[bool, typer.Option("--json", help="The same for machines.")]
KeepPaths = Annotated[bool, typer.Option("--keep-paths", help="Keep every path of every right (large).")]
