"""Equations of the pages: blocks ```math of LaTeX, which Git hosts render, as MathML, which browsers render without a script."""

from __future__ import annotations

from typing import Any

from latex2mathml.converter import convert


def equation(source: str, language: str, css_class: str, options: Any, md: Any, **_: Any) -> str:
    """A fence of pymdownx.superfences: LaTeX as MathML, one block a line that does not end in \\\\."""
    return f'<div class="equation">{mathml(source)}</div>'


def mathml(source: str) -> str:
    """LaTeX as MathML. Names of columns keep their underscores, which LaTeX wants escaped and the converter does not take back."""
    return str(convert(source, display="block")).replace(r"\_", "_")
