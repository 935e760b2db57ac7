"""One share of the rights explained, and its part of the results written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.backend import kernels
from ipvalue.explain.alone import arrive, leave
from ipvalue.explain.ledger import MONEY, Ledger, decimals
from ipvalue.explain.match import ID, Layout, Rights, Share, share_of
from ipvalue.explain.stages import ARRIVING, LEAVING, steps_of
from ipvalue.explain.walk import walk
from ipvalue.explain.way import Touch, Way
from ipvalue.schema import PORTFOLIO, Column
from ipvalue.simulate import Sampling
from ipvalue.storage import Written
from ipvalue.store import Store

ROWS_A_BLOCK = 4096

ASSETS = pa.schema([(ID, pa.string()), ("step", pa.string()), ("amount", MONEY), ("standard_error", pa.float64())])
"""The columns of assets/part-*.parquet."""


@dataclass(frozen=True)
class Plan:
    """Everything a task needs beside the number of its share; picklable. `store` takes the parts, where they are wanted."""

    layout: Layout
    way: Way
    columns: tuple[str, ...]
    sampling: tuple[Sampling, Sampling]
    store: Store | None


@dataclass
class Found:
    """What a task gives back: its ledger and its part."""

    ledger: Ledger
    part: Written | None = None


def explain_share(number: int, plan: Plan) -> Found:
    """Explains one share. Doing it twice changes nothing."""
    with kernels(plan.sampling[0].backend).DefaultArithmetic():
        found, touches = Found(Ledger(plan.columns, plan.sampling)), []
        share = share_of(plan.layout, number, (_schema(plan.layout.old.extra), _schema(plan.layout.new.extra)))
        for before, after in zip(_blocks(share.before, plan), _blocks(share.after, plan), strict=True):
            touches += walk(before, after, plan.way, found.ledger)
        for rights, steps, go in ((share.leaving, _leaving(share, plan), leave), (share.arriving, _arriving(share), arrive)):
            for place, block in enumerate(_blocks(rights, plan)):
                touches += go(block, steps.slice(place * _rows(plan), len(block)), plan.way, found.ledger)
        plan.layout.check()
        if plan.store is not None and touches:
            found.part = plan.store.write_parquet(f"assets/part-{number:05d}.parquet", _table(touches, plan.way))
        return found


def _schema(extra: tuple[Column, ...]) -> pa.Schema:
    return pa.schema([(column.name, column.arrow_type) for column in (*PORTFOLIO.values(), *extra)])


def _rows(plan: Plan) -> int:
    """Rights of a block: their vectors in all stages stay small whatever the steps a year."""
    return min(ROWS_A_BLOCK, *(stage.appraiser.chunk_rows for stage in plan.way.stages if stage.appraiser))


def _blocks(rights: Rights, plan: Plan) -> Iterator[Rights]:
    step = _rows(plan)
    yield from (rights.some(first, step) for first in range(0, len(rights), step))


def _leaving(share: Share, plan: Plan) -> pa.Array:
    """By which step each right leaves: ended, where its date of expiry (in the new portfolio, where that has a row of it) has passed."""
    last = plan.way.stages[-1].appraiser
    assert last is not None
    expiry = pc.coalesce(share.new_expiry, share.leaving.rows["expiry_date"])
    ended = pc.fill_null(pc.less_equal(expiry, pa.scalar(last.tables.valuation_date, pa.date32())), False)
    removed, past, rejected = LEAVING
    return pc.if_else(ended, past, pc.if_else(pa.array(share.still_listed), rejected, removed))


def _arriving(share: Share) -> pa.Array:
    """By which step each right arrives."""
    accepted, added = ARRIVING
    return pc.if_else(pa.array(share.listed_before), accepted, added)


def _table(touches: list[Touch], way: Way) -> pa.Table:
    """What the steps did to each right (ASSETS), by asset_id and in the order of the steps."""
    place = {step: i for i, step in enumerate(steps_of(way.stages))}
    error = np.concatenate([one.errors for one in touches])
    columns = [
        pa.concat_arrays([one.ids for one in touches]),
        pa.array([one.step for one in touches for _ in range(len(one.ids))], pa.string()),
        decimals(np.concatenate([one.amounts for one in touches])),
        pa.array(error, mask=np.isnan(error)),
        pa.array([place[one.step] for one in touches for _ in range(len(one.ids))], pa.int64()),
    ]
    table = pa.Table.from_arrays(columns, [*ASSETS.names, "place"])
    order = pc.sort_indices(table, sort_keys=[(ID, "ascending"), ("place", "ascending")])
    return table.take(order).select(ASSETS.names).combine_chunks()
