"""A run that is interrupted, or loses a worker: nothing half-written, nobody left behind, and the same bits or a sentence."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from bits import digests
from commandline import first_progress
from portfolios import ASSUMPTIONS, market, random_portfolio

from ipvalue import cluster as connecting
from ipvalue import spread
from ipvalue.ext import kernel
from ipvalue.schema import RunError
from ipvalue.valuation import Result, open_result

Value = Callable[..., Result]

STOP_SECONDS = 5.0
"""How soon a stopped run must end; the tests allow a busy machine PATIENCE times that."""
PATIENCE = 4
KEPT = r"stopped; \d+ of \d+ parts are kept in .+: the same command with --resume goes on"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a portfolio that takes a core some ten seconds, its market and its assumptions."""
    folder = tmp_path_factory.mktemp("work")
    pq.write_table(random_portfolio(6000), folder / "portfolio.parquet", row_group_size=500)
    (folder / "assumptions.toml").write_text(ASSUMPTIONS)
    (folder / "market.toml").write_text(_as_toml(market()))
    assert tomllib.loads((folder / "market.toml").read_text()) == market()
    return folder


def _as_toml(content: dict[str, Any], name: str = "") -> str:
    plain = {key: item for key, item in content.items() if not isinstance(item, dict)}
    lines = [f"{key} = {item if key == 'valuation_date' else json.dumps(item)}" for key, item in plain.items()]
    tables = [_as_toml(item, f"{name}.{key}".lstrip(".")) for key, item in content.items() if isinstance(item, dict)]
    return "\n".join([f"[{name}]"] * bool(name) + lines + tables) + "\n"


@contextmanager
def _command(work: Path, out: Path, *options: str, paths: int = 100_000) -> Iterator[subprocess.Popen[str]]:
    """`ipvalue value` on the portfolio as a process group of its own, as from a terminal, with JSON lines on stderr."""
    executable = shutil.which("ipvalue", path=str(Path(sys.executable).parent)) or "ipvalue"
    command = [executable, "value", str(work / "portfolio.parquet"), "--assumptions", str(work / "assumptions.toml"), "--out", str(out)]
    command += ["--paths", str(paths), "--log-json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
@pytest.mark.parametrize(("whole_group", "existed"), [(False, True), (True, False)], ids=["the command alone", "all its processes"])
def test_interrupt(work: Path, tmp_path: Path, scheduler: str, whole_group: bool, existed: bool) -> None:
    """Ctrl-C in a terminal reaches every process of the group, kill -INT only one."""
    out = tmp_path / "out"
    if existed:
        out.mkdir()
    with _command(work, out, "--scheduler", scheduler, "--workers", "2") as process:
        event = first_progress(process)
        assert 0 < event["done"] < event["total"] == 6000
        children = psutil.Process(process.pid).children(recursive=True)
        assert bool(children) == (scheduler == "processes")
        started = time.monotonic()
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE * STOP_SECONDS)
        print(f"stopped after {time.monotonic() - started:.1f} s")
    assert process.returncode == 130, stderr
    assert stdout == ""
    *others, last = [json.loads(line) for line in stderr.splitlines()]
    assert last["event"] == "error"
    assert re.fullmatch(KEPT, last["text"])
    assert all(event["event"] in ("progress", "warning") for event in others)
    assert not list(out.glob("**/.*.[0-9a-f]*"))  # nothing half-written
    assert not (out / ".lock").exists()
    psutil.wait_procs(children, timeout=5)
    assert _alive(children) == []


def test_interrupt_while_a_tolerance_takes_more_paths(work: Path, tmp_path: Path) -> None:
    """Rights that can never meet it spend 63 of their 64 parts of the work beyond the first paths."""
    out = tmp_path / "out"
    with _command(work, out, "--workers", "2", "--tolerance", "1e-9", paths=2000) as process:
        assert first_progress(process)["done"] < 6000
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE * STOP_SECONDS)
    assert process.returncode == 130, stderr
    assert re.fullmatch(KEPT, json.loads(stderr.splitlines()[-1])["text"])


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_termination_is_an_interrupt(work: Path, tmp_path: Path, scheduler: str) -> None:
    """kill, a batch system, a machine that shuts down: nothing is left behind, and it is said."""
    out = tmp_path / "out"
    with _command(work, out, "--scheduler", scheduler, "--workers", "2") as process:
        first_progress(process)
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        _, stderr = process.communicate(timeout=PATIENCE * STOP_SECONDS)
    assert process.returncode == 130, stderr
    assert re.fullmatch(KEPT, json.loads(stderr.splitlines()[-1])["text"])
    assert (out / ".journal").exists()
    psutil.wait_procs(children, timeout=5)
    assert _alive(children) == []


def test_interrupt_on_a_cluster(work: Path, tmp_path: Path, cluster: str, value: Value) -> None:
    """The cluster goes on without the run: its worker stops at once, writes nothing more, and serves the next run."""
    out = tmp_path / "out"
    with _command(work, out, "--scheduler", cluster) as process:
        first_progress(process)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE * STOP_SECONDS)
    assert process.returncode == 130, stderr
    assert json.loads(stderr.splitlines()[-1])["event"] == "error"
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    few = random_portfolio(30)
    assert digests(value(few, scheduler=cluster, rows_per_task=7)) == digests(value(few))
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == kept
    assert list(tmp_path.iterdir()) == [out]


def test_a_stopped_thread_run_can_be_followed_by_another(value: Value, tmp_path: Path) -> None:
    """Interrupted between two tasks in this very process: kernels run again afterwards."""
    portfolio = random_portfolio(40)
    calls: list[int] = []

    def interrupt(done: int, total: int) -> None:
        calls.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        value(portfolio, rows_per_task=5, progress=interrupt, out=tmp_path / "out", workers=2)
    assert len(calls) == 1
    assert value(portfolio).manifest["counts"]["valued"] == 40


def test_kernels_look_at_the_stop_flag(value: Value) -> None:
    kernel.request_stop()
    try:
        with pytest.raises(kernel.Stopped):
            kernel.simulate(*_small_batch(), seed=1, paths=10, single=True, quantiles=(0.5,), tail=0.1)
    finally:
        kernel.clear_stop()


def test_work_alone_hears_of_an_interrupt() -> None:
    """Kernels that would go on for ever, on a thread of their own."""

    def work() -> None:
        while True:
            kernel.simulate(*_small_batch(), seed=1, paths=10, single=True, quantiles=(0.5,), tail=0.1)

    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        spread.alone(work)
    assert spread.alone(lambda: 7) == 7


def _small_batch() -> tuple[Any, Any]:
    """Vectors of one asset for one period, and no factors."""
    import numpy as np

    from ipvalue.cashflows import Vectors
    from ipvalue.simulate import Factors

    one, zero, flag = np.ones(1), np.zeros(1), np.zeros(1, np.uint8)
    vectors = Vectors(
        offset=np.array([0, 1]), w=one, f=zero, survival=one, rival=one, salvage=zero, low=None, high=None, step=one, last_delta=one,
        tab_factor=one, premise_factor=one,
        hash=np.ones(1, np.uint64), volatility=zero, loading=zero, uncertainty=zero, entry_loss=zero, royalty_low=one, royalty_high=one,
        factor=np.full(1, -1, np.int32), optional=flag, clamped=flag, enters=flag,
    )  # fmt: skip
    return vectors, Factors(np.zeros((0, 0)), np.zeros(0, np.uint64))


# ------------------------------------------------------------------------------------------------------- lost workers


def _kill_a_worker(process: subprocess.Popen[str]) -> None:
    workers = [one for one in psutil.Process(process.pid).children(recursive=True) if "spawn_main" in " ".join(one.cmdline())]
    assert workers
    workers[0].kill()


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_killed_worker_changes_no_bit(work: Path, tmp_path: Path, workers: int) -> None:
    """The tasks it had are run again, elsewhere or in its successor."""
    with _command(work, tmp_path / "threads", "--workers", "2", paths=2000) as process:
        _, stderr = process.communicate()
        assert process.returncode == 0, stderr
    with _command(work, tmp_path / "processes", "--workers", str(workers), "--scheduler", "processes", paths=2000) as process:
        first_progress(process)
        _kill_a_worker(process)
        _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    assert all(json.loads(line)["event"] in ("progress", "warning", "done") for line in stderr.splitlines()), stderr
    assert digests(open_result(tmp_path / "processes")) == digests(open_result(tmp_path / "threads"))
    names = [{path.relative_to(tmp_path / kind) for path in (tmp_path / kind).rglob("*")} for kind in ("threads", "processes")]
    assert names[0] == names[1]


def _dies(task: int, shared: str) -> int:
    """A task that kills its worker every time."""
    if task == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def test_a_task_that_kills_its_workers_fails_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    taken: list[int] = []
    with pytest.raises(RunError, match="died again and again"):
        spread.run(_dies, list(range(12)), "shared", "processes", 1, taken.append)
    assert 5 not in taken
    assert capfd.readouterr().err == ""


def _unreadable() -> _Unreadable:
    if multiprocessing.parent_process():
        raise ImportError("no such module on this worker")
    return _Unreadable()


class _Unreadable:
    """What a worker cannot unpickle: it ends its connection over that, and every worker that comes after it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _unreadable, ()


def test_a_cluster_without_workers_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "WORKERLESS_SECONDS", 2.0)
    with pytest.raises(RunError, match="all workers are gone and none came back in 2 s"):
        spread.run(_itself, [_Unreadable()], "shared", "processes", 1, lambda result: None)


def _itself(task: object, shared: str) -> object:
    return task


def _fails(task: int, shared: str) -> int:
    if task == 3:
        raise ValueError("seven is no number")
    return task


@pytest.mark.parametrize("scheduler", ["processes"])
def test_a_failing_task_fails_the_run(scheduler: str) -> None:
    with pytest.raises(RunError, match="a worker failed: ValueError: seven is no number"):
        spread.run(_fails, list(range(12)), "shared", scheduler, 1, lambda result: None)


def _doubled(task: int, shared: int) -> int:
    return task * shared


@pytest.mark.parametrize(
    ("scheduler", "workers", "tasks"),
    [*(("threads", workers, tasks) for workers in (1, 5) for tasks in (0, 1, 9, 61)), ("processes", 2, 9), ("processes", 1, 37)],
)
def test_every_task_is_taken_once(scheduler: str, workers: int, tasks: int) -> None:
    taken: list[int] = []
    spread.run(_doubled, list(range(tasks)), 2, scheduler, workers, taken.append)
    assert sorted(taken) == [2 * task for task in range(tasks)]


def test_a_cluster_that_does_not_answer(value: Value, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 1)
    with pytest.raises(RunError, match="no Dask scheduler answers"):
        value(random_portfolio(3), scheduler="tcp://127.0.0.1:9", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------------------------------------------------- progress


@pytest.mark.parametrize(("scheduler", "workers"), [("threads", 3), ("processes", 2)])
def test_progress_rises_to_the_total(value: Value, scheduler: str, workers: int) -> None:
    seen: list[tuple[int, int]] = []
    value(
        random_portfolio(57), paths=50, rows_per_task=6, scheduler=scheduler, workers=workers, progress=lambda done, total: seen.append((done, total))
    )
    done = [one for one, _ in seen]
    assert done == sorted(set(done))
    assert len(done) == 10
    assert seen[-1] == (57, 57)
    assert {total for _, total in seen} == {57}


def test_log_json_is_lines_of_json(work: Path, tmp_path: Path) -> None:
    with _command(work, tmp_path / "out", paths=100) as process:
        stdout, stderr = process.communicate()
    assert process.returncode == 0
    assert stdout == ""
    events = [json.loads(line) for line in stderr.splitlines()]
    assert {event["event"] for event in events} == {"progress", "warning", "done"}
    assert events[-1] == {**events[-1], "event": "done", "rows": 6000, "valued": 6000, "rejected": 0}
    done = [event["done"] for event in events[:-1] if event["event"] == "progress"]
    assert done == sorted(done)
    assert done[-1] == 6000
