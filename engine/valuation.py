"""`ipvalue.value` and what it returns; the command `ipvalue value` is the same call."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from ipvalue.backend import kernel
from ipvalue.cash_rule import CashRule, find_rule
from ipvalue.execute import Outcome, Progress, check_portfolio, value_portfolio
from ipvalue.inputs import opened
from ipvalue.job import Job, make_job, refuse_unknown
from ipvalue.shown import Reported, ResultPlots, plots_of
from ipvalue.since import refuse_to_remove, work_beside
from ipvalue.store import Store

ROWS_A_CHECK = 65_536
"""Rows of a task that only checks: some seconds of work."""


class Result(Reported):
    """A results directory, read when asked. Tables are pyarrow's, so pandas, polars and duckdb take them as they are.

    `location` is the directory, or "in memory"; `given` the portfolio, where it was a table in memory and can be read again from nowhere else.
    """

    command = "value"
    tables: tuple[str, ...] = ("assets", "groups", "totals", "rejects")

    def __init__(self, location: str, store: Store | None = None, given: object = None) -> None:
        self.location = location
        self.given = given
        self._store = store or Store(location)

    @classmethod
    def open(cls, location: str | Path) -> Self:
        """A finished results directory of the command. Raises InputError where it is none."""
        store = Store(str(location))
        store.manifest_of(cls.command)
        return cls(str(location), store)

    @classmethod
    def written(cls, into: Callable[..., object], out: str | Path | None, overwrite: bool, resume: bool) -> Self:
        """What `into` writes: at `out`, or without it held in memory."""
        if out is not None:
            into(out=str(out), overwrite=overwrite, resume=resume)
            return cls.open(out)
        with tempfile.TemporaryDirectory(prefix="ipvalue-result-") as folder:
            into(out=folder, overwrite=False, resume=False, keep=False)
            return cls.open(folder).held_in_memory()

    def held_in_memory(self) -> Self:
        """The same with all of it read, so that its directory may go."""
        for name in ("manifest", *self.tables, *(("paths",) if self.manifest["options"]["keep_paths"] else ())):
            getattr(self, name)
        self.location = "in memory"
        return self

    @property
    def plot(self) -> ResultPlots:
        """Charts of it."""
        plots: ResultPlots = plots_of(self)
        return plots

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Versions, options, hashes of the inputs, files with their hashes, counts, times and machine."""
        return self._store.manifest()

    @cached_property
    def assets(self) -> pa.Table:
        """One row a right that could be valued."""
        return self._store.assets()

    def asset_parts(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The same a part at a time, for results that are larger than memory; or some of its columns."""
        return self._parts("assets", columns)

    def _parts(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """A table in parts that bears its directory's name, a part at a time; the whole where it has been read already."""
        if name in self.__dict__:
            whole = self.__dict__[name]
            yield whole if columns is None else whole.select(list(columns))
        else:
            yield from map(partial(self._store.read_parquet, columns=columns), self._store.parts(f"{name}/"))

    @cached_property
    def groups(self) -> pa.Table:
        """The distribution of each group's sum, the whole first (its group columns null)."""
        return self._store.read_parquet("groups.parquet")

    @cached_property
    def totals(self) -> pa.Table:
        """The sum on each path, exact (decimal128(38, 6)), for the whole and each group."""
        return self._store.read_ipc("totals.arrow")

    def sums(self, group: int) -> pa.Array:
        """The sum on each path of one row of `groups` (0: the whole), without reading those of the others."""
        if "totals" in self.__dict__:
            paths = self.manifest["options"]["paths"]
            return self.totals["value"].slice(group * paths, paths).combine_chunks()
        return self._store.read_ipc_batch("totals.arrow", group)["value"]

    @cached_property
    def rejects(self) -> pa.Table:
        """Every problem of the rows that could not be valued."""
        return self._store.read_parquet("rejects.parquet")

    def other_table(self, name: str) -> pa.Table | None:
        """A Parquet table of the result by its file's name; None where it has none of that name, or is held in memory without it."""
        there = any(file["name"] == name for file in self.manifest["files"])
        return self._store.read_parquet(name) if there and self.location != "in memory" else None

    @cached_property
    def paths(self) -> pa.Table:
        """With keep_paths: asset_id and the values of its paths, of the first `paths` where a tolerance gave it more."""
        return pa.concat_tables([self._store.read_ipc(name) for name in self._store.parts("paths/")])


def open_result(location: str | Path) -> Result:
    """A finished results directory of `value`. Raises InputError where it is none."""
    return Result.open(location)


def value(
    portfolio: object,
    *,
    market: object = None,
    assumptions: str | Path = "default",
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    since: str | Path | None = None,
    progress: Progress | None = None,
    rule: object = None,
    **options: Any,
) -> Result:
    """Values a portfolio by simulation.

    portfolio: a path or URL (Parquet, Arrow IPC, a directory of either, CSV, Excel) or any table with `__arrow_c_stream__` (pandas, polars, …).
    market: path, mapping or Market, else market.toml beside the portfolio. out: results directory; without it the result is kept in memory.
    options: those of ipvalue.job.Job, named as the command's flags: paths, seed, sampler, tolerance, max_paths, precision, quantiles, tail, group_by,
    premise, keep_paths, workers, scheduler, memory, backend. rule: earns the income instead of each right's method: what `cash_rule` made, or
    "module:function".
    resume: goes on with a run that was stopped, where `out` holds one of the same portfolio, market, assumptions and options.
    since: an earlier result, from which rows are taken over that are the same still; the result is that of valuing all of them.
    Raises InputError (bad input, nothing written) and RunError (the run failed; the text says what is kept in `out`).
    """
    given = None if isinstance(portfolio, str | Path) else portfolio
    if out is not None:
        into = partial(value_into, portfolio, market, assumptions, str(out), options, overwrite=overwrite, resume=resume)
        into(since=since, progress=progress, rule=rule)
        return Result(str(out), given=given)
    with tempfile.TemporaryDirectory(prefix="ipvalue-result-") as folder:
        value_into(portfolio, market, assumptions, folder, options, overwrite=False, keep=False, since=since, progress=progress, rule=rule)
        return Result(folder, given=given).held_in_memory()


def value_into(
    portfolio: object,
    market: object,
    assumptions: str | Path,
    out: str,
    options: dict[str, Any],
    *,
    overwrite: bool,
    progress: Progress | None,
    resume: bool = False,
    keep: bool = True,
    since: str | Path | None = None,
    rule: object = None,
) -> Outcome:
    """Values into a results directory and says what came of it. That the directory may not be used is said before anything is read."""
    store = Store(out)
    store.check_free(overwrite=overwrite, resume=resume)
    if overwrite and since is not None:
        refuse_to_remove(since, store)
    job, found = job_and_rule(options, rule)
    with (
        store.locked(),
        kernel.DefaultArithmetic(),
        opened(portfolio, market, assumptions, job, out, found) as inputs,
        work_beside(since) as work_of,
    ):
        return value_portfolio(inputs, overwrite=overwrite, resume=resume, keep=keep, progress=progress, work_of=work_of)


def job_and_rule(options: dict[str, Any], rule: object) -> tuple[Job, CashRule | None]:
    """The options, checked, and the rule that is meant."""
    found = None if rule is None else find_rule(rule)
    return make_job({**options, "rule": found and found.name}), found


def job_without_quantiles(options: Mapping[str, Any], known: Sequence[str], of: str, rule: object) -> tuple[Job, CashRule | None]:
    """The same where only the options `known` are any of what is made, which `of` calls by its name."""
    refuse_unknown(options, known, of)
    return job_and_rule({**options, "quantiles": ()}, rule)


def check(
    portfolio: object,
    *,
    market: object = None,
    assumptions: str | Path = "default",
    keep: int | None = None,
    progress: Progress | None = None,
    rule: object = None,
    **options: Any,
) -> Outcome:
    """Every problem that `value` would find, but those that only simulated values show. Raises InputError where a file cannot be read at all.

    All problems are counted by rule (`rules`); `rejects` holds the first `keep` of each rule, or all of them.
    """
    job, found = job_and_rule({"rows_per_task": ROWS_A_CHECK, **options}, rule)
    with opened(portfolio, market, assumptions, job, ".", found) as inputs:
        return check_portfolio(inputs, progress, keep)
