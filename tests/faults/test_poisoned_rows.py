"""Rows that end the process which values them: found, left out and told; the others are valued as if those had been rejected otherwise."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import clusters
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import MARKET, contents
from portfolios import ASSUMPTIONS, random_portfolio

import ipvalue
from ipvalue.backend import kernel
from ipvalue.schema import RunError

ROWS, ROWS_A_TASK = 60, 20
VALUED = 42
"""The others' currencies or sectors are not in the market."""

KILLS = '''\
"""Read by every Python process that starts with this folder on its path: some rights end the process that values them."""
import os, signal
from ipvalue.appraise import Appraiser

value = Appraiser.value

def deadly(self, rows, totals):
    if set(rows.batch["asset_id"].to_pylist()) & set(os.environ["POISON"].split(",")):
        os.kill(os.getpid(), signal.SIGKILL)
    return value(self, rows, totals)

Appraiser.value = deadly
'''


@pytest.fixture(scope="module")
def portfolio() -> pa.Table:
    return random_portfolio(ROWS)


def poison(folder: Path, ids: list[str]) -> dict[str, str]:
    """The environment of processes that these rights end."""
    (folder / "sitecustomize.py").write_text(KILLS)
    return {"PYTHONPATH": str(folder), "POISON": ",".join(ids)}


def value(portfolio: pa.Table, folder: Path, name: str, **options: Any) -> Path:
    """Values the portfolio, a file, into the folder `name`."""
    pq.write_table(portfolio, folder / "portfolio.parquet")
    (folder / "assumptions.toml").write_text(ASSUMPTIONS)
    (folder / "market.toml").write_text(MARKET)
    ipvalue.value(
        folder / "portfolio.parquet",
        market=folder / "market.toml",
        assumptions=folder / "assumptions.toml",
        out=folder / name,
        **{"paths": 100, "group_by": ("sector",), "workers": 1, "rows_per_task": ROWS_A_TASK, **options},
    )
    return folder / name


def rejected_otherwise(portfolio: pa.Table, rows: list[int]) -> pa.Table:
    """The portfolio with those rows of no known right type."""
    types = ["none" if i in rows else kind for i, kind in enumerate(portfolio["right_type"].to_pylist())]
    return portfolio.set_column(portfolio.column_names.index("right_type"), "right_type", pa.array(types, pa.string()))


def same_but_for_rejects(one: Path, other: Path) -> None:
    """All files but the manifest are the same, and the rejects are the same rows."""
    left, right = contents(one), contents(other)
    rejects = [pq.read_table(folder / "rejects.parquet") for folder in (one, other)]
    for files in (left, right):
        del files["manifest.json"], files["rejects.parquet"]
    assert left == right
    assert rejects[0]["row"].unique().to_pylist() == rejects[1]["row"].unique().to_pylist()


@pytest.mark.parametrize("rows", [[27], pytest.param([0, 19, 25, 26], marks=pytest.mark.slow)], ids=["one", "several"])
def test_processes(portfolio: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[int]) -> None:
    expected = value(rejected_otherwise(portfolio, rows), tmp_path, "expected")
    ids = [portfolio["asset_id"][row].as_py() for row in rows]
    for name, text in poison(tmp_path, ids).items():
        monkeypatch.setenv(name, text)
    same_but_for_rejects(value(portfolio, tmp_path, "out", scheduler="processes"), expected)
    assert ipvalue.verify(tmp_path / "out", sample=1.0).problems == ()  # these rows are not tried again, though nothing ends this process
    rejects = pq.read_table(tmp_path / "out" / "rejects.parquet").to_pylist()
    told = [one for one in rejects if one["rule"] == "a row can be valued without ending the process"]
    assert [(one["row"], one["asset_id"], one["column"], one["value"]) for one in told] == [
        (row, name, "asset_id", name) for row, name in zip(rows, ids, strict=True)
    ]
    assert told[0]["message"].startswith(f"asset_id {ids[0]!r} ended every process that valued it")


@pytest.mark.slow
def test_a_cluster(portfolio: pa.Table, tmp_path: Path) -> None:
    """With two workers: the tasks that die with the poisoned one are not lost, and the cluster serves on."""
    rows = [3, 45]
    expected = value(rejected_otherwise(portfolio, rows), tmp_path, "expected", rows_per_task=6)
    env = poison(tmp_path, [portfolio["asset_id"][row].as_py() for row in rows])
    with clusters.started(tmp_path, 2, env={**env, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}) as cluster:
        same_but_for_rejects(value(portfolio, tmp_path, "out", scheduler=cluster.address, rows_per_task=6), expected)
        cluster.wait_for_workers(2)


@pytest.mark.slow
def test_a_rule_that_reads_outside_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled code does not look at bounds: one row's number is an address that no process has."""
    (tmp_path / "tiers.py").write_text(
        "import numpy as np\nfrom ipvalue import cash_rule\nRATES = np.array([0.01, 0.02, 0.05])\n"
        "@cash_rule\ndef tiered(level, period, tier):\n    return level * RATES[int(tier)]\n"
    )
    portfolio = random_portfolio(12)
    tiers = [float(i % 3) for i in range(12)]
    ok = portfolio.append_column("tier", pa.array([None if i == 7 else tier for i, tier in enumerate(tiers)], pa.float64()))
    bad = portfolio.append_column("tier", pa.array([1e14 if i == 7 else tier for i, tier in enumerate(tiers)], pa.float64()))
    monkeypatch.chdir(tmp_path)
    expected = value(ok, tmp_path, "expected", rule="tiers.py:tiered")
    same_but_for_rejects(value(bad, tmp_path, "out", rule="tiers.py:tiered", scheduler="processes"), expected)


@pytest.mark.slow
def test_a_machine_on_which_nothing_can_be_valued(portfolio: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every row is at fault then, and they are not all set aside one by one."""
    for name, text in poison(tmp_path, portfolio["asset_id"].to_pylist()).items():
        monkeypatch.setenv(name, text)
    with pytest.raises(RunError, match=r"more than 16 rows \(the first is \d+\) end the process that values them, for want of memory perhaps"):
        value(portfolio, tmp_path, "out", scheduler="processes")


def test_threads_die_and_processes_find_it(portfolio: pa.Table, tmp_path: Path) -> None:
    """What docs/overnight.md advises: the same command with --scheduler processes --resume."""
    (tmp_path / "expected").mkdir()
    value(rejected_otherwise(portfolio, [27]), tmp_path / "expected", "out", rows_per_task=None)
    value(portfolio, tmp_path, "unused", rows_per_task=None)
    env = {**os.environ, **poison(tmp_path, [portfolio["asset_id"][27].as_py()])}
    line = [
        sys.executable,
        "-c",
        "from ipvalue.cli import main; main()",
        "value",
        str(tmp_path / "portfolio.parquet"),
        "--out",
        str(tmp_path / "out"),
    ]
    line += ["--assumptions", str(tmp_path / "assumptions.toml"), "--paths", "100", "--group-by", "sector", "--workers", "1"]
    assert subprocess.run(line, env=env, check=False).returncode == -signal.SIGKILL
    assert (tmp_path / "out" / ".journal").exists()
    assert subprocess.run([*line, "--scheduler", "processes", "--resume"], env=env, check=False).returncode == 0
    same_but_for_rejects(tmp_path / "out", tmp_path / "expected" / "out")


# -------------------------------------------------------------------------------- since an earlier result


def next_edition(portfolio: pa.Table, new: list[int], changed: list[int]) -> pa.Table:
    """The portfolio with other rights in the place of the rows `new`, and other figures in the rows `changed`."""
    rows = portfolio.to_pylist()
    for row in new:
        rows[row]["asset_id"] = f"new {row}"
    for row in changed:
        rows[row]["volatility"] = 0.123
    return pa.Table.from_pylist(rows, portfolio.schema)


def value_since(portfolio: pa.Table, folder: Path, **options: Any) -> tuple[Path, Path]:
    """The next edition in a folder of its own, valued since the result `old` that lies above it, and plainly."""
    (folder / "next").mkdir()
    made = [value(portfolio, folder / "next", name, **more, **options) for name, more in (("since", {"since": folder / "old"}), ("plain", {}))]
    return made[0], made[1]


def same(since: Path, plain: Path) -> dict[str, Any]:
    """All files but the manifest are the same, and it too where it does not say how the result was made, which is given back."""
    files = [contents(folder) for folder in (since, plain)]
    found, expected = (json.loads(one.pop("manifest.json")) for one in files)
    assert files[0] == files[1]
    for name in ("counts", "files", "warnings", "doubts", "fingerprint"):
        assert found[name] == expected[name]
    how: dict[str, Any] = found["since"]
    return how


def test_rows_that_are_not_taken_over(portfolio: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two in parts that are made together, each found in its own; what they stand in the place of leaves the sums."""
    value(portfolio, tmp_path, "old")
    for name, text in poison(tmp_path, ["new 3", "new 26"]).items():
        monkeypatch.setenv(name, text)
    since, plain = value_since(next_edition(portfolio, [3, 26, 50], [28]), tmp_path, scheduler="processes")
    assert same(since, plain)["carried"] == VALUED - 4
    rejects = pq.read_table(since / "rejects.parquet").to_pylist()
    rule = "a row can be valued without ending the process"
    assert [(one["row"], one["asset_id"]) for one in rejects if one["rule"] == rule] == [(3, "new 3"), (26, "new 26")]


@pytest.mark.slow
def test_a_row_that_was_set_aside_before(portfolio: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no result to be taken over, so it is tried again."""
    for name, text in poison(tmp_path, [portfolio["asset_id"][26].as_py()]).items():
        monkeypatch.setenv(name, text)
    value(portfolio, tmp_path, "old", scheduler="processes")
    since, plain = value_since(next_edition(portfolio, [], [3, 28]), tmp_path, scheduler="processes")
    assert same(since, plain)["carried"] == VALUED - 3
    assert 26 in pq.read_table(since / "rejects.parquet")["row"].to_pylist()


@pytest.mark.slow
def test_a_cluster_since_an_earlier_result(portfolio: pa.Table, tmp_path: Path) -> None:
    value(portfolio, tmp_path, "old", rows_per_task=6)
    env = poison(tmp_path, ["new 3", "new 45"])
    with clusters.started(tmp_path, 2, env={**env, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}) as cluster:
        since, plain = value_since(next_edition(portfolio, [3, 45], [26, 28]), tmp_path, scheduler=cluster.address, rows_per_task=6)
        cluster.wait_for_workers(2)
    assert same(since, plain)["carried"] == VALUED - 4


def test_a_row_that_is_to_leave_the_sums(portfolio: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was valued once; where that is no longer possible, what it added is not known."""
    old = value(portfolio, tmp_path, "old")
    for name, text in poison(tmp_path, [portfolio["asset_id"][26].as_py()]).items():
        monkeypatch.setenv(name, text)
    (tmp_path / "next").mkdir()
    with pytest.raises(RunError) as raised:
        value(next_edition(portfolio, [26], [3]), tmp_path / "next", "since", since=old, scheduler="processes")
    assert str(raised.value).startswith(
        f"{tmp_path}/portfolio.parquet, row 26: ends the process that values it, though {old} has a value of it, "
        "which is to be taken out of the sums: value without --since"
    )


# -------------------------------------------------------------------------------- the process in which a task is looked into

WAITS = """\
import time
from ipvalue.appraise import Appraiser
Appraiser.value = lambda *_: time.sleep(600)
"""
APART = """\
from pathlib import Path
from ipvalue.inputs import opened
from ipvalue.job import make_job
from ipvalue.quarantine import run_apart

def apart(folder, stopped):
    with opened(folder / "portfolio.parquet", folder / "market.toml", "default", make_job({"paths": 10}), str(folder / "out")) as inputs:
        run_apart(inputs.tasks[0], inputs.run, stopped)
"""


@pytest.fixture
def waiting(portfolio: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a portfolio, whose rows no process ever comes to the end of that has it on its path."""
    pq.write_table(portfolio, tmp_path / "portfolio.parquet")
    (tmp_path / "market.toml").write_text(MARKET)
    (tmp_path / "sitecustomize.py").write_text(WAITS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_it_ends_where_the_run_is_stopped(waiting: Path) -> None:
    began, before = time.monotonic(), psutil.Process().children()
    space: dict[str, Any] = {}
    exec(APART, space)
    with pytest.raises(kernel.Stopped):
        space["apart"](waiting, lambda: time.monotonic() - began > 1.0)
    assert psutil.Process().children() == before


def test_it_ends_with_the_worker_that_started_it(waiting: Path) -> None:
    script = f"{APART}\nimport sys\napart(Path(sys.argv[1]), lambda: False)\n"
    worker = subprocess.Popen([sys.executable, "-c", script, str(waiting)])
    try:
        clusters.wait_for(lambda: bool(psutil.Process(worker.pid).children()))
        (child,) = psutil.Process(worker.pid).children()
        clusters.wait_for(lambda: child.cpu_times().user > 0.3)  # it has begun
    finally:
        worker.kill()
        worker.wait()
    clusters.wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
