"""Whole runs, from a file of rows to files of results: beside the kernel alone on the same rows, by assets, by workers; and the memory they take.

By assets and for memory the rows are the synthetic trademarks at so few paths that the rows are what costs. `IPVALUE_BENCH=full` goes to 10^7 rights.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import ipvalue
from ipvalue.simulate import simulate
from measuring import FULL, Case, table, take_turns
from rights import MARKET, YEARS, appraiser, batch, vectors
from workload import PATHS

MARKET_FILE = Path(__file__).resolve().parents[1] / "examples" / "cn_trademarks" / "market.toml"
ASSETS = 16_000 if FULL else 4_000
FEW_PATHS = 16
SIZES = (1_000, 10_000, 100_000, 1_000_000) + ((10_000_000,) if FULL else ())
MEMORY_SIZES = (10_000, 100_000) + ((1_000_000, 10_000_000) if FULL else ())
FEWEST_TURNS = 5


def run(portfolio: Path, out: Path, market: object, paths: int, workers: int = 1) -> Callable[[], None]:
    """A function that values a file into a directory."""

    def work() -> None:
        ipvalue.value(portfolio, market=market, out=out, overwrite=True, paths=paths, precision="single", workers=workers)

    return work


def synthetic(folder: Path, assets: int) -> Path:
    """A file of so many synthetic trademarks, made once."""
    path = folder / f"{assets}.parquet"
    if not path.exists():
        ipvalue.synthesize(assets, path)
    return path


def reference(folder: Path) -> tuple[pa.RecordBatch, Path]:
    """ASSETS rights of ten years, and the file of them."""
    rows, path = batch({}, ASSETS), folder / "rights.parquet"
    pq.write_table(pa.Table.from_batches([rows]), path)
    return rows, path


def test_whole_run_beside_its_kernel(benchmark: Any, tmp_path: Path) -> None:
    rows, path = reference(tmp_path)
    values = appraiser()
    ready = vectors(rows, values)
    amount = ASSETS * PATHS * YEARS
    cases = {
        "kernel alone": Case(lambda: simulate(ready, values.factors, values.sampling, None, None), amount),
        "file to files": Case(run(path, tmp_path / "out", MARKET, PATHS), amount),
    }
    take_turns(benchmark, f"whole run of {ASSETS:,} rights at {PATHS:,} paths, beside the kernel alone", cases, against="kernel alone")


def test_workers(benchmark: Any, tmp_path: Path) -> None:
    _, path = reference(tmp_path)
    counts = sorted({1, 2, os.cpu_count() or 1})
    amount = ASSETS * PATHS * YEARS
    cases = {f"{n} {'worker' if n == 1 else 'workers'}": Case(run(path, tmp_path / f"out-{n}", MARKET, PATHS, n), amount) for n in counts}
    take_turns(benchmark, f"whole run of {ASSETS:,} rights by workers", cases, against="1 worker")
    sys.stdout.write(table(benchmark.extra_info, "wall"))


def test_assets(benchmark: Any, tmp_path: Path) -> None:
    cases = {f"{size:,} rights": Case(run(synthetic(tmp_path, size), tmp_path / f"out-{size}", MARKET_FILE, FEW_PATHS), size) for size in SIZES}
    take_turns(benchmark, f"whole run by rights, {FEW_PATHS} paths", cases, unit="rights", turns=FEWEST_TURNS)


def peak_bytes(*arguments: object) -> int:
    """Peak resident memory of a run in a process of its own."""
    command = [sys.executable, "-c", "from ipvalue.cli import main; main()", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def test_memory(benchmark: Any, tmp_path: Path) -> None:
    peaks: dict[str, list[int]] = {f"{size:,} rights": [] for size in MEMORY_SIZES}

    def turn() -> None:
        for name, size in zip(peaks, MEMORY_SIZES, strict=True):
            options = ("--market", MARKET_FILE, "--paths", FEW_PATHS, "--workers", 1, "--overwrite", "--out", tmp_path / "out")
            peaks[name].append(peak_bytes("value", synthetic(tmp_path, size), *options))

    for size in MEMORY_SIZES:
        synthetic(tmp_path, size)
    benchmark.pedantic(turn, rounds=FEWEST_TURNS, iterations=1)
    benchmark.extra_info.update(title="peak memory of a run's process", peaks=peaks)
    sys.stdout.write("\npeak memory of a run's process\n")
    for name, found in peaks.items():
        sys.stdout.write(f"{name:20}{statistics.median(found) / 2**20:8.0f} MiB   ({min(found) / 2**20:.0f} to {max(found) / 2**20:.0f})\n")
