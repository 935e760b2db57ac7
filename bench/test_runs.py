"""Whole runs, from a file of rows to files of results: beside the kernel alone on the same rows, by workers, by rights; and the memory they take.

By rights and for memory the rows are the synthetic trademarks at so few paths that the rows are what costs. `IPVALUE_BENCH=full` goes to 10^7 rights.
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ipvalue
from measuring import FULL, Case, table, take_turns
from processes import usage_of
from right_files import MARKET_FILE, MARKETS, Kind, ready, written
from workload import PATHS, YEARS

TURNS = 5
BESIDE: dict[tuple[Kind, int], int] = {
    ("reference", 1_000): 1_000_000 if FULL else 50_000,
    ("reference", 10_000): 200_000 if FULL else 8_000,
    ("cn_trademarks", 1_000): 1_000_000 if FULL else 50_000,
    ("cn_trademarks", 10_000): 100_000 if FULL else 8_000,
}
"""Rights by kind and paths, so many that a turn takes some seconds."""
ASSETS = 64_000 if FULL else 8_000
FEW_PATHS = 16
SIZES = (1_000, 10_000, 100_000) + ((1_000_000, 10_000_000) if FULL else ())
MEMORY_SIZES = (10_000, 100_000) + ((1_000_000, 10_000_000) if FULL else ())
MEMORY_TURNS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the portfolios stand that several measurements share."""
    return tmp_path_factory.mktemp("portfolios")


def run(portfolio: Path, out: Path, market: object, paths: int, workers: int = 1) -> Callable[[], None]:
    """A function that values a file into a directory."""

    def work() -> None:
        ipvalue.value(portfolio, market=market, out=out, overwrite=True, paths=paths, precision="single", workers=workers)

    return work


@pytest.mark.parametrize(("kind", "paths"), BESIDE)
def test_whole_run(benchmark: Any, tmp_path: Path, kind: Kind, paths: int) -> None:
    path = written(kind, BESIDE[kind, paths], tmp_path)
    alone = ready(kind, path, paths, tmp_path)
    cases = {
        "kernel alone": Case(alone.simulate, alone.path_years),
        "file to files": Case(run(path, tmp_path / "out", MARKETS[kind], paths), alone.path_years),
    }
    title = f"whole run of {BESIDE[kind, paths]:,} rights ({kind}) at {paths:,} paths"
    take_turns(benchmark, title, cases, against="kernel alone", turns=TURNS)


def test_workers(benchmark: Any, tmp_path: Path) -> None:
    path = written("reference", ASSETS, tmp_path)
    counts = sorted({1, 2, os.cpu_count() or 1})
    amount = ASSETS * PATHS * YEARS
    works = {n: run(path, tmp_path / f"out-{n}", MARKETS["reference"], PATHS, n) for n in counts}
    cases = {f"{n} {'worker' if n == 1 else 'workers'}": Case(work, amount) for n, work in works.items()}
    take_turns(benchmark, f"whole run of {ASSETS:,} rights (reference) at {PATHS:,} paths by workers", cases, against="1 worker", turns=TURNS)
    sys.stdout.write(table(benchmark.extra_info, "wall"))


def test_assets(benchmark: Any, folder: Path, tmp_path: Path) -> None:
    paths = {size: written("cn_trademarks", size, folder) for size in SIZES}
    cases = {f"{size:,} rights": Case(run(path, tmp_path / f"out-{size}", MARKET_FILE, FEW_PATHS), size) for size, path in paths.items()}
    take_turns(benchmark, f"whole run by rights, {FEW_PATHS} paths", cases, unit="rights", turns=TURNS)


def test_memory(benchmark: Any, folder: Path, tmp_path: Path) -> None:
    paths = {size: written("cn_trademarks", size, folder) for size in MEMORY_SIZES}
    peaks: dict[str, list[int]] = {f"{size:,} rights": [] for size in MEMORY_SIZES}
    options = ("--market", MARKET_FILE, "--paths", FEW_PATHS, "--workers", 1, "--overwrite", "--out", tmp_path / "out")

    def turn() -> None:
        for size, path in paths.items():
            peaks[f"{size:,} rights"].append(usage_of("value", path, *options).peak)

    benchmark.pedantic(turn, rounds=MEMORY_TURNS, iterations=1)
    benchmark.extra_info.update(title="peak memory of a run's process", peaks=peaks)
    sys.stdout.write("\npeak memory of a run's process\n")
    for name, found in peaks.items():
        sys.stdout.write(f"{name:20}{statistics.median(found) / 2**20:8.0f} MiB   ({min(found) / 2**20:.0f} to {max(found) / 2**20:.0f})\n")
