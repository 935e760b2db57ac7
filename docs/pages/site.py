"""Builds the site: the pages at their places in the repository, every warning an error, and nothing asked of the network.

python -m pages.site (in docs/)     says what is wrong and exits 1
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")  # an advertisement of its own in every build

from mkdocs.commands.build import build as mkdocs_build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

from pages.sources import ROOT, SOURCES

STAGED = ROOT / "build" / "site-source"
SITE = ROOT / "build" / "site"
DATA = "engine/data"
"""What pages link to beside one another."""

FETCHED = {
    ".html": re.compile(
        r"""<(?:(?:script|img|iframe|source|embed)\b[^>]*\bsrc|link\b(?![^>]*canonical)[^>]*\bhref)=["']?((?:https?:)?//[^"'\s>]+)"""
    ),
    ".css": re.compile(r"""(?:@import\s+|url\()["']?((?:https?:)?//[^"')]+)"""),
}
"""What a browser would load by itself from elsewhere, by the kind of file."""

_LINK = re.compile(r'<a\b[^>]*\bhref="(?![a-z]+:)([^"]+)"')
_ANCHOR = re.compile(r'\bid="([^"]+)"')


def build(into: Path, source: Path) -> list[str]:
    """Builds the site into a directory, by way of another in which the sources are laid out; the warnings, each of which is an error."""
    stage(source)
    warned = _Warnings()
    logging.getLogger("mkdocs").addHandler(warned)
    config = load_config(str(ROOT / "mkdocs.yml"), docs_dir=str(source), site_dir=str(into), strict=True)
    config.plugins.on_startup(command="build", dirty=False)
    try:
        mkdocs_build(config)
    except Abort as error:
        warned.said.append(str(error))
    finally:
        config.plugins.on_shutdown()
        logging.getLogger("mkdocs").removeHandler(warned)
    return warned.said


class _Warnings(logging.Handler):
    """What MkDocs warns of, a text each."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def stage(source: Path) -> None:
    """Links to the sources under their own names, so that the links of the pages hold."""
    shutil.rmtree(source, ignore_errors=True)
    for name in (*SOURCES, DATA):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).symlink_to(ROOT / name)


def fetched(site: Path) -> Iterator[str]:
    """A sentence for each address that a file of the site would have a browser fetch from the network."""
    for file in sorted(site.rglob("*")):
        if pattern := FETCHED.get(file.suffix):
            for found in pattern.finditer(file.read_text(encoding="utf-8")):
                yield f"{file.relative_to(site)}: asks for {found[1]}"


def unresolved(site: Path) -> Iterator[str]:
    """A sentence for each link of a page to a file or an anchor that the site has not."""
    anchors = {page: {*_ANCHOR.findall(page.read_text(encoding="utf-8"))} for page in site.rglob("*.html")}
    for page in sorted(anchors):
        for link in _LINK.findall(page.read_text(encoding="utf-8")):
            path, _, anchor = link.partition("#")
            target = (site / path[1:] if path.startswith("/") else page.parent / unquote(path)).resolve() if path else page
            if not target.exists() or (anchor and unquote(anchor) not in anchors.get(target, set())):
                yield f"{page.relative_to(site)}: {link} leads nowhere"


def main() -> int:
    problems = build(SITE, STAGED) or [*fetched(SITE), *unresolved(SITE)]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{sum(1 for _ in SITE.rglob('*.html'))} pages in {SITE.relative_to(ROOT)}, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
