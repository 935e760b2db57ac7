"""What it costs a run that it can be gone on with: the same run with its journal and without, turn by turn, and the seconds that go into the journal.

The difference of two turns is lost in what a shared machine does meanwhile, so the share of the run's own seconds that its journal took is told too.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ipvalue
from ipvalue.journal import Journal
from measuring import FULL, Case, table, take_turns
from right_files import MARKETS, Kind, written

SHAPES: dict[str, tuple[Kind, int, int, int]] = {
    "no groups": ("cn_trademarks", 300_000 if FULL else 100_000, 1_000, 0),
    "1,000 groups": ("reference", 100_000 if FULL else 20_000, 10_000, 1_000),
}
"""By name: kind, rights, paths, groups."""
TURNS = 5


def grouped(path: Path, groups: int) -> tuple[str, ...]:
    """Puts the rights of a file into so many groups of equal size, and gives the column that says which."""
    if not groups:
        return ()
    rights = pq.read_table(path)
    names = pa.array([f"group {i % groups}" for i in range(rights.num_rows)])
    pq.write_table(rights.append_column("owner_province", names), path)
    return ("owner_province",)


def run(portfolio: Path, out: Path, options: dict[str, Any], journal: bool, shares: list[float]) -> Callable[[], None]:
    """A function that values a file into a directory and notes which share of its seconds the journal took."""

    def work() -> None:
        taken = 0.0
        write = Journal.write

        def timed(self: Journal) -> None:
            nonlocal taken
            begun = time.perf_counter()
            if journal:
                write(self)
            taken += time.perf_counter() - begun

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Journal, "write", timed)
            begun = time.perf_counter()
            ipvalue.value(portfolio, out=out, overwrite=True, workers=1, **options)
            shares.append(taken / (time.perf_counter() - begun))

    return work


@pytest.mark.parametrize("shape", SHAPES)
def test_journal(benchmark: Any, tmp_path: Path, shape: str) -> None:
    kind, rights, paths, groups = SHAPES[shape]
    portfolio = written(kind, rights, tmp_path)
    options = {"market": MARKETS[kind], "paths": paths, "group_by": grouped(portfolio, groups)}
    shares: dict[bool, list[float]] = {True: [], False: []}
    works = {journal: run(portfolio, tmp_path / f"out-{journal}", options, journal, shares[journal]) for journal in (False, True)}
    cases = {"without a journal": Case(works[False], rights), "with its journal": Case(works[True], rights)}
    title = f"a run that can be gone on with: {rights:,} rights ({kind}) at {paths:,} paths, {shape}"
    take_turns(benchmark, title, cases, unit="rights", against="without a journal", turns=TURNS)
    sys.stdout.write(table(benchmark.extra_info, "wall"))
    sys.stdout.write(f"the journal takes {statistics.median(shares[True][1:]):.2%} of the run's seconds (at most {max(shares[True][1:]):.2%})\n")
