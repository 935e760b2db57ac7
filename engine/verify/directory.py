"""Whether a results directory holds what its manifest lists, and whether the manifest agrees with itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.assumptions import load_assumptions
from ipvalue.fingerprint import fingerprint
from ipvalue.job import Job
from ipvalue.market import market_of
from ipvalue.schema import ENDS_PROCESS, REJECTS_SCHEMA, InputError
from ipvalue.storage import Written
from ipvalue.store import MANIFEST, Store
from ipvalue.task import Task
from ipvalue.verify.findings import Findings

TABLES = ("groups.parquet", "totals.arrow", "rejects.parquet")
AGAIN = "the run's own command with --resume makes it again"

RejectedRows = Mapping[str, npt.NDArray[np.int64]]
"""The rejected rows of each input file, each once, ascending."""


def listed_files(manifest: Mapping[str, Any]) -> dict[str, Written]:
    """The files that a manifest lists, by their names."""
    return {file.name: file for file in (Written(**entry) for entry in manifest["files"])}


def check_manifest(manifest: Mapping[str, Any], found: Findings) -> None:
    """Whether hashes in the manifest are those of what stands beside them."""
    inputs = manifest["inputs"]
    kind = "hashes in the manifest"
    contents = {"market": market_of(inputs["market"]["content"]).sha256, "assumptions": load_assumptions(inputs["assumptions"]["content"]).sha256}
    for name, digest in contents.items():
        if inputs[name]["sha256"] != digest:
            found.add(kind, f"{MANIFEST}: the hash of its {name} is not that of the {name} it holds: one of them was changed")
    if manifest.get("fingerprint") != fingerprint(manifest):
        found.add(kind, f"{MANIFEST}: its fingerprint is not that of its versions, options and inputs: one of them was changed")


def told_of_files(store: Store, manifest: Mapping[str, Any]) -> tuple[str, str]:
    """What was looked at of the files, in a line."""
    return "files", f"{len(manifest['files']):,} listed, {len(store.names()) - 1:,} beside {MANIFEST}; sizes and SHA-256 of all"


def told_of_counts(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """What was looked at of the counts, in a line."""
    counts = manifest["counts"]
    return "counts", f"{counts['rows']:,} rows, {counts['valued']:,} valued, {counts['rejected']:,} rejected, {counts['tasks']:,} parts"


def check_names(store: Store, manifest: Mapping[str, Any], keep_paths: bool, found: Findings) -> None:
    """Whether every file that such a run writes is listed, and no other file is there."""
    tasks = range(manifest["counts"]["tasks"])
    expected = {*TABLES, *(f"assets/part-{number:05d}.parquet" for number in tasks)}
    if keep_paths:
        expected.update(f"paths/part-{number:05d}.arrow" for number in tasks)
    check_listed(store, manifest, expected, f"a run of {len(tasks):,} tasks", found)


def check_listed(store: Store, manifest: Mapping[str, Any], expected: set[str], run: str, found: Findings) -> None:
    """Whether the files that `run` writes are those that are listed, and no other file is there."""
    listed = listed_files(manifest)
    found.add("files that are not listed", *(f"{MANIFEST}: does not list {name}, which {run} writes" for name in sorted(expected - {*listed})))
    found.add("files too many", *(f"{MANIFEST}: lists {name}, which {run} does not write" for name in sorted({*listed} - expected)))
    found.add(
        "files too many", *(f"{name}: is there, and the manifest does not list it" for name in store.names() if name not in {*listed, MANIFEST})
    )


def check_file(store: Store, file: Written, found: Findings) -> bool:
    """Whether a file is there with the bytes that the manifest lists."""
    if store.holds(file):
        return True
    missing = file.name not in store.names()
    what = "is missing" if missing else f"is not what the run wrote (it has other bytes than SHA-256 {file.sha256[:12]}… in the manifest)"
    found.add("damaged files", f"{file.name}: {what}: {AGAIN}")
    return False


@contextmanager
def damage_noted(store: Store, found: Findings) -> Iterator[None]:
    """Within it, a file of the result that cannot be read is one of the findings."""
    try:
        yield
    except InputError as error:
        found.add("damaged files", str(error).removeprefix(f"{store.location}/"))


def read_table(store: Store, name: str, found: Findings) -> pa.Table | None:
    """A Parquet table of the result; None where it cannot be read."""
    with damage_noted(store, found):
        return store.read_parquet(name)
    return None


def check_counts(manifest: Mapping[str, Any], rows_of_parts: int | None, rejects: pa.Table | None, found: Findings) -> None:
    """Whether rows, valued and rejected ones agree. None: the parts, or the rejects, could not all be read."""
    counts, kind = manifest["counts"], "counts"
    rows = sum(one["rows"] for one in manifest["inputs"]["portfolio"])
    if counts["rows"] != rows:
        found.add(kind, f"{MANIFEST}: counts {counts['rows']:,} rows, and its portfolio has {rows:,}")
    if counts["rows"] != counts["valued"] + counts["rejected"]:
        found.add(kind, f"{MANIFEST}: counts {counts['rows']:,} rows, which are not {counts['valued']:,} valued and {counts['rejected']:,} rejected")
    if rows_of_parts is not None and rows_of_parts != counts["valued"]:
        found.add(kind, f"{MANIFEST}: counts {counts['valued']:,} valued rights, and the parts hold {rows_of_parts:,}")
    rejected = counts["rejected"] if rejects is None else sum(map(len, rejected_rows(rejects).values()))
    if rejected != counts["rejected"]:
        found.add(kind, f"{MANIFEST}: counts {counts['rejected']:,} rejected rows, and rejects.parquet holds {rejected:,}")


def without_deadly(tasks: Sequence[Task], rejects: pa.Table | None) -> list[Task]:
    """Tasks that leave the rows out which ended their process in the run: they are not tried again."""
    deadly = {} if rejects is None else rejected_rows(rejects.filter(pc.equal(rejects["rule"], ENDS_PROCESS)))
    return [replace(task, quarantined=tuple(deadly.get(task.unit.display, np.empty(0, np.int64)).tolist())) for task in tasks]


def rejected_rows(rejects: pa.Table) -> RejectedRows:
    """The rejected rows of each file."""
    files, rows = np.array(rejects["file"].to_pylist(), object), rejects["row"].to_numpy()
    return {name: np.unique(rows[files == name]) for name in sorted(set(files.tolist()))}


def check_tables_rows(manifest: Mapping[str, Any], tables: Mapping[str, pa.Table], found: Findings) -> None:
    """Whether tables have as many rows as the manifest lists, and rejects their columns."""
    listed = listed_files(manifest)
    for name, table in tables.items():
        if table.num_rows != listed[name].rows:
            found.add("counts", f"{name}: holds {table.num_rows:,} rows, and the manifest lists {listed[name].rows:,}")
    if "rejects.parquet" in tables and tables["rejects.parquet"].schema != REJECTS_SCHEMA:
        found.add("columns", "rejects.parquet: has other columns than a run writes")


def parts_of(manifest: Mapping[str, Any], job: Job) -> list[tuple[int, Written, Written | None]]:
    """The listed parts: number, file of the rights and, where they are kept, that of their paths."""
    listed = listed_files(manifest)
    numbers = [number for number in range(manifest["counts"]["tasks"]) if f"assets/part-{number:05d}.parquet" in listed]
    return [(n, listed[f"assets/part-{n:05d}.parquet"], listed.get(f"paths/part-{n:05d}.arrow") if job.keep_paths else None) for n in numbers]
