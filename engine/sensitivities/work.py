"""What each task does with its rows: every driver moved to either side, all on the same paths.

a = rows of a piece, v = versions: the base, then the ends of each pair
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.appraise import Appraiser
from ipvalue.backend import kernels
from ipvalue.compiled import compile_rows
from ipvalue.heap import keep_freed_memory
from ipvalue.inputs import Inputs
from ipvalue.receipt import Receipt
from ipvalue.reconcile import weighted
from ipvalue.rows import Floats, Mask, Rows
from ipvalue.scenario_tables import SCENARIO
from ipvalue.scenario_work import value_usable
from ipvalue.scenarios import BASE, Study, Valued, Version
from ipvalue.schema import Rejects
from ipvalue.sensitivities.drivers import Pair
from ipvalue.sensitivities.ends import NEITHER, SIDES, Codes, Ends, ends_of
from ipvalue.sensitivities.tables import ASSETS, EXACT, SIMULATED, write_tables
from ipvalue.summary import closed_forms
from ipvalue.task import Clean, Run, Task, clean_rows, part_name, prepared
from ipvalue.totals import Totals
from ipvalue.work import Work

EXTRAS = 5
"""What each right adds once to its group under a version: its value, what it contributes in closed form, whether it has one, whether its driver was
moved, and whether to one side alone."""

FINE = 0.01
"""The part of a step by which drivers move for a closed form, which no noise hides."""

TwoAppraisers = tuple[Appraiser, Appraiser]


@dataclass(frozen=True)
class Bench:
    """What the tasks share: the run, the pairs, and what values their ends; for closed forms the pairs again, moved less. appraisers: the base's and
    those of all ends."""

    run: Run
    pairs: tuple[Pair, ...]
    fine: tuple[Pair, ...]
    study: Study
    fine_appraisers: tuple[TwoAppraisers, ...]

    def release(self) -> None:
        """Lets go of what is open."""
        self.run.release()

    @property
    def names(self) -> tuple[str, ...]:
        """(v,) the names of the versions."""
        return (BASE, *chain.from_iterable(pair.names for pair in self.pairs))

    def appraisers(self, number: int) -> TwoAppraisers:
        """Those of a pair's ends."""
        return self.study.appraisers[1 + 2 * number], self.study.appraisers[2 + 2 * number]


def sensitivity_work(inputs: Inputs, bench: Bench) -> Work:
    """All rows with every driver moved."""
    begun, tables = Receipt(new_totals(bench)), partial(write_tables, bench.pairs)
    return Work(inputs.tasks, run_pairs, bench, begun, (inputs.portfolio,), (inputs.first_file,), tables=tables)


def new_totals(bench: Bench) -> Totals:
    """Empty sums by group and version."""
    sampling = bench.study.base.sampling
    return Totals((*bench.run.job.group_by, SCENARIO), sampling.paths, EXTRAS, sampling.backend)


def run_pairs(task: Task, bench: Bench) -> Receipt:
    """Moves the drivers of one range of rows and writes its part. Running it twice changes nothing."""
    keep_freed_memory()
    with kernels(bench.run.job.backend).DefaultArithmetic():
        return _pairs_of_task(task, bench)


def _pairs_of_task(task: Task, bench: Bench) -> Receipt:
    run, receipt = bench.run, Receipt(new_totals(bench))
    table = rows_of(clean_rows(task, run), task.unit.display, bench, receipt)
    numbers = [field.name for field in ASSETS if field.type == pa.float64()]
    receipt.files[task.number] = [run.store.write_parquet(part_name(task.number), table, numbers)]
    receipt.rows = task.unit.rows
    receipt.rejected = len(receipt.rejects.rows(task.unit.display))
    return receipt


def rows_of(clean: Iterable[Clean], file: str, bench: Bench, receipt: Receipt) -> pa.Table:
    """The result rows of clean rows of a file, those of one right together; their path values go into the receipt's totals under every version."""
    pieces = chain.from_iterable(prepared(clean, file, bench.run, receipt))
    return pa.Table.from_batches([batch for rows in pieces if (batch := _described(rows, bench, receipt)) is not None], ASSETS).combine_chunks()


def _described(rows: Rows, bench: Bench, receipt: Receipt) -> pa.RecordBatch | None:
    """The result rows of some rows, whose path values go into the receipt's totals under every version."""
    base = Version(rows, compile_rows(rows, bench.study.base.tables))
    ends = [ends_of(pair, rows, bench.appraisers(number)) for number, pair in enumerate(bench.pairs)] if len(rows) else []
    if not ends:
        return None
    versions, ends = _all_possible(base, ends, bench.names)
    before = versions[0].rows.row
    if not len(before):
        return None
    versions, together, groups = value_usable(versions, bench.study, bench.names, receipt.totals)
    valued = together.each(len(versions))
    kept = np.isin(before, versions[0].rows.row)
    receipt.doubts += bench.study.base.doubts(versions[0].rows)
    receipt.valued += len(versions[0].rows)
    closed = valued[0].figures.closed_form
    exact = ~np.isnan(closed)
    values = [_value(version, one, exact, bench) for version, one in zip(versions, valued, strict=True)]
    _add(receipt.totals, groups[0], values[0], exact, closed)
    found: dict[str, dict[str, Slope]] = {}
    for number, pair in enumerate(bench.pairs):
        low, high, moved = valued[1 + 2 * number], valued[2 + 2 * number], ends[number].only(kept)
        slope = _slope(pair, low, high, moved, _closed(bench, number, versions[0].rows, exact))
        found.setdefault(pair.driver.name, {})[pair.kind] = slope
        _add(receipt.totals, groups[1 + 2 * number], values[1 + 2 * number], slope.exact)
        _add(receipt.totals, groups[2 + 2 * number], values[2 + 2 * number], slope.exact, slope.slope, moved)
    return _batch(versions[0].rows, np.where(exact, closed, valued[0].figures.mean), found)


def _add(totals: Totals, group: Any, value: Floats, exact: Mask, closed: Floats | None = None, moved: Ends | None = None) -> None:
    """Adds what rights (a,) add once to their `group` (a,)."""
    nothing = np.zeros(len(exact))
    contributed = nothing if closed is None else np.where(exact, closed, 0.0)
    sides = (nothing, nothing) if moved is None else (moved.sides != NEITHER, moved.one_sided)
    totals.add(np.ascontiguousarray(group), np.stack([value, contributed, exact, *sides], axis=1).astype(np.float64))


def _all_possible(base: Version, ends: Sequence[Ends], names: Sequence[str]) -> tuple[list[Version], list[Ends]]:
    """The versions of the rows that all ends can value; the others go to the base's rejects, with the end's name."""
    versions, rows = [base, *chain.from_iterable((one.low, one.high) for one in ends)], base.rows
    possible = np.logical_and.reduce([np.isin(rows.row, one.rows.row) for one in versions])
    if possible.all():
        return versions, list(ends)
    for name, one in zip(names, versions, strict=True):
        if one is not base:
            rows.rejects.merge(one.rows.rejects.under(name))
    good = rows.row[possible]
    return [one.only(np.isin(one.rows.row, good)) for one in versions], [one.only(possible) for one in ends]


def _closed(bench: Bench, number: int, rows: Rows, exact: Mask) -> Floats:
    """(a,) a pair's slope in closed form where the rows have one, NaN elsewhere and for the tornado's."""
    found, pair = np.full(len(rows), np.nan), bench.fine[number]
    if pair.kind == "swing" or not exact.any():
        return found
    mask = pa.array(exact)
    linear = Rows(rows.batch.filter(mask), rows.row[exact], rows.filled.filter(mask), rows.file, Rejects())
    slope, one_sided = _closed_slope(pair, linear, bench, number)
    if one_sided.any() and not pair.driver.in_periods:  # what is left of the step is taken out by half of it
        nearer, _ = _closed_slope(replace(pair, amount=0.5 * pair.amount), linear, bench, number)
        slope = np.where(one_sided, 2.0 * nearer - slope, slope)
    found[exact] = slope
    return found


def _closed_slope(pair: Pair, rows: Rows, bench: Bench, number: int) -> tuple[Floats, Mask]:
    """(a,) the difference of closed forms between both ends, by their distance, and which rows move to one side alone."""
    moved = ends_of(pair, rows, bench.fine_appraisers[number])
    backend = bench.study.base.sampling.backend
    low, high = (weighted(closed_forms(one.compiled.vectors, backend)[0], one.compiled) for one in (moved.low, moved.high))
    return (high - low) / (2.0 * pair.amount), moved.one_sided


def _value(version: Version, valued: Valued, exact: Mask, bench: Bench) -> Floats:
    """(a,) the value under a version, in closed form where there is one: else noise would be taken for an effect."""
    compiled, vectors = version.compiled, version.compiled.vectors
    closed, _ = closed_forms(vectors, bench.study.base.sampling.backend)
    value = weighted(np.where(closed > 0.0, closed * vectors.tab_factor, closed) * vectors.premise_factor, compiled)
    return np.where(exact & np.isfinite(value), value, valued.figures.value)


# ------------------------------------------------------------------------------------------------ what the results say of rights


@dataclass(frozen=True)
class Slope:
    """(a,) the slope of the mean by a pair's amount, its standard error, whether it is `exact`: in closed form, with an error of 0; what makes a
    derivative by the driver of it, and to which sides rights were moved."""

    slope: Floats
    error: Floats
    exact: Mask
    by_unit: Floats
    sides: Codes


def _slope(pair: Pair, low: Valued, high: Valued, moved: Ends, closed: Floats) -> Slope:
    """The error of a difference between both ends is at most the sum of those to the base, and that where the ends move each path alike."""
    wide, exact = 2.0 * pair.amount, ~np.isnan(closed)
    slope = np.where(exact, closed, (high.figures.mean - low.figures.mean) / wide)
    error = np.where(exact, 0.0, (high.error + low.error) / wide)
    by_unit = np.where(np.isnan(moved.apart), np.nan, 1.0 if pair.adds else wide / moved.apart)
    return Slope(slope, error, exact, by_unit, moved.sides)


def _batch(rows: Rows, mean: Floats, found: dict[str, dict[str, Slope]]) -> pa.RecordBatch:
    """A row for each right and driver, those of one right together."""
    drivers, rights = list(found), len(rows)
    by = [slopes["derivative"] if "derivative" in slopes else slopes["elasticity"] for slopes in found.values()]
    elastic = [slopes.get("elasticity") for slopes in found.values()]
    none = np.full(rights, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        numbers = {
            "derivative": [one.slope * one.by_unit for one in by],
            "derivative_error": [one.error * np.abs(one.by_unit) for one in by],
            "elasticity": [one.slope / mean if one else none for one in elastic],
            "elasticity_error": [one.error / np.abs(mean) if one else none for one in elastic],
        }
    sides = np.stack([one.sides for one in by]).T.reshape(-1)
    columns: dict[str, pa.Array] = {
        "asset_id": rows.batch["asset_id"].take(pa.array(np.repeat(np.arange(rights), len(drivers)))),
        "driver": pa.array(drivers * rights, pa.string()),
        "mean": pa.array(np.repeat(mean, len(drivers))),
        **{name: _flat(each, sides) for name, each in numbers.items()},
        "how": pa.array([SIMULATED, EXACT]).take(pa.array(np.stack([one.exact for one in by]).T.reshape(-1).astype(np.int8))),
        "sides": pa.array(SIDES).take(pa.array(sides)),
    }
    return pa.RecordBatch.from_arrays([columns[field.name] for field in ASSETS], schema=ASSETS)


def _flat(each: Sequence[Floats], sides: Codes) -> pa.Array:
    """Numbers (d, a) right by right, blank where there is none or nothing was moved."""
    flat = np.stack(each).T.reshape(-1)
    return pa.array(flat, mask=~np.isfinite(flat) | (sides == NEITHER))
