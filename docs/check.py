"""Checks the documentation: docs/columns.md is what the schema says, and every link of every page leads somewhere.

python docs/check.py            says what is wrong and exits 1
python docs/check.py --update   writes docs/columns.md first
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ipvalue.schema.describe import columns_page

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ROOT / "docs" / "columns.md"


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])


def without_code(text: str) -> str:
    """The text with fenced, indented and inline code blanked; lines kept."""
    text = re.sub(r"^```.*?^```", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^(    |\t)(?![-*\d]).*$", "", text, flags=re.MULTILINE)
    return re.sub(r"`[^`\n]*`", lambda m: "x" * len(m.group(0)), text)


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings make: lower case, spaces to hyphens, punctuation dropped."""
    headings = re.findall(r"^#+\s+(.+?)\s*$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", h)).strip().lower().replace(" ", "-") for h in headings}


def broken_links(page: Path) -> Iterator[str]:
    for number, line in enumerate(without_code(page.read_text(encoding="utf-8")).splitlines(), 1):
        for link in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            where = f"{page.relative_to(ROOT)}:{number}: {link}"
            if not target.exists():
                yield f"{where}: no such file"
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                yield f"{where}: no such heading"


def main() -> int:
    made = columns_page()
    if "--update" in sys.argv[1:]:
        COLUMNS.write_text(made, encoding="utf-8")
    problems = [problem for page in pages() for problem in broken_links(page)]
    if not COLUMNS.exists() or COLUMNS.read_text(encoding="utf-8") != made:
        problems.append("docs/columns.md is not what the schema says: make docs UPDATE=1")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(pages())} pages, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
