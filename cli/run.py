"""ipvalue run"""

from __future__ import annotations

from typing import Annotated

import typer

from ipvalue.cli.common import errors_as_sentences, log_line, progress, warn
from ipvalue.overnight import run_job

SET_ASIDE = 3
"""Exit code of a job that is done, under `strict`, though not with every row."""


def command(
    job: Annotated[str, typer.Argument(help="A job file (job.toml): portfolio, market, loans, options, groups, outputs.", show_default=False)],
) -> None:
    """Run a job file: the overnight job.

    Results go to a directory named by valuation date and fingerprint, which is printed; those of loans to another beside it, which is printed next.
    Killed and started again, the job goes on where it was; done, it says so. Progress, warnings and errors are JSON lines on stderr. Exit 3 if rows
    were set aside and the file says strict.

    Examples:
        ipvalue run job.toml
    """
    with errors_as_sentences(log_json=True):
        with progress(True, "valuing") as valuing, progress(True, "lending", "loans") as lending:
            done = run_job(job, valuing, lending)
        found, lent = done.outcome, done.lent
        warn(found.warnings, True)
        of_loans: dict[str, object] = {}
        if lent is not None:
            warn(tuple(text for text in lent.outcome.warnings if text not in found.warnings), True)
            of_loans = {
                "loans": lent.outcome.rows,
                "lent": lent.outcome.valued,
                "loans_rejected": lent.outcome.rejected,
                "lending_out": lent.directory,
            }
        seconds = found.seconds + (lent.outcome.seconds if lent is not None else 0.0)
        log_line("done", rows=found.rows, valued=found.valued, rejected=found.rejected, **of_loans, seconds=round(seconds, 3), out=done.directory)
        typer.echo(done.directory)
        if lent is not None:
            typer.echo(lent.directory)
        if done.failed:
            raise typer.Exit(SET_ASIDE)
