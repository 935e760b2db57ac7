"""The page of a valuation's result: seconds, CPU-seconds and peak memory of `ipvalue report`, a process of its own, and the page's bytes.

The result is of synthetic trademarks at few paths, a million in the full run; what the page takes grows with the rights and hardly with their paths.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from measuring import FULL
from processes import usage_of
from right_files import MARKET_FILE

ROWS = 1_000_000 if FULL else 20_000
PATHS = 200
TURNS = 5 if FULL else 1


def test_report(benchmark: Any, tmp_path: Path) -> None:
    file, out, page = tmp_path / "register.parquet", tmp_path / "out", tmp_path / "report.html"
    usage_of("synthesize", "--profile", "cn_trademarks", "--assets", ROWS, "--out", file)
    usage_of("value", file, "--market", MARKET_FILE, "--paths", PATHS, "--group-by", "sector", "--workers", 2, "--out", out)
    turns: list[dict[str, Any]] = []

    def work() -> None:
        turns.append({**asdict(usage_of("report", out, "--out", page)), "bytes": page.stat().st_size})
        one = turns[-1]
        told = f"{one['seconds']:.1f} s, {one['cpu']:.1f} CPU-seconds, peak {one['peak'] / 2**20:,.0f} MiB, {one['bytes'] / 1e6:.2f} MB"
        sys.stdout.write(f"\nreport of {ROWS:,} rights: {told}\n")

    benchmark.pedantic(work, rounds=TURNS, iterations=1)
    benchmark.extra_info.update(title=f"The report of {ROWS:,} rights", pages={"rows": ROWS, "turns": turns})
