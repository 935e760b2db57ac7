"""The factors' paths, which all assets share: docs/numerics.md §4, and §11 and §13 under the sampler `sobol`.

t = periods, p = paths, n = paths of a block, s = factors, c = those of them that are drawn
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.constants import BLOCK_PATHS, PURPOSE_FACTOR, STREAM_FACTOR
from ipvalue.numba_kernel.arithmetic import fma, raised
from ipvalue.numba_kernel.arrays import row
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, device, loop
from ipvalue.numba_kernel.random import draw_normals
from ipvalue.numba_kernel.records import counter_of
from ipvalue.numba_kernel.sobol import draw_factor_rises
from ipvalue.numba_kernel.words import draw_word

u4, u8, i8, f8 = np.uint32, np.uint64, np.int64, np.float64


class Factors(NamedTuple):
    """The factors that move some assets, and their paths: of all paths, or of one block at a time."""

    weights: Any  # (s, s) REAL, lower triangle
    hashes: npt.NDArray[np.uint64]  # (s)
    counter: np.uint64  # of the first word
    used: npt.NDArray[np.int64]  # (c) ascending
    slot: npt.NDArray[np.int64]  # (s) a factor's place in the table, 0 where it has none; of −1 too
    table: Any  # (c, t, p of whole blocks) or (c, t, n) REAL
    tabled: bool
    word: npt.NDArray[np.uint32]  # (2, n) work space
    independent: Any  # (2, n) REAL


def factors_of(assets: npt.NDArray[Any], factors: Any, paths: int, real: Any, table_bytes: int, redrawn: int = 0) -> Factors:
    """Room for the factors that move these assets, for all paths where `table_bytes` allows. factors: matrix (s, s), hashes (s,)."""
    used = np.unique(assets["factor"][assets["has_factor"] & (assets["factor"] >= 0)])
    return new_factors(used, int(max(assets["whole_periods"].max(), assets["reach"].max())), factors, paths, real, table_bytes, redrawn)


def new_factors(used: npt.NDArray[np.int64], periods: int, factors: Any, paths: int, real: Any, table_bytes: int = 0, redrawn: int = 0) -> Factors:
    """The same for the factors in these rows (c,), ascending, over so many periods."""
    matrix = np.ascontiguousarray(factors.matrix, f8)
    slot = np.zeros(len(matrix) + 1, i8)
    slot[used] = np.arange(len(used))
    whole = -(-paths // BLOCK_PATHS) * BLOCK_PATHS
    drawn = len(used), periods
    tabled = 0 < drawn[0] * drawn[1] * whole * np.dtype(real).itemsize <= table_bytes
    table = np.zeros((max(1, drawn[0]), drawn[1], whole if tabled else BLOCK_PATHS), real)
    word, independent = np.zeros((2, BLOCK_PATHS), u4), np.zeros((2, BLOCK_PATHS), real)
    counter = counter_of(STREAM_FACTOR, PURPOSE_FACTOR, 0, redrawn)
    return Factors(matrix.astype(real), row(factors.hashes, u8, len(matrix)), counter, used, slot, table, tabled, word, independent)


@loop
def _add(weight: Real, independent: Array, first: bool, common: Array) -> None:
    """common (n,) += weight·independent."""
    for i in range(BLOCK_PATHS):
        common[i] = weight * independent[i] if first else fma(weight, independent[i], common[i])


@device
def _spread(factors: Factors, j: Whole, t: Whole, column: Whole, independent: Array) -> None:
    """Takes independent factor j in period t into the factors it has a part in."""
    for c in range(len(factors.used)):
        if j <= factors.used[c]:
            _add(factors.weights[factors.used[c], j], independent, j == 0, factors.table[c, t][column:])


@device
def draw_factors(factors: Factors, points: Any, path: Whole, seed: Whole, column: Whole) -> None:
    """A block of the table from this column, of the paths from `path`: each independent factor is drawn once for all of them. points: of the
    sampler sobol, or None."""
    if not len(factors.used):
        return
    periods, word = factors.table.shape[1], factors.word
    for j in range(factors.used[-1] + 1):
        if points is None:
            for t in range(0, periods, 2):
                draw_word(factors.counter + u8(t), path, factors.hashes[j], seed, word[0])
                draw_word(factors.counter + u8(t + 1), path, factors.hashes[j], seed, word[1])
                draw_normals(word[0], word[1], factors.independent[0], factors.independent[1])
                for k in range(min(2, periods - t)):
                    _spread(factors, j, t + k, column, factors.independent[k])
        else:
            for start in range(0, periods, points.periods):
                draw_factor_rises(points, j, len(factors.weights), start, periods, factors.counter, path, factors.hashes[j], seed, word[0])
                for t in range(min(points.periods, periods - start)):
                    _spread(factors, j, start + t, column, points.rise[1 + t])


@Kernel
def fill_table(factors: Factors, points: Any, seed: Whole, origin: Whole, flag: Array) -> bool:
    """The whole table, of the paths from number `origin`. True where the flag ended it early."""
    for first in range(0, factors.table.shape[2], BLOCK_PATHS):
        if raised(flag):
            return True
        draw_factors(factors, points, origin + u8(first), seed, first)
    return False
