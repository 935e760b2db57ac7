"""A result of loans, looked through: its files and counts, who bears what on every path, and loans re-derived from their inputs, bit for bit.

l = loans, p = paths
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue import spread
from ipvalue.backend import kernels
from ipvalue.intake import hash_ids
from ipvalue.lending.bearing import SUMMED, Words, bear, tail_sums
from ipvalue.lending.book import NAMES, Tails, book_figures, contributions, tails
from ipvalue.lending.sharing import BEARERS
from ipvalue.loan_run import Planned, reopened_book
from ipvalue.loan_tables import LOANS_A_PART, LOSSES, NONE, ORDER, TOLD, Ledger, events_of, loan_rows, years_of
from ipvalue.loan_work import ENDS as LOAN_ENDS
from ipvalue.loan_work import NUMBER, Book, LoanTask, lent_of, new_receipt
from ipvalue.pledged import ENDS as RIGHT_ENDS
from ipvalue.store import MANIFEST
from ipvalue.verify import directory
from ipvalue.verify.absent import not_there
from ipvalue.verify.bits import same_number
from ipvalue.verify.findings import Findings
from ipvalue.verify.rights import Share, chosen, differences
from ipvalue.verify.sums import words_of
from ipvalue.verify.verify import Looked, Opened, Progress, kernels_here

TABLES = ("book.parquet", "exposures.parquet", "losses.arrow", "rejects.parquet")
PARTS = ("bank", *BEARERS)
"""Who bears a loss."""
ADDED = {"expected_loss": ("all", "mean"), "bank_expected_loss": ("bank", "mean")} | {
    f"{begin}es_{name}": (bearer, f"es_{name}") for begin, bearer in TOLD.items() for name in NAMES
}
"""Columns of the loans that add up to a figure of a bearer in the book."""
ROUNDING = Fraction(1, 1 << 40)
"""How far sums of rounded figures may be off, as a part of the amounts that are added."""
OF_BALANCES = ("bank_expected_loss", "break_even_spread", *(f"bank_es_{name}" for name in NAMES))
"""What follows from all loans of a programme whose balance may run out."""


def look_through(opened: Opened, wanted: str | None, share: Share | None, progress: Progress | None) -> Looked:
    """Looks through all of a result of loans, and re-derives the loan `wanted` or a share of them. Raises InputError where `wanted` is not in it."""
    store, manifest = opened.store, opened.manifest
    looked = Looked(opened)
    found, counts = looked.findings, manifest["counts"]
    directory.check_manifest(manifest, found)
    names = [f"loans/part-{number:05d}.parquet" for number in range(-(-counts["valued"] // LOANS_A_PART))]
    directory.check_listed(store, manifest, {*TABLES, *names}, "such a book", found)
    listed = directory.listed_files(manifest)
    whole = {name for name in (*TABLES, *names) if name in listed and directory.check_file(store, listed[name], found)}
    read = {name: directory.read_table(store, name, found) for name in sorted(whole) if name.endswith(".parquet")}
    tables = {name: table for name, table in read.items() if table is not None}
    directory.check_tables_rows(manifest, tables, found)
    looked.lines.append(directory.told_of_files(store, manifest))
    parts = [tables[name] for name in names if name in tables]
    loans = pa.concat_tables(parts).combine_chunks() if len(parts) == len(names) else None
    rejects = tables.get("rejects.parquet")
    _check_counts(manifest, loans, rejects, tables.get("exposures.parquet"), found)
    looked.lines.append(
        ("counts", f"{counts['rows']:,} loans, {counts['valued']:,} lent, {counts['rejected']:,} rejected, {counts['tasks']:,} tasks")
    )
    sums = None
    if "losses.arrow" in whole:
        with directory.damage_noted(store, found):
            sums = _sums(opened, found)
    if sums is not None and "book.parquet" in tables:
        _check_book(tables["book.parquet"], sums, loans, found)
        looked.lines.append(("losses", f"{len(PARTS)} bearers: added up on each of {opened.job.paths:,} paths, and described again in book.parquet"))
    if wanted is not None and loans is not None and not pc.any(pc.equal(loans["loan_id"], wanted)).as_py():
        raise not_there(store.location, wanted, [loans["loan_id"]], rejects, "loan")
    if (wanted is not None or share is not None) and loans is not None and rejects is not None and sums is not None:
        with reopened_book(manifest, store.location, **opened.options) as planned:
            _compare(looked, planned, loans, rejects, sums, wanted, share, progress)
    return looked


def _check_counts(manifest: Mapping[str, Any], loans: pa.Table | None, rejects: pa.Table | None, exposures: pa.Table | None, found: Findings) -> None:
    """Whether loans that were read, lent and rejected agree, in the manifest and in the tables."""
    counts, kind, files = manifest["counts"], "counts", manifest["inputs"]["loans"]["files"]
    rows = sum(one["rows"] for one in files.values())
    if counts["rows"] != rows:
        found.add(kind, f"{MANIFEST}: counts {counts['rows']:,} loans, and its tables of loans have {rows:,}")
    if counts["rows"] != counts["valued"] + counts["rejected"]:
        found.add(
            kind,
            f"{MANIFEST}: counts {counts['rows']:,} loans, which are not {counts['valued']:,} lent and {counts['rejected']:,} rejected",
        )
    if loans is not None and loans.num_rows != counts["valued"]:
        found.add(kind, f"{MANIFEST}: counts {counts['valued']:,} loans that are lent, and the parts hold {loans.num_rows:,}")
    if loans is not None and (repeated := loans.num_rows - pc.count_distinct(loans["loan_id"]).as_py()):
        found.add(kind, f"loans: {repeated:,} loan_ids are there more than once")
    if rejects is not None:
        rejected = sum(len(rows) for file, rows in directory.rejected_rows(rejects).items() if file in files)
        if rejected != counts["rejected"]:
            found.add(kind, f"{MANIFEST}: counts {counts['rejected']:,} rejected loans, and rejects.parquet holds {rejected:,}")
    if exposures is not None and loans is not None:
        _check_exposures(exposures, loans, counts, found)


def _check_exposures(exposures: pa.Table, loans: pa.Table, counts: Mapping[str, int], found: Findings) -> None:
    """Whether exposures.parquet has the loans that are lent and those left out, and sectors and right types make up the whole."""
    rows, kind = exposures.to_pylist(), "exposures"
    heads = {row["by"]: row for row in rows if row["name"] is None and row["concentration"] is None and row["by"] != "sector"}
    principal = float(loans["principal"].to_numpy().sum())
    if heads["all"]["loans"] != counts["valued"] or not same_number(heads["all"]["principal"], principal):
        found.add(kind, f"exposures.parquet: the whole is not the {counts['valued']:,} loans of the parts with a principal of {principal!r}")
    if heads["left out"]["loans"] != counts["rejected"]:
        found.add(kind, f"exposures.parquet: {heads['left out']['loans']:,} loans are left out, and {counts['rejected']:,} were rejected")
    for by in ("sector", "right_type"):
        amounts = [Fraction(row["principal"]) for row in rows if row["by"] == by and row["principal"] is not None]
        if abs(sum(amounts) - Fraction(principal)) > Fraction(principal) * ROUNDING:
            found.add(kind, f"exposures.parquet: the principals by {by} do not add up to the whole")


def _sums(opened: Opened, found: Findings) -> Words | None:
    """(SUMMED, p, 2) what each bearer loses on each path; None where losses.arrow does not hold it."""
    paths, kind = opened.job.paths, "losses that do not add up"
    sums = np.zeros((len(SUMMED), paths, 2), np.uint64)
    batches = list(opened.store.ipc_batches("losses.arrow"))
    if [batch.schema for batch in batches] != [LOSSES] * len(ORDER):
        found.add("columns", "losses.arrow: has not a batch for each bearer, with bearer, path and loss")
        return None
    for name, batch in zip(ORDER, batches, strict=True):
        ours = batch["bearer"].equals(pa.array([name] * paths)) and batch["path"].equals(pa.array(np.arange(paths))) and not batch["loss"].null_count
        if not ours:
            found.add(kind, f"losses.arrow: does not hold the {paths:,} paths of {name} where they should be")
            return None
        sums[SUMMED.index(name)] = words_of(batch["loss"])
    added = np.zeros((paths, 2), np.uint64)
    for name in PARTS:
        kernels(opened.job.backend).merge_exact(added, np.ascontiguousarray(sums[SUMMED.index(name)]))
    if not np.array_equal(added, sums[SUMMED.index("all")]):
        path = np.flatnonzero((added != sums[SUMMED.index("all")]).any(axis=1))[0]
        found.add(kind, f"losses.arrow: what bank, fund, guarantor, insurer and appraiser lose on path {path} is not what is lost in all")
    return sums


def _check_book(book: pa.Table, sums: Words, loans: pa.Table | None, found: Findings) -> None:
    """Whether book.parquet says of each bearer what its losses on the paths say, and the loans' parts add up to it."""
    rows = {row["bearer"]: row for row in book.to_pylist()}
    if tuple(rows) != ORDER:
        found.add("columns", "book.parquet: has not a row for each bearer")
        return
    for name in ORDER:
        for column, ours in book_figures(sums[SUMMED.index(name)]).items():
            if not same_number(rows[name][column], ours):
                found.add("figures of the book", f"book.parquet: {column} of {name} is {rows[name][column]!r}, and losses.arrow gives {ours!r}")
    for column, (name, figure) in ADDED.items():
        if loans is None:
            return
        parts = [Fraction(one) for one in loans[column].to_pylist()]
        if abs(sum(parts) - Fraction(rows[name][figure])) > sum(map(abs, parts)) * ROUNDING + ROUNDING:
            found.add(
                "parts that do not add up",
                f"book.parquet: {figure} of {name} is {rows[name][figure]!r}, and {column} of the loans does not add up to it",
            )


# ------------------------------------------------------------------------------------------------ re-deriving


@dataclass(frozen=True)
class _Again:
    """What re-deriving some units needs: the book with their rights, what its tables are made by, the losses on the paths, and their tails."""

    book: Book
    ledger: Ledger
    sums: Words
    found: Tails

    def release(self) -> None:
        """Lets go of what is open."""
        self.book.release()


def _compare(
    looked: Looked,
    planned: Planned,
    loans: pa.Table,
    rejects: pa.Table,
    sums: Words,
    wanted: str | None,
    share: Share | None,
    progress: Progress | None,
) -> None:
    """Re-derives the loan `wanted`, or a share of all, and compares them with their rows; also that of which the reasons are in the rejects."""
    found, ids = looked.findings, planned.loans.loan_id
    taken: npt.NDArray[np.bool_] = pc.equal(ids, wanted or "").to_numpy(zero_copy_only=False)
    if share is not None:
        taken = chosen(hash_ids(ids), share.of_rights, share.seed)
    tasks = _tasks(planned, np.flatnonzero(taken), rejects)
    made: list[pa.Table] = []
    with tempfile.TemporaryDirectory(prefix="ipvalue-") as folder:
        again = _Again(planned.book_of(tasks, Path(folder)), planned.ledger, sums, tails(sums))

        def take(table: pa.Table) -> None:
            made.append(table)
            if progress:
                progress(len(made), len(tasks))

        try:
            spread.run(_derived, tasks, again, "threads", looked.opened.job.threads, take)
        finally:
            again.release()
    names = ids.filter(pa.array(taken))
    stored = loans.filter(pc.is_in(loans["loan_id"], names))
    derived = pa.concat_tables(made).combine_chunks() if made else loans.slice(0, 0)
    derived = derived.filter(pc.is_in(derived["loan_id"], names))
    derived = derived.take(pc.sort_indices(pc.index_in(derived["loan_id"], ids)))
    looked.derived = len(names)
    found.add("figures that differ", *_differences(stored, derived, planned))
    limited = int(_limited(planned.ledger, np.flatnonzero(taken)).sum())
    beside = f"; of {limited:,} what the bank bears follows from a balance that all loans of a programme share, and is not" if limited else ""
    by = kernels_here(looked.opened.job.backend)
    if share is not None:
        looked.lines.append(("re-derived", f"{len(names):,} loans, a share of {share.of_rights:g} by seed {share.seed}, with {by}{beside}"))
        return
    equal = "" if found.counts["figures that differ"] else ": all equal, to the bit"
    at = int(np.flatnonzero(taken)[0])
    where = f"{planned.loans.files[planned.loans.file[at]]}, row {planned.loans.row[at]}"
    count = stored.num_columns - (len(OF_BALANCES) if limited else 0)
    looked.lines.append(("re-derived", f"{wanted} from {where}, with {by}; {count} columns{equal}{beside}"))


def _tasks(planned: Planned, loans: npt.NDArray[np.int64], rejects: pa.Table) -> list[LoanTask]:
    """Tasks of the units of some loans, numbered anew, as the run's were cut; what ended processes then is not tried again."""
    book = planned.loans
    rights = _told(rejects, RIGHT_ENDS[1])
    dead = np.flatnonzero(pc.is_in(book.loan_id, pa.array(_told(rejects, LOAN_ENDS), pa.string())).to_numpy(zero_copy_only=False))
    deadly_rights = np.flatnonzero(pc.is_in(book.assets, pa.array(rights, pa.string())).to_numpy(zero_copy_only=False))
    units = np.isin(book.unit, book.unit[loans])
    cut: list[Any] = list(planned.inputs.tasks)
    parts = [task.loans[units[task.loans]] for task in cut]
    ends = tuple(deadly_rights.tolist()), tuple(dead.tolist())
    return [LoanTask(number, one, *ends) for number, one in enumerate(part for part in parts if len(part))]


def _told(rejects: pa.Table, rule: str) -> list[str]:
    found: list[str] = rejects.filter(pc.equal(rejects["rule"], rule))["asset_id"].to_pylist()
    return found


def _derived(task: LoanTask, again: _Again) -> pa.Table:
    """The rows of a task's loans as the result has them; where a balance may run out as if it did not."""
    book, ledger, paths = again.book, again.ledger, again.book.run.job.paths
    parts, _ = lent_of(task, book, new_receipt(book.run))
    if not parts:
        return pa.table({"loan_id": pa.array([], pa.string())})
    figures, table = (pa.Table.from_batches([part[i] for part in parts]).combine_chunks() for i in range(2))
    numbers = figures[NUMBER].to_numpy()
    events, years = events_of(table, len(numbers)), years_of(ledger.loans, numbers)
    terms = ledger.terms(numbers)
    borne = bear(events, terms._replace(limited=np.full_like(terms.limited, -1)), years, NONE, np.zeros_like(again.sums))
    shares = contributions(tail_sums(events, borne, again.found.marks, len(numbers)), again.found)
    return loan_rows(ledger, figures, borne.bank, shares, paths)


def _limited(ledger: Ledger, loans: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(l,) whose programmes have a balance that may run out."""
    limited: Any = ledger.terms(loans).limited
    found: npt.NDArray[np.bool_] = (limited >= 0).any(axis=1)
    return found


def _differences(stored: pa.Table, derived: pa.Table, planned: Planned) -> list[str]:
    """What differs, a sentence each; of loans with a balance that may run out, what follows from it is not looked at."""
    place = pc.index_in(stored["loan_id"], planned.loans.loan_id).to_numpy()
    limited = _limited(planned.ledger, place)
    if stored["loan_id"].to_pylist() != derived["loan_id"].to_pylist() or not limited.any():
        return differences(stored, derived, "loan_id", "lent")
    free, rest = pa.array(~limited), pa.array(limited)
    told = differences(stored.filter(free), derived.filter(free), "loan_id", "lent")
    kept, made = (one.filter(rest).drop_columns(list(OF_BALANCES)) for one in (stored, derived))
    return told + differences(kept, made, "loan_id", "lent")
