"""Comparing figures by their bits: −0 is not 0, and a NaN is itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

_WORDS = {pa.float64(): pa.int64(), pa.float32(): pa.int32()}


def same(one: Any, other: Any) -> bool:
    """Whether two columns of a table hold the same: numbers to the bit, blanks where there are blanks."""
    one, other = _flat(one), _flat(other)
    return bool(one.type == other.type and _as_words(one).equals(_as_words(other)))


def unequal(one: Any, other: Any) -> list[int]:
    """The rows at which two columns of one length differ."""
    if same(one, other):
        return []
    pairs = zip(_as_words(_flat(one)).to_pylist(), _as_words(_flat(other)).to_pylist(), strict=True)
    return [row for row, (first, second) in enumerate(pairs) if first != second]


def same_number(one: float | None, other: float | None) -> bool:
    """Whether two numbers have the same bits, or both are none."""
    if one is None or other is None:
        return one is other
    return np.float64(one).tobytes() == np.float64(other).tobytes()


def _flat(column: Any) -> pa.Array:
    """One array, from the start of its own buffers."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return array.take(pa.array(np.arange(len(array)))) if array.offset else array


def _as_words(array: pa.Array) -> pa.Array:
    if array.type in _WORDS:
        return array.view(_WORDS[array.type])
    if pa.types.is_list(array.type) and array.type.value_type in _WORDS:
        return pa.ListArray.from_arrays(array.offsets, _as_words(array.values), mask=array.is_null())
    return array
