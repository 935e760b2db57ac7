"""A run since an earlier result, beside a run of everything, each a process of its own: CPU-seconds, the start of Python included.

A hundredth of the rights has another revenue, here and there or all in one place; or nothing has changed. `IPVALUE_BENCH=full`: 10^6 rights.
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

from measuring import FULL, table
from processes import Command
from right_files import Kind, market_file, written

RIGHTS = 1_000_000 if FULL else 50_000
PATHS = 10_000
TURNS = 3
NOTHING = "nothing"
CHANGES = ("here and there", "in one place", NOTHING)
SHARE = 100
"""One right in so many is changed."""


def edition(rights: pa.Table, change: str, path: Path) -> Path:
    """The rights with what changed, in a file."""
    rows = rights.num_rows
    changed = np.zeros(rows, np.bool_)
    if change == "here and there":
        changed[np.random.default_rng(1).permutation(rows)[: rows // SHARE]] = True
    elif change == "in one place":
        changed[rows // 2 : rows // 2 + rows // SHARE] = True
    revenue = rights["revenue"].to_numpy(zero_copy_only=False).copy()
    revenue[changed] *= 1.1
    pq.write_table(rights.set_column(rights.schema.get_field_index("revenue"), "revenue", pa.array(revenue)), path)
    return path


@pytest.mark.parametrize("kind", ["reference", "cn_trademarks"])
def test_since(benchmark: Any, tmp_path: Path, kind: Kind) -> None:
    rights, market = pq.read_table(written(kind, RIGHTS, tmp_path)).combine_chunks(), market_file(kind, tmp_path)
    before, after = tmp_path / "before", tmp_path / "after"
    cases = {"everything": Command("value", (edition(rights, NOTHING, tmp_path / "before.parquet"), "--market", market, "--out", before))}
    for number, change in enumerate(CHANGES):
        path = edition(rights, change, tmp_path / f"{number}.parquet")
        cases[change] = Command("value", (path, "--market", market, "--since", before, "--out", after))

    def turn() -> None:
        for case in cases.values():
            case.turn(PATHS)

    benchmark.pedantic(turn, rounds=TURNS, iterations=1)
    recorded = {name: {"amount": RIGHTS, "cpu": case.cpu, "wall": case.wall} for name, case in cases.items()}
    title = f"since an earlier result of {RIGHTS:,} rights ({kind}) at {PATHS:,} paths"
    benchmark.extra_info.update(title=title, unit="rights", against="everything", cases=recorded)
    sys.stdout.write(table(benchmark.extra_info))
    for name, case in cases.items():
        sys.stdout.write(f"{name:16}{statistics.median(case.cpu):8.2f} CPU-seconds\n")
