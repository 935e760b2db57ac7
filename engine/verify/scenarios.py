"""Results of scenarios, sensitivities and indices, looked through: files and counts; of scenarios sums and figures, and a right under each again.

v = versions: the base, then each scenario; p = paths
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue import spread
from ipvalue.backend import kernels
from ipvalue.intake import read
from ipvalue.job import Job
from ipvalue.receipt import Receipt
from ipvalue.scenario_run import reopened_scenarios
from ipvalue.scenario_work import SCENARIO, Scenes, described_rows, figures_of_sums, new_totals, scenarios_schema, sums_schema
from ipvalue.store import MANIFEST
from ipvalue.task import Task, part_name, prepared
from ipvalue.totals import Totals, Words
from ipvalue.verify import directory
from ipvalue.verify.absent import not_there
from ipvalue.verify.bits import same_number
from ipvalue.verify.findings import Findings
from ipvalue.verify.rights import differences
from ipvalue.verify.sums import ROUNDING, Row, is_of, words_of
from ipvalue.verify.verify import Looked, Opened, kernels_here

TABLES = {
    "scenarios": ("scenarios.parquet", "totals.arrow", "rejects.parquet"),
    "sensitivities": ("sensitivities.parquet", "tornado.parquet", "rejects.parquet"),
    "sensitivities --indices": ("indices.parquet", "rejects.parquet"),
}
"""What each command writes beside its parts."""


def look_through(opened: Opened, command: str, wanted: str | None) -> Looked:
    """Looks through all of a result of one of TABLES' commands; of scenarios the right `wanted` is valued again under each of them. Raises InputError
    where `wanted` is not in it."""
    store, manifest = opened.store, opened.manifest
    looked = Looked(opened)
    found, counts, names = looked.findings, manifest["counts"], TABLES[command]
    directory.check_manifest(manifest, found)
    parts = [part_name(number) for number in range(counts["tasks"])]
    directory.check_listed(store, manifest, {*names, *parts}, f"a run of {counts['tasks']:,} tasks", found)
    listed = directory.listed_files(manifest)
    whole = [name for name in (*names, *parts) if name in listed and directory.check_file(store, listed[name], found)]
    read = {name: directory.read_table(store, name, found) for name in whole if name.endswith(".parquet")}
    tables = {name: table for name, table in read.items() if table is not None}
    directory.check_tables_rows(manifest, tables, found)
    looked.lines.append(directory.told_of_files(store, manifest))
    rights = [tables[name] for name in parts if name in tables]
    assets = pa.concat_tables(rights) if len(rights) == len(parts) else None
    _check_counts(command, manifest, assets, tables.get("rejects.parquet"), found)
    looked.lines.append(directory.told_of_counts(manifest))
    if command == "scenarios" and "totals.arrow" in whole and "scenarios.parquet" in tables:
        with directory.damage_noted(store, found):
            _check_scenarios(opened, tables["scenarios.parquet"], assets, found)
        told = f"{len(_names(manifest)):,} with the base: added up on each of {opened.job.paths:,} paths, and described again in scenarios.parquet"
        looked.lines.append(("scenarios", told))
    if "tornado.parquet" in tables:
        _check_tornado(tables["tornado.parquet"], opened.group_by, found)
        looked.lines.append(("tornado", "the ends of each bar: those of the groups add up to those of the whole"))
    if wanted is not None and assets is not None:
        if not pc.any(pc.equal(assets["asset_id"], wanted)).as_py():
            raise not_there(store.location, wanted, [assets["asset_id"]], tables.get("rejects.parquet"))
        _compare(looked, assets, wanted)
    return looked


def _names(manifest: Mapping[str, Any]) -> list[str]:
    """(v,) the names of the versions."""
    return ["base", *(one["name"] for one in manifest["inputs"]["scenarios"])]


def _check_counts(command: str, manifest: Mapping[str, Any], assets: pa.Table | None, rejects: pa.Table | None, found: Findings) -> None:
    counts = manifest["counts"]
    picked = command.endswith("--indices")  # a run of some rows alone
    rows = counts["rows"] if picked else sum(one["rows"] for one in manifest["inputs"]["portfolio"])
    if counts["rows"] != rows or counts["rows"] != counts["valued"] + counts["rejected"]:
        told = f"{counts['rows']:,} rows, {counts['valued']:,} valued and {counts['rejected']:,} rejected, of {rows:,}"
        found.add("counts", f"{MANIFEST}: has counts that do not agree: {told}")
    if assets is not None and (rights := pc.count_distinct(assets["asset_id"]).as_py()) != counts["valued"]:
        found.add("counts", f"{MANIFEST}: counts {counts['valued']:,} valued rights, and the parts hold {rights:,}")
    if rejects is not None and (rejected := sum(map(len, directory.rejected_rows(rejects).values()))) != counts["rejected"]:
        found.add("counts", f"{MANIFEST}: counts {counts['rejected']:,} rejected rows, and rejects.parquet holds {rejected:,}")


def _check_tornado(tornado: pa.Table, group_by: Sequence[str], found: Findings) -> None:
    """Whether the groups' amounts add up to those of the whole, driver by driver."""
    rows = tornado.to_pylist() if group_by else []
    for driver in dict.fromkeys(row["driver"] for row in rows):
        bars = [row for row in rows if row["driver"] == driver]
        for end in ("low", "high", "base"):
            whole, *groups = (Fraction(row[end]) for row in sorted(bars, key=lambda row: row[group_by[0]] is not None))
            if abs(whole - sum(groups)) > sum(map(abs, groups)) * ROUNDING + ROUNDING:
                found.add("groups that do not add up", f"tornado.parquet: {end} of {driver} of the whole is not what its groups' add up to")


# ------------------------------------------------------------------------------------------------ scenarios


def _check_scenarios(opened: Opened, table: pa.Table, assets: pa.Table | None, found: Findings) -> None:
    """Whether totals.arrow has the sums of every scenario and group on each path, the groups' those of the whole, and scenarios.parquet says what
    they and the rights say."""
    job, names = opened.job.model_copy(update={"group_by": opened.group_by}), _names(opened.manifest)
    if table.schema != scenarios_schema(job) or table.num_rows % len(names):
        found.add("columns", "scenarios.parquet: has other columns or rows than the run's options ask for")
        return
    rows: list[Row] = table.to_pylist()
    each, place = len(rows) // len(names), 0
    base: dict[int, tuple[Words, float]] = {}
    whole = added = np.zeros((job.paths, 2), np.uint64)
    for place, batch in enumerate(opened.store.ipc_batches("totals.arrow"), 1):
        if batch.schema != sums_schema(job) or place > len(rows):
            found.add("columns", "totals.arrow: has other columns or groups than scenarios.parquet")
            return
        row, (version, group) = rows[place - 1], divmod(place - 1, each)
        name = f"{','.join(str(row[column]) for column in opened.group_by) if group else 'the whole'} under {row[SCENARIO]!r}"
        if row[SCENARIO] != names[version] or not is_of(batch, row, (SCENARIO, *opened.group_by), job.paths):
            found.add("sums on paths", f"totals.arrow: does not hold the {job.paths:,} paths of {name} where they should be")
            return
        sums = words_of(batch["value"])
        base.setdefault(group, (sums, float(row["mean"])))
        _check_figures(row, sums, base[group], name, job, found)
        if group:
            kernels(job.backend).merge_exact(added, sums)
        else:
            whole, added = sums, np.zeros_like(sums)
        if group and group == each - 1 and not np.array_equal(added, whole):
            found.add("sums on paths", f"totals.arrow: the sums of the whole under {row[SCENARIO]!r} are not those of its groups")
    if place != len(rows):
        found.add("columns", f"totals.arrow: holds {place:,} groups, and scenarios.parquet {len(rows):,}")
    if assets is not None:
        _check_values(assets, {row[SCENARIO]: row for row in rows[::each]}, opened, found)


def _check_figures(row: Row, sums: Words, base: tuple[Words, float], name: str, job: Job, found: Findings) -> None:
    for column, ours in figures_of_sums(sums, *base, job).items():
        if not same_number(row[column], ours):
            found.add("figures of groups", f"scenarios.parquet: {column} of {name} is {row[column]!r}, and totals.arrow gives {ours!r}")


def _check_values(assets: pa.Table, wholes: Mapping[str, Row], opened: Opened, found: Findings) -> None:
    """Whether the rights' values under each scenario add up to the whole's, exactly."""
    totals = Totals((SCENARIO,), 0, 1, opened.job.backend)
    for batch in assets.select([SCENARIO, "value"]).to_batches():
        totals.add(totals.groups_of(batch), batch["value"].to_numpy().reshape(-1, 1))
    for (name,), count, _, extras in totals.ordered()[1:]:
        row = wholes.get(name)
        if row is None or row["assets"] != count or not same_number(row["value"], float(extras[0])):
            found.add("groups that do not add up", f"scenarios.parquet: the whole under {name!r} is not what its {count:,} rights add up to")


def _compare(looked: Looked, assets: pa.Table, wanted: str) -> None:
    """Values one right again under every scenario, and compares its rows."""
    opened = looked.opened
    with reopened_scenarios(opened.manifest, opened.store.location, **opened.options) as (inputs, scenes):
        made = spread.alone(lambda: _derived(inputs.tasks, scenes, wanted))
    stored = assets.filter(pc.equal(assets["asset_id"], wanted))
    looked.derived = 1
    looked.findings.add("figures that differ", *differences(_keyed(stored), None if made is None else _keyed(made)))
    equal = "" if looked.findings.counts["figures that differ"] else ": all equal, to the bit"
    by = kernels_here(opened.job.backend)
    looked.lines.append(("re-derived", f"{wanted} under {stored.num_rows:,} scenarios with the base, with {by}; {stored.num_columns} columns{equal}"))


def _keyed(rows: pa.Table | pa.RecordBatch) -> pa.Table:
    """Rows whose asset_id says of which scenario they are."""
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
    keys = [f"{name} under {scenario!r}" for name, scenario in zip(table["asset_id"].to_pylist(), table[SCENARIO].to_pylist(), strict=True)]
    return table.set_column(table.column_names.index("asset_id"), "asset_id", pa.array(keys, pa.string()))


def _derived(tasks: Sequence[Task], scenes: Scenes, wanted: str) -> pa.RecordBatch | None:
    """The result rows of one right alone."""
    run = scenes.run
    with kernels(run.job.backend).DefaultArithmetic():
        for task in tasks:
            for batch, row, rejects in read(task.unit, run.duplicates, extra=run.extra):
                if (place := pc.index(batch["asset_id"], wanted).as_py()) >= 0:
                    receipt, one = Receipt(new_totals(scenes)), [(batch.slice(place, 1), row[place : place + 1], rejects)]
                    pieces = [rows for chunk in prepared(one, task.unit.display, run, receipt) for rows in chunk]
                    return described_rows(pieces[0], scenes, receipt)
    return None
