"""The server's pages: their texts are all there and all used, and names in addresses are quoted."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("tornado")
pytest.importorskip("duckdb")

from ipvalue.kinds import KINDS
from ipvalue.report.labels import entries
from ipvalue.serve.pages import TEMPLATES, Pages, address

SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in [*TEMPLATES.glob("*.j2"), *TEMPLATES.parent.glob("*.py")])
MADE = {"serve.match_": ("any", "exact", "prefix", "contains"), "serve.sort_": ("asc", "desc"), "serve.": ("eq", "ne", "lt", "le", "gt", "ge")}
"""Keys that are put together."""
STATES = ("finished", "unfinished", "damaged")
TABLE = ("name", "command", "started", "valued", "amount", "dated", "sampled", "versions", "in_both", "unchanged", "only_old", "only_new")


def used() -> set[str]:
    named = set(re.findall(r'"(serve\.(?!js|css)\w+)"', SOURCES))
    return named | {head + end for head, ends in MADE.items() for end in ends} | {f"serve.{name}" for name in (*STATES, *TABLE)}


def test_every_text_is_there_and_used() -> None:
    there = {key for key in entries() if key.startswith("serve.")}
    named = {key for key in used() if not key.endswith("_") and key != "serve."}
    assert named - there == set()
    assert there - named == set()


def test_names_in_addresses_are_quoted() -> None:
    assert address("night/a b", "search", id="P/7&x=1", sort="") == "/runs/night%2Fa%20b/search?id=P%2F7%26x%3D1"
    assert address("../x") == "/runs/..%2Fx"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("value", 2.71e9, "2.710 bn"),
        ("probability_of_loss", 0.125, "12.50 %"),
        ("status", "heavy_tail", "heavy tail"),
        ("asset_id", "heavy_tail", "heavy_tail"),
        ("value", None, ""),
        ("significant", True, "yes"),
        ("methods", ["a", "b"], "a, b"),
    ],
)
def test_figures_are_written_for_people(name: str, value: object, shown: str) -> None:
    assert Pages("en").cell(name, value) == shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("rate", 0.0436, "4.36 %"),
        ("coverage_q05", 0.6188, "61.88 %"),
        ("breach", [0.25, 0.5], "25.00 %, 50.00 %"),
        ("term", 2.5, "2.5"),
        ("expected_loss", 2.71e9, "2.710 bn"),
    ],
)
def test_figures_of_loans_are_written_by_their_units(name: str, value: object, shown: str) -> None:
    assert Pages("en").cell(name, value, KINDS["lend"]) == shown
