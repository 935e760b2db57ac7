"""A book of loans on a cluster as an operator starts one: the same bytes as threads, whatever dies meanwhile; and from an object store into it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clusters
import pyarrow.parquet as pq
import pytest
import small_book
from commandline import MARKET, ROW, beside, contents, first_progress, table

import ipvalue
from ipvalue.files import file_system

pytestmark = pytest.mark.slow  # worker processes load Numba

LOANS = 240


def furnished(folder: Path) -> Path:
    """Rights, half of which are pledged, and the loans."""
    pq.write_table(table([{**ROW, "asset_id": f"r{i}", "life": 4.0 + i % 9} for i in range(2 * LOANS)]), folder / "rights.parquet", row_group_size=50)
    (folder / "market.toml").write_text(MARKET)
    small_book.write(folder / "loans.parquet", [small_book.own(i) for i in range(LOANS)])
    return folder


def command(work: Path, out: str, *options: object, paths: int = 8_000) -> subprocess.Popen[str]:
    """`ipvalue lend` beside this process."""
    line = ["lend", "loans.parquet", "--portfolio", "rights.parquet", "--out", out, "--paths", paths, *options, "--log-json"]
    return beside(*line, cwd=work)


def ended(process: subprocess.Popen[str], seconds: float = 240.0) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of a command and what it logged."""
    _, err = process.communicate(timeout=seconds)
    return process.returncode, [json.loads(line) for line in err.splitlines()]


def files(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in contents(folder).items() if name != "manifest.json"}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs, and in `threads` what they come to."""
    folder = furnished(tmp_path_factory.mktemp("book"))
    code, events = ended(command(folder, "threads", "--workers", 2))
    assert code == 0, events
    return folder


def test_two_workers_one_of_which_is_killed(work: Path, tmp_path: Path) -> None:
    with clusters.started(tmp_path, 2) as cluster:
        process = command(work, "killed", "--scheduler", cluster.address)
        first_progress(process)
        cluster.processes_of_workers()[0].kill()
        code, events = ended(process)
    assert code == 0, events
    assert files(work / "killed") == files(work / "threads")
    assert json.loads((work / "killed" / "manifest.json").read_text())["options"]["scheduler"] == cluster.address


def test_the_scheduler_is_killed_and_the_run_goes_on_without_it(work: Path, tmp_path: Path) -> None:
    with clusters.started(tmp_path, 1) as cluster:
        process = command(work, "lost", "--scheduler", cluster.address)
        first_progress(process)
        cluster.scheduler.kill()
        code, events = ended(process, 60.0)
    assert code == 1
    assert events[-1]["text"].startswith("the Dask scheduler was lost: look at its log, and start it again; ")
    assert events[-1]["text"].endswith("parts are kept in lost: the same command with --resume goes on")
    code, events = ended(command(work, "lost", "--resume"))
    assert code == 0, events
    assert files(work / "lost") == files(work / "threads")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket; endpoint and credentials stand in the environment, as usual."""
    moto_server = pytest.importorskip("moto.server", reason="moto is not installed")
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, text in {**settings, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}.items():
        monkeypatch.setenv(name, text)
    fs, inner = file_system("s3://loans")
    fs.mkdir(inner)
    yield "s3://loans"
    server.stop()


def test_from_an_object_store_into_it_on_a_cluster(work: Path, bucket: str, tmp_path: Path) -> None:
    fs, inner = file_system(bucket)
    for name in ("rights.parquet", "loans.parquet", "market.toml"):
        fs.put_file(str(work / name), f"{inner}/{name}")
    with clusters.started(tmp_path, 1) as cluster:
        places = [f"{bucket}/{name}" for name in ("loans.parquet", "rights.parquet")]
        ipvalue.lend(*places, market=f"{bucket}/market.toml", paths=8_000, out=f"{bucket}/out", scheduler=cluster.address)
    names = {path.removeprefix(f"{inner}/out/") for path in fs.find(f"{inner}/out")}
    assert names == {*files(work / "threads"), "manifest.json"}
    assert all(fs.cat_file(f"{inner}/out/{name}") == content for name, content in files(work / "threads").items())
    assert ipvalue.verify(f"{bucket}/out", sample=0.05).ok
