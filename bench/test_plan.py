"""What `ipvalue plan` says beside what the run then takes, each in a process of its own: CPU-seconds, seconds, peak memory, disk, on three shapes.

Many small rights, rights of every method with many groups, and a few rights with very many paths. Plan and run take turns; the median of the ratios
is told, which is to be within a quarter of 1. Seconds by the clock depend on what else the machine does between the two.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import ipvalue
from processes import usage_of
from report.tables import plan_table
from right_files import MARKET_FILE

TURNS = 5
WORKERS = 2
LEAST_SYNTHESIZED = 4_000
REGISTER_MARKET = MARKET_FILE.parents[1] / "cn_register" / "market.toml"


@dataclass(frozen=True)
class Shape:
    """A portfolio and what is asked of it."""

    title: str
    profile: str
    rights: int
    paths: int
    market: Path
    options: tuple[str, ...] = ()


SHAPES = {
    "rights": Shape("300,000 trademarks at 1,000 paths", "cn_trademarks", 300_000, 1_000, MARKET_FILE),
    "groups": Shape(
        "20,000 rights of every method at 10,000 paths, in 150 groups",
        "exchange",
        20_000,
        10_000,
        REGISTER_MARKET,
        ("--group-by", "right_type,sector"),
    ),
    "paths": Shape("20 rights at 5,000,000 paths", "exchange", 20, 5_000_000, REGISTER_MARKET),
}


def planned(*arguments: object) -> dict[str, Any]:
    """What `ipvalue plan` says."""
    command = [sys.executable, "-c", "from ipvalue.cli import main; main()", "plan", *map(str, arguments), "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def bytes_in(directory: Path) -> int:
    """What the files of a directory take together."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", SHAPES)
def test_plan(benchmark: Any, tmp_path: Path, name: str) -> None:
    shape, portfolio, out = SHAPES[name], tmp_path / "portfolio.parquet", tmp_path / "out"
    ipvalue.synthesize(max(shape.rights, LEAST_SYNTHESIZED), tmp_path / "all.parquet", shape.profile)
    everything = pq.read_table(tmp_path / "all.parquet")
    spread = everything.take(list(range(0, everything.num_rows, everything.num_rows // shape.rights)))
    pq.write_table(spread, portfolio, row_group_size=100_000)
    options = (portfolio, "--market", shape.market, "--paths", shape.paths, "--workers", WORKERS, *shape.options)
    turns: dict[str, list[tuple[float, float]]] = {"CPU-seconds": [], "seconds": [], "peak MiB": [], "disk MiB": []}

    def turn() -> None:
        shutil.rmtree(out, ignore_errors=True)
        said, took = planned(*options), usage_of("value", *options, "--out", out)
        turns["CPU-seconds"].append((said["cpu_seconds"], took.cpu))
        turns["seconds"].append((said["wall_seconds"], took.seconds))
        turns["peak MiB"].append((said["memory_bytes"] / 2**20, took.peak / 2**20))
        turns["disk MiB"].append((said["disk_bytes"] / 2**20, bytes_in(out) / 2**20))

    benchmark.pedantic(turn, rounds=TURNS, iterations=1)
    benchmark.extra_info.update(title=f"plan and run of {shape.title}", plans=turns)
    sys.stdout.write(f"\n{shape.title}\n{plan_table(turns)}")
