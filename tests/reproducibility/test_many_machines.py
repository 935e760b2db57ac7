"""A run on a cluster as an operator starts one: the same bytes as threads, no rows through the scheduler, and TLS."""

from __future__ import annotations

import datetime
import os
import pickle
import shutil
from pathlib import Path

import clusters
import dask
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import MARKET, Ran, contents, installed, table
from portfolios import ASSUMPTIONS, market, random_portfolio

from ipvalue import cluster as connecting
from ipvalue import value
from ipvalue.inputs import opened
from ipvalue.job import make_job
from ipvalue.schema import RunError
from ipvalue.synthesize import synthesize

x509 = pytest.importorskip("cryptography.x509", reason="cryptography is not installed")


def values(folder: Path, out: str, *options: object, portfolio: str = "portfolio.parquet", env: dict[str, str] | None = None) -> Ran:
    """The command `value` typed in a folder that has the portfolio and market.toml."""
    line = ["value", portfolio, "--market", "market.toml", "--group-by", "sector", "--out", out, *options]
    return installed(*line, cwd=folder, env={**os.environ, **(env or {})}, seconds=3600)


def files(folder: Path) -> dict[str, bytes]:
    """All files of a result but its manifest."""
    return {name: content for name, content in contents(folder).items() if name != "manifest.json"}


@pytest.mark.slow
def test_a_register_on_two_workers(tmp_path: Path, root: Path) -> None:
    """400,000 trademarks; the same with 10,000,000 takes a few minutes (docs/overnight.md says what of)."""
    synthesize(400_000, str(tmp_path / "marks.parquet"), "cn_trademarks")
    shutil.copy(root / "examples" / "cn_trademarks" / "market.toml", tmp_path)
    assert values(tmp_path, "threads", "--paths", 16, "--workers", 2, portfolio="marks.parquet").code == 0
    (tmp_path / "cluster").mkdir()
    with clusters.started(tmp_path / "cluster", 2) as cluster:
        ran = values(tmp_path, "cluster/out", "--paths", 16, "--scheduler", cluster.address, portfolio="marks.parquet")
    assert ran.code == 0, ran
    assert files(tmp_path / "cluster" / "out") == files(tmp_path / "threads")


@pytest.mark.parametrize("fmt", ["parquet", "arrow"])
def test_tasks_hold_no_rows(tmp_path: Path, fmt: str) -> None:
    """A task says which rows of which file it is of, and all of a run is sent once: neither grows with the rows."""

    def sent(rows: int) -> tuple[int, int]:
        portfolio, path = random_portfolio(rows), tmp_path / f"{rows}.{fmt}"
        if fmt == "parquet":
            pq.write_table(portfolio, path)
        else:
            with pa.ipc.new_file(path, portfolio.schema) as writer:
                writer.write_table(portfolio)
        (tmp_path / "assumptions.toml").write_text(ASSUMPTIONS)
        job = make_job({"paths": 10, "rows_per_task": rows})
        with opened(path, market(), tmp_path / "assumptions.toml", job, str(tmp_path / "out")) as inputs:
            assert [task.unit.rows for task in inputs.tasks] == [rows]
            return len(pickle.dumps(inputs.tasks[0])), len(pickle.dumps(inputs.run))

    few, many = sent(100), sent(5000)
    assert many[0] <= few[0] + 20 < 1000
    assert many[1] <= few[1] + 20


# ------------------------------------------------------------------------------------------------------------------ TLS


def certificate(folder: Path, name: str) -> dict[str, str]:
    """Dask's settings, in its environment, for a certificate that is its own authority, as both files in a folder."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    both = folder / f"{name}.pem"
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    both.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem))
    keys = ["CA_FILE", *(f"{who}__{what}" for who in ("CLIENT", "SCHEDULER", "WORKER") for what in ("CERT", "KEY"))]
    return {f"DASK_DISTRIBUTED__COMM__TLS__{one}": str(both) for one in keys}


def test_tls(tmp_path: Path) -> None:
    """Certificates and key are those that Dask's own configuration names."""
    ours = certificate(tmp_path, "ours")
    pq.write_table(table(), tmp_path / "portfolio.parquet")
    (tmp_path / "market.toml").write_text(MARKET)
    assert values(tmp_path, "threads", "--paths", 64).code == 0
    with clusters.started(tmp_path, 1, env=ours, protocol="tls") as cluster:
        assert cluster.address.startswith("tls://127.0.0.1:")
        ran = values(tmp_path, "out", "--paths", 64, "--scheduler", cluster.address, env=ours)
    assert ran.code == 0, ran
    assert files(tmp_path / "out") == files(tmp_path / "threads")


def test_tls_without_the_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has none, or another, is not let in, and a sentence says so."""
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 2)

    def refused(env: dict[str, str], address: str) -> str:
        with dask.config.set(dask.config.merge(dask.config.config, dask.config.collect_env(env))), pytest.raises(RunError) as raised:
            value(table(), market=market(), scheduler=address, out=tmp_path / "out")
        assert not (tmp_path / "out").exists()
        return str(raised.value)

    ours, others = certificate(tmp_path, "ours"), certificate(tmp_path, "others")
    with clusters.started(tmp_path, 0, env=ours, protocol="tls") as cluster:
        address, plain = cluster.address, cluster.address.replace("tls:", "tcp:")
        told = refused({}, address)
        assert told.startswith(f"{address}: cannot be asked (")
        assert told.endswith("): name certificates and key in Dask's configuration, distributed.comm.tls")
        told = refused(others, address)
        assert told.startswith(f"{address}: no Dask scheduler answers there (")
        assert told.endswith("look at the certificates in Dask's configuration, distributed.comm.tls, or use --scheduler threads")
        told = refused(ours, plain)
        assert told.startswith(f"{plain}: no Dask scheduler answers there (")
        assert told.endswith("start one, give tls:// if that is its protocol, or use --scheduler threads")
        gone = {**ours, "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": str(tmp_path / "nowhere.pem")}
        assert refused(gone, address) == f"{address}: a certificate or key that Dask's configuration names (distributed.comm.tls) is not there"
