"""Memory does not grow with the portfolio: a million rights at 1,000 paths, ten million at 16 (minutes each)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MOST_BYTES = 2 * 1024**3


def _peak(*arguments: object) -> int:
    """Peak memory in bytes of a command of ours that must end well."""
    executable = shutil.which("ipvalue", path=str(Path(sys.executable).parent)) or "ipvalue"
    process = subprocess.Popen([executable, *map(str, arguments)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.slow
@pytest.mark.parametrize(("assets", "paths"), [(1_000_000, 1000), (10_000_000, 16)])
def test_peak_memory(assets: int, paths: int, tmp_path: Path, root: Path) -> None:
    portfolio = tmp_path / "synthetic.parquet"
    assert _peak("synthesize", "--assets", assets, "--out", portfolio) < MOST_BYTES
    market = root / "examples" / "cn_trademarks" / "market.toml"
    peak = _peak("value", portfolio, "--market", market, "--paths", paths, "--out", tmp_path / "out")
    print(f"{assets:,} assets × {paths:,} paths: {peak / 1024**2:,.0f} MiB")
    assert peak < MOST_BYTES
