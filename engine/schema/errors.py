"""The errors a user meets, and the nearest name to a mistyped one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class IpvalueError(Exception):
    """Anything this library refuses to do; the text says what, where and how to mend it."""


class InputError(IpvalueError):
    """A bad file, market, job or option (exit code 2)."""


class RunError(IpvalueError):
    """A run that was well asked for and failed (exit code 1)."""


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate a mistyped name most likely means, or None; case, blanks and hyphens do not count."""
    by_form = {_form(candidate): candidate for candidate in candidates}
    close = get_close_matches(_form(name), by_form, n=1, cutoff=0.75)
    return by_form[close[0]] if close else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """The clause ": did you mean X?", or nothing where no candidate is near."""
    near = nearest(name, candidates)
    return f": did you mean {near}?" if near else ""


def did_you_mean_file(path: str | Path) -> str:
    """The same for a mistyped path: the clause that names the file or directory beside it; nothing for a URL."""
    if "://" in str(path) or not Path(path).parent.is_dir():
        return ""
    near = nearest(Path(path).name, (one.name for one in sorted(Path(path).parent.iterdir()) if not one.name.startswith(".")))
    return f": did you mean {Path(path).parent / near}?" if near else ""


def _form(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")
