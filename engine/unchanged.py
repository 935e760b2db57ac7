"""Rows that come to the kernel the same under two markets and books of assumptions: bit for bit the same input, so the same results.

a = rows of the batch that both could value, c = their components (compiled.py)
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.appraise import Appraiser
from ipvalue.cashflows import RAGGED, UNBOUNDED, ByRule, Vectors
from ipvalue.compiled import Compiled, compile_rows
from ipvalue.intake import row_keys
from ipvalue.rows import Longs, Mask, Rows
from ipvalue.summary import with_method_shown
from ipvalue.uncertain import inputs_differ

_SHOWN = ("method", "methods", "weights")
"""Columns of the results that the assumptions may fill."""


def unchanged(old: Rows, new: Rows, old_appraiser: Appraiser, new_appraiser: Appraiser, group_by: tuple[str, ...]) -> Longs:
    """The numbers of those rows whose results are the same under both. `old` and `new` are the same rows, filled by either appraiser."""
    compiled = compile_rows(old, old_appraiser.tables), compile_rows(new, new_appraiser.tables)
    common = np.intersect1d(old.row, new.row, assume_unique=True)
    before, after = (one.only(np.isin(rows.row, common)) for one, rows in zip(compiled, (old, new), strict=True))
    same = (_shown(old, common, group_by) == _shown(new, common, group_by)).all(axis=1)
    same &= _alike(before, after, (old_appraiser, new_appraiser))
    numbers: Longs = common[same]
    return numbers


def _shown(rows: Rows, common: Longs, group_by: tuple[str, ...]) -> npt.NDArray[np.uint64]:
    """(a, 2) words of what results say of a row beside its numbers, and of its group."""
    mask = pa.array(np.isin(rows.row, common))
    batch = with_method_shown(rows.batch.filter(mask))
    cells = {name: batch[name].cast(pa.string()) if name in group_by else batch[name] for name in dict.fromkeys((*_SHOWN, *group_by))}
    return row_keys({**cells, "filled": rows.filled.filter(mask).cast(pa.string())}, len(common))


def _alike(old: Compiled, new: Compiled, appraisers: tuple[Appraiser, Appraiser]) -> Mask:
    """(a,) where all that is compiled is equal to the bit."""
    same: Mask = (np.diff(old.start) == np.diff(new.start)) & (old.several == new.several)
    shapes = [_in_rows(one.start, np.diff(one.vectors.offset)) for one in (old, new)]
    same &= shapes[0] == shapes[1]  # as many components, and periods of all of them together
    if not same.any():
        return same
    old, new = old.only(same), new.only(same)
    equal = np.diff(old.vectors.offset) == np.diff(new.vectors.offset)
    equal &= _bits(old.weight) == _bits(new.weight)
    profiles: dict[object, int] = {}
    equal &= _factor_profiles(old.vectors, appraisers[0], profiles) == _factor_profiles(new.vectors, appraisers[1], profiles)
    equal &= ~inputs_differ(old.vectors.inputs, new.vectors.inputs, new.vectors.hash, new.vectors.offset)
    for one, two, offset in _columns(old.vectors, new.vectors):
        differ = _bits(one) != _bits(two)
        differ = differ if differ.ndim == 1 else differ.any(axis=1)
        equal &= ~(differ if offset is None else _in_rows(offset, differ) > 0)
    same[same] = _in_rows(old.start, ~equal) == 0
    return same


def _columns(old: Vectors, new: Vectors) -> list[tuple[npt.NDArray[np.generic], npt.NDArray[np.generic], Longs | None]]:
    """Pairs of the same vectors, and the offsets of those that have an element for each period."""
    pairs: list[tuple[npt.NDArray[np.generic], npt.NDArray[np.generic], Longs | None]] = []
    for name in (field.name for field in fields(Vectors) if field.name not in ("offset", "factor", "by_rule", "inputs")):
        one, two = getattr(old, name), getattr(new, name)
        if one is None and two is None:
            continue
        ragged = name in RAGGED
        one, two = (np.full(int(old.offset[-1]), UNBOUNDED[name]) if it is None else it for it in (one, two))
        pairs.append((one, two, old.offset if ragged else None))
    if old.by_rule is not None and new.by_rule is not None:
        for name in (field.name for field in fields(ByRule) if field.name != "function"):
            pairs.append((getattr(old.by_rule, name), getattr(new.by_rule, name), old.offset if name == "sales" else None))
    return pairs


def _factor_profiles(vectors: Vectors, appraiser: Appraiser, known: dict[object, int]) -> npt.NDArray[np.int64]:
    """(c,) a number for all that a component's factor follows from: equal where that is, −1 without a factor. `known` numbers them for both sides."""
    factors, sampling = appraiser.factors, appraiser.sampling
    # the points of sobol are shared out among all factors and bridged over the steps of a year
    around = (len(factors.hashes), factors.steps_per_year) if sampling.sampler == "sobol" else ()
    numbers = [known.setdefault(around, len(known))]
    for place, row in enumerate(factors.matrix):
        used = np.flatnonzero(row) if not around else np.arange(place + 1)
        profile = (around, factors.hashes[used].tobytes(), row[used].tobytes())
        numbers.append(known.setdefault(profile, len(known)))
    return np.array(numbers)[vectors.factor + 1]


def _in_rows(start: Longs, numbers: npt.NDArray[np.generic]) -> Longs:
    """(n,) the sum of the numbers from start[i] until start[i + 1]."""
    sums = np.concatenate([[0], np.cumsum(numbers, dtype=np.int64)])
    return np.diff(sums[start])


def _bits(numbers: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Numbers as whole ones that are equal where all their bits are."""
    return np.ascontiguousarray(numbers).view(f"u{numbers.dtype.itemsize}")
