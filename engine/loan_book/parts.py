"""What the tasks of a book of loans wrote for its tables, read again a task or some loans at a time.

l = loans that are lent, one task's after another's
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.lending.pledges import starts
from ipvalue.lending.settlement import Events
from ipvalue.loan_book.work import NUMBER, events_name, figures_name
from ipvalue.rows import Longs
from ipvalue.store import Store


@dataclass(frozen=True)
class Parts:
    """The files of tasks, by the tasks' numbers."""

    store: Store
    tasks: tuple[int, ...]

    @cached_property
    def loans(self) -> tuple[Longs, ...]:
        """Of each task the loans that it lent, by their numbers in the book, as they stand in its files."""
        nothing = np.zeros(0, np.int64)  # joined to it, the numbers are copied: the figures beside them are let go of
        return tuple(
            np.concatenate([nothing, *(batch[NUMBER].to_numpy() for batch in self.store.ipc_batches(figures_name(task)))]) for task in self.tasks
        )

    @property
    def lent(self) -> Longs:
        """(l) the loans of all tasks."""
        return np.concatenate([np.zeros(0, np.int64), *self.loans])

    def events(self) -> Iterator[tuple[Longs, Events]]:
        """The loans of each task, and their defaults."""
        for task, loans in zip(self.tasks, self.loans, strict=True):
            yield loans, events_of(self.store.read_ipc(events_name(task)))

    def figures(self, places: Longs) -> pa.Table:
        """Those of some loans by their places among (l), in that order."""
        order = np.argsort(places, kind="stable")
        first = starts(np.array([len(one) for one in self.loans]))
        cuts = np.searchsorted(places[order], first)
        tables = [
            self.store.read_ipc(figures_name(task)).take(pa.array(places[order[start:stop]] - begin))
            for task, begin, start, stop in zip(self.tasks, first, cuts, cuts[1:], strict=False)
            if stop > start
        ]
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        return _joined(tables, None if (back[1:] > back[:-1]).all() else pa.array(back))


def _joined(tables: list[pa.Table], order: pa.Array | None) -> pa.Table:
    """Tables as one, its rows in another order where one is given. Column by column: what is joined is let go of."""
    columns = {}
    for name in tables[0].column_names:
        whole = pa.chunked_array([chunk for table in tables for chunk in table[name].chunks]).combine_chunks()
        columns[name] = whole if order is None else whole.take(order)
        tables = [table.drop_columns([name]) for table in tables]
    return pa.table(columns)


def events_of(table: pa.Table) -> Events:
    """Defaults as a task wrote them, of all its loans."""
    lists = {name: table[name].combine_chunks() for name in table.column_names}
    start = np.concatenate([[0], np.cumsum(pc.list_value_length(lists["path"]).to_numpy())])
    loan = np.repeat(np.arange(len(table), dtype=np.int32), np.diff(start))
    found: dict[str, Any] = {name: one.values.to_numpy() for name, one in lists.items()}
    none, nothing = np.zeros(0), np.zeros(0, np.int64)
    return Events(start=start, loan=loan, **{"interest": nothing, **found}, exposure=none, room=none)
