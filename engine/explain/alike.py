"""Whether rights are valued by the same bits in two stages of the world: then their values are the same, and nothing need be simulated.

a = rows, c = components (row, method), t = periods, ragged
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.appraise import Appraiser
from ipvalue.cashflows import ByRule, Vectors
from ipvalue.compiled import Compiled
from ipvalue.rows import Mask
from ipvalue.uncertain import inputs_differ

_PERIODIC = ("w", "f", "survival", "rival", "salvage")
"""Fields of the vectors that have a number for each period."""
_APART = ("offset", "factor", "low", "high", "bound_out", "bound_in", "by_rule", "inputs")
"""Fields that are not compared as they stand; boundaries follow from the others."""
_UNBOUNDED = {"low": -np.inf, "high": np.inf}


def alike(one: Compiled, other: Compiled, old: Appraiser, new: Appraiser) -> Mask:
    """(a,) which of the same rows, compiled for two appraisers, have values that are the same bit for bit, because all they are made of is."""
    same: Mask = np.full(len(one.several), _draws(old) == _draws(new))
    for differ in (_other_shape, _other_periods, _other_numbers):
        if same.any():
            same[same] = ~differ(one.only(same), other.only(same), old, new)
    return same


def _draws(appraiser: Appraiser) -> tuple[Any, ...]:
    """All that which random numbers a right gets depends on, beside its own hash and its factor."""
    sampling = appraiser.sampling
    bridge = appraiser.factors.steps_per_year if sampling.sampler == "sobol" else None
    return sampling, bridge


def _other_shape(one: Compiled, other: Compiled, old: Appraiser, new: Appraiser) -> Mask:
    """(a,) where the number of components differs, or whether there are several."""
    shape: Mask = (np.diff(one.start) != np.diff(other.start)) | (one.several != other.several)
    return shape


def _other_periods(one: Compiled, other: Compiled, old: Appraiser, new: Appraiser) -> Mask:
    return _of_rows(one, np.diff(one.vectors.offset) != np.diff(other.vectors.offset))


def _other_numbers(one: Compiled, other: Compiled, old: Appraiser, new: Appraiser) -> Mask:
    a, b = one.vectors, other.vectors
    differ = _bits_differ(one.weight, other.weight) | inputs_differ(a.inputs, b.inputs, a.hash, a.offset)
    differ |= _factors_differ(a, b, old, new) | _rules_differ(a, b, old, new)
    for name in (field.name for field in fields(Vectors) if field.name not in _APART):
        off = _bits_differ(getattr(a, name), getattr(b, name))
        differ |= _of_components(a, off) if name in _PERIODIC else off
    for name, open_end in _UNBOUNDED.items():
        here, there = getattr(a, name), getattr(b, name)
        if here is not None or there is not None:
            none = np.full(len(a.w), open_end)
            differ |= _of_components(a, _bits_differ(none if here is None else here, none if there is None else there))
    return _of_rows(one, differ)


def _bits_differ(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> Mask:
    """Where two arrays of one shape hold other bits."""
    kind = np.dtype(f"u{one.dtype.itemsize}")
    differ: Mask = np.ascontiguousarray(one).view(kind) != np.ascontiguousarray(other).view(kind)
    return differ


def _of_components(vectors: Vectors, differ: Mask) -> Mask:
    """(c,) where any of a component's periods (t,) differs."""
    found = np.zeros(len(vectors.step), np.bool_)
    found[np.repeat(np.arange(len(found)), np.diff(vectors.offset))[differ]] = True
    return found


def _of_rows(compiled: Compiled, differ: Mask) -> Mask:
    """(a,) where any component (c,) differs."""
    found = np.zeros(len(compiled.several), np.bool_)
    found[np.repeat(np.arange(len(found)), np.diff(compiled.start))[differ]] = True
    return found


def _factors_differ(one: Vectors, other: Vectors, old: Appraiser, new: Appraiser) -> Mask:
    """(c,) where the factor that moves it is made otherwise; of those that no factor moves it does not matter."""
    made, remade = _recipes(old), _recipes(new)
    number = {recipe: i for i, recipe in enumerate(dict.fromkeys([*made, *remade]))}
    before = np.array([*(number[recipe] for recipe in made), -1])[one.factor]
    after = np.array([*(number[recipe] for recipe in remade), -1])[other.factor]
    differ: Mask = (before != after) & ((one.loading != 0.0) | (other.loading != 0.0))
    return differ


def _recipes(appraiser: Appraiser) -> list[tuple[Any, ...]]:
    """What each factor is made of (docs/numerics.md §4, §11): independent factors with their coefficients, and under sobol its place among all."""
    matrix, hashes = appraiser.factors.matrix, appraiser.factors.hashes
    place = (lambda j: (j, len(hashes))) if appraiser.sampling.sampler == "sobol" else (lambda j: ())
    return [tuple((int(hashes[j]), float(matrix[s, j]), *place(j)) for j in range(s + 1) if matrix[s, j] != 0.0) for s in range(len(hashes))]


def _rules_differ(one: Vectors, other: Vectors, old: Appraiser, new: Appraiser) -> Mask:
    """(c,) where another rule earns the income, or the same from other numbers."""
    a, b = one.by_rule, other.by_rule
    if a is None and b is None:
        return np.zeros(len(one.step), np.bool_)
    if a is None or b is None or old.rule_terms() != new.rule_terms():
        return _ruled(a, one) | _ruled(b, other)
    differ = _bits_differ(a.ruled, b.ruled) | _bits_differ(a.own, b.own).any(axis=1)
    return differ | _of_components(one, _bits_differ(a.sales, b.sales))


def _ruled(rule: ByRule | None, vectors: Vectors) -> Mask:
    ruled: Mask = np.zeros(len(vectors.step), np.bool_) if rule is None else rule.ruled != 0
    return ruled
