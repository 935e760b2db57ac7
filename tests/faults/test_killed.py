"""A run that is killed, at any instant, and gone on with: the bytes of one that nobody disturbed.

Between any two things that it does to files, and by `kill -9` at random instants.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cut_off import Killed, cut_off_after
from portfolios import MARKET_TOML
from resumed import essence, lay_out, value

import ipvalue.journal

# ------------------------------------------------------------------------------------------------ between two file operations

SMALL: dict[str, Any] = {"rows_per_task": 5, "keep_paths": True}
"""Of a run of 12 rows in 3 parts."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current directory, with the inputs; a run writes its journal after every part, and waits for no disk: only a power cut would tell."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    lay_out(tmp_path, 12)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ipvalue.journal, "MOST_OF_TIME", 1.0)


def fresh() -> None:
    """There is nothing yet."""


def replaced() -> None:
    """There is a result of more parts, which is to be replaced."""
    value("out", rows_per_task=2)


def damaged() -> None:
    """There is the very result, but a table of it is damaged."""
    value("out", **SMALL)
    os.truncate("out/totals.arrow", 100)


def is_whole_or_none() -> bool:
    """What a reader finds: a result all of whose files are what its manifest says, or no result."""
    if not Path("out/manifest.json").exists():
        return True
    files = json.loads(Path("out/manifest.json").read_text())["files"]
    return all(hashlib.sha256(Path("out", file["name"]).read_bytes()).hexdigest() == file["sha256"] for file in files)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("before", "flags"), [(fresh, {}), (replaced, {"overwrite": True}), (damaged, {"resume": True})], ids=["fresh", "replaced", "damaged"]
)
@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_between_any_two_file_operations(before: Callable[[], None], flags: dict[str, bool], step: int) -> None:
    value("undisturbed", **SMALL)
    whole = essence("undisturbed")
    before()
    if Path("out").exists():
        shutil.move("out", "before")
    for operations in range(0, 1000, step):
        if Path("before").exists():
            shutil.copytree("before", "out")
        try:
            with cut_off_after(operations, "out"):
                value("out", **SMALL, **flags)
            break
        except Killed:
            pass
        gc.collect()  # a dead process has no file open, and so no lock
        assert is_whole_or_none() or before is damaged
        value("out", **SMALL, **{**flags, "resume": True})
        assert essence("out") == whole, operations
        shutil.rmtree("out")
    assert operations > 20
    assert essence("out") == whole


# ------------------------------------------------------------------------------------------------ kill -9

ARGUMENTS = ("value", "p.parquet", "--market", "m.toml", "--assumptions", "a.toml", "--paths", "4000", "--group-by", "sector", "--workers", "2")
PROCESSES = ("--scheduler", "processes")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A folder with inputs and a run that nobody disturbed, and how long that had its directory to itself."""
    folder = tmp_path_factory.mktemp("undisturbed")
    lay_out(folder, 3000)
    (folder / "m.toml").write_text(MARKET_TOML)
    with command(folder, "undisturbed") as process:
        begun = begins(process, folder / "undisturbed")
        assert process.wait() == 0
    return folder, time.monotonic() - begun


def begins(process: subprocess.Popen[str], out: Path) -> float:
    """Waits until a run opens its inputs, and says when that was."""
    while process.poll() is None and not (out / ".lock").exists():
        time.sleep(0.002)
    return time.monotonic()


@contextmanager
def command(folder: Path, out: object, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command at work in a folder, killed at the end where it still is."""
    call = [sys.executable, "-c", "from ipvalue.cli import main; main()", *ARGUMENTS, "--out", str(out), *options]
    process = subprocess.Popen(call, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def cut_off(folder: Path, out: Path, seconds: float, sign: signal.Signals, *options: str) -> int:
    """How a run ends that gets a signal so many seconds after it has its directory to itself."""
    (out / ".lock").unlink(missing_ok=True)  # of one that was killed
    with command(folder, out, *options) as process:
        begins(process, out)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(sign)
            return process.wait(20)


def go_on(folder: Path, out: Path, *options: str) -> dict[str, Any]:
    with command(folder, out, "--resume", *options) as process:
        assert process.stderr is not None
        stderr = process.stderr.read()
        assert process.wait() == 0, stderr
    return essence(out)


KILL, TERM, INT = signal.SIGKILL, signal.SIGTERM, signal.SIGINT


@pytest.mark.parametrize(
    ("sign", "instants", "options"),
    [
        pytest.param(KILL, 2, (), id="killed"),
        pytest.param(KILL, 20, (), id="killed at 20 instants", marks=pytest.mark.slow),
        pytest.param(KILL, 6, PROCESSES, id="killed with its worker processes", marks=pytest.mark.slow),
        pytest.param(TERM, 6, (), id="terminated", marks=pytest.mark.slow),
        pytest.param(INT, 6, PROCESSES, id="interrupted with worker processes", marks=pytest.mark.slow),
    ],
)
def test_a_run_ended_at_random_instants(
    undisturbed: tuple[Path, float], tmp_path: Path, sign: signal.Signals, instants: int, options: tuple[str, ...]
) -> None:
    folder, seconds = undisturbed
    whole, draw = essence(folder / "undisturbed"), random.Random(instants)
    for i in range(instants):
        out = tmp_path / str(i)
        at = draw.uniform(i, i + 1) / instants * seconds
        code = cut_off(folder, out, at, sign, *options)
        assert code in (0, 2, 130, -sign)
        parts = len(list(out.glob("assets/part-*")))
        print(f"ended {at:.2f} s after it began of {seconds:.2f}: {code}, {parts} parts")
        assert go_on(folder, out) == whole
        shutil.rmtree(out)


@pytest.mark.parametrize("kills", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_several_kills_in_a_row(undisturbed: tuple[Path, float], tmp_path: Path, kills: int) -> None:
    """In one directory, whether there is something to go on from each time or not."""
    folder, seconds = undisturbed
    draw, out = random.Random(-kills), tmp_path / "out"
    for _ in range(kills):
        cut_off(folder, out, draw.uniform(0.0, 0.7) * seconds, KILL, "--resume")
    assert go_on(folder, out) == essence(folder / "undisturbed")
