"""Files of the portfolio that change, vanish or are cut short while they are being valued."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from portfolios import random_portfolio
from resumed import KEPT, PARTS, Stop, essence, here, laid_out, value

import ipvalue
import ipvalue.execute
import ipvalue.journal
from ipvalue.schema import InputError, RunError

__all__ = ["here", "laid_out"]
pytestmark = pytest.mark.usefixtures("here")


def rewritten() -> None:
    """The file as it was, and yet written anew: its times differ."""
    shutil.copy("p.parquet", "copy")
    os.replace("copy", "p.parquet")


def test_a_file_that_is_written_anew_with_the_same_content() -> None:
    value(progress=Stop(3, rewritten))
    assert essence("out") == essence("undisturbed")


@pytest.mark.parametrize("at", [2, PARTS])
@pytest.mark.parametrize("then", ["goes on", "is stopped"])
def test_a_file_that_changes_ends_the_run_and_nothing_is_kept(at: int, then: str) -> None:
    def change() -> None:
        pq.write_table(random_portfolio(60, seed=3), "p.parquet", row_group_size=20)
        if then == "is stopped":
            raise KeyboardInterrupt

    with pytest.raises(InputError, match=r"^p\.parquet: changed while it was being valued, so nothing of the run is kept: start again$"):
        value(progress=Stop(at, change))
    assert not Path("out").exists()


@pytest.mark.parametrize("at", [2, PARTS])
def test_a_file_that_vanishes_ends_the_run_and_what_is_done_is_kept(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipvalue.journal, "MOST_OF_TIME", 1.0)  # a record after each part
    gone = Stop(at, lambda: os.rename("p.parquet", "away"))
    with pytest.raises(RunError, match=rf"^p\.parquet: cannot be found or read any more: put it back as it was; \d of 9 {KEPT}$"):
        value(progress=gone)
    os.rename("away", "p.parquet")
    value(resume=True)
    assert essence("out") == essence("undisturbed")


def in_a_process(code: str) -> str:
    """What a process of its own prints: it may be one that dies."""
    code = f"import os, sys\nsys.path[:0] = {sys.path!r}\n{code}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_file_that_is_cut_short_is_a_sentence(kind: str) -> None:
    path, table = f"q.{kind}", random_portfolio(4000)
    if kind == "arrow":
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    else:
        pq.write_table(table, path, row_group_size=500)
    said = in_a_process(f"""
from resumed import Stop, value
import ipvalue
try:
    value("out", {path!r}, paths=10, rows_per_task=500, progress=Stop(2, lambda: os.truncate({path!r}, 8192)))
except ipvalue.InputError as error:
    print(error)
""")
    assert said == f"{path}: changed while it was being valued, so nothing of the run is kept: start again\n"
    assert not Path("out").exists()


def test_a_file_that_is_cut_short_between_two_batches() -> None:
    """Of a memory map, to touch what is lost would end the process."""
    table = random_portfolio(4000)
    with pa.ipc.new_file("q.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    said = in_a_process("""
from pathlib import Path
from ipvalue import InputError
from ipvalue.intake import open_portfolio
from ipvalue.intake.stored import stored_batches

unit, = open_portfolio("q.arrow", Path("spool")).units(4000)
batches = stored_batches(unit, ["asset_id", "revenue"])
first = next(batches)
os.truncate("q.arrow", 0)
first.validate(full=True)
try:
    next(batches)
except InputError as error:
    print(error)
""")
    assert said.startswith("q.arrow: cannot be read as file (File too short")


def test_a_file_that_changes_while_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    from ipvalue.intake import sources

    digest = sources.digest
    monkeypatch.setattr(sources, "digest", lambda path: (digest(path), rewritten())[0])
    with pytest.raises(InputError, match=r"^p\.parquet: changed while it was being opened: start again when it is whole$"):
        value()
