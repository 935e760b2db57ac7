"""A batch of vectors as records of its assets and of their periods, numbers rounded to the precision of the run once (docs/numerics.md §3, §5, §14).

a = assets, t = periods of one asset (ragged). Plain NumPy: + − × ÷ √ and comparisons, which are the same on every processor.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.constants import (
    LOG2_E,
    PURPOSE_ANEW,
    PURPOSE_LEVEL,
    PURPOSE_PATH,
    STREAM_LEVEL,
    STREAM_RIVAL,
    STREAM_ROYALTY,
    STREAM_SHOCKS,
    STREAM_SURVIVAL,
)
from ipvalue.numba_kernel.arrays import mask, records, row

u4, u8, i4, i8, f8 = np.uint32, np.uint64, np.int32, np.int64, np.float64

_TOP_BIT = u4(0x80000000)

_STREAMS = {
    "survival": (STREAM_SURVIVAL, PURPOSE_PATH, 0),
    "rival": (STREAM_RIVAL, PURPOSE_PATH, 1),
    "shocks": (STREAM_SHOCKS, PURPOSE_PATH, 2),
    "level_pair": (STREAM_LEVEL, PURPOSE_LEVEL, 0),
    "royalty": (STREAM_ROYALTY, PURPOSE_LEVEL, 2),
}
"""Of what is drawn of an asset: its stream, purpose, and first word."""


def counter_of(stream: int, purpose: int, word: int, redrawn: int) -> np.uint64:
    """The first word of a stream's counters (numerics.md §1), by the bits of what is drawn anew (§18)."""
    return u8((purpose + PURPOSE_ANEW * (redrawn >> stream & 1)) << 28 | word)


def asset_records(v: Any, real: Any, redrawn: int = 0) -> npt.NDArray[Any]:
    """(a,) records of the numbers that paths of an asset share, and of the counters that its words begin with. v: ipvalue.cashflows.Vectors."""
    n = len(v.offset) - 1
    offset = row(v.offset, i8, n + 1)
    names = ("volatility", "loading", "uncertainty", "entry_loss", "royalty_low", "royalty_high", "step", "last_delta")
    sigma, beta, s, loss, low, high, step, last_delta = (row(getattr(v, name), f8, n)[:n] for name in names)
    scaled, width = sigma * np.sqrt(step), high - low
    ranged = np.where(width > 0.0, width, 1.0)
    may_live = _thresholds(row(v.survival, f8, offset[n])[: offset[n]]) > 0
    numbers = {
        "drift": LOG2_E * (-0.5 * sigma * sigma * step),
        "common": LOG2_E * (scaled * beta),
        "own": LOG2_E * (scaled * np.sqrt(1.0 - beta * beta)),
        "level": LOG2_E * s,
        "half_level": LOG2_E * (-0.5 * s * s),
        "entered": 1.0 - loss,
        "range_low": low,
        "range_high": high,
        "range_split": (1.0 - low) / ranged,
        "range_left": width * (1.0 - low),
        "range_right": width * (high - 1.0),
    }
    by_rule = getattr(v, "by_rule", None)
    flags = {
        "has_volatility": sigma > 0.0,
        "has_factor": (sigma > 0.0) & (beta != 0.0),
        "has_level": s > 0.0,
        "has_royalty": width > 0.0,
        "has_rival": mask(v.enters, n),
        "optional": mask(v.optional, n),
        "clamped": mask(v.clamped, n),
        "ruled": np.zeros(n, np.bool_) if by_rule is None else mask(by_rule.ruled, n),
    }
    inputs = getattr(v, "inputs", None)
    flags["has_inputs"] = np.zeros(n, np.bool_) if inputs is None else (inputs.kind[:n] != 0).any(axis=1)
    flags["blended"] = np.zeros(n, np.bool_) if inputs is None else flags["has_inputs"] & mask(inputs.blended, n)
    flags["estimated"] = flags["optional"] | flags["clamped"] | flags["ruled"] | flags["blended"]
    whole = {
        "hash": row(v.hash, u8, n)[:n],
        "factor": row(v.factor, i4, n)[:n].astype(i8),
        "start": offset[:-1],
        "periods": np.bincount(np.repeat(np.arange(n), np.diff(offset))[may_live], minlength=n),
        "whole_periods": np.diff(offset),
        "reach": np.zeros(n, i8),
        "step": step,
        "last_delta": last_delta,
        **{f"{name}_word": np.full(n, counter_of(*stream, redrawn)) for name, stream in _STREAMS.items()},
    }
    return records({**whole, **_rounded(numbers, real), **flags})


def period_records(v: Any, assets: npt.NDArray[Any], real: Any) -> npt.NDArray[Any]:
    """(offset[a],) records of the period vectors. `last`, `rival_last`: the greatest words below the thresholds, moved to the signed range."""
    size = int(v.offset[len(assets)])

    def vector(name: str) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = row(getattr(v, name), f8, size)[:size]
        return found

    def where(flag: str, name: str) -> npt.NDArray[np.float64]:
        """A vector, 0 where the asset's flag is not set; the vector may be None where no flag is."""
        return np.where(np.repeat(assets[flag], assets["whole_periods"]), vector(name), 0.0) if assets[flag].any() else np.zeros(size)

    by_rule = getattr(v, "by_rule", None)
    sales = np.zeros(size) if by_rule is None else row(by_rule.sales, f8, size)[:size]
    of_level = vector("w") * np.where(np.repeat(assets["ruled"], assets["whole_periods"]), sales, 1.0)
    numbers = {
        "w": vector("w"),
        "f": vector("f"),
        "chance": vector("survival"),
        "control": vector("survival") * of_level,
        "salvage": where("optional", "salvage"),
        "low": where("clamped", "low"),
        "high": where("clamped", "high"),
        "bound_out": where("optional", "bound_out"),
        "bound_in": where("optional", "bound_in"),
    }
    rival = np.where(np.repeat(assets["has_rival"], assets["whole_periods"]), vector("rival"), 1.0)
    words = {
        "last": _last_words(_thresholds(vector("survival"))),
        "rival_last": _last_words(np.maximum(_thresholds(rival), 1)),
    }
    return records({**_rounded(numbers, real), **words, "sales": sales})


def _rounded(columns: dict[str, npt.NDArray[np.float64]], real: Any) -> dict[str, npt.NDArray[Any]]:
    with np.errstate(over="ignore"):  # beyond single precision is infinite: such a row is refused for its values
        return {name: column.astype(real) for name, column in columns.items()}


def _thresholds(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """⌈s·2³² − ½⌉ limited to [0, 2³²]: numerics.md §3."""
    return np.clip(np.ceil(probability * 2.0**32 - 0.5), 0.0, 2.0**32).astype(i8)


def _last_words(limit: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    return ((limit - 1).astype(u4) ^ _TOP_BIT).view(i4)
