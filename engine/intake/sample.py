"""Rows from everywhere in a portfolio, for measuring: the stored groups of rows in a scattered order, and a few rows of each batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.intake.hashes import hash_ids
from ipvalue.intake.portfolio import Portfolio
from ipvalue.intake.stored import BATCH_ROWS, Unit

GOLDEN = 0.6180339887498949


def scattered_units(portfolio: Portfolio) -> Iterator[Unit]:
    """The stored groups of rows, each whole (or small ones together), so that every beginning of the order is spread over all files."""
    units = [replace(unit, rows=unit.group_rows) for unit in portfolio.units(BATCH_ROWS) if not unit.skip]
    places = np.arange(len(units)) * GOLDEN
    return iter([units[i] for i in np.argsort(places - np.floor(places), kind="stable")])


def scattered_rows(batch: pa.RecordBatch, rows: int, turn: int = 1) -> pa.RecordBatch:
    """At most so many rows of a batch, whatever their order in it: those whose ids hash lowest. Each odd `turn` is another order."""
    keys: npt.NDArray[np.uint64] = hash_ids(batch["asset_id"]) * np.uint64(turn)
    return batch.take(pa.array(np.argsort(keys, kind="stable")[:rows]))
