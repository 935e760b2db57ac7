"""The same bits for any workers, schedulers, chunks, order of rows, files and formats: docs/reproducibility.md, L0.

Every test compares all columns of the asset rows, the groups and the per-path totals with one plain run (conftest.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from bits import digests, table_digests
from portfolios import random_portfolio, with_bad_rows

from ipvalue import appraise, simulate
from ipvalue.valuation import Result

Value = Callable[..., Result]


def test_the_portfolio_exercises_every_feature(plain: Result, portfolio: pa.Table) -> None:
    assert plain.manifest["counts"] == {"rows": 260, "valued": 260, "rejected": 0, "tasks": 1}
    assert set(plain.assets["status"].to_pylist()) == {"ok", "heavy_tail"}
    assert 0 < plain.assets["closed_form"].null_count < 260
    assert len(set(plain.assets["filled"].to_pylist())) > 3
    assert max(abs(tab) for tab in plain.assets["tab"].to_pylist()) > 0
    blank = {name: portfolio[name].null_count for name in portfolio.column_names}
    assert all(count < 260 for count in blank.values())


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_threads(value: Value, portfolio: pa.Table, expected: dict[str, str], precision: str, workers: int) -> None:
    assert digests(value(portfolio, precision=precision, workers=workers, rows_per_task=13)) == expected


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(5, marks=pytest.mark.slow)])
def test_processes(value: Value, portfolio: pa.Table, expected: dict[str, str], precision: str, workers: int) -> None:
    assert digests(value(portfolio, precision=precision, scheduler="processes", workers=workers, rows_per_task=33)) == expected


def test_a_cluster(value: Value, portfolio: pa.Table, expected: dict[str, str], precision: str, cluster: str, tmp_path: Path) -> None:
    """The cluster's worker writes the parts itself, into a directory that both see."""
    pq.write_table(portfolio, tmp_path / "portfolio.parquet")
    result = value(tmp_path / "portfolio.parquet", precision=precision, scheduler=cluster, rows_per_task=33, out=tmp_path / "out")
    assert digests(result) == expected
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "assets",
        "groups.parquet",
        "manifest.json",
        "rejects.parquet",
        "totals.arrow",
    ]


@pytest.mark.parametrize("rows", [4, 23, 100])
def test_rows_a_task(value: Value, portfolio: pa.Table, expected: dict[str, str], precision: str, rows: int) -> None:
    assert digests(value(portfolio, precision=precision, rows_per_task=rows)) == expected


@pytest.mark.parametrize(("most", "elements"), [(3, 10**9), (19, 10**9), (10**6, 100 * 64)])
def test_rows_a_chunk(
    value: Value, portfolio: pa.Table, expected: dict[str, str], precision: str, most: int, elements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appraise, "MOST_ROWS_A_CHUNK", most)
    monkeypatch.setattr(appraise, "ELEMENTS_A_CHUNK", elements)
    assert digests(value(portfolio, precision=precision, rows_per_task=90)) == expected


@pytest.mark.parametrize("table_bytes", [0, 100_000, 1 << 40])
def test_factors_tabled_or_not(
    value: Value, portfolio: pa.Table, expected: dict[str, str], precision: str, table_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate, "FACTOR_TABLE_BYTES", table_bytes)
    assert digests(value(portfolio, precision=precision, rows_per_task=40)) == expected


def test_shuffled_rows(value: Value, portfolio: pa.Table, expected: dict[str, str], precision: str) -> None:
    order = np.argsort([hash((i * 7919) % 263) for i in range(len(portfolio))], kind="stable")
    assert digests(value(portfolio.take(pa.array(order)), precision=precision, rows_per_task=50)) == expected


@pytest.mark.parametrize("steps", [4, 12])
def test_other_steps_a_year(value: Value, portfolio: pa.Table, precision: str, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    few = portfolio.slice(0, 60)
    whole = digests(value(few, steps, precision=precision, rows_per_task=10**6, paths=130))
    monkeypatch.setattr(appraise, "MOST_ROWS_A_CHUNK", 7)
    monkeypatch.setattr(simulate, "FACTOR_TABLE_BYTES", 0)
    assert digests(value(few.slice(20).take(pa.array(range(39, -1, -1))), steps, precision=precision, rows_per_task=11, paths=130)) != whole
    assert digests(value(few.take(pa.array(range(59, -1, -1))), steps, precision=precision, rows_per_task=11, workers=2, paths=130)) == whole


# ------------------------------------------------------------------------------------------------------------ sources


def _parquet(table: pa.Table, folder: Path) -> object:
    pq.write_table(table, folder / "one.parquet", row_group_size=37)
    return folder / "one.parquet"


def _seven_files(table: pa.Table, folder: Path) -> object:
    (folder / "seven").mkdir()
    for i in range(7):
        part = table.slice(i * 38, 38)
        if i % 2:
            pq.write_table(part, folder / "seven" / f"{i}.parquet")
        else:
            _write_ipc(part, folder / "seven" / f"{i}.arrow", None)
    return folder / "seven"


def _ipc(table: pa.Table, folder: Path) -> object:
    _write_ipc(table, folder / "one.arrow", None)
    return folder / "one.arrow"


def _lz4(table: pa.Table, folder: Path) -> object:
    _write_ipc(table, folder / "one.feather", "lz4")
    return folder / "one.feather"


def _write_ipc(table: pa.Table, path: Path, compression: str | None) -> None:
    with pa.ipc.new_file(path, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=41)


def _dictionaries(table: pa.Table, folder: Path) -> object:
    """Text columns as dictionaries, whose codes differ by batch, and as large_string."""
    columns = {name: table[name] for name in table.column_names}
    columns["asset_id"] = columns["asset_id"].cast(pa.large_string())
    for name in ("sector", "right_type", "currency", "renewal"):
        columns[name] = pa.chunked_array([columns[name].slice(start, 50).combine_chunks().dictionary_encode() for start in range(0, len(table), 50)])
    return pa.table(columns)


def _csv(table: pa.Table, folder: Path) -> object:
    columns = {name: table[name] for name in table.column_names}
    columns["revenue_path"] = pa.array([None if path is None else str(path) for path in table["revenue_path"].to_pylist()], pa.string())
    pacsv.write_csv(pa.table(columns), folder / "one.csv")
    return folder / "one.csv"


def _pandas(table: pa.Table, folder: Path) -> object:
    return pytest.importorskip("pandas").DataFrame({name: table[name].to_pandas(types_mapper=None) for name in table.column_names})


def _polars(table: pa.Table, folder: Path) -> object:
    return pytest.importorskip("polars").from_arrow(table)


@pytest.mark.parametrize("make", [_parquet, _seven_files, _ipc, _lz4, _dictionaries, _csv, _pandas, _polars])
def test_sources(
    make: Callable[[pa.Table, Path], object], value: Value, portfolio: pa.Table, expected: dict[str, str], precision: str, tmp_path: Path
) -> None:
    assert digests(value(make(portfolio, tmp_path), precision=precision, rows_per_task=60)) == expected


# ------------------------------------------------------------------------------------------- other rows, rejects, paths


def test_an_asset_alone(value: Value, portfolio: pa.Table, plain: Result, precision: str) -> None:
    for row in range(0, 260, 13):
        alone = value(portfolio.slice(row, 1), precision=precision)
        here = plain.assets.slice(row, 1)
        assert table_digests(alone.assets, "assets") == table_digests(here, "assets"), here["asset_id"]


@pytest.mark.slow
def test_an_asset_among_a_million(value: Value) -> None:
    """Its row is the one it has alone. Few of the million may be abandoned: a boundary takes longer than two paths."""
    million = random_portfolio(1_000_000, seed=5)
    renewal = np.where(np.arange(len(million)) % 1000 == 0, million["renewal"].to_numpy(zero_copy_only=False), "always")
    million = million.set_column(million.schema.get_field_index("renewal"), "renewal", pa.array(renewal, pa.string()))
    among = value(million, paths=2, workers=2, group_by=())
    assert among.manifest["counts"]["valued"] == 1_000_000
    for row in range(0, 1_000_000, 49_500):
        alone = value(million.slice(row, 1), paths=2)
        assert table_digests(alone.assets, "assets") == table_digests(among.assets.slice(row, 1), "assets")


def test_more_paths_keep_the_first(value: Value, portfolio: pa.Table, precision: str) -> None:
    """Path p is the same however many are asked for."""
    few, many = (value(portfolio.slice(0, 40), precision=precision, paths=paths, keep_paths=True, group_by=()) for paths in (300, 700))
    for one, other in zip(few.paths["values"].to_pylist(), many.paths["values"].to_pylist(), strict=True):
        assert one == other[:300]
    assert few.totals["value"].to_pylist() == many.totals["value"].to_pylist()[:300]


def test_kept_paths_change_nothing(value: Value, portfolio: pa.Table, expected: dict[str, str], plain: Result, precision: str) -> None:
    kept = value(portfolio, precision=precision, keep_paths=True, rows_per_task=50)
    assert digests(kept) == expected
    assert kept.paths["asset_id"].to_pylist() == plain.assets["asset_id"].to_pylist()
    means = [np.mean(np.array(values, np.float64)) for values in kept.paths["values"].to_pylist()]
    np.testing.assert_allclose(plain.assets["mean_raw"].to_numpy(), means, rtol=1e-12, atol=1e-9)


def test_rejects_do_not_depend_on_tasks(value: Value, portfolio: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = with_bad_rows(portfolio)
    source = _seven_files(bad, tmp_path)
    whole = value(source, rows_per_task=10**6)
    monkeypatch.setattr(appraise, "MOST_ROWS_A_CHUNK", 5)
    parts = value(source, rows_per_task=9, workers=5)
    assert whole.rejects.num_rows == 16
    assert parts.rejects.equals(whole.rejects)
    assert digests(parts) == digests(whole)
    counts: list[dict[str, Any]] = [{**result.manifest["counts"], "tasks": 0} for result in (whole, parts)]
    assert counts[0] == counts[1] == {"rows": 260, "valued": 244, "rejected": 16, "tasks": 0}


def test_part_files_do_not_depend_on_workers(value: Value, portfolio: pa.Table, tmp_path: Path) -> None:
    """Not only the figures: the same files, byte for byte."""
    pq.write_table(portfolio, tmp_path / "portfolio.parquet")
    found = []
    for workers in (1, 3):
        out = tmp_path / f"out{workers}"
        manifest = value(tmp_path / "portfolio.parquet", out=out, workers=workers).manifest
        found.append({file["name"]: file["sha256"] for file in manifest["files"]})
        assert {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} == {*found[-1], "manifest.json"}
    assert found[0] == found[1]
    assert len(found[0]) == 16 + 3
