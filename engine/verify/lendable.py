"""What may be lent on a register, looked through: its files, counts and sums, and rights re-derived from their inputs, bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.intake import hash_ids
from ipvalue.lendable.run import reopened_register
from ipvalue.lendable.tables import added_up
from ipvalue.lendable.work import MONEY, SCHEMA, Register, limited, part_name
from ipvalue.lending import principal as most
from ipvalue.receipt import Receipt
from ipvalue.share import Share
from ipvalue.task import Clean, prepared
from ipvalue.totals import Totals
from ipvalue.verify import directory
from ipvalue.verify.again import Made, Which, re_derive
from ipvalue.verify.bits import unequal
from ipvalue.verify.findings import Findings
from ipvalue.verify.parts import twice
from ipvalue.verify.verify import Looked, Opened, Progress

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
                seen.look_at(number, name, store.read_parquet(name), found)
    rejects, all_there = tables.get("rejects.parquet"), len(seen.hashes) == tasks
    directory.check_counts(manifest, sum(map(len, seen.hashes.values())) if all_there else None, rejects, found)
    found.add("asset_ids that are there twice", *(f"{name}: has more than one row of results" for name in twice(store, seen.hashes, names)))
    looked.lines += [directory.told_of_files(store, manifest), directory.told_of_counts(manifest)]
    if all_there:
        _check_sums(opened, list(names.values()), tables, found)
        looked.lines.append(("sums", "borrowers.parquet and capacity.parquet: added up again from the rights"))
    which, readable = Which(wanted, share), {number: names[number] for number in seen.hashes}
    if parts := which.parts(store, readable, all_there, rejects, found):
        re_derive(looked, _MADE, parts, which, rejects, progress)
    return looked


@dataclass
class _Seen:
    """What was seen of the parts that could be read: hashes of their ids by number."""

    hashes: dict[int, npt.NDArray[np.uint64]] = field(default_factory=dict)

    def look_at(self, number: int, name: str, part: pa.Table, found: Findings) -> None:
        """Looks at a part: its columns, and whether the least limit of each right is the one that binds."""
        if part.schema != SCHEMA:
            found.add("columns", f"{name}: has other columns than a run writes")
            return
        self.hashes[number] = hash_ids(part["asset_id"].combine_chunks())
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


def _rows(clean: Iterable[Clean], file: str, register: Register) -> pa.Table:
    """What may be lent on the rights of clean rows."""
    run, receipt = register.run, Receipt(Totals((), 0, 0, register.run.job.backend))
    return pa.Table.from_batches(limited(chain.from_iterable(prepared(clean, file, run, receipt)), register, receipt), SCHEMA)


_MADE = Made(reopened_register, _rows, part_name, done="lent on")
