"""What may be lent on a register, looked through: its files, counts and sums, and rights re-derived from their inputs, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue import spread
from ipvalue.backend import kernels
from ipvalue.intake import hash_ids, read
from ipvalue.lendable.run import reopened_register
from ipvalue.lendable.tables import added_up
from ipvalue.lendable.work import MONEY, SCHEMA, Register, limited, part_name
from ipvalue.lending import principal as most
from ipvalue.receipt import Receipt
from ipvalue.schema import Rejects
from ipvalue.task import Task, prepared
from ipvalue.totals import Totals
from ipvalue.verify import directory
from ipvalue.verify.absent import not_there
from ipvalue.verify.bits import unequal
from ipvalue.verify.findings import Findings
from ipvalue.verify.parts import twice
from ipvalue.verify.rights import Share, chosen, differences
from ipvalue.verify.verify import Looked, Opened, Progress, kernels_here

TABLES = ("borrowers.parquet", "capacity.parquet", "rejects.parquet")
SUMMED = {"borrowers.parquet": ("owner_id",), "capacity.parquet": ("by", "name")}
"""The tables of sums, and the columns by which their rows are called."""


def look_through(opened: Opened, wanted: str | None, share: Share | None, progress: Progress | None) -> Looked:
    """Looks through all of a result, and re-derives the right `wanted` or a share of them. Raises InputError where `wanted` is not in it."""
    store, manifest = opened.store, opened.manifest
    looked = Looked(opened)
    found, tasks = looked.findings, manifest["counts"]["tasks"]
    directory.check_manifest(manifest, found)
    names = {number: part_name(number) for number in range(tasks)}
    directory.check_listed(store, manifest, {*TABLES, *names.values()}, f"a run of {tasks:,} tasks", found)
    listed = directory.listed_files(manifest)
    whole = {name for name in (*TABLES, *names.values()) if name in listed and directory.check_file(store, listed[name], found)}
    read_whole = {name: directory.read_table(store, name, found) for name in TABLES if name in whole}
    tables = {name: table for name, table in read_whole.items() if table is not None}
    directory.check_tables_rows(manifest, tables, found)
    seen = _Seen()
    for number, name in names.items():
        if name in whole:
            with directory.damage_noted(store, found):
                seen.look_at(number, name, store.read_parquet(name), wanted, found)
    rejects, all_there = tables.get("rejects.parquet"), len(seen.hashes) == tasks
    directory.check_counts(manifest, sum(map(len, seen.hashes.values())) if all_there else None, rejects, found)
    found.add("asset_ids that are there twice", *(f"{name}: has more than one row of results" for name in twice(store, seen.hashes, names)))
    looked.lines += [directory.told_of_files(store, manifest), directory.told_of_counts(manifest)]
    if all_there:
        _check_sums(opened, list(names.values()), tables, found)
        looked.lines.append(("sums", "borrowers.parquet and capacity.parquet: added up again from the rights"))
    if wanted is not None and seen.holder is None:
        if all_there:
            raise not_there(store.location, wanted, (store.read_parquet(name)["asset_id"] for name in names.values()), rejects)
        found.add("rights that are not there", f"{wanted}: is in none of the parts that can be read")
    elif wanted is not None or share is not None:
        _re_derive(looked, [seen.holder] if seen.holder is not None else sorted(seen.hashes), wanted, share, progress)
    return looked


@dataclass
class _Seen:
    """What was seen of the parts that could be read: hashes of their ids by number, and which holds the right that is wanted."""

    hashes: dict[int, npt.NDArray[np.uint64]] = field(default_factory=dict)
    holder: int | None = None

    def look_at(self, number: int, name: str, part: pa.Table, wanted: str | None, found: Findings) -> None:
        """Looks at a part: its columns, and whether the least limit of each right is the one that binds."""
        if part.schema != SCHEMA:
            found.add("columns", f"{name}: has other columns than a run writes")
            return
        self.hashes[number] = hash_ids(part["asset_id"].combine_chunks())
        if wanted is not None and pc.index(part["asset_id"], wanted).as_py() >= 0:
            self.holder = number
        limits = np.stack([pc.fill_null(part[column], most.NO_LIMIT).to_numpy() for column in MONEY[1:-1]], axis=1)
        least, binding = most.binding(limits)
        ours = pa.array(most.LIMITS, pa.string()).take(pa.array(binding, mask=binding < 0))
        made = {MONEY[-1]: pa.array(least, mask=~np.isfinite(least)), "binding_limit": ours}
        for column, values in made.items():
            for row in unequal(part[column], values):
                found.add("limits", f"{name}: {column} of {part['asset_id'][row]} is {part[column][row]}, and by its limits {values[row]}")


def _check_sums(opened: Opened, parts: Sequence[str], tables: dict[str, pa.Table], found: Findings) -> None:
    """Whether the tables of sums are what the rights of the parts add up to."""
    for (name, keys), made in zip(SUMMED.items(), added_up(opened.store, parts, opened.job.backend), strict=True):
        if (stored := tables.get(name)) is None:
            continue
        if stored.schema != made.schema or any(stored[key].to_pylist() != made[key].to_pylist() for key in keys):
            found.add("sums", f"{name}: has other columns or rows than the rights of the parts make")
            continue
        for column in made.column_names:
            for row in unequal(stored[column], made[column]):
                called = " ".join(str(stored[key][row]) for key in keys if stored[key][row].is_valid)
                found.add("sums", f"{name}: {column} of {called} is {stored[column][row]}, and its rights add up to {made[column][row]}")


# ------------------------------------------------------------------------------------------------ rights again


@dataclass(frozen=True)
class _Again:
    """What re-deriving needs: the result, what its tasks shared, and which rights."""

    opened: Opened
    register: Register
    wanted: str | None
    share: Share | None

    def release(self) -> None:
        """Lets go of what is open."""
        self.register.release()

    def taken(self, ids: pa.StringArray) -> npt.NDArray[np.bool_]:
        """Which of some rights are re-derived."""
        if self.share is not None:
            return chosen(hash_ids(ids), self.share.of_rights, self.share.seed)
        found: npt.NDArray[np.bool_] = pc.equal(ids, self.wanted).to_numpy(zero_copy_only=False)
        return found


def _re_derive(looked: Looked, numbers: Sequence[int], wanted: str | None, share: Share | None, progress: Progress | None) -> None:
    """Re-derives rights of some parts, each from its own row, and compares them with their rows of results."""
    opened, told, done = looked.opened, dict[int, list[str]](), 0

    def take(one: tuple[int, int, list[str]]) -> None:
        nonlocal done
        number, count, differing = one
        told[number], done = differing, done + 1
        looked.derived += count
        if progress:
            progress(done, len(numbers))

    with reopened_register(opened.manifest, opened.store.location, **opened.options) as (inputs, register):
        again = _Again(opened, register, wanted, share)
        try:
            spread.run(_compared, [inputs.tasks[number] for number in numbers], again, "threads", opened.job.threads, take)
        finally:
            again.release()
    for number in sorted(told):
        looked.findings.add("figures that differ", *told[number])
    equal = "" if looked.findings.counts["figures that differ"] else ": all equal, to the bit"
    of = f"{looked.derived:,} rights, a share of {share.of_rights:g} by seed {share.seed}" if share is not None else f"{wanted}"
    looked.lines.append(("re-derived", f"{of}, with {kernels_here(opened.job.backend)}; {len(SCHEMA)} columns{equal}"))


def _compared(task: Task, again: _Again) -> tuple[int, int, list[str]]:
    """The number of a task, how many of its rights were re-derived, and what differs."""
    run = again.register.run
    receipt, count = Receipt(Totals((), 0, 0, run.job.backend)), 0
    made: list[pa.RecordBatch] = []
    with kernels(run.job.backend).DefaultArithmetic():
        for batch, row, _ in read(task.unit, run.duplicates, extra=run.extra):
            taken = again.taken(batch["asset_id"])
            count += int(taken.sum())
            some = [(batch.filter(pa.array(taken)), row[taken], Rejects())]
            for pieces in prepared(some, task.unit.display, run, receipt):
                made += limited(pieces, again.register, receipt)
    stored = again.opened.store.read_parquet(part_name(task.number))
    stored = stored.filter(pa.array(again.taken(stored["asset_id"].combine_chunks())))
    return task.number, count, differences(stored, pa.Table.from_batches(made, SCHEMA), done="lent on")
