"""Two results side by side: totals and groups, what differs between their inputs, and the rights that moved most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ipvalue.fingerprint import differences
from ipvalue.schema import InputError
from ipvalue.serve.index import Index, Indexes
from ipvalue.serve.root import Facts, Run

MOST_MOVERS = 50
MOST_LINES = 1000
"""Groups that are listed, those that moved most."""
SECONDS = 120.0
"""For the join of all rights."""


@dataclass(frozen=True)
class Line:
    """A group, or a right: its name, and its figure in either result (None: it is not there)."""

    name: str
    old: float | None
    new: float | None

    @property
    def change(self) -> float:
        """New less old; what is not there counts for nothing."""
        return (self.new or 0.0) - (self.old or 0.0)

    @property
    def share(self) -> float | None:
        """The change as a share of the old, where both are there and that is not nothing."""
        return self.change / abs(self.old) if self.old and self.new is not None else None


@dataclass(frozen=True)
class Comparison:
    """What two results of one command have in common, and what not.

    figure: the column of the groups' amounts; `groups` the whole first, then those that moved most. moved: the column of the rights' amounts; both,
    only_old and only_new count rights by where they are; `same` those of both with the same amount.
    """

    old: Run
    new: Run
    currency: str
    figure: str
    groups: list[Line]
    left_out: int
    differences: list[str]
    moved: str
    movers: list[Line]
    both: int
    only_old: int
    only_new: int
    same: int


def check_comparable(old: Run, new: Run) -> tuple[Facts, Facts]:
    """Raises InputError where amounts of two results cannot be set side by side."""
    if not (old.facts and new.facts):
        wrong = old if old.facts is None else new
        raise InputError(f"{wrong.name}: {wrong.fault}")
    if old.kind.command != new.kind.command:
        raise InputError(f"{old.name} is a result of ipvalue {old.kind.command} and {new.name} of ipvalue {new.kind.command}: compare two of a kind")
    if not old.kind.totals:
        raise InputError(f"results of ipvalue {old.kind.command} are not compared")
    if old.facts.currency != new.facts.currency:
        raise InputError(f"{old.name} is in {old.facts.currency} and {new.name} in {new.facts.currency}: value one of them in the other's currency")
    return old.facts, new.facts


def compare(indexes: Indexes, old: Index, new: Index) -> Comparison:
    """Both indexes are ready. Raises InputError where the results cannot be compared, and what Indexes.ask raises."""
    facts, _ = check_comparable(old.run, new.run)
    groups, left_out = _groups(old.run, new.run)
    movers, counted = _movers(indexes, old, new)
    told = _differences(old.run, new.run)
    kind = old.run.kind
    return Comparison(old.run, new.run, facts.currency, kind.total, groups, left_out, told, kind.figure, movers, *counted)


def _differences(old: Run, new: Run) -> list[str]:
    """What differs between what the two were made of."""
    try:
        return differences(old.record(), new.record())
    except (AttributeError, KeyError, TypeError):
        return ["the manifest of one of them does not say what it was made of"]


def _groups(old: Run, new: Run) -> tuple[list[Line], int]:
    """The whole and the groups that moved most, and how many others there are."""
    before, after = _by_group(old), _by_group(new)
    lines = [Line(name, before.get(name), after.get(name)) for name in dict.fromkeys([*before, *after])]
    first = lines[:1]
    others = sorted(lines[1:], key=lambda line: (-abs(line.change), line.name))
    return first + others[:MOST_LINES], max(0, len(others) - MOST_LINES)


def _by_group(run: Run) -> dict[str, float | None]:
    """The total of each group by its names, the whole first."""
    kind, record = run.kind, run.record()
    names = [*kind.names, *([] if kind.of_loans else record["options"]["group_by"])]
    table = run.store.read_parquet(kind.totals)
    rows = table.select([*names, kind.total]).to_pylist()
    return {", ".join(str(row[name]) for name in names if row[name] is not None) or "all": row[kind.total] for row in rows}


def _movers(indexes: Indexes, old: Index, new: Index) -> tuple[list[Line], tuple[int, int, int, int]]:
    """The rights whose figure moved most, and how many are in both, in either alone, and unchanged. Scenarios are compared in their base."""
    kind = old.run.kind
    if not old.columns or not new.columns:
        return [], (0, old.rows, new.rows, 0)
    base = "WHERE scenario = 'base'" if "scenario" in kind.names else ""
    sides = [f'SELECT "{kind.id}" AS id, "{kind.figure}" AS figure FROM {index.rights} {base}' for index in (old, new)]
    joined = f"({sides[0]}) AS o FULL JOIN ({sides[1]}) AS n ON o.id = n.id"
    joined = f"(SELECT o.id IS NULL AS arrived, n.id IS NULL AS left_it, coalesce(o.id, n.id) AS id, o.figure AS was, n.figure AS now FROM {joined})"
    counts = "count(*) FILTER (NOT arrived AND NOT left_it), count(*) FILTER (left_it), count(*) FILTER (arrived), count(*) FILTER (was = now)"
    order = "abs(coalesce(now, 0) - coalesce(was, 0)) DESC, id"
    counted = indexes.ask(f"SELECT {counts} FROM {joined}", seconds=SECONDS)[0]
    rows: list[tuple[Any, ...]] = indexes.ask(
        f"SELECT id, was, now FROM {joined} WHERE was IS DISTINCT FROM now ORDER BY {order} LIMIT {MOST_MOVERS}", seconds=SECONDS
    )
    return [Line(*row) for row in rows], (counted[0], counted[1], counted[2], counted[3])
