"""What a server is asked that it must not answer, and what it finds that it must not fall over."""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import contents
from served import Served, make_root, running

from ipvalue.evidence import evidence

pytest.importorskip("duckdb")
pytest.importorskip("tornado")
pytest.importorskip("bokeh")

SECRET = "the secret beside the root"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_root(tmp_path_factory.mktemp("served"))
    (root.parent / "secret.txt").write_text(SECRET)
    shutil.copytree(root / "first", root.parent / "outside")
    return root


@pytest.fixture(scope="module")
def served(made: Path) -> Iterator[Served]:
    with running(made) as it:
        yield it


@pytest.fixture
def damaged(made: Path, tmp_path: Path) -> Iterator[tuple[Path, Served]]:
    """A copy of the root, to be damaged under a server of its own."""
    root = Path(shutil.copytree(made, tmp_path / "results"))
    with running(root) as it:
        yield root, it


PATHS = [
    "/../secret.txt",
    "/..%2fsecret.txt",
    "/runs/../secret.txt",
    "/runs/..%2Foutside",
    "/runs/%2e%2e%2foutside",
    "/runs/%2e%2e/outside",
    "/runs/..%252Foutside",
    "/runs/first%2F..%2F..%2Foutside",
    "/runs/%2Fetc",
    "/runs/first%00",
    "/runs/first%2Fassets",
    "/runs/..%5Coutside",
    "/runs/first/../../outside",
    "/runs/first/evidence/..%2f..%2fmanifest.json?id=TM-1",
    "/runs/first/evidence/../../../secret.txt?id=TM-1",
    "/runs/first/assets/part-00000.parquet",
    "/static/../secret.txt",
    "/static/..%2f..%2fsecret.txt",
    "/static/../pages.py",
    "/static/served.html.j2",
    "/api/runs/..%2Foutside",
    "/api/runs/..%2Foutside/assets",
    "//etc/passwd",
    "/compare?old=../outside&new=first",
    "/api/compare?old=first&new=%2Fetc%2Fpasswd",
]


@pytest.mark.parametrize("path", PATHS)
def test_nothing_outside_of_the_root_is_answered(served: Served, path: str) -> None:
    came = served.ask(path)
    assert came.status in (400, 404)
    assert SECRET not in came.text
    assert "root:" not in came.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_but_get_and_head_is_answered(served: Served, made: Path, method: str) -> None:
    before = contents(made)
    assert served.ask("/runs/first", method, body=b"x=1").status == 405
    assert contents(made) == before


def test_head_is_get_without_content(served: Served) -> None:
    whole, head = served.get("/api/runs"), served.ask("/api/runs", "HEAD")
    assert (head.status, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))


def test_every_answer_says_what_a_browser_may_do(served: Served) -> None:
    for path in ("/", "/runs/first", "/api/runs", "/nowhere", "/static/page.js", "/runs/none"):
        headers = served.ask(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert "unsafe-eval" not in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost:1", "127.0.0.1.evil.example", ""])
def test_a_name_that_is_not_the_servers_is_refused(served: Served, host: str) -> None:
    came = served.ask("/", Host=host)
    assert came.status in (400, 421)
    assert "first" not in came.text


def test_another_sites_page_gets_nothing(served: Served) -> None:
    came = served.ask("/api/runs", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest="image")
    assert came.status == 403


def test_beyond_loopback_nothing_is_answered_without_the_token(made: Path) -> None:
    with running(made, "0.0.0.0") as it:
        token = it.link.partition("?token=")[2]
        assert len(token) >= 40
        for came in (it.ask("/"), it.ask("/api/runs"), it.ask("/?token=wrong"), it.ask("/", Cookie=f"{it.server.guard.cookie}=wrong")):
            assert (came.status, "night/second" in came.text) == (403, False)
        first = it.ask(f"/?token={token}")
        assert (first.status, first.headers["location"]) == (303, "/")
        assert it.ask(f"//evil.example/x?token={token}").headers["location"] == "/evil.example/x"
        cookie = first.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert it.ask("/", Cookie=cookie.partition(";")[0]).status == 200
        assert it.ask("/api/runs", Authorization=f"Bearer {token}").status == 200


def test_on_loopback_there_is_no_token(served: Served) -> None:
    assert served.link == f"{served.base}/"


@pytest.mark.parametrize("text", ["x" * 5000, "%" * 100, "'; DROP TABLE rights_0; --", "\0", "<script>alert(1)</script>", "年" * 150])
def test_strange_ids_are_answered_and_shown_as_text(served: Served, text: str) -> None:
    came = served.get("/runs/first/search", id=text)
    assert came.status in (200, 400)
    assert "<script>alert" not in came.text
    assert served.get("/api/runs/first/assets").json["total"] == 10


def test_requests_that_are_too_large_end(served: Served) -> None:
    with contextlib.suppress(OSError):  # it may hang up
        assert served.ask("/?" + "x" * 100_000).status in (400, 431)
    assert served.ask("/").status == 200


def test_a_connection_that_says_nothing_holds_nobody_up(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.server.guard.port)) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost:")
        assert served.ask("/").status == 200


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/runs/first/right?id=TM-77", "first: there is no right 'TM-77' in it"),
        ("/runs/first/right?id=bad", "first: there is no right 'bad' in it; it was rejected ("),
        ("/runs/frist/right?id=TM-1", "there is no result 'frist' below results: did you mean first?"),
        ("/runs/frist", "there is no result 'frist' below results: did you mean first?"),
        ("/compare?old=first&new=frist", "there is no result 'frist' below results: did you mean first?"),
    ],
)
def test_a_right_or_a_result_that_is_not_there_is_404(served: Served, path: str, said: str) -> None:
    came = served.ask(path)
    assert came.status == 404
    assert said in html.unescape(came.text)
    for_machines = served.ask(f"/api{path.replace('/right?', '/asset?')}")
    assert for_machines.status == 404
    assert said in for_machines.json["error"]


def part_of(root: Path) -> Path:
    return root / "first/assets/part-00001.parquet"


def test_a_damaged_part_is_named_and_the_others_are_still_served(damaged: tuple[Path, Served]) -> None:
    root, it = damaged
    content = bytearray(part_of(root).read_bytes())
    content[len(content) // 2] ^= 1
    part_of(root).write_bytes(content)
    came = it.get("/api/runs/first/assets")
    assert came.status == 400
    assert came.json["error"].startswith("first: assets/part-00001.parquet: is not what was written there")
    assert it.get("/api/runs/night%2Fsecond/assets").json["total"] == 10


@pytest.mark.parametrize("name", ["assets/part-00001.parquet", "groups.parquet", "totals.arrow", "rejects.parquet"])
def test_a_file_that_is_gone_or_cut_short_is_a_sentence(damaged: tuple[Path, Served], name: str) -> None:
    root, it = damaged
    for change in (lambda: (root / "first" / name).write_bytes((root / "first" / name).read_bytes()[:50]), (root / "first" / name).unlink):
        change()
        for path in ("/runs/first", "/runs/first/search", "/runs/first/search?id=none", "/runs/first/right?id=bad"):
            came = it.get(path)
            assert "a fault of ipvalue itself" not in came.text
            assert str(root) not in came.text


def sealed(root: Path, table: pa.Table) -> None:
    """Puts another table in the place of a part, and into the manifest that it is right so."""
    pq.write_table(table, part_of(root))
    data, path = part_of(root).read_bytes(), root / "first/manifest.json"
    content = json.loads(path.read_text())
    for file in content["files"]:
        if file["name"] == "assets/part-00001.parquet":
            file |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"asset_id": ["x"], 'value" FROM rights_0; DROP TABLE rights_0; --': [1.0]}),
        pa.table({"asset_id": ["x"], "rowid": [1]}),
        pa.table({"value": [1.0]}),
        pa.table({"asset_id": [1], "value": ["x"]}),
        pa.table({"asset_id": pa.array([{"a": 1}]), "value": [1.0]}),
    ],
    ids=["injection", "names of ours", "no ids", "other types", "nested"],
)
def test_a_part_with_other_columns_is_refused(damaged: tuple[Path, Served], table: pa.Table) -> None:
    root, it = damaged
    sealed(root, table)
    came = it.get("/api/runs/first/assets")
    assert came.status == 400 or came.json["total"] in (6, 7)
    assert "a fault of ipvalue itself" not in came.text
    assert it.get("/api/runs/stress/assets").status == 200


def wait_for_evidence(it: Served, run: str, asset: str) -> Any:
    while not (found := it.get(f"/api/runs/{quote(run, safe='')}/evidence", id=asset).json).get("ready", True):
        time.sleep(0.1)
    return found


def test_evidence_is_that_of_the_command(served: Served, made: Path) -> None:
    found = wait_for_evidence(served, "first", "TM-1")
    assert found["fault"] is None
    made_here = evidence(made / "first", "TM-1")
    for name, text in made_here.files.items():
        came = served.ask(found["files"][name])
        assert came.text == text
        assert "script-src" not in came.headers["content-security-policy"]


def test_evidence_of_what_is_not_there_says_why(served: Served) -> None:
    assert "there is no right 'TM-77' in it" in wait_for_evidence(served, "first", "TM-77")["fault"]
    assert "bad was rejected" in wait_for_evidence(served, "first", "bad")["fault"]
    assert "there is evidence of rights of ipvalue value" in served.get("/api/runs/stress/evidence", id="TM-1").json["error"]


def changed(root: Path, change: Any) -> None:
    path = root / "first/manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda it: it["inputs"]["portfolio"][0].update(path="/nowhere/portfolio.parquet"),
            "its portfolio /nowhere/portfolio.parquet is not there any more",
        ),
        (lambda it: it["inputs"]["portfolio"][0].update(path="/dev/zero"), "its portfolio /dev/zero is not there any more"),
        (lambda it: it["inputs"]["portfolio"][0].update(path="http://127.0.0.1:1/x"), "and the server asks no other machine"),
        (lambda it: it["inputs"]["portfolio"][0].update(path="simplecache::http://127.0.0.1:1/x"), "and the server asks no other machine"),
        (lambda it: it["inputs"]["portfolio"][0].update(path=None), "its portfolio was a table in memory"),
        (lambda it: it["options"].update(rule="os:system"), "the server runs no code that a result names"),
    ],
    ids=["gone", "device", "url", "chained", "memory", "rule"],
)
def test_evidence_opens_and_runs_nothing_that_it_should_not(damaged: tuple[Path, Served], change: Any, said: str) -> None:
    root, it = damaged
    changed(root, change)
    came = it.get("/api/runs/first/evidence", id="TM-1")
    assert came.status == 400
    assert said in came.json["error"]


def test_a_result_that_is_replaced_while_it_is_served_is_shown_as_it_is_now(damaged: tuple[Path, Served]) -> None:
    root, it = damaged
    assert it.get("/api/runs/first/assets", id="TM-1").json["total"] == 1
    seed = it.get("/api/runs/first").json["facts"]["seed"]
    shutil.rmtree(root / "first")
    assert it.ask("/api/runs/first/assets").status in (400, 404)
    shutil.copytree(root / "night/second", root / "first")
    assert it.get("/api/runs/first").json["facts"]["seed"] != seed
    assert it.get("/api/runs/first/assets", id="TM-1").json["rows"] == it.get("/api/runs/night%2Fsecond/assets", id="TM-1").json["rows"]


def test_serving_changes_nothing_and_leaves_nothing(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = contents(made)
    with running(made) as it:
        for path in ("/", "/runs/first", "/runs/first/search", "/compare?old=first&new=night%2Fsecond", "/runs/why", "/runs/stress"):
            assert it.get(path).status == 200
        wait_for_evidence(it, "first", "TM-1")
        assert any(tmp_path.iterdir())
    assert contents(made) == before
    assert not any(tmp_path.iterdir())
