"""Rows of a portfolio that are wanted by their ids: found, and copied once, those of each part together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from portfolios import random_portfolio, with_bad_rows

from ipvalue.intake import NOWHERE, Portfolio, gather, open_portfolio, places_of, scan
from ipvalue.schema import PORTFOLIO

ROWS, FIRST = 300, 200


@pytest.fixture
def table() -> pa.Table:
    return with_bad_rows(random_portfolio(ROWS))


@pytest.fixture
def portfolio(table: pa.Table, tmp_path: Path) -> Portfolio:
    """Two files of several row groups."""
    (tmp_path / "p").mkdir()
    pq.write_table(table.slice(0, FIRST), tmp_path / "p" / "a.parquet", row_group_size=50)
    pq.write_table(table.slice(FIRST), tmp_path / "p" / "b.parquet", row_group_size=30)
    return open_portfolio(str(tmp_path / "p"), tmp_path)


def _wanted(table: pa.Table) -> pa.StringArray:
    """Every third id, backwards, and one that is nowhere."""
    return pa.array([*[one for one in dict.fromkeys(table["asset_id"].to_pylist()) if one][::-3], "nowhere"])


def test_places_are_those_of_the_ids(table: pa.Table, portfolio: Portfolio) -> None:
    ids = _wanted(table)
    row = places_of(portfolio, ids)
    assert row[-1] == NOWHERE
    assert table["asset_id"].take(pa.array(row[:-1])).to_pylist() == ids.to_pylist()[:-1]


@pytest.mark.parametrize("kept", [7, 10**6])
def test_rows_are_those_that_were_wanted_by_part(
    kept: int, table: pa.Table, portfolio: Portfolio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipvalue.intake.gathered.KEPT_ROWS", kept)
    ids, found = _wanted(table), scan(portfolio)
    part = np.random.default_rng(0).integers(0, 5, len(ids))
    gathered, rejects = gather(portfolio, found.duplicates, places_of(portfolio, ids), part, tmp_path)
    seen = []
    for one in range(5):
        batch, number, file, row = gathered.read(one)
        assert batch.schema.names == list(PORTFOLIO)
        assert batch["asset_id"].equals(ids.take(pa.array(number)))
        assert (part[number] == one).all()
        assert (np.diff(number) > 0).all()
        assert table["asset_id"].take(pa.array(file * FIRST + row)).combine_chunks().equals(batch["asset_id"])
        assert batch["revenue"].equals(table["revenue"].combine_chunks().cast(pa.float64()).take(pa.array(file * FIRST + row)))
        seen += number.tolist()
    bad = set(rejects.table()["asset_id"].to_pylist())
    assert sorted(seen) == [i for i, name in enumerate(ids.to_pylist()[:-1]) if name not in bad]
    assert bad


def test_of_no_ids_there_are_no_rows(portfolio: Portfolio, tmp_path: Path) -> None:
    ids = pa.array([], pa.string())
    gathered, rejects = gather(portfolio, scan(portfolio).duplicates, places_of(portfolio, ids), np.zeros(0, np.int64), tmp_path)
    assert gathered.batches == ()
    assert len(rejects) == 0
