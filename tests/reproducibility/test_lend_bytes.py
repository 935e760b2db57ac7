"""A book of loans has the same bytes whatever tasks, workers, kernels, the files that rights lie in, and however often it was stopped."""

from __future__ import annotations

import json
import shutil
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
from ipvalue.loan_book import work

RIGHTS, LOANS = 40, 30
POOL = {
    "pool": {"where": "term >= 1 and sector != 'pharma'", "reserve": 0.01, "fee": 0.002, "principal": "pro_rata"},
    "tranche": [{"name": "A", "size": 0.7, "coupon": 0.01}, {"name": "B", "size": 0.2, "coupon": 0.03}, {"name": "C", "size": 0.1}],
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("book")
    portfolio = lent_books.rights(RIGHTS, 6)
    pq.write_table(portfolio, folder / "rights.parquet", row_group_size=9)
    pq.write_table(lent_books.table(_rows(portfolio)), folder / "loans.parquet")
    lent_books.assumptions(folder)
    return folder


def _rows(portfolio: pa.Table) -> list[dict[str, Any]]:
    """Loans of several units: three books side by side."""
    found = []
    for part in range(3):
        these = portfolio.slice(part * len(portfolio) // 3, len(portfolio) // 3)
        for row in lent_books.loans(these, LOANS // 3, seed=part):
            borrower = row["borrower_id"] and f"{row['borrower_id']} of {part}"
            found.append({**row, "loan_id": f"{row['loan_id']} of {part}", "borrower_id": borrower})
    return found


def _lend(inputs: Path, out: Path, **more: Any) -> dict[str, bytes]:
    """The files of a run but for the manifest."""
    options = {"paths": 77, "seed": 3, "rows_per_task": 12, "workers": 1, "pool": POOL, **more}
    ipvalue.lend(inputs / "loans.parquet", inputs / "rights.parquet", market=portfolios.MARKET, assumptions=inputs / "assumptions.toml", out=out,
                 **lent_books.names(), **options)  # fmt: skip
    found = contents(out)
    del found["manifest.json"]
    return found


@pytest.fixture(scope="module")
def undisturbed(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    found = _lend(inputs, out)
    assert json.loads((out / "manifest.json").read_text())["counts"]["tasks"] >= 3
    assert set(found) == {"loans/part-00000.parquet", "book.parquet", "losses.arrow", "exposures.parquet", "rejects.parquet", "tranches.parquet",
                          "tranche_losses.arrow"}  # fmt: skip
    return found


@pytest.mark.parametrize(
    "more", [{"workers": 2}, {"rows_per_task": 1000}, {"rows_per_task": 1}, {"scheduler": "processes", "workers": 2}, {"backend": "numba"}], ids=str
)
def test_tasks_workers_and_kernels_move_no_byte(more: dict[str, Any], inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    assert _lend(inputs, tmp_path / "out", **more) == undisturbed


def test_points_of_sobol_have_the_same_bytes_too(inputs: Path, tmp_path: Path) -> None:
    one = _lend(inputs, tmp_path / "one", paths=64, sampler="sobol")
    assert one == _lend(inputs, tmp_path / "two", paths=64, sampler="sobol", workers=2, rows_per_task=1000)


def test_memory_for_collateral_moves_no_byte(inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SLOT_BYTES", 1)
    assert _lend(inputs, tmp_path / "out", rows_per_task=1000) == undisturbed


def test_how_rows_are_gathered_moves_no_byte(inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipvalue.intake.gathered.KEPT_ROWS", 7)
    assert _lend(inputs, tmp_path / "out") == undisturbed


def test_how_many_loans_are_read_at_a_time_moves_no_byte(
    inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipvalue.lending.read.CHECKED_ROWS", 4)
    assert _lend(inputs, tmp_path / "out") == undisturbed


def test_parts_of_the_loans_hold_the_same_rows(inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, of whatever tasks."""
    monkeypatch.setattr("ipvalue.loan_book.tables.LOANS_A_PART", 7)
    found = _lend(inputs, tmp_path / "out", rows_per_task=1)
    parts = sorted(name for name in found if name.startswith("loans/"))
    whole = pq.read_table(pa.BufferReader(undisturbed["loans/part-00000.parquet"]))
    assert len(parts) == -(-whole.num_rows // 7) > 1
    assert pa.concat_tables([pq.read_table(pa.BufferReader(found[name])) for name in parts]).combine_chunks().equals(whole.combine_chunks())
    others = set(undisturbed) - {"loans/part-00000.parquet"}
    assert {name: found[name] for name in others} == {name: undisturbed[name] for name in others}


def test_files_of_rights_move_no_byte(inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    whole = pq.read_table(inputs / "rights.parquet")
    (tmp_path / "rights.parquet").mkdir()
    for i, some in enumerate((whole.slice(30), whole.slice(0, 30))):
        pq.write_table(some, tmp_path / "rights.parquet" / f"{i}.parquet")
    for name in ("loans.parquet", "assumptions.toml"):
        shutil.copy(inputs / name, tmp_path / name)
    found = _lend(tmp_path, tmp_path / "out")
    del found["rejects.parquet"]
    assert found == {name: content for name, content in undisturbed.items() if name != "rejects.parquet"}


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="parts are kept in"):
        _lend(inputs, tmp_path / "out", progress=Stop(2))
    assert any(name.startswith("events/") for name in contents(tmp_path / "out"))
    assert _lend(inputs, tmp_path / "out", resume=True) == undisturbed
    assert not (tmp_path / "out" / "events").exists()


def test_a_run_that_is_killed_anywhere_goes_on_to_the_same_bytes(inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    found, killed = killed_again_and_again(lambda: _lend(inputs, out, resume=out.exists()), out, 3, 9)
    assert found == undisturbed
    assert killed > 0


def test_a_damaged_result_is_made_again_from_the_start(inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    _lend(inputs, tmp_path / "out")
    (tmp_path / "out" / "loans" / "part-00000.parquet").write_bytes(b"nothing")
    assert _lend(inputs, tmp_path / "out", resume=True) == undisturbed


def test_loans_have_the_figures_that_they_have_alone(inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    """Those that need no other unit: who else is in the book moves nothing of them."""
    rows = pq.read_table(inputs / "loans.parquet")
    some = pa.Table.from_pylist([row for row in rows.to_pylist() if row["loan_id"].endswith("of 1")], rows.schema)
    for name in ("rights.parquet", "assumptions.toml"):
        shutil.copy(inputs / name, tmp_path / name)
    pq.write_table(some, tmp_path / "loans.parquet")
    alone = pq.read_table(pa.BufferReader(_lend(tmp_path, tmp_path / "out")["loans/part-00000.parquet"])).to_pylist()
    among = {row["loan_id"]: row for row in pq.read_table(pa.BufferReader(undisturbed["loans/part-00000.parquet"])).to_pylist()}
    of_book = ("es_95", "es_99", "es_99_9", "bank_es_95", "bank_es_99", "bank_es_99_9", "bank_expected_loss", "break_even_spread")
    for row in alone:
        assert {name: row[name] for name in row if name not in of_book} == {name: among[row["loan_id"]][name] for name in row if name not in of_book}


def test_a_loan_that_is_left_out_moves_no_figure_of_those_that_precede_it(inputs: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    """It stands first in the table, names their rights in another order, and one that there is not."""
    rows = pq.read_table(inputs / "loans.parquet")
    first = rows.slice(0, 1).to_pylist()[0]
    names = list(dict.fromkeys(name for row in rows.to_pylist() for name in reversed(row["asset_ids"])))[::-1]
    left_out = {**first, "loan_id": "left out", "asset_ids": [*names, "nowhere"], "pledge_ranks": [10**6] * (len(names) + 1), "borrower_id": None}
    pq.write_table(pa.concat_tables([pa.Table.from_pylist([left_out], rows.schema), rows]), tmp_path / "loans.parquet")
    for name in ("rights.parquet", "assumptions.toml"):
        shutil.copy(inputs / name, tmp_path / name)
    found = _lend(tmp_path, tmp_path / "out")
    told = pq.read_table(pa.BufferReader(found["rejects.parquet"])).to_pylist()
    assert [one["rule"] for one in told if one["asset_id"] == "left out"] == ["every pledged right is in the portfolio"]
    same = ("loans/part-00000.parquet", "book.parquet", "losses.arrow", "tranches.parquet", "tranche_losses.arrow")
    assert {name: found[name] for name in same} == {name: undisturbed[name] for name in same}
