"""docs/sensitivities.md has every driver as it is moved, and every column of the results."""

from __future__ import annotations

from pathlib import Path

from ipvalue.indices import UNCERTAIN
from ipvalue.indices.work import ROWS
from ipvalue.sensitivities import DRIVERS
from ipvalue.sensitivities.drivers import Driver
from ipvalue.sensitivities.tables import ASSETS, groups_schema, tornado_schema


def line(one: Driver) -> str:
    """A driver as the page has it."""
    step = "" if one.step is None else "a period" if one.in_periods else f"{one.step:g}"
    share = "" if one.share is None else f"{100.0 * one.share:g} %"
    swing = f"±{one.swing:g}" if one.adds else f"{100.0 * one.swing:g} %"
    return f"| `{one.name}` | {step} | {share} | {swing} | {one.meaning} |"


def test_the_drivers_and_columns(root: Path) -> None:
    page = (root / "docs" / "sensitivities.md").read_text(encoding="utf-8")
    lines = page.splitlines()
    first = lines.index("|---|---|---|---|---|") + 1
    assert lines[first : first + len(DRIVERS) + 1] == [*map(line, DRIVERS.values()), ""]
    first = lines.index("| input | what it is |") + 2
    assert lines[first : first + len(UNCERTAIN) + 1] == [*(f"| `{one.name}` | {one.meaning} |" for one in UNCERTAIN), ""]
    for schema in (ASSETS, groups_schema(()), tornado_schema(()), ROWS):
        assert ", ".join(f"`{name}`" for name in schema.names) in page
