"""The code of a page of the documentation: its blocks in their order, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(\w*)$")
_NAMED = re.compile(r"`([\w.-]+\.\w+)`:$")
_REMARK = re.compile(r"\s{3,}\S|\s+# ")
"""What ends a command in an indented block: a remark, after a sign or some spaces."""


@dataclass(frozen=True)
class Block:
    """A block of code: its language ("" where indented), its first line's number, and the file that the text before it says it is."""

    language: str
    text: str
    line: int
    file: str | None


def blocks(page: Path) -> Iterator[Block]:
    """Fenced blocks, and indented ones outside of them."""
    lines = page.read_text(encoding="utf-8").splitlines()
    place, before = 0, ""
    while place < len(lines):
        fence, start = _FENCE.match(lines[place]), place
        if fence:
            end = next(i for i in range(place + 1, len(lines)) if lines[i] == "```")
            yield Block(fence[1], "\n".join(lines[place + 1 : end]) + "\n", start + 1, _file(before))
            place = end + 1
        elif lines[place].startswith("    ") and not (place and lines[place - 1].strip()):
            while _indented(lines, place) or (not "".join(lines[place : place + 1]) and _indented(lines, place + 1)):
                place += 1
            yield Block("", "\n".join(line[4:] for line in lines[start:place]) + "\n", start + 1, _file(before))
        else:
            before = lines[place].strip() or before
            place += 1
            continue
        before = ""


def _indented(lines: list[str], place: int) -> bool:
    return place < len(lines) and lines[place].startswith("    ")


def _file(before: str) -> str | None:
    found = _NAMED.search(before)
    return found[1] if found else None


def shell_lines(block: Block) -> list[str]:
    """The lines of a block that are typed into a shell, without remarks; lines that end in a backslash with the next."""
    joined = re.sub(r"\\\n\s*", "", block.text)
    lines = (line.strip() for line in joined.splitlines())
    if block.language == "sh":
        return [line for line in lines if line]
    return [_REMARK.split(line)[0] for line in lines if re.match(r"(ipvalue|python|dask|pip|make|export|openssl|aws|\.) ", line)]


def words(line: str) -> list[str]:
    return shlex.split(line)
