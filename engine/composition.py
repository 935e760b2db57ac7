"""What the rights of a result make of its value: by columns of their portfolio, by how much a few of them hold, by how long they last, and how far
the simulated means are from the closed forms. The rows are read once, some columns of them, a part at a time.

r = rights that are valued, k = classes of a histogram
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.cash_rule import find_rule
from ipvalue.intake import Portfolio, columns_of, reopen_portfolio
from ipvalue.rows import Floats
from ipvalue.schema import InputError, RunError
from ipvalue.valuation import Result

BY = ("right_type", "sector", "owner_id", "jurisdiction")
"""The columns of a portfolio by which value is shown."""

DEVIATIONS = np.linspace(-4.0, 4.0, 33)
"""Edges of the classes of differences, in standard errors; what lies beyond counts in the first and last."""
LIFE_CLASSES = 40
"""Years that have a class of their own; what lasts longer counts in the last."""

FIRSTS = (1, 10, 100, 1000)
"""Numbers of rights whose share is told."""
COUNTS_MORE = 15
"""The curve of concentration has a point after a fifteenth more rights."""

_ID, _VALUE = "asset_id", "value"
_READ = (_ID, _VALUE, "status", "mean_raw", "standard_error", "closed_form", "expected_life")


@dataclass(frozen=True)
class Agreement:
    """How far the plain average of each right's paths is from its closed form: rights (k,) by their difference in standard errors (DEVIATIONS); of
    those, the shares within one, two and three of them; the same of normal errors."""

    rights: npt.NDArray[np.int64]
    within: tuple[float, ...]

    @property
    def compared(self) -> int:
        """How many rights have a closed form and an error."""
        return int(self.rights.sum())


@dataclass(frozen=True)
class Lives:
    """By years of expected life (k,), each class from its number to the next one: rights, and the value that they hold together."""

    rights: npt.NDArray[np.int64]
    values: Floats


@dataclass(frozen=True)
class Concentration:
    """Which share of the value the most valuable rights hold: of the first n each (counts (n,), shares (n,)); `effective` is the number of equal
    rights that would be as concentrated, 1 / Σ share². Rights of no value, or less, are left out; the others are `positive`."""

    counts: npt.NDArray[np.int64]
    shares: Floats
    effective: float
    positive: int

    def of_first(self, number: int) -> float:
        """The share that the first so many hold, where so many are among `counts`."""
        return float(self.shares[np.flatnonzero(self.counts == number)[0]])


@dataclass(frozen=True)
class ByColumn:
    """The rights by one column of their portfolio: a table (name, rights, value), those of most value first; None: blank in the portfolio."""

    table: pa.Table

    @property
    def value(self) -> float:
        """What all are worth together."""
        return float(pc.sum(self.table["value"]).as_py())

    def first(self, most: int) -> list[dict[str, Any]]:
        """The first rows, each with its `share` of the whole (None where the whole is worth nothing)."""
        whole = self.value
        rows: list[dict[str, Any]] = self.table.slice(0, most).to_pylist()
        return [{**row, "share": row["value"] / whole if whole > 0.0 else None} for row in rows]

    def others(self, shown: int) -> dict[str, Any] | None:
        """What comes after the first rows, together: how many `names`, `rights` and `value`; None where nothing does."""
        left = self.table.slice(shown)
        if not left.num_rows:
            return None
        return {"names": left.num_rows, "rights": pc.sum(left["rights"]).as_py(), "value": pc.sum(left["value"]).as_py()}


@dataclass(frozen=True)
class Composition:
    """by: the columns of BY that are told; `untold` says in a sentence why others are not."""

    by: Mapping[str, ByColumn]
    untold: str
    statuses: ByColumn
    concentration: Concentration | None
    lives: Lives
    agreement: Agreement | None


def composition(result: Result) -> Composition:
    """Looks through all rights of a result. Raises InputError where the result is damaged."""
    try:
        with tempfile.TemporaryDirectory(prefix="ipvalue-") as spool:
            return _looked_through(result, _portfolio(result, Path(spool)), "")
    except _Gone as gone:
        return _looked_through(result, None, str(gone))


class _Gone(Exception):
    """The portfolio is not there any more as it was."""


def _portfolio(result: Result, spool: Path) -> Portfolio:
    rule = result.manifest["options"]["rule"]
    try:
        extra = find_rule(rule).extra if rule else ()
        return reopen_portfolio(result.manifest["inputs"]["portfolio"], spool, extra, result.given)
    except (InputError, RunError) as error:
        raise _Gone(str(error)) from None


def _looked_through(result: Result, portfolio: Portfolio | None, untold: str) -> Composition:
    sums: dict[str, list[pa.Table]] = {name: [] for name in BY}
    statuses: list[pa.Table] = []
    values: list[Floats] = []
    lives = np.zeros((2, LIFE_CLASSES))
    differences = np.zeros(len(DEVIATIONS) - 1, np.int64)
    within = np.zeros(3, np.int64)
    cells = None if portfolio is None else _Cells(_valued_cells(result, portfolio))
    for part in result.asset_parts(_READ):
        value = _numbers(part, _VALUE)
        values.append(value[value > 0.0])
        statuses.append(_summed(pa.table({"name": part["status"], "rights": np.ones(len(value), np.int64), "value": value})))
        years = np.minimum(np.nan_to_num(_numbers(part, "expected_life")), LIFE_CLASSES - 1).astype(np.int64)
        lives += [np.bincount(years, minlength=LIFE_CLASSES), np.bincount(years, value, LIFE_CLASSES)]
        apart = _apart(part)
        differences += np.histogram(np.clip(apart, DEVIATIONS[0], DEVIATIONS[-1]), DEVIATIONS)[0]
        within += [int(np.count_nonzero(np.abs(apart) <= errors)) for errors in (1.0, 2.0, 3.0)]
        if cells is not None:
            beside = cells.of(part[_ID])
            for name, tables in sums.items():
                tables.append(_summed(pa.table({"name": beside[name], "rights": np.ones(len(value), np.int64), "value": value})))
    by = _of_groups(result) if cells is None else {name: _by(pa.concat_tables(tables)) for name, tables in sums.items()}
    compared = int(differences.sum())
    agreement = Agreement(differences, tuple(float(count) / compared for count in within)) if compared else None
    return Composition(
        by, untold, _by(pa.concat_tables(statuses)), _concentration(np.concatenate(values)), Lives(lives[0].astype(np.int64), lives[1]), agreement
    )


def _numbers(part: pa.Table, name: str) -> Floats:
    """(r,) a column, NaN where it is blank."""
    found: Floats = part[name].to_numpy()
    return found


def _apart(part: pa.Table) -> Floats:
    """The differences of those rights that have a closed form and an error, in standard errors."""
    mean, error, exact = (_numbers(part, name) for name in ("mean_raw", "standard_error", "closed_form"))
    told = (error > 0.0) & ~np.isnan(exact)
    return (mean[told] - exact[told]) / error[told]


def _summed(table: pa.Table) -> pa.Table:
    """One row a name."""
    found = table.group_by("name", use_threads=False).aggregate([("rights", "sum"), ("value", "sum")])
    return found.select(["name", "rights_sum", "value_sum"]).rename_columns(["name", "rights", "value"])


def _by(pieces: pa.Table) -> ByColumn:
    table = _summed(pieces)
    return ByColumn(table.take(pc.sort_indices(table, sort_keys=[("value", "descending"), ("name", "ascending")])))


def _of_groups(result: Result) -> dict[str, ByColumn]:
    """Those columns that the run itself was grouped by."""
    groups = result.groups.slice(1)
    named = [name for name in result.manifest["options"]["group_by"] if name in BY]
    return {name: _by(pa.table({"name": groups[name], "rights": groups["assets"], "value": groups["value"]})) for name in named}


def _concentration(values: Floats) -> Concentration | None:
    """Of values above 0; at so many numbers of rights that a curve through them is smooth."""
    if not len(values):
        return None
    held = np.sort(values)[::-1]
    fractions = held / held.sum()
    counts = _counts(len(held))
    return Concentration(counts, np.cumsum(fractions)[counts - 1], float(1.0 / np.sum(fractions * fractions)), len(held))


def _counts(rights: int) -> npt.NDArray[np.int64]:
    """1 … all: FIRSTS, a tenth of all, and others as far apart as they are large."""
    found, number = {rights, max(rights // 10, 1)}, 1
    while number < rights:
        found.add(number)
        number += max(number // COUNTS_MORE, 1)
    found |= {first for first in FIRSTS if first <= rights}
    return np.array(sorted(found))


def _valued_cells(result: Result, portfolio: Portfolio) -> Iterator[pa.RecordBatch]:
    """The portfolio's rows that have a row of results, in the same order."""
    rejects = result.rejects.select(["file", "row"])
    for file in portfolio.files:
        bad = rejects.filter(pc.equal(rejects["file"], file.display))["row"].to_numpy()
        first = 0
        for batch in columns_of(Portfolio((file,), ()), [_ID, *BY]):
            kept = ~np.isin(np.arange(first, first + batch.num_rows), bad)
            first += batch.num_rows
            yield batch if kept.all() else batch.filter(pa.array(kept))


class _Cells:
    """Rows of a portfolio as they are called for, beside those of a result."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._left: pa.Table | None = None

    def of(self, ids: pa.ChunkedArray) -> pa.Table:
        """The next rows, which are those of `ids`. Raises InputError where they are not."""
        have: list[pa.Table] = [] if self._left is None else [self._left]
        rows = sum(one.num_rows for one in have)
        while rows < len(ids) and (batch := next(self._batches, None)) is not None:
            have.append(pa.Table.from_batches([batch]))
            rows += batch.num_rows
        found = pa.concat_tables(have) if have else pa.table({_ID: pa.array([], pa.string())})
        self._left = found.slice(len(ids))
        found = found.slice(0, len(ids))
        if not found[_ID].combine_chunks().equals(ids.combine_chunks()):
            raise InputError("the rows of the result are not those of its portfolio: ipvalue verify says more")
        return found
