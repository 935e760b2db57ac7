"""What a results directory's files are called, and which of those that are there a run has written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ipvalue.files import is_object_store

MANIFEST = "manifest.json"
JOURNAL = ".journal"
LOCK = ".lock"

_HEX = "[0-9a-f]{32}"
_PARQUET = "groups|scenarios|sensitivities|tornado|indices|book|exposures|tranches|borrowers|capacity|rejects"
_TABLES = rf"(?:{_PARQUET})\.parquet|(?:totals|losses|tranche_losses)\.arrow"
_PASSED = "figures|events|flows|pledged"
_FOLDERS = rf"assets|paths|loans|lendable|{_PASSED}"
_FILE = rf"(?:manifest\.json|{_TABLES}|(?:assets|loans|lendable)/part-\d+\.parquet|(?:paths|{_PASSED})/part-\d+\.arrow|\.journal|\.lock)"
UNFINISHED = rf"(?:\.{_HEX}|(?:(?:{_FOLDERS})/)?\.\.?[a-z]+(?:-\d+)?(?:\.[a-z]+)?\.{_HEX})"
OURS = re.compile(rf"(?:\.new-{_HEX}/)?(?:{_FILE}|{UNFINISHED}|{_FOLDERS})|\.new-{_HEX}")
"""Names within a results directory that a run writes, or leaves behind where it is killed; nothing else is ever deleted."""
PASSED = re.compile(rf"(?:{_PASSED})(?:/part-\d+\.arrow)?")
"""Those that are no part of a result: what tasks write for the tables that are made of all of them."""

_PART = re.compile(rf"(?:assets|paths|lendable|{_PASSED})/part-(\d+)\.")

LAYOUT = b"ipvalue journal 1 "
"""Of the journal, in a line at its end, before the SHA-256 of what comes before it."""


def part_of(name: str) -> int | None:
    """The number of the task that writes a file; None of those that are made of all parts."""
    found = _PART.match(name)
    return int(found[1]) if found else None


def names_under(fs: Any, base: str) -> list[str]:
    """Everything under a directory, files and directories, by its name within it."""
    start = len(base.rstrip("/")) + 1
    return [path.rstrip("/")[start:] for path in fs.find(base, withdirs=not is_object_store(fs)) if len(path.rstrip("/")) > start]


def remove_ours(fs: Any, base: str, keep: Iterable[str] = (), which: re.Pattern[str] = OURS) -> None:
    """Removes what a run wrote under a directory, but for `keep` and what lies under it; then the directories left empty."""
    kept = {*keep, LOCK}
    ours = [name for name in names_under(fs, base) if which.fullmatch(name) and not kept & {name, name.split("/")[0]}] if fs.isdir(base) else []
    if is_object_store(fs):
        if ours:
            fs.rm([f"{base.rstrip('/')}/{name}" for name in ours])
        return
    for name in sorted(ours, reverse=True):
        path = f"{base.rstrip('/')}/{name}"
        with suppress(FileNotFoundError):
            if fs.isdir(path):
                with suppress(OSError):
                    fs.rmdir(path)
            else:
                fs.rm_file(path)
