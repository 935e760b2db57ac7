"""Arrow columns as NumPy arrays, and back: a column costs what it holds, so one without blanks, or of one text throughout, costs next to nothing.

a = rows
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


def given(array: pa.Array) -> Mask:
    """(a,) where a column is not blank."""
    if not array.null_count:
        return np.ones(len(array), np.bool_)
    if array.null_count == len(array):
        return np.zeros(len(array), np.bool_)
    return _unpacked(array.buffers()[0], array)


def truth(array: pa.BooleanArray) -> Mask:
    """(a,) a column of true and false, false where it is blank."""
    if array.null_count == len(array):
        return np.zeros(len(array), np.bool_)
    true = _unpacked(array.buffers()[1], array)
    return true & given(array) if array.null_count else true


def packed(mask: Mask) -> pa.BooleanArray:
    """A mask (a,) as Arrow has it, a bit a row: the other way round from `truth`."""
    return pa.Array.from_buffers(pa.bool_(), len(mask), [None, pa.py_buffer(np.packbits(mask, bitorder="little"))])


def floats(array: pa.Array) -> Floats:
    """(a,) a column of numbers as float64, NaN where it is blank."""
    if array.null_count == len(array):
        return np.full(len(array), np.nan)
    values: Floats = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values


def _unpacked(bits: pa.Buffer, array: pa.Array) -> Mask:
    """The bits of a column as a mask (a,)."""
    first = array.offset // 8
    skipped = array.offset - 8 * first
    return np.unpackbits(np.frombuffer(bits, np.uint8)[first:], count=skipped + len(array), bitorder="little")[skipped:].view(np.bool_)


@dataclass(frozen=True)
class Texts:
    """A column of texts: `codes` (a,) the place of each row's text among the distinct `values`, len(values) where it is blank."""

    codes: Places
    values: tuple[str, ...]

    @classmethod
    def of(cls, array: pa.StringArray) -> Texts:
        """The texts of a column."""
        if array.null_count == len(array):
            return cls(np.zeros(len(array), np.intp), ())
        if not array.null_count and _is_one_text(array):
            return cls(np.zeros(len(array), np.intp), (array[0].as_py(),))
        encoded = array.dictionary_encode()
        values = tuple(encoded.dictionary.to_pylist())
        return cls(pc.fill_null(encoded.indices, len(values)).to_numpy().astype(np.intp), values)

    def is_in(self, names: Iterable[str]) -> Mask:
        """(a,) where the text is one of `names`."""
        wanted = frozenset(names)
        return np.array([*(value in wanted for value in self.values), False])[self.codes]

    def index(self, places: Mapping[str, int]) -> Ints:
        """(a,) the place of the text, −1 where it is blank or has none."""
        return np.array([*(places.get(value, -1) for value in self.values), -1], np.int32)[self.codes]

    def only(self, rows: Mask) -> Texts:
        """The texts of some rows (a,)."""
        return Texts(self.codes[rows], self.values)


def any_is_in(lists: pa.ListArray, names: Sequence[str]) -> Mask:
    """(a,) where an entry of a column of lists is one of `names`."""
    found = np.zeros(len(lists), np.bool_)
    if lists.null_count < len(lists):
        entries = pc.is_in(lists.flatten(), pa.array(names, pa.string()))
        found[pc.list_parent_indices(lists).to_numpy()[truth(entries)]] = True
    return found


def distinct(numbers: Longs) -> tuple[Longs, Places]:
    """The distinct ones of some numbers (a,) as they first appear, and each number's place among them (a,)."""
    encoded = pa.array(numbers).dictionary_encode()
    return encoded.dictionary.to_numpy(), encoded.indices.to_numpy().astype(np.intp)


def _is_one_text(array: pa.StringArray) -> bool:
    """Whether the texts, none of them blank, are all the same."""
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
    length = ends[1] - ends[0]
    if (np.diff(ends) != length).any():
        return False
    texts = np.frombuffer(data or b"", np.uint8)[ends[0] : ends[-1]]
    return np.array_equal(texts[length:], texts[: len(texts) - length])
