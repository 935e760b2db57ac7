"""Points of the sampler `sobol`, the bridge of their normals, and the sums of its estimate: docs/numerics.md §11–§14.

Path p is point p div REPLICATES of replicate p mod REPLICATES: a block's points are looked up once, and shifted for each replicate.

a = assets, d = dimensions of the table, k = digits of an index, c = the bridge's coordinates, n = paths of a block, r = replicates
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.constants import (
    BLOCK_PATHS,
    BRIDGE_MAX_PERIODS,
    DIMENSION_SHOCKS,
    INPUTS,
    PAIRING_ROUNDS,
    PURPOSE_PAIRING,
    PURPOSE_SHIFT,
    REPLICATES,
    SOBOL_DIGIT_BITS,
    SOBOL_DIMENSIONS,
)
from ipvalue.numba_kernel.arithmetic import fma
from ipvalue.numba_kernel.arrays import row
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, device, inlined, loop
from ipvalue.numba_kernel.random import draw_inverses, inverse
from ipvalue.numba_kernel.words import draw_replicates, draw_word

u4, u8, i4, i8, f8 = np.uint32, np.uint64, np.int32, np.int64, np.float64

POINTS_A_BLOCK = BLOCK_PATHS // REPLICATES
_SIZE = 1 << SOBOL_DIGIT_BITS
_DIGIT = u4(_SIZE - 1)
_SHIFT, _PAIRING = (u8(purpose) << u8(28) for purpose in (PURPOSE_SHIFT, PURPOSE_PAIRING))


class Points(NamedTuple):
    """What the words of some assets and of all factors are read from, and work space of a block."""

    number: int  # of the points of each replicate
    table: npt.NDArray[np.uint32]  # (d, k, 64)
    periods: int  # of a block of the bridge
    middle: npt.NDArray[np.int32]  # (c)
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    left_weight: Any  # (c) REAL
    right_weight: Any
    scale: Any
    shift: npt.NDArray[np.uint32]  # (a, as many of d as an asset reads, r)
    paired: npt.NDArray[np.uint32]  # (a, points of whole blocks) where an asset reads its own dimensions
    factor_shift: npt.NDArray[np.uint32]  # (d, r)
    plain: npt.NDArray[np.uint32]  # (points of a block) where factors read theirs
    keys: npt.NDArray[np.uint32]  # (r)
    rise: Any  # (1 + c, n) REAL: 0, then W at the ends of a block's periods, or what it rose by in each
    given: Any  # (n) REAL: G and K of the paths
    control: Any


def _dimensions(periods: int, block: int, table: int) -> int:
    """Those of the table that an asset of so many periods reads."""
    return min(DIMENSION_SHOCKS + (periods + block - 1) // block * block, table)


_dimensions_of = inlined(_dimensions)


def check_plan(plan: Any, first: int, paths: int) -> None:
    """ValueError where paths first … first + paths are no whole points, or the plan has too little for its points."""
    c, digits = plan.bridge.periods, (plan.points - 1).bit_length()
    places = np.stack([plan.bridge.middle, plan.bridge.left, plan.bridge.right])
    if first % REPLICATES or paths % REPLICATES or first + paths > plan.points * REPLICATES:
        raise ValueError(f"paths {first} to {first + paths} are not whole points of the {plan.points} of {REPLICATES} replicates")
    if not 1 <= c <= BRIDGE_MAX_PERIODS or places.min() < 0 or places.max() > c:
        raise ValueError(f"a bridge of {c} periods")
    dimensions, own, size = plan.table.shape
    if dimensions != SOBOL_DIMENSIONS + INPUTS - 1 or own < 2 or own * SOBOL_DIGIT_BITS < digits or size != _SIZE:
        raise ValueError(f"a table of {dimensions} dimensions and {own} digits for {plan.points} points")


def _own_size(plan: Any, periods: int) -> tuple[int, int]:
    """The dimensions of the table that an asset of so many periods reads, and room for its points in whole blocks."""
    return _dimensions(periods, plan.bridge.periods, SOBOL_DIMENSIONS), plan.points + POINTS_A_BLOCK


def own_numbers(plan: Any, periods: int) -> int:
    """How many numbers an asset of so many periods keeps beside its values; 0 without a plan."""
    if plan is None:
        return 0
    dimensions, points = _own_size(plan, periods)
    return dimensions * REPLICATES + points


def new_points(plan: Any, at_once: int, periods: int, hashes: npt.NDArray[np.uint64], seed: np.uint64, real: Any) -> Points:
    """Room for so many assets of so many periods at a time, for `take_assets`; the shifts of factors (s,) are made."""
    c, table = plan.bridge.periods, plan.table.view()
    table.setflags(write=False)  # as the plan's is by itself: one type to compile for
    nodes = {name: row(getattr(plan.bridge, name), i4, c)[:c] for name in ("middle", "left", "right")}
    weights = {name: row(getattr(plan.bridge, name), f8, c)[:c].astype(real) for name in ("left_weight", "right_weight", "scale")}
    dimensions, points = _own_size(plan, periods)
    found = Points(
        plan.points,
        table,
        c,
        **nodes,
        **weights,
        shift=np.zeros((at_once, dimensions, REPLICATES), u4),
        paired=np.zeros((at_once, points), u4),
        factor_shift=np.zeros((SOBOL_DIMENSIONS, REPLICATES), u4),
        plain=np.zeros(POINTS_A_BLOCK, u4),
        keys=np.zeros(REPLICATES, u4),
        rise=np.zeros((1 + c, BLOCK_PATHS), real),
        given=np.zeros(BLOCK_PATHS, real),
        control=np.zeros(BLOCK_PATHS, real),
    )
    if len(hashes):
        _shift_factors(found, row(hashes, u8, len(hashes)), seed)
    return found


@Kernel
def _shift_factors(points: Points, hashes: Array, seed: Whole) -> None:
    for d in range(SOBOL_DIMENSIONS):
        draw_replicates(_SHIFT + u8(d), u8(0), hashes[d % len(hashes)], seed, points.factor_shift[d])


@Kernel
def take_assets(points: Points, assets: Array, seed: Whole) -> None:
    """Makes the shifts of these assets' dimensions, and the indices at which they read them."""
    for a in range(len(assets)):
        asset = assets[a]
        for d in range(_dimensions_of(max(asset.periods, asset.reach) if asset.has_volatility else 0, points.periods, SOBOL_DIMENSIONS)):
            draw_replicates(_SHIFT + u8(d), u8(0), asset.hash, seed, points.shift[a, d])
        pair(points, asset.hash, seed, points.paired[a])


# -------------------------------------------------------------------------------------------------------------- pairing


@device
def pair(points: Points, hash_: Whole, seed: Whole, index: Array) -> None:
    """A permutation of each block [0, q), [q, 2q), [2q, 4q), … of the points."""
    size = points.number // (points.number & -points.number)
    start, number = 0, 0
    while start < points.number:
        draw_replicates(_PAIRING + u8(number), u8(0), hash_, seed, points.keys)
        _permute(points.keys, start, index[start : start + size])
        start += size
        size = start
        number += 1


@loop
def _permute(keys: Array, start: Whole, index: Array) -> None:
    """start + π of a block: eight rounds on the halves of the index, walked on until it falls inside."""
    bits = 0
    while index.size - 1 >> bits:
        bits += 1
    low = u4(bits // 2)
    high = u4(bits - bits // 2)
    for i in range(index.size):
        index[i] = _permuted(keys, low, high, u4(i)) if bits else u4(0)
    for i in range(index.size):
        while index[i] >= index.size:
            index[i] = _permuted(keys, low, high, index[i])
        index[i] += u4(start)


@inlined
def _permuted(keys: Array, low: Whole, high: Whole, j: Whole) -> Whole:
    a = u4(j >> low)
    c = u4(j & u4((u4(1) << low) - u4(1)))
    for r in range(0, PAIRING_ROUNDS, 2):
        c = u4(c ^ ((u4(keys[2 * r + 1] * a + keys[2 * r]) >> u4(1)) >> u4(u4(31) - low)))  # low may be 0
        a = u4(a ^ (u4(keys[2 * r + 3] * c + keys[2 * r + 2]) >> u4(u4(32) - high)))
    return u4(u4(a << low) | c)


# --------------------------------------------------------------------------------------------------------------- points


@loop
def draw_point(table: Array, shift: Array, index: Array, word: Array) -> None:
    """The words (n,) of a dimension at the indices of a block's points. table: (k, 64)."""
    for j in range(POINTS_A_BLOCK):
        i = index[j]
        x = u4(table[0, i & _DIGIT] ^ table[1, (i >> u4(SOBOL_DIGIT_BITS)) & _DIGIT])
        for k in range(2, len(table)):
            x = u4(x ^ table[k, (i >> u4(k * SOBOL_DIGIT_BITS)) & _DIGIT])
        for r in range(REPLICATES):
            word[j * REPLICATES + r] = u4(x ^ shift[r])


@device
def draw_own(points: Points, a: Whole, dimension: Whole, path: Whole, word: Array) -> None:
    """The words of an asset's dimension on the block from `path`."""
    draw_point(points.table[dimension], points.shift[a, dimension], points.paired[a][i8(path) // REPLICATES :], word)


@device
def draw_own_rises(
    points: Points, a: Whole, start: Whole, periods: Whole, counter: Whole, path: Whole, hash_: Whole, seed: Whole, word: Array
) -> None:
    """E of an asset of so many periods, for those of the bridge's block from `start`, into points.rise[1:]. counter: of its first random word."""
    index = points.paired[a][i8(path) // REPLICATES :]
    _draw_rises(points, points.shift[a], index, DIMENSION_SHOCKS, 1, start, periods, counter, path, hash_, seed, word)


@device
def draw_factor_rises(
    points: Points, j: Whole, factors: Whole, start: Whole, periods: Whole, counter: Whole, path: Whole, hash_: Whole, seed: Whole, word: Array
) -> None:
    """The same of G of the factor with place j among so many."""
    for i in range(POINTS_A_BLOCK):
        points.plain[i] = u4(i8(path) // REPLICATES + i)
    _draw_rises(points, points.factor_shift, points.plain, j, factors, start, periods, counter, path, hash_, seed, word)


@device
def _draw_rises(
    points: Points,
    shift: Array,
    index: Array,
    first: Whole,
    stride: Whole,
    start: Whole,
    periods: Whole,
    beyond: Whole,
    path: Whole,
    hash_: Whole,
    seed: Whole,
    word: Array,
) -> None:
    """Coordinate c comes from dimension first + stride·c, beyond the table from the word with counter beyond + c."""
    reach = min(points.periods, periods - start)
    for c in range(points.periods):
        if points.left[c] >= reach:
            continue
        dimension = first + stride * (start + c)
        if dimension < SOBOL_DIMENSIONS:
            draw_point(points.table[dimension], shift[dimension], index, word)
        else:
            draw_word(beyond + u8(start + c), path, hash_, seed, word)
        middle = points.rise[points.middle[c]]
        if c == 0:
            draw_inverses(points.scale[0], word, middle)
        else:
            weights = points.scale[c], points.left_weight[c], points.right_weight[c]
            _draw_middle(weights, word, points.rise[points.left[c]], points.rise[points.right[c]], middle)
    for t in range(reach, 1, -1):
        _subtract(points.rise[t - 1], points.rise[t])


@loop
def _draw_middle(weights: tuple[Real, Real, Real], word: Array, left: Array, right: Array, middle: Array) -> None:
    """W between two known ones. weights: of the normal, of W on the left and on the right."""
    real = middle.dtype.type
    scale, of_left, of_right = weights
    for i in range(BLOCK_PATHS):
        middle[i] = fma(scale, inverse(real, word[i]), fma(of_right, right[i], of_left * left[i]))


@loop
def _subtract(before: Array, w: Array) -> None:
    for i in range(BLOCK_PATHS):
        w[i] = w[i] - before[i]


# ----------------------------------------------------------------------------------------------------------------- sums


@device
def add_to_replicates(points: Points, n: Whole, sums: Array) -> None:
    """Adds G and K of n paths to the sums (2, r) of an asset, each in the order of its points."""
    for j in range(0, n, REPLICATES):
        for r in range(REPLICATES):
            sums[0, r] += f8(points.given[j + r])
            sums[1, r] += f8(points.control[j + r])
