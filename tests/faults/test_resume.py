"""A run that was stopped goes on, and comes to the bytes of one that was not; two never at once."""

from __future__ import annotations

import fcntl
import logging
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from portfolios import random_portfolio
from resumed import PARTS, Stop, essence, here, laid_out, stopped, value

import ipvalue
import ipvalue.journal
import ipvalue.work
from ipvalue.execute import Interrupted
from ipvalue.receipt import Receipt
from ipvalue.schema import InputError

__all__ = ["here", "laid_out"]
pytestmark = pytest.mark.usefixtures("here")


@pytest.mark.parametrize("parts", [1, 4, PARTS])
def test_a_stopped_run_goes_on(parts: int) -> None:
    stopped(parts)
    told = Stop(0)
    result = value(resume=True, progress=told)
    assert essence("out") == essence("undisturbed")
    assert result.manifest["time"]["sessions"] == 2
    done = [one for one, _ in told.told]
    assert done == sorted(set(done))
    assert 0 < done[0] < done[-1] == 60 or parts == PARTS
    assert result.manifest["counts"]["rejected"] == len(pc.unique(result.rejects["row"])) == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_part_that_is_taken_in_while_the_run_is_stopped_is_kept(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    merge, calls = Receipt.merge, []

    def stopped_within(whole: Receipt, receipt: Receipt) -> None:
        calls.append(receipt)
        if len(calls) == 3:
            signal.raise_signal(number)
        merge(whole, receipt)

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(Receipt, "merge", stopped_within)
            with pytest.raises(Interrupted, match=r"^stopped; 3 of 9 parts are kept"):
                value()
    finally:
        signal.signal(signal.SIGTERM, before)
    value(resume=True)
    assert essence("out") == essence("undisturbed")


def test_only_what_was_not_done_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(4)
    seen = []
    run_task = ipvalue.work.run_task
    monkeypatch.setattr(ipvalue.work, "run_task", lambda task, run: (seen.append(task.number), run_task(task, run))[1])
    value(resume=True)
    assert sorted(seen) == [4, 5, 6, 7, 8] or sorted(seen) == [5, 6, 7, 8]  # one more may have been done while the run was being stopped


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"keep_paths": True}, id="kept paths"),
        pytest.param({"sampler": "sobol", "paths": 64}, id="sobol"),
        pytest.param({"tolerance": 0.03, "max_paths": 1600}, id="tolerance"),
        pytest.param({"precision": "double", "group_by": ()}, id="double, no groups"),
    ],
)
def test_every_kind_of_run(options: dict[str, Any]) -> None:
    value("fresh", **options)
    stopped(3, **options)
    value(resume=True, **options)
    assert essence("out") == essence("fresh")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"workers": 3}, id="more threads"),
        pytest.param({"memory": "1GiB"}, id="less memory"),
        pytest.param({"scheduler": "processes", "workers": 2}, id="processes"),
        pytest.param({"backend": "numba"}, id="numba", marks=pytest.mark.slow),
    ],
)
def test_how_it_is_made_may_be_another(options: dict[str, Any]) -> None:
    stopped(3)
    value(resume=True, **options)
    assert essence("out") == essence("undisturbed")


def test_several_stops_in_a_row() -> None:
    for _ in range(3):
        stopped(2, resume=True)
    assert value(resume=True).manifest["time"]["sessions"] == 4
    assert essence("out") == essence("undisturbed")


def test_nothing_to_go_on_with_is_a_start() -> None:
    value(resume=True)
    assert essence("out") == essence("undisturbed")


def test_a_finished_run_is_looked_through(caplog: pytest.LogCaptureFixture) -> None:
    value()
    before = essence("out")
    with caplog.at_level(logging.INFO, "ipvalue"):
        value(resume=True)
    assert essence("out") == before
    assert caplog.messages == ["the result in out is complete: nothing was left to do"]


def test_a_finished_run_asks_for_no_worker(caplog: pytest.LogCaptureFixture) -> None:
    """A job that is started again in the morning is done, though its cluster is gone."""
    value()
    with caplog.at_level(logging.INFO, "ipvalue"):
        value(resume=True, scheduler="tcp://127.0.0.1:1")
    assert caplog.messages == ["the result in out is complete: nothing was left to do"]


def _csv(table: pa.Table) -> pa.Table:
    """Without the columns that a CSV file cannot hold."""
    return table.select([field.name for field in table.schema if not pa.types.is_nested(field.type)])


@pytest.mark.parametrize("kind", ["csv", "ipc", "directory", "memory"])
def test_every_kind_of_portfolio(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = _csv(random_portfolio(40))
    portfolio: object = table
    if kind == "csv":
        pacsv.write_csv(table, portfolio := "p.csv")
    elif kind == "ipc":
        with pa.ipc.new_file(portfolio := "p.arrow", table.schema) as writer:
            writer.write_table(table, max_chunksize=30)
    elif kind == "directory":
        (portfolio := Path("parts")).mkdir()
        for i in (0, 1):
            pq.write_table(table.slice(20 * i, 20), portfolio / f"{i}.parquet")
    value("fresh", portfolio)
    stopped(2, portfolio=portfolio)
    monkeypatch.setattr(tempfile, "tempdir", str(Path.cwd()))  # where copies lie is no part of what the run is of
    value(resume=True, portfolio=portfolio)
    assert essence("out") == essence("fresh")


def test_from_another_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files may be named otherwise than at first only where no result shows their names."""
    stopped()
    Path("elsewhere").mkdir()
    out = Path("out").resolve()
    monkeypatch.chdir("elsewhere")
    with pytest.raises(InputError, match=r"\n  \.\./p\.parquet was named p\.parquet when the run began: name it so again$"):
        value(out, "../p.parquet", assumptions="../a.toml", resume=True)
    monkeypatch.chdir("..")
    value(out, assumptions=Path("a.toml").resolve(), resume=True)
    assert essence("out") == essence("undisturbed")


def test_in_memory_of_fsspec() -> None:
    """Any file system does: this one has no locks and no renames."""
    with pytest.raises(Interrupted):
        value("memory://resumed", progress=Stop(4))
    went_on = value("memory://resumed", resume=True)
    assert went_on.manifest["files"] == ipvalue.open_result("undisturbed").manifest["files"]
    assert went_on.manifest["time"]["sessions"] == 2


HOLD = """
import sys
from ipvalue.store import Store
with Store("out").locked():
    print(flush=True)
    sys.stdin.read()
"""


def test_two_runs_at_once() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        said = rf"^out: another run is writing there \(process {first.pid} on .+\): wait for it, or name another --out$"
        for flags in ({}, {"resume": True}, {"overwrite": True}):
            with pytest.raises(InputError, match=said):
                value(**flags)
        first.kill()
    assert Path("out/.lock").exists()  # but nobody holds it
    value()
    assert essence("out") == essence("undisturbed")


def test_a_file_system_without_locks_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def none(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    value()
    assert caplog.messages == ["out: its file system has no locks (No locks available): that no other run writes there meanwhile is left to you"]
    assert essence("out") == essence("undisturbed")


def test_a_directory_that_may_be_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the refusal is made here."""
    stopped()
    opened = Path.open

    def refuse(path: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
        if path.name.startswith(".") and set(mode) & set("wa"):
            raise PermissionError(13, "Permission denied")
        return opened(path, mode, *args, **more)

    before = sorted(Path("out").rglob("*"))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refuse)
        with pytest.raises(InputError, match=r"^out: writing is not permitted: name another --out or change its permissions$"):
            value(resume=True)
    assert sorted(Path("out").rglob("*")) == before
    value(resume=True)
    assert essence("out") == essence("undisturbed")
