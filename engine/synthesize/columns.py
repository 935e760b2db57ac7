"""Arrow columns of names and numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

CATEGORY = pa.dictionary(pa.int8(), pa.string())


def numbered(prefix: str, numbers: npt.NDArray[np.int64]) -> pa.Array:
    """prefix and nine digits or more."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 9, "0")
    return pc.binary_join_element_wise(prefix, digits, "")


def category(codes: npt.NDArray[np.int32], names: tuple[str, ...]) -> pa.DictionaryArray:
    """names[codes] as a dictionary column; a negative code is a blank."""
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8(), mask=codes < 0), pa.array(names, pa.string()))


def constant(name: str, rows: int) -> pa.DictionaryArray:
    """One name in every row."""
    return category(np.zeros(rows, np.int32), (name,))
