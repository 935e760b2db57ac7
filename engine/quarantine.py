"""A task that killed its workers, run in processes of its own: the rows that end them are found and left out, the others are valued.

A fault that ends a process (an address outside a table in a user's rule, a damaged library) cannot be caught in it. So a process is started that
values the task's rows piece by piece and says when it has done one; where it ends, a next one values that piece alone in smaller pieces, until a
piece is one row. Each of these steps divides by PIECES; each row in itself is valued a few times at most.
"""

from __future__ import annotations

import os
import pickle
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa

from ipvalue.backend import kernel
from ipvalue.intake import Unit
from ipvalue.receipt import Receipt
from ipvalue.schema import RunError
from ipvalue.task import Run, Task, run_task, try_task

PIECES = 16
MOST_ROWS = 16
"""Rows of one task that may be left out: where more end their process, it is the machine that is at fault, or the engine."""
MOST_VAIN = 3
"""Deaths in a task that no row is found for: processes are ended from outside as well, and for want of memory."""
_LOOK = 0.1
_START = "from ipvalue.quarantine import serve; serve(*map(int, __import__('sys').argv[1:]))"

T = TypeVar("T")

Stopped = Callable[[], bool]
Call = Callable[[], object]


@dataclass(frozen=True)
class Lot:
    """What a process is to value: so many `things` of `display`, numbered from `first` on."""

    display: str
    first: int
    count: int
    things: str = "rows"

    @property
    def vain(self) -> RunError:
        """That a process ends at no certain one of them."""
        return RunError(
            f"{self.display}, {self.things} {self.first} to {self.first + self.count - 1}: a process that values them ends, and at no certain "
            f"{self.things[:-1]}, for want of memory perhaps: use fewer --workers or --paths"
        )

    def too_many(self, first: int) -> RunError:
        """That more of them end a process than can be at fault."""
        return RunError(
            f"{self.display}: more than {MOST_ROWS} {self.things} (the first is {first}) end the process that values them, for want of memory "
            "perhaps: use fewer --workers or --paths"
        )


def lot_of(unit: Unit) -> Lot:
    """The rows of a file that are a task's."""
    return Lot(unit.display, unit.first_row, unit.rows)


def run_apart(task: Task, run: Run, stopped: Stopped) -> Receipt:
    """What run_task does and gives, without the rows that end the process which values them: they are among the rejects.

    Raises RunError where too many do, or where none is found to and the task ends its process still; kernel.Stopped where the run was stopped.
    """
    return run_without_deadly(task, run, stopped, try_task, run_task)


def run_without_deadly(
    task: Task, shared: T, stopped: Stopped, attempt: Callable[[Task, T], None], function: Callable[[Task, T], Receipt]
) -> Receipt:
    """What `function` gives of a task without its deadly rows. attempt: values a task's rows as `function` does, and writes nothing."""
    lot = lot_of(task.unit)
    deadly = deadly_rows(lot, lambda rows: partial(attempt, replace(task, unit=task.unit.part(rows)), shared), stopped)
    return run_alone(partial(function, replace(task, quarantined=deadly), shared), lot, stopped)


def run_alone(call: Call, lot: Lot, stopped: Stopped) -> Receipt:
    """What a call gives in a process of its own. Raises RunError, naming what it was to value, where that ends."""
    with _process([call], stopped) as answers:
        for answer in answers:
            assert isinstance(answer, Receipt)
            return answer
    raise lot.vain


def deadly_rows(lot: Lot, attempt: Callable[[range], Call], stopped: Stopped) -> tuple[int, ...]:
    """What of a lot ends processes, by number. attempt: gives what values some of it, counted from its first, and changes nothing; a process can be
    sent it.

    Raises RunError where there are too many, or where processes end at no certain one.
    """
    found: list[int] = []
    vain, rest = 0, range(lot.count)
    while rest:
        part = _deadly_part(attempt, rest, stopped)
        if part is None:
            break
        while len(part) > 1 and (smaller := _deadly_part(attempt, part, stopped)):
            part = smaller
        if len(part) == 1:
            found.append(lot.first + part.start)
        else:
            vain += 1
        if len(found) > MOST_ROWS:
            raise lot.too_many(found[0])
        if vain > MOST_VAIN:
            raise lot.vain
        rest = range(part.stop, rest.stop)
    return tuple(found)


def _deadly_part(attempt: Callable[[range], Call], rows: range, stopped: Stopped) -> range | None:
    """The piece of `rows` at which a process ended that was to value them all; None where it came to their end."""
    pieces = [rows[len(rows) * i // PIECES : len(rows) * (i + 1) // PIECES] for i in range(PIECES)]
    pieces = [piece for piece in pieces if piece]
    done = 0
    with _process([attempt(piece) for piece in pieces], stopped) as answers:
        for _ in answers:
            done += 1
    return pieces[done] if done < len(pieces) else None


@contextmanager
def _process(calls: Sequence[Call], stopped: Stopped) -> Iterator[Iterator[Any]]:
    """What a process that makes these calls answers to each, until it ends, however that is."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as answers:
        command = [sys.executable, "-c", _START, str(writing)]
        # a session of its own: Ctrl-C in a terminal is not to look like a death of its own
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=[writing], start_new_session=True
        )
        os.close(writing)
        assert process.stdin is not None
        try:
            with suppress(BrokenPipeError):
                pickle.dump(calls, process.stdin)
                process.stdin.flush()
            yield _answers(answers, stopped)
        finally:
            process.kill()
            process.wait()
            with suppress(BrokenPipeError):
                process.stdin.close()


def _answers(file: Any, stopped: Stopped) -> Iterator[Any]:
    """Objects as they arrive, until the other end is closed. Raises those that are exceptions."""
    while True:
        while not select.select([file], [], [], _LOOK)[0]:
            if stopped():
                raise kernel.Stopped("this run was stopped")
        try:
            answer = pickle.load(file)
        except (EOFError, pickle.UnpicklingError):  # ended, between two answers or within one
            return
        if isinstance(answer, BaseException):
            raise answer
        yield answer


def serve(writing: int) -> None:
    """What the process does: the calls one after another; ends with whoever started it."""
    pa.set_cpu_count(1)
    calls = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with os.fdopen(writing, "wb") as file:
        try:
            for call in calls:
                _say(call(), file)
        except Exception as error:
            _say(error, file)


def _say(answer: object, file: Any) -> None:
    pickle.dump(answer, file)
    file.flush()


def _end_with_parent() -> None:
    sys.stdin.buffer.read(1)
    os._exit(1)
