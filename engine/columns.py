"""Arrow columns as NumPy arrays, and back: a column costs what it holds, so one without blanks, or of one text throughout, costs next to nothing.

a = rows
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
Number = TypeVar("Number", bound=np.generic)


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


def repeated(value: object, of: pa.DataType, rows: int) -> pa.Array:
    """A column that holds one value in all its rows."""
    if pt.is_floating(of) or pt.is_integer(of):
        return pa.array(np.full(rows, value, of.to_pandas_dtype()))
    return pa.repeat(pa.scalar(value, of), rows)


@dataclass(frozen=True)
class Texts:
    """A column of texts by its distinct ones: `values`, and `places` (a,) where among them each row's text is, len(values) where it is blank.

    A column that is the same in all its `rows`, one text or blank, has no places.
    """

    values: tuple[str, ...]
    rows: int
    places: Places | None = None

    @classmethod
    def of(cls, array: pa.StringArray) -> Texts:
        """The texts of a column."""
        if array.null_count == len(array):
            return cls((), len(array))
        if not array.null_count and _is_one_text(array):
            return cls((array[0].as_py(),), len(array))
        encoded = array.dictionary_encode()
        values = tuple(encoded.dictionary.to_pylist())
        return cls(values, len(array), pc.fill_null(encoded.indices, len(values)).to_numpy().astype(np.intp))

    @property
    def codes(self) -> Places:
        """(a,) the place of each row's text among the values."""
        return np.zeros(self.rows, np.intp) if self.places is None else self.places

    def is_in(self, names: Iterable[str]) -> Mask:
        """(a,) where the text is one of `names`."""
        wanted = frozenset(names)
        return self._taken(np.array([*(value in wanted for value in self.values), False]))

    def index(self, numbers: Mapping[str, int]) -> Ints:
        """(a,) the number of the text, −1 where it is blank or has none."""
        return self._taken(np.array([*(numbers.get(value, -1) for value in self.values), -1], np.int32))

    def only(self, rows: Mask) -> Texts:
        """The texts of some rows (a,)."""
        return Texts(self.values, int(np.count_nonzero(rows)), None if self.places is None else self.places[rows])

    def _taken(self, of_value: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """(a,) what each row's text has of one for each of the values, and one for a blank."""
        return np.full(self.rows, of_value[0], of_value.dtype) if self.places is None else of_value[self.places]


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
    """Whether the texts, none of them blank, are all the same: of one length, and their bytes those of the next one."""
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
    first, length, shared = int(ends[0]), int(ends[1] - ends[0]), int(ends[-2] - ends[0])
    if (ends[1:] - ends[:-1] != length).any():
        return False
    return not shared or data.slice(first, shared).equals(data.slice(first + length, shared))
