"""`ipvalue.lendable`: how much may be lent on each right of a portfolio; the command `ipvalue lend --largest` is the same call."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from ipvalue.execute import Progress
from ipvalue.schema import InputError, Source
from ipvalue.valuation import Result


class LendableResult(Result):
    """A results directory of what may be lent."""

    command = "lend --largest"
    tables = ("lendable", "borrowers", "capacity", "rejects")

    @cached_property
    def lendable(self) -> pa.Table:
        """A row for each right, in the order of the portfolio: the limits, their least, and which it is."""
        return pa.concat_tables(self.lendable_parts())

    def lendable_parts(self) -> Iterator[pa.Table]:
        """The same a part at a time, for results that are larger than memory."""
        return self._parts("lendable")

    @cached_property
    def borrowers(self) -> pa.Table:
        """A row for each owner, by its id."""
        return self._store.read_parquet("borrowers.parquet")

    @cached_property
    def capacity(self) -> pa.Table:
        """What may be lent in all, by right type and by the limit that binds."""
        return self._store.read_parquet("capacity.parquet")

    @property
    def assets(self) -> pa.Table:
        """Such results have none: raises InputError."""
        raise InputError(f"{self.location}: says what may be lent on rights, in `lendable`, and has no other figures of them: value the portfolio")

    @property
    def groups(self) -> pa.Table:
        """Such results have none: raises InputError."""
        raise InputError(f"{self.location}: has sums by owner in `borrowers`, and in `capacity`")


def lendable(
    portfolio: object,
    policy: str,
    *,
    policies: Source | None = None,
    ratings: Source | None = None,
    market: object = None,
    assumptions: str | Path = "default",
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> LendableResult:
    """How much a policy allows to be lent on each right of a portfolio, pledged alone, to each owner and in all, and which of its limits binds.

    policy: its name, among the shipped ones or those of the TOML file `policies`; where it limits expected loss or coverage it has `terms` of a
    loan. ratings: a TOML file that these terms may name a rating of. options: paths, seed, sampler, precision, workers, scheduler, memory, backend;
    the rest is as for `value`. Raises InputError and RunError.
    """
    from ipvalue.lendable.run import largest_into  # with Numba, which nothing else needs

    into = partial(largest_into, portfolio, market, assumptions, ratings=ratings, policies=policies, policy=policy)
    return LendableResult.written(partial(into, options=options, progress=progress), out, overwrite, resume)


def open_lendable(location: str | Path) -> LendableResult:
    """A finished results directory of what may be lent. Raises InputError where it is none."""
    return LendableResult.open(location)
