"""A run since an earlier result, beside a run of everything, each a process of its own: CPU-seconds, the start of Python included.

A hundredth of the rights has another revenue, here and there or all in one place; or nothing has changed. `IPVALUE_BENCH=full`: 10^6 rights.
"""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from measuring import FULL, table
from processes import usage_of
from right_files import MARKET_FILE, MARKETS, Kind, written

RIGHTS = 1_000_000 if FULL else 50_000
PATHS = 10_000
TURNS = 3
NOTHING = "nothing"
CHANGES = ("here and there", "in one place", NOTHING)
SHARE = 100
"""One right in so many is changed."""


@dataclass
class Command:
    """A valuation in a process of its own, and the seconds of each turn."""

    arguments: tuple[object, ...]
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def turn(self) -> None:
        """Runs it once."""
        used = usage_of("value", *self.arguments, "--paths", PATHS, "--workers", 1, "--overwrite")
        self.cpu.append(used.cpu)
        self.wall.append(used.seconds)


def market_file(kind: Kind, folder: Path) -> Path:
    """The market of a kind of rights as a file."""
    if kind != "reference":
        return MARKET_FILE
    market, path = MARKETS[kind], folder / "market.toml"
    lines = [f'currency = "{market["currency"]}"', f"valuation_date = {market['valuation_date']}"]
    for name, content in (("curves.CNY", market["curves"]["CNY"]), ("factors", market["factors"])):
        lines += [f"[{name}]", *(f"{key} = {json.dumps(entries)}" for key, entries in content.items())]
    path.write_text("\n".join(lines) + "\n")
    return path


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
    cases = {"everything": Command((edition(rights, NOTHING, tmp_path / "before.parquet"), "--market", market, "--out", before))}
    for number, change in enumerate(CHANGES):
        path = edition(rights, change, tmp_path / f"{number}.parquet")
        cases[change] = Command((path, "--market", market, "--since", before, "--out", after))

    def turn() -> None:
        for case in cases.values():
            case.turn()

    benchmark.pedantic(turn, rounds=TURNS, iterations=1)
    recorded = {name: {"amount": RIGHTS, "cpu": case.cpu, "wall": case.wall} for name, case in cases.items()}
    title = f"since an earlier result of {RIGHTS:,} rights ({kind}) at {PATHS:,} paths"
    benchmark.extra_info.update(title=title, unit="rights", against="everything", cases=recorded)
    sys.stdout.write(table(benchmark.extra_info))
    for name, case in cases.items():
        sys.stdout.write(f"{name:16}{statistics.median(case.cpu):8.2f} CPU-seconds\n")
