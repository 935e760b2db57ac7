"""How parts of results lie in Parquet: the values come back as they were, each column in the form that suits its numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ipvalue.store import Store
from ipvalue.summary import DENSE, asset_schema

ROWS = 5_000


def _table() -> pa.Table:
    draws = np.random.default_rng(1).lognormal(10.0, 2.0, (2, ROWS))
    return pa.table({
        "asset_id": [f"right-{i}" for i in range(ROWS)],
        "status": ["ok"] * ROWS,
        "mean": draws[0],
        "q50": draws[1].astype(np.float32).astype(np.float64),
        "tab": pa.array([None, 0.0] * (ROWS // 2), pa.float64()),
        "weights": pa.array([[0.25, 0.75], None] * (ROWS // 2), pa.list_(pa.float64())),
    })  # fmt: skip


def test_columns_come_back_and_have_their_forms(tmp_path: Path) -> None:
    table, store = _table(), Store(str(tmp_path))
    written = store.write_parquet("assets/part-00000.parquet", table, dense=["mean"], split=["q50"])
    assert store.read_parquet(written.name).equals(table)
    path = tmp_path / written.name
    assert written.bytes == path.stat().st_size
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert [name for name, column in columns.items() if column.compression == "UNCOMPRESSED"] == ["mean"]
    assert {column.compression for name, column in columns.items() if name != "mean"} == {"ZSTD"}
    assert [name for name, column in columns.items() if "BYTE_STREAM_SPLIT" in column.encodings] == ["q50"]
    assert [name for name, column in columns.items() if any("DICTIONARY" in one for one in column.encodings)] == ["status"]
    assert [name for name, column in columns.items() if column.is_stats_set] == ["asset_id"]
    # single precision in double's room: the low bytes are nothing when they stand together
    assert columns["q50"].total_compressed_size < 0.55 * columns["mean"].total_compressed_size


def test_dense_columns_are_columns_of_results() -> None:
    schema = asset_schema((0.5,))
    assert all(pa.types.is_float64(schema.field(name).type) for name in DENSE)
