"""The rights that are asked for, by their ids or as a share, and the tasks of a run of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.absent import not_there
from ipvalue.indices.uncertain import UNCERTAIN
from ipvalue.indices.work import Picked
from ipvalue.inputs import Inputs
from ipvalue.intake import Portfolio, hash_ids, ids_of
from ipvalue.rows import Mask
from ipvalue.schema import InputError
from ipvalue.share import chosen

ROWS_APART = 2 + len(UNCERTAIN)
"""How many times the paths of a right are made, at most."""


@dataclass(frozen=True)
class Wanted:
    """Rights by their ids, or (`sample`) a share of all, chosen by the seed and each right's own id."""

    assets: tuple[str, ...]
    sample: float | None
    seed: int

    @property
    def terms(self) -> dict[str, Any]:
        """It, for the record."""
        return {"assets": list(self.assets)} if self.sample is None else {"sample": self.sample}

    def among(self, ids: pa.StringArray) -> Mask:
        """Which of some ids, none blank, are wanted."""
        if self.sample is not None:
            return chosen(hash_ids(ids), self.sample, self.seed)
        found: Mask = pc.is_in(ids, value_set=pa.array(self.assets, pa.string())).to_numpy(zero_copy_only=False)
        return found


def wanted(assets: str | Sequence[str] | None, sample: float | None, seed: int) -> Wanted:
    """What was asked for. Raises InputError."""
    if isinstance(assets, str):
        assets = (assets,)
    if (assets is None) == (sample is None):
        raise InputError("indices are of chosen rights: name them (assets, --asset), or give the share of all that a sample takes (sample), not both")
    if sample is not None and not 0.0 < sample <= 1.0:
        raise InputError(f"sample is {sample!r}: it must be above 0 and at most 1, the share of the rights to take")
    for one in assets or ():
        if not isinstance(one, str):
            raise InputError(f"assets: {one!r} is no asset_id: give texts")
    if assets is not None and not assets:
        raise InputError("assets: none is named")
    return Wanted(tuple(sorted({*(assets or ())})), sample, seed)


def picked(inputs: Inputs, asked: Wanted) -> list[Picked]:
    """The tasks: of the ranges of rows that hold any that are wanted. Raises InputError where an id is nowhere, or a sample takes none."""
    rows, seen = _rows(inputs.portfolio, asked)
    location = inputs.portfolio.files[0].display
    if missing := [name for name in asked.assets if name not in seen]:
        raise not_there(location, missing[0], (batch for _, _, batch in ids_of(inputs.portfolio)), None)
    if not seen:
        raise InputError(f"{location}: a sample of {asked.sample:g} takes none of its {inputs.portfolio.rows:,} rows: take a larger one")
    job = inputs.run.job
    at_once = job.task_rows(inputs.portfolio.rows, ROWS_APART * inputs.market.steps_per_year)
    tasks = ((unit, _within(rows[unit.display], unit.first_row, unit.rows)) for unit in inputs.portfolio.units(at_once))
    return [Picked(unit, number, rows=some) for number, (unit, some) in enumerate((unit, some) for unit, some in tasks if some)]


def _within(rows: npt.NDArray[np.int64], first: int, count: int) -> tuple[int, ...]:
    start, stop = np.searchsorted(rows, (first, first + count))
    return tuple(rows[start:stop].tolist())


def _rows(portfolio: Portfolio, asked: Wanted) -> tuple[dict[str, npt.NDArray[np.int64]], set[str]]:
    """Of each file the rows that are wanted, ascending, and the ids found."""
    rows: dict[str, list[npt.NDArray[np.int64]]] = {file.display: [np.empty(0, np.int64)] for file in portfolio.files}
    seen: set[str] = set()
    for file, first, ids in ids_of(portfolio):
        given = np.flatnonzero(ids.is_valid().to_numpy(zero_copy_only=False))
        taken = given[asked.among(ids.drop_null())]
        if len(taken):
            rows[file].append(first + taken)
            seen.update(ids.take(pa.array(taken)).to_pylist())
    return {file: np.concatenate(some) for file, some in rows.items()}, seen
