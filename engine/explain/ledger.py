"""What each step did to each group, exact: amounts, rights, and the sums of series from which their errors follow.

a = rights, n = numbers in a series (worth.py)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.backend import Backend, kernels
from ipvalue.explain.worth import errors, width
from ipvalue.rows import Floats
from ipvalue.simulate import Sampling
from ipvalue.totals import Totals

Words = npt.NDArray[np.uint64]
Cell = tuple[str, tuple[str | None, ...]]
"""A step and a group."""

MONEY = pa.decimal128(38, 6)
_SMALL = 2.0**52
"""Of a number of units of 10⁻⁶: below it 1,024 such numbers add up in 64 bits."""
_ROWS = 16
"""Series that are added at a time, so that they stay in a processor's cache."""


def in_units(values: Floats, backend: Backend) -> Words:
    """(a, 2) amounts in units of 10⁻⁶, 128 bits each, rounded as the totals round (docs/numerics.md §8)."""
    words = np.zeros((len(values), 2), np.uint64)
    kernels(backend).add_exact(words, np.arange(len(values), dtype=np.int32), np.ascontiguousarray(values[:, None]))
    return words


def change_in_units(before: Floats, after: Floats, backend: Backend) -> Words:
    """(a, 2) after − before, each rounded by itself, so that changes add up."""
    words = in_units(after, backend)
    kernels(backend).add_exact(words, np.arange(len(before), dtype=np.int32), np.ascontiguousarray(-before[:, None]))
    return words


def decimals(words: Words) -> pa.Array:
    """The same as decimals with six digits."""
    return pa.Array.from_buffers(MONEY, len(words), [None, pa.py_buffer(np.ascontiguousarray(words))])


def _sum(words: Words) -> int:
    return int(words[:, 0].astype(object).sum()) + (int(words[:, 1].view(np.int64).astype(object).sum()) << 64) if len(words) else 0


@dataclass
class Ledger:
    """A growing record by step and group; recording and merging commute exactly. `sampling` are those before and after the step that exchanges
    them: series of either kind are added apart.

    amounts: sums in units of 10⁻⁶; rights: how many a step touches; sums: (n, 2) words for each kind of series.
    """

    columns: tuple[str, ...]
    sampling: tuple[Sampling, Sampling]
    amounts: dict[Cell, int] = field(default_factory=dict)
    rights: dict[Cell, int] = field(default_factory=dict)
    sums: tuple[dict[Cell, Words], dict[Cell, Words]] = field(default_factory=lambda: ({}, {}))

    def __post_init__(self) -> None:
        self._groups = Totals(self.columns, 0, 0, self.sampling[1].backend)

    def grouping(self, batch: pa.RecordBatch) -> npt.NDArray[np.int32]:
        """(a,) the numbers of rows' groups in this ledger."""
        return self._groups.groups_of(batch)

    def add(self, step: str, group: npt.NDArray[np.int32], words: Words, *, touched: bool = True) -> None:
        """Adds amounts (a, 2) to the step in their `group` (a,)."""
        for cell, these in self._cells(step, group):
            self.amounts[cell] = self.amounts.get(cell, 0) + _sum(words[these])
            self.rights[cell] = self.rights.get(cell, 0) + (len(these) if touched else 0)

    def add_series(self, step: str, group: npt.NDArray[np.int32], series: Floats, which: int) -> None:
        """Adds series (a, n), of the sampling `which`, to the step in their `group` (a,)."""
        for cell, these in self._cells(step, group):
            sums = self.sums[which].setdefault(cell, np.zeros((width(self.sampling[which]), 2), np.uint64))
            for first in range(0, len(these), _ROWS):
                _add_exact(sums, series[these[first : first + _ROWS]], self.sampling[which].backend)

    def _cells(self, step: str, group: npt.NDArray[np.int32]) -> list[tuple[Cell, npt.NDArray[np.intp]]]:
        """The cells of a step that rows (a,) of some groups belong to, each with its rows."""
        keys, order = list(self._groups.keys), np.argsort(group, kind="stable")
        numbers, first = np.unique(group[order], return_index=True)
        return [((step, keys[number]), rows) for number, rows in zip(numbers, np.split(order, first[1:]), strict=True)] if len(group) else []

    def merge(self, other: Ledger) -> None:
        """Takes over what `other` recorded."""
        for cell, amount in other.amounts.items():
            self.amounts[cell] = self.amounts.get(cell, 0) + amount
            self.rights[cell] = self.rights.get(cell, 0) + other.rights[cell]
        for mine, theirs, sampling in zip(self.sums, other.sums, self.sampling, strict=True):
            for cell, words in theirs.items():
                kernels(sampling.backend).merge_exact(mine.setdefault(cell, np.zeros_like(words)), words)

    def error(self, cells: Sequence[Cell]) -> float:
        """The standard error of the amounts of some cells together: of their sums by path, those of either sampling being independent. 0 of none."""
        variance = 0.0
        for sums, sampling in zip(self.sums, self.sampling, strict=True):
            kernel, whole = kernels(sampling.backend), np.zeros((width(sampling), 2), np.uint64)
            found = [sums[cell] for cell in cells if cell in sums]
            for words in found:
                kernel.merge_exact(whole, words)
            if found:
                one = float(errors(kernel.exact_as_float(whole)[None], sampling)[0])
                variance += one * one
        return float(np.sqrt(variance))


def _add_exact(sums: Words, series: Floats, backend: Backend) -> None:
    """Adds series (a, n) to sums (n, 2), each number rounded as the totals round: in 64 bits where they are small enough, which is ten times
    as fast and the same."""
    units = np.rint(series * 1e6)
    small = np.abs(units).max(axis=1) < _SMALL
    if small.any():
        added = units[small].astype(np.int64).sum(axis=0)
        words = np.stack([added.view(np.uint64), (added >> 63).view(np.uint64)], axis=1)
        kernels(backend).merge_exact(sums, words)
    for one in series[~small]:
        kernels(backend).add_exact(sums, np.zeros(1, np.int32), np.ascontiguousarray(one[None]))
