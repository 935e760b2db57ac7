"""One part of a result: its files, the sums of its rights and, where a share is asked for, rights re-derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.backend import kernels
from ipvalue.constants import GREATEST_FACTOR, MONEY_LIMIT
from ipvalue.intake import hash_ids
from ipvalue.job import Job
from ipvalue.schema import quantile_name
from ipvalue.share import Share
from ipvalue.storage import Written
from ipvalue.store import Store
from ipvalue.summary import asset_schema, with_method_shown
from ipvalue.task import Run, Task, paths_schema
from ipvalue.totals import Totals
from ipvalue.verify.directory import RejectedRows, check_file, damage_noted, read_table
from ipvalue.verify.findings import Findings
from ipvalue.verify.rights import batches, compare_share, filled_rows, kept_paths, path_differences


@dataclass(frozen=True)
class Part:
    """A part by its number: the file of its rights, that of their kept paths, and the task that made it, where the inputs are open."""

    number: int
    assets: Written
    paths: Written | None = None
    task: Task | None = None


@dataclass(frozen=True)
class Audit:
    """What looking at a part needs beside it: `group_by` as in the run, `wanted` an asset_id to find, `run` and `share` where rights are
    re-derived."""

    store: Store
    job: Job
    group_by: tuple[str, ...]
    wanted: str | None = None
    run: Run | None = None
    share: Share | None = None
    rejected: RejectedRows = field(default_factory=dict)

    @cached_property
    def quantiles(self) -> tuple[float, ...]:
        """Those whose sums over the rights can be made again: none where a right's are those of more paths than the totals'."""
        return () if self.job.tolerance is not None else self.job.sampling.quantiles

    @property
    def summed(self) -> list[str]:
        """The columns of the rights that groups add up."""
        return ["value", *map(quantile_name, self.quantiles)]

    def new_totals(self) -> Totals:
        """Empty sums: by group where the inputs are open, and on each path where paths are kept."""
        columns = self.group_by if self.run is not None else ()
        return Totals(columns, self.job.paths if self.job.keep_paths else 0, len(self.summed), self.job.backend)


@dataclass
class Seen:
    """What was seen of a part, by its number, or of many: rights, re-derived ones, hashes of ids by part, sums, and the part that holds `wanted`."""

    totals: Totals
    number: int = -1
    rows: int = 0
    derived: int = 0
    whole: bool = True
    hashes: dict[int, npt.NDArray[np.uint64]] = field(default_factory=dict)
    holder: int | None = None
    findings: Findings = field(default_factory=Findings)

    def merge(self, other: Seen) -> None:
        """Takes over what `other` saw but its findings; the order of parts changes nothing."""
        self.totals.merge(other.totals)
        self.rows += other.rows
        self.derived += other.derived
        self.whole &= other.whole
        self.hashes.update(other.hashes)
        self.holder = min((one for one in (self.holder, other.holder) if one is not None), default=None)


def look_at(part: Part, audit: Audit) -> Seen:
    """Looks at one part. What is wrong with it is among the findings; where it cannot be read, `whole` is false."""
    seen = Seen(audit.new_totals(), part.number)
    good = [check_file(audit.store, file, seen.findings) for file in (part.assets, part.paths) if file is not None]
    if not all(good):
        seen.whole = False
        return seen
    if (table := read_table(audit.store, part.assets.name, seen.findings)) is None:
        seen.whole = False
        return seen
    if table.schema != asset_schema(audit.job.sampling.quantiles):
        seen.whole = False
        seen.findings.add("columns", f"{part.assets.name}: has other columns than the run's options ask for")
        return seen
    _look_at_rows(part, table, audit, seen)
    return seen


def _look_at_rows(part: Part, table: pa.Table, audit: Audit, seen: Seen) -> None:
    ids = table["asset_id"].combine_chunks()
    if table.num_rows != part.assets.rows:
        seen.findings.add("counts", f"{part.assets.name}: holds {table.num_rows:,} rights, and the manifest lists {part.assets.rows:,}")
    seen.rows = table.num_rows
    seen.hashes[part.number] = hash_ids(ids)
    if audit.wanted is not None and pc.index(ids, audit.wanted).as_py() >= 0:
        seen.holder = part.number
    if audit.run is None or part.task is None:
        group = np.zeros(table.num_rows, np.int32)
        seen.totals.groups_of(pa.RecordBatch.from_arrays([pa.nulls(1)], ["none"]))
    else:
        group = _groups_by_inputs(part, part.task, table, audit, audit.run, seen)
    if len(group) != table.num_rows:
        seen.whole = False
        return
    extras = np.stack([table[name].to_numpy() for name in audit.summed], axis=1)
    if not (np.abs(extras) < MONEY_LIMIT * GREATEST_FACTOR).all():
        seen.whole = False
        seen.findings.add("figures that cannot be", f"{part.assets.name}: holds a value or a quantile that is no number, or too large to be summed")
        return
    seen.totals.add(group, extras)
    if part.paths is not None:
        with damage_noted(audit.store, seen.findings):
            _add_paths(part.paths, ids, group, audit, seen)


def _groups_by_inputs(part: Part, task: Task, table: pa.Table, audit: Audit, run: Run, seen: Seen) -> npt.NDArray[np.int32]:
    """(a,) each right's group by its row of the portfolio; shorter where the rows are others. Re-derives the share that is asked for."""
    file, at, groups = task.unit.display, 0, [np.empty(0, np.int32)]
    for batch, row, kept in batches(task, run, audit.rejected.get(file, np.empty(0, np.int64))):
        valued = batch.filter(pa.array(kept))
        stored = table.slice(at, valued.num_rows)
        if not valued["asset_id"].equals(stored["asset_id"].combine_chunks()):
            first = f"{file} from row {task.unit.first_row:,}"
            seen.findings.add(
                "rights out of place", f"{part.assets.name}: does not hold the rights of its rows ({first}): it is another part, or rows were moved"
            )
            return np.empty(0, np.int32)
        at += valued.num_rows
        if valued.num_rows:
            groups.append(seen.totals.groups_of(with_method_shown(filled_rows(run, valued, row[kept], file))))
        if audit.share is not None:
            count, told, assets, values = compare_share(run, batch, row, kept, stored, file, audit.share)
            seen.derived += count
            seen.findings.add("figures that differ", *told)
            if assets is not None and values is not None and part.paths is not None:
                ids = assets["asset_id"].to_pylist()
                seen.findings.add("paths that differ", *path_differences(kept_paths(audit.store, part.paths.name, ids), ids, values))
    if at != table.num_rows:
        seen.findings.add("rights out of place", f"{part.assets.name}: holds {table.num_rows - at:,} rights more than its rows of {file}")
    return np.concatenate(groups)


def _add_paths(file: Written, ids: pa.Array, group: npt.NDArray[np.int32], audit: Audit, seen: Seen) -> None:
    """Adds the kept paths of a part's rights to the sums on each path; `whole` is false where they are not all there."""
    at, kernel, before, seen.whole = 0, kernels(audit.job.backend), seen.whole, False
    for batch in audit.store.ipc_batches(file.name):
        if batch.schema != paths_schema(audit.job):
            seen.findings.add("columns", f"{file.name}: has other columns than the run's options ask for")
            return
        if not batch["asset_id"].equals(ids.slice(at, batch.num_rows)):
            seen.findings.add("rights out of place", f"{file.name}: does not hold the paths of the rights of its part")
            return
        values = batch["values"].flatten().to_numpy().astype(np.float64).reshape(batch.num_rows, audit.job.paths)
        kernel.add_exact(seen.totals.sums, group[at : at + batch.num_rows], values)
        at += batch.num_rows
    if at != len(ids):
        seen.findings.add("rights out of place", f"{file.name}: holds the paths of {at:,} rights, and its part {len(ids):,} rights")
        return
    seen.whole = before


def twice(store: Store, hashes: Mapping[int, npt.NDArray[np.uint64]], names: Mapping[int, str]) -> list[str]:
    """The asset_ids that stand in the parts more than once, in their order."""
    if not hashes:
        return []
    ordered = np.sort(np.concatenate(list(hashes.values())))
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    suspects = [
        store.read_parquet(names[number])["asset_id"].filter(pa.array(np.isin(of_part, repeated)))
        for number, of_part in hashes.items()
        if len(repeated) and np.isin(of_part, repeated).any()
    ]
    counted = pc.value_counts(pa.chunked_array([chunk for one in suspects for chunk in one.chunks], pa.string()))
    return sorted(row["values"] for row in counted.to_pylist() if row["counts"] > 1)
