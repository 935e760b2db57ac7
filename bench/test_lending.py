"""Lending against a portfolio, beside its valuation alone, each a process of its own: CPU-seconds, the start of Python included; and peaks of memory.

Every right is pledged, ten to a loan, to a borrower of its own: terms of one to five years, mostly three. Nothing is pledged twice.
`IPVALUE_BENCH=full`: 100,000 loans on 10^6 rights, and a tenth of both for the memory.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from measuring import FULL, table
from processes import Command, usage_of
from right_files import market_file, written

LOANS = 100_000 if FULL else 300
PLEDGED = 10
PATHS = 10_000
TURNS = 3 if FULL else 1
MIB = 2**20


def loans_on(rights: pa.Table, path: Path) -> Path:
    """Loans on rights that follow each other, in a file: principals of about a third of a right's yearly revenue each."""
    number = rights.num_rows // PLEDGED
    random = np.random.default_rng(1)
    revenue = rights["revenue"].to_numpy().reshape(number, PLEDGED).sum(axis=1)
    ids = rights["asset_id"].combine_chunks()
    columns = {
        "loan_id": [f"L{i:07d}" for i in range(number)],
        "borrower_id": [f"B{i:07d}" for i in range(number)],
        "asset_ids": pa.ListArray.from_arrays(pa.array(np.arange(0, rights.num_rows + 1, PLEDGED, dtype=np.int32)), ids),
        "principal": np.round(revenue * random.uniform(0.1, 0.5, number), 2),
        "rate": random.uniform(0.035, 0.06, number),
        "term": random.choice([1.0, 2.0, 3.0, 4.0, 5.0], number, p=[0.2, 0.2, 0.4, 0.1, 0.1]),
        "amortisation": random.choice(["bullet", "level", "annuity"], number),
        "pd": random.uniform(0.005, 0.06, number),
        "sector": rights["sector"].take(pa.array(np.arange(0, rights.num_rows, PLEDGED))),
        "programme": random.choice(["zhongshan", "zhuhai", "shenzhen"], number),
        "unsecured_rate": np.full(number, 0.08),
        "guarantee_fee": np.full(number, 0.01),
        "liquidation_discount": np.full(number, 0.3),
        "liquidation_lag": np.full(number, 1.0),
    }
    pq.write_table(pa.table(columns), path)
    return path


def test_lending(benchmark: Any, tmp_path: Path) -> None:
    rights, market, out = written("reference", LOANS * PLEDGED, tmp_path), market_file("reference", tmp_path), tmp_path / "out"
    loans = loans_on(pq.read_table(rights), tmp_path / "loans.parquet")
    cases = {
        "the rights valued": Command("value", (rights, "--market", market, "--out", out)),
        "lent against": Command("lend", (loans, "--portfolio", rights, "--market", market, "--out", out)),
    }

    lent_against = cases["lent against"]
    usage_of(lent_against.name, *lent_against.arguments, "--paths", 100)  # what Numba compiles is kept for the turns

    def turn() -> None:
        for case in cases.values():
            case.turn(PATHS)

    benchmark.pedantic(turn, rounds=TURNS, iterations=1)
    recorded = {name: {"amount": LOANS * PLEDGED, "cpu": case.cpu, "wall": case.wall} for name, case in cases.items()}
    title = f"{LOANS:,} loans on {LOANS * PLEDGED:,} rights at {PATHS:,} paths"
    benchmark.extra_info.update(title=title, unit="rights", against="the rights valued", cases=recorded)
    sys.stdout.write(table(benchmark.extra_info))
    valued, lent = (statistics.median(case.cpu) for case in cases.values())
    sys.stdout.write(f"valued {valued:.2f}, lent against {lent:.2f} CPU-seconds: {lent / valued:.2f} times\n")


POLICIES = """\
[policy.values.loan_to_value]
invention_patent = 0.25
[policy.all]
expected_loss = 0.02
coverage = 1.2
loan_to_value = { invention_patent = 0.25 }
terms = { rate = 0.05, term = 3.0, pd = 0.03, amortisation = "level" }
"""


def test_largest(benchmark: Any, tmp_path: Path) -> None:
    """How much may be lent on every right, by its value alone and by expected loss and coverage too, beside the valuation."""
    rights, market, out = written("reference", LOANS * PLEDGED, tmp_path), market_file("reference", tmp_path), tmp_path / "out"
    (tmp_path / "policies.toml").write_text(POLICIES)
    common = ("--market", market, "--out", out)
    asked = ("--largest", "--portfolio", rights, "--policies", tmp_path / "policies.toml", *common)
    cases = {
        "the rights valued": Command("value", (rights, *common)),
        "lendable by value": Command("lend", (*asked, "--policy", "values")),
        "lendable by all limits": Command("lend", (*asked, "--policy", "all")),
    }
    kept = cases["lendable by all limits"]
    usage_of(kept.name, *kept.arguments, "--paths", 100)  # what Numba compiles is kept for the turns

    def turn() -> None:
        for case in cases.values():
            case.turn(PATHS)

    benchmark.pedantic(turn, rounds=TURNS, iterations=1)
    recorded = {name: {"amount": LOANS * PLEDGED, "cpu": case.cpu, "wall": case.wall} for name, case in cases.items()}
    title = f"How much may be lent on {LOANS * PLEDGED:,} rights at {PATHS:,} paths"
    benchmark.extra_info.update(title=title, unit="rights", against="the rights valued", cases=recorded)
    sys.stdout.write(table(benchmark.extra_info))


def test_memory_of_lending(benchmark: Any, tmp_path: Path) -> None:
    """Ten times the loans at a tenth of the paths: the tables of loans alone should grow."""
    market, peaks = market_file("reference", tmp_path), {}

    def turn() -> None:
        for number in (LOANS // 10, LOANS):
            rights = written("reference", number * PLEDGED, tmp_path)
            loans = loans_on(pq.read_table(rights), tmp_path / f"loans-{number}.parquet")
            used = usage_of(
                "lend", loans, "--portfolio", rights, "--market", market, "--out", tmp_path / "out", "--paths", PATHS // 10, "--overwrite"
            )
            peaks[number] = used.peak

    benchmark.pedantic(turn, rounds=1, iterations=1)
    for number, peak in peaks.items():
        sys.stdout.write(f"{number:10,} loans: {peak / MIB:,.0f} MiB at most\n")
