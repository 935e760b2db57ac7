"""What stops a run between any two things that it does to files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
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


def killed_again_and_again(go_on: Callable[[], Any], under: Path, first: int, step: int) -> tuple[Any, int]:
    """What a run gives in the end that is killed after so many things done to files, the first time, each time some more; and how often it was."""
    for times in count():
        with suppress(Killed), cut_off_after(first + times * step, str(under)):
            return go_on(), times
    raise AssertionError


def times_killed(command: Sequence[str], seconds: Iterable[float]) -> int:
    """How often a command was killed, with all its processes, that is started again and again until it ends, each time for so many `seconds`."""
    killed = 0
    for limit in seconds:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
        try:
            _, said = process.communicate(timeout=limit)
            assert process.returncode == 0, said
            break
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
    return killed
