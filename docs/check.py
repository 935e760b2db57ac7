"""Checks the pages: those made from the code say what it says, every link leads somewhere, and every page stands in the navigation.

python docs/check.py            says what is wrong and exits 1
python docs/check.py --update   makes the pages anew first
"""

from __future__ import annotations

import sys

from ipvalue.schema.describe import columns_page
from pages import commands, names
from pages.links import broken_links
from pages.navigation import misplaced
from pages.sources import ROOT, name_of, pages

MADE = {
    ROOT / "docs" / "columns.md": lambda _: columns_page(),
    commands.PAGE: commands.current,
    names.PAGE: lambda _: names.page(),
}
"""The pages that are made, whole or in part: what each should be, given what it is."""


def main() -> int:
    problems = []
    for page, made in MADE.items():
        text = page.read_text(encoding="utf-8")
        wanted = made(text)
        if "--update" in sys.argv[1:]:
            page.write_text(wanted, encoding="utf-8")
        elif text != wanted:
            problems.append(f"{name_of(page)} is not what the code says: make docs UPDATE=1")
    problems += [problem for page in pages() for problem in broken_links(page)] + list(misplaced())
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(pages())} pages, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
