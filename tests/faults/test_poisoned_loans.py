"""Rights and loans that end the process which lends: found, left out with what follows from them, and told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import clusters
import pyarrow.parquet as pq
import pytest
import small_book
from commandline import MARKET, ROW, contents, table

import ipvalue

KILLS = '''\
"""Read by every Python process that starts with this folder on its path: some rights and some loans end the process that works on them."""
import os, signal
from ipvalue.loan_book import pledged, work

compile_rows, settled = pledged.compile_rows, work._settled
POISON = set(os.environ["POISON"].split(","))

def deadly_right(rows, tables):
    if POISON & set(rows.batch["asset_id"].to_pylist()):
        os.kill(os.getpid(), signal.SIGKILL)
    return compile_rows(rows, tables)

def deadly_loan(lent, *others):
    if POISON & set(lent.loan_id.to_pylist()):
        os.kill(os.getpid(), signal.SIGKILL)
    return settled(lent, *others)

pledged.compile_rows, work._settled = deadly_right, deadly_loan
'''
LOANS = [
    *(small_book.own(i, **({"covenant_trigger": 0.7, "covenant_cure": 0.5} if i < 4 else {})) for i in range(12)),
    small_book.own(12, loan_id="senior", asset_ids=["r12"], pledge_ranks=[1]),
    small_book.own(13, loan_id="junior", asset_ids=["r12", "r13"], pledge_ranks=[2, 1]),
    small_book.own(14, loan_id="beside", asset_ids=["r14"], borrower_id="B13"),
]
ENDS = "a row can be valued without ending the process"
LOAN_ENDS = "a loan can be lent without ending the process"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pq.write_table(table([{**ROW, "asset_id": f"r{i}", "life": 4.0 + i % 5} for i in range(16)]), tmp_path / "rights.parquet")
    (tmp_path / "market.toml").write_text(MARKET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lend(out: str, rows: list[dict[str, Any]] = LOANS, **options: Any) -> ipvalue.LendResult:
    small_book.write(rows=rows)
    return ipvalue.lend("loans.parquet", "rights.parquet", out=out, **{"paths": 50, "rows_per_task": 9, "workers": 1, **options})


def poison(folder: Path, *ids: str) -> dict[str, str]:
    """The environment of processes that these rights and loans end."""
    (folder / "sitecustomize.py").write_text(KILLS)
    return {"PYTHONPATH": str(folder), "POISON": ",".join(ids)}


def without(*ids: str) -> list[dict[str, Any]]:
    return [row for row in LOANS if row["loan_id"] not in ids]


def same_loans(found: ipvalue.LendResult, expected: ipvalue.LendResult) -> None:
    """The loans, the book and its losses are the same."""
    assert found.loans.equals(expected.loans)
    assert found.book.equals(expected.book)
    assert found.losses.equals(expected.losses)


def left_out(found: ipvalue.LendResult) -> int:
    (row,) = [one for one in found.exposures.to_pylist() if one["by"] == "left out"]
    return int(row["loans"])


def told(found: ipvalue.LendResult) -> dict[str, tuple[str, str]]:
    return {one["asset_id"]: (one["file"], one["rule"]) for one in found.rejects.to_pylist()}


@pytest.mark.slow  # processes that load Numba
def test_a_right_that_ends_its_process_goes_with_the_loans_on_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = lend("expected", without("L4"))
    for name, text in poison(folder, "r4").items():
        monkeypatch.setenv(name, text)
    found = lend("out", scheduler="processes")
    same_loans(found, expected)
    assert told(found) == {"r4": ("rights.parquet", ENDS), "L4": ("loans.parquet", "every pledged right can be valued")}
    assert left_out(found) == 1
    assert found.manifest["counts"]["rejected"] == 1


@pytest.mark.slow
def test_a_loan_that_ends_its_process_goes_with_those_that_are_settled_with_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = {"tranche": [{"name": "senior", "size": 0.7, "coupon": 0.02}, {"name": "junior", "size": 0.3}]}
    expected = lend("expected", without("senior", "junior", "beside", "L2"), pool=pool)
    for name, text in poison(folder, "junior", "L2").items():
        monkeypatch.setenv(name, text)
    found = lend("out", scheduler="processes", pool=pool)
    same_loans(found, expected)
    assert found.tranches is not None
    assert found.tranches.equals(expected.tranches)
    assert found.tranche_losses.equals(expected.tranche_losses)
    assert ipvalue.verify("out", sample=1.0).ok  # in this process nothing ends
    assert told(found) == dict.fromkeys(("senior", "junior", "beside", "L2"), ("loans.parquet", LOAN_ENDS))
    assert left_out(found) == 4
    assert "or one that shares a right or its borrower with it" in found.rejects["message"][0].as_py()


@pytest.mark.slow
def test_on_a_cluster(folder: Path) -> None:
    expected = lend("expected", without("L4", "L7"))
    env = {**poison(folder, "r4", "L7"), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    with clusters.started(folder, 2, env=env) as cluster:
        found = lend("out", scheduler=cluster.address)
    same_loans(found, expected)
    assert set(told(found)) == {"r4", "L4", "L7"}


@pytest.mark.slow
def test_threads_die_and_processes_find_it(folder: Path) -> None:
    """The same command with --scheduler processes --resume, as docs/overnight.md advises."""
    expected = lend("expected", without("L4"))
    small_book.write(rows=LOANS)
    env = {**os.environ, **poison(folder, "r4")}
    line = [sys.executable, "-c", "from ipvalue.cli import main; main()", "lend", "loans.parquet", "--portfolio", "rights.parquet", "--out", "out"]
    line += ["--paths", "50", "--workers", "1"]
    assert subprocess.run(line, env=env, check=False).returncode == -signal.SIGKILL
    assert subprocess.run([*line, "--scheduler", "processes", "--resume"], env=env, check=False).returncode == 0
    found = ipvalue.open_loans("out")
    same_loans(found, expected)
    assert not [name for name in contents("out") if "/" in name and not name.startswith("loans/")]
