"""Rights of a result made again, part by part and each from its own row, and compared with what the part says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue import spread
from ipvalue.absent import not_there
from ipvalue.backend import kernels
from ipvalue.inputs import Inputs
from ipvalue.intake import hash_ids
from ipvalue.share import Share, chosen
from ipvalue.store import Store
from ipvalue.task import Clean, Task, clean_rows
from ipvalue.verify import directory
from ipvalue.verify.findings import Findings
from ipvalue.verify.rights import differences
from ipvalue.verify.verify import Looked, Opened, Progress, kernels_here


@dataclass(frozen=True)
class Which:
    """The rights that are made again: the one that is wanted, or a share of all; neither: none."""

    wanted: str | None
    share: Share | None

    def among(self, ids: pa.StringArray) -> npt.NDArray[np.bool_]:
        """(a,) which of some ids they are."""
        if self.share is not None:
            return chosen(hash_ids(ids), self.share.of_rights, self.share.seed)
        found: npt.NDArray[np.bool_] = pc.equal(ids, self.wanted or "").to_numpy(zero_copy_only=False)
        return found

    def parts(self, store: Store, readable: Mapping[int, str], whole: bool, rejects: pa.Table | None, found: Findings) -> list[int]:
        """The parts that hold them, of those that could be read, by number. Raises InputError where the one that is wanted is in none and these are
        the `whole`; else that it is in none of them is among the findings."""
        if self.wanted is None:
            return sorted(readable) if self.share is not None else []
        names: list[pa.ChunkedArray] = []
        for number, name in readable.items():
            names.append(store.read_parquet(name, ["asset_id"])["asset_id"])
            if pc.index(names[-1], self.wanted).as_py() >= 0:
                return [number]
        if whole:
            raise not_there(store.location, self.wanted, names, rejects)
        found.add("rights that are not there", f"{self.wanted}: is in none of the parts that can be read")
        return []


@dataclass(frozen=True)
class Made:
    """How rights of a command's results are made again.

    reopened: opens what a manifest names, and gives the inputs with what tasks share; rows: the result rows of clean rows of a file; part: the file
    of a task's rows. clean: a task's rows. called: what the rows of one right are told apart by, a column and how both are written. beside: of what
    each right has a row, as a clause; done: what was done with a right that has rows.
    """

    reopened: Callable[..., AbstractContextManager[tuple[Inputs, Any]]]
    rows: Callable[[Iterable[Clean], str, Any], pa.Table]
    part: Callable[[int], str]
    clean: Callable[[Any, Any], Iterable[Clean]] = lambda task, shared: clean_rows(task, shared.run)
    called: tuple[str, str] = ("", "")
    beside: Callable[[Any], str] = lambda _: ""
    done: str = "valued"


@dataclass(frozen=True)
class _Again:
    """What making rights again needs: the result, how it is done, what tasks share, and which rights."""

    opened: Opened
    made: Made
    shared: Any
    which: Which


@dataclass
class _Compared:
    """What came of one part: how many rights were made again, the columns of their rows, and what differs."""

    number: int
    rights: int = 0
    columns: int = 0
    told: list[str] = field(default_factory=list)


def re_derive(looked: Looked, made: Made, parts: Sequence[int], which: Which, rejects: pa.Table | None, progress: Progress | None) -> None:
    """Makes rights of some parts again, each from its own row, and compares them with their rows of results."""
    opened, found = looked.opened, dict[int, _Compared]()

    def take(one: _Compared) -> None:
        found[one.number] = one
        if progress:
            progress(len(found), len(parts))

    with made.reopened(opened.manifest, opened.store.location, **opened.options) as (inputs, shared):
        beside, tasks = made.beside(shared), directory.without_deadly(inputs.tasks, rejects)
        lost = [f"{made.part(number)}: is made of no rows of the portfolio" for number in parts if number >= len(tasks)]
        looked.findings.add("rights out of place", *lost)
        some = [tasks[number] for number in parts if number < len(tasks)]
        try:
            spread.run(_compared, some, _Again(opened, made, shared, which), "threads", opened.job.threads, take)
        finally:
            shared.release()
    for number in sorted(found):
        looked.findings.add("figures that differ", *found[number].told)
    looked.derived = sum(one.rights for one in found.values())
    share, equal = which.share, "" if looked.findings.counts["figures that differ"] else ": all equal, to the bit"
    of = f"{which.wanted}{beside}" if share is None else f"{looked.derived:,} rights{beside}, a share of {share.of_rights:g} by seed {share.seed}"
    columns = max((one.columns for one in found.values()), default=0)
    looked.lines.append(("re-derived", f"{of}, with {kernels_here(opened.job.backend)}; {columns} columns{equal}"))


def _compared(task: Task, again: _Again) -> _Compared:
    """Makes the rights of one part again."""
    made, which, one = again.made, again.which, _Compared(task.number)
    with kernels(again.opened.job.backend).DefaultArithmetic():
        ours = made.rows(_taken(made.clean(task, again.shared), which, one), task.unit.display, again.shared)
    stored = again.opened.store.read_parquet(made.part(task.number))
    stored = stored.filter(pa.array(which.among(stored["asset_id"].combine_chunks())))
    if stored.column_names != ours.column_names:
        one.told = [f"{made.part(task.number)}: has other columns than a run writes"]
        return one
    one.columns = stored.num_columns
    one.told = differences(_named(stored, made), _named(ours, made), done=made.done)
    return one


def _taken(clean: Iterable[Clean], which: Which, one: _Compared) -> Iterator[Clean]:
    """Those of the rows that are made again; they are counted."""
    for batch, row, rejects in clean:
        taken = which.among(batch["asset_id"])
        one.rights += int(taken.sum())
        yield batch.filter(pa.array(taken)), row[taken], rejects


def _named(rows: pa.Table, made: Made) -> pa.Table:
    """Rows with an asset_id that says which of the rows of one right they are."""
    column, text = made.called
    if not column:
        return rows
    names = [text.format(*pair) for pair in zip(rows["asset_id"].to_pylist(), rows[column].to_pylist(), strict=True)]
    return rows.set_column(rows.column_names.index("asset_id"), "asset_id", pa.array(names, pa.string()))
