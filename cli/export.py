"""ipvalue export"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from ipvalue.cli.common import count, errors_as_sentences, out
from ipvalue.cli.flags import AsJson
from ipvalue.export import export


def command(
    directory: Annotated[str, typer.Argument(help="A results directory, of whichever command.", show_default=False)],
    xlsx: Annotated[str, typer.Option(metavar="FILE", help="The workbook to write, as results.xlsx.", show_default=False)],
    top: Annotated[int, typer.Option(help="How many rights: those with most value.")] = 1000,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a workbook that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a result as an Excel workbook.

    What was run, the totals with their quantiles, groups, the most valuable rights, rejects, and what each column means; of scenarios, loans,
    sensitivities and explanations their own tables. Text stays text, whatever it begins with. The same result gives the same bytes.

    Examples:
        ipvalue export results --xlsx results.xlsx
        ipvalue export stressed --xlsx stressed.xlsx --top 100 --overwrite
    """
    with errors_as_sentences():
        found = export(directory, xlsx=xlsx, top=top, overwrite=overwrite)
        if as_json:
            typer.echo(json.dumps(asdict(found), indent=2))
            return
        for name, rows in found.rows.items():
            out.print(f"{name:>22}  {count(rows, 'row')}", markup=False)
        for text in found.left_out:
            out.print(text, markup=False)
        out.print(f"The workbook is {found.path}", markup=False)
