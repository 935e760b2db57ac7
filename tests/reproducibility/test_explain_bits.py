"""An explanation's bits: the same for any workers, order of rows, files and shares."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import portfolios
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bits import table_digests
from commandline import contents
from explained import Inputs, edited, without

import ipvalue as iv
from ipvalue import backend
from ipvalue.explain import match, task, worth

TABLE = portfolios.methods_and_several(150, 20, seed=12)
IDS = TABLE["asset_id"].to_pylist()
OLD = Inputs(TABLE).but(paths=96, group_by=("sector", "method"))
NEW = OLD.but(
    table=without(edited(TABLE, {one: {"tax_rate": 0.3, "hazard": 0.01} for one in IDS[10:60]}), *IDS[100:110]),
    valuation_date=portfolios.VALUATION_DATE + timedelta(days=200),
    fx={"USD": 7.3, "EUR": 8.0},
    seed=2,
)


def turned(one: Inputs) -> Inputs:
    """The same rows the other way round."""
    return one.but(table=one.table.take(list(range(one.table.num_rows))[::-1]))


def digests(found: iv.Explanation) -> dict[str, str]:
    return {**table_digests(found.steps, "steps"), **table_digests(found.assets, "assets")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both results, and what lies between them in a directory of its own."""
    folder = tmp_path_factory.mktemp("explained")
    OLD.valued(folder / "old")
    NEW.valued(folder / "new")
    iv.explain(folder / "old", folder / "new", out=folder / "why", workers=1)
    return folder


@pytest.fixture(scope="module")
def expected(folder: Path) -> dict[str, str]:
    return digests(iv.explain(folder / "old", folder / "new", workers=1))


def test_it_has_what_the_other_tests_turn_about(folder: Path) -> None:
    found = iv.explain(folder / "old", folder / "new", workers=1)
    assert {"removed", "sampling", "time", "fx", "data: tax_rate", "data: hazard"} <= set(found.record["steps"])
    assert {"assets/part-00000.parquet", "assets/part-00001.parquet", "explain.parquet", "explain.json"} <= contents(folder / "why").keys()


@pytest.mark.parametrize("workers", [2, 5])
def test_workers(workers: int, folder: Path, tmp_path: Path) -> None:
    """Byte for byte: the record too, which names no time and no host."""
    iv.explain(folder / "old", folder / "new", out=tmp_path / "why", workers=workers)
    assert contents(tmp_path / "why") == contents(folder / "why")


@pytest.mark.slow
def test_processes(folder: Path, tmp_path: Path) -> None:
    iv.explain(folder / "old", folder / "new", out=tmp_path / "why", workers=2, scheduler="processes")
    assert contents(tmp_path / "why") == contents(folder / "why")


def test_a_cluster(folder: Path, cluster: str, tmp_path: Path) -> None:
    """What its workers see between the two lies among the tables, and is gone at the end."""
    iv.explain(folder / "old", folder / "new", out=tmp_path / "why", scheduler=cluster)
    assert contents(tmp_path / "why") == contents(folder / "why")
    assert {path.name for path in (tmp_path / "why").iterdir()} == {"assets", "explain.parquet", "explain.json"}


def test_a_cluster_and_tables_in_memory(folder: Path, expected: dict[str, str], cluster: str) -> None:
    assert digests(iv.explain(folder / "old", folder / "new", scheduler=cluster)) == expected


def test_the_order_of_rows(folder: Path, expected: dict[str, str], tmp_path: Path) -> None:
    turned(OLD).valued(tmp_path / "old")
    NEW.valued(tmp_path / "new")
    assert digests(iv.explain(tmp_path / "old", tmp_path / "new", workers=2)) == expected


def test_several_files_and_other_tasks(folder: Path, expected: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for number, first in enumerate(range(0, TABLE.num_rows, 47)):
        pq.write_table(TABLE.slice(first, 47), tmp_path / "parts" / f"{number}.parquet")
    (tmp_path / "assumptions.toml").write_text(OLD.assumptions)
    options: dict[str, Any] = {**OLD.options, "rows_per_task": 13}
    iv.value(tmp_path / "parts", market=OLD.market, assumptions=tmp_path / "assumptions.toml", out=tmp_path / "old", **options)
    assert digests(iv.explain(tmp_path / "old", folder / "new")) == expected


@pytest.mark.parametrize(
    ("module", "name", "size"),
    [(match, "LEAST_ROWS", 1000), (match, "LEAST_ROWS", 13), (match, "ROWS_A_PIECE", 30), (task, "ROWS_A_BLOCK", 17), (worth, "BYTES", 1)],
)
def test_shares_blocks_and_what_is_simulated_at_once(
    module: Any, name: str, size: int, folder: Path, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, size)
    found = iv.explain(folder / "old", folder / "new", workers=1)
    sorted_assets = found.assets.take(pa.array(_order(found)))
    assert {**table_digests(found.steps, "steps"), **table_digests(sorted_assets, "assets")} == _sorted(folder)


def _order(found: iv.Explanation) -> list[int]:
    steps = {step: i for i, step in enumerate(found.record["steps"])}
    rows = found.assets.to_pylist()
    return sorted(range(len(rows)), key=lambda i: (rows[i]["asset_id"].encode(), steps[rows[i]["step"]]))


def _sorted(folder: Path) -> dict[str, str]:
    """The digests with the rights by their ids, which lie in other parts where there are more or fewer."""
    found = iv.explain(folder / "old", folder / "new", workers=1)
    return {**table_digests(found.steps, "steps"), **table_digests(found.assets.take(pa.array(_order(found))), "assets")}


@pytest.mark.slow
def test_both_kernels(folder: Path, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from ipvalue.explain import explanation

    monkeypatch.setattr(explanation, "default_backend", lambda: "numba")
    assert set(backend.BACKENDS) == {"native", "numba"}
    assert digests(iv.explain(folder / "old", folder / "new", workers=1)) == expected
