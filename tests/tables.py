"""Published tables as rows."""

from __future__ import annotations

import csv
from pathlib import Path

LENDING = Path(__file__).parent / "published" / "lending"


def lending_rows(name: str) -> list[dict[str, str]]:
    """The rows of a table of tests/published/lending/."""
    return list(csv.DictReader((LENDING / name).read_text().splitlines()))
