"""docs/uncertain_inputs.md: its example is run, and gives the table that it prints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any


def lines_of(assets: list[dict[str, Any]]) -> list[str]:
    """The rows of the page's table."""
    columns = ("mean", "standard_error", "closed_form", "standard_deviation", "q05", "q95")
    return [" | ".join([f"| {row['asset_id']}", *("–" if row[name] is None else f"{row[name]:,.0f}" for name in columns)]) + " |" for row in assets]


def test_the_example_gives_its_table(root: Path) -> None:
    page = (root / "docs" / "uncertain_inputs.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    known: dict[str, Any] = {}
    exec(code, known)
    printed = page.partition("| uncertain | mean |")[2].splitlines()[2:]
    assert [line for line in printed if line.startswith("| ")] == lines_of(known["found"].to_pylist())
