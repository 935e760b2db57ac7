"""What stops a run between any two things that it does to files."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}


class Killed(BaseException):
    """From here on nothing that a process does to files has any effect: it is dead."""


class _Watch:
    """What the audit hook below does: counts down what is done to files under a directory; None: nothing."""

    left: int | None = None
    under: str = ""
    sign: signal.Signals | None = None


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if _Watch.left is None or not (event in CHANGES or (event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR))):
        return
    if str(args[0]).startswith(_Watch.under) or str(args[0]).startswith(str(Path.cwd() / _Watch.under)):
        _Watch.left -= 1
        if _Watch.left < 0:
            if _Watch.sign is None:
                raise Killed
            _Watch.left = None
            signal.raise_signal(_Watch.sign)


sys.addaudithook(_watch)


@contextmanager
def cut_off_after(operations: int, under: str, sign: signal.Signals | None = None) -> Iterator[None]:
    """Once so many things are done to files under a directory: at the next one the process gets a signal, or is dead (Killed) where there is none."""
    _Watch.left, _Watch.under, _Watch.sign = operations, under, sign
    try:
        yield
    finally:
        _Watch.left = None
