"""The command `ipvalue serve`: what it prints, refuses, and how it ends."""

from __future__ import annotations

import http.client
import importlib.util
import json
import signal
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from commandline import beside, run, value

pytest.importorskip("duckdb")
pytest.importorskip("tornado")
pytest.importorskip("bokeh")


def asked(link: str, path: str) -> Any:
    connection = http.client.HTTPConnection(urlsplit(link).netloc, timeout=30)
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_a_link_answers_and_stops_when_told(here: Path, end: signal.Signals) -> None:
    assert value("portfolio.parquet", out="results/first").code == 0
    process = beside("serve", "results", "--port", 0)
    assert process.stdout is not None
    link, said = process.stdout.readline().split(maxsplit=1)
    assert said.strip() == "(Ctrl-C stops it)"
    assert [one["name"] for one in asked(link, "/api/runs")["runs"]] == ["first"]
    process.send_signal(end)
    rest, errors = process.communicate(timeout=30)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_beyond_loopback_the_link_has_a_token(here: Path) -> None:
    process = beside("serve", ".", "--host", "0.0.0.0", "--port", 0)
    assert process.stdout is not None
    link = process.stdout.readline().split()[0]
    connection = http.client.HTTPConnection(urlsplit(link).netloc, timeout=30)
    connection.request("GET", f"/?{urlsplit(link).query}")
    came = connection.getresponse()
    process.terminate()
    process.communicate(timeout=30)
    assert urlsplit(link).hostname != "0.0.0.0"
    assert len(link.partition("?token=")[2]) >= 40
    assert (came.status, came.headers["Location"]) == (303, "/")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "nowhere: there is no such directory"),
        (("portfolio.parquet",), "portfolio.parquet: is a file: name a directory of results"),
        (("s3://bucket/results",), "s3://bucket/results: is no directory of this machine: copy the results here"),
        ((".", "--port", "70000"), "port is 70000: it must be at least 0 and at most 65535"),
        ((".", "--host", "no.such.host.invalid"), "host is 'no.such.host.invalid': it must be an address of this machine, as 127.0.0.1 or 0.0.0.0"),
        ((".", "--host", "192.0.2.1"), "port 8765 of 192.0.2.1 is at no address of this machine: name another --host"),
        ((".", "--language", "fr"), "language is 'fr': it must be en or zh"),
        ((".", "--memory", "much"), "memory: 'much' must be a size such as 8GiB or 500MB"),
        ((".", "--memory", "1MB"), "memory: 1MB is too little for an index: give at least 64 MiB"),
    ],
)
def test_what_cannot_be_served_is_refused(here: Path, arguments: tuple[str, ...], said: str) -> None:
    ran = run("serve", *arguments)
    assert ran.code == 2
    assert ran.sentence.startswith(said)


def test_a_port_that_is_taken_is_named(here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run("serve", ".", "--port", port).sentence == f"port {port} of 127.0.0.1 is in use: name another --port, or 0 for a free one"


def test_what_is_not_installed_is_named_with_the_extra_that_brings_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("ipvalue.serve.needs.find_spec", lambda name: None if name in ("duckdb", "tornado") else find(name))
    ran = run("serve", ".")
    assert (ran.code, ran.sentence) == (2, "serve needs duckdb and tornado, which are not installed: pip install 'ipvalue[serve]'")
