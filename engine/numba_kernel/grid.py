"""The grid of ln L on which an asset is solved, operation by operation as ext/grid_impl.h: docs/numerics.md §9.

j = nodes of the grid of x = ln L
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.constants import (
    GRID_LIMIT,
    GRID_MAX_NODES,
    GRID_MIN_NODES,
    GRID_MIN_SPAN,
    GRID_NODES_PER_SIGMA,
    GRID_SIGMAS,
    WEIGHT_SIGMAS,
)
from ipvalue.numba_kernel.arithmetic import ceil, sqrt
from ipvalue.numba_kernel.compiler import Real, Record, Whole, device, inlined
from ipvalue.numba_kernel.elementary import exp, log
from ipvalue.numba_kernel.tails import upper_tails

i8, f8 = np.int64, np.float64


class Shape(NamedTuple):
    """Where the nodes of a grid stand; L = 1 is node `middle`."""

    nodes: Whole
    middle: Whole
    reach: Whole  # nodes on either side that a convolution looks at
    step: Real


class Grid(NamedTuple):
    """The grid of x = ln L and the weights of its convolution. Node j stands at level[reach + j]; L = 1 is node `middle`."""

    nodes: Whole
    middle: Whole
    reach: Whole  # nodes on either side that a convolution looks at
    step: Real
    level: npt.NDArray[np.float64]  # (nodes + 2 reach) e^x, the padding included
    weight: npt.NDArray[np.float64]  # (2 reach + 1)


@inlined
def clamp(x: Real, low: Real, high: Real) -> Real:
    return low if x < low else high if x > high else x


@inlined
def _between(low: Real, tail_low: Real, high: Real, tail_high: Real) -> Real:
    """P(low < Z < high) from the tails beyond both; on the upper side a difference of upper tails, so that nothing cancels."""
    if low > 0.0:
        return tail_low - tail_high
    return (tail_high if high < 0.0 else 1.0 - tail_high) - (tail_low if low < 0.0 else 1.0 - tail_low)


@device
def _fill_weights(g: Any, sigma: Real) -> None:
    """The weights of one period whose ln L has standard deviation `sigma`. Reading v linearly between nodes adds h²/6 to the variance, so as much is
    left out of it."""
    if g.reach == 0:
        g.weight[0] = 1.0
        return
    narrower = sigma * sigma - g.step * g.step / 6.0
    s = sqrt(narrower if narrower > 0.25 * sigma * sigma else 0.25 * sigma * sigma)
    h, mean, growth = g.step, -0.5 * s * s, exp(g.step) - 1.0
    edges = 2 * g.reach + 2
    room = np.empty(4 * edges)
    edge, shifted, tail, tail_shifted = room[:edges], room[edges : 2 * edges], room[2 * edges : 3 * edges], room[3 * edges :]
    for i in range(edges):
        edge[i] = (f8(i - g.reach) * h - mean) / s
        shifted[i] = edge[i] - s
    upper_tails(edge, tail)
    upper_tails(shifted, tail_shifted)
    before = 0.0
    for i in range(edges - 1):
        p = _between(edge[i], tail[i], edge[i + 1], tail[i + 1])
        m = _between(shifted[i], tail_shifted[i], shifted[i + 1], tail_shifted[i + 1])
        right = (exp(-f8(i - g.reach) * h) * m - p) / growth
        g.weight[i] = p - right + before
        before = right
    # what lies beyond goes to the ends, so that the weights give 1 its expectation, and L
    rest = tilted = 1.0
    for d in range(edges - 1):
        rest -= g.weight[d]
        tilted -= g.weight[d] * exp(f8(d - g.reach) * h)
    low, high = exp(-f8(g.reach) * h), exp(f8(g.reach) * h)
    upper = (tilted - rest * low) / (high - low)
    g.weight[edges - 2] += upper
    g.weight[0] += rest - upper


@device
def _range(r: Record, kept: Real, variance: Real) -> tuple[Real, Real]:
    """What ln L of an asset may be after so much variance, with a probability beyond of about 1e-9 on either side. kept: what a rival leaves."""
    spread = GRID_SIGMAS * sqrt(variance) + 0.5
    bottom, top = -0.5 * variance - spread, spread
    if r.royalty_low < r.royalty_high:
        bottom += log(r.royalty_low) if r.royalty_low > 0.0 else -2.0 * GRID_SIGMAS
        top += log(r.royalty_high)
    if r.least < 1.0:
        bottom += log(r.least) if r.least > 0.0 else -2.0 * GRID_SIGMAS
    if r.greatest > 1.0:
        top += log(r.greatest)
    if r.enters and kept > 0.0:
        bottom += log(kept)
    # e^x stays a normal number; levels below are as good as 0, which is solved by itself
    return -GRID_LIMIT if bottom < -GRID_LIMIT else bottom, GRID_LIMIT if top > GRID_LIMIT else top


@device
def span(g: Any, r: Record, kept: Real, s: Real, periods: Whole) -> tuple[Whole, Whole]:
    """The first and last node that can be reached in so many periods, GRID_MIN_SPAN nodes at least."""
    bottom, top = _range(r, kept, s * s * f8(periods) + r.uncertainty * r.uncertainty)
    below, above = max(i8(ceil(-bottom / g.step)), i8(GRID_MIN_SPAN // 2)), max(i8(ceil(top / g.step)), i8(GRID_MIN_SPAN // 2))
    return max(g.middle - below, i8(0)), min(g.middle + above, g.nodes - 1)


@device
def shape_of(r: Record, s: Real, kept: Real, periods: Whole) -> Shape:
    """s: standard deviation of a period; kept: what a rival leaves."""
    bottom, top = _range(r, kept, s * s * f8(periods) + r.uncertainty * r.uncertainty)
    # without volatility no convolution has to be paid for, and a level may stand exactly on its boundary
    finest = (top - bottom) / f8(GRID_MAX_NODES - 2)
    coarsest = (top - bottom) / f8(GRID_MIN_NODES) if s > 0.0 else finest
    step = clamp(s / f8(GRID_NODES_PER_SIGMA), finest, coarsest)
    middle = i8(ceil(-bottom / step))
    nodes = middle + i8(ceil(top / step)) + 1
    reach = i8(ceil((WEIGHT_SIGMAS * s + 0.5 * s * s + s * s) / step)) + 1 if s > 0.0 else 0
    return Shape(nodes, middle, reach, step)


@inlined
def level_at(shape: Any, node: Whole) -> Real:
    return exp(f8(node - shape.middle) * shape.step)


@device
def make_grid(shape: Any, s: Real) -> Grid:
    """s: standard deviation of a period."""
    reach = shape.reach
    g = Grid(shape.nodes, shape.middle, reach, shape.step, np.empty(shape.nodes + 2 * reach), np.empty(2 * reach + 1))
    for j in range(len(g.level)):
        g.level[j] = level_at(shape, j - reach)
    _fill_weights(g, s)
    return g
