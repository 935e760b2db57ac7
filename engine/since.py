"""A run since an earlier result: what is left to do where some of its rows are taken over (docs/overnight.md).

The sums on each path are updated. What the rows added that are not taken over is valued again from the earlier portfolio and taken out; what stands
in their place is added. All of it is exact, so the result is that of a run of everything.
"""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.appraise import Appraiser, make_appraiser
from ipvalue.assumptions import load_assumptions
from ipvalue.carry import Earlier, Gone, Piece, Renewal, Renewed, run_renewal, run_renewal_apart
from ipvalue.doubts import Doubts
from ipvalue.fingerprint import Terms, differences, fingerprint
from ipvalue.inputs import Inputs
from ipvalue.intake import NOWHERE, Portfolio, Streams, Unit, no_duplicates, reopen_portfolio
from ipvalue.job import PATH_PERIODS_A_SECOND, TYPICAL_YEARS
from ipvalue.journal import SINCE
from ipvalue.manifest import read_totals, terms_of
from ipvalue.market import market_of
from ipvalue.receipt import Receipt
from ipvalue.rows import Longs, Mask
from ipvalue.schema import InputError
from ipvalue.storage import Written
from ipvalue.store import MANIFEST, Store, part_of, table_of
from ipvalue.taken_over import Old, find_taken
from ipvalue.task import Run
from ipvalue.totals import Totals
from ipvalue.work import Work, whole_work

T = TypeVar("T")

_log = logging.getLogger("ipvalue")

_ANY = ("keep_paths", "rows_per_task")
"""Options that say what is kept and how it is cut; no number of a result row depends on them."""
FRESH_TOGETHER = 2048
"""Rows to be valued from which on parts are not put together any more: with fewer, what each call to the kernel costs shows."""
ROWS_TOGETHER = 262_144
"""Most rows of parts that are put together."""
SECONDS_A_DECODED_ROW = 5e-7
"""Order of magnitude; only what is taken over follows from it, never a number."""


@contextmanager
def work_beside(location: str | Path | None) -> Iterator[Callable[[Inputs], Work]]:
    """What finds the work of a run: all rows where `location` is None, else what is left to do beside the result there."""
    with tempfile.TemporaryDirectory(prefix="ipvalue-") as spool:
        yield whole_work if location is None else partial(work_since, location=str(location), spool=Path(spool))


def refuse_to_remove(location: str | Path, store: Store) -> None:
    """Raises InputError where the result in `location` would be removed from `store` before any row is taken over from it."""
    if not store.is_local and Store(str(location)).place("") == store.place(""):
        raise InputError(f"{location}: is no local directory, so --overwrite removes it before any row is taken over: name another --out")


def work_since(inputs: Inputs, location: str, spool: Path) -> Work:
    """What is left to do where the result in `location` is there. CSV files of its portfolio are copied into `spool`.

    Raises InputError where it was made otherwise, or is not what it was.
    """
    store = Store(location)
    manifest = _manifest(inputs, store)
    old, totals = _opened(manifest, inputs, store, spool)
    of_row, editions, doubts = find_taken(inputs, old)
    gone = old.gone(of_row)
    taken = int((of_row != NOWHERE).sum())
    known = {"result": store.place("").rstrip("/"), "fingerprint": manifest["fingerprint"]}
    if not _pays(inputs, of_row, int(gone.sum())):
        _log.info("nothing is taken over from %s: %s of %s rows are the same, so all are valued", location, f"{taken:,}", f"{len(of_row):,}")
        return replace(whole_work(inputs), terms={SINCE: {**known, "carried": 0}})
    _log.info("%s of %s rows are taken over from %s", f"{taken:,}", f"{len(of_row):,}", location)
    leaving = list(_leaving(old, gone))
    renewed = list(_renewed(inputs, np.where(of_row != NOWHERE, old.place[of_row], NOWHERE)))
    if old.lasting:
        renewed, leaving = _side_by_side(renewed, leaving, _stand_ins(of_row, np.array([one.first for one in leaving], np.int64)))
    apart = _together((one.unit, one.rows, (one.unit, one.meant)) for one in leaving)
    tasks: list[Renewed | Gone] = [*renewed, *map(Gone, apart, count(len(inputs.tasks)))]
    fresh, leaves = (_few_wanted(*side) for side in ((inputs.run, inputs.portfolio, of_row == NOWHERE), (old.run, old.portfolio, gone)))
    renewal = Renewal(fresh, leaves, old.earlier, old.lasting, editions)
    left = (old.portfolio.files[0].path,) if gone.any() else ()
    places = (inputs.first_file, store.place(MANIFEST), *left)
    terms = {SINCE: {**known, "carried": taken}}
    begun = Receipt(totals, doubts=doubts)
    return Work(tasks, run_renewal, renewal, begun, (inputs.portfolio, old.portfolio), places, terms, run_renewal_apart)


def fault_of(inputs: Inputs, location: str) -> str | None:
    """Why no rows can be taken over from the result in `location`: it was made otherwise, or it or its portfolio is not what it was; None where they
    can. All of its files that rows are taken from are read."""
    store = Store(location)
    with tempfile.TemporaryDirectory(prefix="ipvalue-") as spool:
        try:
            old, _ = _opened(_manifest(inputs, store), inputs, store, Path(spool))
            for part in old.earlier.parts:
                store.read_as_written(part)
        except InputError as error:
            return str(error)
    return None


def _manifest(inputs: Inputs, store: Store) -> dict[str, Any]:
    """That of an earlier result. Raises InputError where it was made otherwise, or does not agree with itself any more."""
    manifest = store.manifest_of("value")
    try:
        _refuse_others(manifest, terms_of(inputs), store.location)
        files = _files(manifest)
        rows = sum(one.rows for one in files.values() if one.name.startswith("assets/"))
        whole = (manifest["fingerprint"], manifest["counts"]["valued"]) == (fingerprint(manifest), rows)
        whole &= {"totals.arrow", "rejects.parquet"} <= files.keys() and all("path" in file for file in manifest["inputs"]["portfolio"])
    except (AttributeError, KeyError, TypeError):  # names or tables that are not what they were
        whole = False
    if not whole:
        raise _changed(store)
    return manifest


def _files(manifest: Mapping[str, Any]) -> dict[str, Written]:
    """What a manifest lists, by name."""
    return {one.name: one for one in (Written(**entry) for entry in manifest["files"])}


def _changed(store: Store) -> InputError:
    return InputError(f"{store.location}/{MANIFEST}: is not what was written there: value without --since")


def _refuse_others(old: Mapping[str, Any], new: Terms, location: str) -> None:
    """Raises InputError where the earlier result was made with other options, rule or version."""
    if new["options"]["keep_paths"]:
        raise InputError("keep_paths: paths of rows that are taken over are not kept: leave out --keep-paths, or --since")
    if "doubts" not in old:
        raise InputError(f"{location}: does not say what its groups sum up to exactly, as results do now: value without --since")
    options = {**old["options"], **{name: new["options"][name] for name in _ANY}}
    inputs = {name: content for name, content in {**new["inputs"], "rule": old["inputs"].get("rule")}.items() if content is not None}
    if found := differences({**old, "pyarrow": new["pyarrow"], "options": options, "inputs": inputs}, new):
        lines = "".join(f"\n  {one}" for one in found)
        raise InputError(f"{location}: was valued otherwise, so none of its rows can be taken over: value without --since{lines}")


def _opened(manifest: Mapping[str, Any], inputs: Inputs, store: Store, spool: Path) -> tuple[Old, Totals]:
    """The earlier result with all that it was made of, and its sums. Raises InputError where any of it is not what it was."""
    recorded, new = manifest["inputs"], inputs.run.appraiser
    try:
        portfolio = reopen_portfolio(recorded["portfolio"], spool, inputs.run.extra)
    except InputError as error:
        raise InputError(f"{error}; without the rows of {store.location} what they added cannot be taken out: value without --since") from None
    lasting = [recorded[name]["sha256"] for name in ("market", "assumptions")] == [inputs.market.sha256, inputs.assumptions.sha256]
    appraiser = new if lasting else _appraiser(recorded, inputs, store)
    files = _files(manifest)
    parts = tuple(sorted((one for one in files.values() if one.name.startswith("assets/")), key=lambda one: part_of(one.name) or 0))
    earlier = Earlier(store, parts, manifest["pyarrow"] == pa.__version__)
    totals = new.new_totals(inputs.run.job.group_by)
    read_totals(pa.ipc.open_file(store.read_as_written(files["totals.arrow"])).read_all(), totals)
    doubts = Doubts.of_record(manifest["doubts"])
    place = _places(portfolio, table_of(store.read_as_written(files["rejects.parquet"])))
    return Old(portfolio, Run(inputs.run.job, appraiser, no_duplicates(), store), earlier, place, doubts, lasting), totals


def _appraiser(recorded: Mapping[str, Any], inputs: Inputs, store: Store) -> Appraiser:
    """What valued the earlier portfolio."""
    now, market, book = inputs.run.appraiser, market_of(recorded["market"]["content"]), load_assumptions(recorded["assumptions"]["content"])
    if [market.sha256, book.sha256] != [recorded[name]["sha256"] for name in ("market", "assumptions")]:
        raise _changed(store)
    return make_appraiser(market, book, now.sampling, inputs.run.job.premise, False, now.tables.rule)


def _places(portfolio: Portfolio, rejects: pa.Table) -> Longs:
    """(rows,) the number of each row's result row, NOWHERE of those that were set aside."""
    valued, first = np.ones(portfolio.rows, np.bool_), 0
    for file in portfolio.files:
        rows = rejects["row"].filter(pc.equal(rejects["file"], file.display)).to_numpy()
        valued[first + rows] = False
        first += file.rows
    return np.where(valued, np.cumsum(valued) - 1, NOWHERE)


def _pays(inputs: Inputs, of_row: Longs, gone: int) -> bool:
    """Whether it is less work to take rows over than to value all of them."""
    job = inputs.run.job
    a_row = math.isqrt(job.paths * job.most_paths) * TYPICAL_YEARS * inputs.market.steps_per_year / PATH_PERIODS_A_SECOND
    taken = of_row[of_row != NOWHERE]
    again = 0.0
    if not (np.diff(taken) > 0).all():  # each group of parts reads all the earlier ones
        again = len(taken) * len(taken) / ROWS_TOGETHER * SECONDS_A_DECODED_ROW
    return gone * a_row + again < len(taken) * a_row


def _renewed(inputs: Inputs, places: Longs) -> Iterator[Renewed]:
    """The parts of the new result, put together where they have few rows to be valued. places: (rows,) each row's earlier result row."""
    pieces, first = [], 0
    for task in inputs.tasks:
        pieces.append(Piece(task.unit, task.number, places[first : first + task.unit.rows]))
        first += task.unit.rows
    return map(Renewed, _together((one.unit, int(one.fresh.sum()), one) for one in pieces))


@dataclass(frozen=True)
class _Leaving:
    """A range of earlier rows of which those that are meant leave the sums; `first` of them, counted through the portfolio, and (m,) the numbers of
    their result rows."""

    unit: Unit
    meant: Mask
    first: int
    places: Longs

    @property
    def rows(self) -> int:
        return int(self.meant.sum())


def _leaving(old: Old, gone: Mask) -> Iterator[_Leaving]:
    """What is taken out of the sums. gone: (rows,) the earlier rows whose share that is."""
    first = 0
    for unit in old.portfolio.units(old.run.job.task_rows(old.portfolio.rows, old.run.appraiser.tables.steps_per_year)):
        meant = gone[first : first + unit.rows]
        if meant.any():
            yield _Leaving(unit, meant, first + int(np.argmax(meant)), old.place[first : first + unit.rows][meant])
        first += unit.rows


def _few_wanted(run: Run, portfolio: Portfolio, wanted: Mask) -> Run:
    """The same run with all rows known that its tasks want of a portfolio: few of a file, as it mostly is, are read for all of them at once."""
    starts = np.cumsum([0, *(file.rows for file in portfolio.files)])
    return replace(run, streams=Streams({file.path: wanted[first : first + file.rows] for file, first in zip(portfolio.files, starts, strict=False)}))


def _stand_ins(of_row: Longs, firsts: Longs) -> Longs:
    """(n,) for each of some earlier rows about where what stands in for it would be: behind the row that takes over the last one before it."""
    taken = np.flatnonzero(of_row != NOWHERE)
    theirs = of_row[taken]
    order = np.argsort(theirs, kind="stable")
    before = np.searchsorted(theirs, firsts, side="right", sorter=order) - 1
    return np.where(before >= 0, taken[order[before]], 0)


def _side_by_side(renewed: list[Renewed], leaving: list[_Leaving], stand_ins: Longs) -> tuple[list[Renewed], list[_Leaving]]:
    """The parts with what is taken out of the sums beside the rows that most likely stand in for it, and what is left of it. stand_ins: about where
    these are, by range of `leaving`."""
    ends = np.cumsum([sum(piece.unit.rows for piece in one.pieces) for one in renewed])
    room = [sum(int(piece.fresh.sum()) for piece in one.pieces) for one in renewed]
    beside: list[list[_Leaving]] = [[] for _ in renewed]
    rest = []
    for one, stand_in in zip(leaving, stand_ins, strict=True):
        at = int(np.searchsorted(ends, stand_in, side="right"))
        if at < len(room) and one.rows <= room[at] and (not beside[at] or beside[at][0].unit.display == one.unit.display):
            beside[at].append(one)
            room[at] -= one.rows
        else:
            rest.append(one)
    return [_with_leaving(one, here) if here else one for one, here in zip(renewed, beside, strict=True)], rest


def _with_leaving(one: Renewed, here: list[_Leaving]) -> Renewed:
    return replace(one, leaving=tuple((gone.unit, gone.meant) for gone in here), left=np.concatenate([gone.places for gone in here]))


def _together(items: Iterable[tuple[Unit, int, T]]) -> Iterator[tuple[T, ...]]:
    """Items in their order, put together where they are of one file and have few rows to be valued: their ranges, and how many rows of each."""
    group: list[T] = []
    file, rows, fresh = "", 0, 0
    for unit, wanted, item in items:
        if group and (unit.display != file or fresh >= FRESH_TOGETHER or rows + unit.rows > ROWS_TOGETHER):
            yield tuple(group)
            group, rows, fresh = [], 0, 0
        group.append(item)
        file, rows, fresh = unit.display, rows + unit.rows, fresh + wanted
    if group:
        yield tuple(group)
