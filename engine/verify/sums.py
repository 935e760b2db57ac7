"""Whether groups add up: groups.parquet and totals.arrow against one another and against the rights."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.backend import kernels
from ipvalue.constants import MONEY_SCALE
from ipvalue.job import Job
from ipvalue.manifest import totals_schema
from ipvalue.schema import quantile_name
from ipvalue.store import Store
from ipvalue.summary import describe_sums, group_schema
from ipvalue.totals import Totals, Words
from ipvalue.verify.bits import same_number
from ipvalue.verify.findings import Findings

Row = Mapping[str, Any]

ROUNDING = Fraction(1, 1 << 40)
"""How far sums of rounded amounts may be off, as a part of what is added."""
_ROUNDING = Fraction(1, 1 << 51)
"""How far a double may be off an exact sum that was rounded to it and divided once."""


def name_of(row: Row, group_by: tuple[str, ...]) -> str:
    """A group as a sentence calls it."""
    return "the whole" if not group_by or row[group_by[0]] is None else f"group {','.join(row[column] for column in group_by)}"


def check_groups(groups: pa.Table, job: Job, group_by: tuple[str, ...], found: Findings) -> list[Row] | None:
    """The rows of groups.parquet, whose groups must together make the whole; None where it is no such table."""
    if groups.schema != group_schema(group_by, job.sampling.quantiles) or not groups.num_rows:
        found.add("columns", "groups.parquet: has other columns than the run's options ask for")
        return None
    rows: list[Row] = groups.to_pylist()
    keys = [tuple(row[column] for column in group_by) for row in rows]
    if len(set(keys)) < len(keys) or any((None in key) != (place == 0) for place, key in enumerate(keys) if group_by):
        found.add("groups that do not add up", "groups.parquet: does not hold the whole first and then each group once")
        return None
    if not group_by:
        return rows
    whole, parts = rows[0], rows[1:]
    if (rights := sum(row["assets"] for row in parts)) != whole["assets"]:
        found.add("groups that do not add up", f"groups.parquet: the whole has {whole['assets']:,} rights, and its groups {rights:,} together")
    for column in ("value", *(f"sum_of_quantiles_{quantile_name(q)}" for q in job.sampling.quantiles)):
        numbers = [Fraction(row[column]) for row in rows]
        if abs(numbers[0] - sum(numbers[1:])) > sum(map(abs, numbers)) * _ROUNDING + Fraction(len(rows), MONEY_SCALE):
            found.add("groups that do not add up", f"groups.parquet: {column} of the whole is {whole[column]!r}, and its groups' do not add up to it")
    return rows


def check_rights(rows: list[Row], totals: Totals, columns: list[str], group_by: tuple[str, ...], found: Findings) -> None:
    """Whether the exact sums of the rights, by group where `totals` has the groups, are those of groups.parquet, to the bit.

    columns: what `totals` adds up: "value", then names of quantiles.
    """
    ordered = totals.ordered()
    if not totals.columns:
        rows = rows[:1]
    names = [name_of(row, group_by) for row in rows]
    if totals.columns and [tuple(row[column] for column in group_by) for row in rows[1:]] != [key for key, *_ in ordered[1:]]:
        found.add("groups that do not add up", "groups.parquet: its groups are not those of the rights")
        return
    for name, row, (_, count, _, sums) in zip(names, rows, ordered, strict=True):
        if row["assets"] != count:
            found.add("groups that do not add up", f"groups.parquet: {name} has {row['assets']:,} rights, and the parts hold {count:,}")
        for column, ours in zip(columns, sums.tolist(), strict=True):
            theirs = row["value" if column == "value" else f"sum_of_quantiles_{column}"]
            if not same_number(theirs, ours):
                found.add("groups that do not add up", f"groups.parquet: {column} of {name} is {theirs!r}, and its rights' add up to {ours!r}")


def check_totals(store: Store, rows: list[Row], job: Job, group_by: tuple[str, ...], rights: Totals | None, found: Findings) -> None:
    """Whether totals.arrow has the groups' sums on each path, those of the whole the sums of the groups', and groups.parquet says what they say.

    rights: the sums of kept paths, where they could all be added.
    """
    kernel, kind = kernels(job.backend), "sums on paths"
    whole: Words | None = None
    added = np.zeros((job.paths, 2), np.uint64)
    expected = [] if rights is None or not job.keep_paths else [sums for _, _, sums, _ in rights.ordered()]
    place = 0
    for place, batch in enumerate(store.ipc_batches("totals.arrow"), 1):
        if batch.schema != totals_schema(group_by) or place > len(rows):
            found.add("columns", "totals.arrow: has other columns or groups than groups.parquet")
            return
        row = rows[place - 1]
        name = name_of(row, group_by)
        if not is_of(batch, row, group_by, job.paths):
            found.add(kind, f"totals.arrow: does not hold the {job.paths:,} paths of {name} where they should be")
            return
        sums = words_of(batch["value"])
        if place == 1:
            whole = sums
        else:
            kernel.merge_exact(added, sums)
        if place <= len(expected) and not np.array_equal(sums, expected[place - 1]):
            path = np.flatnonzero((sums != expected[place - 1]).any(axis=1))[0]
            found.add(kind, f"totals.arrow: the sum of {name} on path {path} is not that of its rights' kept paths")
        _check_described(sums, row, name, job, found)
    if place != len(rows):
        found.add(kind, f"totals.arrow: holds {place:,} groups, and groups.parquet {len(rows):,}")
    if group_by and whole is not None and place == len(rows) and not np.array_equal(whole, added):
        path = np.flatnonzero((whole != added).any(axis=1))[0]
        found.add(kind, f"totals.arrow: the sum of the whole on path {path} is not that of its groups")


def is_of(batch: pa.RecordBatch, row: Row, group_by: tuple[str, ...], paths: int, place: str = "path") -> bool:
    """Whether a batch is one group's, path by path (or by another `place`)."""
    texts = all(batch[column].equals(pa.array([row[column]] * batch.num_rows, pa.string())) for column in group_by)
    return texts and batch[place].equals(pa.array(np.arange(paths))) and batch["value"].null_count == 0


def words_of(values: pa.Array) -> npt.NDArray[np.uint64]:
    """(p, 2) low and high words of decimal128 sums."""
    buffer = values.buffers()[1]
    return np.frombuffer(buffer, np.uint64).reshape(-1, 2)[values.offset : values.offset + len(values)].copy()


def _check_described(sums: Words, row: Row, name: str, job: Job, found: Findings) -> None:
    """Whether groups.parquet says of a group what its sums on each path say."""
    alone = np.array([row[f"sum_of_quantiles_{quantile_name(q)}"] for q in job.sampling.quantiles])
    for column, figure in describe_sums(sums, alone, job.sampling).items():
        ours = None if figure is None else float(figure)
        if not same_number(row[column], ours):
            found.add("figures of groups", f"groups.parquet: {column} of {name} is {row[column]!r}, and totals.arrow gives {ours!r}")
