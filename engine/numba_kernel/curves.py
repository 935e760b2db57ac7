"""Value curves on nodes that a level's bits find, operation by operation as ext/curves_impl.h: docs/numerics.md §19.

k = periods asked for
"""

from __future__ import annotations

import numpy as np

from ipvalue.constants import CURVE_BITS
from ipvalue.numba_kernel.arithmetic import bits_of, real_of, sqrt
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, device, inlined
from ipvalue.numba_kernel.grid import level_at, shape_of, span

i8 = np.int64

_SHIFT, _ONE = i8(52 - CURVE_BITS), i8(1023 << CURVE_BITS)


@inlined
def _node_below(level: Real) -> Whole:
    """The greatest node at or below a level: its exponent and the first bits of its mantissa. Node 0 is 1."""
    return (bits_of(level) >> _SHIFT) - _ONE


@inlined
def _level_of(node: Whole) -> Real:
    return real_of((node + _ONE) << _SHIFT)


@device
def last_alive(periods: Array) -> Whole:
    """The last of an asset's periods before the right has surely ended, −1 where there is none."""
    last = len(periods) - 1
    while last >= 0 and periods[last].survival <= 0.0:
        last -= 1
    return last


@Kernel
def count_cells(assets: Array, periods: Array, asked: Array) -> None:
    """first_cell and cells of the periods asked for: none where nothing is expected any more."""
    for a in range(len(assets)):
        r = assets[a]
        if r.first_asked == r.last_asked:
            continue
        last = last_alive(periods[r.start : r.stop])
        s, kept = r.volatility * sqrt(r.step), 1.0 - r.entry_loss
        shape = shape_of(r, s, kept, last + 1)
        for k in range(r.first_asked, r.last_asked):
            one = asked[k]
            if one.period >= last:
                continue
            reached = span(shape, r, kept, s, one.period + 1)
            top = level_at(shape, reached[1])
            first, above = _node_below(level_at(shape, reached[0])), _node_below(top)
            if _level_of(above) < top:
                above += 1
            one.first_cell = first - 1
            one.cells = above - first + 1


@device
def lay_curve(
    level: Array,
    known: tuple[Whole, Whole],
    expected: Array,
    zero: Real,
    ratio: Real,
    discount: Real,
    first_cell: Whole,
    slope: Array,
    level0: Array,
) -> None:
    """What is expected at the known nodes, `zero` at L = 0, `ratio` times that over `discount`, as lines on a curve's cells. Between the nodes it is
    read by the mean of the parabolas through a cell's ends and the node before or after, below them and in their last cell and beyond by lines."""
    first, last = known
    zero = ratio * zero / discount
    # the cell that a node of the curve stands in: from `start`, where it is worth `value`, to `end`, where it is worth `following`
    j, start, end, value, following = first - 1, 0.0, level[first], zero, ratio * expected[first] / discount
    rise = (following - value) / (end - start)
    curvature = second = 0.0
    left, at_left = 0.0, zero
    for i in range(len(slope)):
        right = _level_of(first_cell + 1 + i)
        while j < last - 1 and end <= right:
            j += 1
            start, end, value = end, level[j + 1], following
            following = ratio * expected[j + 1] / discount
            rise = (following - value) / (end - start)
            before, second, curvature = second, 0.0, 0.0
            if j < last - 1:
                after = (ratio * expected[j + 2] / discount - following) / (level[j + 2] - end)
                second = (after - rise) / (level[j + 2] - start)
                curvature = 0.5 * (before + second)
        beyond = right - start
        at_right = value + rise * beyond + curvature * beyond * (right - end)
        slope[i] = (at_right - at_left) / (right - left)
        level0[i] = at_left - slope[i] * left
        left, at_left = right, at_right
