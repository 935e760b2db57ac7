"""A result of loans, looked through: its files and counts, who bears what on every path, and loans re-derived from their inputs, bit for bit.

l = loans, p = paths
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.absent import not_there
from ipvalue.backend import kernels
from ipvalue.lending.bearing import SUMMED, Words
from ipvalue.lending.book import NAMES, book_figures
from ipvalue.lending.sharing import BEARERS
from ipvalue.loan_book.run import reopened_book
from ipvalue.loan_book.tables import LOANS_A_PART, LOSSES, ORDER, TOLD
from ipvalue.share import Share
from ipvalue.store import MANIFEST
from ipvalue.verify import directory
from ipvalue.verify.bits import same_number
from ipvalue.verify.findings import Findings
from ipvalue.verify.loans_again import compare_loans
from ipvalue.verify.sums import ROUNDING, words_of
from ipvalue.verify.tranches import TABLES as POOL_TABLES
from ipvalue.verify.tranches import check_sizes, check_tranches, is_pooled, losses_of
from ipvalue.verify.verify import Looked, Opened, Progress

TABLES = ("book.parquet", "exposures.parquet", "losses.arrow", "rejects.parquet")
PARTS = ("bank", *BEARERS)
"""Who bears a loss."""
ADDED = {"expected_loss": ("all", "mean"), "bank_expected_loss": ("bank", "mean")} | {
    f"{begin}es_{name}": (bearer, f"es_{name}") for begin, bearer in TOLD.items() for name in NAMES
}
"""Columns of the loans that add up to a figure of a bearer in the book."""


def look_through(opened: Opened, wanted: str | None, share: Share | None, progress: Progress | None) -> Looked:
    """Looks through all of a result of loans, and re-derives the loan `wanted` or a share of them. Raises InputError where `wanted` is not in it."""
    store, manifest = opened.store, opened.manifest
    looked = Looked(opened)
    found, counts = looked.findings, manifest["counts"]
    directory.check_manifest(manifest, found)
    names = [f"loans/part-{number:05d}.parquet" for number in range(-(-counts["valued"] // LOANS_A_PART))]
    expected = [*TABLES, *(POOL_TABLES if is_pooled(manifest) else ()), *names]
    directory.check_listed(store, manifest, {*expected}, "such a book", found)
    listed = directory.listed_files(manifest)
    whole = {name for name in expected if name in listed and directory.check_file(store, listed[name], found)}
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
    if "tranche_losses.arrow" in whole:
        _look_at_tranches(looked, tables.get("tranches.parquet"))
    if wanted is not None and loans is not None and not pc.any(pc.equal(loans["loan_id"], wanted)).as_py():
        raise not_there(store.location, wanted, [loans["loan_id"]], rejects, "loan")
    if (wanted is not None or share is not None) and loans is not None and rejects is not None and sums is not None:
        with reopened_book(manifest, store.location, **opened.options) as planned:
            compare_loans(looked, planned, loans, rejects, sums, wanted, share, progress)
            if "tranches.parquet" in tables:
                check_sizes(planned, loans, tables["tranches.parquet"], found)
    return looked


def _look_at_tranches(looked: Looked, table: pa.Table | None) -> None:
    """Looks at what the tranches of a pool lose, and at the table that says so, where it could be read."""
    opened, found = looked.opened, looked.findings
    with directory.damage_noted(opened.store, found):
        losses = losses_of(opened, found)
        if losses is not None and table is not None:
            check_tranches(opened, table, losses, found)
            told = f"{len(losses) - 3:,}: with excess spread and reserve added up to the pool on each of {opened.job.paths:,} paths"
            looked.lines.append(("tranches", f"{told}, and described again in tranches.parquet"))


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
