"""The rights that loans pledge, as a task takes them: filled, compiled, and in the order in which they were first pledged.

a = rights that can be valued, c = components (right, method)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.appraise import Appraiser
from ipvalue.assumptions import fill
from ipvalue.backend import kernel
from ipvalue.cashflows import join, take
from ipvalue.compiled import Compiled, compile_rows
from ipvalue.intake import Gathered
from ipvalue.receipt import Receipt
from ipvalue.rows import Floats, Ints, Longs, Mask, Rows
from ipvalue.schema import ENDS_PROCESS, RIGHT_TYPES
from ipvalue.tables import Tables

_TYPES = {name: place for place, name in enumerate(RIGHT_TYPES)}


@dataclass(frozen=True)
class Rights:
    """Rights (a,): their numbers, in a task ascending; their components; of each its file by number and its row there, its right type by place, its
    discount rate (the item of tables.curves and what is added to it), and the years that an indefinite one is written out for, else infinite."""

    number: Longs
    compiled: Compiled
    file: Longs
    row: Longs
    asset_id: pa.StringArray
    right_type: Ints
    curve: Ints
    premium: Floats
    written: Floats

    def __len__(self) -> int:
        return len(self.number)


def discounts_of(tables: Tables, curve: Ints, premium: Floats, time: Floats) -> Floats:
    """(n,) DF of model.md §2 at times, by items of tables.curves and what is added to them; NaN where there is none."""
    start, tenors, rates = tables.curves
    zero = np.empty(len(time))
    for item in np.unique(curve):
        here, some = curve == item, slice(start[item], start[item + 1])
        zero[here] = _between(tenors[some], rates[some], time[here])
    gross = 1.0 + zero + premium
    found: Floats = np.full(len(time), np.nan)
    found[gross > 0.0] = kernel.elementary("pow", gross[gross > 0.0], -time[gross > 0.0])
    return found


def _between(tenors: Floats, rates: Floats, time: Floats) -> Floats:
    """(n,) a curve's zero rates at times: linear between its tenors, flat outside."""
    if len(tenors) == 1:
        return np.full(len(time), rates[0])
    at = np.clip(np.searchsorted(tenors, time, side="right") - 1, 0, len(tenors) - 2)
    inside: Floats = rates[at] + (rates[at + 1] - rates[at]) * ((time - tenors[at]) / (tenors[at + 1] - tenors[at]))
    return np.where(time <= tenors[0], rates[0], np.where(time >= tenors[-1], rates[-1], inside))


ENDS = ("asset_id", ENDS_PROCESS, "asset_id {!r} ended every process that valued it: look at its cells")
"""The column, rule and message of a right that ends processes."""


def rights_of(
    part: int, gathered: Gathered, appraiser: Appraiser, receipt: Receipt, wanted: Longs | None = None, deadly: tuple[int, ...] = ()
) -> Rights:
    """The rights of a part of the gathered rows that keep the rules, all or those `wanted` by their numbers; the others' problems go to the receipt,
    with the `deadly` ones, which end a process. Raises RunError."""
    batch, number, file, row = gathered.read(part)
    if wanted is not None or deadly:
        taken = np.isin(number, deadly, invert=True) & (True if wanted is None else np.isin(number, wanted))
        _set_aside(batch["asset_id"], file, row, np.isin(number, deadly), gathered.files, receipt)
        batch, number, file, row = batch.filter(pa.array(taken)), number[taken], file[taken], row[taken]
    pieces, kept = [], [np.zeros(0, np.int64)]
    for at in np.unique(file) if len(file) else range(1):  # of none, no rows of the first
        of_file = np.flatnonzero(file == at)
        of_file = of_file[np.argsort(row[of_file])]  # rows are compiled by their numbers, ascending
        for first in range(0, max(len(of_file), 1), appraiser.piece_rows):
            here = of_file[first : first + appraiser.piece_rows]
            rows = _filled(batch.take(pa.array(here)), row[here], gathered.files[at], appraiser, receipt)
            pieces.append((rows, compile_rows(rows, appraiser.tables)))
            receipt.doubts += appraiser.doubts(rows)
            kept.append(here[np.searchsorted(row[here], rows.row)])
    these = np.concatenate(kept)
    order = np.argsort(number[these])
    return _in_order(pieces, order, number[these], file[these], appraiser.tables)


def _set_aside(ids: pa.StringArray, file: Longs, row: Longs, deadly: Mask, files: tuple[str, ...], receipt: Receipt) -> None:
    """Puts the deadly ones of some rights among the rejects."""
    column, rule, message = ENDS
    for at in np.unique(file[deadly]):
        here = deadly & (file == at)
        names = ids.filter(pa.array(here)).to_pylist()
        receipt.rejects.add(files[at], row[here], names, column, names, rule, [message.format(name) for name in names])


def _filled(batch: pa.RecordBatch, row: Longs, file: str, appraiser: Appraiser, receipt: Receipt) -> Rows:
    """Rows with their blanks filled, those that a sale needs too."""
    filled, report = fill(batch, appraiser.assumptions, appraiser.tables.currency, sold=True)
    return Rows(filled, row, report, file, receipt.rejects)


def rights_of_rows(rows: Rows, compiled: Compiled, tables: Tables) -> Rights:
    """The rights of compiled rows of one file, by their places."""
    number = np.arange(len(rows))
    return _in_order([(rows, compiled)], number, number, np.zeros(len(rows), np.int64), tables)


def _in_order(pieces: list[tuple[Rows, Compiled]], order: Longs, number: Longs, file: Longs, tables: Tables) -> Rights:
    """The rights of pieces in another order; number, file (a,): of each, one piece after another."""
    compiled = [one for _, one in pieces]
    columns: dict[str, list[Any]] = {
        "row": [rows.row for rows, _ in pieces],
        "right_type": [rows.index("right_type", _TYPES) for rows, _ in pieces],
        "curve": [rows.index("currency", tables.curve_index) for rows, _ in pieces],
        "premium": [rows.floats("discount_premium") for rows, _ in pieces],
        "written": [_written(rows, one) for rows, one in pieces],
    }
    ids = pa.chunked_array([rows.batch["asset_id"] for rows, _ in pieces], pa.string()).combine_chunks()
    arrays: dict[str, Any] = {name: np.concatenate(one)[order] for name, one in columns.items()}
    return Rights(number=number[order], compiled=_joined(compiled, order), file=file[order], asset_id=ids.take(pa.array(order)), **arrays)


def _written(rows: Rows, compiled: Compiled) -> Floats:
    """(a,) the years that indefinite rights are written out for, by the method that is for the fewest."""
    vectors = compiled.vectors
    years = np.where(compiled.earns, np.diff(vectors.offset) * vectors.step, np.inf)
    least: Floats = np.minimum.reduceat(years, compiled.start[:-1]) if len(rows) else np.zeros(0)
    return np.where(rows.flags("indefinite"), least, np.inf)


def _joined(parts: list[Compiled], order: Longs) -> Compiled:
    """The components of several batches of rows, in another order of the rows."""
    counts = np.concatenate([np.diff(one.start) for one in parts])
    starts = np.cumsum(counts) - counts
    start = np.concatenate([[0], np.cumsum(counts[order])]).astype(np.int64)
    component = np.arange(start[-1]) + np.repeat(starts[order] - start[:-1], counts[order])
    several, weight, earns = (np.concatenate([getattr(one, name) for one in parts]) for name in ("several", "weight", "earns"))
    vectors = take(join([one.vectors for one in parts]), component)
    return Compiled(vectors, start, several[order], weight[component], earns[component])


def only(rights: Rights, these: Longs) -> Rights:
    """Some rights, by their places, in that order."""
    names = ("number", "file", "row", "right_type", "curve", "premium", "written")
    arrays = {name: getattr(rights, name)[these] for name in names}
    return Rights(compiled=_joined([rights.compiled], these), asset_id=rights.asset_id.take(pa.array(these)), **arrays)
