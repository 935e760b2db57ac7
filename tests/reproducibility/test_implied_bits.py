"""Implied figures: the same bits on any number of threads and on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import portfolios
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import ipvalue as iv
from ipvalue.calibrate import Calibrated, implied


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pa.Table, dict[str, Any]]:
    """A portfolio of all methods, in several tasks; prices of most of its rights, and how these are solved."""
    folder = tmp_path_factory.mktemp("implied")
    rights = portfolios.random_methods(36, 3)
    pq.write_table(rights, folder / "rights.parquet")
    (folder / "assumptions.toml").write_text(portfolios.ASSUMPTIONS)
    options = {"market": portfolios.MARKET, "assumptions": folder / "assumptions.toml", "paths": 64}
    worth = iv.value(rights, **options).assets
    prices = pa.table({"asset_id": worth["asset_id"], "price": pc.add(pc.abs(worth["value"]), 1000.0)}).slice(2)
    return folder / "rights.parquet", prices, options


def solved(asked: tuple[Path, pa.Table, dict[str, Any]], **how: Any) -> Calibrated:
    portfolio, prices, options = asked
    return implied(portfolio, prices, **options, **how)


@pytest.fixture(scope="module")
def expected(asked: tuple[Path, pa.Table, dict[str, Any]]) -> Calibrated:
    return solved(asked, workers=1)


def test_it_has_figures_of_both_kinds(expected: Calibrated) -> None:
    assert {"exact", "simulated"} <= {*expected.table["status"].to_pylist()}


def test_workers(asked: tuple[Path, pa.Table, dict[str, Any]], expected: Calibrated) -> None:
    found = solved(asked, workers=3)
    assert found.table.equals(expected.table)
    assert found.doubts == expected.doubts


def test_a_cluster(asked: tuple[Path, pa.Table, dict[str, Any]], expected: Calibrated, cluster: str) -> None:
    found = solved(asked, scheduler=cluster)
    assert found.table.equals(expected.table)
    assert found.doubts == expected.doubts
