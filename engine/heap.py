"""Freed memory stays with the process from one chunk of rows to the next: handed back and fetched again, every page of it is cleared anew. From one
stage of a run to the next it goes back."""

from __future__ import annotations

import ctypes
import sys
import threading
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's <malloc.h>
_KEPT_BYTES = 40 << 20
"""More than a chunk takes at a time; what lies free beyond it at the top of a thread's heap goes back to the system."""
_OWN_MAPPING_BYTES = 32 << 20
"""A block from this size on is mapped for itself, and goes back when it is freed; glibc takes no more."""


@cache
def keep_freed_memory() -> None:
    """Lets the C library of this process keep up to `_KEPT_BYTES` a thread of what is freed. Other C libraries than glibc have their own ways."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _OWN_MAPPING_BYTES)


def release_freed_memory() -> None:
    """Hands what is free in this process back to the system (of the C library's where that is glibc), so that the next stage does not come on top."""
    pa.default_memory_pool().release_unused()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


_blocks = threading.local()
_blocks.none = np.empty(0, np.uint8)


def _references(name: str) -> int:
    """To a thread's block, those of the table and of this function among them: as many as an interpreter takes."""
    return sys.getrefcount(getattr(_blocks, name))


_UNSEEN = _references("none")
"""Of a block that nobody has a view of."""


def held(name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array, whatever stands in it: the memory that this thread had under the same name before, where nobody has a view of that any more."""
    kind = np.dtype(dtype)
    size = kind.itemsize
    for length in shape:
        size *= length
    if not hasattr(_blocks, name) or getattr(_blocks, name).nbytes < size or _references(name) > _UNSEEN:
        vars(_blocks).pop(name, None)  # let go of before there is another
        setattr(_blocks, name, np.empty(size + size // 8, np.uint8))  # tasks are of about one size
    taken: npt.NDArray[Any] = getattr(_blocks, name)[:size].view(kind).reshape(shape)
    return taken
