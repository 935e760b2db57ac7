"""ipvalue synthesize"""

from __future__ import annotations

from typing import Annotated

import typer

from ipvalue.cli.common import count, errors_as_sentences, out
from ipvalue.synthesize import synthesize

NAME = "synthesize"


def command(
    assets: Annotated[int, typer.Option(help="How many rights.", show_default=False)],
    out_file: Annotated[str, typer.Option("--out", help="File to write: .parquet or .arrow.", show_default=False)],
    profile: Annotated[str, typer.Option(help="Which published margins to follow: cn_trademarks.")] = "cn_trademarks",
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.")] = 1,
) -> None:
    """Write a synthetic portfolio, labelled so in its metadata.

    It has the margins of a published register.

    Example: ipvalue synthesize --assets 1000000 --out marks.parquet
    """
    with errors_as_sentences():
        synthesize(assets, out_file, profile, seed)
        out.print(f"{count(assets, 'synthetic right')} ({profile}, seed {seed}) are in {out_file}", markup=False)
