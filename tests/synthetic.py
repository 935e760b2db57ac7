"""Counting what synthetic portfolios hold, and comparing it with their margins."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.schema import PORTFOLIO


def margins(profile: str) -> dict[str, Any]:
    """What the file of a profile says."""
    file = files("ipvalue") / "data" / f"{profile}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of names as plain text."""
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def shares(values: pa.ChunkedArray) -> dict[Any, int]:
    """How often each value occurs."""
    return {row["values"]: row["counts"] for row in pc.value_counts(values).to_pylist()}


def assert_within_sampling_error(counted: Mapping[Any, int], expected: Mapping[Any, float]) -> None:
    """Each count within five standard errors of its binomial expectation."""
    n, whole = sum(counted.values()), sum(expected.values())
    assert set(counted) <= set(expected)
    for name, part in expected.items():
        p = part / whole
        assert abs(counted.get(name, 0) - n * p) <= 5 * math.sqrt(n * p * (1 - p)) + 1, name


def assert_every_column_is_in_its_range(table: pa.Table) -> None:
    """Every column is one of the schema, and its values are such as the schema allows."""
    for name in table.schema.names:
        column, values = PORTFOLIO[name], text(table[name])
        if pa.types.is_list(values.type):
            values = pc.list_flatten(values)
        if column.low is not None:
            assert pc.min(values).as_py() >= column.low, name
        if column.high is not None:
            assert pc.max(values).as_py() <= column.high, name
        if column.choices:
            assert set(pc.unique(values.drop_null()).to_pylist()) <= set(column.choices), name
    assert pc.count_distinct(table["asset_id"]).as_py() == table.num_rows
