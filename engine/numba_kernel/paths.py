"""The path values of assets: the operations of docs/numerics.md §4–§5 in their order.

Written as plain loops over blocks of BLOCK_PATHS paths that stay in the first-level cache, without branches on a path's numbers, so that
LLVM makes vector instructions of them. A block is always computed whole; of the last one only the paths that are wanted count and are kept.
What an asset lacks is computed with numbers that change nothing (a loading of 0, a factor of 1, a bound of 0). REAL is the precision of the
run; random words are compared as int32.

a = assets, t = periods of one asset, p = paths, n = paths of a block, s = factors, c = those of them that are drawn
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.constants import BLOCK_PATHS, PURPOSE_FACTOR, PURPOSE_LEVEL, PURPOSE_PATH
from ipvalue.numba_kernel.arithmetic import fma, raised, sqrt
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, device, inlined, loop
from ipvalue.numba_kernel.elementary import exp2
from ipvalue.numba_kernel.random import draw_normals, draw_word, uniform

u4, u8, i4, i8, f8 = np.uint32, np.uint64, np.int32, np.int64, np.float64

_PATH, _LEVEL, _FACTOR = (u8(purpose) << u8(28) for purpose in (PURPOSE_PATH, PURPOSE_LEVEL, PURPOSE_FACTOR))
_SIGN = u4(0x80000000)
_LOWEST = i4(-(2**31))
_NO, _YES = i4(0), i4(-1)
_START: Whole = i8(0)  # typed, as is the next, so that nothing is compiled once more for a literal
_AGAIN: Whole = np.bool_(False)


class Block(NamedTuple):
    """Work space of one block of paths."""

    word: npt.NDArray[np.uint32]  # (2, n)
    survival: npt.NDArray[np.int32]  # (n) words moved to the signed range
    rival: npt.NDArray[np.int32]
    alive: npt.NDArray[np.int32]
    x: Any  # (n) REAL, as are those below: log₂ of the level
    royalty: Any
    value: Any
    own: Any  # (2, n)
    independent: Any  # (2, n)
    common: Any  # (1, 2, n)
    factor: npt.NDArray[np.int64]  # (1)


class Factors(NamedTuple):
    """What all assets share."""

    weights: Any  # (s, s) REAL, lower triangle
    hashes: npt.NDArray[np.uint64]  # (s)
    slot: npt.NDArray[np.int64]  # (s) a factor's place in the table, −1 for none
    table: Any  # (c, t, p of whole blocks) REAL, empty where nothing is tabled
    tabled: bool
    used: npt.NDArray[np.int64]  # (c) factors still to be tabled, ascending


def new_block(real: Any) -> Block:
    """Work space in the precision `real`."""
    ints, rows = np.zeros((3, BLOCK_PATHS), i4), np.zeros((9, BLOCK_PATHS), real)
    return Block(
        word=np.zeros((2, BLOCK_PATHS), u4),
        survival=ints[0],
        rival=ints[1],
        alive=ints[2],
        x=rows[0],
        royalty=rows[1],
        value=rows[2],
        own=rows[3:5],
        independent=rows[5:7],
        common=rows[None, 7:],
        factor=np.zeros(1, i8),
    )


@device
def _draw(counter: Whole, path: Whole, hash_: Whole, seed: Whole, word: Array, out: Array) -> None:
    """The two normals (2, n) of a stream's word of this counter and of the next."""
    draw_word(counter, path, hash_, seed, word[0])
    draw_word(counter + u8(1), path, hash_, seed, word[1])
    draw_normals(word[0], word[1], out[0], out[1])


# -------------------------------------------------------------------------------------------------------------- factors


@loop
def _add_factor(weight: Real, independent: Array, first: bool, common: Array) -> None:
    """common (n,) += weight·independent: numerics.md §4."""
    for i in range(BLOCK_PATHS):
        common[i] = weight * independent[i] if first else fma(weight, independent[i], common[i])


@device
def _draw_factors(
    factors: Array, used: Array, t: Whole, path: Whole, seed: Whole, word: Array, independent: Array, out: Array, row: Whole, at: Whole
) -> None:
    """The factors `used` (c,), ascending, in the two periods from t into rows `row` … of each of out (c, t, p), from column `at`.

    Each independent factor is drawn once for all of them.
    """
    if not len(used):
        return
    for j in range(used[-1] + 1):
        _draw(_FACTOR + u8(t), u8(path), factors.hashes[j], seed, word, independent)
        for c in range(len(used)):
            for k in range(2):
                if j <= used[c] and row + k < out.shape[1]:
                    _add_factor(factors.weights[used[c], j], independent[k], j == 0, out[c, row + k][at:])


# ---------------------------------------------------------------------------------------------------------------- start


@loop
def _start(half: Real, n: Whole, x: Array, royalty: Array, alive: Array, value: Array) -> None:
    """half: what x_0 is before its normal is added; n: the paths that count."""
    real = x.dtype.type
    for i in range(BLOCK_PATHS):
        x[i] = half
        royalty[i] = real(1.0)
        value[i] = real(0.0)
        alive[i] = _YES if i < n else _NO


@loop
def _draw_royalty(word: Array, low: Real, high: Real, split: Real, left: Real, right: Real, royalty: Array) -> None:
    """The royalty relative to its mode: the triangular distribution by inversion."""
    real = royalty.dtype.type
    for i in range(BLOCK_PATHS):
        v = uniform(real, word[i])
        below = low + sqrt(v * left)
        above = high - sqrt(uniform(real, ~word[i]) * right)
        royalty[i] = below if v < split else above


@loop
def _split(u: Array, v: Array, n: Whole, survival: Array, rival: Array) -> None:
    """The words of survival and rival; paths that do not count never end."""
    for i in range(BLOCK_PATHS):
        survival[i] = i4(u[i] ^ _SIGN) if i < n else _LOWEST
        rival[i] = i4(v[i] ^ _SIGN)


# -------------------------------------------------------------------------------------------------------------- periods


@inlined
def _moved(step: tuple[Real, Real, Real], x: Real, common: Real, own: Real) -> Real:
    """x after one period. step: (drift, a, b)."""
    return fma(step[2], own, fma(step[1], common, x + step[0]))


@loop
def _two_periods(
    step: Array, now: Array, then: Array, own0: Array, own1: Array, common0: Array, common1: Array, survival: Array, x: Array, value: Array
) -> tuple[Whole, Whole]:
    """Two periods where nothing is clamped, optional, ranged or contested: the operations of _period, kept in registers.

    now, then: (w, f, last word of survival). Returns how many paths have ended in each.
    """
    (w0, f0, last0), (w1, f1, last1) = now, then
    ended0 = ended1 = i4(0)
    none = value.dtype.type(0.0)
    for i in range(BLOCK_PATHS):
        x0 = _moved(step, x[i], common0[i], own0[i])
        x1 = _moved(step, x0, common1[i], own1[i])
        x[i] = x1
        over0, over1 = survival[i] > last0, survival[i] > last1
        cash0 = none if over0 else fma(w0, exp2(x0), -f0)
        cash1 = none if over1 else fma(w1, exp2(x1), -f1)
        ended0, ended1 = i4(ended0 + over0), i4(ended1 + over1)
        value[i] = (value[i] + cash0) + cash1
    return ended0, ended1


@loop
def _period(
    step: Array,
    kept: Real,
    now: Array,
    clamped: bool,
    own: Array,
    common: Array,
    survival: Array,
    rival: Array,
    royalty: Array,
    x: Array,
    alive: Array,
    value: Array,
) -> Whole:
    """Steps 1 to 4 of model.md §5. kept: what a rival leaves. Returns how many paths are alive after step 3."""
    w, f, low, high, before, after, salvage, last, rival_last = now
    living = i4(0)
    one, none = value.dtype.type(1.0), value.dtype.type(0.0)
    for i in range(BLOCK_PATHS):
        x[i] = _moved(step, x[i], common[i], own[i])
        out = rival[i] <= rival_last
        level = exp2(x[i]) * royalty[i] * (one if out else kept)
        live = alive[i] if survival[i] <= last else _NO
        quits = live if level < (before if out else after) else _NO
        earned = w * level
        earned = low if earned < low else earned
        earned = high if earned > high else earned
        cash = earned - f if clamped else fma(w, level, -f)
        live = i4(live & ~quits)
        value[i] += salvage if quits != _NO else (cash if live != _NO else none)
        alive[i] = live
        living = i4(living - live)
    return living


@loop
def _keep(value: Array, n: Whole, out: Array) -> None:
    for i in range(n):
        out[i] = value[i]


@Kernel
def fill_values(
    assets: Array,
    periods: Array,
    factors: Array,
    seed: Whole,
    origin: Whole,
    s: Array,
    lived: Array,
    values: Array,
    life: Array,
    counts: Array,
    flag: Array,
) -> bool:
    """values (a, p) and life (a,), the years lived on all paths together. True where the flag ended it early.

    assets, periods: records of `ipvalue.numba_kernel.records`; origin: the number of the first path. s, lived (t,): room for
    a block's numbers and for the paths alive in each period; counts (offset[a],) takes the latter, or is empty.
    The factors `factors.used` are tabled first.
    """
    paths = values.shape[1]
    for first in range(0, paths if len(factors.used) else 0, BLOCK_PATHS):
        if raised(flag):
            return True
        for t in range(0, factors.table.shape[1], 2):
            _draw_factors(factors, factors.used, t, origin + u8(first), seed, s.word, s.independent, factors.table, t, first)
    for a in range(len(assets)):
        asset = assets[a]
        step = (asset.drift, asset.common, asset.own)
        plain = not (asset.optional or asset.clamped or asset.has_royalty or asset.has_rival)
        tabled = factors.tabled and asset.has_factor
        s.factor[0] = asset.factor
        for t in range(asset.whole_periods):
            lived[t] = 0
        for first in range(0, paths, BLOCK_PATHS):
            if raised(flag):
                return True
            n, path = BLOCK_PATHS if first + BLOCK_PATHS < paths else paths - first, origin + u8(first)
            _start(asset.half_level, n, s.x, s.royalty, s.alive, s.value)
            if asset.has_level or asset.has_royalty:
                _draw(_LEVEL, path, asset.hash, seed, s.word, s.own)
                _add_factor(asset.level, s.own[0], _AGAIN, s.x)
            if asset.has_royalty:
                draw_word(_LEVEL + u8(2), path, asset.hash, seed, s.word[0])
                _draw_royalty(s.word[0], asset.range_low, asset.range_high, asset.range_split, asset.range_left, asset.range_right, s.royalty)
            draw_word(_PATH, path, asset.hash, seed, s.word[0])
            draw_word(_PATH + u8(1), path, asset.hash, seed, s.word[1])
            _split(s.word[0], s.word[1], n, s.survival, s.rival)
            t = _START
            while t < asset.periods:
                slot = t & 1
                if asset.has_volatility and slot == 0:
                    _draw(_PATH + u8(t + 2), path, asset.hash, seed, s.word, s.own)
                if asset.has_factor and not tabled and slot == 0:
                    _draw_factors(factors, s.factor, t, path, seed, s.word, s.independent, s.common, _START, _START)
                now = periods[asset.start + t]
                common = factors.table[factors.slot[asset.factor], t][first:] if tabled else s.common[0, slot][0:]
                if plain and slot == 0 and t + 1 < asset.periods:
                    then = periods[asset.start + t + 1]
                    next_common = factors.table[factors.slot[asset.factor], t + 1][first:] if tabled else s.common[0, 1][0:]
                    both = (now.w, now.f, now.last), (then.w, then.f, then.last)
                    ended = _two_periods(step, both[0], both[1], s.own[0], s.own[1], common, next_common, s.survival, s.x, s.value)
                    lived[t] += n - ended[0]
                    lived[t + 1] += n - ended[1]
                    t += 2
                else:
                    terms = (now.w, now.f, now.low, now.high, now.bound_out, now.bound_in, now.salvage, now.last, now.rival_last)
                    own = s.own[slot]
                    lived[t] += _period(step, asset.entered, terms, asset.clamped, own, common, s.survival, s.rival, s.royalty, s.x, s.alive, s.value)
                    t += 1
            _keep(s.value, n, values[a][first:])
        years = 0.0
        for t in range(asset.whole_periods):
            years += (asset.step if t + 1 < asset.whole_periods else asset.last_delta) * f8(lived[t])
        life[a] = years
        if len(counts):
            for t in range(asset.whole_periods):
                counts[asset.start + t] += lived[t]
    return False
