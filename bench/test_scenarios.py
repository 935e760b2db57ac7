"""Scenarios in one pass, beside the base run alone and beside as many runs, each a process of its own: CPU-seconds, the start of Python included.

A hundred scenarios that move the vectors alone: a grid of royalties, revenues and discount rates. `IPVALUE_BENCH=full`: 100,000 rights.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ipvalue.cashflows import join, take
from ipvalue.stopping import add_boundaries
from measuring import FULL, Case, table
from processes import Command
from right_files import Kind, market_file, ready, versions, written

RIGHTS = 100_000 if FULL else 500
PATHS = 10_000
TURNS = 3 if FULL else 1
SCENARIOS = 100
GIVEN_UP = 10_000 if FULL else 500
SOLVED = 200
"""Rights that may be given up, and of how many the boundaries are solved in memory, for all versions of them."""
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
        "batch means": Command("scenarios", (rights, grid, "--statistics", "batch-means", *common)),
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


def test_boundaries_solved_again(benchmark: Any, tmp_path: Path) -> None:
    """Rights that may be given up have a boundary for each scenario, which is solved again: the part of the whole that this takes, told apart."""
    plain, market, grid = written("reference", GIVEN_UP, tmp_path), market_file("reference", tmp_path), tmp_path / "scenarios.toml"
    grid.write_text(GRID)
    rights = tmp_path / "given up.parquet"
    table_of_rights = pq.read_table(plain)
    pq.write_table(table_of_rights.append_column("renewal", pa.repeat("optimal", table_of_rights.num_rows)), rights)
    common = ("--market", market, "--out", tmp_path / "out")
    base = Command("value", (rights, *common))
    means = Command("scenarios", (rights, grid, "--statistics", "mean", *common))
    found = ready("reference", rights, PATHS, tmp_path)
    many = versions(take(join([vectors for vectors, _ in found.chunks]), np.arange(SOLVED)), 1 + SCENARIOS)
    solving = Case(lambda: add_boundaries(many), SOLVED)

    def turn() -> None:
        base.turn(PATHS)
        means.turn(PATHS)
        solving.turn()

    benchmark.pedantic(turn, rounds=TURNS, iterations=1)
    again = [seconds * GIVEN_UP / SOLVED for seconds in solving.cpu]
    cpu = {"the base alone": base.cpu, "means": means.cpu, "boundaries solved again": again}
    wall = {"the base alone": base.wall, "means": means.wall, "boundaries solved again": again}
    recorded = {name: {"amount": GIVEN_UP, "cpu": cpu[name], "wall": wall[name]} for name in cpu}
    title = f"{SCENARIOS} scenarios of {GIVEN_UP:,} rights that may be given up, at {PATHS:,} paths"
    benchmark.extra_info.update(title=title, unit="rights", against="the base alone", cases=recorded)
    sys.stdout.write(table(benchmark.extra_info))
    for name, seconds in cpu.items():
        sys.stdout.write(f"{name:24}{statistics.median(seconds):8.2f} CPU-seconds\n")
    one = statistics.median(solving.cpu) / SOLVED / (1 + SCENARIOS)
    sys.stdout.write(f"{'a boundary':24}{1e6 * one:8.1f} CPU-microseconds, {SOLVED} rights under all scenarios\n")
