"""ipvalue report"""

from __future__ import annotations

from typing import Annotated

import typer

from ipvalue.cli.common import errors_as_sentences, out


def command(
    directory: Annotated[str, typer.Argument(help="A results directory, of any command.", show_default=False)],
    out_file: Annotated[str, typer.Option("--out", help="The page to write; one that is there is replaced.")] = "report.html",
    language: Annotated[str, typer.Option(help="Of labels and captions: en, zh.")] = "en",
) -> None:
    """Write a result as one page of charts and tables.

    Tables can be searched and sorted. The page needs nothing beside it and asks no one for anything; print it from the browser. Of value, scenarios,
    sensitivities, lend and explain.

    Examples:
        ipvalue report results --out report.html
        ipvalue report results --out report.html --language zh
    """
    with errors_as_sentences():
        from ipvalue.kinds import open_any
        from ipvalue.report.document import write_report

        write_report(open_any(directory), out_file, language)
        out.print(f"The report of {directory} is in {out_file}", markup=False)
