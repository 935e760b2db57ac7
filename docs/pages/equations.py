"""Equations of the pages: blocks ```math of LaTeX, which Git hosts render, as MathML, which browsers render without a script; and X_t in running
text with a subscript."""

from __future__ import annotations

import logging
import re
from typing import Any

from latex2mathml.converter import convert

_APART = re.compile(r"(<(?:code|pre|math|svg|title)\b.*?</(?:code|pre|math|svg|title)>|<[^>]*>)", re.DOTALL)
_INDEXED = re.compile(
    r"(?<![\w&;#])([A-Za-zΔΨψσβ]′?|RG|DF|lo|hi|ramp|sells|granted|salvage|cash|unit|sales|[∑∏ΣΠ])_(?:\{([^{}]{1,30})\}|(\w{1,2}(?:,\w)?))(?!\w)"
)


def equation(source: str, language: str, css_class: str, options: Any, md: Any, **_: Any) -> str:
    """A fence of pymdownx.superfences: a block of LaTeX as MathML; one that cannot be is warned of, which fails the build."""
    try:
        return f'<div class="equation">{mathml(source)}</div>'
    except ValueError as error:
        logging.getLogger("mkdocs.equations").warning(str(error))
        return ""


def mathml(source: str) -> str:
    """LaTeX as MathML. Names of columns keep their underscores, which LaTeX wants escaped and the converter does not take back.

    Raises ValueError where the converter leaves a command or a column's sign as it stands.
    """
    made = str(convert(source, display="block")).replace(r"\_", "_")
    if left := re.search(r"<m\w+>(\\\w*|&)</m", made):
        raise ValueError(f"{left[1]} cannot be shown as MathML: {source.strip()[:80]}")
    return made


def subscripts(html: str) -> str:
    """The page with indices of running text (X_t, e_{t−1}) as subscripts; code and equations as they are."""
    pieces = _APART.split(html)
    return "".join(piece if place % 2 else _INDEXED.sub(_lowered, piece) for place, piece in enumerate(pieces))


def _lowered(found: re.Match[str]) -> str:
    return f"{found[1]}<sub>{found[2] or found[3]}</sub>"
