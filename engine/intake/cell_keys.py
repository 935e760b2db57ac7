"""Two 64-bit words by which rows are told apart: from all their cells, whatever the order of the columns, and whether blank ones are there at all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from ipvalue.backend import kernel
from ipvalue.intake.hashes import hash_ids

Words = npt.NDArray[np.uint64]
Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


def row_keys(cells: Mapping[str, pa.Array], rows: int) -> Words:
    """(rows, 2) words of each row: over its cells that are not blank, the sum of the cell's words times the hash of the column's name, made odd.

    Rows with the same cells, to the bit, have the same words; two others do with a chance of 2⁻¹²⁸.
    """
    keys = np.zeros((rows, 2), np.uint64)
    for name, array in cells.items():
        if array.null_count < rows:
            keys += cell_words(array) * (hash_ids(pa.array([name])) | np.uint64(1))
    return keys


def cell_words(array: pa.Array) -> Words:
    """(n, 2) the XXH64 of each cell's bytes and of their complements, 0 where it is blank; of a list, of the words of its entries."""
    if pt.is_list(array.type):
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy()
        ends, entries = _starts(lengths) * 8, cell_words(array.flatten())
        hashes = [_hashes(np.ascontiguousarray(entries[:, k]).view(np.uint8), ends) for k in range(2)]
    else:
        content, ends = _bytes_of(array)
        hashes = [_hashes(content, ends), _hashes(~content, ends)]
    words = np.stack(hashes, axis=1)
    if array.null_count:
        words[array.is_null().to_numpy(zero_copy_only=False)] = 0
    return words


def bits_of(array: pa.Array) -> npt.NDArray[np.unsignedinteger]:
    """The cells (n,) of a column of numbers, dates or flags, as whole numbers that are equal where all their bits are; anything where blank."""
    if pt.is_boolean(array.type):
        array = array.cast(pa.uint8())
    kind = np.dtype(f"u{array.type.byte_width}")
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(len(array), kind)
    return np.frombuffer(buffer, kind)[array.offset : array.offset + len(array)]


def _bytes_of(array: pa.Array) -> tuple[Bytes, Longs]:
    """The bytes of all cells, one after the other, and where each begins and the last one ends (n + 1)."""
    if not pt.is_string(array.type):
        bits = bits_of(array)
        return np.ascontiguousarray(bits).view(np.uint8), np.arange(len(array) + 1) * bits.dtype.itemsize
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1] if len(array) else np.zeros(1, np.int32)
    return np.frombuffer(data or b"", np.uint8)[ends[0] : ends[-1]], ends.astype(np.int64) - ends[0]


def _starts(lengths: Longs) -> Longs:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _hashes(content: Bytes, ends: Longs) -> Words:
    found: Words = kernel.hash_strings(content, ends.astype(np.int32))
    return found
