"""Results directories of many rights that were never simulated: the rows of a few over and over under other ids, written as a run writes them.

They say so in their manifest. They are for measuring what reads results, and for nothing else.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa

import ipvalue
from ipvalue import speed
from ipvalue.store import Store
from ipvalue.summary import DENSE
from ipvalue.task import part_name

VALUED = 1000
ROWS_A_PART = 131_072
MADE_UP = "made up for a benchmark: the rows of a small valuation over and over under other ids; nothing of this was simulated"


def asset_id(number: int) -> str:
    """The id of a right by its number."""
    return f"CN-TM-{number:010d}"


def made_up_result(rows: int, folder: Path) -> Path:
    """A results directory of so many rights, their ids in no order, their values of a few digits' differences."""
    small = ipvalue.value(speed.made_up(VALUED), market=speed.MARKET, paths=256, seed=1, out=folder / "small", workers=1)
    store, few = Store(str(folder / "made_up")), small.assets.combine_chunks()
    random = np.random.default_rng(1)
    numbers = random.permutation(rows)
    quantiles = [name for name in few.column_names if name.startswith("q")]
    files = []
    for number, first in enumerate(range(0, rows, ROWS_A_PART)):
        of_part = numbers[first : first + ROWS_A_PART]
        table = few.take(pa.array(random.integers(0, few.num_rows, len(of_part))))
        value = table["value"].to_numpy() * random.uniform(0.5, 1.5, len(of_part))
        cells = {"asset_id": pa.array(map(asset_id, of_part.tolist()), pa.string()), "value": pa.array(value)}
        for name, cell in cells.items():
            table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), cell)
        files.append(store.write_parquet(part_name(number), table.combine_chunks(), DENSE, quantiles))
    for name in ("groups.parquet", "totals.arrow", "rejects.parquet"):
        content = (folder / "small" / name).read_bytes()
        files.append(store.write_pieces(name, [content], next(one["rows"] for one in small.manifest["files"] if one["name"] == name)))
    counts = {"rows": rows, "valued": rows, "rejected": 0, "tasks": -(-rows // ROWS_A_PART)}
    store.write_manifest({**small.manifest, "counts": counts, "files": [asdict(one) for one in files], "warnings": [MADE_UP]})
    return folder / "made_up"
