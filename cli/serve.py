"""ipvalue serve"""

from __future__ import annotations

from typing import Annotated

import typer

from ipvalue.cli.common import errors_as_sentences, out
from ipvalue.serve import check_needs


def command(
    root: Annotated[str, typer.Argument(help="A directory with results directories in it, or one of these.", show_default=False)],
    host: Annotated[str, typer.Option(help="An address of this machine; beyond loopback the printed link has a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 for a free one.")] = 8765,
    language: Annotated[str, typer.Option(help="en or zh.")] = "en",
    memory: Annotated[
        str | None, typer.Option(help="Memory that indexes of rights may take, as 4GiB; by default a quarter of what is free.", show_default=False)
    ] = None,
) -> None:
    """Serve results to a browser on this machine, to read only.

    A list of all results below a directory; one of them, its groups and distribution; its rights, searched and sorted; one right with its
    evidence; two results side by side. Ctrl-C stops it.

    Examples:
        ipvalue serve results
        ipvalue serve results --port 0 --language zh
    """
    with errors_as_sentences():
        check_needs()
        from ipvalue.serve.app import serve

        serve(root, host=host, port=port, language=language, memory=memory, told=_tell)


def _tell(link: str) -> None:
    out.print(f"{link}  (Ctrl-C stops it)", markup=False)
