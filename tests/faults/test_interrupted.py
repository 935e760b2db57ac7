"""explain, verify and evidence, interrupted: soon over, nothing half-written, a sentence, and the exit code of every interrupted command."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clusters
import psutil
import pyarrow.parquet as pq
import pytest
from commandline import beside, contents, first_progress
from cut_off import cut_off_after
from portfolios import ASSUMPTIONS, market, random_portfolio
from resumed import lay_out

import ipvalue as iv
from ipvalue.appraise import Appraiser
from ipvalue.evidence import estimate
from ipvalue.execute import Interrupted

SECONDS = 5.0
"""How soon an interrupted command must end; the tests allow a busy machine PATIENCE times that."""
PATIENCE = 4
INT, TERM = signal.SIGINT, signal.SIGTERM
NO_EXPLANATION = "stopped; nothing of the explanation is kept"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two results, between which a core explains some ten seconds, half of them boundaries."""
    folder = tmp_path_factory.mktemp("both")
    pq.write_table(random_portfolio(3000), folder / "portfolio.parquet", row_group_size=500)
    (folder / "assumptions.toml").write_text(ASSUMPTIONS)
    later = {**market(), "curves": {**market()["curves"], "CNY": {"tenors": [10], "rates": [0.03]}}, "fx": {"USD": 7.3, "EUR": 8.0}}
    for name, content in (("old", market()), ("new", later)):
        options: dict[str, Any] = {"assumptions": folder / "assumptions.toml", "paths": 20_000, "group_by": ("sector",)}
        iv.value(folder / "portfolio.parquet", market=content, out=folder / name, **options)
    return folder


def stopped(process: subprocess.Popen[str], sign: signal.Signals) -> str:
    """Sends a signal, and gives what was said last by the command, which must end as interrupted ones do."""
    children, began = psutil.Process(process.pid).children(recursive=True), time.monotonic()
    process.send_signal(sign)
    out, err = process.communicate(timeout=PATIENCE * SECONDS)
    print(f"ended after {time.monotonic() - began:.1f} s")
    assert (process.returncode, out) == (130, ""), err
    _, alive = psutil.wait_procs(children, timeout=5)
    assert all(one.status() == psutil.STATUS_ZOMBIE for one in alive)
    last = json.loads(err.splitlines()[-1])
    assert last["event"] == "error"
    return str(last["text"])


# ------------------------------------------------------------------------------------------------ explain


@pytest.mark.parametrize("sign", [INT, TERM])
@pytest.mark.parametrize(("scheduler", "existed"), [("threads", True), ("threads", False), ("processes", False)])
def test_explain(sign: signal.Signals, scheduler: str, existed: bool, both: Path, tmp_path: Path) -> None:
    """Nothing of it is left, nor of what was laid out in between; the results are as they were."""
    before, temporary = contents(both), tmp_path / "tmp"
    temporary.mkdir()
    if existed:
        (tmp_path / "why").mkdir()
    line = ("explain", both / "old", both / "new", "--out", tmp_path / "why", "--scheduler", scheduler, "--workers", 2, "--log-json")
    process = beside(*line, env={**os.environ, "TMPDIR": str(temporary)})
    first_progress(process)
    assert stopped(process, sign) == NO_EXPLANATION
    assert (tmp_path / "why").exists() == existed
    assert not list(tmp_path.glob("why/*"))
    assert not list(temporary.glob("ipvalue*"))
    assert contents(both) == before


def test_explain_on_a_cluster(both: Path, tmp_path: Path) -> None:
    """Its workers go on without it, and write nothing more."""
    with clusters.started(tmp_path, 1) as cluster:
        process = beside("explain", both / "old", both / "new", "--out", tmp_path / "why", "--scheduler", cluster.address, "--log-json")
        first_progress(process)
        assert stopped(process, INT) == NO_EXPLANATION
        assert not (tmp_path / "why").exists()
        small = iv.explain(both / "old", both / "old", scheduler=cluster.address)
    assert small.record["steps"] == ["old", "new"]
    assert not (tmp_path / "why").exists()


@pytest.mark.parametrize("instants", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_explain_at_random_instants(instants: int, both: Path, tmp_path: Path) -> None:
    """Also while it opens its inputs, lays out, or is about to end."""
    line = ("explain", both / "old", both / "new", "--workers", 2, "--log-json", "--out")
    process = beside(*line, tmp_path / "undisturbed")
    began = waited_for(process, tmp_path / "undisturbed")
    process.communicate()
    seconds, draw = time.monotonic() - began, random.Random(instants)
    whole = contents(tmp_path / "undisturbed")
    for i in range(instants):
        out, at = tmp_path / str(i), draw.uniform(i, i + 1) / instants * seconds
        process = beside(*line, out)
        waited_for(process, out)
        try:
            process.wait(at)
        except subprocess.TimeoutExpired:
            assert stopped(process, draw.choice([INT, TERM])) == NO_EXPLANATION
            assert not out.exists()
        else:
            process.communicate()
            assert contents(out) == whole


def waited_for(process: subprocess.Popen[str], out: Path) -> float:
    """Waits until a command has its directory to itself, and says when that was."""
    while process.poll() is None and not (out / ".lock").exists():
        time.sleep(0.002)
    return time.monotonic()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current directory, with two small results; nothing waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    lay_out(tmp_path, 200)
    monkeypatch.chdir(tmp_path)
    for name, seed in (("old", 1), ("new", 2)):
        iv.value("p.parquet", market=market(), assumptions="a.toml", out=name, paths=32, seed=seed, group_by=("sector",))


def explained() -> None:
    iv.explain("old", "new", out="why", workers=1)


def taken_apart() -> None:
    iv.evidence("old", "right-0000003", out="why")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("existed", [False, True])
@pytest.mark.parametrize(("command", "told"), [(explained, NO_EXPLANATION), (taken_apart, "stopped; no evidence is written")])
def test_an_interrupt_between_any_two_file_operations(command: Callable[[], None], told: str, existed: bool) -> None:
    for operations in range(200):
        if existed:
            Path("why").mkdir()
        said = ""
        try:
            with cut_off_after(operations, "why", INT):
                command()
        except Interrupted as error:
            said = str(error)
        if not said:
            break
        assert (said, Path("why").exists()) == (told, existed), operations
        if existed:
            Path("why").rmdir()
    assert operations > 8
    whole = contents("why")
    assert {"explain.json", "evidence.json"} & whole.keys()
    assert ".lock" not in whole


# ------------------------------------------------------------------------------------------------ verify and evidence


@pytest.mark.parametrize("sign", [INT, TERM])
def test_verify(sign: signal.Signals, both: Path, tmp_path: Path) -> None:
    """While it values a result's rights again."""
    before = contents(both)
    line = ("verify", both / "old", "--sample", "1", "--workers", 2, "--log-json")
    process = beside(*line, env={**os.environ, "TMPDIR": str(tmp_path)})
    first_progress(process)
    assert stopped(process, sign) == f"stopped; {both / 'old'} was not looked through to its end"
    assert contents(both) == before
    assert not list(tmp_path.glob("ipvalue*"))


def interrupt(done: int, total: int) -> None:
    assert done < total
    raise KeyboardInterrupt


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("options", [{}, {"sample": 0.5}, {"asset": "right-0000003"}])
def test_verify_between_two_parts(options: dict[str, Any]) -> None:
    with pytest.raises(Interrupted, match=r"^stopped; old was not looked through to its end$"):
        iv.verify("old", progress=interrupt, **options)
    assert iv.verify("old", **options).ok


@pytest.mark.usefixtures("here")
def test_evidence_between_two_parts() -> None:
    with pytest.raises(Interrupted, match=r"^stopped; no evidence is written$"):
        iv.evidence("old", "right-0000003", out="bundle", progress=interrupt)
    assert not Path("bundle").exists()


@pytest.mark.usefixtures("here")
def test_a_right_is_valued_again_where_an_interrupt_stops_its_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a thread beside the one that is interrupted: the kernel of a right with very many paths would not hear of it."""
    iv.value("p.parquet", market=market(), assumptions="a.toml", out="sobol", paths=32, sampler="sobol")
    threads: list[threading.Thread] = []

    def noted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*some: Any, **more: Any) -> Any:
            threads.append(threading.current_thread())
            return function(*some, **more)

        return call

    monkeypatch.setattr(Appraiser, "value", noted(Appraiser.value))
    monkeypatch.setattr(estimate, "simulate", noted(estimate.simulate))
    iv.verify("sobol", asset="right-0000003")
    assert len(threads) == 1
    iv.evidence("sobol", "right-0000003")
    assert len(threads) == 3
    assert threading.main_thread() not in threads
