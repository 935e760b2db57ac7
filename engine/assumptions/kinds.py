"""The kinds of right in a batch, and which assumptions each kind sees.

Rows with the same right type, jurisdiction and sector see the same sets, so values are looked up once for each such
kind of right (k) and then taken for all rows (n): (k,) → (n,).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ipvalue.assumptions.book import Assumptions
from ipvalue.assumptions.sets import AssumptionSet
from ipvalue.columns import Longs, Places, Texts, distinct

Group = tuple[str, ...]
"""Columns that are filled together."""


@dataclass(frozen=True)
class Kinds:
    """The kinds of right in a batch: the kind of each row, each kind's sets, most general first, and for each group of columns that belong together
    the set that each kind has them from, the most precise one that has any; None where a kind has no such set."""

    of_row: Places
    sets: list[list[AssumptionSet]]
    chosen: dict[Group, list[AssumptionSet | None]]

    @classmethod
    def of(cls, texts: Sequence[Texts], book: Assumptions, group_of: Mapping[str, Group]) -> Kinds:
        """The kinds by right type, jurisdiction and sector (`texts`): rows that see the same sets are of one kind. group_of: each column's group."""
        code = np.zeros(texts[0].rows, np.int64)
        for one in texts:
            code = code * (len(one.values) + 1)
            if one.places is not None:
                code += one.places
        codes, of_row = distinct(code)
        kinds: dict[tuple[str, ...], int] = {}
        sets: list[list[AssumptionSet]] = []
        kind_of_code = np.empty(len(codes), np.intp)
        for place, key in enumerate(_keys(codes, texts)):
            found = _sets(book, *key)
            kind_of_code[place] = kinds.setdefault(tuple(one.name for one in found), len(kinds))
            if len(kinds) > len(sets):
                sets.append(found)
        return cls(kind_of_code[of_row], sets, _chosen(sets, group_of))


def _keys(codes: Longs, texts: Sequence[Texts]) -> Iterator[list[Any]]:
    """What each code says in the columns `texts`."""
    for code in codes.tolist():
        key: list[Any] = []
        for one in reversed(texts):
            code, place = divmod(code, len(one.values) + 1)
            key.insert(0, one.values[place] if place < len(one.values) else None)
        yield key


def _chosen(sets: list[list[AssumptionSet]], group_of: Mapping[str, Group]) -> dict[Group, list[AssumptionSet | None]]:
    """By group of columns: each kind's most precise set that has any of them."""
    chosen: dict[Group, list[AssumptionSet | None]] = {}
    for kind, seen in enumerate(sets):
        for one in seen:
            for group in {group_of[name] for name in one.values}:
                chosen.setdefault(group, [None] * len(sets))[kind] = one
    return chosen


def _sets(book: Assumptions, right_type: str, jurisdiction: str | None, sector: str | None) -> list[AssumptionSet]:
    names = [right_type]
    if jurisdiction:
        names.append(f"{right_type}/{jurisdiction}")
    if sector:
        names.append(f"{right_type}//{sector}")
    if jurisdiction and sector:
        names.append(f"{right_type}/{jurisdiction}/{sector}")
    return [book.sets[name] for name in names if name in book.sets]
