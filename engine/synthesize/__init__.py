"""Synthetic portfolios of any size at published margins, and a book of loans, labelled synthetic in the files' metadata.

Row i depends on the seed and on i alone: rows come in blocks of BLOCK, block b from the Philox4x64 stream of the key
(seed, b), one row of random words per column. So a longer portfolio starts with the shorter one, and memory does not
grow with the number of rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Protocol

import pyarrow as pa

from ipvalue.schema import InputError, did_you_mean
from ipvalue.synthesize.draws import BLOCK, normal_quantile
from ipvalue.synthesize.exchange import Exchange
from ipvalue.synthesize.files import LABEL, SUFFIXES, suffix_of, writing
from ipvalue.synthesize.loans import LOANS, RIGHTS, Loans
from ipvalue.synthesize.register import Register
from ipvalue.synthesize.trademarks import Trademarks

__all__ = ["BLOCK", "LABEL", "PROFILES", "SUFFIXES", "normal_quantile", "synthesize"]

MOST_ASSETS = 1_000_000_000

_LARGEST_SEED = 2**64 - 1


class Profile(Protocol):
    """What a profile's file says: its day, its sources, how many rights where no number is asked for, and its rows by the block."""

    valuation_date: date
    source: str
    assets: int
    schema: pa.Schema

    def block(self, seed: int, number: int) -> list[pa.Array]:
        """The BLOCK rows from row number·BLOCK on, as columns in the order of the schema."""


_MADE_BY: dict[str, Callable[[], Profile]] = {"cn_trademarks": Trademarks, "cn_register": Register, "exchange": Exchange}

PROFILES = tuple(_MADE_BY)


def synthesize(
    assets: int | None,
    out: str | os.PathLike[str],
    profile: str = "cn_trademarks",
    seed: int = 1,
    loans: str | os.PathLike[str] | None = None,
) -> int:
    """Writes `assets` synthetic rights (None: as many as the profile says) to `out`, Parquet or Arrow IPC by its suffix; how many it wrote.

    loans: a second file, for the loans of profile exchange against its first 100,000 rights (columns as in docs/numerics.md §19).
    A local file appears whole or not at all; one that is there is replaced only if it is synthetic itself.
    Raises InputError for a profile, number, seed or path that cannot be used, RunError where writing fails.
    """
    if assets is not None and not 1 <= assets <= MOST_ASSETS:
        raise InputError(f"assets: {assets} is not between 1 and {MOST_ASSETS:,}")
    if not 0 <= seed <= _LARGEST_SEED:
        raise InputError(f"seed: {seed} is not between 0 and 2^64 - 1")
    if profile not in PROFILES:
        raise InputError(f"profile: there is no {profile!r}{did_you_mean(profile, PROFILES)} (profiles: {', '.join(PROFILES)})")
    suffix_of(os.fspath(out))
    made = _MADE_BY[profile]()
    rows = assets or made.assets
    schema = made.schema.with_metadata(_label(profile, seed, made.valuation_date, made.source))
    with writing(os.fspath(out), schema) as write, _loans_beside(out, loans, made, rows, profile, seed):
        for number, first in enumerate(range(0, rows, BLOCK)):
            write(pa.Table.from_arrays(made.block(seed, number), schema=schema).slice(0, rows - first))
    return rows


@contextmanager
def _loans_beside(
    out: str | os.PathLike[str], loans: str | os.PathLike[str] | None, made: Profile, rows: int, profile: str, seed: int
) -> Iterator[None]:
    """The book of loans, written before the rights are and left there once they are; nothing where `loans` is None."""
    if loans is None:
        yield
        return
    if not isinstance(made, Exchange):
        raise InputError(f"loans: the profile {profile} has none, only exchange has")
    if rows < RIGHTS:
        raise InputError(f"loans: they are against the first {RIGHTS:,} rights, and there are to be {rows:,}: ask for more, or for no number")
    if os.path.abspath(loans) == os.path.abspath(out):
        raise InputError(f"loans: {os.fspath(loans)} is the file of the rights: choose another name")
    book = Loans(made)
    schema = LOANS.with_metadata(_label(profile, seed, made.valuation_date, book.source))
    with writing(os.fspath(loans), schema) as write:
        write(book.table(seed).replace_schema_metadata(schema.metadata))
        yield


def _label(profile: str, seed: int, today: date, source: str) -> dict[bytes, bytes]:
    """The file's metadata: that it is synthetic, and how to make it again."""
    return {
        LABEL: b"true",
        b"ipvalue.profile": profile.encode(),
        b"ipvalue.seed": str(seed).encode(),
        b"ipvalue.valuation_date": today.isoformat().encode(),
        b"ipvalue.sources": source.encode(),
    }
