"""What there is to do in a run: its tasks, what they share, and what is known before the first of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ipvalue.inputs import Inputs
from ipvalue.intake import Portfolio
from ipvalue.job import Job
from ipvalue.quarantine import run_apart
from ipvalue.receipt import Receipt
from ipvalue.storage import Written
from ipvalue.store import Store
from ipvalue.task import run_task


class Numbered(Protocol):
    """A task: its receipt has the files of its number."""

    @property
    def number(self) -> int: ...


class Shared(Protocol):
    """What tasks share."""

    def release(self) -> None:
        """Lets go of what is open."""


@dataclass(frozen=True)
class Work:
    """`function(task, shared)` gives each task's receipt, which is merged into `begun`; `portfolios` must not change meanwhile, and workers must see
    the files `places`; `terms` say how the result is made, for the record: its bytes do not depend on it. apart: how a task is run at which processes
    ended. writes: whether tasks do. tables: writes what holds all parts together, where that is not what `value` writes. anew: whether a run that was
    stopped on another way to the result is not gone on with: its parts are made again, and are the same. passed: whether what tasks write is for
    `tables` alone, and no part of the result (store.names.PASSED)."""

    tasks: Sequence[Numbered]
    function: Callable[[Any, Any], Receipt]
    shared: Shared
    begun: Receipt
    portfolios: tuple[Portfolio, ...]
    places: tuple[str, ...]
    terms: Mapping[str, Any] = field(default_factory=dict)
    apart: Callable[[Any, Any, Callable[[], bool]], Receipt] | None = None
    writes: bool = True
    tables: Callable[[Store, Job, Receipt], list[Written]] | None = None
    anew: bool = False
    passed: bool = False

    def check(self) -> None:
        """Raises RunError where a file cannot be read any more, and InputError where one is not what it was when it was opened."""
        for portfolio in self.portfolios:
            portfolio.check()


def whole_work(inputs: Inputs) -> Work:
    """All rows valued."""
    begun = Receipt(inputs.run.appraiser.new_totals(inputs.run.job.group_by))
    return Work(inputs.tasks, run_task, inputs.run, begun, (inputs.portfolio,), (inputs.first_file,), apart=run_apart)
