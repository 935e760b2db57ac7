"""A scenario: its shocks on the market and on filled rows, and what of them is impossible.

a = rows of the batch
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.columns import Mask
from ipvalue.intake import Fault, convert
from ipvalue.market import Market
from ipvalue.rows import Rows
from ipvalue.scenarios.filters import Filter
from ipvalue.scenarios.market_changes import Change
from ipvalue.scenarios.row_changes import FieldChange, RowChange
from ipvalue.schema import INCOME_METHODS, Column, InputError, validate

BASE = "base"
"""The name of what is not shocked."""


@dataclass(frozen=True)
class Shock:
    """One shock: what it changes, the columns of rows that this is done to (none: it is the market), and which rows (None: all)."""

    change: Change
    columns: tuple[Column, ...] = ()
    where: Filter | None = None

    def touched(self, rows: Rows) -> Mask:
        """(a,) the rows that it acts on."""
        if self.where is None:
            return np.ones(len(rows), np.bool_)
        where = self.where
        return rows.kept(lambda: where.mask(rows.batch), tuple(rows.batch.schema.names), "where", where.text)


@dataclass(frozen=True)
class Shocked:
    """What a shock makes of its columns: as they are read again, with the faults of their cells, and before that."""

    columns: Mapping[str, pa.Array]
    faults: Mapping[str, Sequence[Fault]]
    cells: Mapping[str, pa.Array]


@dataclass(frozen=True)
class Problem:
    """What a shock makes of some rows and cannot be: `rows` of them, of which the first by file and row is named."""

    scenario: str
    shock: int
    column: str
    rule: str
    must_be: str
    rows: int
    file: str
    row: int
    asset_id: str
    before: str
    after: str

    def __str__(self) -> str:
        more = f" and {self.rows - 1:,} more row{'s' if self.rows > 2 else ''}" if self.rows > 1 else ""
        would = f"{self.column} would be {self.after} instead of {self.before}"
        return f"{label(self.scenario, self.shock)}: {would} in {self.file}, row {self.row} ({self.asset_id}){more}: it must be {self.must_be}"


@dataclass(frozen=True)
class Scenario:
    """A named list of shocks, each of which acts on what the ones before left; why it is as it is, and where its size comes from."""

    name: str
    shocks: tuple[Shock, ...]
    reasoning: str = ""
    source: str = ""

    @property
    def moves_paths(self) -> bool:
        """Whether some shock touches what the random levels follow from, so that those of the base cannot be used again.

        False says that levels are the same up to rounding, and to the bit where no row has a range of royalties: of `royalty_low` and
        `royalty_high` the kernel takes the proportion to `royalty_rate`, and all three are multiplied.
        """
        return any(shock.change.moves_paths for shock in self.shocks)

    def market(self, market: Market) -> Market:
        """The shocked market; the same object where nothing of it is shocked. Raises InputError with scenario and shock."""
        for number, shock in enumerate(self.shocks, 1):
            where = label(self.name, number)
            try:
                content = shock.change.content(market)
            except InputError as error:
                raise InputError(f"{where}: {error}") from None
            if content is not None:
                market = validate(Market, {**market.model_dump(), **content}, where)
        return market

    def rows(self, rows: Rows) -> Rows:
        """Filled rows with shocked columns, with rejects of their own; the same object where no row is shocked. Raises InputError where a result
        is outside a column's limits. Filters look at the rows as they are given, before any shock."""
        columns, problems = self._shocked(rows)
        if problems:
            raise InputError("\n".join(map(str, problems)))
        return rows.changed(columns) if columns else rows

    def problems(self, rows: Rows) -> list[Problem]:
        """What the shocks make of filled rows and cannot be."""
        return self._shocked(rows)[1]

    def scaled(self, scale: float) -> Scenario:
        """The scenario with all its shocks at another size (Change.scaled). Raises InputError where one has no size, or cannot be so large."""
        name = f"{self.name} at {scale!r}"
        shocks = tuple(replace(shock, change=shock.change.scaled(scale, label(name, number))) for number, shock in enumerate(self.shocks, 1))
        return Scenario(name, shocks, self.reasoning, self.source)

    @property
    def terms(self) -> dict[str, Any]:
        """The scenario as its file could hold it, as JSON."""
        texts = {name: text for name, text in (("reasoning", self.reasoning), ("source", self.source)) if text}
        return {"name": self.name, **texts, "shock": [shock.change.terms for shock in self.shocks]}

    def _shocked(self, rows: Rows) -> tuple[dict[str, pa.Array], list[Problem]]:
        """The columns that are others, and what of them cannot be."""
        changed: dict[str, pa.Array] = {}
        problems: list[Problem] = []
        for number, shock in enumerate(self.shocks, 1):
            if not isinstance(shock.change, RowChange):
                continue
            touched = shock.touched(rows)
            if not touched.any():
                continue
            at = _Place(self.name, number, rows)
            if isinstance(shock.change, FieldChange) and shock.change.needs_life:
                problems += at.nothing_to_change(touched)
            made = _made(shock, shock.change, rows, touched, changed)
            for name, faults in made.faults.items():
                before = changed.get(name, rows.batch[name])
                problems += [at.problem(name, fault, before, made.cells[name]) for fault in faults]
            changed |= made.columns
        return changed, problems


def _made(shock: Shock, change: RowChange, rows: Rows, touched: Mask, changed: Mapping[str, pa.Array]) -> Shocked:
    """What a shock makes of rows of which some columns are `changed` already. Where it reads none of these, the scenarios that have it in common
    take over what the first of them made."""
    if changed.keys().isdisjoint(change.reads):
        where = shock.where.text if shock.where else None
        return rows.kept(lambda: _converted(shock, change.cells(rows.batch, touched)), change.reads, change, where)
    batch = rows.changed(changed).batch
    return _converted(shock, change.cells(batch, touched))


def _converted(shock: Shock, cells: Mapping[str, pa.Array]) -> Shocked:
    """The cells of each column that a shock acts on, in the registry's type."""
    found = {column.name: convert(column, cells[column.name]) for column in shock.columns if column.name in cells}
    return Shocked({name: array for name, (array, _) in found.items()}, {name: faults for name, (_, faults) in found.items()}, cells)


@dataclass(frozen=True)
class _Place:
    """A shock of a scenario on some rows."""

    scenario: str
    shock: int
    rows: Rows

    def problem(self, column: str, fault: Fault, before: pa.Array, after: pa.Array) -> Problem:
        where = np.flatnonzero(fault.cells)
        first = int(where[np.argmin(self.rows.row[where])])
        return Problem(
            scenario=self.scenario,
            shock=self.shock,
            column=column,
            rule=fault.rule,
            must_be=fault.must_be,
            rows=len(where),
            file=self.rows.file,
            row=int(self.rows.row[first]),
            asset_id=self.rows.batch["asset_id"][first].as_py(),
            before=_text(before[first].as_py()),
            after=_text(after[first].as_py()),
        )

    def nothing_to_change(self, touched: Mask) -> list[Problem]:
        """The rows that earn an income and whose life follows from dates and other columns."""
        blank = touched & ~self.rows.given("life") & self.rows.valued_by(INCOME_METHODS)
        if not blank.any():
            return []
        must_be = 'given, for there is nothing to change; set it, or leave these rows out by where = "life is not None"'
        return [self.problem("life", Fault(blank, "life is given", must_be), self.rows.batch["life"], self.rows.batch["life"])]


def check_rows(scenarios: Iterable[Scenario], rows: Rows) -> tuple[Problem, ...]:
    """What the scenarios make of filled rows and cannot be; `merged` puts those of several batches together."""
    return tuple(problem for scenario in scenarios for problem in scenario.problems(rows))


def merged(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems of several batches: one for each shock, column and rule, with the first row of all, whatever their order."""
    found: dict[tuple[str, int, str, str], Problem] = {}
    for one in problems:
        key = (one.scenario, one.shock, one.column, one.rule)
        if key in found:
            first = min(one, found[key], key=lambda problem: (problem.file, problem.row))
            one = replace(first, rows=one.rows + found[key].rows)
        found[key] = one
    return tuple(found[key] for key in sorted(found))


def markets(scenarios: Iterable[Scenario], market: Market) -> tuple[Market, ...]:
    """The market of each scenario. Raises InputError with the problems of all."""
    found, problems = [], []
    for scenario in scenarios:
        try:
            found.append(scenario.market(market))
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))
    return tuple(found)


def terms(scenarios: Sequence[Scenario]) -> list[Mapping[str, Any]]:
    """What the scenarios are, for manifest and fingerprint: `load_scenarios({"scenario": terms})` makes the same ones of it."""
    return [scenario.terms for scenario in scenarios]


def label(scenario: str, shock: int) -> str:
    """How errors name a shock."""
    return f"scenario {scenario!r}, shock {shock}"


def _text(value: object) -> str:
    return "blank" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
