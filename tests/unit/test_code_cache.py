"""Machine code that is kept from one process to the next: when it is taken, and when it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipvalue import code_cache

PROGRAM = """\
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
from ipvalue.numba_kernel import elementary
print(elementary("exp", [1.0]).tolist())
"""


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    code_cache.code_folder.cache_clear()
    yield
    code_cache.code_folder.cache_clear()


def said(cache: Path | str) -> str:
    """What a process says that calls a kernel; the log first."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, "IPVALUE_CACHE": str(cache)}, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_what_one_process_compiled_the_next_takes(tmp_path: Path) -> None:
    first, second = said(tmp_path), said(tmp_path)
    assert first.startswith("compiling the Numba kernels")
    assert first.endswith(second)
    assert second.startswith("[2.718281828459045")


def test_a_damaged_file_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    first = said(tmp_path)
    kept = [path for path in tmp_path.rglob("*.nb?") if path.is_file()]
    assert kept
    for path in kept:
        path.write_bytes(b"damaged")
    assert said(tmp_path) == first


def test_nothing_is_kept_where_the_folder_has_no_name_or_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for named in ("", str(tmp_path / "file")):
        monkeypatch.setenv(code_cache.VARIABLE, named)
        code_cache.code_folder.cache_clear()
        assert code_cache.code_folder() is None
    assert said("").startswith("compiling the Numba kernels")


def test_nothing_is_kept_of_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(code_cache.VARIABLE)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert code_cache.code_folder() is None


def test_the_folder_is_that_of_all_sources(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "one.py").write_text("A = 1")
    before = code_cache._digest(tmp_path)
    (tmp_path / "inner" / "two.py").write_text("B = 1")
    with_another = code_cache._digest(tmp_path)
    (tmp_path / "inner" / "two.py").write_text("B = 2")
    assert len({before, with_another, code_cache._digest(tmp_path)}) == 3


def test_the_oldest_folders_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for age in range(12):
        old = tmp_path / "numba" / f"old{age}"
        old.mkdir(parents=True)
        os.utime(old, (1e9 - age, 1e9 - age))
    monkeypatch.setenv(code_cache.VARIABLE, str(tmp_path))
    made = code_cache.code_folder()
    assert made is not None
    assert {one.name for one in (tmp_path / "numba").iterdir()} == {Path(made).name, *(f"old{age}" for age in range(code_cache.KEPT - 1))}
