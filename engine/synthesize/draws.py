"""Uniform numbers of a block, and the laws and shares they are turned into. n = rows of a block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.backend import kernel

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Law = Callable[[Floats], Floats]

BLOCK = 100_000
"""Rows made at a time: block b comes from the Philox4x64 stream of the key (seed, b)."""


def uniforms(seed: int, stream: int, columns: int, rows: int = BLOCK) -> Floats:
    """(columns, rows) uniform numbers of one stream, never 0 and never 1."""
    words = np.random.Philox(key=np.array([seed, stream], np.uint64)).random_raw(columns * rows).reshape(columns, rows)
    u: Floats = (words >> np.uint64(12)).astype(np.float64) * 2.0**-52 + 2.0**-53
    return u


@dataclass(frozen=True)
class Share:
    """A categorical margin: names and the upper ends of their parts of [0, 1)."""

    names: tuple[str, ...]
    ends: Floats

    @classmethod
    def of(cls, counts: Mapping[str, float]) -> Share:
        """Names in proportion to their counts."""
        cumulated = np.cumsum(np.array(list(counts.values()), np.float64))
        return cls(tuple(counts), cumulated / cumulated[-1])

    def draw(self, u: Floats) -> Codes:
        """u[n] uniform -> positions in names[n]."""
        return np.minimum(np.searchsorted(self.ends, u, side="right"), len(self.names) - 1).astype(np.int32)


def skewed_rank(u: Floats, number: int | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Rank r from 1 to `number` with a chance in proportion to 1/sqrt(r): the square of a uniform, times their number."""
    return np.floor(u * u * number).astype(np.int64) + np.int64(1)


def law_of(table: dict[str, Any]) -> Law:
    """u[n] uniform -> values[n] of the law that a table of a profile's file describes."""
    digits = table.get("digits", 15)
    match table["law"]:
        case "constant":
            return lambda u: np.full(u.shape, table["value"], np.float64)
        case "uniform":
            return lambda u: np.round(table["low"] + (table["high"] - table["low"]) * u, digits)
        case "normal":
            return lambda u: np.round(np.clip(table["mean"] + table["sd"] * normal_quantile(u), table["low"], table["high"]), digits)
        case "lognormal":
            return lambda u: np.round(table["median"] * kernel.elementary("exp", table["sigma"] * normal_quantile(u)), digits)
        case "choice":
            values, share = np.array(table["values"], np.float64), Share.of(dict(zip(map(str, table["values"]), table["shares"], strict=True)))
            return lambda u: values[share.draw(u)]
        case other:
            raise ValueError(f"law {other!r}")


def normal_quantile(u: Floats) -> Floats:
    """Φ⁻¹ to 1e-7: Wichura (1988), Algorithm AS 241, PPND7, Applied Statistics 37(3). u in (0, 1)."""
    q = u - 0.5
    near = np.abs(q) <= 0.425
    r = 0.180625 - q * q
    centre = (
        q
        * (((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179)
        / (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0)
    )
    s = np.sqrt(-kernel.elementary("log", np.minimum(u, 1.0 - u)))
    t = s - 1.6
    tail = (((0.17023821103 * t + 1.3067284816) * t + 2.7568153900) * t + 1.4234372777) / ((0.12021132975 * t + 0.73700164250) * t + 1.0)
    t = s - 5.0
    far = (((0.017337203997 * t + 0.42868294337) * t + 3.0812263860) * t + 6.6579051150) / ((0.012258202635 * t + 0.24197894225) * t + 1.0)
    outside: Floats = np.copysign(np.where(s <= 5.0, tail, far), q)
    return np.where(near, centre, outside)
