"""The server's pages: templates filled in, in one language, with scripts and styles as files beside them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from ipvalue.kinds import Kind
from ipvalue.report.labels import Labels, labels
from ipvalue.report.page import TEMPLATES as SHARED
from ipvalue.report.page import environment
from ipvalue.report.sections.tables import cell, head
from ipvalue.serve.root import Run

TEMPLATES = Path(__file__).with_name("templates")

NAMED = ("method", "status", "driver", "step", "how")
"""Columns whose texts have names of their own in each language."""


class Pages:
    """Templates with the texts of a language. Raises InputError for another language."""

    def __init__(self, language: str) -> None:
        self.say: Labels = labels(language)
        self._environment = environment(self.say, TEMPLATES)
        self._environment.filters["pair"] = lambda text: (text, text)
        self._environment.globals |= {"address": address, "cell": self.cell, "head": self.head}

    def page(self, template: str, **content: Any) -> str:
        """A template of templates/ filled in."""
        return self._environment.get_template(template).render({"charts": False, **content})

    def head(self, name: str) -> str:
        """What a column is called."""
        return self.say("serve.filled") if name == "filled" else head(self.say, name)

    def cell(self, name: str, value: Any, kind: Kind | None = None) -> str:
        """A figure of a results table as people read it; kind: that of the result, which knows units."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return self.say("serve.yes" if value else "serve.no")
        if isinstance(value, list | tuple):
            return ", ".join(self.cell(name, one, kind) for one in value)
        if isinstance(value, int | float | Decimal):
            known = kind.meaning(name) if kind is not None else None
            return cell(self.say, name, float(value), known.unit if known is not None else "")[0]
        return self.say.or_as_is(name, value) if name in NAMED else str(value)


def address(run: Run | str, page: str = "", /, **parameters: object) -> str:
    """Where a result's page is: runs/NAME/PAGE?…"""
    name = run if isinstance(run, str) else run.name
    given: Mapping[str, object] = {key: value for key, value in parameters.items() if value not in ("", None, ())}
    path = f"/runs/{quote(name, safe='')}" + (f"/{page}" if page else "")
    return path + (f"?{urlencode(given, doseq=True)}" if given else "")


def files() -> dict[str, tuple[str, bytes]]:
    """Scripts and styles by name, with their types."""
    from bokeh.resources import Resources

    bokeh = "\n".join(Resources(mode="inline", components=["bokeh"], log_level="error").js_raw)
    found = {
        "page.css": SHARED / "page.css",
        "page.js": SHARED / "page.js",
        "serve.css": TEMPLATES / "serve.css",
        "serve.js": TEMPLATES / "serve.js",
    }
    types = {"css": "text/css", "js": "text/javascript"}
    read = {name: (f"{types[name.rpartition('.')[2]]}; charset=utf-8", path.read_bytes()) for name, path in found.items()}
    return {**read, "bokeh.js": ("text/javascript; charset=utf-8", bokeh.encode())}
