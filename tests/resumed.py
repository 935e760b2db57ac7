"""A run to be stopped and gone on with: the rights, the call, and what must be the same at the end however it came about."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from commandline import contents
from portfolios import ASSUMPTIONS, market, random_portfolio, with_bad_rows

import ipvalue
from ipvalue.execute import Interrupted
from ipvalue.fingerprint import HOW

ROWS = 60
PART_ROWS = 8
OPTIONS: dict[str, Any] = {"paths": 200, "rows_per_task": PART_ROWS, "workers": 1, "group_by": ("sector",)}
"""Of a run in 9 parts, some of whose rows are rejected and some in doubt."""
PARTS = 9
KEPT = "parts are kept in out: the same command with --resume goes on"


def lay_out(folder: Path, rows: int = ROWS) -> None:
    """Writes p.parquet in groups of rows that tasks share, and a.toml."""
    pq.write_table(with_bad_rows(random_portfolio(rows)), folder / "p.parquet", row_group_size=20)
    (folder / "a.toml").write_text(ASSUMPTIONS)


def value(out: str | Path = "out", portfolio: object = "p.parquet", **options: Any) -> ipvalue.Result:
    """The run, into `out` under the current directory; `options` beside or instead of OPTIONS."""
    return ipvalue.value(portfolio, out=out, **{"market": market(), "assumptions": "a.toml", **OPTIONS, **options})


class Stop:
    """As `progress`: stops a run (Ctrl-C) when `parts` parts are taken, and notes what it was told."""

    def __init__(self, parts: int, instead: Callable[[], object] | None = None) -> None:
        self.told: list[tuple[int, int]] = []
        self._parts, self._instead = parts, instead

    def __call__(self, done: int, total: int) -> None:
        self.told.append((done, total))
        if len(self.told) == self._parts:
            if self._instead is None:
                raise KeyboardInterrupt
            self._instead()


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs, and in `undisturbed` what a run of them comes to."""
    folder = tmp_path_factory.mktemp("laid-out")
    lay_out(folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        value("undisturbed")
    return folder


@pytest.fixture
def here(tmp_path: Path, laid_out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current directory, with copies of it all. No run waits for the disk: only a power cut would tell."""
    shutil.copytree(laid_out, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: None)


def stopped(parts: int = 4, **options: Any) -> None:
    """Begins a run and stops it."""
    kept = KEPT.replace("with --resume ", "") if options.get("resume") else KEPT
    with pytest.raises(Interrupted, match=rf"^stopped; \d+ of \d+ {kept}$"):
        value(progress=Stop(parts), **options)


def essence(directory: str | Path) -> dict[str, Any]:
    """Every file of a results directory by its name, hidden ones too; of the manifest all but times, machine, where its inputs lie and how the run
    was made."""
    found: dict[str, Any] = dict(contents(directory))
    manifest = json.loads(found["manifest.json"])
    for name in ("time", "machine"):
        del manifest[name]
    for name in HOW:
        del manifest["options"][name]
    for file in manifest["inputs"]["portfolio"]:
        del file["path"]
    folders = {str(path.relative_to(directory)): b"" for path in Path(directory).rglob("*") if path.is_dir()}
    return found | {"manifest.json": manifest} | folders
