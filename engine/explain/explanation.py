"""`ipvalue.explain`: why a portfolio's value moved from one result to another; the command `ipvalue explain` is the same call."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import asdict
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa

from ipvalue.backend import Backend, default_backend, kernel
from ipvalue.constants import NUMERICS_VERSION
from ipvalue.execute import Interrupted, Progress
from ipvalue.explain import match, stages, tables
from ipvalue.explain.ledger import Ledger
from ipvalue.explain.room import MARK, check_shared, room
from ipvalue.explain.task import ASSETS, Found, Plan, explain_share
from ipvalue.explain.way import Way
from ipvalue.explain.worth import width
from ipvalue.fingerprint import differences
from ipvalue.inputs import Inputs, reopened
from ipvalue.job import Job, make_job, refuse_unknown
from ipvalue.likeness import common_ground
from ipvalue.memory import available_memory, parse_memory
from ipvalue.schema import InputError
from ipvalue.shown import ExplanationPlots, Reported, plots_of
from ipvalue.spread import Spread, opened
from ipvalue.storage import Written
from ipvalue.store import LOCK, MANIFEST, Store
from ipvalue.totals import totals_bytes

STEPS_FILE, RECORD = "explain.parquet", "explain.json"
_OPTIONS = ("group_by", "workers", "scheduler", "memory")
_GIB = 1 << 30


class Explanation(Reported):
    """Why a value moved. Tables are pyarrow's."""

    def __init__(self, steps: pa.Table, record: dict[str, Any], store: Store | None) -> None:
        self.steps = steps
        """One row a step, the first the old total and the last the new; the whole, then each group (docs/explain.md)."""
        self.record = record
        """Versions, fingerprints of both results, what differs between their inputs, files."""
        self._store = store

    @cached_property
    def assets(self) -> pa.Table:
        """What each step did to each right that it touched."""
        names = [file["name"] for file in self.record["files"] if file["name"].startswith("assets/")]
        assert self._store is not None
        return pa.concat_tables([ASSETS.empty_table(), *map(self._store.read_parquet, names)])

    @property
    def location(self) -> str | None:
        """The directory that holds it, where one does."""
        return self._store.location if self._store is not None else None

    @property
    def currency(self) -> str:
        """What the amounts are in."""
        return str(self.record["currency"])

    @property
    def group_by(self) -> tuple[str, ...]:
        """The columns that the groups are by."""
        return tuple(self.record["group_by"])

    @property
    def plot(self) -> ExplanationPlots:
        """Charts of it."""
        plots: ExplanationPlots = plots_of(self)
        return plots


def explain(old: str | Path, new: str | Path, *, out: str | Path | None = None, progress: Progress | None = None, **options: Any) -> Explanation:
    """Why the value moved from one results directory to another, step by step.

    out: a directory for explain.parquet, assets/ and explain.json; without it the tables are kept in memory. options: group_by (by default the
    columns that both results are grouped by, else none), workers, scheduler (as of `value`), memory.
    Raises InputError where a result or what it was made of is not there any more as it was, and RunError where the work fails.
    """
    if out is not None:
        return explain_into(str(old), str(new), str(out), options, progress)
    with tempfile.TemporaryDirectory(prefix="ipvalue-explain-") as folder:
        found = explain_into(str(old), str(new), folder, options, progress)
        _ = found.assets
        return found


def open_explanation(location: str | Path) -> Explanation:
    """An explanation that was written to a directory. Raises InputError where it holds none, or is damaged."""
    store = Store(str(location))
    if not store.has(RECORD):
        raise InputError(f"{location}: holds no explanation (it has no {RECORD}): ipvalue explain writes one with --out")
    record = store.read_json(RECORD)
    if record.get("command") != "explain" or not {"old", "new", "currency", "group_by", "differences", "steps", "files"} <= record.keys():
        raise InputError(f"{location}/{RECORD}: was not written by ipvalue explain")
    return Explanation(store.read_parquet(STEPS_FILE), record, store)


def explain_into(old: str, new: str, out: str | None, options: Mapping[str, Any], progress: Progress | None) -> Explanation:
    """The same; without `out` nothing is written, and what the steps did to single rights is not kept."""
    given, store = _checked(options), None if out is None else Store(out)
    if store is not None:
        _check_empty(store)
    try:
        with (
            nullcontext() if store is None else store.all_or_none(RECORD, STEPS_FILE),
            kernel.DefaultArithmetic(),
            _both(Store(old), Store(new), given) as (before, after),
        ):
            return _explained(before, after, store, progress)
    except KeyboardInterrupt:
        raise Interrupted("stopped; nothing of the explanation is kept") from None


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given. Raises InputError naming one that cannot be."""
    given = {name: value for name, value in options.items() if value is not None}
    refuse_unknown(given, _OPTIONS, "explain")
    make_job(given)
    return given


class _Result:
    """One of the two results, with all that it was made of."""

    def __init__(self, store: Store, manifest: dict[str, Any], inputs: Inputs) -> None:
        self.store, self.manifest, self.inputs = store, manifest, inputs
        self.files = [Written(**entry) for entry in manifest["files"]]

    @property
    def side(self) -> match.Side:
        return match.Side(self.store, self.inputs.run.duplicates, self.inputs.run.extra)

    def pieces(self, kind: str) -> list[match.Piece]:
        return match.pieces(kind, self.inputs.portfolio.units(match.ROWS_A_PIECE), self.files)

    def check(self, row: Mapping[str, Any]) -> None:
        """Raises InputError where groups.parquet says another total than a row of the waterfall."""
        said = self.store.read_parquet("groups.parquet")["value"][0].as_py()
        if said != float(int(row["cumulative"].scaleb(6))) / 1e6:
            raise InputError(f"{self.store.location}: its rights are worth {row['cumulative']} together, and groups.parquet says {said!r}")

    @property
    def terms(self) -> dict[str, Any]:
        """For the record."""
        named = ("fingerprint", "ipvalue", "numerics_version")
        market = self.manifest["inputs"]["market"]["content"]
        return {"location": self.store.location, "valuation_date": market["valuation_date"], **{name: self.manifest.get(name) for name in named}}


@contextmanager
def _both(old: Store, new: Store, given: Mapping[str, Any]) -> Iterator[tuple[_Result, _Result]]:
    """Both results' inputs, opened again with the same groups and kernels. Raises InputError where that cannot be."""
    manifests = old.manifest_of("value"), new.manifest_of("value")
    currencies = [one["inputs"]["market"]["content"]["currency"] for one in manifests]
    if currencies[0] != currencies[1]:
        raise InputError(f"{old.location} is in {currencies[0]} and {new.location} in {currencies[1]}: value one of them in the other's currency")
    grouped = [one["options"]["group_by"] for one in manifests]
    backend: Backend = "numba" if any(one["options"].get("rule") for one in manifests) else default_backend()
    how = {"group_by": grouped[0] if grouped[0] == grouped[1] else [], "workers": None, "scheduler": "threads", "memory": None}
    options = {**how, **given, "backend": backend, "keep_paths": False, "rows_per_task": None}
    # what an older engine made of its inputs stands in its result: here they are valued by this one
    now = {**manifests[0], "numerics_version": NUMERICS_VERSION}
    with ExitStack() as stack:
        opened = [_reopened(stack, store, manifest, options) for store, manifest in ((old, now), (new, manifests[1]))]
        yield _Result(old, manifests[0], opened[0]), _Result(new, manifests[1], opened[1])


def _reopened(stack: ExitStack, store: Store, manifest: Mapping[str, Any], options: Mapping[str, Any]) -> Inputs:
    try:
        return stack.enter_context(reopened(manifest, **options))
    except KeyError as error:
        raise InputError(f"{store.location}: its manifest does not say what it was made of (no {error}): value it again with this version") from None
    except InputError as error:
        raise InputError(f"{store.location}: {error}") from None


def _explained(before: _Result, after: _Result, store: Store | None, progress: Progress | None) -> Explanation:
    """Lays both sides out by rights, explains them share by share, and writes what came of it."""
    count = match.shares(max(before.inputs.portfolio.rows, after.inputs.portfolio.rows))
    job = after.inputs.run.job
    check_shared(job, [one for one in (before.store, after.store, store) if one is not None])
    found = stages.stages(before.inputs, after.inputs, job.threads_of_task(count))
    other_engine = any(before.manifest[name] != this for name, this in _VERSIONS.items())
    way = Way(found, before.store.location, after.store.location, other_engine)
    sampling = [stage.appraiser.sampling for stage in (found[0], found[-1]) if stage.appraiser is not None]
    ledger = Ledger(job.group_by, (sampling[0], sampling[1]))
    parts: list[Written] = []
    limit, done = parse_memory(job.memory) if job.memory else available_memory(), 0

    def take(one: Found) -> None:
        nonlocal done
        ledger.merge(one.ledger)
        _check_memory(ledger, job.workers_here, limit)
        parts.extend([one.part] if one.part else [])
        done += 1
        if progress:
            progress(done, count)

    with room(job, store) as folder, _workers(job, before, after, folder) as workers:
        pieces = [*before.pieces("old"), *after.pieces("new")]
        layout = match.Layout(folder, count, before.side, after.side, match.files_of(pieces))
        try:
            workers.run(match.lay_out, pieces, layout, lambda rows: None)
        finally:
            layout.streams.release()
        workers.run(explain_share, list(range(count)), Plan(layout, way, job.group_by, ledger.sampling, store), take)
    steps = _listed(way, ledger)
    table = tables.steps_table(ledger, steps)
    rows = table.slice(0, len(steps)).to_pylist()
    before.check(rows[0])
    after.check(rows[-1])
    return _written(table, _record(before, after, job.group_by, steps), sorted(parts, key=lambda part: part.name), store)


def _workers(job: Job, before: _Result, after: _Result, folder: Store) -> AbstractContextManager[Spread]:
    """Those that the work is spread over; of a cluster's it is asked before whether they see what is read, and where it is laid out."""
    if job.is_local:
        return opened(job.scheduler, job.threads)
    places = [place for one in (before, after) for place in (one.inputs.tasks[0].unit.path, one.store.place(MANIFEST))]
    return opened(job.scheduler, job.threads, common_ground(job.backend, [*places, folder.place(MARK)]))


_VERSIONS = {"ipvalue": version("ipvalue"), "numerics_version": NUMERICS_VERSION}


def _listed(way: Way, ledger: Ledger) -> list[str]:
    """The steps that have something to say: those whose inputs differ, and of the others those that touch a right."""
    entered = {step for step, _ in ledger.amounts}
    differ = {stage.step for stage in way.stages[0 if way.other_engine else 1 :] if stage.of_all}
    return [step for step in stages.steps_of(way.stages) if step in entered | differ | {stages.OLD, stages.NEW}]


def _check_memory(ledger: Ledger, workers: int, limit: int) -> None:
    """Raises InputError where the sums by path of so many steps and groups do not fit."""
    cells = sum(len(sums) for sums in ledger.sums)
    need = totals_bytes(cells, max(map(width, ledger.sampling)), workers)
    if need > limit:
        raise InputError(
            f"the sums by path of {cells:,} steps of groups on {workers:,} workers need about {need / _GIB:,.1f} GiB of memory, and "
            f"{limit / _GIB:,.1f} GiB may be used: group by fewer columns, use fewer workers, or allow more with --memory"
        )


def _record(before: _Result, after: _Result, group_by: tuple[str, ...], steps: list[str]) -> dict[str, Any]:
    """explain.json, but for the files: neither times nor hosts, so that it is the same when it is made again."""
    return {
        **_VERSIONS,
        "command": "explain",
        "old": before.terms,
        "new": after.terms,
        "currency": after.inputs.market.currency,
        "group_by": list(group_by),
        "differences": differences(before.manifest, after.manifest),
        "steps": steps,
    }


def _written(table: pa.Table, record: dict[str, Any], parts: list[Written], store: Store | None) -> Explanation:
    files = parts if store is None else [*parts, store.write_parquet(STEPS_FILE, table)]
    record["files"] = [asdict(one) for one in files]
    if store is not None:
        store.write_json(RECORD, record)
    return Explanation(table, record, store)


def _check_empty(store: Store) -> None:
    there = store.fs.ls(store.root, detail=False) if store.fs.isdir(store.root) else [store.root] if store.fs.exists(store.root) else []
    if any(not path.endswith(f"/{LOCK}") for path in there):
        raise InputError(f"{store.location}: is there already and not an empty directory: name another --out")
