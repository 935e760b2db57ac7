"""The bar of a command at work, loaded where there is a terminal to show it on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text


@contextmanager
def bar(console: Console, what: str, noun: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, and what moves it: called with how many are done of how many."""
    with Progress(TextColumn(what), BarColumn(), _Done(noun), _Speed(), TimeElapsedColumn(), _Left(), console=console) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


class _Done(ProgressColumn):
    """How many of how many."""

    def __init__(self, noun: str) -> None:
        super().__init__()
        self._noun = noun

    def render(self, task: Task) -> Text:
        return Text("" if task.total is None else f"{task.completed:,.0f}/{task.total:,.0f} {self._noun}")


class _Speed(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


class _Left(TimeRemainingColumn):
    """How long it will take still, said to be that."""

    def render(self, task: Task) -> Text:
        return Text("") if task.finished or task.time_remaining is None else Text.assemble(super().render(task), " left")
