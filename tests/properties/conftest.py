"""What the comparisons with the definition share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from compared import TABLES

from ipvalue.backend import kernel


@pytest.fixture(scope="session")
def assumptions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Schedules and curves alone: nothing is filled, so a row means the same to both."""
    path = tmp_path_factory.mktemp("assumptions") / "tables.toml"
    path.write_text(TABLES, encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=kernel.instruction_sets())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every instruction set in turn."""
    before = kernel.isa()
    kernel.select_isa(request.param)
    yield request.param
    kernel.select_isa(before)
