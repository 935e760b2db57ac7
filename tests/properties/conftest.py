"""What the comparisons with the definition share."""

from __future__ import annotations

from pathlib import Path

import pytest
from compared import TABLES


@pytest.fixture(scope="session")
def assumptions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Schedules and curves alone: nothing is filled, so a row means the same to both."""
    path = tmp_path_factory.mktemp("assumptions") / "tables.toml"
    path.write_text(TABLES, encoding="utf-8")
    return path
