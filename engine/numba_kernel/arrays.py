"""Arrays as the compiled functions take them: one type each, or an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.constants import MAX_PATHS, TILE_STEP

Words = npt.NDArray[np.uint64]


def row(array: Any, dtype: Any, size: int) -> Any:
    """`array` if it is a contiguous row of at least `size` numbers of `dtype`; a copy where it is read-only. ValueError if it is not."""
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype != dtype or not array.flags.c_contiguous:
        found = f"{array.ndim} dimensions of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"expected a contiguous row of {np.dtype(dtype)}, got {found}")
    if len(array) < size:
        raise ValueError(f"expected {size} elements, got {len(array)}")
    return array if array.flags.writeable else array.copy()


def check_paths(first: int, paths: int) -> None:
    """ValueError where paths first … first + paths cannot be drawn."""
    if first % TILE_STEP or first < 0 or first + paths > MAX_PATHS:
        raise ValueError(f"paths {first} to {first + paths}: the first must be a multiple of {TILE_STEP}, the last at most {MAX_PATHS}")


def mask(flags: Any, n: int) -> npt.NDArray[np.bool_]:
    """(n,) uint8 flags as truth values; None: none is set."""
    return np.zeros(n, np.bool_) if flags is None else row(flags, np.uint8, n)[:n] != 0


def sums(array: Any, size: int) -> Words:
    """`array` if it is (n, 2) uint64 with n at least `size`, contiguous and writable: 128-bit integers, low word first. ValueError if it is not."""
    fits = isinstance(array, np.ndarray) and array.ndim == 2 and array.shape[1] == 2 and len(array) >= size
    if not fits or array.dtype != np.uint64 or not array.flags.c_contiguous or not array.flags.writeable:
        raise ValueError(f"expected ({size}, 2) words, got {array.dtype} of shape {array.shape}")
    found: Words = array
    return found


def records(columns: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """(n,) records whose fields are the columns (n,)."""
    out = np.empty(len(next(iter(columns.values()))), np.dtype([(name, column.dtype) for name, column in columns.items()], align=True))
    for name, column in columns.items():
        out[name] = column
    return out
