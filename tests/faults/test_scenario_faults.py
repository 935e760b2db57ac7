"""Runs of scenarios that are killed, stopped or poisoned: gone on with, they come to the bytes of one that nobody disturbed."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import clusters
import pyarrow.parquet as pq
import pytest
from commandline import contents
from portfolios import ASSUMPTIONS, MARKET_TOML, market, random_portfolio
from resumed import Stop, essence, lay_out

import ipvalue
from ipvalue.execute import Interrupted

SCENARIOS = """\
[[scenario]]
name = "royalties fall"
shock = [{field = "royalty_rate", multiply = 0.8, where = "right_type == 'trademark'"}]
[[scenario]]
name = "stormy"
shock = [{field = "volatility", multiply = 1.5}, {correlation = "all", toward_one = 0.3}]
[[grid]]
axes = {revenue = [0.9, 1.1], discount = [-50, 50]}
"""
OPTIONS: dict[str, Any] = {"paths": 192, "rows_per_task": 8, "workers": 1, "group_by": ("sector",)}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with the inputs."""
    lay_out(tmp_path)
    (tmp_path / "s.toml").write_text(SCENARIOS)
    (tmp_path / "m.toml").write_text(MARKET_TOML)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stressed(out: str, **options: Any) -> None:
    ipvalue.scenarios("p.parquet", "s.toml", out=out, **{"market": market(), "assumptions": "a.toml", **OPTIONS, **options})


@pytest.mark.parametrize(("parts", "statistics"), [(1, "all"), (4, "all"), (8, "all"), (4, "batch-means")])
def test_a_stopped_run_goes_on(here: Path, parts: int, statistics: str) -> None:
    stressed("undisturbed", statistics=statistics)
    with pytest.raises(Interrupted, match=rf"^stopped; {parts} of \d+ parts are kept in out: the same command with --resume goes on$"):
        stressed("out", progress=Stop(parts), statistics=statistics)
    stressed("out", resume=True, statistics=statistics)
    assert essence("out") == essence("undisturbed")


def test_a_run_of_other_scenarios_does_not_go_on_with_it(here: Path) -> None:
    with pytest.raises(Interrupted):
        stressed("out", progress=Stop(3))
    Path("s.toml").write_text(SCENARIOS.replace("0.8", "0.7"))
    with pytest.raises(ipvalue.InputError, match="the scenario 'royalties fall' is another"):
        stressed("out", resume=True)
    with pytest.raises(ipvalue.InputError, match="it was a run of scenarios and is not"):
        ipvalue.value("p.parquet", out="out", resume=True, market=market(), assumptions="a.toml", **OPTIONS)


def test_a_damaged_part_is_made_again(here: Path) -> None:
    stressed("out")
    whole = essence("out")
    os.truncate("out/assets/part-00003.parquet", 100)
    stressed("out", resume=True)
    assert essence("out") == whole


# ------------------------------------------------------------------------------------------------ kill -9


@contextmanager
def command(out: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command at work, killed at the end where it still is."""
    line = [sys.executable, "-c", "from ipvalue.cli import main; main()", "scenarios", "p.parquet", "s.toml", "--market", "m.toml"]
    line += ["--assumptions", "a.toml", "--paths", "4000", "--group-by", "sector", "--workers", "2", "--out", str(out), *options]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def finished(out: Path, *options: str) -> dict[str, Any]:
    with command(out, *options) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait() == 0, said
    return essence(out)


@pytest.mark.parametrize(
    ("instants", "statistics", "options"),
    [
        pytest.param(2, "all", (), id="threads"),
        pytest.param(1, "batch-means", (), id="batch means"),
        pytest.param(8, "all", (), id="threads at 8 instants", marks=pytest.mark.slow),
        pytest.param(8, "batch-means", (), id="batch means at 8 instants", marks=pytest.mark.slow),
        pytest.param(4, "all", ("--scheduler", "processes"), id="processes", marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_at_random_instants(here: Path, instants: int, statistics: str, options: tuple[str, ...]) -> None:
    lay_out(here, 1200)
    began, described = time.monotonic(), ("--statistics", statistics)
    whole, seconds, draw = finished(Path("undisturbed"), *described), time.monotonic() - began, random.Random(instants)
    for i in range(instants):
        out = Path(str(i))
        with command(out, *described, *options) as process:
            clusters.wait_for(lambda out=out, process=process: (out / ".lock").exists() or process.poll() is not None)
            time.sleep(draw.uniform(0.0, 0.7) * seconds)
        (out / ".lock").unlink(missing_ok=True)
        print(f"{len(list(out.glob('assets/part-*')))} parts were there")
        assert finished(out, "--resume", *described, *options) == whole
        shutil.rmtree(out)


# ------------------------------------------------------------------------------------------------ rows that end their process

KILLS = '''\
"""Read by every Python process that starts with this folder on its path: some rights end the process that values them."""
import os, signal
import ipvalue.scenario_work as work

versions_of = work.versions_of

def deadly(study, rows):
    if set(rows.batch["asset_id"].to_pylist()) & set(os.environ["POISON"].split(",")):
        os.kill(os.getpid(), signal.SIGKILL)
    return versions_of(study, rows)

work.versions_of = deadly
'''


def poisoned(folder: Path, row: int, expected: list[str]) -> dict[str, str]:
    """Values the portfolio without one row into `expected`, and gives the environment of processes that it ends."""
    portfolio = random_portfolio(60)
    (folder / "a.toml").write_text(ASSUMPTIONS)
    types = ["none" if i == row else kind for i, kind in enumerate(portfolio["right_type"].to_pylist())]
    pq.write_table(portfolio.set_column(portfolio.column_names.index("right_type"), "right_type", [types]), "p.parquet")
    stressed("expected", rows_per_task=20)
    pq.write_table(portfolio, "p.parquet")
    (folder / "sitecustomize.py").write_text(KILLS)
    expected.append(portfolio["asset_id"][row].as_py())
    return {"PYTHONPATH": str(folder), "POISON": expected[0]}


def check_poisoned(row: int, name: str) -> None:
    one, other = contents("out"), contents("expected")
    for files in (one, other):
        del files["manifest.json"], files["rejects.parquet"]
    assert one == other
    told = [reject for reject in pq.read_table("out/rejects.parquet").to_pylist() if reject["row"] == row]
    assert [(reject["asset_id"], reject["rule"]) for reject in told] == [(name, "a row can be valued without ending the process")]
    assert ipvalue.verify("out", sample=1.0).problems == ()  # it is not tried again


def test_a_row_that_ends_its_process_is_set_aside(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name: list[str] = []
    for key, text in poisoned(here, 27, name).items():
        monkeypatch.setenv(key, text)
    stressed("out", rows_per_task=20, scheduler="processes")
    check_poisoned(27, name[0])


@pytest.mark.slow
def test_a_cluster_sets_it_aside_too(here: Path) -> None:
    name: list[str] = []
    env = poisoned(here, 27, name)
    with clusters.started(here, 2, env={**env, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}) as cluster:
        stressed("out", rows_per_task=20, scheduler=cluster.address)
    check_poisoned(27, name[0])
