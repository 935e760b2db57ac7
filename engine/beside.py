"""Rows to be valued, and beside each the earlier row that it stands in for: on the same paths, so that the kernel makes these once for both.

What the new rows add goes into the sums, what the earlier ones once added comes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa

from ipvalue.columns import truth
from ipvalue.intake import Alike, Together, Unit, hash_ids, read_together
from ipvalue.receipt import Receipt
from ipvalue.rows import Longs, Mask, Rows
from ipvalue.schema import Rejects
from ipvalue.summary import asset_schema
from ipvalue.task import Clean, Run, prepared, without

Range = tuple[Unit, Mask]
"""A range of rows, and (n,) which of them are meant."""


@dataclass(frozen=True)
class Valued:
    """Rows of a file that have a value: their numbers, ascending, and their result rows."""

    rows: Longs
    assets: pa.Table


_LEAVES = "(leaves)"
"""A column beside the portfolio's: whether a row is an earlier one. It groups the sums, too."""


def clean_rows(ranges: Sequence[Range], run: Run, quarantined: tuple[int, ...] = ()) -> Iterator[Clean]:
    """The clean rows of several ranges of one file, without the quarantined ones, which go to their rejects."""
    return _clean(read_together(ranges, run.extra, run.streams), run, quarantined)


def _clean(some: Together, run: Run, quarantined: tuple[int, ...]) -> Iterator[Clean]:
    for batch, row, rejects in some.clean(run.duplicates, run.extra):
        yield (*without(quarantined, some.file, batch, row, rejects), rejects)


def value_beside(
    fresh: Sequence[Range], leaving: Sequence[Range], alike: Alike | None, run: Run, old: Run, receipt: Receipt, quarantined: tuple[int, ...]
) -> tuple[Valued, Valued]:
    """Values the rows of `fresh`, all of one file, into `receipt` and takes out those of `leaving`, which the same market and assumptions valued.
    alike: the columns that the files of both have alike, if any."""
    both = run.appraiser.new_totals((*run.job.group_by, _LEAVES))
    found: tuple[list[tuple[Longs, pa.RecordBatch]], ...] = ([], [])
    for rows in _pieces(fresh, leaving, alike, run, old, receipt, quarantined):
        assets, _ = run.appraiser.value(rows, both)
        leaves = truth(rows.batch[_LEAVES])
        for side, (some, valued) in enumerate(zip((rows.only(~leaves), rows.only(leaves)), found, strict=True)):
            doubts = run.appraiser.doubts(some)
            if assets is not None:
                results = assets.filter(pa.array(leaves == bool(side)))
                doubts += run.appraiser.unreached(some, results)
                valued.append((some.row, results))
            if side:
                doubts.negate()
            receipt.doubts += doubts
    for text, totals in both.split():
        if text == "true":
            totals.negate()
        receipt.totals.merge(totals)
    now, before = (_in_order(some, run) for some in found)
    receipt.valued += len(now.rows)
    return now, before


def _in_order(some: list[tuple[Longs, pa.RecordBatch]], run: Run) -> Valued:
    rows = np.concatenate([np.zeros(0, np.int64), *(rows for rows, _ in some)])
    assets = pa.Table.from_batches([assets for _, assets in some], asset_schema(run.job.sampling.quantiles)).combine_chunks()
    order = np.argsort(rows, kind="stable")
    return Valued(rows[order], assets.take(pa.array(order)))


def _pieces(
    fresh: Sequence[Range], leaving: Sequence[Range], alike: Alike | None, run: Run, old: Run, receipt: Receipt, quarantined: tuple[int, ...]
) -> Iterator[Rows]:
    """Filled rows of both, those of one asset_id one after the other."""
    batches, numbers, rejects = [], [np.zeros(0, np.int64)], Rejects()
    now = read_together(fresh, run.extra, run.streams)
    before = read_together(leaving, old.extra, old.streams, (now, alike) if alike else None)
    for leaves, some, of, deadly in ((False, now, run, quarantined), (True, before, old, ())):
        for batch, row, problems in _clean(some, of, deadly):
            batches.append(batch.append_column(_LEAVES, pa.array(np.full(batch.num_rows, leaves))))
            numbers.append(row)
            if not leaves:
                rejects.merge(problems)
    if batches:
        (batch,) = pa.Table.from_batches(batches).combine_chunks().to_batches() or batches[:1]
        order = np.argsort(hash_ids(batch["asset_id"]), kind="stable")
        both = batch.take(pa.array(order)), np.concatenate(numbers)[order], rejects
        yield from chain.from_iterable(prepared([both], fresh[0][0].display, run, receipt))
