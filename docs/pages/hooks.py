"""Hooks of MkDocs (mkdocs.yml)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pages.equations import equation, subscripts
from pages.sources import anchor

FORMULAS = ("docs/model.md", "docs/numerics.md", "docs/worked_example.md")


def on_config(config: Any) -> Any:
    """Blocks of equations, and anchors of headings as Git hosts make them."""
    options = config.mdx_configs
    options.setdefault("pymdownx.superfences", {})["custom_fences"] = [{"name": "math", "class": "equation", "format": equation}]
    options["toc"]["slugify"] = anchor
    return config


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Indices in the pages of the model."""
    return subscripts(html) if page.file.src_uri in FORMULAS or page.file.src_uri.startswith("docs/methods/") else html
