"""`ipvalue.verify`: a finished result looked through, and rights of it re-derived from the manifest alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ipvalue import spread
from ipvalue.absent import not_there, rejected_as
from ipvalue.backend import Backend, default_backend, kernels
from ipvalue.constants import NUMERICS_VERSION
from ipvalue.execute import Interrupted
from ipvalue.inputs import Inputs, reopened
from ipvalue.job import Job, make_job
from ipvalue.schema import InputError
from ipvalue.share import Share
from ipvalue.shown import Shown
from ipvalue.store import Store, made_by
from ipvalue.verify import directory, sums
from ipvalue.verify.findings import Findings
from ipvalue.verify.parts import Audit, Part, Seen, look_at, twice
from ipvalue.verify.rights import Derived, derive, differences, kept_paths, path_differences

Progress = Callable[[int, int], None]


@dataclass(frozen=True, repr=False)
class Verified(Shown):
    """What was looked at, a line each with its name; what is wrong, a sentence each; how many rights were re-derived, by which kernels."""

    location: str
    checked: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    derived: int
    kernels: str

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(
    location: str | Any,
    *,
    asset: str | None = None,
    loan: str | None = None,
    sample: float | None = None,
    seed: int = 1,
    workers: int | None = None,
    backend: str | None = None,
    progress: Progress | None = None,
) -> Verified:
    """Looks through a results directory: files, counts, ids and sums. Nothing is written.

    asset: re-derives this right from the inputs that the manifest names, and compares every figure bit for bit; loan: of a result of loans, the same
    of a loan. sample: the same of a random share of the rights, or loans (0.001: one in a thousand), chosen by `seed` and each one's own id. Raises
    InputError where this is no result, or of another numerics_version, the right has no row in it, or an input is not there or not what it was.
    """
    if len(given := [name for name, one in (("asset", asset), ("loan", loan), ("sample", sample)) if one is not None]) > 1:
        raise InputError(f"{given[0]} and {given[1]} are both given: re-derive one {'loan' if 'loan' in given else 'right'}, or a share of them")
    if sample is not None and not 0.0 < sample <= 1.0:
        raise InputError(f"sample is {sample!r}: it must be above 0 and at most 1, the share of the rights to re-derive")
    if not 0 <= seed < 2**64:
        raise InputError(f"seed is {seed}: it must be at least 0 and below 2^64")
    command = made_by(Store(str(location)).manifest())
    one, other = ("loan", "asset") if command == "lend" else ("asset", "loan")
    if given == [other]:
        raise InputError(f"{location}: is a result of ipvalue {command}, of which nothing can be re-derived by {other}: give {one} or sample")
    share = None if sample is None else Share(sample, seed)
    try:
        opened = open_to_verify(str(location), workers, backend, command)
        return _looked_at(command, opened, asset, loan, share, progress).verified()
    except KeyboardInterrupt:
        raise Interrupted(f"stopped; {location} was not looked through to its end") from None


def _looked_at(command: str, opened: Opened, asset: str | None, loan: str | None, share: Share | None, progress: Progress | None) -> Looked:
    """A look through the result of a command; what needs Numba is imported for the commands alone that do."""
    if command == "value":
        return _of_value(opened, asset, share, progress)
    if command == "lend":
        from ipvalue.verify import loans

        return loans.look_through(opened, loan, share, progress)
    if command == "lend --largest":
        from ipvalue.verify import lendable

        return lendable.look_through(opened, asset, share, progress)
    from ipvalue.verify import scenarios

    return scenarios.look_through(opened, command, asset, share, progress)


def _of_value(opened: Opened, asset: str | None, share: Share | None, progress: Progress | None) -> Looked:
    if share is None:
        looked = looked_through(opened, asset, progress=progress)
    else:
        with reopened_inputs(opened) as inputs:
            looked = looked_through(opened, None, inputs, share, progress)
    if asset is not None and looked.holder is not None:
        with reopened_inputs(opened) as inputs:
            compare_one(opened, inputs, asset, looked)
    return looked


@dataclass(frozen=True)
class Opened:
    """A finished result that is being verified: its store, its manifest, and its job as it is done here."""

    store: Store
    manifest: dict[str, Any]
    job: Job
    options: dict[str, Any]

    @property
    def group_by(self) -> tuple[str, ...]:
        """The run's group columns."""
        return tuple(self.manifest["options"]["group_by"])


def open_to_verify(location: str, workers: int | None = None, backend: str | None = None, command: str = "value") -> Opened:
    """Raises InputError where this is no finished result of the command, or one of another numerics_version."""
    store = Store(location)
    manifest = store.manifest_of(command)
    if manifest["numerics_version"] != NUMERICS_VERSION:
        made = f"was made under numerics_version {manifest['numerics_version']}, and this is {NUMERICS_VERSION}"
        raise InputError(f"{location}: {made}: verify it with ipvalue {manifest.get('ipvalue')}, or value it again")
    how = done_here(manifest, workers, backend)
    return Opened(store, manifest, make_job({**manifest["options"], **how}), how)


def done_here(manifest: Mapping[str, Any], workers: int | None = None, backend: str | None = None) -> dict[str, Any]:
    """The options that say how a result is made again here, whatever it was made with: no bit depends on them. Groups are those of the result."""
    options = manifest["options"]
    kernels_by_default = options["backend"] if options["rule"] else default_backend()
    return {"workers": workers, "scheduler": "threads", "memory": None, "backend": backend or kernels_by_default, "group_by": ()}


@contextmanager
def reopened_inputs(opened: Opened) -> Iterator[Inputs]:
    """The inputs that the manifest names, opened again. Raises InputError where one is gone or not what it was."""
    with reopened(opened.manifest, opened.store.location, **opened.options) as inputs:
        yield inputs


@dataclass
class Looked:
    """What a look through a result gave so far."""

    opened: Opened
    lines: list[tuple[str, str]] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    holder: int | None = None
    derived: int = 0

    def verified(self) -> Verified:
        """All of it, to be told."""
        return Verified(self.opened.store.location, tuple(self.lines), self.findings.sentences(), self.derived, kernels_here(self.opened.job.backend))


def kernels_here(backend: Backend) -> str:
    """The kernels in use, as a sentence calls them."""
    return f"the C kernels ({kernels('native').isa()})" if backend == "native" else "the Numba kernels"


def looked_through(
    opened: Opened, wanted: str | None = None, inputs: Inputs | None = None, share: Share | None = None, progress: Progress | None = None
) -> Looked:
    """Looks through all of a result; `inputs`, where they are open, say which row makes which right.

    Raises InputError where `wanted` is not in it.
    """
    store, manifest, job = opened.store, opened.manifest, opened.job
    looked = Looked(opened)
    found = looked.findings
    directory.check_manifest(manifest, found)
    directory.check_names(store, manifest, job.keep_paths, found)
    listed = directory.listed_files(manifest)
    tables = {name: name in listed and directory.check_file(store, listed[name], found) for name in directory.TABLES}
    rejects = directory.read_table(store, "rejects.parquet", found) if tables["rejects.parquet"] else None
    groups = directory.read_table(store, "groups.parquet", found) if tables["groups.parquet"] else None
    read = {name: table for name, table in (("rejects.parquet", rejects), ("groups.parquet", groups)) if table is not None}
    directory.check_tables_rows(manifest, read, found)

    rejected = {} if rejects is None else directory.rejected_rows(rejects)
    audit = Audit(store, job, opened.group_by, wanted, inputs.run if inputs else None, share, rejected)
    tasks = dict(enumerate(directory.without_deadly(inputs.tasks, rejects))) if inputs else {}
    parts = [Part(number, assets, paths, tasks.get(number)) for number, assets, paths in directory.parts_of(manifest, job)]
    seen = _look_at_all(parts, audit, progress)
    found.merge(seen.findings)
    looked.holder, looked.derived = seen.holder, seen.derived

    directory.check_counts(manifest, seen.rows if seen.whole else None, rejects, found)
    repeated = twice(store, seen.hashes, {part.number: part.assets.name for part in parts})
    found.add("asset_ids that are there twice", *(f"{name}: has more than one row of results" for name in repeated))
    rows = None if groups is None else sums.check_groups(groups, job, opened.group_by, found)
    if rows is not None and seen.whole:
        sums.check_rights(rows, seen.totals, audit.summed, opened.group_by, found)
    if rows is not None and tables["totals.arrow"]:
        with directory.damage_noted(store, found):
            sums.check_totals(store, rows, job, opened.group_by, seen.totals if seen.whole else None, found)
    _tell(looked, seen, rows, inputs is not None, share)
    if wanted is not None and seen.holder is None:
        _not_there(wanted, audit, parts, rejects, seen, found)
    return looked


def _look_at_all(parts: list[Part], audit: Audit, progress: Progress | None) -> Seen:
    """What was seen of all parts. Parts are looked at in any order; what is wrong with them is told in theirs."""
    seen, done = Seen(audit.new_totals()), 0
    found: dict[int, Findings] = {}

    def take(one: Seen) -> None:
        nonlocal done
        seen.merge(one)
        if one.findings:
            found[one.number] = one.findings
        done += 1
        if progress:
            progress(done, len(parts))

    try:
        spread.run(look_at, parts, audit, "threads", audit.job.threads, take)
    finally:
        if audit.run is not None:
            audit.run.streams.release()
    for number in sorted(found):
        seen.findings.merge(found[number])
    return seen


def _tell(looked: Looked, seen: Seen, rows: list[sums.Row] | None, by_inputs: bool, share: Share | None) -> None:
    """What was looked at, in lines."""
    manifest, job = looked.opened.manifest, looked.opened.job
    lines = looked.lines
    lines.append(directory.told_of_files(looked.opened.store, manifest))
    lines.append(directory.told_of_counts(manifest))
    lines.append(("rights", f"{seen.rows:,} in the parts, their ids" + (", and their places by the rows of the portfolio" if by_inputs else "")))
    if rows is not None:
        groups = f"{len(rows) - 1:,} groups and the whole" if looked.opened.group_by else "the whole"
        against = "each right's group" if by_inputs and looked.opened.group_by else "the rights"
        lines.append(("groups", f"{groups}: added up from {against}, and described again from {job.paths:,} paths of totals.arrow"))
    if share is not None:
        lines.append(
            ("re-derived", f"{seen.derived:,} rights, a share of {share.of_rights:g} by seed {share.seed}, with {kernels_here(job.backend)}")
        )


def _not_there(wanted: str, audit: Audit, parts: list[Part], rejects: pa.Table | None, seen: Seen, found: Findings) -> None:
    """Raises InputError, which says why a right has no row, unless parts that could not be read may hold it."""
    if not seen.whole and not rejected_as(wanted, rejects):
        found.add("rights that are not there", f"{wanted}: is in none of the parts that can be read")
        return
    raise not_there(audit.store.location, wanted, (audit.store.read_parquet(part.assets.name)["asset_id"] for part in parts), rejects)


def compare_one(opened: Opened, inputs: Inputs, asset: str, looked: Looked) -> Derived | None:
    """Re-derives one right and compares it with its row, and with its kept paths where there are any. None where it cannot be re-derived."""
    if looked.holder is None:
        return None
    part = f"assets/part-{looked.holder:05d}.parquet"
    stored = opened.store.read_parquet(part)
    stored = stored.filter(pc.equal(stored["asset_id"], asset))
    tasks, holder = inputs.tasks, looked.holder
    made = spread.alone(lambda: derive(tasks[holder], inputs.run, asset)) if holder < len(tasks) else None
    if made is None:
        looked.findings.add("rights out of place", f"{asset}: is in {part}, and the rows of the portfolio that part is made of do not hold it")
        return None
    looked.derived = 1
    told = differences(stored.slice(0, 1), made.assets)
    looked.findings.add("figures that differ", *told)
    paths = 0
    if made.assets is not None and made.values is not None:
        kept = kept_paths(opened.store, f"paths/part-{looked.holder:05d}.arrow", [asset])
        looked.findings.add("paths that differ", *path_differences(kept, [asset], made.values))
        paths = made.values.shape[1]
    equal = "" if looked.findings.counts["figures that differ"] or looked.findings.counts["paths that differ"] else ": all equal, to the bit"
    beside = f" and {paths:,} kept paths" if paths else ""
    by = kernels_here(opened.job.backend)
    looked.lines.append(("re-derived", f"{asset} from {made.file}, row {made.row}, with {by}; {stored.num_columns} columns{beside}{equal}"))
    return made
