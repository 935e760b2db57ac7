"""The pages of the project: Markdown files as they stand in the repository."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "examples", "bench")
"""What the site is made of, each under its own name."""


def pages() -> list[Path]:
    """Every page, in the order of the paths."""
    found = (ROOT / name for name in SOURCES)
    return sorted(page for one in found for page in ([one] if one.is_file() else one.rglob("*.md")))


def name_of(page: Path) -> str:
    """As navigation and messages call it: its path in the repository."""
    return page.relative_to(ROOT).as_posix()


def without_code(text: str) -> str:
    """The text with fenced, indented and inline code blanked; lines kept."""
    text = re.sub(r"^```.*?^```", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^(    |\t)(?![-*\d]).*$", "", text, flags=re.MULTILINE)
    return re.sub(r"`[^`\n]*`", lambda m: "x" * len(m.group(0)), text)


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings make."""
    headings = re.findall(r"^#+\s+(.+?)\s*$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {anchor(re.sub(r"[`*]", "", heading)) for heading in headings}


def anchor(heading: str, separator: str = "-") -> str:
    """The anchor of a heading, as Git hosts make it: lower case, spaces to hyphens, punctuation dropped."""
    return re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", separator)
