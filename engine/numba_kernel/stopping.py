"""The optimal renewal boundary, operation by operation as ext/stopping_impl.h: model.md §5, docs/numerics.md §9.

t = periods of one asset, c = states (the rival out, in), j = nodes of the grid of x = ln L
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
from ipvalue.numba_kernel.arithmetic import DefaultArithmetic, ceil, fma, raised, sqrt
from ipvalue.numba_kernel.arrays import mask, records, row
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Record, Whole, device, inlined, loop
from ipvalue.numba_kernel.elementary import exp, log
from ipvalue.numba_kernel.stop import FLAG, stopped_if
from ipvalue.numba_kernel.tails import upper_tails

i8, f8 = np.int64, np.float64


class Grid(NamedTuple):
    """The grid of x = ln L and the weights of its convolution. Node j stands at level[reach + j]; L = 1 is node `middle`."""

    nodes: Whole
    middle: Whole
    reach: Whole  # nodes on either side that a convolution looks at
    step: Real
    level: npt.NDArray[np.float64]  # (nodes + 2 reach) e^x, the padding included
    weight: npt.NDArray[np.float64]  # (2 reach + 1)


@inlined
def _clamp(x: Real, low: Real, high: Real) -> Real:
    return low if x < low else high if x > high else x


# ------------------------------------------------------------------------------------------------------------- the grid


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
def _span(g: Any, r: Record, kept: Real, s: Real, periods: Whole) -> tuple[Whole, Whole]:
    """The first and last node that can be reached in so many periods, GRID_MIN_SPAN nodes at least."""
    bottom, top = _range(r, kept, s * s * f8(periods) + r.uncertainty * r.uncertainty)
    below, above = max(i8(ceil(-bottom / g.step)), i8(GRID_MIN_SPAN // 2)), max(i8(ceil(top / g.step)), i8(GRID_MIN_SPAN // 2))
    return max(g.middle - below, i8(0)), min(g.middle + above, g.nodes - 1)


@device
def _make_grid(r: Record, s: Real, kept: Real, periods: Whole) -> Grid:
    """s: standard deviation of a period; kept: what a rival leaves."""
    bottom, top = _range(r, kept, s * s * f8(periods) + r.uncertainty * r.uncertainty)
    # without volatility no convolution has to be paid for, and a level may stand exactly on its boundary
    finest = (top - bottom) / f8(GRID_MAX_NODES - 2)
    coarsest = (top - bottom) / f8(GRID_MIN_NODES) if s > 0.0 else finest
    step = _clamp(s / f8(GRID_NODES_PER_SIGMA), finest, coarsest)
    middle = i8(ceil(-bottom / step))
    nodes = middle + i8(ceil(top / step)) + 1
    reach = i8(ceil((WEIGHT_SIGMAS * s + 0.5 * s * s + s * s) / step)) + 1 if s > 0.0 else 0
    g = Grid(nodes, middle, reach, step, np.empty(nodes + 2 * reach), np.empty(2 * reach + 1))
    for j in range(len(g.level)):
        g.level[j] = exp(f8(j - reach - middle) * step)
    _fill_weights(g, s)
    return g


# --------------------------------------------------------------------------------------------------- the dynamic programme


@loop
def _convolve(weight: Array, value: Array, expected: Array) -> None:
    for j in range(len(expected)):
        expected[j] = 0.0
    for d in range(len(weight)):
        for j in range(len(expected)):
            expected[j] = fma(weight[d], value[d + j], expected[j])


@device
def _expect(g: Any, known: tuple[Whole, Whole], wanted: tuple[Whole, Whole], padded: Array, zero: Real, expected: Array) -> None:
    """expected[j] = E[v(L_j · X)] after one period at the nodes `wanted`, within those that are known; v is linear in L between nodes and beyond
    them, `zero` at L = 0."""
    r = g.reach
    value, level, first, last = padded[r:], g.level[r:], known[0], known[1]
    slope_low = (value[first] - zero) / level[first]
    slope_high = (value[last] - value[last - 1]) / (level[last] - level[last - 1])
    for j in range(wanted[0], first + r):
        padded[j] = zero + slope_low * g.level[j]
    for j in range(last + 1, wanted[1] + r + 1):
        value[j] = value[last] + slope_high * (level[j] - level[last])
    _convolve(g.weight, padded[wanted[0] :], expected[wanted[0] : wanted[1] + 1])


@device
def _entry(g: Any, kept: Real) -> tuple[Whole, Real]:
    """Where a rival's entry takes a level: so many cells lower, and the part of a cell above that cell's lower node; the same for every node."""
    if kept <= 0.0:
        return g.nodes, 0.0
    below = min(max(i8(ceil(-log(kept) / g.step)), i8(1)), g.nodes)
    lower, upper = exp(-f8(below) * g.step), exp(-f8(below - 1) * g.step)
    return below, (kept - lower) / (upper - lower)


@device
def _mix(g: Any, known: tuple[Whole, Whole], stays: Real, kept: Real, below: Whole, theta: Real, expected: Array, after: Array, zero: Real) -> None:
    """What is expected where the rival stays out with probability `stays`; `after` its entry linear in L between nodes, and below them down to
    `zero` at L = 0."""
    first, last, level, enters = known[0], known[1], g.level[g.reach :], 1.0 - stays
    covered = min(first + below, last + 1)
    slope = (after[first] - zero) / level[first] * kept
    for j in range(first, covered):
        expected[j] = stays * expected[j] + enters * (zero + slope * level[j])
    for j in range(covered, last + 1):
        lower, upper = after[j - below], after[j - below + 1]
        expected[j] = stays * expected[j] + enters * (lower + (upper - lower) * theta)


@loop
def _earn(level: Array, w: Real, low: Real, high: Real, f: Real, ratio: Real, expected: Array, q: Array) -> None:
    """q: this period's cash and, with probability `ratio`, what is expected of the next."""
    for j in range(len(q)):
        q[j] = _clamp(w * level[j], low, high) - f + ratio * expected[j]


@inlined
def _bend(level: Array, q: Array, k: Whole, root: Real) -> Real:
    """How far right of its place the line through nodes k − 1 and k finds a root, by the parabola through these and the next."""
    slope = (q[k] - q[k - 1]) / (level[k] - level[k - 1])
    curvature = ((q[k + 1] - q[k]) / (level[k + 1] - level[k]) - slope) / (level[k + 1] - level[k - 1])
    return curvature * (root - level[k - 1]) * (root - level[k]) / slope


@device
def _find_boundary(g: Any, known: tuple[Whole, Whole], q: Array, zero: Real, salvage: Real) -> Real:
    """b = inf{L : q(L) ≥ salvage} from q at the known nodes, `zero` at L = 0; q is left as v = max(salvage, q) with the kink's triangle taken off."""
    level, first, last = g.level[g.reach :], known[0], known[1]
    k = first
    while k <= last and q[k] < salvage:
        k += 1
    if k == first:
        bound = 0.0 if zero >= salvage else level[k] * (salvage - zero) / (q[k] - zero)
    elif k > last:
        slope = (q[last] - q[last - 1]) / (level[last] - level[last - 1])
        bound = level[last] + (salvage - q[last]) / slope if slope > 0.0 else np.inf
    else:
        part = (salvage - q[k - 1]) / (q[k] - q[k - 1])
        bound = level[k - 1] + part * (level[k] - level[k - 1])
        if k < last:
            bound -= _bend(level, q, k, bound)
        height, theta = (q[k] - salvage) * part, log(bound / level[k - 1]) / g.step
        centroid, spread = (1.0 + theta) / 3.0, (q[k] - q[k - 1]) / 12.0
        q[k] += spread * theta - 0.5 * height * centroid
        q[k - 1] = salvage + spread * (1.0 - theta) - 0.5 * height * (1.0 - centroid)
        k -= 1
    for j in range(first, k):
        q[j] = salvage
    return bound


@Kernel
def _boundaries(assets: Array, periods: Array, flag: Any) -> bool:
    """before and after of the periods of the assets that are optional: their boundaries before and after the rival's entry, backwards from the last
    period. True where the flag ended it early."""
    for a in range(len(assets)):
        if raised(flag):
            return True
        r = assets[a]
        if not r.optional:
            continue
        p = periods[r.start : r.stop]
        last = len(p) - 1
        while last >= 0 and p[last].survival <= 0.0:
            last -= 1
        s, kept = r.volatility * sqrt(r.step), 1.0 - r.entry_loss
        g = _make_grid(r, s, kept, last + 1)
        n, states, size = g.nodes, 2 if r.enters else 1, g.nodes + 2 * g.reach
        values, expectations, zero = np.zeros(states * size), np.zeros(states * n), np.zeros(2)
        below, theta = _entry(g, kept)
        known = _span(g, r, kept, s, last + 1)
        for t in range(last, -1, -1):
            now, ratio, reached = p[t], 0.0, _span(g, r, kept, s, t + 1)
            if t < last:
                ratio = p[t + 1].survival / now.survival
                for c in range(states):
                    _expect(g, known, reached, values[c * size : (c + 1) * size], zero[c], expectations[c * n : (c + 1) * n])
                if r.enters:
                    stays = p[t + 1].rival / now.rival if now.rival > 0.0 else 0.0
                    _mix(g, reached, stays, kept, below, theta, expectations[:n], expectations[n:], zero[1])
                    zero[0] = stays * zero[0] + (1.0 - stays) * zero[1]
            known = reached
            for c in range(states):
                some, q = slice(known[0], known[1] + 1), values[c * size + g.reach : (c + 1) * size - g.reach]
                _earn(g.level[g.reach :][some], now.w, now.low, now.high, now.f, ratio, expectations[c * n : (c + 1) * n][some], q[some])
                zero[c] = _clamp(0.0, now.low, now.high) - now.f + ratio * zero[c]
                if now.f > 0.0 or now.salvage > 0.0:
                    now.after = _find_boundary(g, known, q, zero[c], now.salvage)
                    zero[c] = now.salvage if zero[c] < now.salvage else zero[c]
                    if c == 0:
                        now.before = now.after
    return False


def boundary(v: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Renewal boundaries (offset[a],), (offset[a],) before and after the rival's entry; 0 where the asset is never given up. numerics.md §9."""
    n = len(v.offset) - 1
    offset = row(v.offset, i8, n + 1)
    size = int(offset[n])
    assets = {name: row(getattr(v, name), f8, n)[:n] for name in ("volatility", "uncertainty", "entry_loss", "royalty_low", "royalty_high", "step")}
    inputs = getattr(v, "inputs", None)
    assets |= {name: np.ones(n) if inputs is None else row(getattr(inputs, name), f8, n)[:n] for name in ("least", "greatest")}
    flags = {name: mask(getattr(v, name), n) for name in ("optional", "clamped", "enters")}
    periods = {name: row(getattr(v, name), f8, size)[:size] for name in ("w", "f", "survival", "rival")}
    periods["salvage"] = np.zeros(size) if v.salvage is None else row(v.salvage, f8, size)[:size]
    bounded = np.repeat(flags["clamped"], np.diff(offset[: n + 1]))
    for name, free in (("low", -np.inf), ("high", np.inf)):
        periods[name] = np.where(bounded, row(getattr(v, name), f8, size)[:size], free) if bounded.any() else np.full(size, free)
    made = records({**periods, "before": np.zeros(size), "after": np.zeros(size)})
    if n:
        with DefaultArithmetic():
            stopped_if(_boundaries(records({**assets, **flags, "start": offset[:n], "stop": offset[1 : n + 1]}), made, FLAG))
    return made["before"].copy(), made["after"].copy()
