"""Cells that break a rule, and what the converters of cells share."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from ipvalue import columns
from ipvalue.columns import Mask


@dataclass(frozen=True)
class Fault:
    """Cells that break a rule: which (mask over the rows), the rule, and what the value must be ("it must be …")."""

    cells: Mask
    rule: str
    must_be: str


def without(array: pa.Array, faults: list[Fault]) -> tuple[pa.Array, list[Fault]]:
    """The array with faulty cells null, and the faults that any cell has."""
    found = [fault for fault in faults if fault.cells.any()]
    for fault in found:
        array = pc.if_else(columns.packed(~fault.cells), array, pa.scalar(None, array.type))
    return array, found


def is_text(found: pa.DataType) -> bool:
    """Whether a column holds text, of whatever layout."""
    return bool(pt.is_string(found) or pt.is_large_string(found) or pt.is_string_view(found))


def is_number(found: pa.DataType) -> bool:
    """Whether a column holds numbers."""
    return bool(pt.is_integer(found) or pt.is_floating(found) or pt.is_decimal(found))


def is_list(found: pa.DataType) -> bool:
    """Whether a column holds lists, of whatever layout."""
    return bool(pt.is_list(found) or pt.is_large_list(found) or pt.is_fixed_size_list(found) or pt.is_list_view(found))
