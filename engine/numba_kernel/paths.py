"""The path values of assets: the operations of docs/numerics.md §5 in their order, on the words of §1 or of §11.

Paths are made block by block (steps.py). A block is always computed whole; of the last one only the paths that are wanted count and are kept.
What an asset lacks is computed with numbers that change nothing (a loading of 0, a factor of 1, a bound of 0). REAL is the precision of the
run.

a = assets, t = periods of one asset, p = paths, n = paths of a block
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ipvalue.constants import BLOCK_PATHS, DIMENSION_RIVAL, DIMENSION_ROYALTY, DIMENSION_SURVIVAL
from ipvalue.numba_kernel.arithmetic import raised
from ipvalue.numba_kernel.blended import discount, lift, multiply, settle_blended, sum_blended
from ipvalue.numba_kernel.block import Block, begin, draw, shocks
from ipvalue.numba_kernel.by_rule import DONE, NO_NUMBER, STOPPED, Custom, earn_by_rule
from ipvalue.numba_kernel.compiler import Array, Kernel, Record, Whole, device
from ipvalue.numba_kernel.factors import Factors, draw_factors
from ipvalue.numba_kernel.inputs import draw_inputs
from ipvalue.numba_kernel.looks import look, look_on
from ipvalue.numba_kernel.sobol import add_to_replicates, draw_own_rises
from ipvalue.numba_kernel.steps import (
    draw_royalty,
    earn,
    rise,
    settle,
    settle_estimated,
    start_general,
    two_periods_of_normals,
    two_periods_of_words,
)
from ipvalue.numba_kernel.words import draw_word

u4, u8 = np.uint32, np.uint64


@device
def _walk_plain(
    asset: Record,
    periods: Array,
    common: Array,
    column: Whole,
    points: Any,
    a: Whole,
    seed: Whole,
    path: Whole,
    n: Whole,
    s: Block,
    value: Array,
    lived: Array,
) -> None:
    """An asset of which nothing is clamped, optional, ranged or contested: two periods at a time, of which the last may be an empty one.

    common (t, …): its factor's table, the block from this column; a: its place among `points`; path: the first; lived (t,) takes how many are
    alive.
    """
    step, none = (asset.drift, asset.common, asset.own), value.dtype.type(0.0)
    for i in range(n, BLOCK_PATHS):
        s.survival[i] = u4(0)  # paths that do not count never end
    for t in range(0, asset.periods, 2):
        whole = t + 1 < asset.periods
        u = t + 1 if whole else t
        first, second = periods[asset.start + t], periods[asset.start + u]
        then = (second.w, second.f, second.last) if whole else (none, none, second.last)
        common0, common1 = (common[t][column:], common[u][column:]) if asset.has_factor else (s.still[0:], s.still[0:])
        now = first.w, first.f, first.last
        if points is None:
            if asset.has_volatility:
                draw_word(asset.shocks_word + u8(t), path, asset.hash, seed, s.word[0])
                draw_word(asset.shocks_word + u8(t + 1), path, asset.hash, seed, s.word[1])
            ended = two_periods_of_words(step, now, then, s.word[0], s.word[1], common0, common1, s.survival, s.x, value)
        else:
            at = t % points.periods  # a block of the bridge is of an even number
            if asset.has_volatility and at == 0:
                draw_own_rises(points, a, t, asset.periods, asset.shocks_word, path, asset.hash, seed, s.word[0])
            one, other = points.rise[1 + at], points.rise[1 + at + u - t]
            ended = two_periods_of_normals(step, now, then, one, other, common0, common1, s.survival, s.x, value)
        lived[t] += n - ended[0]
        if whole:
            lived[u] += n - ended[1]


@device
def _walk(
    asset: Record,
    periods: Array,
    common: Array,
    column: Whole,
    points: Any,
    a: Whole,
    seed: Whole,
    path: Whole,
    n: Whole,
    s: Block,
    value: Array,
    lived: Array,
    inputs: Any,
    rule: Any,
    own: Array,
    custom: Custom,
    looks: Any,
    first: Whole,
) -> bool:
    """Any asset, period by period. inputs: of the assets with uncertain ones, or None; own (k,): its columns for the rule; looks: at the assets, or
    None, with the block's columns from `first` on. False where the rule gave no finite number."""
    step = (asset.drift, asset.common, asset.own)
    start_general(n, s.royalty, s.alive)
    if asset.has_royalty:
        draw(points, a, DIMENSION_ROYALTY, asset.royalty_word, path, asset.hash, seed, s.word[0])
        draw_royalty(s.word[0], asset.range_low, asset.range_high, asset.range_split, asset.range_left, asset.range_right, s.royalty)
    if inputs is not None:  # noqa: SIM102 (as below)
        if asset.has_inputs:
            draw_inputs(inputs, points, asset, a, path, seed)
            if not asset.blended:
                lift(inputs.multiplier, s.royalty)
    draw(points, a, DIMENSION_RIVAL, asset.rival_word, path, asset.hash, seed, s.rival)
    for t in range(asset.periods):
        normal = shocks(asset, points, a, t, asset.periods, path, seed, s)
        now = periods[asset.start + t]
        shared = common[t][column:] if asset.has_factor else s.still[0:]
        rise(step, asset.entered, now.rival_last, normal, shared, s.rival, s.royalty, s.x, s.level)
        if inputs is not None:  # noqa: SIM102 (by itself, so that Numba leaves the branch away)
            if asset.blended:
                at = asset.start + t
                multiply(inputs.multiplier, now.w, s.level, s.bare, s.cash)
                if rule is not None:  # noqa: SIM102 (as above)
                    if asset.ruled and now.w != 0.0:
                        custom.at[1] = t + 1
                        if not earn_by_rule(rule, now.w, value.dtype.type(0.0), now.sales, t + 1, own, n, s.level, s.cash, custom.got):
                            return False
                discount(inputs.discounting[:, at], (now.f, now.salvage, now.low, now.high), asset.clamped, inputs.premium, s.cash, inputs.taken)
                settled = (now.bound_out, now.bound_in), (now.last, now.rival_last)
                lived[t] += settle_blended(*settled, s.survival, s.rival, s.level, inputs.taken, s.cash, s.alive, value)
                if points is not None:
                    taken_by = now.chance, now.control, inputs.discounting[2, at]
                    sum_blended(taken_by, s.bare, inputs.steady, inputs.tilt, s.cash, points.given, points.control)
                if looks is not None:
                    look(looks, a, t, False, (now.last, now.rival_last), first, n, s)
                continue
        by_rule = False
        if rule is not None:
            by_rule = asset.ruled and now.w != 0.0  # where nothing is earned the rule is not asked
            if by_rule:
                custom.at[1] = t + 1
                if not earn_by_rule(rule, now.w, now.f, now.sales, t + 1, own, n, s.level, s.cash, custom.got):
                    return False
        if not by_rule:
            earn((now.w, now.f, now.low, now.high), asset.clamped, s.level, s.cash)
        bounds, words = (now.bound_out, now.bound_in, now.salvage), (now.last, now.rival_last)
        if points is None:
            lived[t] += settle(bounds, words, s.survival, s.rival, s.level, s.cash, s.alive, value)
        else:
            weights, sums = (now.chance, now.control), (points.given, points.control)
            lived[t] += settle_estimated(bounds, words, weights, s.survival, s.rival, s.level, s.cash, s.alive, value, *sums)
        if looks is not None:
            look(looks, a, t, False, words, first, n, s)
    return True


@Kernel
def fill_values(
    assets: Array,
    periods: Array,
    factors: Factors,
    points: Any,
    seed: Whole,
    origin: Whole,
    paths: Whole,
    s: Block,
    values: Array,
    lived: Array,
    sums: Array,
    flag: Array,
    inputs: Any,
    looks: Any,
    rule: Any,
    custom: Custom,
) -> Whole:
    """values (a, p of whole blocks) and lived (a, t), how many paths are alive in each period, from 0. STOPPED where the flag ended it early.

    assets, periods: records of `ipvalue.numba_kernel.records`; points: of the sampler sobol, with room made for these assets, None for random
    words; origin: the number of the first path; s: a block's work space. sums (a, 2, r): those of G and K by replicate, which are added to where
    an asset is estimated. inputs: the uncertain ones of these assets, None where none has any; looks: at them, or None. rule: as `compiled_rule`
    makes it, None where no asset has one; `custom` says where it failed (NO_NUMBER, or an exception of its own).
    """
    for first in range(0, paths, BLOCK_PATHS):
        n, path, column = min(BLOCK_PATHS, paths - first), origin + u8(first), first if factors.tabled else 0
        if not factors.tabled:
            draw_factors(factors, points, path, seed, column)
        for a in range(len(assets)):
            if raised(flag):
                return STOPPED
            asset, value = assets[a], values[a][first : first + BLOCK_PATHS]
            begin(asset, points, a, path, seed, s, value)
            draw(points, a, DIMENSION_SURVIVAL, asset.survival_word, path, asset.hash, seed, s.survival)
            common = factors.table[factors.slot[asset.factor]]
            looked = False
            if looks is not None:
                looked = looks.start[a] < looks.start[a + 1]
            if asset.optional or asset.clamped or asset.has_royalty or asset.has_rival or asset.ruled or asset.has_inputs or looked:
                custom.at[0] = a
                if points is not None:
                    points.given[:] = 0.0
                    points.control[:] = 0.0
                if not _walk(
                    asset, periods, common, column, points, a, seed, path, n, s, value, lived[a], inputs, rule, custom.own[a], custom, looks, first
                ):
                    return NO_NUMBER
                if points is not None and asset.estimated:
                    add_to_replicates(points, n, sums[a])
                if looks is not None:  # noqa: SIM102 (as above)
                    if looks.reach[a]:
                        look_on(looks, looks.years, inputs, asset, common, column, points, a, seed, path, first, n, s)
            else:
                _walk_plain(asset, periods, common, column, points, a, seed, path, n, s, value, lived[a])
    return DONE
