"""ipvalue run"""

from __future__ import annotations

from typing import Annotated

import typer

from ipvalue.cli.common import errors_as_sentences, log_line, progress, warn
from ipvalue.overnight import run_job

SET_ASIDE = 3
"""Exit code of a job that is done, under `strict`, though not with every row."""


def command(
    job: Annotated[str, typer.Argument(help="A job file (job.toml): portfolio, market, options, groups, outputs.", show_default=False)],
) -> None:
    """Run a job file: the overnight job.

    Results go to a directory named by valuation date and fingerprint, which is printed. Killed and started again, the job goes on where it was; done,
    it says so. Progress, warnings and errors are JSON lines on stderr. Exit 3 if rows were set aside and the file says strict.

    Examples:
        ipvalue run job.toml
    """
    with errors_as_sentences(log_json=True):
        with progress(True, "valuing") as show:
            done = run_job(job, show)
        warn(done.outcome.warnings, True)
        found = done.outcome
        log_line("done", rows=found.rows, valued=found.valued, rejected=found.rejected, seconds=round(found.seconds, 3), out=done.directory)
        typer.echo(done.directory)
        if done.failed:
            raise typer.Exit(SET_ASIDE)
