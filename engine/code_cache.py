"""Where machine code that Numba has made is kept for the next process: a folder of the user's cache, by the sources that it was made of."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

VARIABLE = "IPVALUE_CACHE"
"""The environment variable that names another folder; empty: nothing is kept."""

KEPT = 8
"""So many folders stay, the youngest: each version and each edit of the sources has its own."""


@lru_cache(maxsize=1)
def code_folder() -> str | None:
    """The folder for code made of this package's sources as they are, which is made where it is missing; None where nothing can be kept."""
    named = os.environ.get(VARIABLE)
    if named == "":
        return None
    try:
        root = Path(named).absolute() if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ipvalue"
        folder = root / "numba" / _digest(Path(__file__).parent)
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)  # by another process meanwhile
            _forget_old(folder.parent)
    except (OSError, RuntimeError):  # RuntimeError: a user without a home
        return None
    return str(folder)


def _digest(package: Path) -> str:
    """Of every Python source of the package: what is compiled takes in functions and constants of several."""
    found = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        found.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:32]


def _forget_old(folder: Path) -> None:
    """Removes the oldest folders of others; another process may be at it too."""
    with suppress(OSError):
        for old in sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
