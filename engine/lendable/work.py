"""How much may be lent on each right of a portfolio, a range of rows at a time: docs/numerics.md §19, "How much may be lent".

a = rights of a batch, n = loan years, s = slots, p = paths
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.backend import kernels
from ipvalue.compiled import compile_rows
from ipvalue.heap import keep_freed_memory
from ipvalue.intake import hash_ids
from ipvalue.lending import principal as most
from ipvalue.lending.amortisation import Schedules, schedules
from ipvalue.lending.batch import Batch, units_of
from ipvalue.lending.capital import correlation
from ipvalue.lending.defaults import borrowers_of, default_years
from ipvalue.lending.pledges import Pledges
from ipvalue.lending.policy import Policy, Terms
from ipvalue.lending.probabilities import default_probabilities, thresholds
from ipvalue.lending.settlement import settle
from ipvalue.loan_book.capped import Sales
from ipvalue.loan_book.collateral import MEAN, Collateral, collateral_of
from ipvalue.loan_book.pledged import Rights, discounts_of, only, rights_of_rows
from ipvalue.memory import size
from ipvalue.receipt import Receipt
from ipvalue.rows import Floats, Ints, Longs, Rows
from ipvalue.schema import RIGHT_TYPES, InputError
from ipvalue.summary import UNUSABLE
from ipvalue.task import Run, Task, clean_rows, prepared
from ipvalue.totals import Totals

SLOT_BYTES = 64 * 1024 * 1024
"""Most memory of a task for what stands behind rights on all paths: more would make nothing faster."""
MONEY = ("value", *(f"largest_by_{name}" for name in most.LIMITS), "largest_principal")
"""Columns of the results that are added up."""
SCHEMA = pa.schema([
    ("asset_id", pa.string()), ("owner_id", pa.string()), ("right_type", pa.string()), ("value", pa.float64()), ("loan_to_value", pa.float64()),
    *((name, pa.float64()) for name in MONEY[1:]), ("binding_limit", pa.string()),
])  # fmt: skip
"""The columns of lendable/part-*.parquet."""


@dataclass(frozen=True)
class Loan:
    """The loan that any right may be pledged to, of a principal of 1: its years, its probability of default and thresholds by year (n,), and its
    loading on the factor of the right's sector."""

    terms: Terms
    years: Schedules
    threshold: Floats
    factor_loading: float

    @classmethod
    def of(cls, terms: Terms, cumulative: Floats) -> Loan:
        """cumulative (y,): probabilities of default by the ends of years 1, 2, …"""
        one, none = np.ones(1), np.zeros(1, np.int64)
        years = schedules(one, np.array([terms.rate]), np.array([terms.term]), [terms.amortisation])
        probability = default_probabilities(years.offset, years.lengths, np.append(none, len(cumulative)), cumulative)
        loading = terms.factor_loading
        if loading is None:
            loading = float(np.sqrt(correlation(probability[:1], [terms.exposure_class], np.array([terms.turnover])))[0])
        return cls(terms, years, thresholds(probability), loading)

    def times(self, rights: int) -> tuple[Schedules, Floats]:
        """The years of so many loans like it, and their thresholds."""
        count = int(self.years.offset[-1])
        by_year = {one.name: np.tile(getattr(self.years, one.name), rights) for one in fields(self.years) if one.name != "offset"}
        return Schedules(np.arange(rights + 1) * count, **by_year), np.tile(self.threshold, rights)


@dataclass(frozen=True)
class Register:
    """What the tasks share: the run, the policy, its loan, the places of the market's factors, and the bytes that a task may take for what stands
    behind rights on all paths."""

    run: Run
    policy: Policy
    loan: Loan
    factors: dict[str, int]
    sales: Sales
    room: int

    @property
    def at_once(self) -> int:
        """Rights that are taken together. Raises InputError where memory has no room for one."""
        each = (int(self.loan.years.offset[-1]) + 1) * self.run.job.paths * 8
        if each > self.room:
            raise InputError(
                f"what stands behind a right needs {size(each)} of memory, of which a worker has {size(self.room)}: use fewer paths or workers, or "
                "allow more with --memory"
            )
        return max(min(self.room, SLOT_BYTES) // each, 1)

    def release(self) -> None:
        """Lets go of what is open."""
        self.run.release()


def run_register(task: Task, register: Register) -> Receipt:
    """Finds how much may be lent on one range of rows and writes its part. Running it twice changes nothing."""
    keep_freed_memory()
    run = register.run
    receipt = Receipt(Totals((), 0, 0, run.job.backend))
    with kernels(run.job.backend).DefaultArithmetic():
        rows = chain.from_iterable(prepared(clean_rows(task, run), task.unit.display, run, receipt))
        parts = list(limited(rows, register, receipt))
    table = pa.Table.from_batches(parts, SCHEMA).combine_chunks()
    receipt.files[task.number] = [run.store.write_parquet(part_name(task.number), table)]
    receipt.rows, receipt.valued = task.unit.rows, table.num_rows
    receipt.rejected = len(receipt.rejects.rows(task.unit.display))
    return receipt


def part_name(number: int) -> str:
    """The file of a task's rights."""
    return f"lendable/part-{number:05d}.parquet"


def limited(pieces: Iterable[Rows], register: Register, receipt: Receipt) -> Iterator[pa.RecordBatch]:
    """The result rows of rights, piece by piece; what is wrong with the others goes to the receipt. No right's row depends on the others."""
    run, on_paths = register.run, register.policy.on_paths
    for rows in pieces:
        if on_paths and register.loan.factor_loading != 0.0:
            _check_factor(rows, register.factors)
        compiled = compile_rows(rows, run.appraiser.tables)
        receipt.doubts += run.appraiser.doubts(rows)
        rights = rights_of_rows(rows, compiled, run.appraiser.tables)
        late = (rights.written <= register.loan.terms.term) & on_paths
        rows.reject(late, "indefinite", *_LATE)
        kept = np.flatnonzero(~late)
        for first in range(0, len(kept), register.at_once):
            these = kept[first : first + register.at_once]
            described, status = _described(only(rights, these), rows, these, register)
            bad = np.zeros(len(rows), np.bool_)
            bad[these] = status != 0
            rows.reject(bad, *UNUSABLE)
            yield described.filter(pa.array(status == 0)) if bad.any() else described


_LATE = (
    "terms.term is shorter than the years that an indefinite right is written out for",
    "the policy's terms.term reaches the end of the years that this indefinite right is written out for: shorten it, or give the right a longer life",
)


def _check_factor(rows: Rows, factors: dict[str, int]) -> None:
    rows.reject(
        ~rows.is_in("sector", factors),
        "sector",
        "sector is a factor of the market where the factor_loading of the policy's terms is not 0",
        lambda value: f"sector is {value}, which is no factor of the market: name one of factors.names, or set terms.factor_loading to 0",
    )


def _described(rights: Rights, rows: Rows, these: Longs, register: Register) -> tuple[pa.RecordBatch, npt.NDArray[np.int8]]:
    """(a,) the result rows of rights, which are some of the rows (by their places), and why their values are none, 0 where they are."""
    policy, appraiser, number = register.policy, register.run.appraiser, np.arange(len(rights))
    years, threshold = register.loan.times(len(rights))
    pledges = Pledges(np.arange(len(rights) + 1), number, np.ones(len(rights), np.int64))
    batch = Batch(number, number, pledges, number, _kept(rights, register), years, np.ones(len(rights), np.bool_))
    found = collateral_of(batch, rights, appraiser)
    value = register.sales.capped(policy, rights, number, found.mean, found.layout.worth_apart, found.slots, appraiser.sampling.backend)
    cap = np.array([policy.loan_to_value.get(name, 0.0) if policy.loan_to_value else np.nan for name in RIGHT_TYPES])[rights.right_type]
    owner = rows.batch["owner_id"].take(pa.array(these))
    limits = np.full((len(rights), len(most.LIMITS)), most.NO_LIMIT)
    if policy.loan_to_value:
        limits[:, 0] = most.by_loan_to_value(pledges.offset, cap, value, np.zeros(len(rights)))
    if policy.expected_loss is not None:
        factor = rows.index("sector", register.factors)[these]
        limits[:, 1] = _by_expected_loss(batch, found, threshold, pc.coalesce(owner, rights.asset_id), factor, register)
    if policy.coverage is not None:
        limits[:, 2] = most.by_coverage(pledges.offset, found.mean, _later(rights, found, register), np.full(len(rights), policy.coverage))
    least, binding = most.binding(limits)
    finite = {name: _nullable(np.where(np.isfinite(one), one, np.nan)) for name, one in zip(MONEY[1:], [*limits.T, least], strict=True)}
    columns: dict[str, Any] = {
        "asset_id": rights.asset_id,
        "owner_id": owner,
        "right_type": pa.array(RIGHT_TYPES, pa.string()).take(pa.array(rights.right_type)),
        "value": value,
        "loan_to_value": _nullable(cap),
        **finite,
        "binding_limit": pa.array(most.LIMITS, pa.string()).take(pa.array(binding, mask=binding < 0)),
    }
    return pa.RecordBatch.from_arrays([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA), found.status


def _kept(rights: Rights, register: Register) -> Floats:
    """(a,) h of each right."""
    terms = register.loan.terms
    given = (np.full(len(rights), np.nan if one is None else one) for one in (terms.liquidation_discount, terms.liquidation_lag))
    discount, lag = given
    return register.sales.kept(discount, lag, np.full(len(rights), terms.rate), rights.right_type)


def _by_expected_loss(batch: Batch, found: Collateral, threshold: Floats, borrower: pa.StringArray, factor: Ints, register: Register) -> Floats:
    """(a,) the limit by expected loss. borrower, factor (a,): whose the rights are, and the factors that these load on."""
    appraiser, loan = register.run.appraiser, register.loan
    hashes = hash_ids(borrower)
    _, first, row = np.unique(np.stack([hashes, factor.astype(np.uint64)]), axis=1, return_index=True, return_inverse=True)
    some, count = batch.years.take(first), int(loan.years.offset[-1])
    rho = np.full(len(first), loan.factor_loading)
    drawn = borrowers_of(
        some, hashes[first], np.arange(len(first)), factor[first], rho, threshold[: len(first) * count], appraiser.tables.steps_per_year
    )
    default = default_years(drawn, appraiser.factors, appraiser.sampling)
    events = settle(units_of(batch, found.layout, row.reshape(-1)), found.slots, default)
    limit = np.full(len(batch.loan), register.policy.expected_loss)
    return most.by_expected_loss(events, np.ones(len(batch.loan)), limit, appraiser.sampling.paths)


def _later(rights: Rights, found: Collateral, register: Register) -> Floats:
    """(a,) what rights are expected to be worth when the loan ends, in today's money."""
    appraiser, layout = register.run.appraiser, found.layout
    kernel = kernels(appraiser.sampling.backend)
    df = discounts_of(appraiser.tables, rights.curve, rights.premium, np.full(len(rights), register.loan.terms.term))
    slots = layout.of_cell[layout.cell[1:] - 1]
    later: Floats = df * np.array([kernel.statistics(np.maximum(found.slots[slot], 0.0), (), 1.0)[MEAN] for slot in slots])
    return later


def _nullable(numbers: Floats) -> pa.Array:
    return pa.array(numbers, mask=np.isnan(numbers))
