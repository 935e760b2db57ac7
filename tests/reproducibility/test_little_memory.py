"""Little memory makes the rows taken at a time fewer; every file stays the same byte for byte, kept paths too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from commandline import contents
from portfolios import methods_and_several, with_bad_rows

from ipvalue import appraise
from ipvalue.appraise import Appraiser
from ipvalue.schema import InputError
from ipvalue.valuation import Result

Value = Callable[..., Result]

MANY: dict[str, Any] = {"rows_per_task": 300, "paths": 100, "keep_paths": True, "group_by": ()}


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each call takes."""
    seen: list[int] = []
    plain = Appraiser.value

    def value(self: Appraiser, rows: Any, totals: Any) -> Any:
        seen.append(len(rows))
        return plain(self, rows, totals)

    monkeypatch.setattr(Appraiser, "value", value)
    return seen


def files(directory: Path) -> dict[str, bytes]:
    return {name: content for name, content in contents(directory).items() if name != "manifest.json"}


def test_every_file_is_the_same_byte_for_byte(value: Value, tmp_path: Path, taken: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks of two chunks, rows of several methods, and some that are rejected; all of the memory goes to the paths of several methods."""
    monkeypatch.setattr(appraise, "MOST_ROWS_A_CHUNK", 250)
    portfolio = with_bad_rows(methods_and_several(520, 80, 5))
    value(portfolio, **MANY, out=tmp_path / "plain")
    assert max(taken) > 150
    taken.clear()
    value(portfolio, **MANY, memory="67.5MB", out=tmp_path / "little")
    assert max(taken) <= appraise.LEAST_ROWS_A_PIECE
    assert files(tmp_path / "little") == files(tmp_path / "plain")
    assert len(files(tmp_path / "plain")) == 9


def test_memory_that_does_for_some_more_rows_is_used(value: Value, portfolio: pa.Table, taken: list[int]) -> None:
    value(portfolio, memory="4MB", rows_per_task=1000)
    assert appraise.LEAST_ROWS_A_PIECE < max(taken) < 260


def test_paths_that_are_kept_count(value: Value, portfolio: pa.Table) -> None:
    options: dict[str, Any] = {"rows_per_task": 1000, "paths": 1_000, "group_by": (), "memory": "1MB"}
    assert value(portfolio, **options).assets.num_rows == 260
    with pytest.raises(InputError, match=r"1 group × 1,000 paths on 1 worker and the paths of 260 rights, which are kept, need about 2\.0[0-9]+ MiB"):
        value(portfolio, **options, keep_paths=True)
