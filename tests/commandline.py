"""The command `ipvalue` as a user types it, and a small portfolio to type it on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ipvalue.cli import app
from ipvalue.cli import common as _common  # noqa: F401  (its consoles keep the size that is set when they are made, which is none yet)
from ipvalue.schema import PORTFOLIO

MARKET = """\
currency = "CNY"
valuation_date = 2026-11-22
[curves.CNY]
tenors = [1, 5, 10, 30]
rates = [0.015, 0.017, 0.019, 0.022]
[curves.USD]
tenors = [1, 10]
rates = [0.04, 0.042]
[fx]
USD = 7.1
[factors]
names = ["software", "pharma"]
correlation = [[1.0, 0.3], [0.3, 1.0]]
"""

ROW: dict[str, Any] = {
    "asset_id": "r0",
    "right_type": "trademark",
    "sector": "software",
    "currency": "CNY",
    "revenue": 1e6,
    "growth": 0.02,
    "volatility": 0.3,
    "factor_loading": 0.5,
    "royalty_rate": 0.05,
    "tax_rate": 0.25,
    "discount_premium": 0.1,
    "life": 8.0,
    "tab_years": 10,
}

ROWS = [
    ROW,
    {**ROW, "asset_id": "r1", "sector": "pharma", "currency": "USD", "life": 5.5},
    {**ROW, "asset_id": "r2", "right_type": "invention_patent", "revenue": 3e6},
    {**ROW, "asset_id": "r3", "right_type": "invention_patent", "sector": "pharma", "revenue": 4e6, "life": 10.0},
]


def table(rows: list[dict[str, Any]] | None = None) -> pa.Table:
    """Rows as a portfolio, each column of the registry's type (unknown ones of whatever type)."""
    rows = ROWS if rows is None else rows
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = {name: [row.get(name) for row in rows] for name in names}
    return pa.table({name: pa.array(each, PORTFOLIO[name].arrow_type if name in PORTFOLIO else None) for name, each in cells.items()})


def row_with(**cells: Any) -> list[dict[str, Any]]:
    """ROWS with other cells in the second."""
    return [ROWS[0], {**ROWS[1], **cells}, *ROWS[2:]]


@dataclass(frozen=True)
class Ran:
    """How a command ended: exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def sentences(self) -> list[str]:
        """The lines of stderr, each of which must begin as ours do."""
        lines = self.err.splitlines()
        assert all(line.startswith(("ipvalue: ", "  ")) for line in lines), self.err
        return [line.removeprefix("ipvalue: ") for line in lines]

    @property
    def sentence(self) -> str:
        """The only line of stderr."""
        assert len(self.sentences) == 1, self.err
        return self.sentences[0]


def run(*args: object, columns: int = 80) -> Ran:
    """Runs the command in this process, as on a terminal so many columns wide."""
    result = CliRunner().invoke(app, [str(arg) for arg in args], env={"COLUMNS": str(columns), "IPVALUE_DEBUG": "1"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return Ran(result.exit_code, result.stdout, result.stderr)


def installed(*args: object, seconds: float = 60, **more: Any) -> Ran:
    """Runs the installed command as its own process."""
    command = [sys.executable, "-c", "from ipvalue.cli import main; main()", *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, **more)
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def beside(*args: object, **more: Any) -> subprocess.Popen[str]:
    """Starts the installed command as its own process, and goes on."""
    command = [sys.executable, "-c", "from ipvalue.cli import main; main()", *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def first_progress(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Waits until a command with --log-json tells of progress."""
    assert process.stderr is not None
    for line in process.stderr:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "progress":
            return event
    raise AssertionError("the command ended before it could be disturbed")


def value(*args: object, paths: int = 64, out: object = "out") -> Ran:
    """`ipvalue value` with few paths into `out`."""
    return run("value", *args, "--paths", paths, "--out", out)


def contents(directory: str | Path = ".") -> dict[str, bytes]:
    """Every file under a directory, by its name within it."""
    base = Path(directory)
    return {str(path.relative_to(base)): path.read_bytes() for path in sorted(base.rglob("*")) if path.is_file()}


def rejects(directory: str | Path = "out") -> list[dict[str, Any]]:
    """The rows of rejects.parquet."""
    found: list[dict[str, Any]] = pq.read_table(Path(directory) / "rejects.parquet").to_pylist()
    return found


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    """The current directory: empty but for portfolio.parquet and market.toml."""
    before = Path.cwd()
    os.chdir(tmp_path)
    pq.write_table(table(), "portfolio.parquet")
    Path("market.toml").write_text(MARKET)
    try:
        yield tmp_path
    finally:
        os.chdir(before)
