"""What a sheet's XML says and its values do not: cells that are merged, and formulas without a value. Read once, as bytes, in pieces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from zipfile import ZipFile

Range = tuple[int, int, int, int]
"""Left, top, right and bottom of a rectangle of cells, columns and rows counted from 1."""

_PIECE = 1 << 22
_OVERLAP = 1 << 17
"""More bytes than a cell takes: Excel's longest formula has 8,192 characters."""

# the prefix that some writers give the names of elements
_P = rb"(?:\w+:)?"
_FORMULA = re.compile(
    rb"<" + _P + rb"c\b([^>]*)>\s*<" + _P + rb"f\b(?:[^>]*/>|[^>]*>[^<]*</" + _P + rb"f>)\s*"
    rb"(?:<" + _P + rb"v\s*/>|<" + _P + rb"v>\s*</" + _P + rb"v>)?\s*</" + _P + rb"c>"
)  # fmt: skip
_REFERENCE = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
_EMPTY_TEXT = re.compile(rb'\bt="str"')
"""The value of such a formula is text, and where it has none, the empty text."""
_MERGED = re.compile(rb"<" + _P + rb'mergeCell\b[^>]*?\bref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')


def without_value(archive: ZipFile, member: str) -> Iterator[tuple[str, int]]:
    """Column and row of the cells whose formula has no value beside it."""
    for found in _matches(archive, member, _FORMULA):
        if not _EMPTY_TEXT.search(found[1]) and (place := _REFERENCE.search(found[1])):
            yield place[1].decode(), int(place[2])


def merged_ranges(archive: ZipFile, member: str) -> Iterator[tuple[str, Range]]:
    """The rectangles of merged cells, as a spreadsheet program names them and by their edges."""
    for found in _matches(archive, member, _MERGED):
        left, top, right, bottom = (piece.decode() for piece in found.groups())
        yield f"{left}{top}:{right}{bottom}", (column_number(left), int(top), column_number(right), int(bottom))


def column_letters(number: int) -> str:
    """1 → A, 27 → AA."""
    letters = ""
    while number:
        number, digit = divmod(number - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters


def column_number(letters: str) -> int:
    """A → 1, AA → 27."""
    found = 0
    for letter in letters:
        found = 26 * found + ord(letter) - ord("A") + 1
    return found


def _matches(archive: ZipFile, member: str, pattern: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    """The matches in a member, each once; none is longer than _OVERLAP."""
    rest = b""
    with archive.open(member) as file:
        while piece := file.read(_PIECE):
            text, end = rest + piece, 0
            for found in pattern.finditer(text):
                end = found.end()
                yield found
            rest = text[max(end, len(text) - _OVERLAP) :]
