"""A pool of loans that is cut into tranches: which loans are in it, and its tables from its flows. docs/numerics.md §19, "Tranches".

l = loans of the book, j = tranches from the most senior, p = paths
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.constants import MONEY_SCALE, REPLICATES
from ipvalue.job import Job
from ipvalue.lending.bearing import PARTIES, Borne, Words
from ipvalue.lending.book import book_figures
from ipvalue.lending.loans import Loans
from ipvalue.lending.loss_limits import Limits, load_loss_limits
from ipvalue.lending.pool_file import EXCESS, POOL, RESERVE, Cut, load_cut
from ipvalue.lending.pools import MOST, Flows, Members, add_defaults, add_schedules, flow_bytes, most_of, no_flows
from ipvalue.lending.read import LoanBook
from ipvalue.lending.settlement import Events
from ipvalue.lending.tranches import Outcome, average_life, exact_sum, rating, waterfall
from ipvalue.memory import size
from ipvalue.replicates import standard_error
from ipvalue.rows import Floats, Longs, Mask
from ipvalue.scenarios.grammar import parse
from ipvalue.schema import LOANS, InputError, Source
from ipvalue.storage import Written
from ipvalue.store import Store

LOSSES = pa.schema([("tranche", pa.string()), ("path", pa.int64()), *((name, pa.decimal128(38, 6)) for name in ("loss", "unpaid_coupon"))])
"""The columns of tranche_losses.arrow."""
_SCALE = float(MONEY_SCALE)


@dataclass(frozen=True)
class Pooled:
    """The pool of a book: its loans, how it is cut, and what its tranches are rated by, where they are."""

    members: Members
    cut: Cut
    limits: Limits | None

    @property
    def record(self) -> dict[str, Any]:
        """How it is cut and rated, for the record, as JSON has it; ratings in their order."""
        limits = None if self.limits is None else [[name, list(limit)] for name, limit in self.limits.items()]
        return {"pool": self.cut.model_dump(mode="json"), "tranche_ratings": limits}

    def bytes_at_end(self, paths: int) -> int:
        """The most memory of its tables while they are made: the flows, the same as integers of 64 bits, and what meets their losses on the paths."""
        return flow_bytes(self.members.years, paths) * 3 // 2 + (6 * len(self.cut.tranche) + 12) * paths * 8

    def bytes_of_task(self, loans: Loans, paths: int) -> int:
        """Memory of the flows that a task adds up by itself: those of loans with covenants, 0 where the pool has none."""
        return flow_bytes(self.members.years, paths) if (self.members.loans & loans.tested).any() else 0

    def check_memory(self, job: Job, loans: Loans, left: int) -> int:
        """What its flows leave of a worker's memory, `left` bytes. Raises InputError where they do not fit, before anything is computed."""
        whole, of_task, limit = self.bytes_at_end(job.paths), self.bytes_of_task(loans, job.paths), job.memory_limit
        if whole > limit or of_task >= left:
            need, have, who = (whole, limit, "may be used") if whole > limit else (of_task, left, "a worker has")
            raise InputError(
                f"a pool of {self.members.years} years × {job.paths:,} paths needs {size(need)} of memory, of which {size(have)} {who}: use fewer "
                "paths or workers, or allow more with --memory"
            )
        return left - of_task


@dataclass(frozen=True)
class AskedPool:
    """The same before the loans are read. name: what its errors call the file; where: which rows of loans are in it, None: all."""

    name: str
    cut: Cut
    limits: Limits | None
    where: Callable[[pa.RecordBatch], Mask] | None

    def of(self, book: LoanBook) -> Pooled:
        """The pool of a book. Raises InputError where it has no loan, or more than can be added up."""
        years = np.diff(book.loans.years.offset)[book.chosen]
        if not len(years):
            raise InputError(f"{self.name}: no loan is in the pool: of none that keeps the rules holds where = {self.cut.pool.where!r}")
        if (most := most_of(book.loans.years, book.chosen)) >= MOST:
            raise InputError(f"{self.name}: principal and interest of the pool come to {most:.3g}, more than can be added up exactly ({MOST:.3g})")
        return Pooled(Members(book.chosen, int(years.max())), self.cut, self.limits)


def asked_pool(source: Source | None, ratings: object) -> AskedPool | None:
    """The pool of a TOML file or a mapping like one, and what its tranches are rated by; None where there is none. Raises InputError."""
    if source is None:
        if ratings is not None:
            raise InputError("tranche_ratings rate the tranches of a pool: give --pool too, or leave them out")
        return None
    name, cut = "pool" if isinstance(source, Mapping) else str(source), load_cut(source)
    where = None
    if cut.pool.where is not None:
        try:
            where = parse(cut.pool.where, LOANS).mask
        except ValueError as error:
            raise InputError(f"{name}: pool.{error}") from None
    return AskedPool(name, cut, None if ratings is None else _limits(ratings), where)


def _limits(ratings: object) -> Limits:
    with tempfile.TemporaryDirectory(prefix="ipvalue-") as folder:
        return load_loss_limits(ratings, Path(folder))


@dataclass(frozen=True)
class PoolSums:
    """The flows of a pool while they are added up, events by events."""

    pooled: Pooled
    loans: Loans
    flows: Flows

    @classmethod
    def of(cls, pooled: Pooled, loans: Loans, paths: int) -> PoolSums:
        """Nothing yet."""
        return cls(pooled, loans, no_flows(pooled.members.years, paths))

    def add(self, these: Longs, events: Events, borne: Borne) -> None:
        """Adds all defaults of some loans by their numbers in the book (l,), and who bears these."""
        plan, members, tested = self.loans.years.take(these), self.pooled.members.loans[these], self.loans.tested[these]
        part = events.loss if self.pooled.cut.pool.bearer == "all" else borne.parts[PARTIES - 1]
        add_defaults(self.flows, events, part, plan, members, tested)

    def ends(self, lent: Longs) -> Floats:
        """(y,) the years' ends of the longest loan of the pool that is lent, to the years that there are of the pool."""
        members = lent[self.pooled.members.loans[lent]]
        term = float(self.loans.terms.term[members].max(initial=0.0))
        found: Floats = np.minimum(np.arange(1.0, self.pooled.members.years + 1), term)
        return found


def write_pool(sums: PoolSums, lent: Longs, store: Store, job: Job) -> list[Written]:
    """Writes tranches.parquet and tranche_losses.arrow when all defaults are added. lent (l,): which loans of the book are lent."""
    ends = sums.ends(lent)
    add_schedules(sums.flows, sums.loans.years.take(lent), sums.pooled.members.loans[lent], sums.loans.tested[lent])
    pool = sums.flows.pool(ends)
    found = waterfall(pool, sums.pooled.cut.deal)
    return [
        store.write_parquet("tranches.parquet", _tranches(sums.pooled, found, ends, job)),
        store.write_ipc("tranche_losses.arrow", LOSSES, _losses(sums.pooled.cut, found)),
    ]


def _tranches(pooled: Pooled, found: Outcome, ends: Floats, job: Job) -> pa.Table:
    """A row a tranche, then the pool and what meets its losses before tranches do."""
    deal, lives, rows = pooled.cut.deal, average_life(found.paid, ends), []
    whole = int(found.notional.sum())
    for j, tranche in enumerate(pooled.cut.tranches):
        row = _row(tranche.name, deal.attachment[j], deal.detachment[j], int(found.notional[j]), found.loss[j], job)
        life = None if np.isnan(lives[j]) else float(lives[j])
        row |= {"coupon": deal.coupon[j], "unpaid_coupon": mean_of(found.unpaid[j]), "weighted_average_life": life}
        row["residual"] = mean_of(found.residual) if j == len(deal.coupon) - 1 else 0.0
        if pooled.limits is not None and row["expected_loss"] is not None:
            row["rating"] = rating(row["expected_loss"], life or 0.0, pooled.limits)
        rows.append(row)
    rows.append(_row(POOL, 0.0, 1.0, whole, found.lost, job))
    rows += [_row(name, None, None, None, met, job) for name, met in ((EXCESS, found.by_excess), (RESERVE, found.by_reserve))]
    return pa.Table.from_pylist(rows, SCHEMA)


def _row(name: str, attachment: float | None, detachment: float | None, notional: int | None, loss: Longs, job: Job) -> dict[str, Any]:
    money = None if notional is None else notional / _SCALE
    return {"tranche": name, "attachment": attachment, "detachment": detachment, "size": money, **figures_of(loss, money, job)}


def figures_of(loss: Longs, money: float | None, job: Job) -> dict[str, Any]:
    """What is said of losses on the paths (p,), in units of 10⁻⁶, of a tranche of so much money; None: of what is no tranche."""
    figures = {name: one + 0.0 for name, one in book_figures(_words(loss)).items()}  # no -0.0
    error = figures["standard_deviation"] / np.sqrt(np.float64(job.paths))
    if job.sampler == "sobol":
        by_replicate = (loss.astype(np.float64) / _SCALE).reshape(1, -1, REPLICATES).sum(axis=1)
        error = standard_error(by_replicate / np.float64(job.paths // REPLICATES))[0]
    return {
        "expected_loss": mean_of(loss) / money if money else None,
        "standard_error": float(error) / money if money else None,
        "probability_of_default": np.count_nonzero(loss) / job.paths,
        **figures,
    }


def mean_of(amounts: Longs) -> float:
    """Their mean over the paths (p,) in money; they are in units of 10⁻⁶."""
    return exact_sum(amounts) / (len(amounts) * _SCALE)


def _losses(cut: Cut, found: Outcome) -> Iterator[pa.RecordBatch]:
    """One batch a row of tranches.parquet."""
    nothing = np.zeros_like(found.lost)
    rows = [(one.name, found.written[j], found.unpaid[j]) for j, one in enumerate(cut.tranches)]
    rows += [(name, loss, nothing) for name, loss in ((POOL, found.lost), (EXCESS, found.by_excess), (RESERVE, found.by_reserve))]
    path = pa.array(np.arange(len(nothing)))
    for name, *amounts in rows:
        yield pa.RecordBatch.from_arrays([pa.array([name] * len(path), pa.string()), path, *map(_decimals, amounts)], schema=LOSSES)


def _decimals(amounts: Longs) -> pa.Array:
    """Integers in units of 10⁻⁶ as decimal128(38, 6)."""
    return pa.Array.from_buffers(pa.decimal128(38, 6), len(amounts), [None, pa.py_buffer(_words(amounts))])


def _words(amounts: Longs) -> Words:
    """(p, 2) integers that are not negative as 128-bit words, low first."""
    return np.stack([amounts.view(np.uint64), np.zeros(len(amounts), np.uint64)], axis=1)


_NUMBERS = ("attachment", "detachment", "size", "coupon", "expected_loss", "standard_error", "probability_of_default", "mean", "standard_deviation")
_TAILS = tuple(f"{name}_{level}" for level in ("95", "99", "99_9") for name in ("var", "es"))
_AFTER = ("unexpected_loss", "unpaid_coupon", "residual", "weighted_average_life")
SCHEMA = pa.schema([("tranche", pa.string()), *((name, pa.float64()) for name in (*_NUMBERS, *_TAILS, *_AFTER)), ("rating", pa.string())])
"""The columns of tranches.parquet."""
