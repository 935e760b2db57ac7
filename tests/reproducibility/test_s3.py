"""Portfolios and results in an object store, here moto's server on this machine: the same bytes as in files, whoever writes them; and its errors."""

from __future__ import annotations

import datetime
import http.server
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import clusters
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import MARKET, ROWS, contents, installed, row_with, table
from portfolios import ASSUMPTIONS, market, random_portfolio

import ipvalue
from ipvalue.files import file_system
from ipvalue.schema import InputError, RunError
from ipvalue.store import Store

moto_server = pytest.importorskip("moto.server", reason="moto is not installed")
pytest.importorskip("s3fs", reason="s3fs is not installed")

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
BUCKET = "s3://rights"
PATHS = 300


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """A bucket; endpoint and credentials stand in the environment, as usual."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, text in {**CREDENTIALS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}.items():
            monkeypatch.setenv(name, text)
        fs, bucket = file_system(BUCKET)
        fs.mkdir(bucket)
        yield BUCKET
    server.stop()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a portfolio of two files, and what it is valued to."""
    folder = tmp_path_factory.mktemp("local")
    portfolio = random_portfolio(120)
    (folder / "portfolio").mkdir()
    pq.write_table(portfolio.slice(0, 70), folder / "portfolio" / "a.parquet", row_group_size=30)
    with pa.ipc.new_file(folder / "portfolio" / "b.arrow", portfolio.schema) as writer:
        writer.write_table(portfolio.slice(70), max_chunksize=20)
    (folder / "assumptions.toml").write_text(ASSUMPTIONS)
    value(folder, folder / "portfolio", folder / "out")
    return folder


@pytest.fixture(scope="module")
def portfolio(store: str, local: Path) -> str:
    """The same two files in the bucket."""
    fs, inner = file_system(f"{store}/in")
    for file in (local / "portfolio").iterdir():
        fs.put_file(str(file), f"{inner}/{file.name}")
    return f"{store}/in"


def value(local: Path, portfolio: object, out: object, **options: Any) -> None:
    options = {"paths": PATHS, "group_by": ("sector",), "workers": 2, "rows_per_task": 10, "keep_paths": True, **options}
    ipvalue.value(portfolio, market=market(), assumptions=local / "assumptions.toml", out=out, **options)  # type: ignore[arg-type]


def objects(location: str) -> dict[str, bytes]:
    """Every object under a URL, by its name within it."""
    fs, inner = file_system(location)
    return {name.removeprefix(f"{inner}/"): fs.cat_file(name) for name in fs.find(inner)}


def same(out: str, local: Path) -> None:
    """All but the manifest is what it is in files."""
    found, expected = objects(out), contents(local / "out")
    assert found.keys() == expected.keys()
    assert {name for name in found if found[name] != expected[name]} == {"manifest.json"}


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_the_same_bytes(store: str, local: Path, portfolio: str, scheduler: str) -> None:
    out = f"{store}/{scheduler}"
    value(local, portfolio, out, scheduler=scheduler)
    same(out, local)
    assert ipvalue.open_result(out).assets.num_rows == 120


def test_workers_of_a_cluster_write_there_themselves(store: str, local: Path, portfolio: str, tmp_path: Path) -> None:
    with clusters.started(tmp_path, 2) as cluster:
        value(local, portfolio, f"{store}/cluster", scheduler=cluster.address)
    same(f"{store}/cluster", local)


def test_two_results_are_explained_there(store: str, local: Path, portfolio: str, tmp_path: Path) -> None:
    """By the workers of a cluster, who see in the bucket what is laid out in between; nothing of that is left, nor of one that is stopped."""

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    for seed in (1, 2):
        value(local, portfolio, f"{store}/seed-{seed}", seed=seed)
        value(local, local / "portfolio", tmp_path / f"seed-{seed}", seed=seed)
    ipvalue.explain(tmp_path / "seed-1", tmp_path / "seed-2", out=tmp_path / "why")
    with clusters.started(tmp_path, 1) as cluster:
        with pytest.raises(KeyboardInterrupt, match="stopped; nothing of the explanation is kept"):
            ipvalue.explain(f"{store}/seed-1", f"{store}/seed-2", out=f"{store}/why", scheduler=cluster.address, progress=stop)
        assert not objects(f"{store}/why")
        ipvalue.explain(f"{store}/seed-1", f"{store}/seed-2", out=f"{store}/why", scheduler=cluster.address)
    found, expected = objects(f"{store}/why"), contents(tmp_path / "why")
    assert found.keys() == expected.keys()
    assert {name for name in found if found[name] != expected[name]} == {"explain.json"}  # which names both results


def test_market_and_assumptions_lie_there_too(store: str, local: Path, portfolio: str, tmp_path: Path) -> None:
    """A market beside the portfolio is found there; a job file names all of them by URL."""
    fs, inner = file_system(f"{store}/night")
    for file in (local / "portfolio").iterdir():
        fs.put_file(str(file), f"{inner}/in/{file.name}")
    fs.put_file(str(local / "assumptions.toml"), f"{inner}/book.toml")
    with pytest.raises(InputError, match=r"no market is given and no market\.toml stands beside the portfolio"):
        ipvalue.value(f"{store}/night/in", paths=2)
    fs.pipe_file(f"{inner}/market.toml", MARKET.encode())
    places = {"portfolio": "in", "assumptions": "book.toml", "outputs.root": "out"}
    (tmp_path / "job.toml").write_text("".join(f'{key} = "{store}/night/{name}"\n' for key, name in places.items()) + "options.paths = 2\n")
    found = ipvalue.run(tmp_path / "job.toml")
    (tmp_path / "market.toml").write_text(MARKET)
    expected = ipvalue.value(local / "portfolio", market=tmp_path / "market.toml", assumptions=local / "assumptions.toml", paths=2)
    assert found.assets.equals(expected.assets)
    with pytest.raises(InputError, match=rf"^{store}/none.toml: there is no such file or directory$"):
        ipvalue.value(portfolio, market=f"{store}/none.toml", paths=2)


def test_a_stopped_run_goes_on(store: str, local: Path, portfolio: str) -> None:
    out = f"{store}/stopped"

    def stop(done: int, total: int) -> None:
        if done >= 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"stopped; \d+ of 12 parts are kept in s3://rights/stopped: the same command with --resume goes on"):
        value(local, portfolio, out, progress=stop)
    assert "manifest.json" not in objects(out)
    assert ".journal" in objects(out)
    with pytest.raises(InputError, match="holds a run that was stopped: give --resume to go on with it"):
        value(local, portfolio, out)
    value(local, portfolio, out, resume=True)
    same(out, local)


def test_a_damaged_part_is_made_again(store: str, local: Path, portfolio: str) -> None:
    out = f"{store}/damaged"
    value(local, portfolio, out)
    fs, inner = file_system(out)
    fs.pipe_file(f"{inner}/assets/part-00003.parquet", b"damaged")
    value(local, portfolio, out, resume=True)
    same(out, local)


def test_overwriting(store: str, local: Path, portfolio: str) -> None:
    out = f"{store}/overwritten"
    value(local, portfolio, out, seed=2, rows_per_task=5)
    with pytest.raises(InputError, match="holds a result: name another --out, or give --overwrite to replace it"):
        value(local, portfolio, out)
    value(local, portfolio, out, overwrite=True)
    same(out, local)


def test_a_directory_with_something_else_is_refused(store: str, local: Path, portfolio: str) -> None:
    fs, inner = file_system(f"{store}/other")
    fs.pipe_file(f"{inner}/letters/note.txt", b"dear")
    with pytest.raises(InputError, match=r"holds letters.*, which no run wrote"):
        value(local, portfolio, f"{store}/other", overwrite=True)
    assert objects(f"{store}/other") == {"letters/note.txt": b"dear"}


@pytest.mark.parametrize("megabytes", [1, 110])
def test_an_upload_that_fails_leaves_nothing(store: str, megabytes: int) -> None:
    """Small objects are sent at once, large ones in parts, which are taken back."""
    batch = pa.record_batch({"x": pa.array([0] * (1 << 17), pa.int64())})

    def batches() -> Iterator[pa.RecordBatch]:
        for _ in range(megabytes):
            yield batch
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Store(f"{store}/failed").write_ipc("totals.arrow", batch.schema, batches())
    fs, bucket = file_system(store)
    assert objects(f"{store}/failed") == {}
    assert fs.list_multipart_uploads(bucket) == []


def test_a_killed_run_leaves_whole_objects(store: str, local: Path, portfolio: str) -> None:
    out = f"{store}/killed"
    script = (
        "import sys; sys.path[:0] = sys.argv[4:]\nfrom pathlib import Path\nimport os, signal, test_s3\n"
        "kill = lambda done, total: done >= 40 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "test_s3.value(Path(sys.argv[1]), sys.argv[2], sys.argv[3], progress=kill)\n"
    )
    places = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    died = subprocess.run([sys.executable, "-c", script, str(local), portfolio, out, *places], check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    expected = contents(local / "out")
    left = objects(out)
    assert left.keys() > {".journal"}
    assert all(expected[name] == content for name, content in left.items() if name != ".journal")
    value(local, portfolio, out, resume=True)
    same(out, local)


def test_a_portfolio_that_changes_meanwhile(store: str, local: Path, tmp_path: Path) -> None:
    """Nothing that a listing once said is believed."""
    fs, inner = file_system(f"{store}/changing")
    pq.write_table(table(), tmp_path / "first.parquet")
    pq.write_table(table(row_with(revenue=7e6)), tmp_path / "second.parquet")
    fs.put_file(str(tmp_path / "first.parquet"), f"{inner}/p.parquet")

    def change(done: int, total: int) -> None:
        fs.put_file(str(tmp_path / "second.parquet"), f"{inner}/p.parquet")

    with pytest.raises(InputError, match=r"s3://rights/changing/p.parquet: changed while it was being valued"):
        value(local, f"{store}/changing/p.parquet", f"{store}/of-changing", rows_per_task=len(ROWS), progress=change)
    assert objects(f"{store}/of-changing") == {}


# -------------------------------------------------------------------------------------------- since an earlier result


def editions(store: str, folder: Path, name: str) -> tuple[str, str]:
    """Two editions of a portfolio in the bucket: where the first is, valued too, and the second, with a row changed, one removed and one spoiled."""
    fs, inner = file_system(f"{store}/{name}")
    rows = random_portfolio(60).to_pylist()
    later = [{**rows[0], "volatility": 0.123}, {**rows[1], "right_type": "none"}, *rows[3:]]
    for file, some in (("one", rows), ("two", later)):
        pq.write_table(table(some), folder / f"{file}.parquet", row_group_size=10)
        fs.put_file(str(folder / f"{file}.parquet"), f"{inner}/{file}.parquet")
    (folder / "assumptions.toml").write_text(ASSUMPTIONS)
    since(folder, f"{store}/{name}/one.parquet", f"{store}/{name}/old")
    return f"{store}/{name}/two.parquet", f"{store}/{name}/old"


def since(folder: Path, portfolio: str, out: str, **options: Any) -> dict[str, bytes]:
    """All objects of a result but its manifest."""
    value(folder, portfolio, out, keep_paths=False, **options)
    return {name: content for name, content in objects(out).items() if name != "manifest.json"}


@pytest.mark.parametrize("scheduler", ["threads", pytest.param("processes", marks=pytest.mark.slow), pytest.param("cluster", marks=pytest.mark.slow)])
def test_since_an_earlier_result(store: str, tmp_path: Path, scheduler: str) -> None:
    """Both results and both portfolios in the bucket."""
    portfolio, old = editions(store, tmp_path, f"since-{scheduler}")
    whole = since(tmp_path, portfolio, f"{old}-whole")
    with clusters.started(tmp_path, 2) if scheduler == "cluster" else nullcontext() as cluster:
        how = cluster.address if cluster else scheduler
        assert since(tmp_path, portfolio, f"{old}-since", since=old, scheduler=how) == whole
    assert ipvalue.open_result(f"{old}-since").manifest["since"]["carried"] == 57


def test_a_stopped_run_since_an_earlier_result_goes_on(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipvalue.since, "FRESH_TOGETHER", 0)
    portfolio, old = editions(store, tmp_path, "since-stopped")

    def stop(done: int, total: int) -> None:
        if done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="parts are kept in s3://rights/since-stopped/old-since: the same command with --resume goes on"):
        since(tmp_path, portfolio, f"{old}-since", since=old, progress=stop)
    assert since(tmp_path, portfolio, f"{old}-since", since=old, resume=True) == since(tmp_path, portfolio, f"{old}-whole")


def test_an_earlier_result_is_not_removed_before_it_is_read(store: str, tmp_path: Path) -> None:
    portfolio, old = editions(store, tmp_path, "since-overwritten")
    before = objects(old)
    with pytest.raises(InputError, match="old/: is no local directory, so --overwrite removes it before any row is taken over: name another --out"):
        since(tmp_path, portfolio, old, since=f"{old}/", overwrite=True)
    assert objects(old) == before


@pytest.mark.slow
def test_jobs_since_the_latest(store: str, tmp_path: Path) -> None:
    """Their root in the bucket; the second night finds the first's result whole, the third the second's damaged."""
    editions(store, tmp_path, "jobs")
    (tmp_path / "market.toml").write_text(MARKET)

    def night(name: str, root: str = "nights", more: str = 'since = "latest"') -> str:
        (tmp_path / "job.toml").write_text(
            f'portfolio = "{store}/jobs/{name}.parquet"\nmarket = "market.toml"\nassumptions = "assumptions.toml"\n{more}\n'
            f'[options]\npaths = 50\n[outputs]\nroot = "{store}/jobs/{root}"\n'
        )
        return str(ipvalue.run(tmp_path / "job.toml").location)

    def results(location: str) -> dict[str, bytes]:
        return {name: content for name, content in objects(location).items() if name != "manifest.json"}

    first, second = night("one"), night("two")
    assert ipvalue.open_result(second).manifest["since"]["result"] == first
    assert results(second) == results(night("two", "whole", ""))
    fs, inner = file_system(f"{second}/totals.arrow")
    fs.rm_file(inner)
    fs.cp_file(f"{store}/jobs/two.parquet", f"{store}/jobs/three.parquet")
    third = night("three")
    manifest = ipvalue.open_result(third).manifest
    assert manifest["passed_over"] == [{"result": second, "reason": f"{second}/totals.arrow: is missing from the result"}]
    assert manifest["since"]["result"] == first
    assert results(third) == results(night("three", "whole", ""))


# --------------------------------------------------------------------------------------------------------------- errors


class _Refuses(http.server.BaseHTTPRequestHandler):
    """A store that permits nothing."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def refusing() -> Iterator[str]:
    """The endpoint of a store that permits nothing."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Refuses)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def typed(store: str, tmp_path: Path) -> Any:
    """The command `value` as typed where portfolio.parquet and market.toml are: its only sentence."""
    pq.write_table(table(), tmp_path / "portfolio.parquet")
    (tmp_path / "market.toml").write_text(MARKET)

    def call(portfolio: str, out: str, **env: str | None) -> str:
        wanted = {name: text for name, text in {**os.environ, "HOME": str(tmp_path), **env}.items() if text is not None}
        ran = installed("value", portfolio, "--market", "market.toml", "--paths", 16, "--out", out, cwd=tmp_path, env=wanted)
        assert ran.code == 2, ran
        assert ran.out == ""
        return ran.sentence

    return call


NO_ENDPOINT = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
NO_CREDENTIALS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_EC2_METADATA_DISABLED": "true"}


def test_no_bucket(typed: Any) -> None:
    """None is made, where the portfolio comes from or where results go to."""
    assert typed("portfolio.parquet", "s3://none/out") == "s3://none/out: writing failed (The specified bucket does not exist)"
    assert typed("s3://none/p.parquet", "out") == "s3://none/p.parquet: there is no such file or directory"
    fs, _ = file_system(BUCKET)
    assert fs.ls("") == ["rights"]


@pytest.mark.parametrize("env", [pytest.param(NO_ENDPOINT, marks=pytest.mark.slow), NO_CREDENTIALS], ids=["no endpoint", "no credentials"])
def test_not_reached(typed: Any, env: dict[str, str | None]) -> None:
    told = typed("portfolio.parquet", f"{BUCKET}/out", **env)
    assert told.startswith("s3://rights/out: cannot be reached (")
    assert told.endswith("): look at the credentials and the endpoint, or name another --out")
    told = typed(f"{BUCKET}/p.parquet", "out", **env)
    assert told.startswith("s3://rights/p.parquet: cannot be reached (")
    assert told.endswith("): look at the credentials and the endpoint")


def test_a_store_that_is_lost_hides_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run that failed did is taken back as far as it can be reached; what is told is why it failed."""
    from botocore.exceptions import EndpointConnectionError

    def lost(*_: object, **__: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://store")

    store = Store("memory://lost")
    store.write_text("rejects.parquet", "half")
    monkeypatch.setattr(store.fs, "find", lost)
    monkeypatch.setattr(store.fs, "exists", lost)
    store.discard()
    with pytest.raises(RunError, match=r"^memory://lost: cannot be reached \(Could not connect"):
        store.missing([])
    with pytest.raises(InputError, match=r"^memory://lost: cannot be reached \(Could not connect"):
        _ = store.found


def test_no_permission(typed: Any, refusing: str) -> None:
    told = typed("portfolio.parquet", f"{BUCKET}/out", AWS_ENDPOINT_URL=refusing)
    assert told == "s3://rights/out: writing is not permitted: name another --out or change its permissions"
    assert typed(f"{BUCKET}/p.parquet", "out", AWS_ENDPOINT_URL=refusing) == "s3://rights/p.parquet: may not be read: ask for read permission"


def test_a_worker_without_credentials(store: str, local: Path, portfolio: str, tmp_path: Path) -> None:
    """It is found out before any work, and named."""
    bare = {**{name: text or "" for name, text in NO_CREDENTIALS.items()}, "HOME": str(tmp_path)}
    told = pytest.raises(RunError, match=r"worker tcp://[\d.:]+ does not see s3://rights/in/a.parquet \(Unable to locate credentials\): name a")
    with clusters.started(tmp_path, 1, env=bare) as cluster, told:
        value(local, portfolio, f"{store}/bare", scheduler=cluster.address)
    assert objects(f"{store}/bare") == {}


@pytest.mark.parametrize("valuation_date", [pytest.param("2026-11-22", marks=pytest.mark.slow), "2026-11-23"])
def test_a_worker_that_does_not_see_the_earlier_result(store: str, tmp_path: Path, valuation_date: str) -> None:
    """It is found out before any row is compared or valued there. On another day rows are compared by the workers first."""
    _, old = editions(store, tmp_path, f"unseen-{valuation_date}")
    bare = {**{name: text or "" for name, text in NO_CREDENTIALS.items()}, "HOME": str(tmp_path)}
    told = pytest.raises(RunError, match=rf"worker tcp://[\d.:]+ does not see {old}/manifest.json \(Unable to locate credentials\): name a")
    rates = market() | {"valuation_date": datetime.date.fromisoformat(valuation_date)}
    with clusters.started(tmp_path, 1, env=bare) as cluster, told:
        ipvalue.value(
            tmp_path / "two.parquet",
            market=rates,
            assumptions=tmp_path / "assumptions.toml",
            out=tmp_path / "out",
            since=old,
            scheduler=cluster.address,
            paths=PATHS,
            group_by=("sector",),
            rows_per_task=10,
        )
    assert not (tmp_path / "out").exists()


def test_s3fs_is_not_installed(typed: Any, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['s3fs'] = None\n")
    told = typed("portfolio.parquet", f"{BUCKET}/out", PYTHONPATH=str(tmp_path))
    assert told == "s3://rights/out: cannot be opened as a results directory (Install s3fs to access S3)"
