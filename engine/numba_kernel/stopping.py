"""The optimal renewal boundary, operation by operation as ext/stopping_impl.h: model.md §5, docs/numerics.md §9.

t = periods of one asset, c = states (the rival out, in), j = nodes of the grid of x = ln L
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.constants import GRID_LIMIT, GRID_MAX_NODES, GRID_MIN_NODES, GRID_NODES_PER_SIGMA, GRID_SIGMAS, SQRT_TWO_PI, WEIGHT_SIGMAS
from ipvalue.numba_kernel.arithmetic import DefaultArithmetic, ceil, fma, raised, sqrt
from ipvalue.numba_kernel.arrays import mask, records, row
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Record, Whole, device, inlined, loop
from ipvalue.numba_kernel.elementary import exp, log
from ipvalue.numba_kernel.stop import FLAG, stopped_if

i8, f8 = np.int64, np.float64


class Grid(NamedTuple):
    """The grid of x = ln L and the weights of its convolution."""

    nodes: Whole
    reach: Whole  # nodes on either side that a convolution looks at
    step: Real
    lowest: Real
    level: npt.NDArray[np.float64]  # (nodes + 2 reach) e^x, the padding included
    weight: npt.NDArray[np.float64]  # (2 reach + 1)


@inlined
def _clamp(x: Real, low: Real, high: Real) -> Real:
    return low if x < low else high if x > high else x


# ------------------------------------------------------------------------------------------------------------- the grid


@loop
def _upper_tails(x: Array, out: Array, z: Array, total: Array, fraction: Array) -> None:
    """out[i] = P(Z > |x_i|) of a standard normal Z, absolute error below 1e-15: its series near 0, the continued fraction of Mills' ratio outside
    (Abramowitz & Stegun 26.2.11 and 26.2.14). z, total, fraction: room for as many."""
    n = len(x)
    for i in range(n):
        z[i] = -x[i] if x[i] < 0.0 else x[i]
        total[i] = out[i] = fraction[i] = z[i]
    for k in range(1, 60):
        for i in range(n):
            out[i] *= z[i] * z[i] / f8(2 * k + 1)  # the series' terms
            total[i] += out[i]
    for k in range(60, 0, -1):
        for i in range(n):
            fraction[i] = z[i] + f8(k) / fraction[i]
    for i in range(n):
        density = exp(-0.5 * z[i] * z[i]) / SQRT_TWO_PI
        out[i] = 0.5 - density * total[i] if z[i] < 3.0 else density / fraction[i]


@inlined
def _between(low: Real, tail_low: Real, high: Real, tail_high: Real) -> Real:
    """P(low < Z < high) from the tails beyond both; on the upper side a difference of upper tails, so that nothing cancels."""
    if low > 0.0:
        return tail_low - tail_high
    return (tail_high if high < 0.0 else 1.0 - tail_high) - (tail_low if low < 0.0 else 1.0 - tail_low)


@device
def _fill_weights(g: Any, s: Real) -> None:
    if g.reach == 0:
        g.weight[0] = 1.0
        return
    h, mean, growth = g.step, -0.5 * s * s, exp(g.step) - 1.0
    edges = 2 * g.reach + 2
    room = np.empty(7 * edges)
    edge, shifted, tail, tail_shifted = room[:edges], room[edges : 2 * edges], room[2 * edges : 3 * edges], room[3 * edges : 4 * edges]
    work = room[4 * edges : 5 * edges], room[5 * edges : 6 * edges], room[6 * edges :]
    for i in range(edges):
        edge[i] = (f8(i - g.reach) * h - mean) / s
        shifted[i] = edge[i] - s
    _upper_tails(edge, tail, work[0], work[1], work[2])
    _upper_tails(shifted, tail_shifted, work[0], work[1], work[2])
    before = 0.0
    for i in range(edges - 1):
        p = _between(edge[i], tail[i], edge[i + 1], tail[i + 1])
        m = _between(shifted[i], tail_shifted[i], shifted[i + 1], tail_shifted[i + 1])
        right = (exp(-f8(i - g.reach) * h) * m - p) / growth
        g.weight[i] = p - right + before
        before = right


@device
def _make_grid(r: Record, s: Real, kept: Real, periods: Whole) -> Grid:
    """s: standard deviation of a period; kept: what a rival leaves."""
    variance = s * s * f8(periods) + r.uncertainty * r.uncertainty
    spread = GRID_SIGMAS * sqrt(variance) + 0.5
    bottom, top = -0.5 * variance - spread, spread
    if r.royalty_low < r.royalty_high:
        bottom += log(r.royalty_low) if r.royalty_low > 0.0 else -2.0 * GRID_SIGMAS
        top += log(r.royalty_high)
    if r.enters and kept > 0.0:
        bottom += log(kept)
    # e^x stays a normal number; levels below are as good as 0, which is solved by itself
    bottom = -GRID_LIMIT if bottom < -GRID_LIMIT else bottom
    top = GRID_LIMIT if top > GRID_LIMIT else top
    # without volatility no convolution has to be paid for, and a level may stand exactly on its boundary
    finest = (top - bottom) / f8(GRID_MAX_NODES - 2)
    coarsest = (top - bottom) / f8(GRID_MIN_NODES) if s > 0.0 else finest
    step = _clamp(s / f8(GRID_NODES_PER_SIGMA), finest, coarsest)
    below, above = i8(ceil(-bottom / step)), i8(ceil(top / step))
    nodes = below + above + 1
    lowest = -f8(below) * step  # L = 1 is a node
    reach = i8(ceil((WEIGHT_SIGMAS * s + 0.5 * s * s + s * s) / step)) + 1 if s > 0.0 else 0
    g = Grid(nodes, reach, step, lowest, np.empty(nodes + 2 * reach), np.empty(2 * reach + 1))
    for j in range(len(g.level)):
        g.level[j] = exp(lowest + f8(j - reach) * step)
    _fill_weights(g, s)
    return g


# --------------------------------------------------------------------------------------------------- the dynamic programme


@loop
def _convolve(weight: Array, value: Array, nodes: Whole, expected: Array) -> None:
    for j in range(nodes):
        expected[j] = 0.0
    for d in range(len(weight)):
        for j in range(nodes):
            expected[j] = fma(weight[d], value[d + j], expected[j])


@device
def _expect(g: Any, value: Array, zero: Real, expected: Array) -> None:
    """expected[j] = E[v(L_j · X)] after one period, v piecewise linear in L, `zero` at L = 0."""
    n, r, level = g.nodes, g.reach, g.level
    slope_low = (value[r] - zero) / level[r]
    slope_high = (value[r + n - 1] - value[r + n - 2]) / (level[r + n - 1] - level[r + n - 2])
    for j in range(r):
        value[j] = zero + slope_low * level[j]
        value[r + n + j] = value[r + n - 1] + slope_high * (level[r + n + j] - level[r + n - 1])
    _convolve(g.weight, value, n, expected)


@device
def _expected_at(g: Any, expected: Array, zero: Real, level: Real, x: Real) -> Real:
    """`expected` read at level L, linear in L between nodes."""
    if level <= 0.0:
        return zero
    node = g.level[g.reach :]
    position = (x - g.lowest) / g.step
    k = 0 if position < 0.0 else i8(position)
    k = g.nodes - 2 if k > g.nodes - 2 else k
    if level < node[0]:
        return zero + (expected[0] - zero) * (level / node[0])
    return expected[k] + (expected[k + 1] - expected[k]) * ((level - node[k]) / (node[k + 1] - node[k]))


@device
def _find_boundary(g: Any, q: Array, zero: Real, salvage: Real) -> Real:
    """b = inf{L : q(L) ≥ salvage} from q at the nodes, `zero` at L = 0; q is left as v = max(salvage, q) with the kink's triangle taken off."""
    level, n = g.level[g.reach :], g.nodes
    k = i8(0)
    while k < n and q[k] < salvage:
        k += 1
    if k == 0:
        bound = 0.0 if zero >= salvage else level[0] * (salvage - zero) / (q[0] - zero)
    elif k == n:
        slope = (q[n - 1] - q[n - 2]) / (level[n - 1] - level[n - 2])
        bound = level[n - 1] + (salvage - q[n - 1]) / slope if slope > 0.0 else np.inf
    else:
        part = (salvage - q[k - 1]) / (q[k] - q[k - 1])
        bound = level[k - 1] + part * (level[k] - level[k - 1])
        height, theta = (q[k] - salvage) * part, log(bound / level[k - 1]) / g.step
        centroid = (1.0 + theta) / 3.0
        q[k] -= 0.5 * height * centroid
        q[k - 1] = salvage - 0.5 * height * (1.0 - centroid)
        k -= 1
    for j in range(k):
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
        values, expectations, zero = np.empty(states * size), np.empty(states * n), np.empty(2)
        shift = log(kept) if kept > 0.0 else 0.0
        for t in range(last, -1, -1):
            now, coming_zero, ratio, stays = p[t], 0.0, 0.0, 1.0
            if t < last:
                ratio = p[t + 1].survival / now.survival
                for c in range(states):
                    _expect(g, values[c * size :], zero[c], expectations[c * n :])
                if r.enters:
                    stays = p[t + 1].rival / now.rival if now.rival > 0.0 else 0.0
            # the rival out first: it reads the expectation of "in" before that state moves on
            for c in range(states):
                q, expected, mixes = values[c * size + g.reach :], expectations[c * n :], t < last and c + 1 < states
                if t < last:
                    coming_zero = stays * zero[0] + (1.0 - stays) * zero[1] if mixes else zero[c]
                for j in range(n):
                    level, coming = g.level[g.reach + j], expected[j] if t < last else 0.0
                    if mixes:
                        x = g.lowest + f8(j) * g.step + shift
                        coming = stays * coming + (1.0 - stays) * _expected_at(g, expectations[n:], zero[1], kept * level, x)
                    q[j] = _clamp(now.w * level, now.low, now.high) - now.f + ratio * coming
                zero[c] = _clamp(0.0, now.low, now.high) - now.f + ratio * coming_zero
            if now.f > 0.0 or now.salvage > 0.0:
                for c in range(states):
                    now.after = _find_boundary(g, values[c * size + g.reach :], zero[c], now.salvage)
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
