"""Rights re-derived from the inputs of their run, and compared with what the result says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.appraise import Rows
from ipvalue.backend import kernels
from ipvalue.intake import hash_ids, read
from ipvalue.schema import Rejects
from ipvalue.share import Share, chosen
from ipvalue.simulate import Reals
from ipvalue.store import Store
from ipvalue.task import Run, Task, clean_rows
from ipvalue.verify.bits import unequal


@dataclass(frozen=True)
class Derived:
    """One right re-derived: where it stands, its cells as given, filled (`rows`, one), its row of results and the values of its kept paths."""

    file: str
    row: int
    given: pa.RecordBatch
    rows: Rows
    assets: pa.RecordBatch | None
    values: Reals | None


def derive(task: Task, run: Run, asset_id: str) -> Derived | None:
    """Values one right of a task alone. None where the task's rows do not hold it."""
    for batch, row, _ in read(task.unit, run.duplicates, extra=run.extra):
        place = pc.index(batch["asset_id"], asset_id).as_py()
        if place >= 0:
            given, number = batch.slice(place, 1), row[place : place + 1]
            assets, values = _valued(run, given, number, task.unit.display)
            return Derived(task.unit.display, int(number[0]), given, _filled(run, given, number, task.unit.display), assets, values)
    return None


def _filled(run: Run, batch: pa.RecordBatch, row: npt.NDArray[np.int64], file: str) -> Rows:
    return run.appraiser.rows(batch, row, file, Rejects())


def _valued(run: Run, batch: pa.RecordBatch, row: npt.NDArray[np.int64], file: str) -> tuple[pa.RecordBatch | None, Reals | None]:
    with kernels(run.job.backend).DefaultArithmetic():
        return run.appraiser.value(_filled(run, batch, row, file), run.appraiser.new_totals(()))


def differences(stored: pa.Table, derived: pa.RecordBatch | pa.Table | None, key: str = "asset_id", done: str = "valued") -> list[str]:
    """What differs between rows of a result and the same rights (or loans, which `key` names) re-derived, a sentence each."""
    ids, ours = stored[key].to_pylist(), [] if derived is None else derived[key].to_pylist()
    if ids != ours:
        lost, new = sorted({*ids} - {*ours}), sorted({*ours} - {*ids})
        told = [
            *(f"{name}: has a row of results, and is rejected when it is re-derived" for name in lost),
            *(f"{name}: has no row of results, and is {done} when it is re-derived" for name in new),
        ]
        return told or [f"{next(a or b for a, b in zip_longest(ids, ours) if a != b)}: rows of results stand in another order, or more than once"]
    if derived is None:  # of rows that are all rejected
        return []
    found = []
    for name in stored.column_names:
        for row in unequal(stored[name], derived[name]):
            found.append(f"{ids[row]}: {name} is {_shown(stored[name][row])}, and comes out as {_shown(derived[name][row])}")
    return found


def path_differences(stored: Mapping[str, npt.NDArray[Any]], ids: Sequence[str], values: Reals) -> list[str]:
    """The same of kept paths: those of each right by its id, and those re-derived (a, p)."""
    found = []
    for name, derived in zip(ids, values, strict=True):
        if name not in stored:
            found.append(f"{name}: has no kept paths")
            continue
        words = np.int32 if derived.dtype == np.float32 else np.int64
        other = np.flatnonzero(stored[name].view(words) != derived.view(words))
        if len(other):
            first = other[0]
            more = f" (and {len(other) - 1:,} more of its paths differ)" if len(other) > 1 else ""
            found.append(f"{name}: path {first} is {stored[name][first].item()!r}, and comes out as {derived[first].item()!r}{more}")
    return found


def kept_paths(store: Store, name: str, ids: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """The kept paths of some rights of a part."""
    found: dict[str, npt.NDArray[Any]] = {}
    wanted = pa.array(ids, pa.string())
    for batch in store.ipc_batches(name) if len(ids) else ():
        some = batch.filter(pc.is_in(batch["asset_id"], wanted))
        rows = some["values"].flatten().to_numpy().reshape(some.num_rows, some["values"].type.list_size)
        found.update(zip(some["asset_id"].to_pylist(), rows, strict=True))
    return found


def _shown(value: Any) -> str:
    plain = value.as_py()
    return "blank" if plain is None else repr(plain)


def batches(task: Task, run: Run, rejected: npt.NDArray[np.int64]) -> Iterator[tuple[pa.RecordBatch, npt.NDArray[np.int64], npt.NDArray[np.bool_]]]:
    """A task's rows that could be read and are not quarantined, their numbers, and which of them have a row of results, chunk by chunk."""
    step = run.appraiser.chunk_rows
    for batch, row, _ in clean_rows(task, run):
        kept = ~np.isin(row, rejected)
        for start in range(0, batch.num_rows, step):
            yield batch.slice(start, step), row[start : start + step], kept[start : start + step]


def filled_rows(run: Run, batch: pa.RecordBatch, row: npt.NDArray[np.int64], file: str) -> pa.RecordBatch:
    """Rows with their blanks filled."""
    return _filled(run, batch, row, file).batch


def compare_share(
    run: Run, batch: pa.RecordBatch, row: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_], stored: pa.Table, file: str, share: Share
) -> tuple[int, list[str], pa.RecordBatch | None, Reals | None]:
    """Re-derives a share of the rows of a chunk; `stored` are the results of those that were `kept`. Gives how many, what differs, and the rest
    for their paths."""
    taken = chosen(hash_ids(batch["asset_id"]), share.of_rights, share.seed)
    if not taken.any():
        return 0, [], None, None
    assets, values = _valued(run, batch.filter(pa.array(taken)), row[taken], file)
    told = differences(stored.filter(pa.array(taken[kept])), assets)
    return int(taken.sum()), told, assets, values
