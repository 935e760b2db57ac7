"""Clusters that lose a worker or their scheduler, or have one that is not fit for the run."""

from __future__ import annotations

import json
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clusters
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import MARKET, beside, contents, first_progress
from portfolios import ASSUMPTIONS, random_portfolio

from ipvalue import check, explain, value
from ipvalue.likeness import common_ground, lacking
from ipvalue.schema import RunError

ROWS = 600
SECONDS = 20.0
"""How soon a run must end that has lost its scheduler; a busy machine is allowed for."""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with a portfolio that takes a core some seconds."""
    return furnished(tmp_path)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run that nobody disturbed."""
    folder = furnished(tmp_path_factory.mktemp("undisturbed"))
    code, events = ended(command(folder, "out", "--workers", "2"))
    assert code == 0, events
    return parts(folder / "out")


def furnished(folder: Path) -> Path:
    pq.write_table(random_portfolio(ROWS), folder / "portfolio.parquet", row_group_size=10)
    (folder / "assumptions.toml").write_text(ASSUMPTIONS)
    (folder / "market.toml").write_text(MARKET)
    return folder


def command(work: Path, out: str, *options: str, paths: int = 8_000) -> subprocess.Popen[str]:
    """`ipvalue value` on the portfolio, beside this process."""
    options = ("--assumptions", "assumptions.toml", "--group-by", "sector", "--paths", str(paths), *options)
    return beside("value", "portfolio.parquet", "--out", out, *options, "--log-json", cwd=work)


def ended(process: subprocess.Popen[str], seconds: float = 240.0) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of a command and what it logged."""
    _, stderr = process.communicate(timeout=seconds)
    return process.returncode, [json.loads(line) for line in stderr.splitlines()]


def parts(folder: Path) -> dict[str, bytes]:
    """All files but the one that holds times and hosts."""
    return {name: content for name, content in contents(folder).items() if name != "manifest.json"}


def test_a_worker_is_killed(work: Path, expected: dict[str, bytes]) -> None:
    """The tasks it had are run again, by the other and by its successor; each part is there once."""
    with clusters.started(work, 2) as cluster:
        process = command(work, "out", "--scheduler", cluster.address)
        first_progress(process)
        cluster.processes_of_workers()[0].kill()
        code, events = ended(process)
    assert code == 0, events
    assert parts(work / "out") == expected
    names = [file["name"] for file in json.loads((work / "out" / "manifest.json").read_text())["files"]]
    assert len(names) == len(set(names)) == len(expected)


def test_the_scheduler_is_killed(work: Path, expected: dict[str, bytes]) -> None:
    """A sentence in seconds, what is done is kept, and the same command with --resume ends as if nothing had been."""
    with clusters.started(work, 1) as cluster:
        process = command(work, "out", "--scheduler", cluster.address)
        first_progress(process)
        cluster.scheduler.kill()
        started = time.monotonic()
        code, events = ended(process)
        print(f"ended after {time.monotonic() - started:.1f} s")
        assert time.monotonic() - started < SECONDS
    assert code == 1, events
    assert events[-1]["text"].startswith("the Dask scheduler was lost: look at its log, and start it again; ")
    assert "parts are kept in out: the same command with --resume goes on" in events[-1]["text"]
    code, events = ended(command(work, "out", "--resume", "--workers", "2"))
    assert code == 0, events
    assert parts(work / "out") == expected


def test_the_dashboard_is_named(work: Path) -> None:
    with clusters.started(work, 1) as cluster:
        code, events = ended(command(work, "out", "--scheduler", cluster.address, paths=100))
    assert code == 0, events
    notices = [one["text"] for one in events if one["event"] == "notice"]
    assert len(notices) == 1
    assert notices[0].startswith(f"{cluster.address}: workers 1, threads 1; dashboard: http://127.0.0.1:")


# ------------------------------------------------------------------------------------------------- workers that are not fit


def valued(work: Path, address: str) -> None:
    value(work / "portfolio.parquet", market=work / "market.toml", scheduler=address, out=work / "out", paths=10)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.Cluster]:
    """A scheduler without workers, which each test brings and takes away again."""
    with clusters.started(tmp_path_factory.mktemp("unfit"), 0) as made:
        yield made


def refusal(work: Path, cluster: clusters.Cluster, site: str, begin: Callable[[Path, str], object] = valued) -> tuple[str, str]:
    """What a run says to a worker that reads `site` as it starts, its address aside; nothing may be left of the run."""
    (work / "sitecustomize.py").write_text(site)
    worker = cluster.add_worker("--no-nanny", env={"PYTHONPATH": str(work)})
    cluster.wait_for_workers(1)
    before = contents(work)
    try:
        with pytest.raises(RunError) as raised:
            begin(work, cluster.address)
    finally:
        worker.kill()
        worker.wait()
    assert contents(work) == before
    assert not (work / "out").exists()
    subject, address, rest = str(raised.value).split(" ", 2)
    assert subject == "worker"
    assert address.startswith("tcp://127.0.0.1:")
    return address, rest


@pytest.mark.parametrize(
    ("site", "told"),
    [
        (
            "from ipvalue import likeness\nlikeness.VERSIONS['numerics_version'] = 1\n",
            "has numerics_version 1, and the run has ",
        ),
        (
            "from ipvalue import likeness\nlikeness.VERSIONS['ipvalue'] = '0.0.7'\n",
            "has ipvalue 0.0.7, and the run has ",
        ),
        (
            "from ipvalue import likeness\nlikeness.VERSIONS['pyarrow'] = '9.0.0'\n",
            f"has pyarrow 9.0.0, and the run has {pa.__version__}: install the same version of pyarrow there",
        ),
        (
            "from ipvalue.ext import kernel\nsimulate = kernel.simulate\n"
            "kernel.simulate = lambda *some, seed, **more: simulate(*some, seed=seed + 1, **more)\n",
            "computes other bits than this machine with the same version of ipvalue: install it there anew",
        ),
        (
            "import sys\nsys.modules['ipvalue'] = None\n",
            "has no ipvalue that this run can use (",
        ),
    ],
    ids=["another numerics_version", "another version", "another pyarrow", "other bits", "no ipvalue"],
)
def test_a_worker_that_is_not_fit(work: Path, cluster: clusters.Cluster, site: str, told: str) -> None:
    _, rest = refusal(work, cluster, site)
    assert rest.startswith(told)


def test_what_a_process_has_in_common_with_itself(work: Path) -> None:
    assert lacking(common_ground("native", [str(work / "portfolio.parquet")])) is None
    assert str(lacking(common_ground("numba", [str(work / "other")]))).startswith(f"does not see {work / 'other'} (there is no such file): name a ")
    assert "kernels" not in common_ground("numba", [])


def test_a_worker_that_comes_later_is_asked_too(work: Path, cluster: clusters.Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that joins while a run is at work is asked before its first task: here none was there to be asked at the beginning."""
    from ipvalue import cluster as connecting

    monkeypatch.setattr(connecting, "_check_all", lambda *_: None)
    _, rest = refusal(work, cluster, "from ipvalue import likeness\nlikeness.VERSIONS['numerics_version'] = 1\n")
    assert rest.startswith("has numerics_version 1, and the run has ")


def test_a_check_on_a_cluster(work: Path, cluster: clusters.Cluster) -> None:
    worker = cluster.add_worker("--no-nanny")
    cluster.wait_for_workers(1)
    try:
        found = check(work / "portfolio.parquet", market=work / "market.toml", scheduler=cluster.address)
    finally:
        worker.kill()
        worker.wait()
    assert found.rows == ROWS


# ------------------------------------------------------------------------------------------------------------- explain


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two results that an explanation takes a core some seconds for, and in `why` what lies between them."""
    folder = furnished(tmp_path_factory.mktemp("both"))
    later = MARKET.replace("2026-11-22", "2027-05-22").replace("0.017, ", "0.03, ")
    for name, text in (("old", MARKET), ("new", later)):
        value(folder / "portfolio.parquet", market=tomllib.loads(text), assumptions=folder / "assumptions.toml", out=folder / name, paths=8_000)
    explain(folder / "old", folder / "new", out=folder / "why")
    return folder


def explaining(both: Path, out: Path, address: str) -> subprocess.Popen[str]:
    return beside("explain", both / "old", both / "new", "--out", out, "--scheduler", address, "--log-json", cwd=both)


def test_a_worker_is_killed_while_it_explains(both: Path, tmp_path: Path) -> None:
    with clusters.started(tmp_path, 2) as cluster:
        process = explaining(both, tmp_path / "why", cluster.address)
        first_progress(process)
        cluster.processes_of_workers()[0].kill()
        code, events = ended(process)
    assert code == 0, events
    assert contents(tmp_path / "why") == contents(both / "why")


def test_the_scheduler_is_killed_while_its_workers_explain(both: Path, tmp_path: Path) -> None:
    """A sentence in seconds, and nothing is left, neither of the tables nor of what the workers saw between them."""
    with clusters.started(tmp_path, 1) as cluster:
        process = explaining(both, tmp_path / "why", cluster.address)
        first_progress(process)
        cluster.scheduler.kill()
        code, events = ended(process, SECONDS)
    assert code == 1, events
    assert events[-1]["text"] == "the Dask scheduler was lost: look at its log, and start it again"
    assert not (tmp_path / "why").exists()


NOT_SEEN = "from ipvalue import likeness\nlikeness._unseen = lambda place: ' (there is no such file)' if place.endswith({!r}) else ''\n"


@pytest.mark.parametrize("place", ["portfolio.parquet", "old/manifest.json", "new/manifest.json", "begun"])
def test_a_worker_that_does_not_see_what_is_explained(place: str, both: Path, tmp_path: Path, cluster: clusters.Cluster) -> None:
    def begin(work: Path, address: str) -> None:
        explain(both / "old", both / "new", out=work / "out", scheduler=address)

    _, rest = refusal(tmp_path, cluster, NOT_SEEN.format(place), begin)
    folder = tmp_path / "out" / ".layout-" if place == "begun" else both
    assert rest.startswith(f"does not see {folder}")
    assert rest.endswith(f"{place} (there is no such file): name a file system that all machines share, or a URL")
