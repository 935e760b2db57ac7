"""docs/python.md: every public name of ipvalue with its signature and its docstring, made from the package itself."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import ipvalue
from pages.sources import ROOT

PAGE = ROOT / "docs" / "python.md"
WIDTH = 110

_PREFACE = """# Python

`import ipvalue as iv`. This page is made from the docstrings of the public names (`make docs UPDATE=1`); change them there. Tables are
pyarrow's, so pandas, polars and duckdb take them as they are ([notebooks.md](notebooks.md)). `options` are named as the flags of the command of
the same name ([commands.md](commands.md)), with underscores; columns stand in [columns.md](columns.md). Every error is an `IpvalueError`.
"""


def page() -> str:
    """The whole page."""
    named = {name: getattr(ipvalue, name) for name in ipvalue.__all__}
    parts = {
        "Functions": [name for name, one in named.items() if inspect.isfunction(one)],
        "Modules": [name for name, one in named.items() if inspect.ismodule(one)],
        "Results and other classes": [name for name, one in named.items() if inspect.isclass(one)],
    }
    sections = (f"\n## {title}\n" + "".join(_entry(name, named[name]) for name in names) for title, names in parts.items())
    return _PREFACE + "".join(sections)


def _entry(name: str, one: Any) -> str:
    head = f"\n### {name}\n\n"
    if inspect.ismodule(one):
        inner = ((f"{name}.{inside}", getattr(one, inside)) for inside in functions(one))
        return head + _prose(one) + "".join(f"\n#### {inside}\n\n{_signature(inside, function)}\n{_prose(function)}" for inside, function in inner)
    if inspect.isfunction(one):
        return f"{head}{_signature(name, one)}\n{_prose(one)}"
    rows = "".join(f"| `{member}` | {_first(meaning)} |\n" for member, meaning in members(one))
    return head + _prose(one) + (f"\n| attribute, method | |\n|---|---|\n{rows}" if rows else "")


def functions(module: ModuleType) -> list[str]:
    """The public functions of a public module, as it lists them."""
    return [name for name in module.__all__ if inspect.isfunction(getattr(module, name))]


def members(cls: type) -> Iterator[tuple[str, str]]:
    """(name, docstring) of what an object of the class offers: methods and properties of ipvalue's own, not of what it is built upon."""
    for name in sorted(name for name in dir(cls) if not name.startswith("_")):
        owner = next(base for base in cls.__mro__ if name in vars(base))
        one = vars(owner)[name]
        said = inspect.getdoc(one) or ""
        if owner.__module__.startswith("ipvalue") and not isinstance(one, (str, tuple, dict, type(None))) and "have none: raises" not in said:
            yield name + (f"({', '.join(_taken(getattr(cls, name)))})" if callable(getattr(cls, name)) else ""), said


def _signature(name: str, function: Any) -> str:
    """The signature as an indented block; in lines of their own where one would be too long."""
    lines = textwrap.wrap(", ".join(_taken(function)), WIDTH - len(name) - 6)
    return textwrap.indent(f"{name}({(chr(10) + ' ' * (len(name) + 1)).join(lines)})\n", "    ")


def _taken(function: Any) -> Iterator[str]:
    """The parameters as they are written in a definition, without types and `self`."""
    starred = False
    for one in inspect.signature(function).parameters.values():
        if one.kind is one.KEYWORD_ONLY and not starred:
            yield "*"
        starred = starred or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        if one.name != "self":
            yield f"{'**' if one.kind is one.VAR_KEYWORD else ''}{one.name}{'' if one.default is one.empty else f'={one.default!r}'}"


def _prose(one: Any) -> str:
    """A docstring as Markdown: its paragraphs, the parameters that it explains as code, and nothing in it taken for markup."""
    text = "\n\n".join(" ".join(part.split()) for part in _plain(inspect.getdoc(one) or "").split("\n\n")) + "\n"
    for name in inspect.signature(one).parameters if inspect.isfunction(one) else ():
        text = re.sub(rf"(^|[.;] ){name}:", rf"\g<1>`{name}`:", text, flags=re.MULTILINE)
    return text


def _first(text: str) -> str:
    """A docstring's first sentences, for a cell of a table."""
    return " ".join(_plain(text).split("\n\n")[0].split()).replace("|", "\\|")


def _plain(text: str) -> str:
    """Text outside `code` with the signs of Markdown and HTML made harmless."""
    pieces = text.replace("``", "`").split("`")
    return "`".join(piece if place % 2 else piece.replace("*", "\\*").replace("<", "&lt;") for place, piece in enumerate(pieces))
