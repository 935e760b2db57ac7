"""What the results say of a book of loans: sums on the paths by bearer, their tails, each loan's part of these, concentration.

docs/numerics.md §19, "Statistics of the book". p = paths, l = loans, b = bearing.SUMMED.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipvalue.backend import kernel
from ipvalue.constants import MONEY_SCALE, STATISTICS
from ipvalue.lending.bearing import Words
from ipvalue.lending.units import Floats, Longs

LEVELS = (0.95, 0.99, 0.999)
NAMES = ("95", "99", "99_9")

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Tails:
    """The greatest sums on the paths, at each of LEVELS."""

    marks: npt.NDArray[np.uint8]  # (b, p) bit 2k: the sum is above the least of tail k; bit 2k + 1: it is equal to it
    count: Longs  # (levels) paths of a tail
    equal: Floats  # (b, levels) the part in which a path counts whose sum is equal to the least


def book_figures(sums: Words) -> dict[str, float]:
    """Of one bearer's sums on the paths (p, 2): mean, standard deviation, value at risk, expected shortfall, unexpected loss."""
    losses = kernel.exact_as_float(np.ascontiguousarray(sums))
    found = kernel.statistics(losses, LEVELS, 1.0)
    mean, deviation = (float(found[STATISTICS.index(name)]) for name in ("mean", "standard_deviation"))
    out = {"mean": mean, "standard_deviation": deviation}
    shortfall = STATISTICS.index("expected_shortfall")
    for level, name, quantile in zip(LEVELS, NAMES, found[len(STATISTICS) :], strict=True):
        out[f"var_{name}"] = float(quantile)
        out[f"es_{name}"] = -float(kernel.statistics(-losses, (), 1.0 - level)[shortfall])
    out["unexpected_loss"] = out["var_99_9"] - mean
    return out


def tails(sums: Words) -> Tails:
    """The tails of sums (b, p, 2)."""
    bearers, paths = sums.shape[:2]
    marks, equal = np.zeros((bearers, paths), np.uint8), np.zeros((bearers, len(LEVELS)))
    count = np.array([max(math.ceil((1.0 - level) * paths - _ROUNDING), 1) for level in LEVELS])
    for b in range(bearers):
        low, high = sums[b, :, 0], sums[b, :, 1]
        order = np.lexsort((low, high))
        for k, j in enumerate(count):
            least = order[paths - j]
            ties = (high == high[least]) & (low == low[least])
            above = (high > high[least]) | ((high == high[least]) & (low > low[least]))
            marks[b] |= (above.astype(np.uint8) << 2 * k) | (ties.astype(np.uint8) << 2 * k + 1)
            equal[b, k] = (j - np.count_nonzero(above)) / np.count_nonzero(ties)
    return Tails(marks, count, equal)


def contributions(tail_sums: Floats, found: Tails) -> Floats:
    """Each loan's part of the book's expected shortfalls (l, b, levels), of its sums over the paths of the tails (`bearing.tail_sums`)."""
    above, ties = (tail_sums[:, :, : len(LEVELS), k] for k in (0, 1))
    out: Floats = (above + found.equal * ties) / (found.count * float(MONEY_SCALE))
    return out


def concentration(amount: Floats, group: Longs) -> float:
    """Herfindahl's index of amounts (n) by group (n), numbers from 0: 1 where one group has it all."""
    by_group = np.bincount(group, amount)
    whole, squares = 0.0, 0.0
    for one in by_group:
        whole += float(one)
    for one in by_group:
        squares += (float(one) / whole) * (float(one) / whole)
    return squares
