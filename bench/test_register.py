"""China's 30,173,000 trademarks of the end of 2020, synthesized and valued on two workers; and what 10,000 paths would take, from a slice of them.

Each command is a process of its own. The files stand in pytest's temporary folder and are deleted; `ARGS=--basetemp=FOLDER` chooses another, which is
emptied first. The short run takes a hundredth of the rows.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from measuring import FULL
from processes import usage_of
from right_files import MARKET_FILE

PROFILE = "cn_trademarks"
REGISTER = 30_173_000
ROWS = REGISTER if FULL else REGISTER // 100
SLICE = 3_000_000 if FULL else 300_000
PATHS, SLICE_PATHS = 256, 10_000
WORKERS = 2
BYTES_A_ROW = 150
"""Of files and results together, on the safe side."""


def bytes_in(path: Path) -> int:
    """What a file, or all the files of a directory, take on the disk."""
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())


def made(rows: int, out: Path) -> dict[str, Any]:
    """Synthesizes so many rights: the command, what it took, the file's bytes."""
    command = ["synthesize", "--profile", PROFILE, "--assets", str(rows), "--out", str(out)]
    return {"step": f"synthesize {rows:,} rights", "rows": rows, **asdict(usage_of(*command)), "disk": bytes_in(out)}


def valued(rows: int, portfolio: Path, out: Path, paths: int, sampler: str) -> dict[str, Any]:
    """Values a file: the same."""
    options = ("--market", MARKET_FILE, "--paths", paths, "--sampler", sampler, "--workers", WORKERS, "--overwrite", "--out", out)
    found = usage_of("value", portfolio, *options)
    return {"step": f"value {rows:,} rights at {paths:,} {sampler} paths", "rows": rows, **asdict(found), "disk": bytes_in(out)}


def test_register(benchmark: Any, tmp_path: Path) -> None:
    free, needed = shutil.disk_usage(tmp_path).free, BYTES_A_ROW * max(ROWS, SLICE)
    if free < needed:
        pytest.skip(f"{free / 2**30:.1f} GiB are free in {tmp_path} and {needed / 2**30:.1f} wanted: another folder by ARGS=--basetemp=FOLDER")
    file, out = tmp_path / "register.parquet", tmp_path / "out"
    steps: list[dict[str, Any]] = []

    def both(rows: int, paths: int, sampler: str) -> None:
        for step in (partial(made, rows, file), partial(valued, rows, file, out, paths, sampler)):
            one = step()
            steps.append(one)
            told = f"{one['seconds']:.0f} s, {one['cpu']:.0f} CPU-seconds, peak {one['peak'] / 2**20:,.0f} MiB, disk {one['disk'] / 2**20:,.0f} MiB"
            sys.stdout.write(f"\n{one['step']}: {told}\n")
        file.unlink()
        shutil.rmtree(out)

    def work() -> None:
        both(ROWS, PATHS, "sobol")
        both(SLICE, SLICE_PATHS, "random")

    benchmark.pedantic(work, rounds=1, iterations=1)
    title = f"{ROWS:,} trademarks on {WORKERS} workers"
    benchmark.extra_info.update(title=title, register={"steps": steps, "rows": REGISTER, "workers": WORKERS})
