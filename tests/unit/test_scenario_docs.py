"""docs/scenarios.md says what the code does: every key as its field says, the whole library, and an example that is taken."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from ipvalue.scenarios import listing, load_scenarios, shipped
from ipvalue.scenarios.grammar import parse
from ipvalue.scenarios.load import MOST_SCENARIOS, SUBJECTS, GridTable, ScenariosFile, ScenarioTable
from ipvalue.schema import PORTFOLIO

TABLES: dict[str, type[BaseModel]] = {"": ScenariosFile, "scenario.": ScenarioTable, "grid.": GridTable}


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "scenarios.md").read_text(encoding="utf-8")


def rows(models: dict[str, type[BaseModel]]) -> list[str]:
    """The keys of some tables as the page has them."""
    return [f"| `{table}{name}` | {field.description} |" for table, model in models.items() for name, field in model.model_fields.items()]


def section(page: str, heading: str) -> list[str]:
    """The rows of the table under a heading."""
    text = re.split(r"^##+ ", page.partition(f"# {heading}")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| key", "| name"))]


def test_the_keys_of_a_file(page: str) -> None:
    assert section(page, "The file") == rows(TABLES)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_keys_of_a_shock(page: str, subject: str) -> None:
    model = SUBJECTS[subject]
    assert section(page, f"{subject}: ") == rows({"": model})
    assert all(field.description for field in model.model_fields.values())


def test_the_library(page: str) -> None:
    assert section(page, "The library") == ["| " + " | ".join(entry.values()) + " |" for entry in listing(shipped().values())]


def test_the_example_makes_what_the_page_says(page: str) -> None:
    example = tomllib.loads(page.partition("```toml\n")[2].partition("```")[0])
    found = [scenario.name for scenario in load_scenarios(example)]
    assert len(found) == 12
    assert found[3] == "licence terms: royalty_rate ×0.8, discount -100bp"
    assert f"{MOST_SCENARIOS:,} scenarios" in page


def test_the_shocks_and_filters_shown_are_taken(page: str) -> None:
    shocks = page.partition("### curve")[2].partition("```toml\n")[2].partition("```")[0]
    assert len(load_scenarios({"scenario": [{"name": "s", **tomllib.loads(shocks)["scenario"]}]})[0].shocks) == 3
    filters = re.findall(r'^    where = "(.*)"$', page, re.MULTILINE)
    assert len(filters) == 4
    for text in filters:
        parse(text, PORTFOLIO)
