"""A run since an earlier result that is stopped, or finds that what it takes from is not what it was."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from commandline import ROWS, contents, table, value
from cut_off import times_killed
from portfolios import random_portfolio

import ipvalue.execute
import ipvalue.work
from ipvalue import carry, since
from ipvalue.receipt import Receipt
from ipvalue.schema import RunError

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture(autouse=True)
def old(here: Path) -> None:
    """A result in `old`, and beside it a next edition of its portfolio with one right less, which leaves the sums in a task of its own."""
    assert value("portfolio.parquet", out="old").code == 0
    pq.write_table(table(ROWS[:-1]), "next.parquet")


def tables(directory: str) -> dict[str, bytes]:
    return {name: content for name, content in contents(directory).items() if name != "manifest.json"}


def stop_after(tasks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run since an earlier result fails after so many of its tasks."""
    done = 0

    def some(task: Any, renewal: Any) -> Receipt:
        nonlocal done
        done += 1
        if done > tasks:
            raise RunError("the lights went out")
        return carry.run_renewal(task, renewal)

    monkeypatch.setattr(since, "run_renewal", some)


def test_what_was_taken_out_of_the_sums_is_not_taken_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tasks: the parts, and what leaves the sums."""
    with monkeypatch.context() as patched:
        stop_after(1, patched)
        ran = value("next.parquet", "--since", "old", "--workers", 1)
    assert ran.code == 1
    assert ran.sentences[-1] == "the lights went out; 1 of 2 parts are kept in out: the same command with --resume goes on"
    assert value("next.parquet", "--since", "old", "--resume").code == 0
    assert value("next.parquet", out="whole").code == 0
    assert tables("out") == tables("whole")
    assert json.loads(Path("out/manifest.json").read_text())["time"]["sessions"] == 2


def test_a_part_that_is_damaged_meanwhile_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        stop_after(1, patched)
        value("next.parquet", "--since", "old", "--workers", 1)
    Path("out/assets/part-00001.parquet").write_bytes(b"?")
    assert value("next.parquet", "--since", "old", "--resume").code == 0
    assert value("next.parquet", out="whole").code == 0
    assert tables("out") == tables("whole")


def test_runs_with_and_without_an_earlier_result_are_not_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        stop_after(1, patched)
        value("next.parquet", "--since", "old", "--workers", 1)
    how = f"taking rows over from {Path('old').resolve()} as it then was: give --since as before"
    ran = value("next.parquet", "--resume")
    assert (ran.code, ran.sentence) == (2, f"out: holds a run that was begun {how}, or give --overwrite to start again")

    def fail(*_: object) -> None:
        raise RunError("the lights went out")

    with monkeypatch.context() as patched:
        patched.setattr(ipvalue.execute, "write_tables", fail)
        assert value("next.parquet", out="other").code == 1
    ran = value("next.parquet", "--since", "old", "--resume", out="other")
    assert ran.sentences[-1] == "other: holds a run that was begun without --since: leave it out, or give --overwrite to start again"
    assert value("next.parquet", "--resume", out="other").code == 0


def test_a_finished_result_is_mended_whether_or_not_it_took_rows_over() -> None:
    assert value("next.parquet", "--since", "old").code == 0
    before = tables("out")
    Path("out/assets/part-00002.parquet").write_bytes(b"?")
    assert value("next.parquet", "--resume").code == 0
    assert tables("out") == before
    Path("out/totals.arrow").write_bytes(b"?")
    assert value("next.parquet", "--since", "old", "--resume").code == 0
    assert tables("out") == before


def test_an_earlier_portfolio_that_changes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of such a run is kept."""
    place = Path("portfolio.parquet").resolve()

    def meanwhile(task: Any, renewal: Any) -> Receipt:
        pq.write_table(table(ROWS[:2]), place)
        return carry.run_renewal(task, renewal)

    monkeypatch.setattr(since, "run_renewal", meanwhile)
    ran = value("next.parquet", "--since", "old", "--workers", 1)
    assert ran.code == 2
    assert not Path("out").exists()


@pytest.mark.slow
def test_killed_at_any_instant(tmp_path: Path) -> None:
    """Killed again and again while it replaces the very result that it takes rows over from, until it gets through: the bytes of a run of all."""
    draw = random.Random(7)
    rows = random_portfolio(4000)
    revenue = rows["revenue"].to_pylist()
    revenue[7::50] = [1.01 * one if one else one for one in revenue[7::50]]
    pq.write_table(rows, "portfolio.parquet")
    pq.write_table(rows.set_column(rows.schema.get_field_index("revenue"), "revenue", [revenue]), "next.parquet")
    assert value("portfolio.parquet", "--overwrite", "--group-by", "sector", out="old", paths=2000).code == 0
    assert value("next.parquet", "--group-by", "sector", out="whole", paths=2000).code == 0
    command = [sys.executable, "-c", "from ipvalue.cli import main; main()", "value", "next.parquet", "--since", "old", "--out", "old"]
    command += ["--overwrite", "--resume", "--group-by", "sector", "--paths", "2000"]
    clock = time.monotonic()
    assert subprocess.run([*command[:-2], "--paths", "2000", "--out", "rehearsal"], check=False, capture_output=True).returncode == 0
    usual = time.monotonic() - clock
    assert times_killed(command, [0.2 * usual, *(draw.uniform(0.3, 0.9) * usual for _ in range(12))])  # however the machine's load changes
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert tables("old") == tables("whole")
