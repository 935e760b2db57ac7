"""Rows from everywhere in a portfolio: every stored group once, in a scattered order, and rows whatever their order in a batch."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ipvalue.intake import open_portfolio, scattered_rows, scattered_units


def portfolio(folder: Path, files: int, rows: int, group: int) -> Path:
    (folder / "p").mkdir()
    for number in range(files):
        part = pa.table({"asset_id": [f"{number}-{i}" for i in range(rows)], "right_type": pa.array(["trademark"]).take(pa.array([0] * rows))})
        pq.write_table(part, folder / "p" / f"{number}.parquet", row_group_size=group)
    return folder / "p"


def test_every_stored_group_is_there_once(tmp_path: Path) -> None:
    """Groups larger than what is read at a time are not cut, so that none is decoded twice."""
    for name, group in (("small", 700), ("large", 70_000)):
        (tmp_path / name).mkdir()
        opened = open_portfolio(portfolio(tmp_path / name, 2, 140_000, group), tmp_path / name / "spool")
        units = list(scattered_units(opened))
        assert sum(unit.rows for unit in units) == opened.rows == 280_000
        assert all(unit.skip == 0 and unit.rows == unit.group_rows for unit in units)
        starts = [(unit.path, unit.first_row) for unit in units]
        assert len(set(starts)) == len(starts)


def test_the_first_few_groups_are_of_all_files(tmp_path: Path) -> None:
    opened = open_portfolio(portfolio(tmp_path, 4, 400_000, 70_000), tmp_path / "spool")
    first = [unit.path for unit in scattered_units(opened)][:6]
    assert len(set(first)) == 4


def test_rows_are_chosen_whatever_their_order() -> None:
    batch = pa.record_batch({"asset_id": [f"r{i}" for i in range(1_000)]})
    found = scattered_rows(batch, 50)["asset_id"].to_pylist()
    assert len(set(found)) == 50
    assert scattered_rows(batch.take(pa.array(range(999, -1, -1))), 50)["asset_id"].to_pylist() == found
    assert scattered_rows(batch, 50, turn=3)["asset_id"].to_pylist() != found
    assert max(int(name[1:]) for name in found) > 800
    assert len(scattered_rows(batch, 5_000)) == 1_000
