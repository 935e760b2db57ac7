"""A block of paths: its work space, and what is drawn of an asset on it.

a = an asset's place among the points of the sampler sobol, t = periods from 0, n = paths of a block. REAL is the precision of the run.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.constants import BLOCK_PATHS, DIMENSION_LEVEL
from ipvalue.numba_kernel.compiler import Array, Record, Whole, device
from ipvalue.numba_kernel.random import draw_inverses, draw_normals
from ipvalue.numba_kernel.sobol import draw_own, draw_own_rises
from ipvalue.numba_kernel.steps import add_level, start
from ipvalue.numba_kernel.words import draw_word

u4, u8, i4 = np.uint32, np.uint64, np.int32


class Block(NamedTuple):
    """Work space of one block of paths."""

    survival: npt.NDArray[np.uint32]  # (n) the words of survival and rival
    rival: npt.NDArray[np.uint32]
    word: npt.NDArray[np.uint32]  # (2, n)
    alive: npt.NDArray[np.int32]  # (n)
    x: Any  # (n) REAL, as are those below: log₂ of the level
    royalty: Any
    level: Any
    cash: Any
    own: Any  # (2, n) normals
    still: Any  # (n) no factor: zeros
    bare: Any  # (n) the level without what inputs multiply it by


def new_block(real: Any) -> Block:
    """Work space in the precision `real`."""
    words, rows = np.zeros((4, BLOCK_PATHS), u4), np.zeros((8, BLOCK_PATHS), real)
    return Block(
        survival=words[0],
        rival=words[1],
        word=words[2:],
        alive=np.zeros(BLOCK_PATHS, i4),
        x=rows[0],
        royalty=rows[1],
        level=rows[2],
        cash=rows[3],
        own=rows[4:6],
        still=rows[6],
        bare=rows[7],
    )


@device
def draw(points: Any, a: Whole, dimension: Whole, counter: Whole, path: Whole, hash_: Whole, seed: Whole, word: Array) -> None:
    """One word of an asset on the block from `path`: a stream's, or under the sampler sobol (points not None) a dimension's."""
    if points is None:
        draw_word(counter, path, hash_, seed, word)
    else:
        draw_own(points, a, dimension, path, word)


@device
def begin(asset: Record, points: Any, a: Whole, path: Whole, seed: Whole, s: Block, value: Array) -> None:
    """x_0 of the block from `path`; value becomes 0."""
    start(asset.half_level, s.x, value)
    if asset.has_level:
        if points is None:
            draw_word(asset.level_pair_word, path, asset.hash, seed, s.word[0])
            draw_word(asset.level_pair_word + u8(1), path, asset.hash, seed, s.word[1])
            draw_normals(s.word[0], s.word[1], s.own[0], s.own[1])
        else:
            draw_own(points, a, DIMENSION_LEVEL, path, s.word[0])
            draw_inverses(value.dtype.type(1.0), s.word[0], s.own[0])
        add_level(asset.level, s.own[0], s.x)


@device
def shocks(asset: Record, points: Any, a: Whole, t: Whole, periods: Whole, path: Whole, seed: Whole, s: Block) -> Array:
    """E (n,) in period t of as many; periods are asked for one after the other."""
    if points is None:
        normal = s.own[t & 1]
        if asset.has_volatility and t & 1 == 0:
            draw_word(asset.shocks_word + u8(t), path, asset.hash, seed, s.word[0])
            draw_word(asset.shocks_word + u8(t + 1), path, asset.hash, seed, s.word[1])
            draw_normals(s.word[0], s.word[1], s.own[0], s.own[1])
    else:
        normal = points.rise[1 + t % points.periods]
        if asset.has_volatility and t % points.periods == 0:
            draw_own_rises(points, a, t, periods, asset.shocks_word, path, asset.hash, seed, s.word[0])
    return normal
