"""ipvalue synthesize"""

from __future__ import annotations

from typing import Annotated

import typer

from ipvalue.cli.common import count, errors_as_sentences, out
from ipvalue.cli.flags import Seed
from ipvalue.synthesize import PROFILES, synthesize


def command(
    out_file: Annotated[str, typer.Option("--out", help="File to write: .parquet or .arrow.", show_default=False)],
    assets: Annotated[int | None, typer.Option(help="How many rights; by default as many as suit the profile.", show_default=False)] = None,
    profile: Annotated[str, typer.Option(help=f"Which register or book to resemble: {', '.join(PROFILES)}.")] = PROFILES[0],
    seed: Seed = 1,
    loans: Annotated[str | None, typer.Option(help="File to write loans against the rights to (exchange).", show_default=False)] = None,
) -> None:
    """Write a synthetic portfolio, labelled so in its metadata.

    It has the margins of a published register (cn_trademarks: China's marks, with money; cn_register: every kind of right, as bare as an
    extract of the registers), or is the book of an exchange with 20,000 clients (exchange); 600 of them may borrow against it (--loans).

    Examples:
        ipvalue synthesize --assets 1000000 --out register.parquet --profile cn_register
        ipvalue synthesize --profile exchange --out clients.parquet --loans loans.parquet
    """
    with errors_as_sentences():
        written = synthesize(assets, out_file, profile, seed, loans)
        out.print(f"{count(written, 'synthetic right')} ({profile}, seed {seed}) are in {out_file}", markup=False)
        if loans is not None:
            out.print(f"the loans against them are in {loans}", markup=False)
