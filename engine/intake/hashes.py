"""The 64-bit hash by which ids are told apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.backend import kernel


def hash_ids(ids: pa.StringArray) -> npt.NDArray[np.uint64]:
    """XXH64 of each id's UTF-8 bytes, (n,); docs/numerics.md §1. `ids` has no blanks."""
    _, offsets, data = ids.buffers()
    ends = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1] if len(ids) else np.zeros(1, np.int32)
    hashes: npt.NDArray[np.uint64] = kernel.hash_strings(np.frombuffer(data or b"", np.uint8), ends)
    return hashes
