"""The bits of a result: a digest of each column, so that two results compare exactly and a difference names its column."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from ipvalue.valuation import Result


def column_digest(column: pa.ChunkedArray) -> str:
    """SHA-256 of a column's values, bit for bit, and of which are null."""
    array = column.combine_chunks()
    state = hashlib.sha256(f"{array.type} {len(array)} ".encode())
    state.update(array.is_valid().to_numpy(zero_copy_only=False).tobytes())
    if pa.types.is_floating(array.type) or pa.types.is_integer(array.type):
        state.update(np.ascontiguousarray(array.fill_null(0).to_numpy(zero_copy_only=False)).tobytes())
    else:
        state.update(repr(array.to_pylist()).encode())
    return state.hexdigest()


def table_digests(table: pa.Table, name: str) -> dict[str, str]:
    """The digest of every column as "name.column"."""
    return {f"{name}.{column}": column_digest(table[column]) for column in table.column_names}


def digests(result: Result) -> dict[str, str]:
    """Every figure of a result: asset rows in the order of their ids, groups, totals."""
    found = table_digests(result.assets.sort_by("asset_id"), "assets")
    found |= table_digests(result.groups, "groups")
    totals = result.totals
    found |= table_digests(totals.drop_columns("value"), "totals")
    words = b"".join(
        np.frombuffer(chunk.buffers()[1], np.uint8)[chunk.offset * 16 : (chunk.offset + len(chunk)) * 16].tobytes()
        for chunk in totals["value"].chunks
    )
    return found | {"totals.value": hashlib.sha256(words).hexdigest()}


def one_digest(result: Result) -> str:
    """One digest of it all."""
    return hashlib.sha256(repr(sorted(digests(result).items())).encode()).hexdigest()
