"""`ipvalue.lend`, and a book of loans that was lent, read when asked; the command `ipvalue lend` is the same call."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from ipvalue.execute import Progress
from ipvalue.schema import InputError, Source
from ipvalue.valuation import Result

"""A TOML file, or a mapping like one."""


class LendResult(Result):
    """A results directory of loans."""

    command = "lend"
    tables = ("loans", "book", "losses", "exposures", "rejects", "tranches", "tranche_losses")

    @cached_property
    def loans(self) -> pa.Table:
        """A row for each loan that is lent, in the order of the table of loans."""
        return pa.concat_tables(self.loan_parts())

    def loan_parts(self) -> Iterator[pa.Table]:
        """The same a part at a time, for results that are larger than memory."""
        return self._parts("loans")

    @cached_property
    def book(self) -> pa.Table:
        """A row for each bearer: the distribution of what it loses on all loans together."""
        return self._store.read_parquet("book.parquet")

    @cached_property
    def losses(self) -> pa.Table:
        """What each bearer loses on each path, exact (decimal128(38, 6))."""
        return self._store.read_ipc("losses.arrow")

    @cached_property
    def exposures(self) -> pa.Table:
        """What is lent and what was left out, by sector and right type, and how concentrated it is."""
        return self._store.read_parquet("exposures.parquet")

    @cached_property
    def tranches(self) -> pa.Table | None:
        """A row for each tranche, the most senior first, then the pool and what meets its losses before them; None where no pool was cut."""
        return self._store.read_parquet("tranches.parquet") if self.pooled else None

    @cached_property
    def tranche_losses(self) -> pa.Table | None:
        """What each of these loses on each path, exact (decimal128(38, 6))."""
        return self._store.read_ipc("tranche_losses.arrow") if self.pooled else None

    @property
    def pooled(self) -> bool:
        """Whether a pool of the loans was cut into tranches."""
        return "pool" in self.manifest["inputs"]["loans"]

    @property
    def assets(self) -> pa.Table:
        """Results of loans have none: raises InputError."""
        raise InputError(f"{self.location}: has loans, and no figures of rights: value the portfolio")

    @property
    def groups(self) -> pa.Table:
        """Results of loans have none: raises InputError."""
        raise InputError(f"{self.location}: has the sums of its loans by bearer in `book`")


def lend(
    loans: object,
    portfolio: object,
    *,
    ratings: Source | None = None,
    programmes: Source | None = None,
    policies: Source | None = None,
    policy: str | None = None,
    pool: Source | None = None,
    tranche_ratings: object = None,
    market: object = None,
    assumptions: str | Path = "default",
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> LendResult:
    """Lends against the rights of a portfolio: who defaults, what the rights bring then, and who bears what is lost, all on the same paths.

    loans: a path, URL or table as for `value` (columns: `ipvalue schema loans`). ratings, programmes, policies: TOML files that loans name rows of;
    without the last two the shipped ones; policy: that of loans which name none. pool: a TOML file that cuts loans into tranches; tranche_ratings:
    what these are rated by, a file or table. options: those of OPTIONS; the rest is as for `value`.
    Only rights that are pledged are valued. Raises InputError and RunError.
    """
    from ipvalue.loan_book.run import lend_into  # with Numba, which nothing else needs

    named: dict[str, Any] = {"ratings": ratings, "programmes": programmes, "policies": policies, "policy": policy}
    named |= {"pool": pool, "tranche_ratings": tranche_ratings}
    into = partial(lend_into, loans, portfolio, market, assumptions, named=named)
    return LendResult.written(partial(into, options=options, progress=progress), out, overwrite, resume)


def open_loans(location: str | Path) -> LendResult:
    """A finished results directory of loans. Raises InputError where it is none."""
    return LendResult.open(location)
