"""Filled rows → the vectors of each of their methods.

a = rows, c = (row, method) pairs, the row's methods in their order: a component. A row with one method is one component.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.cashflows import Vectors, join, take
from ipvalue.constants import WEIGHT_TOLERANCE
from ipvalue.methods import METHODS, by_rule, relief_from_royalty
from ipvalue.rows import Floats, Ints, Longs, Mask, Rows
from ipvalue.rules import check_common
from ipvalue.schema import INCOME_METHODS
from ipvalue.tables import Tables
from ipvalue.uncertain import check_inputs

_NUMBER = {name: place for place, name in enumerate(METHODS)}
_EARNS = np.array([name in INCOME_METHODS for name in METHODS])
"""By number of method: whether it is an income method."""


@dataclass(frozen=True)
class Compiled:
    """The vectors of all components, rows in their order; start (a + 1) first component of each row; several (a,) where the row states `methods`;
    weight (c,), 1 where it does not; earns (c,) whether the method is an income method."""

    vectors: Vectors
    start: Longs
    several: Mask
    weight: Floats
    earns: Mask

    def only(self, rows: Mask) -> Compiled:
        """The components of some rows (a,)."""
        counts = np.diff(self.start)
        kept = np.flatnonzero(np.repeat(rows, counts))
        start = np.concatenate([[0], np.cumsum(counts[rows])]).astype(np.int64)
        return Compiled(take(self.vectors, kept), start, self.several[rows], self.weight[kept], self.earns[kept])


def compile_rows(rows: Rows, tables: Tables) -> Compiled:
    """The vectors of all rows that keep the rules, in the rows' order; the others move to the rejects, with every rule they broke."""
    check_common(rows, tables)
    check_inputs(rows)
    _check_methods(rows)
    uses = {name: used for name in METHODS if (used := rows.valued_by([name])).any()}
    parts: list[tuple[str, Longs, Vectors]] = []
    for name, used in uses.items():
        these = rows if len(uses) == 1 else rows.only(used)
        if tables.rule is not None and name in INCOME_METHODS:
            vectors = by_rule.vectors(these, tables, tables.rule, name)
        else:
            vectors = METHODS[name](these, tables)
        parts.append((name, these.row, vectors))
    rows.settle()
    return _assembled(rows, parts or [_nothing(rows, tables)])


def _nothing(rows: Rows, tables: Tables) -> tuple[str, Longs, Vectors]:
    """What no rows at all compile to."""
    return relief_from_royalty.NAME, rows.row, relief_from_royalty.vectors(rows, tables)


def _assembled(rows: Rows, parts: list[tuple[str, Longs, Vectors]]) -> Compiled:
    """Components in the order of rows, and within a row of its methods; those of rows that were rejected later fall away."""
    several = rows.given("methods")
    start, method = _components(rows, several)
    weight = np.ones(len(method))
    if several.any():
        weight[np.repeat(several, np.diff(start))] = rows.batch["weights"].filter(pa.array(several)).flatten().to_numpy(zero_copy_only=False)
    return Compiled(_in_order(rows, start, method, parts), start, several, weight, _EARNS[method])


def _components(rows: Rows, several: Mask) -> tuple[Longs, Ints]:
    """The first component of each row (a + 1), and of each component (c,) the number of its method."""
    alone = rows.index("method", _NUMBER)
    if not several.any():
        return np.arange(len(rows) + 1), alone
    counts = np.where(several, rows.lengths("methods"), 1)
    method = np.repeat(alone, counts)
    method[np.repeat(several, counts)] = pc.index_in(rows.batch["methods"].flatten(), pa.array(_NUMBER)).to_numpy()
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), method


def _in_order(rows: Rows, start: Longs, method: Ints, parts: list[tuple[str, Longs, Vectors]]) -> Vectors:
    """The vectors of all components (c,) from those of each method's rows."""
    joined = join([vectors for _, _, vectors in parts])
    made = len(joined.step)
    if len(parts) == 1 and made == len(method):
        return joined
    parents = np.repeat(np.arange(len(rows)), np.diff(start))
    order = np.empty(len(method), np.int64)
    before = 0
    for name, row, vectors in parts:
        places = np.flatnonzero(method == _NUMBER[name])
        wanted = rows.row[parents[places]]
        order[places] = before + (np.arange(len(row)) if np.array_equal(row, wanted) else np.searchsorted(row, wanted))
        before += len(vectors.step)
    in_place = len(order) == made and bool((order == np.arange(made)).all())
    return joined if in_place else take(joined, order)


def _check_methods(rows: Rows) -> None:
    rows.reject(
        rows.given("methods") & rows.given("method"),
        "method",
        "method or methods, not both",
        lambda value: f"method is {value} and methods is given too: leave one of them blank",
    )
    rows.reject(
        rows.given("methods") & ~rows.given("weights"),
        "weights",
        "methods have weights",
        "methods is given and weights is blank: give one weight each",
    )
    rows.reject(
        rows.given("weights") & ~rows.given("methods"),
        "weights",
        "weights belong to methods",
        "weights is given and methods is blank: name the methods",
    )
    rows.reject(
        rows.lengths("methods") != rows.lengths("weights"),
        "weights",
        "each of methods has a weight",
        lambda value: f"weights {value} are more or fewer than the methods: give one for each",
    )
    off = np.abs(rows.kept(lambda: _sums(rows), ("weights",), _sums) - 1.0) > WEIGHT_TOLERANCE
    rows.reject(rows.given("methods") & off, "weights", "weights add up to 1", lambda value: f"weights {value} do not add up to 1: correct them")


def _sums(rows: Rows) -> Floats:
    """(a,) the sum of a row's weights."""
    lists = rows.batch["weights"]
    sums: Floats = np.zeros(len(rows))
    np.add.at(sums, pc.list_parent_indices(lists).to_numpy(), lists.flatten().to_numpy(zero_copy_only=False))
    return sums
