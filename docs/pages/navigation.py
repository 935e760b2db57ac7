"""The navigation of mkdocs.yml: every page stands in it, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml

from pages.sources import ROOT, name_of, pages


def navigated() -> list[str]:
    """The pages that mkdocs.yml names, in its order."""
    return list(_leaves(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))


def _leaves(node: Any) -> Iterator[str]:
    match node:
        case str():
            yield node
        case list():
            for one in node:
                yield from _leaves(one)
        case dict():
            for one in node.values():
                yield from _leaves(one)


def misplaced() -> Iterator[str]:
    """A sentence for each page that the navigation lacks, has twice, or names though it is not there."""
    named, there = Counter(navigated()), {name_of(page) for page in pages()}
    for name in sorted(there - named.keys()):
        yield f"mkdocs.yml: {name} stands nowhere under nav: give it a place"
    for name in sorted(named.keys() - there):
        yield f"mkdocs.yml: {name} stands under nav, and is not there"
    for name, times in named.items():
        if times > 1:
            yield f"mkdocs.yml: {name} stands {times} times under nav"
