"""Results of scenarios, sensitivities and indices, looked through: files, counts, sums and figures, and rights re-derived, bit for bit.

v = versions: the base, then each scenario; p = paths
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue import scenario_work
from ipvalue.backend import kernels
from ipvalue.indices import reopened_indices
from ipvalue.indices import work as index_work
from ipvalue.job import Job
from ipvalue.receipt import Receipt
from ipvalue.scenario_run import STATISTICS, reopened_scenarios
from ipvalue.scenario_tables import SCENARIO, figures_of_sums, scenarios_schema, sums_of_each, sums_schema
from ipvalue.scenario_work import Scenes
from ipvalue.sensitivities import reopened_sensitivities
from ipvalue.sensitivities import work as sensitivity_work
from ipvalue.sensitivities.work import Bench
from ipvalue.share import Share
from ipvalue.simulate import Made as Statistics
from ipvalue.store import MANIFEST
from ipvalue.task import Clean, Run, part_name
from ipvalue.totals import Totals, Words
from ipvalue.verify import directory
from ipvalue.verify.again import Made, Which, re_derive
from ipvalue.verify.bits import same_number
from ipvalue.verify.findings import Findings
from ipvalue.verify.sums import ROUNDING, Row, is_of, words_of
from ipvalue.verify.verify import Looked, Opened, Progress

TABLES = {
    "scenarios": ("scenarios.parquet", "totals.arrow", "rejects.parquet"),
    "sensitivities": ("sensitivities.parquet", "tornado.parquet", "rejects.parquet"),
    "sensitivities --indices": ("indices.parquet", "rejects.parquet"),
}
"""What each command writes beside its parts."""


def _of_scenarios(clean: Iterable[Clean], file: str, scenes: Scenes) -> pa.Table:
    return scenario_work.rows_of(clean, file, scenes, Receipt(scenario_work.new_totals(scenes)))


def _of_drivers(clean: Iterable[Clean], file: str, bench: Bench) -> pa.Table:
    return sensitivity_work.rows_of(clean, file, bench, Receipt(sensitivity_work.new_totals(bench)))


def _of_inputs(clean: Iterable[Clean], file: str, run: Run) -> pa.Table:
    return index_work.rows_of(clean, file, run, index_work.new_receipt(run))


MADE = {
    "scenarios": Made(
        reopened_scenarios,
        _of_scenarios,
        part_name,
        called=(SCENARIO, "{} under {!r}"),
        beside=lambda scenes: f" under {len(scenes.names):,} scenarios with the base",
    ),
    "sensitivities": Made(reopened_sensitivities, _of_drivers, part_name, called=("driver", "{} by {}")),
    "sensitivities --indices": Made(reopened_indices, _of_inputs, part_name, clean=index_work.picked_rows, called=("input", "{} by {}")),
}
"""How rights of each command's results are made again."""


def look_through(opened: Opened, command: str, wanted: str | None, share: Share | None, progress: Progress | None) -> Looked:
    """Looks through all of a result of one of TABLES' commands, and re-derives the right `wanted` or a share of them. Raises InputError where
    `wanted` is not in it."""
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
    rejects = tables.get("rejects.parquet")
    _check_counts(command, manifest, assets, rejects, found)
    looked.lines.append(directory.told_of_counts(manifest))
    if command == "scenarios" and "totals.arrow" in whole and "scenarios.parquet" in tables:
        with directory.damage_noted(store, found):
            _check_scenarios(opened, tables["scenarios.parquet"], assets, found)
        told = f"{len(_names(manifest)):,} with the base: added up {_added_up(opened)}, and described again in scenarios.parquet"
        looked.lines.append(("scenarios", told))
    if "tornado.parquet" in tables:
        _check_tornado(tables["tornado.parquet"], opened.group_by, found)
        looked.lines.append(("tornado", "the ends of each bar: those of the groups add up to those of the whole"))
    if "indices.parquet" in tables and assets is not None and tables["indices.parquet"] != assets:
        found.add("indices", "indices.parquet: does not hold what the parts hold")
    which, readable = Which(wanted, share), {number: name for number, name in enumerate(parts) if name in tables}
    if again := which.parts(store, readable, assets is not None, rejects, found):
        re_derive(looked, MADE[command], again, which, rejects, progress)
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


def _made(opened: Opened) -> Statistics:
    return STATISTICS[opened.manifest["inputs"]["statistics"]]


def _added_up(opened: Opened) -> str:
    number = sums_of_each(_made(opened), opened.job.sampling)
    return f"over each of {number:,} lots of paths" if _made(opened) == "lots" else f"on each of {number:,} paths"


def _check_scenarios(opened: Opened, table: pa.Table, assets: pa.Table | None, found: Findings) -> None:
    """Whether totals.arrow has the sums of every scenario and group on each path, the groups' those of the whole, and scenarios.parquet says what
    they and the rights say."""
    job, names, made = opened.job.model_copy(update={"group_by": opened.group_by}), _names(opened.manifest), _made(opened)
    number, wanted = sums_of_each(made, job.sampling), sums_schema(job, made)
    if table.schema != scenarios_schema(job, made) or table.num_rows % len(names):
        found.add("columns", "scenarios.parquet: has other columns or rows than the run's options ask for")
        return
    rows: list[Row] = table.to_pylist()
    each, place = len(rows) // len(names), 0
    base: dict[int, tuple[Words, float]] = {}
    whole = added = np.zeros((number, 2), np.uint64)
    for place, batch in enumerate(opened.store.ipc_batches("totals.arrow"), 1):
        if batch.schema != wanted or place > len(rows):
            found.add("columns", "totals.arrow: has other columns or groups than scenarios.parquet")
            return
        row, (version, group) = rows[place - 1], divmod(place - 1, each)
        name = f"{','.join(str(row[column]) for column in opened.group_by) if group else 'the whole'} under {row[SCENARIO]!r}"
        if row[SCENARIO] != names[version] or not is_of(batch, row, (SCENARIO, *opened.group_by), number, wanted.names[-2]):
            found.add("sums on paths", f"totals.arrow: does not hold the {number:,} {wanted.names[-2]}s of {name} where they should be")
            return
        sums = words_of(batch["value"])
        base.setdefault(group, (sums, float(row["mean"])))
        _check_figures(row, sums, base[group], name, job, made, found)
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


def _check_figures(row: Row, sums: Words, base: tuple[Words, float], name: str, job: Job, made: Statistics, found: Findings) -> None:
    for column, ours in figures_of_sums(sums, *base, job, made).items():
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
