"""A batch of filled rows on its way to vectors: columns as arrays, and rows that break a rule moved to the rejects.

a = assets of the batch
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue import columns
from ipvalue.columns import Texts
from ipvalue.constants import DAYS_PER_YEAR
from ipvalue.schema import Rejects

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
T = TypeVar("T")

_EPOCH = date(1970, 1, 1)
"""Day 0 of Arrow's dates."""


class Rows:
    """Filled rows of one file that are being prepared: a batch with every column, the rows' numbers, what was filled, and what names them."""

    def __init__(self, batch: pa.RecordBatch, row: Longs, filled: pa.Array, file: str, rejects: Rejects, key: str = "asset_id") -> None:
        self.batch = batch
        self.row = row
        self.filled = filled
        self.file = file
        self.rejects = rejects
        self.key = key
        self._broken: dict[str, Mask] = {}
        self._whole: Rows | None = None
        self._places: Longs = np.empty(0, np.int64)
        self._kept: dict[Hashable, Any] = {}
        self._before: Rows | None = None
        self._batch_before: pa.RecordBatch | None = None
        self._changed: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def floats(self, name: str) -> Floats:
        """A column as float64 (a,), NaN where it is blank."""
        return self._once(lambda: columns.floats(self.batch[name]), (name,), "floats")

    def given(self, name: str) -> Mask:
        """(a,) where a column is not blank."""
        return self._once(lambda: columns.given(self.batch[name]), (name,), "given")

    def flags(self, name: str) -> Mask:
        """(a,) a column of true and false, false where it is blank."""
        return self._once(lambda: columns.truth(self.batch[name]), (name,), "flags")

    def lengths(self, name: str) -> Longs:
        """(a,) entries of a column of lists, 0 where it is blank."""
        return self._once(lambda: _lengths(self.batch[name]), (name,), "lengths")

    def is_in(self, name: str, values: Iterable[str]) -> Mask:
        """(a,) where a text column holds one of `values`."""
        wanted = frozenset(values)
        return self._once(lambda: self._texts_of(name).is_in(wanted), (name,), wanted)

    def index(self, name: str, places: Mapping[str, int]) -> Ints:
        """(a,) the place of a text column's value, −1 where it is blank or has none."""
        return self._texts_of(name).index(places)

    def valued_by(self, methods: Sequence[str]) -> Mask:
        """(a,) where one of the methods values the row, alone or among others."""
        return self._once(lambda: self._valued_by(methods), ("method", "methods"), *methods)

    def _valued_by(self, methods: Sequence[str]) -> Mask:
        return self.is_in("method", methods) | columns.any_is_in(self.batch["methods"], methods)

    def years_since(self, name: str, day: date) -> Floats:
        """(a,) years from a date column to `day`, NaN where it is blank."""
        since = (day - _EPOCH).days
        return self._once(lambda: (since - columns.floats(self.batch[name].cast(pa.int32()))) / DAYS_PER_YEAR, (name,), since)

    def kept(self, make: Callable[[], T], names: Sequence[str], *key: Hashable) -> T:
        """What `make` gives of the columns `names` alone, kept under them and `key` for whoever asks again before rows are let go."""
        if self._before is not None and self._before.batch is self._batch_before and self._changed.isdisjoint(names):
            return self._before.kept(make, names, *key)
        of = (*names, key)
        if of not in self._kept:
            self._kept[of] = make()
        found: T = self._kept[of]
        return found

    def _texts_of(self, name: str) -> Texts:
        return self.kept(lambda: Texts.of(self.batch[name]), (name,), Texts)

    def _once(self, read: Callable[[], npt.NDArray[Any]], names: Sequence[str], *key: Hashable) -> npt.NDArray[Any]:
        """The same of an array, which may not be written to."""

        def locked() -> npt.NDArray[Any]:
            array = read()
            array.flags.writeable = False
            return array

        return self.kept(locked, names, *key)

    def changed(self, others: Mapping[str, pa.Array]) -> Rows:
        """The same rows with other columns, and rejects of their own. What is read of the columns that stay is read once for both."""
        schema = self.batch.schema
        arrays = [others.get(name, array) for name, array in zip(schema.names, self.batch.columns, strict=True)]
        rows = Rows(pa.RecordBatch.from_arrays(arrays, schema=schema), self.row, self.filled, self.file, Rejects(), self.key)
        rows._before, rows._batch_before, rows._changed = self, self.batch, frozenset(others)
        return rows

    def reject(self, bad: Mask, column: str, rule: str, message: str | Callable[[str], str]) -> None:
        """Note that the rows of `bad` (a,) break a rule; `message` may depend on the value's text. They stay until `settle`, so that
        what else is wrong with them is found too; of each column only the first problem is noted."""
        if not bad.any():
            return
        where = np.flatnonzero(bad & ~self._broken[column] if column in self._broken else bad)
        if not len(where):
            return
        self._mark(column, where)
        at = pa.array(where)
        values = [None if value is None else str(value) for value in self.batch[column].take(at).to_pylist()]
        texts = message if isinstance(message, str) else [message(value or "blank") for value in values]
        self.rejects.add(self.file, self.row[where], self.batch[self.key].take(at).to_pylist(), column, values, rule, texts)

    def _mark(self, column: str, where: Longs) -> None:
        self._broken.setdefault(column, np.zeros(len(self), np.bool_))[where] = True
        if self._whole is not None:
            self._whole._mark(column, self._places[where])

    @property
    def broken(self) -> bool:
        """Whether rows that break a rule are still here."""
        return bool(self._broken)

    def settle(self) -> None:
        """Let go of the rows that break a rule."""
        if self._broken:
            good = ~np.logical_or.reduce(list(self._broken.values()))
            mask = pa.array(good)
            self.batch, self.filled, self.row = self.batch.filter(mask), self.filled.filter(mask), self.row[good]
            self._places = self._places[good] if self._whole is not None else self._places
            self._broken, self._kept, self._before = {}, {}, None

    def only(self, wanted: Mask) -> Rows:
        """The rows of `wanted` (a,) as a batch of their own; what it rejects goes to the same list, and breaks a rule here too."""
        mask = pa.array(wanted)
        part = Rows(self.batch.filter(mask), self.row[wanted], self.filled.filter(mask), self.file, self.rejects, self.key)
        part._whole, part._places = self, np.flatnonzero(wanted)
        part._broken = {column: broken[wanted] for column, broken in self._broken.items()}
        part._kept = {key: texts.only(wanted) for key, texts in self._kept.items() if isinstance(texts, Texts)}
        return part


def _lengths(lists: pa.Array) -> Longs:
    if lists.null_count == len(lists):
        return np.zeros(len(lists), np.int64)
    counts: Longs = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return counts
