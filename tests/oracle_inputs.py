"""The slow definition of uncertain inputs: docs/numerics.md section 17 in plain NumPy, beside oracle.py, which calls it.

Written from the specification alone; the distributions' quantiles are SciPy's. Shapes: p = paths.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from oracle_matrix import cholesky
from scipy import special

Array = NDArray[Any]

NAMES = ("royalty_rate", "margin", "revenue", "discount_premium")
PREMIUM = 3
PERT_REACH = 6.5


class Refused(Exception):
    """The row breaks a rule of its inputs."""


@dataclass(frozen=True)
class Input:
    """One input of a method: its place among NAMES, its distribution, and what its draws are relative to: (draw - shift)/scale."""

    place: int
    kind: str
    parameters: tuple[float, ...]
    scale: float
    shift: float

    def draw(self, u: Array, rest: Array, z: Array) -> Array:
        """The quantile at u = 1 - rest, whose normal is z."""
        p = self.parameters
        if self.kind == "uniform":
            return p[0] + (p[1] - p[0]) * u
        if self.kind == "lognormal":
            return np.exp(p[0] + p[1] * z)
        if self.kind == "quantiles":
            return np.interp(u, np.linspace(0, 1, len(p)), p)
        low, mode, high = p
        width = high - low
        if width == 0:
            return np.full(len(u), low)
        if self.kind == "triangular":
            rising = low + np.sqrt(u * width * (mode - low))
            falling = high - np.sqrt(rest * width * (high - mode))
            return np.where(u < (mode - low) / width, rising, falling)
        a, b = 1 + 4 * (mode - low) / width, 1 + 4 * (high - mode) / width
        inside = np.clip(z, -PERT_REACH, PERT_REACH)
        below = special.betaincinv(a, b, special.ndtr(np.minimum(inside, 0)))
        above = special.betaincinv(b, a, special.ndtr(np.minimum(-inside, 0)))
        return np.where(inside < 0, low + width * below, high - width * above)

    def relative(self, u: Array, rest: Array, z: Array) -> Array:
        found: Array = (self.draw(u, rest, z) - self.shift) / self.scale
        return found

    @property
    def moments(self) -> tuple[float, float]:
        """Mean and mean square of the relative draw, by quadrature of the density of known form, piece by piece."""
        mean, square = raw_moments(self.kind, self.parameters)
        c, s = self.scale, self.shift
        return (mean - s) / c, (square - 2 * s * mean + s * s) / (c * c)

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest relative draw; of a log-normal those at six standard deviations."""
        p = self.parameters
        low, high = (math.exp(p[0] - 6 * p[1]), math.exp(p[0] + 6 * p[1])) if self.kind == "lognormal" else (p[0], p[-1])
        return (low - self.shift) / self.scale, (high - self.shift) / self.scale


def raw_moments(kind: str, p: Sequence[float]) -> tuple[float, float]:
    """Mean and mean square of a distribution."""
    if kind == "lognormal":
        return math.exp(p[0] + p[1] ** 2 / 2), math.exp(2 * p[0] + 2 * p[1] ** 2)
    if kind in ("uniform", "quantiles"):
        pairs = list(itertools.pairwise(p))
        return sum((a + b) / 2 for a, b in pairs) / len(pairs), sum((a * a + a * b + b * b) / 3 for a, b in pairs) / len(pairs)
    low, mode, high = p
    if kind == "triangular":
        mean = (low + mode + high) / 3
        return mean, mean**2 + (low**2 + mode**2 + high**2 - low * mode - low * high - mode * high) / 18
    mean = (low + 4 * mode + high) / 6
    return mean, mean**2 + (mean - low) * (high - mean) / 7


def filled(asset: Mapping[str, Any]) -> dict[str, Any]:
    """The asset with the mean of its distribution where an uncertain column is blank, and a royalty's range as a distribution where correlations may
    tie it to another draw."""
    out = dict(asset)
    bounds = [out.get(name) for name in ("royalty_low", "royalty_rate", "royalty_high")]
    others = out.get("revenue_distribution") is not None or out.get("discount_premium_distribution") is not None
    if out.get("input_correlations") is not None and others and None not in bounds and out.get("royalty_rate_distribution") is None:
        out |= {"royalty_rate_distribution": "triangular", "royalty_rate_parameters": bounds, "royalty_low": None, "royalty_high": None}
    for name in NAMES:
        kind, parameters = out.get(f"{name}_distribution"), out.get(f"{name}_parameters")
        if kind is not None and parameters is not None and out.get(name) is None:
            out[name] = raw_moments(kind, parameters)[0]
    return out


def inputs_of(asset: Mapping[str, Any], method: str) -> list[Input]:
    """The inputs that the income by a method depends on. Raises Refused where draws are out of their limits."""
    by_margin = method in ("excess_earnings", "incremental_income") or (method == "project" and asset.get("margin") is not None)
    found = []
    for place, name in enumerate(NAMES):
        kind, parameters = asset.get(f"{name}_distribution"), asset.get(f"{name}_parameters")
        if (kind is None) != (parameters is None):
            raise Refused(f"{name}: a distribution and its parameters")
        if kind is None or (place == 0 and by_margin) or (place == 1 and not by_margin):
            continue
        count = {"triangular": 3, "pert": 3, "uniform": 2, "lognormal": 2}.get(kind)
        if (count or max(2, len(parameters))) != len(parameters):
            raise Refused(f"{name}_parameters: {len(parameters)}")
        if parameters[1] < 0 if kind == "lognormal" else any(a > b for a, b in itertools.pairwise(parameters)):
            raise Refused(f"{name}_parameters: order")
        scale, shift = 1.0, 0.0
        if place == PREMIUM:
            shift = float(asset.get(name) or 0.0)
        elif name == "revenue":
            scale = float(asset[name] if asset.get(name) is not None else asset["revenue_path"][0])
        else:
            shift = float(asset.get("contributory_charge") or 0.0) if by_margin and method != "incremental_income" else 0.0
            scale = float(asset[name]) - shift
        if place != PREMIUM and not scale > 0:
            raise Refused(f"{name}: base")
        one = Input(place, kind, tuple(map(float, parameters)), scale, shift)
        least, greatest = one.ends
        if place != PREMIUM and (least < -1e-12 or (place < 2 and greatest * scale + shift > 1 + 1e-12)):
            raise Refused(f"{name}_parameters: limits")
        found.append(one)
    return found


def triangle(asset: Mapping[str, Any]) -> Array:
    """(4, 4) the lower triangle of the correlations."""
    entries = asset.get("input_correlations")
    matrix = np.eye(4)
    if entries is not None:
        matrix[np.triu_indices(4, 1)] = entries
        matrix = np.triu(matrix) + np.triu(matrix, 1).T
    try:
        return cholesky(matrix)
    except ValueError:
        raise Refused("input_correlations") from None


def blended(inputs: Sequence[Input], weights: Array) -> bool:
    """Whether there is no closed form: the premium is drawn, or two multipliers are correlated."""
    multipliers = [one.place for one in inputs if one.place != PREMIUM]
    coupled = any((weights[i] * weights[j]).sum() != 0 for i in multipliers for j in multipliers if i < j)
    return coupled or len(multipliers) < len(inputs)


def normal(word: Array) -> Array:
    """The normal of a word, by the nearer tail."""
    tail = special.ndtri((np.minimum(word, np.uint32(2**32 - 1) - word).astype(float) + 0.5) * 2.0**-32)
    out: Array = np.where(word >= 2**31, -tail, tail)
    return out


@dataclass(frozen=True)
class Drawn:
    """What inputs make of each path (p,): the level's multiplier, δ of the discount rate, and what the control takes in place of them."""

    multiplier: Array
    premium: Array
    steady: Array
    tilt: Array


def drawn(inputs: Sequence[Input], weights: Array, words: Mapping[int, Array], paths: int) -> Drawn:
    """words: of each input by its place, (p,) uint32."""
    multiplier, steady, premium, tilt, mean = np.ones(paths), np.ones(paths), np.zeros(paths), np.zeros(paths), 1.0
    first = True
    for one in inputs:
        row = weights[one.place]
        if np.any(row[: one.place] != 0):
            z = sum(row[j] * normal(words[j]) for j in range(one.place + 1) if row[j] != 0)
            u, rest = special.ndtr(z), special.ndtr(-z)
        else:
            word = words[one.place]
            z = normal(word)
            u, rest = ((k.astype(float) + 0.5) * 2.0**-32 for k in (word, np.uint32(2**32 - 1) - word))
        x, expected = one.relative(u, rest, z), one.moments[0]
        if one.place == PREMIUM:
            premium, tilt = x, mean * (x - expected)
            continue
        steady = x if first else expected * steady + mean * (x - expected)
        multiplier, mean, first = multiplier * x, mean * expected, False
    return Drawn(multiplier, premium, steady, tilt)
