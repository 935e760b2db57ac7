"""The uncertain inputs of a right: the groups of random numbers whose share of the variance is asked for.

c = components (row, method)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ipvalue.cashflows import Vectors
from ipvalue.compiled import Compiled
from ipvalue.constants import (
    DRAWN_NOT,
    INPUT_MARGIN,
    INPUT_PREMIUM,
    INPUT_REVENUE,
    INPUT_ROYALTY,
    STREAM_FACTOR,
    STREAM_LEVEL,
    STREAM_MARGIN,
    STREAM_PREMIUM,
    STREAM_REVENUE,
    STREAM_RIVAL,
    STREAM_ROYALTY,
    STREAM_SHOCKS,
    STREAM_SURVIVAL,
    STREAMS,
)
from ipvalue.rows import Mask

ANEW = (1 << STREAMS) - 1
"""Everything drawn anew."""


@dataclass(frozen=True)
class Uncertain:
    """An input by its name and meaning, the stream it is drawn from, and whether it moves components (c,)."""

    name: str
    meaning: str
    stream: int
    moves: Callable[[Vectors], Mask]

    def of_rows(self, compiled: Compiled) -> Mask:
        """(a,) which rows it moves, by any of their methods."""
        moved: Mask = np.logical_or.reduceat(self.moves(compiled.vectors), compiled.start[:-1])
        return moved


def _may_end(v: Vectors) -> Mask:
    """Where the threshold of some S_t is below 2³² (docs/numerics.md §3)."""
    ends: Mask = np.logical_or.reduceat(np.ceil(v.survival * 2.0**32 - 0.5) < 2.0**32, v.offset[:-1])
    return ends


def _drawn(v: Vectors, i: int) -> Mask:
    """Where an input has a distribution, or another one that has is correlated with it and comes after it (docs/numerics.md §17)."""
    if v.inputs is None:
        return np.zeros(len(v.offset) - 1, np.bool_)
    drawn = v.inputs.kind != DRAWN_NOT
    moved: Mask = drawn[:, i] | (drawn[:, i:] & (v.inputs.weights[:, i:, i] != 0.0)).any(axis=1)
    return moved


def _royalty_drawn(v: Vectors) -> Mask:
    return (v.royalty_high > v.royalty_low) | _drawn(v, INPUT_ROYALTY)


def _shaken(v: Vectors) -> Mask:
    return (v.volatility > 0.0) & (np.abs(v.loading) < 1.0)


UNCERTAIN = (
    Uncertain("survival", "U: when the right ends", STREAM_SURVIVAL, _may_end),
    Uncertain("rival", "U': when the rival enters", STREAM_RIVAL, lambda v: v.enters != 0),
    Uncertain("level", "Z_0: what is not known about today's revenue", STREAM_LEVEL, lambda v: v.uncertainty > 0.0),
    Uncertain("royalty_rate", "the royalty: within its range, or its distribution", STREAM_ROYALTY, _royalty_drawn),
    Uncertain("margin", "the margin's distribution", STREAM_MARGIN, partial(_drawn, i=INPUT_MARGIN)),
    Uncertain("revenue", "the distribution of today's revenue", STREAM_REVENUE, partial(_drawn, i=INPUT_REVENUE)),
    Uncertain("discount_premium", "the discount premium's distribution", STREAM_PREMIUM, partial(_drawn, i=INPUT_PREMIUM)),
    Uncertain("own_shocks", "E_t: the right's own shocks, all periods", STREAM_SHOCKS, _shaken),
    Uncertain("sector_factor", "F_t: the sector's factor, all periods", STREAM_FACTOR, lambda v: (v.volatility > 0.0) & (v.loading != 0.0)),
)
"""All of them, in the order of the results."""
