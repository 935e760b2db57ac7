"""Plain text where a terminal or a pipe cannot show more than ASCII."""

from __future__ import annotations

import codecs
import os
import sys
from typing import TextIO

_TWINS = {
    "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "#", "▍": ".", "▎": ".", "▏": ".",
    "–": "-", "—": "-", "−": "-", "…": "~", "±": "+", "×": "x", "·": ".", "’": "'", "“": '"', "”": '"', "≤": "<", "≥": ">", "→": ">",
}  # fmt: skip
"""What stands for a character that cannot be written: one for one, so that tables keep their columns."""


def plain_where_it_must_be() -> None:
    """From here on, what stdout and stderr cannot encode is written in ASCII: bars of #, and \\u4e2d for what has no twin there.

    That is what the streams' own encoding says (PYTHONIOENCODING), and, on a terminal, a locale named C or POSIX, in which Python writes UTF-8 all
    the same. What is piped on stays UTF-8 there: a path is to be read as it is.
    """
    codecs.register_error("plain", _twin)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what a test or a notebook puts in their place may not have it
            stream.reconfigure(encoding="ascii" if _shows_ascii_only(stream) else None, errors="plain")


def _shows_ascii_only(stream: TextIO) -> bool:
    locale = os.environ.get("LC_ALL") or os.environ.get("LANG")
    return locale in ("C", "POSIX") and stream.isatty()


def _twin(error: UnicodeError) -> tuple[str | bytes, int]:
    """The handler of what cannot be encoded."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_TWINS.get(one) or one.encode("ascii", "backslashreplace").decode() for one in lost), error.end
