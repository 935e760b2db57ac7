"""Builds the site: the pages at their places in the repository, every warning an error, and nothing asked of the network.

python -m pages.site (in docs/)     says what is wrong and exits 1
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pages.sources import ROOT, SOURCES

STAGED = ROOT / "build" / "site-source"
SITE = ROOT / "build" / "site"
FETCHED = {
    ".html": re.compile(
        r"""<(?:(?:script|img|iframe|source|embed)\b[^>]*\bsrc|link\b(?![^>]*canonical)[^>]*\bhref)=["']?((?:https?:)?//[^"'\s>]+)"""
    ),
    ".css": re.compile(r"""(?:@import\s+|url\()["']?((?:https?:)?//[^"')]+)"""),
}
"""What a browser would load by itself from elsewhere, by the kind of file."""


def build(into: Path) -> int:
    """The exit code of MkDocs, which says on stderr what is wrong."""
    stage()
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--clean",
        "--site-dir",
        str(into),
        "--config-file",
        str(ROOT / "mkdocs.yml"),
    ]
    return subprocess.run(command, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=False).returncode


def stage() -> None:
    """Links to the sources under their own names, so that the links of the pages hold."""
    STAGED.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        if not (STAGED / name).is_symlink():
            (STAGED / name).symlink_to(ROOT / name)


def fetched(site: Path) -> Iterator[str]:
    """A sentence for each address that a file of the site would have a browser fetch from the network."""
    for file in sorted(site.rglob("*")):
        if pattern := FETCHED.get(file.suffix):
            for found in pattern.finditer(file.read_text(encoding="utf-8")):
                yield f"{file.relative_to(site)}: asks for {found[1]}"


def main() -> int:
    failed = build(SITE)
    problems = [] if failed else list(fetched(SITE))
    for problem in problems:
        print(problem, file=sys.stderr)
    if failed or problems:
        return 1
    print(f"{sum(1 for _ in SITE.rglob('*.html'))} pages in {SITE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
