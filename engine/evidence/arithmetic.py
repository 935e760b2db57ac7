"""The kernel's own powers and look-ups for a column of numbers, and whether two columns are the same to rounding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipvalue.backend import Backend, kernels
from ipvalue.constants import TIME_EPSILON
from ipvalue.schema import RunError
from ipvalue.tables import Pairs
from ipvalue.verify import same_number

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MOST_ULPS = 4.0
"""How far a product of the printed factors may be from what the engine used: the rounding of a few operations."""


def powers(base: Floats, exponent: Floats, backend: Backend) -> Floats:
    """base^exponent, as the kernels raise."""
    raised: Floats = kernels(backend).elementary("pow", np.ascontiguousarray(base), np.ascontiguousarray(exponent))
    return raised


def decays(rate: float, time: Floats, backend: Backend) -> Floats:
    """e^(−rate·time), as the kernels decay."""
    decayed: Floats = np.ones(len(time)) if rate == 0.0 else kernels(backend).elementary("exp", -rate * time)
    return decayed


def later(x: Floats, y: float) -> Mask:
    """Where a time is after another (model.md, head)."""
    after: Mask = x > y + TIME_EPSILON
    return after


def on_curve(table: Pairs, item: int, times: Floats) -> Floats:
    """A curve at some times: linear between its points, flat outside."""
    start, x, y = table
    first, last = int(start[item]), int(start[item + 1]) - 1
    return np.array([_interpolated(x[first : last + 1], y[first : last + 1], float(time)) for time in times])


def _interpolated(x: Floats, y: Floats, at: float) -> float:
    if at <= x[0]:
        return float(y[0])
    if at >= x[-1]:
        return float(y[-1])
    low = int(np.searchsorted(x, at, side="right")) - 1
    return float(y[low] + (y[low + 1] - y[low]) * ((at - x[low]) / (x[low + 1] - x[low])))


def ulps(ours: Floats, engine: Floats) -> float:
    """The greatest distance of two columns, in units of the last place."""
    same = ours == engine
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(ours - engine) / np.spacing(np.maximum(np.abs(ours), np.abs(engine))))
    return float(np.max(apart, initial=0.0))


def must_equal(what: str, ours: float, engine: float) -> None:
    """Raises RunError where a number that was reckoned by hand is not the engine's, to the bit."""
    if not same_number(ours, engine):
        raise RunError(f"{what}: its parts lead to {ours!r}, and the engine has {engine!r}: no evidence is written; please report it")


def must_agree(what: str, ours: Floats, engine: Floats) -> float:
    """The distance of explained numbers from those the engine used. Raises RunError where it is more than rounding."""
    distance = ulps(np.atleast_1d(ours), np.atleast_1d(engine))
    if not distance <= MOST_ULPS:
        where = f"{what}: what explains it is {distance:.3g} units of the last place from what was used"
        raise RunError(f"{where}: this evidence would not be right, so none is written; please report it")
    return distance
