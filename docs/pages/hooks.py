"""Hooks of MkDocs (mkdocs.yml)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pages.equations import equation
from pages.sources import anchor


def on_config(config: Any) -> Any:
    """Blocks of equations, and anchors of headings as Git hosts make them."""
    options = config.mdx_configs
    options.setdefault("pymdownx.superfences", {})["custom_fences"] = [{"name": "math", "class": "equation", "format": equation}]
    options["toc"]["slugify"] = anchor
    return config
