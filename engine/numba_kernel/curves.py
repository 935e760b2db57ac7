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


@inlined
def _rise(level: Array, expected: Array, scale: Real, j: Whole) -> Real:
    """Slope of the cell from node j on."""
    return (scale * expected[j + 1] - scale * expected[j]) / (level[j + 1] - level[j])


@inlined
def _bend(level: Array, expected: Array, scale: Real, j: Whole) -> Real:
    """How it changes at node j."""
    return (_rise(level, expected, scale, j) - _rise(level, expected, scale, j - 1)) / (level[j + 1] - level[j - 1])


@device
def lay_curve(
    level: Array, known: tuple[Whole, Whole], expected: Array, zero: Real, scale: Real, first_cell: Whole, slope: Array, level0: Array
) -> None:
    """`scale` times what is expected at the known nodes, `zero` at L = 0, as lines on a curve's cells. Between the nodes it is read by the mean of
    the parabolas through a cell's ends and the node before or after, below them and in their last cell and beyond by lines."""
    first, last = known
    # the cell that `right` stands in: from `start`, where it is worth `value`, to `end`
    j, start, end, value = first - 1, 0.0, level[first], scale * zero
    rise, curvature = (scale * expected[first] - value) / end, 0.0
    left, at_left = 0.0, value
    for i in range(len(slope)):
        right = _level_of(first_cell + 1 + i)
        if j < last - 1 and end <= right:
            j += 1
            while j < last - 1 and level[j + 1] <= right:
                j += 1
            start, end, value, rise = level[j], level[j + 1], scale * expected[j], _rise(level, expected, scale, j)
            before = _bend(level, expected, scale, j) if j > first else 0.0
            curvature = 0.5 * (before + _bend(level, expected, scale, j + 1)) if j < last - 1 else 0.0
        beyond = right - start
        at_right = value + rise * beyond + curvature * beyond * (right - end)
        slope[i] = (at_right - at_left) / (right - left)
        level0[i] = at_left - slope[i] * left
        left, at_left = right, at_right
