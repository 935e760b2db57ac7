"""Scenarios in one pass, beside the base run alone and beside as many runs, each a process of its own: CPU-seconds, the start of Python included.

A hundred scenarios that move the vectors alone: a grid of royalties, revenues and discount rates. `IPVALUE_BENCH=full`: 100,000 rights.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

import pytest

from measuring import FULL, table
from processes import Command
from right_files import Kind, market_file, written

RIGHTS = 100_000 if FULL else 500
PATHS = 10_000
TURNS = 3 if FULL else 1
SCENARIOS = 100
GRID = """\
[[grid]]
name = "what if"
axes = {royalty_rate = [0.7, 0.8, 0.9, 1.1], revenue = [0.8, 0.9, 1.0, 1.1, 1.2], discount = [-100, -50, 0, 50, 100]}
"""


@pytest.mark.parametrize("kind", ["reference", "cn_trademarks"])
def test_scenarios(benchmark: Any, tmp_path: Path, kind: Kind) -> None:
    rights, market, grid = written(kind, RIGHTS, tmp_path), market_file(kind, tmp_path), tmp_path / "scenarios.toml"
    grid.write_text(GRID)
    common = ("--market", market, "--out", tmp_path / "out")
    cases = {
        "the base alone": Command("value", (rights, *common)),
        "means": Command("scenarios", (rights, grid, "--statistics", "mean", *common)),
        "all statistics": Command("scenarios", (rights, grid, *common)),
    }

    def turn() -> None:
        for case in cases.values():
            case.turn(PATHS)

    benchmark.pedantic(turn, rounds=TURNS, iterations=1)
    recorded = {name: {"amount": RIGHTS, "cpu": case.cpu, "wall": case.wall} for name, case in cases.items()}
    title = f"{SCENARIOS} scenarios of {RIGHTS:,} rights ({kind}) at {PATHS:,} paths"
    benchmark.extra_info.update(title=title, unit="rights", against="the base alone", cases=recorded)
    sys.stdout.write(table(benchmark.extra_info))
    base = statistics.median(cases["the base alone"].cpu)
    for name, case in cases.items():
        cpu = statistics.median(case.cpu)
        against = f", {cpu / base:.2f} times the base, {(1 + SCENARIOS) * base / cpu:.1f} times less than as many runs"
        of_runs = "" if case is cases["the base alone"] else against
        sys.stdout.write(f"{name:16}{cpu:8.2f} CPU-seconds{of_runs}\n")
