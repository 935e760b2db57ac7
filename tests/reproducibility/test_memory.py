"""Memory does not grow with the portfolio: a million rights at 1,000 paths, ten million at 16 (minutes each)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from ipvalue.schema.portfolio import METHODS
from ipvalue.valuation import open_result

MOST_BYTES = 2 * 1024**3


BETWEEN = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Stands between: a process begins with the peak of the one that it was forked from, and these tests' own may be large."""


def _peak(*arguments: object) -> int:
    """Peak memory in bytes of a command of ours that must end well."""
    executable = shutil.which("ipvalue", path=str(Path(sys.executable).parent)) or "ipvalue"
    command = [sys.executable, "-c", BETWEEN, executable, *map(str, arguments)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.mark.slow
@pytest.mark.parametrize(("assets", "paths"), [(1_000_000, 1000), (10_000_000, 16)])
def test_peak_memory(assets: int, paths: int, tmp_path: Path, root: Path) -> None:
    portfolio = tmp_path / "synthetic.parquet"
    assert _peak("synthesize", "--assets", assets, "--out", portfolio) < MOST_BYTES
    market = root / "examples" / "cn_trademarks" / "market.toml"
    peak = _peak("value", portfolio, "--market", market, "--paths", paths, "--out", tmp_path / "out")
    print(f"{assets:,} assets × {paths:,} paths: {peak / 1024**2:,.0f} MiB")
    assert peak < MOST_BYTES


def _planned(*arguments: object) -> int:
    """Peak memory in bytes that `ipvalue plan` says."""
    executable = shutil.which("ipvalue", path=str(Path(sys.executable).parent)) or "ipvalue"
    told = subprocess.run([executable, "plan", *map(str, arguments), "--json"], capture_output=True, check=True).stdout
    return int(json.loads(told)["memory_bytes"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("profile", "assets", "paths", "more"),
    [
        ("cn_trademarks", 300_000, 1_000, ()),
        ("exchange", 20_000, 10_000, ("--group-by", "right_type,sector")),
        ("exchange", 20, 5_000_000, ()),
    ],
)
def test_the_peak_is_within_a_quarter_of_what_was_planned(
    profile: str, assets: int, paths: int, more: tuple[str, ...], tmp_path: Path, root: Path
) -> None:
    """Many rights, many groups, many paths. (The seconds of the same three: bench/test_plan.py.)"""
    portfolio = tmp_path / "synthetic.parquet"
    _peak("synthesize", "--profile", profile, "--assets", assets, "--out", portfolio)
    market = root / "examples" / ("cn_trademarks" if profile == "cn_trademarks" else "cn_register") / "market.toml"
    options = (portfolio, "--market", market, "--paths", paths, "--workers", 2, *more)
    assert _planned(*options) == pytest.approx(_peak("value", *options, "--out", tmp_path / "out"), rel=0.25)


@pytest.mark.slow
def test_a_million_bare_rights_through_every_method(tmp_path: Path, root: Path) -> None:
    """Every right type by every method, totals by owner's province and right type; nothing but the register's extract is known."""
    register, portfolio, out = tmp_path / "register.parquet", tmp_path / "portfolio.parquet", tmp_path / "out"
    assert _peak("synthesize", "--profile", "cn_register", "--assets", 1_000_000, "--out", register) < MOST_BYTES
    bare = pq.read_table(register)
    methods = pa.array(METHODS).take(pa.array(np.arange(bare.num_rows) % len(METHODS)))
    pq.write_table(bare.append_column("method", methods), portfolio, row_group_size=100_000)
    market = root / "examples" / "cn_register" / "market.toml"
    assert _peak("value", portfolio, "--market", market, "--paths", 1000, "--group-by", "owner_province,right_type", "--out", out) < MOST_BYTES
    result = open_result(str(out))
    assert result.rejects.num_rows == 0
    assets, groups = result.assets, result.groups
    assert assets.num_rows == bare.num_rows
    assert pc.all(pc.greater(assets["value"], -1e15)).as_py()
    assert pc.value_counts(assets["method"]).to_pylist() == pc.value_counts(methods).to_pylist()
    whole, parts = groups.slice(0, 1), groups.slice(1)
    assert whole["assets"][0].as_py() == pc.sum(parts["assets"]).as_py() == bare.num_rows
    assert whole["value"][0].as_py() == pytest.approx(pc.sum(parts["value"]).as_py(), rel=1e-12)
    assert whole["value"][0].as_py() == pytest.approx(pc.sum(assets["value"]).as_py(), rel=1e-9)


def _book_on(portfolio: Path, path: Path) -> None:
    """Loans of three years, each of a borrower of its own, against ten rights each."""
    ids = pq.read_table(portfolio, columns=["asset_id"])["asset_id"].combine_chunks()
    number = len(ids) // 10
    of_ten = pa.ListArray.from_arrays(pa.array(np.arange(0, len(ids) + 1, 10, dtype=np.int32)), ids)
    names = {"loan_id": pa.array([f"L{i}" for i in range(number)]), "asset_ids": of_ten}
    terms = {"principal": 1e5, "rate": 0.05, "term": 3.0, "pd": 0.05, "factor_loading": 0.0, "liquidation_discount": 0.3, "liquidation_lag": 1.0}
    pq.write_table(pa.table({**names, **{name: np.full(number, one) for name, one in terms.items()}}), path)


@pytest.mark.slow
def test_memory_of_lending_does_not_grow_with_the_loans(tmp_path: Path, root: Path) -> None:
    """Four times as many, beyond the first, for which Numba's kernels are compiled and kept."""
    peaks = []
    for loans in (100, 10_000, 40_000):
        portfolio, book = tmp_path / f"{loans}.parquet", tmp_path / f"loans-{loans}.parquet"
        _peak("synthesize", "--assets", 10 * loans, "--out", portfolio)
        _book_on(portfolio, book)
        market = root / "examples" / "cn_trademarks" / "market.toml"
        options = ("--portfolio", portfolio, "--market", market, "--paths", 500, "--workers", 2)
        peaks.append(_peak("lend", book, *options, "--out", tmp_path / f"out-{loans}"))
        assert pq.read_metadata(tmp_path / f"out-{loans}" / "loans" / "part-00000.parquet").num_rows == loans
    print(*(f"{peak / 1024**2:,.0f} MiB" for peak in peaks))
    assert peaks[2] < 1.2 * peaks[1]
