"""Searches among many results by `ipvalue serve`, asked over HTTP as a browser asks: seconds until the answer is there, and the server's CPU-seconds.

The results are made up (`made_results.py`). The index is made first, which is told; each search is then asked over and over for different rights.
`IPVALUE_BENCH=full`: 10^7 rights.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np
import psutil

from made_results import asset_id, made_up_result
from measuring import FULL
from report.tables import search_table

RESULTS = 10_000_000 if FULL else 500_000
TURNS = 31 if FULL else 11
ABSENT = "no such right"


class Served:
    """A server in a process of its own."""

    def __init__(self, address: str, process: subprocess.Popen[str]) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=600)
        self._process = psutil.Process(process.pid)

    def get(self, path: str) -> dict[str, Any]:
        self._connection.request("GET", path)
        found: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return found

    def cpu(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> int:
        return int(self._process.memory_info().rss)


@contextmanager
def served(root: Path) -> Iterator[Served]:
    command = [sys.executable, "-c", "from ipvalue.cli import main; main()", "serve", str(root), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Served(process.stdout.readline().split()[0], process)
        process.terminate()


def searches(turn: int) -> dict[str, dict[str, object]]:
    """What is asked for in a turn, by name; each turn for another right."""
    one = asset_id(int(np.random.default_rng(turn).integers(RESULTS)))
    return {
        "whole id": {"id": one},
        "beginning of ids": {"id": one[:-3]},
        "part of an id": {"id": one[-5:], "match": "contains"},
        "id that is not there": {"id": f"{ABSENT} {turn}"},
        "greatest values": {},
        "condition and order": {"column": "value", "op": "ge", "than": 1e6 + turn, "sort": "q05"},
    }


def test_serve(benchmark: Any, tmp_path: Path) -> None:
    result = made_up_result(RESULTS, tmp_path / "results")
    took: dict[str, dict[str, list[float]]] = {name: {"cpu": [], "wall": []} for name in searches(0)}
    with served(result.parent) as server:
        began = time.perf_counter()
        while not server.get(f"/api/runs/{result.name}/index")["ready"]:
            time.sleep(0.1)
        made, cpu = time.perf_counter() - began, server.cpu()
        turns = iter(range(TURNS + 1))

        def turn(measured: bool = True) -> None:
            for name, asked in searches(next(turns)).items():
                before, started = server.cpu(), time.perf_counter()
                found = server.get(f"/api/runs/{result.name}/assets?{urlencode(asked)}")
                seconds = time.perf_counter() - started
                assert bool(found["total"]) == (name != "id that is not there")
                if measured:
                    took[name]["wall"].append(seconds)
                    took[name]["cpu"].append(server.cpu() - before)

        turn(measured=False)
        benchmark.pedantic(turn, rounds=TURNS, iterations=1)
        memory = server.memory()
    title = f"searches among {RESULTS:,} results, made up and indexed in {made:.1f} s"
    benchmark.extra_info.update(title=title, searches=took)
    sys.stdout.write(f"\n{title} ({cpu:.1f} CPU-seconds); {memory / 2**30:.2f} GiB resident\n")
    sys.stdout.write(search_table(took))
