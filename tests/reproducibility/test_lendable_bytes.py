"""What may be lent on a register has the same bytes whatever tasks, workers, kernels, memory, and however often it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lent_books
import portfolios
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import contents
from cut_off import killed_again_and_again
from resumed import Stop

import ipvalue
from ipvalue.execute import Interrupted
from ipvalue.lendable import tables, work
from ipvalue.schema import RIGHT_TYPES

POLICY = {
    "loan_to_value": dict.fromkeys(RIGHT_TYPES, 0.4),
    "expected_loss": 0.03,
    "coverage": 1.1,
    "value": "q50",
    "terms": {"rate": 0.05, "term": 2.5, "pd": 0.1, "factor_loading": 0.0},
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("register")
    table = lent_books.rights(40, 6)
    owners = pa.array([None if i % 5 == 0 else f"O{i % 7}" for i in range(len(table))], pa.string())
    table = table.set_column(table.schema.get_field_index("owner_id"), "owner_id", owners)
    pq.write_table(table, folder / "rights.parquet", row_group_size=9)
    lent_books.assumptions(folder)
    return folder


def _found(inputs: Path, out: Path, **more: Any) -> dict[str, bytes]:
    """The files of a run but for the manifest."""
    options = {"paths": 77, "seed": 3, "rows_per_task": 12, "workers": 1, **more}
    ways: dict[str, Any] = {"market": portfolios.MARKET, "assumptions": inputs / "assumptions.toml", "out": out}
    ipvalue.lendable(inputs / "rights.parquet", "ours", policies={"policy": {"ours": POLICY}}, **ways, **options)
    found = contents(out)
    del found["manifest.json"]
    return found


@pytest.fixture(scope="module")
def undisturbed(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    found = _found(inputs, out)
    assert json.loads((out / "manifest.json").read_text())["counts"]["tasks"] >= 4
    parts = {name for name in found if name.startswith("lendable/")}
    assert set(found) - parts == {"borrowers.parquet", "capacity.parquet", "rejects.parquet"}
    return found


@pytest.mark.parametrize(
    "more", [{"workers": 2}, {"scheduler": "processes", "workers": 2}, pytest.param({"backend": "numba"}, marks=pytest.mark.slow)], ids=str
)
def test_workers_and_kernels_move_no_byte(more: dict[str, Any], inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    assert _found(inputs, tmp_path / "out", **more) == undisturbed


@pytest.mark.parametrize("rows", [3, 1000])
def test_tasks_move_no_figure(rows: int, inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    found = _found(inputs, tmp_path / "out", rows_per_task=rows)
    for name in ("borrowers.parquet", "capacity.parquet"):
        assert found[name] == undisturbed[name]
    parts = [[pq.read_table(pa.BufferReader(one[name])) for name in sorted(one) if name.startswith("lendable/")] for one in (found, undisturbed)]
    assert pa.concat_tables(parts[0]).equals(pa.concat_tables(parts[1]))


def test_memory_moves_no_byte(inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SLOT_BYTES", 1)
    monkeypatch.setattr(tables, "ROWS", 1)
    assert _found(inputs, tmp_path / "out") == undisturbed


def test_points_of_sobol_have_the_same_bytes_too(inputs: Path, tmp_path: Path) -> None:
    one = _found(inputs, tmp_path / "one", paths=64, sampler="sobol")
    assert one == _found(inputs, tmp_path / "two", paths=64, sampler="sobol", workers=2)


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="parts are kept in"):
        _found(inputs, tmp_path / "out", progress=Stop(2))
    assert _found(inputs, tmp_path / "out", resume=True) == undisturbed


def test_a_run_that_is_killed_anywhere_goes_on_to_the_same_bytes(inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    found, killed = killed_again_and_again(lambda: _found(inputs, out, resume=out.exists()), out, 3, 11)
    assert found == undisturbed
    assert killed > 0


def test_a_damaged_part_is_made_again(inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    _found(inputs, tmp_path / "out")
    (tmp_path / "out" / "lendable" / "part-00001.parquet").write_bytes(b"nothing")
    assert _found(inputs, tmp_path / "out", resume=True) == undisturbed


def test_a_right_has_the_figures_that_it_has_alone(inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    table = pq.read_table(inputs / "rights.parquet").slice(13, 5)
    pq.write_table(table, tmp_path / "rights.parquet")
    (tmp_path / "assumptions.toml").write_bytes((inputs / "assumptions.toml").read_bytes())
    alone = pq.read_table(pa.BufferReader(_found(tmp_path, tmp_path / "out")["lendable/part-00000.parquet"])).to_pylist()
    whole = [pq.read_table(pa.BufferReader(undisturbed[name])) for name in sorted(undisturbed) if name.startswith("lendable/")]
    among = {row["asset_id"]: row for row in pa.concat_tables(whole).to_pylist()}
    assert alone == [among[row["asset_id"]] for row in alone]
