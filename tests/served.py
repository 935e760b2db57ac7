"""A root with results in it, and a server over it in this process, asked over HTTP."""

from __future__ import annotations

import asyncio
import http.client
import json
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow.parquet as pq
from commandline import MARKET, ROW, table

import ipvalue as iv
from ipvalue.serve.app import Server

NAMES = [f"TM-{number}" for number in range(6)] + ["P/7", "年-8", "TM-10", "tm-99"]


def rows() -> list[dict[str, Any]]:
    """Ten rights, their revenues in no order, and one that is set aside."""
    sectors = ("software", "pharma")
    found = [{**ROW, "asset_id": name, "sector": sectors[i % 2], "revenue": 1e6 * (1 + 7 * i % 11)} for i, name in enumerate(NAMES)]
    return [*found, {**ROW, "asset_id": "bad", "revenue": -1.0}]


def make_root(folder: Path) -> Path:
    """results/ with two valuations, scenarios and an explanation; their portfolio and market beside it."""
    (folder / "market.toml").write_text(MARKET)
    pq.write_table(table(rows()), folder / "portfolio.parquet")
    root = folder / "results"
    options = {"market": folder / "market.toml", "paths": 64, "group_by": ["sector"], "rows_per_task": 4, "workers": 1}
    iv.value(folder / "portfolio.parquet", out=root / "first", **options)
    iv.value(folder / "portfolio.parquet", out=root / "night/second", **{**options, "premise": "orderly", "seed": 2})
    iv.scenarios(folder / "portfolio.parquet", library=["all"], out=root / "stress", **{**options, "paths": 16})
    iv.explain(root / "first", root / "night/second", out=root / "why")
    return root


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class Served:
    """A server that runs, and what asks it."""

    def __init__(self, server: Server, link: str) -> None:
        self.server, self.link = server, link
        self.base = f"http://127.0.0.1:{server.guard.port}"

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """One request, as it stands: no path is tidied."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.guard.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers=named)
            came = connection.getresponse()
            return Answer(came.status, {name.lower(): value for name, value in came.getheaders()}, came.read())
        finally:
            connection.close()

    def get(self, path: str, **parameters: object) -> Answer:
        """An answer that is there: while an index is made, it is asked for again."""
        asked = path + (f"?{urlencode(parameters, doseq=True)}" if parameters else "")
        while (came := self.ask(asked)).status == 202 or "data-wait" in came.text:
            time.sleep(0.05)
        return came


@contextmanager
def running(root: Path, host: str = "127.0.0.1", language: str = "en") -> Iterator[Served]:
    """A server over a root, on a thread of its own."""
    server = Server(root, host, 0, language, "128MiB")
    links: queue.Queue[str] = queue.Queue()
    loops: queue.Queue[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def run() -> None:
        stop = asyncio.Event()
        loops.put((asyncio.get_running_loop(), stop))
        await server.run(links.put, stop)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    loop, stop = loops.get(timeout=30)
    try:
        yield Served(server, links.get(timeout=30))
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        assert not thread.is_alive()
