"""ipvalue verify"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from ipvalue.cli.common import count, errors_as_sentences, log_line, out, progress
from ipvalue.cli.flags import AsJson
from ipvalue.evidence import JSON, PAGE, PERIODS, evidence
from ipvalue.schema import InputError, RunError
from ipvalue.verify import Verified, verify


def command(
    directory: Annotated[str, typer.Argument(help="A results directory.", show_default=False)],
    asset: Annotated[str | None, typer.Option(help="The asset_id of a right to re-derive from its inputs.", show_default=False)] = None,
    loan: Annotated[str | None, typer.Option(help="Of a result of lend: the loan_id of a loan to re-derive.", show_default=False)] = None,
    sample: Annotated[float | None, typer.Option(help="The share of the rights, or loans, to re-derive, as 0.001.", show_default=False)] = None,
    evidence_of: Annotated[
        str | None,
        typer.Option("--evidence", help="The asset_id of a right whose valuation is written out for another valuer to follow.", show_default=False),
    ] = None,
    out_dir: Annotated[str, typer.Option("--out", help="Directory of that evidence; must be empty or not exist.")] = "evidence",
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another sample.")] = 1,
    workers: Annotated[int | None, typer.Option(help="Threads; by default the cores.", show_default=False)] = None,
    backend: Annotated[
        str | None, typer.Option(help="native (C) or numba, whichever made the result; by default native where built.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Progress and outcome as JSON lines on stderr.")] = False,
) -> None:
    """Verify a result: files, counts, sums, and rights again.

    Exit 1 if anything is wrong, with a sentence for each. --asset, --loan and --sample make rights, or loans, again from the manifest alone, and
    compare every figure to the bit. --evidence does the same for one right and writes its inputs with their origins, and its formulas in numbers
    period by period.

    Examples:
        ipvalue verify results --sample 0.001
        ipvalue verify results --evidence TM-1 --out evidence
    """
    with errors_as_sentences(log_json):
        if evidence_of is not None and (asset, loan, sample) != (None, None, None):
            raise InputError("--evidence re-derives its own right: leave --asset, --loan and --sample out")
        with progress(log_json, "verifying", "parts") as show:
            if evidence_of is None:
                found = verify(directory, asset=asset, loan=loan, sample=sample, seed=seed, workers=workers, backend=backend, progress=show)
            else:
                found = evidence(directory, evidence_of, out=out_dir, workers=workers, backend=backend, progress=show).verified
        if as_json:
            typer.echo(json.dumps({**asdict(found), "checked": dict(found.checked), "whole": found.ok}, indent=2))
            if not found.ok:
                raise typer.Exit(1)
            return
        _tell(found, log_json)
        if evidence_of is not None and not log_json:
            out.print(f"The evidence of {evidence_of} is in {out_dir}: {PAGE} to read, {JSON} and {PERIODS} to reckon with", markup=False)


def _tell(found: Verified, log_json: bool) -> None:
    """What was looked at; what is wrong ends the command."""
    if log_json:
        log_line("done", problems=len(found.problems), rederived=found.derived, **dict(found.checked))
    else:
        for name, text in found.checked:
            out.print(f"{name:>10}  {text}", markup=False)
    if found.problems:
        raise RunError(
            "\n".join((*found.problems, f"{found.location}: {count(len(found.problems), 'problem')}, so it is not what its manifest says"))
        )
    if not log_json:
        out.print(f"\n{found.location} is whole.", markup=False)
