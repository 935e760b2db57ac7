"""Excel workbooks to read: as Excel saves them, and as it does not."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook

HEADS = ("asset_id", "right_type", "revenue", "royalty_rate", "life", "owner_id")
RIGHT = ("a", "trademark", 1_000_000, 0.05, 8, "o")


def book(
    path: str | Path, *rows: Sequence[Any], sheet: str = "portfolio", heads: Sequence[Any] = HEADS, change: Callable[[Any], None] | None = None
) -> str:
    """A workbook with one sheet; `change` may do more to it. Its path."""
    made = Workbook()
    page = made.active
    page.title = sheet
    page.append(list(heads))
    for row in rows or (RIGHT,):
        page.append(list(row))
    if change is not None:
        change(made)
    made.save(path)
    return str(path)


def rewritten(path: str | Path, changes: dict[str, Callable[[bytes], bytes] | None], more: dict[str, bytes] | None = None) -> None:
    """Changes members of a workbook's archive in place; None leaves one out."""
    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in members.items():
            change = changes.get(name, bytes)
            if change is not None:
                archive.writestr(name, change(content))
        for name, content in (more or {}).items():
            archive.writestr(name, content)


SHEET = "xl/worksheets/sheet1.xml"


def in_sheet(pattern: bytes, by: bytes) -> dict[str, Callable[[bytes], bytes] | None]:
    """A change of a sheet's XML."""
    return {SHEET: lambda content: re.sub(pattern, by, content)}
