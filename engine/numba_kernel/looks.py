"""What assets are worth to a lender after some of their periods, path by path, added to slots: docs/numerics.md §19, "Collateral".

a = assets, k = looks, c = value curves and one more, s = slots, f = factors, y = years, p = paths, n = paths of a block
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.constants import BLOCK_PATHS, CURVE_BITS
from ipvalue.numba_kernel.arithmetic import bits_of, fma
from ipvalue.numba_kernel.arrays import row
from ipvalue.numba_kernel.blended import lift
from ipvalue.numba_kernel.block import Block, begin, shocks
from ipvalue.numba_kernel.compiler import Array, Real, Record, Whole, device, inlined, loop
from ipvalue.numba_kernel.steps import rise, start_general

u1, u4, i4, i8, f8 = np.uint8, np.uint32, np.int32, np.int64, np.float64

_SIGN = u4(0x80000000)
_NO = i4(0)
_ALWAYS = i4(2**31 - 1)
"""The greatest word of the signed range."""


class Looks(NamedTuple):
    """The looks at some assets, as in ipvalue.lending.looks, and work space of a block."""

    start: npt.NDArray[np.int64]  # (a + 1)
    reach: npt.NDArray[np.int64]  # (a) after how many periods the last lasting look follows, 0: there is none
    period: npt.NDArray[np.int32]  # (k)
    entered: Any  # (k) REAL
    open: Any
    owed: Any
    lasting: npt.NDArray[np.bool_]  # (k)
    slot: npt.NDArray[np.int64]  # (k)
    weight: npt.NDArray[np.float64]
    floored: npt.NDArray[np.bool_]
    curve_entered: npt.NDArray[np.int32]  # (k)
    curve_open: npt.NDArray[np.int32]
    cell_start: npt.NDArray[np.int64]  # (c)
    first_cell: npt.NDArray[np.int64]
    slope: Any  # (cells) REAL
    level0: Any
    shift: int  # a level's bits beyond those of its cell
    one: int  # the cell of 1, in a level's bits
    slots: npt.NDArray[np.float64]  # (s, p)
    years: Any  # (f, y, p) REAL, or None
    lines: Any  # (4, n) REAL: slopes of the open and the entered, then what these start from


def looks_of(looks: Any, n: int, paths: int, real: Any, factors: int) -> Looks | None:
    """The looks at n assets on so many paths, None of None; slots that looks open are cleared, and are a copy where they do not lie together.
    looks: ipvalue.lending.looks.Looks."""
    if looks is None:
        return None
    k, curves = len(looks.period), len(looks.first_cell)
    if len(looks.start) != n + 1:
        raise ValueError(f"looks of {len(looks.start) - 1} assets, not of {n}")
    if looks.slots.shape[1] != paths:
        raise ValueError(f"slots of {looks.slots.shape[1]} paths, not of {paths} one after the other")
    mantissa, bias = np.finfo(real).nmant, np.finfo(real).maxexp - 1
    with np.errstate(over="ignore"):  # beyond single precision is infinite, as in the records
        reals = {name: row(getattr(looks, name), f8, k).astype(real) for name in ("entered", "open", "owed")}
        reals |= {name: row(getattr(looks, name), f8, 0).astype(real) for name in ("slope", "level0")}
    slots, slot = np.ascontiguousarray(looks.slots), row(looks.slot, i8, k)
    slots[slot[row(looks.opens, u1, k) != 0]] = 0.0
    until = np.where(looks.lasting != 0, looks.period + 1, 0)
    reach = np.zeros(n, i8)
    np.maximum.at(reach, np.repeat(np.arange(n), np.diff(looks.start)), until)
    return Looks(
        **reals,
        start=row(looks.start, i8, n + 1),
        reach=reach,
        period=row(looks.period, i4, k),
        lasting=row(looks.lasting, u1, k) != 0,
        slot=slot,
        weight=row(looks.weight, f8, k),
        floored=row(looks.floored, u1, k) != 0,
        curve_entered=row(looks.curve_entered, i4, k),
        curve_open=row(looks.curve_open, i4, k),
        cell_start=row(looks.cell_start, i8, curves + 1),
        first_cell=row(looks.first_cell, i8, curves),
        shift=mantissa - CURVE_BITS,
        one=bias << CURVE_BITS,
        slots=slots,
        years=_years_of(looks.years, int(reach.max(initial=0)), paths, real, factors),
        lines=np.zeros((4, BLOCK_PATHS), real),
    )


def _years_of(years: Any, reach: int, paths: int, real: Any, factors: int) -> Any:
    if years is None:
        return None
    if years.dtype != real or years.shape[0] != factors or years.shape[1] < reach or years.shape[2] != paths:
        raise ValueError(f"expected ({factors}, {reach}, {paths}) factors over years of {real.__name__}, got {years.dtype} of shape {years.shape}")
    return np.ascontiguousarray(years)


def part_of(looks: Looks, assets: slice) -> Looks:
    """The looks at some of the assets."""
    return looks._replace(start=looks.start[assets.start : assets.stop + 1], reach=looks.reach[assets])


def add_worths(looks: Any, slots: npt.NDArray[np.float64], start: int, values: npt.NDArray[Any]) -> None:
    """Adds the path values (a, p) of the assets from `start` on to their slots, which are cleared where an asset opens them."""
    for a, value in enumerate(values, start):
        if looks.worth[a] >= 0:
            of = slots[looks.worth[a]]
            if looks.worth_opens[a]:
                of[:] = 0.0
            of += looks.share[a] * value.astype(f8)


@inlined
def _signed(word: Whole) -> Whole:
    return i4(word ^ _SIGN)


@loop
def _repeat(line: Real, owed: Real, slope: Array, level0: Array) -> None:
    for i in range(BLOCK_PATHS):
        slope[i] = line
        level0[i] = -owed


@loop
def _read(slopes: Array, levels0: Array, first: Whole, shift: Whole, level: Array, slope: Array, level0: Array) -> None:
    """The line of each level's cell. slopes, levels0: of the curve, whose first cell has the number `first` among a level's bits."""
    most = slopes.size - 1
    for i in range(BLOCK_PATHS):
        cell = (i8(bits_of(level[i])) >> shift) - first
        cell = 0 if cell < 0 else min(cell, most)
        slope[i] = slopes[cell]
        level0[i] = levels0[cell]


@loop
def _add(
    words: tuple[Whole, Whole], weight: Real, floored: bool, survival: Array, rival: Array, alive: Array, level: Array, lines: Array, slot: Array
) -> None:
    """v of the first paths, into as many columns of a slot. words: the last of survival and of the time before the rival."""
    last, rival_last = words
    none = level.dtype.type(0.0)
    for i in range(slot.size):
        known = _signed(rival[i]) <= rival_last
        v = fma(lines[0, i] if known else lines[1, i], level[i], lines[2, i] if known else lines[3, i])
        live = alive[i] if _signed(survival[i]) <= last else _NO
        x = f8(v if live != _NO else none)
        slot[i] += (x if x > 0.0 else 0.0) if floored else weight * x


@device
def _lines(looks: Looks, curve: Whole, line: Real, owed: Real, level: Array, slope: Array, level0: Array) -> None:
    """What v is made of at each level: a curve's lines, or one line where curve is −1."""
    if curve < 0:
        _repeat(line, owed, slope, level0)
    else:
        cells = slice(looks.cell_start[curve], looks.cell_start[curve + 1])
        _read(looks.slope[cells], looks.level0[cells], looks.first_cell[curve] + looks.one, looks.shift, level, slope, level0)


@device
def look(looks: Looks, a: Whole, t: Whole, lasting: bool, words: tuple[Whole, Whole], first: Whole, n: Whole, s: Block) -> None:
    """The looks at asset `a` after period t, the lasting ones or the others, on the block of n paths with columns from `first` of the slots. s.alive:
    who was not given up."""
    for k in range(looks.start[a], looks.start[a + 1]):
        if looks.period[k] == t and looks.lasting[k] == lasting:
            lines = looks.lines
            _lines(looks, looks.curve_open[k], looks.open[k], looks.owed[k], s.level, lines[0], lines[2])
            _lines(looks, looks.curve_entered[k], looks.entered[k], looks.owed[k], s.level, lines[1], lines[3])
            slot = looks.slots[looks.slot[k]][first : first + n]
            _add(words, looks.weight[k], looks.floored[k], s.survival, s.rival, s.alive, s.level, lines, slot)


@device
def _shared(years: Any, asset: Record, common: Array, column: Whole, t: Whole, first: Whole, n: Whole, s: Block) -> Array:
    """The factor that a lasting look moves with in period t, over a whole year where there are `years`."""
    if years is None:
        return common[t][column:]
    else:  # noqa: RET505 (so that Numba leaves it away)
        s.cash[:n] = years[asset.factor, t, first : first + n]
        return s.cash[0:]


@device
def look_on(
    looks: Looks,
    years: Any,
    inputs: Any,
    asset: Record,
    common: Array,
    column: Whole,
    points: Any,
    a: Whole,
    seed: Whole,
    path: Whole,
    first: Whole,
    n: Whole,
    s: Block,
) -> None:
    """The lasting looks at asset `a`, which was walked already: its level rises anew, and on past its own periods. common: as it was walked."""
    begin(asset, points, a, path, seed, s, s.cash)
    start_general(n, s.bare, s.alive)
    for t in range(looks.reach[a]):
        normal = shocks(asset, points, a, t, looks.reach[a], path, seed, s)
        shared = _shared(years, asset, common, column, t, first, n, s) if asset.has_factor else s.still[0:]
        rise((asset.drift, asset.common, asset.own), asset.entered, _ALWAYS, normal, shared, s.rival, s.royalty, s.x, s.level)
        if inputs is not None:  # noqa: SIM102 (by itself, so that Numba leaves the branch away)
            if asset.blended:
                lift(inputs.multiplier, s.level)
        look(looks, a, t, True, (_ALWAYS, _ALWAYS), first, n, s)
