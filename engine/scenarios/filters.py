"""Which rows a shock acts on: a filter as a tree of tests, each of them an Arrow kernel over a batch (docs/scenarios.md, filters).

Nothing is evaluated as Python: `grammar.parse` makes the tree of the text. A comparison with a blank is false, whatever it asks; so is a comparison
with a number that arithmetic did not give (a division by 0). and, or, not know true and false only.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from ipvalue.columns import Mask, repeated, truth
from ipvalue.schema import Column

Literal = bool | float | str | datetime.date


class Node(Protocol):
    """A part of a filter."""

    def of(self, batch: pa.RecordBatch) -> pa.Array | pa.Scalar:
        """What it is for each row, blanks null; a scalar where it is the same for all."""


@dataclass(frozen=True)
class Filter:
    """The text of a filter, and the condition it stands for."""

    text: str
    condition: Node

    def mask(self, batch: pa.RecordBatch) -> Mask:
        """(a,) the rows of a batch that it is true of."""
        true = self.condition.of(batch)
        return truth(true if isinstance(true, pa.Array) else repeated(true.as_py(), pa.bool_(), batch.num_rows))


@dataclass(frozen=True)
class Name:
    """The cells of a column; whole numbers as numbers."""

    column: Column

    def of(self, batch: pa.RecordBatch) -> pa.Array:
        cells = batch[self.column.name]
        return cells.cast(pa.float64()) if pt.is_integer(cells.type) else cells


@dataclass(frozen=True)
class Constant:
    """A literal."""

    value: Literal

    def of(self, batch: pa.RecordBatch) -> pa.Scalar:
        return pa.scalar(self.value)


@dataclass(frozen=True)
class Arithmetic:
    """Two numbers by add, subtract, multiply or divide; a blank where either is one or the result is not finite."""

    kernel: str
    left: Node
    right: Node

    def of(self, batch: pa.RecordBatch) -> pa.Array | pa.Scalar:
        result = pc.call_function(self.kernel, [self.left.of(batch), self.right.of(batch)])
        return pc.if_else(pc.is_finite(result), result, pa.scalar(None, pa.float64()))


@dataclass(frozen=True)
class Comparison:
    """Whether two values compare so (equal, not_equal, less, less_equal, greater, greater_equal); false with a blank."""

    kernel: str
    left: Node
    right: Node

    def of(self, batch: pa.RecordBatch) -> pa.Array | pa.Scalar:
        return _sure(pc.call_function(self.kernel, [self.left.of(batch), self.right.of(batch)]))


@dataclass(frozen=True)
class OneOf:
    """Whether a value is among some (or `outside` them); false of a blank either way."""

    value: Node
    among: tuple[Literal, ...]
    outside: bool

    def of(self, batch: pa.RecordBatch) -> pa.Array | pa.Scalar:
        value = self.value.of(batch)
        found = pc.is_in(value, value_set=pa.array(self.among))
        return pc.and_(pc.invert(found), pc.is_valid(value)) if self.outside else found


@dataclass(frozen=True)
class Blank:
    """Whether a column is blank (or `given`)."""

    column: Column
    given: bool

    def of(self, batch: pa.RecordBatch) -> pa.Array:
        cells = batch[self.column.name]
        return pc.is_valid(cells) if self.given else pc.is_null(cells)


@dataclass(frozen=True)
class Flag:
    """A column or literal of true and false as a condition: a blank is false."""

    value: Node

    def of(self, batch: pa.RecordBatch) -> pa.Array | pa.Scalar:
        return _sure(self.value.of(batch))


@dataclass(frozen=True)
class Joined:
    """Conditions by and_ or or_."""

    kernel: str
    conditions: tuple[Node, ...]

    def of(self, batch: pa.RecordBatch) -> pa.Array | pa.Scalar:
        result = self.conditions[0].of(batch)
        for condition in self.conditions[1:]:
            result = pc.call_function(self.kernel, [result, condition.of(batch)])
        return result


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    condition: Node

    def of(self, batch: pa.RecordBatch) -> pa.Array | pa.Scalar:
        return pc.invert(self.condition.of(batch))


def _sure(found: pa.Array | pa.Scalar) -> pa.Array | pa.Scalar:
    """A condition that is false where it is blank."""
    return pc.coalesce(found, pa.scalar(False))
