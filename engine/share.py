"""A random share of rights, or loans: each is taken, or not, by its own hash and a seed alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_GOLDEN, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_WIDTH = 2.0**64


@dataclass(frozen=True)
class Share:
    """A random share of the rights, by `seed`."""

    of_rights: float
    seed: int


def chosen(hashes: npt.NDArray[np.uint64], share: float, seed: int) -> npt.NDArray[np.bool_]:
    """(a,) which rights a random share takes: each by its own hash and the seed alone, whatever stands beside it (SplitMix64)."""
    with np.errstate(over="ignore"):
        mixed = hashes + np.uint64(seed) * _GOLDEN + _GOLDEN
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
        mixed ^= mixed >> np.uint64(31)
    taken: npt.NDArray[np.bool_] = mixed.astype(np.float64) < share * _WIDTH
    return taken if share < 1.0 else np.ones(len(hashes), np.bool_)
