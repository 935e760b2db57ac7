"""Exact sums of path values by group (docs/numerics.md §8).

g = groups, p = paths, k = numbers that each asset adds once (value, mean and its quantiles)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.backend import DEFAULT, Backend, kernels

BLANK = "(blank)"
"""How the results write a group column's blank; null stands for the whole."""

Key = tuple[str | None, ...]
"""A group's texts, None where a column is blank."""
Words = npt.NDArray[np.uint64]


class Totals:
    """128-bit sums of a growing set of groups, in units of 10⁻⁶ of the market's currency.

    `sums` (g·p, 2) and `extras` (g·k, 2) hold low and high words; `counts` (g,) the assets. Adding and merging commute exactly.
    """

    def __init__(self, columns: Sequence[str], paths: int, extras: int, backend: Backend = DEFAULT) -> None:
        self.columns = tuple(columns)
        self.paths = paths
        self.width = extras
        self.backend: Backend = backend
        self.keys: dict[Key, int] = {}
        self.sums: Words = np.zeros((0, 2), np.uint64)
        self.extras: Words = np.zeros((0, 2), np.uint64)
        self.counts: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def groups_of(self, batch: pa.RecordBatch) -> npt.NDArray[np.int32]:
        """(a,) each row's group, new ones added."""
        code = np.zeros(batch.num_rows, np.int64)
        texts = [batch[name].cast(pa.string()) for name in self.columns]
        for text in texts:
            encoded = text.dictionary_encode()
            wide = code * (len(encoded.dictionary) + 1) + pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy()
            code = np.unique(wide, return_inverse=True)[1]  # dense again, so that no number of columns overflows
        _, first, of_row = np.unique(code, return_index=True, return_inverse=True)
        taken = [text.take(pa.array(first)).to_pylist() for text in texts]
        keys: list[Key] = list(zip(*taken, strict=True)) if taken else [()] * len(first)
        places = np.array([self._place(key) for key in keys], np.int32)
        self._grow()
        return places[of_row]

    def beside(self, group: npt.NDArray[np.int32], texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """(n, a) the groups of rows whose groups (a,) these are, but with each of the `texts` (n,) in the last column; new ones added."""
        keys = list(self.keys)
        used, of_row = np.unique(group, return_inverse=True)
        places = np.array([[self._place((*keys[place][:-1], text)) for place in used] for text in texts], np.int32).reshape(len(texts), len(used))
        self._grow()
        return places[:, of_row]

    def like(self) -> Totals:
        """Empty totals of the same groups, in the same order."""
        empty = Totals(self.columns, self.paths, self.width, self.backend)
        empty.keys = dict(self.keys)
        empty._grow()
        return empty

    def _place(self, key: Key) -> int:
        return self.keys.setdefault(key, len(self.keys))

    def _grow(self) -> None:
        groups = len(self.keys)
        if groups > len(self.counts):
            self.sums = _longer(self.sums, groups * self.paths)
            self.extras = _longer(self.extras, groups * self.width)
            self.counts = np.concatenate([self.counts, np.zeros(groups - len(self.counts), np.int64)])

    def add(self, group: npt.NDArray[np.int32], extras: npt.NDArray[np.float64]) -> None:
        """Counts assets (a,) and adds their `extras` (a, k)."""
        if extras.shape[1:] != (self.width,):  # the kernel takes the width from them, and would write past the sums
            raise ValueError(f"extras of {extras.shape} for sums of {self.width:,} columns")
        kernels(self.backend).add_exact(self.extras, group, np.ascontiguousarray(extras))
        self.counts += np.bincount(group, minlength=len(self.counts))

    def merge(self, other: Totals) -> None:
        """Takes over the sums of `other`."""
        kernel = kernels(self.backend)
        places = [self._place(key) for key in other.keys]
        self._grow()
        for theirs, place in enumerate(places):
            for mine, more, width in ((self.sums, other.sums, self.paths), (self.extras, other.extras, self.width)):
                kernel.merge_exact(mine[place * width : (place + 1) * width], more[theirs * width : (theirs + 1) * width])
            self.counts[place] += other.counts[theirs]

    def negate(self) -> None:
        """Turns all sums and counts into their opposites, so that merging them takes away."""
        for words in (self.sums, self.extras):
            low = ~words[:, 0] + np.uint64(1)
            words[:, 1] = ~words[:, 1] + (low == 0).astype(np.uint64)
            words[:, 0] = low
        np.negative(self.counts, out=self.counts)

    def split(self) -> list[tuple[str | None, Totals]]:
        """Totals by the other columns for each text of the last one."""
        found: dict[str | None, Totals] = {}
        for key, place in self.keys.items():
            part = found.setdefault(key[-1], Totals(self.columns[:-1], self.paths, self.width, self.backend))
            part.keys[key[:-1]] = len(part.keys)
            part._grow()
            part.sums[-self.paths :] = self.sums[place * self.paths : (place + 1) * self.paths]
            part.extras[-self.width :] = self.extras[place * self.width : (place + 1) * self.width]
            part.counts[-1] = self.counts[place]
        return list(found.items())

    def names(self) -> list[list[str | None]]:
        """The groups' texts, in the order of the sums."""
        return [list(key) for key in self.keys]

    def arrays(self) -> dict[str, Words | npt.NDArray[np.int64]]:
        """The sums and counts as they stand."""
        return {"sums": self.sums, "extras": self.extras, "counts": self.counts}

    def restore(self, names: Sequence[Sequence[str | None]], arrays: Mapping[str, Any]) -> None:
        """Takes over, into empty totals, what `names` and `arrays` (as buffers) gave."""
        self.keys = {tuple(name): place for place, name in enumerate(names)}
        self.sums = np.frombuffer(arrays["sums"], np.uint64).reshape(-1, 2).copy()
        self.extras = np.frombuffer(arrays["extras"], np.uint64).reshape(-1, 2).copy()
        self.counts = np.frombuffer(arrays["counts"], np.int64).copy()

    def ordered(self) -> list[tuple[tuple[str, ...], int, Words, npt.NDArray[np.float64]]]:
        """Every group that has assets by its key, its blanks named: (key, assets, per-path sums (p, 2), extras (k,)); with group columns the whole
        first, its key empty."""
        return [
            (tuple(BLANK if text is None else text for text in key), count, sums, kernels(self.backend).exact_as_float(extras))
            for key, count, sums, extras in self.exact()
        ]

    def exact(self) -> list[tuple[Key, int, Words, Words]]:
        """The same with the blanks as None, and the extras as they are held (k, 2)."""
        rows: list[tuple[Key, int, Words, Words]] = [
            (key, int(self.counts[g]), self.sums[g * self.paths : (g + 1) * self.paths], self.extras[g * self.width : (g + 1) * self.width])
            for key, g in sorted(self.keys.items(), key=_by_text)
            if self.counts[g]
        ]
        kernel = kernels(self.backend)
        if self.columns:
            whole, extras = np.zeros((self.paths, 2), np.uint64), np.zeros((self.width, 2), np.uint64)
            for _, _, sums, more in rows:
                kernel.merge_exact(whole, sums)
                kernel.merge_exact(extras, more)
            rows.insert(0, ((), int(self.counts.sum()), whole, extras))
        return rows


def _by_text(item: tuple[Key, int]) -> tuple[tuple[str, bool], ...]:
    """The order of groups: by their texts as the results write them."""
    return tuple((BLANK if text is None else text, text is None) for text in item[0])


def _longer(words: Words, rows: int) -> Words:
    longer: Words = np.zeros((rows, 2), np.uint64)
    longer[: len(words)] = words
    return longer


def minus(one: Words, two: Words) -> Words:
    """The differences of 128-bit numbers (n, 2)."""
    less = np.empty_like(one)
    less[:, 0] = one[:, 0] - two[:, 0]
    less[:, 1] = one[:, 1] - two[:, 1] - (one[:, 0] < two[:, 0])
    return less


def as_integers(words: Words) -> list[int]:
    """128-bit numbers (n, 2) as Python's, in units of 10⁻⁶."""
    return [int.from_bytes(pair.tobytes(), "little", signed=True) for pair in words.astype("<u8")]


def as_words(numbers: Sequence[int]) -> Words:
    """What `as_integers` made such numbers of."""
    content = b"".join(number.to_bytes(16, "little", signed=True) for number in numbers)
    return np.frombuffer(content, "<u8").astype(np.uint64).reshape(-1, 2)


def totals_bytes(groups: int, paths: int, workers: int) -> int:
    """Peak memory of a run's totals: the sums of all groups once, and for each worker those at work and those on their way."""
    return groups * paths * 16 * (1 + 2 * workers)
