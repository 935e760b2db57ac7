"""The same bits under `--tolerance` for any workers, schedulers, chunks, order of rows and instruction set: where a right stops too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from bits import digests, table_digests
from portfolios import methods_and_several

from ipvalue import appraise, reconcile, simulate
from ipvalue.ext import kernel
from ipvalue.valuation import Result

Value = Callable[..., Result]
SAMPLERS = ("random", "sobol")


@pytest.fixture(scope="module")
def rights() -> pa.Table:
    """By one method each and by several, in turn."""
    return methods_and_several(84, 14, seed=2).take(pa.array(sorted(range(98), key=lambda i: i % 7)))


@pytest.fixture(scope="module", params=SAMPLERS)
def options(request: pytest.FixtureRequest, precision: str) -> dict[str, Any]:
    tolerance = 0.05 if request.param == "random" else 0.002
    return {"sampler": request.param, "precision": precision, "paths": 80, "tolerance": tolerance, "max_paths": 80 * 16}


@pytest.fixture(scope="module")
def whole(value: Value, rights: pa.Table, options: dict[str, Any]) -> Result:
    found = value(rights, rows_per_task=10**6, **options)
    assert len(set(found.assets["paths"].to_pylist())) > 3
    return found


@pytest.fixture(scope="module")
def bits(whole: Result) -> dict[str, str]:
    return digests(whole)


@pytest.mark.parametrize(
    "more",
    [{"workers": 3, "rows_per_task": 13}, {"workers": 2, "scheduler": "processes", "rows_per_task": 40}, {"keep_paths": True, "rows_per_task": 30}],
)
def test_workers_and_tasks(value: Value, rights: pa.Table, options: dict[str, Any], bits: dict[str, str], more: dict[str, Any]) -> None:
    assert digests(value(rights, **options, **more)) == bits


@pytest.mark.parametrize(("most", "table_bytes", "mixed_bytes"), [(3, 0, 1), (19, 100_000, 30_000)])
def test_chunks_and_order(
    value: Value,
    rights: pa.Table,
    options: dict[str, Any],
    bits: dict[str, str],
    most: int,
    table_bytes: int,
    mixed_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(appraise, "MOST_ROWS_A_CHUNK", most)
    monkeypatch.setattr(simulate, "FACTOR_TABLE_BYTES", table_bytes)
    monkeypatch.setattr(reconcile, "MOST_BYTES", mixed_bytes)
    backwards = rights.take(pa.array(range(len(rights) - 1, -1, -1)))
    assert digests(value(backwards, rows_per_task=50, **options)) == bits


@pytest.mark.parametrize("isa", kernel.instruction_sets())
def test_instruction_sets(value: Value, rights: pa.Table, options: dict[str, Any], bits: dict[str, str], isa: str) -> None:
    used = kernel.isa()
    kernel.select_isa(isa)
    try:
        assert digests(value(rights, **options)) == bits
    finally:
        kernel.select_isa(used)


def test_a_right_alone(value: Value, rights: pa.Table, options: dict[str, Any], whole: Result) -> None:
    for row in range(0, 98, 11):
        alone = value(rights.slice(row, 1), **options)
        assert table_digests(alone.assets, "assets") == table_digests(whole.assets.slice(row, 1), "assets")


def test_warnings_are_the_same(value: Value, rights: pa.Table, options: dict[str, Any], whole: Result) -> None:
    said = whole.manifest["warnings"]
    assert any("standard_error is above the tolerance" in text for text in said)
    assert value(rights, rows_per_task=9, workers=3, **options).manifest["warnings"] == said


@pytest.mark.slow
def test_a_cluster(value: Value, rights: pa.Table, options: dict[str, Any], bits: dict[str, str], cluster: str, tmp_path: Path) -> None:
    assert digests(value(rights, scheduler=cluster, rows_per_task=33, out=tmp_path / "out", **options)) == bits
