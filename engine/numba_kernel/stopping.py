"""The optimal renewal boundary and value curves, operation by operation as ext/stopping_impl.h: model.md §5, docs/numerics.md §9 and §19.

t = periods of one asset, c = states (the rival out, in), j = nodes of the grid of x = ln L
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.numba_kernel.arithmetic import DefaultArithmetic, ceil, fma, raised, sqrt
from ipvalue.numba_kernel.arrays import mask, records, row
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Record, Whole, device, inlined, loop
from ipvalue.numba_kernel.curves import count_cells, last_alive, lay_curve
from ipvalue.numba_kernel.elementary import exp, log
from ipvalue.numba_kernel.grid import clamp, make_grid, shape_of, span
from ipvalue.numba_kernel.stop import FLAG, stopped_if
from ipvalue.value_curves import ValueCurves, check_asked, laid

i8, f8 = np.int64, np.float64


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
        q[j] = clamp(w * level[j], low, high) - f + ratio * expected[j]


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


@device
def _lay(g: Any, known: tuple[Whole, Whole], expected: Array, zero: Real, ratio: Real, one: Record, of: Whole, slope: Array, level0: Array) -> None:
    """The curve of state `of` after the period asked for, into its cells."""
    cells = slice(one.cell + of * one.cells, one.cell + (of + 1) * one.cells)
    lay_curve(g.level[g.reach :], known, expected, zero, ratio / one.discount, one.first_cell, slope[cells], level0[cells])


@Kernel
def _solve(assets: Array, periods: Array, asked: Array, slope: Array, level0: Array, flag: Any) -> bool:
    """before and after of the periods of the assets that are optional: their boundaries before and after the rival's entry, backwards from the last
    period; slope and level0 of the curves that are asked for. True where the flag ended it early."""
    for a in range(len(assets)):
        if raised(flag):
            return True
        r = assets[a]
        if not r.optional and r.first_asked == r.last_asked:
            continue
        p = periods[r.start : r.stop]
        last = last_alive(p)
        s, kept = r.volatility * sqrt(r.step), 1.0 - r.entry_loss
        g = make_grid(shape_of(r, s, kept, last + 1), s)
        n, states, size = g.nodes, 2 if r.enters else 1, g.nodes + 2 * g.reach
        values, expectations, zero = np.zeros(states * size), np.zeros(states * n), np.zeros(2)
        below, theta = _entry(g, kept)
        known = span(g, r, kept, s, last + 1)
        k = r.last_asked
        for t in range(last, -1, -1):
            now, ratio, reached = p[t], 0.0, span(g, r, kept, s, t + 1)
            if t < last:
                ratio = p[t + 1].survival / now.survival
                for c in range(states):
                    _expect(g, known, reached, values[c * size : (c + 1) * size], zero[c], expectations[c * n : (c + 1) * n])
                if r.enters:
                    stays = p[t + 1].rival / now.rival if now.rival > 0.0 else 0.0
                    _mix(g, reached, stays, kept, below, theta, expectations[:n], expectations[n:], zero[1])
                    zero[0] = stays * zero[0] + (1.0 - stays) * zero[1]
            known = reached
            while k > r.first_asked and asked[k - 1].period >= t:
                k -= 1
                for c in range(states if asked[k].cells > 0 else 0):
                    _lay(g, known, expectations[c * n : (c + 1) * n], zero[c], ratio, asked[k], c, slope, level0)
            for c in range(states):
                some, q = slice(known[0], known[1] + 1), values[c * size + g.reach : (c + 1) * size - g.reach]
                _earn(g.level[g.reach :][some], now.w, now.low, now.high, now.f, ratio, expectations[c * n : (c + 1) * n][some], q[some])
                zero[c] = clamp(0.0, now.low, now.high) - now.f + ratio * zero[c]
                if r.optional and (now.f > 0.0 or now.salvage > 0.0):
                    now.after = _find_boundary(g, known, q, zero[c], now.salvage)
                    zero[c] = now.salvage if zero[c] < now.salvage else zero[c]
                    if c == 0:
                        now.before = now.after
    return False


# ------------------------------------------------------------------------------------------------------- called from Python


def _batch(v: Any, start: npt.NDArray[np.int64]) -> tuple[Any, Any]:
    """Records of the assets, those of their periods asked for being start[a] … start[a + 1] − 1, and of their periods."""
    n = len(v.offset) - 1
    offset = row(v.offset, i8, n + 1)
    size = int(offset[n])
    assets = {name: row(getattr(v, name), f8, n)[:n] for name in ("volatility", "uncertainty", "entry_loss", "royalty_low", "royalty_high", "step")}
    inputs = getattr(v, "inputs", None)
    assets |= {name: np.ones(n) if inputs is None else row(getattr(inputs, name), f8, n)[:n] for name in ("least", "greatest")}
    assets |= {name: mask(getattr(v, name), n) for name in ("optional", "clamped", "enters")}
    assets |= {"start": offset[:n], "stop": offset[1 : n + 1], "first_asked": start[:n], "last_asked": start[1 : n + 1]}
    periods = {name: row(getattr(v, name), f8, size)[:size] for name in ("w", "f", "survival", "rival")}
    periods["salvage"] = np.zeros(size) if v.salvage is None else row(v.salvage, f8, size)[:size]
    bounded = np.repeat(assets["clamped"], np.diff(offset[: n + 1]))
    for name, free in (("low", -np.inf), ("high", np.inf)):
        periods[name] = np.where(bounded, row(getattr(v, name), f8, size)[:size], free) if bounded.any() else np.full(size, free)
    return records(assets), records({**periods, "before": np.zeros(size), "after": np.zeros(size)})


def _asked(period: Any, discount: Any) -> Any:
    """Records of the periods asked for."""
    k = len(period)
    whole = {name: np.zeros(k, i8) for name in ("first_cell", "cells", "cell")}
    return records({"period": row(period, np.int32, k).astype(i8), "discount": row(discount, f8, k)[:k], **whole})


def boundary(v: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Renewal boundaries (offset[a],), (offset[a],) before and after the rival's entry; 0 where the asset is never given up. numerics.md §9."""
    nothing = np.zeros(0)
    assets, periods = _batch(v, np.zeros(len(v.offset), i8))
    if len(assets):
        with DefaultArithmetic():
            stopped_if(_solve(assets, periods, _asked(np.zeros(0, np.int32), nothing), nothing, nothing.copy(), FLAG))
    return periods["before"].copy(), periods["after"].copy()


def value_curves(v: Any, start: Any, period: Any, discount: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], ValueCurves]:
    """Renewal boundaries as `boundary` gives them, and the curves of what is expected after some periods. numerics.md §19.

    start, (a + 1) int64, and period, (k,) int32: those of asset a are period[start[a]] … period[start[a + 1] − 1], ascending, from 0 on. discount,
    (k,): what money at the end of each is worth today.
    """
    n = len(v.offset) - 1
    start = row(start, i8, n + 1)
    (assets, periods), asked = _batch(v, start), _asked(period, discount)
    check_asked(start, period, n)
    with DefaultArithmetic():
        count_cells(assets, periods, asked)
        curves = laid(start, v.enters, asked["first_cell"].copy(), asked["cells"].copy())
        asked["cell"] = curves.cell
        if n:
            stopped_if(_solve(assets, periods, asked, curves.slope, curves.level0, FLAG))
    return periods["before"].copy(), periods["after"].copy(), curves
