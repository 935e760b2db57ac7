"""Links between pages: each leads to a file that is there, and to a heading that it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pages.sources import anchors, name_of, without_code


def broken_links(page: Path) -> Iterator[str]:
    """A sentence for each link of the page that leads nowhere."""
    for number, line in enumerate(without_code(page.read_text(encoding="utf-8")).splitlines(), 1):
        for link in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            where = f"{name_of(page)}:{number}: {link}"
            if not target.exists():
                yield f"{where}: no such file"
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                yield f"{where}: no such heading"
