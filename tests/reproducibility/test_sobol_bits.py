"""The same bits under `--sampler sobol` for any workers, chunks, order of rows and instruction set, and of the paths both runs have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from bits import digests, table_digests
from portfolios import random_methods

from ipvalue import appraise, simulate
from ipvalue.ext import kernel
from ipvalue.valuation import Result

Value = Callable[..., Result]
SOBOL: dict[str, Any] = {"sampler": "sobol", "paths": 16 * 44}


@pytest.fixture(scope="module")
def rights() -> pa.Table:
    return random_methods(140, seed=2)


@pytest.fixture(scope="module")
def bits(value: Value, rights: pa.Table, precision: str) -> dict[str, str]:
    return digests(value(rights, precision=precision, rows_per_task=10**6, **SOBOL))


@pytest.mark.parametrize(
    "options",
    [{"workers": 3, "rows_per_task": 13}, {"workers": 2, "scheduler": "processes", "rows_per_task": 40}, {"keep_paths": True}],
)
def test_workers_and_tasks(value: Value, rights: pa.Table, bits: dict[str, str], precision: str, options: dict[str, Any]) -> None:
    assert digests(value(rights, precision=precision, **options, **SOBOL)) == bits


@pytest.mark.parametrize("isa", kernel.instruction_sets())
def test_instruction_sets(value: Value, rights: pa.Table, bits: dict[str, str], precision: str, isa: str) -> None:
    used = kernel.isa()
    kernel.select_isa(isa)
    try:
        assert digests(value(rights, precision=precision, **SOBOL)) == bits
    finally:
        kernel.select_isa(used)


@pytest.mark.parametrize(("most", "table_bytes"), [(3, 0), (19, 100_000)])
def test_chunks_and_tables(
    value: Value, rights: pa.Table, bits: dict[str, str], precision: str, most: int, table_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appraise, "MOST_ROWS_A_CHUNK", most)
    monkeypatch.setattr(simulate, "FACTOR_TABLE_BYTES", table_bytes)
    backwards = rights.take(pa.array(range(len(rights) - 1, -1, -1)))
    assert digests(value(backwards, precision=precision, rows_per_task=50, **SOBOL)) == bits


def test_months_in_any_chunks(value: Value, rights: pa.Table, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    few = rights.slice(0, 30)
    whole = digests(value(few, 12, precision=precision, **SOBOL))
    monkeypatch.setattr(appraise, "MOST_ROWS_A_CHUNK", 7)
    monkeypatch.setattr(simulate, "FACTOR_TABLE_BYTES", 0)
    assert digests(value(few, 12, precision=precision, workers=2, rows_per_task=11, **SOBOL)) == whole


def test_a_right_alone(value: Value, rights: pa.Table, precision: str) -> None:
    among = value(rights, precision=precision, **SOBOL).assets
    for row in range(0, 140, 23):
        alone = value(rights.slice(row, 1), precision=precision, **SOBOL).assets
        assert table_digests(alone, "assets") == table_digests(among.slice(row, 1), "assets")


def test_twice_the_paths_keep_the_first(value: Value, rights: pa.Table, precision: str) -> None:
    few, many = (value(rights.slice(0, 40), precision=precision, keep_paths=True, sampler="sobol", paths=paths) for paths in (352, 704))
    for one, other in zip(few.paths["values"].to_pylist(), many.paths["values"].to_pylist(), strict=True):
        assert one == other[:352]
