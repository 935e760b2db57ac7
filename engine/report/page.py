"""Pages: templates filled in, everything escaped, with all that they need inside them."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ipvalue.report.labels import HTML_NAMES, Labels, labels

TEMPLATES = Path(__file__).with_name("templates")


def page(template: str, language: str, charts: bool = True, **content: Any) -> str:
    """A template of templates/ filled in. charts: whether it holds any, which bring Bokeh's script of 1.3 MB.

    Raises InputError for another language.
    """
    scripts = [*(_bokeh() if charts else ()), _text("page.js")]
    return (
        environment(labels(language))
        .get_template(template)
        .render(scripts=[Markup(one) for one in scripts], policy=_policy(scripts), style=Markup(_text("page.css")), **content)
    )


@cache
def environment(words: Labels, *folders: Path) -> Environment:
    """Templates, those of `folders` first, with the texts (`say`) and the filters of a language."""
    made = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}  # in the order given: Bokeh's refers to what came before
    made.filters |= {"amount": words.amount, "percent": words.percent, "count": words.count, "day": words.day}
    made.globals |= {"say": words, "language": HTML_NAMES[words.language]}
    return made


def _policy(scripts: list[str]) -> str:
    """What a browser may do with the page: run these scripts and no others, and ask no one for anything."""
    allowed = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts)
    return "; ".join([
        "default-src 'none'", f"script-src {allowed}", "style-src 'unsafe-inline'", "img-src data: blob:", "base-uri 'none'", "form-action 'none'"
    ])  # fmt: skip


@cache
def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _bokeh() -> list[str]:
    """Bokeh's script, without widgets and tables."""
    from bokeh.resources import Resources

    return list(Resources(mode="inline", components=["bokeh"], log_level="error").js_raw)
