"""Where functions of one number, one for each asset, are zero: brackets from a grid, then the roots within them, all assets at a time.

a = assets, g = points of the grid
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

Function = Callable[[Longs, Floats], Floats]
"""Some assets (by their places) and a point of each → the function's value of each, NaN where it has none."""

MOST_STEPS = 120
EDGE_STEPS = 60
"""Halvings towards the end of where a function has values: to the last digit of a double."""
EPSILON = 2.0**-52


@dataclass
class Brackets:
    """Two points of each asset (a,) between which its function changes sign, NaN where there are none, and the values there.

    solutions (a,): changes of sign that the grid shows; monotone (a,): whether the grid's values never turn; flat (a,): whether they are all the
    same; known (a,): whether there is any; lowest, highest (a,): of the values.
    """

    low: Floats
    high: Floats
    at_low: Floats
    at_high: Floats
    solutions: Longs
    monotone: Mask
    flat: Mask
    known: Mask
    lowest: Floats
    highest: Floats


def bracket(function: Function, grid: Floats, own: Floats) -> tuple[Brackets, int]:
    """Brackets from the functions' values on a grid (a, g) of ascending points, and how many values that took of each asset. Of several the one
    nearest to `own` (a,), where that is given, else the lowest. Where the function ends between two points, it is followed to its end."""
    places = np.arange(len(grid))
    values = np.stack([function(places, grid[:, g]) for g in range(grid.shape[1])], axis=1)
    known = np.isfinite(values)
    found = _of_grid(grid, values, known, own)
    count = grid.shape[1]
    for side in (-1, 1):
        count += _follow(function, grid, values, known, found, side)
    found.flat = found.known & (found.lowest == found.highest)
    return found, count


def _of_grid(grid: Floats, values: Floats, known: Mask, own: Floats) -> Brackets:
    a, g = grid.shape
    lowest, highest = np.where(known, values, np.inf).min(axis=1), np.where(known, values, -np.inf).max(axis=1)
    low, high, at_low, at_high = (np.full(a, np.nan) for _ in range(4))
    any_known: Mask = np.logical_or.reduce(known, axis=1)
    found = Brackets(low, high, at_low, at_high, np.zeros(a, np.int64), np.ones(a, np.bool_), any_known, any_known, lowest, highest)
    distance = np.full(a, np.inf)
    rises, falls = np.zeros(a, np.bool_), np.zeros(a, np.bool_)
    for k in range(g - 1):
        x0, x1, y0, y1 = grid[:, k], grid[:, k + 1], values[:, k], values[:, k + 1]
        both = known[:, k] & known[:, k + 1] & (x1 > x0)
        rises |= both & (y1 > y0)
        falls |= both & (y1 < y0)
        # a root on a point of the grid belongs to the bracket that it begins
        change = both & ((y0 == 0.0) | (y0 * y1 < 0.0) | ((y1 == 0.0) & (k == g - 2)))
        found.solutions += change
        away = np.where(np.isnan(own), k, np.maximum(np.maximum(x0 - own, own - x1), 0.0))
        nearer = change & (away < distance)
        distance[nearer] = away[nearer]
        for end, of in ((low, x0), (high, x1), (at_low, y0), (at_high, y1)):
            end[nearer] = of[nearer]
    found.monotone = ~(rises & falls)
    return found


def _follow(function: Function, grid: Floats, values: Floats, known: Mask, found: Brackets, side: int) -> int:
    """Follows functions without a bracket to their end below (−1) or above (1) the points where they have values, as far as it takes for a change
    of sign; gives how many values that took."""
    g = grid.shape[1]
    last = np.where(side > 0, g - 1 - np.argmax(known[:, ::-1], axis=1), np.argmax(known, axis=1))
    beyond = last + side
    active = np.flatnonzero(found.known & np.isnan(found.low) & (beyond >= 0) & (beyond < g))
    inside, y = grid[active, last[active]], values[active, last[active]]
    outside = grid[active, beyond[active]]
    steps = 0
    while len(active) and steps < EDGE_STEPS:
        middle = (inside + outside) / 2.0
        at = function(active, middle)
        steps += 1
        there = np.isfinite(at)
        found.lowest[active] = np.fmin(found.lowest[active], at)
        found.highest[active] = np.fmax(found.highest[active], at)
        crossed = there & (np.sign(at) != np.sign(y))
        if crossed.any():
            these = active[crossed]
            ends = sorted_ends(inside[crossed], y[crossed], middle[crossed], at[crossed])
            found.low[these], found.at_low[these], found.high[these], found.at_high[these] = ends
            found.solutions[these] = 1
        inside, y = np.where(there, middle, inside), np.where(there, at, y)
        outside = np.where(there, outside, middle)
        go_on = ~crossed & (np.abs(outside - inside) > EPSILON * np.maximum(np.abs(inside), EPSILON))
        active, inside, outside, y = active[go_on], inside[go_on], outside[go_on], y[go_on]
    return steps


def sorted_ends(x0: Floats, y0: Floats, x1: Floats, y1: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """(lower point, its value, upper point, its value)."""
    up = x0 <= x1
    return np.where(up, x0, x1), np.where(up, y0, y1), np.where(up, x1, x0), np.where(up, y1, y0)


@dataclass
class Roots:
    """The root of each asset (a,), the function's value there, and how many values that took (a,); NaN where none was found."""

    x: Floats
    y: Floats
    evaluations: Longs


def solve(function: Function, found: Brackets, near: Callable[[Longs, Floats, Floats], Mask]) -> Roots:
    """The roots within the brackets, by Chandrupatla's method (1997: inverse quadratic interpolation where it is safe, else halving) from a first
    step along the chord, which is the root where the function is a line. near(places, points, values): which of the newest points are near enough to
    0; else a bracket is narrowed to its last digit."""
    a = len(found.low)
    roots = Roots(np.full(a, np.nan), np.full(a, np.nan), np.zeros(a, np.int64))
    active = np.flatnonzero(np.isfinite(found.low))
    x1, x2, y1, y2 = found.low[active], found.high[active], found.at_low[active], found.at_high[active]
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.nan_to_num(y1 / (y1 - y2), nan=0.5)
    for step in range(MOST_STEPS):
        best = np.abs(y1) < np.abs(y2)
        lost = np.isnan(y1 + y2)
        x, y = np.where(lost, np.nan, np.where(best, x1, x2)), np.where(best, y1, y2)
        width = np.abs(x2 - x1)
        enough = near(active, x1, y1) if step else False  # x1 is the newest point
        done = (y == 0.0) | enough | (width <= 4.0 * EPSILON * np.maximum(np.abs(x1), np.abs(x2))) | lost
        roots.x[active[done]], roots.y[active[done]] = x[done], y[done]
        active, x1, x2, y1, y2, t = (one[~done] for one in (active, x1, x2, y1, y2, t))
        if not len(active):
            break
        x0 = x1 + t * (x2 - x1)
        y0 = function(active, x0)
        roots.evaluations[active] += 1
        same = np.sign(y0) == np.sign(y1)
        x3, y3 = np.where(same, x1, x2), np.where(same, y1, y2)
        x2, y2 = np.where(same, x2, x1), np.where(same, y2, y1)
        x1, y1 = x0, y0
        t = _next(x1, y1, x2, y2, x3, y3)
    return roots


def _next(x1: Floats, y1: Floats, x2: Floats, y2: Floats, x3: Floats, y3: Floats) -> Floats:
    """Where between x1 and x2 to look next, as a fraction: x1 is the newest point, x3 the one that left the bracket."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        xi, phi = (x1 - x2) / (x3 - x2), (y1 - y2) / (y3 - y2)
        safe = (phi * phi < xi) & ((1.0 - phi) * (1.0 - phi) < 1.0 - xi)
        quadratic = y1 / (y2 - y1) * y3 / (y2 - y3) + (x3 - x1) / (x2 - x1) * y1 / (y3 - y1) * y2 / (y3 - y2)
        edge = 2.0 * EPSILON * np.abs(x1) / np.abs(x2 - x1)
    t = np.where(safe & np.isfinite(quadratic), quadratic, 0.5)
    edge = np.minimum(np.nan_to_num(edge, nan=0.5), 0.5)
    return np.clip(t, edge, 1.0 - edge)
