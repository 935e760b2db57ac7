"""Yearly tests of loan to value on the paths: margin calls, releases, and what is still owed and pledged. docs/numerics.md §19, "Covenants".

l, t, s, b, p as in units.py, c = covenants. A loan with a covenant has own assets alone, so what it owes and pledges depends on no other loan but
through its borrower.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.constants import BLOCK_PATHS, PURPOSE_CALL
from ipvalue.lending.records import Records, loan_records, own_collateral
from ipvalue.lending.units import CALLED, Bytes, Floats, Longs, Units
from ipvalue.numba_kernel import DefaultArithmetic
from ipvalue.numba_kernel.compiler import Array, Kernel, Whole, device
from ipvalue.numba_kernel.words import draw_word

u4, i8, u8 = np.uint32, np.int64, np.uint64


class Covenants(NamedTuple):
    """Covenants of some loans, those of one borrower side by side."""

    start: Longs  # (borrowers with any, + 1) first covenant of each
    loan: Longs  # (c)
    trigger: Floats  # (c) times the collateral: a balance above it is called
    target: Floats  # (c) down to this, at most the trigger
    release: Floats  # (c) below it collateral is released; 0: never
    cure: Floats  # (c) probability that a call is met


@dataclass(frozen=True)
class Tested:
    """What covenants made of loans. By year, those of covenant i from offset[i] to offset[i + 1]: shares of paths, and money."""

    default: Bytes  # (b, p) as `settle` takes it
    tested: Longs  # (l) as `Units` takes it
    parts: Floats  # (rows, p) of a loan with a covenant λ in each of its years, then κ
    offset: Longs  # (c + 1)
    calls: Floats
    unmet: Floats
    releases: Floats
    mean_call: Floats


class _Counts(NamedTuple):
    calls: Floats
    unmet: Floats
    releases: Floats
    amount: Floats


def with_covenants(units: Units, covenants: Covenants, slots: Floats, asked: Bytes, borrower_hash: npt.NDArray[np.uint64], seed: int) -> Tested:
    """Runs the loans that have covenants through their tests.

    slots (s, p), asked (b, p): the year in which a loan of each borrower asks for default, 0: none does. borrower_hash (b).
    """
    paths, years = asked.shape[1], np.diff(units.year)[covenants.loan]
    offset = np.concatenate([[0], np.cumsum(years)])
    tested = np.full(len(units.borrower), -1)
    tested[covenants.loan] = 2 * offset[:-1]
    default, parts = asked.copy(), np.ones((2 * int(offset[-1]), paths))
    counts = _Counts(*(np.zeros(int(offset[-1])) for _ in range(4)))
    limit = np.clip(np.ceil(covenants.cure * 2.0**32 - 0.5), 0.0, 2.0**32).astype(np.int64)
    with DefaultArithmetic():
        made = loan_records(units._replace(tested=tested))
        _test(made, covenants, slots, default, borrower_hash, u8(seed), limit, offset, parts, counts)
    shares = [count / paths for count in counts]
    return Tested(default, tested, parts, offset, *shares)


@Kernel
def _test(
    made: Records, terms: Any, slots: Array, default: Array, hashes: Array, seed: Whole, limit: Array, offset: Array, parts: Array, counts: Any
) -> None:
    loans, pledges, years, slot = made
    paths, most = default.shape[1], 0
    for i in terms.loan:
        most = max(most, loans[i].years)
    words = np.empty((most, (paths + BLOCK_PATHS - 1) // BLOCK_PATHS * BLOCK_PATHS), u4)
    for k in range(len(terms.start) - 1):
        some = range(terms.start[k], terms.start[k + 1])
        borrower = loans[terms.loan[some.start]].borrower
        for y in range(most):
            for first in range(0, paths, BLOCK_PATHS):
                draw_word(u8((PURPOSE_CALL << 28) + y), u8(first), hashes[borrower], seed, words[y, first : first + BLOCK_PATHS])
        for p in range(paths):
            row, counted = default[borrower], (counts.calls, counts.unmet, counts.releases, counts.amount)
            _test_path(some, loans, pledges, years, slot, slots, terms, limit, offset, words, row, parts, counted, p)


@device
def _test_path(
    some: Any,
    loans: Array,
    pledges: Array,
    years: Array,
    slot: Array,
    slots: Array,
    terms: Any,
    limit: Array,
    offset: Array,
    words: Array,
    default: Array,
    parts: Array,
    counts: Any,
    p: Whole,
) -> None:
    """The covenants of one borrower on one path, year after year until it defaults."""
    calls, misses, releases, amount = counts
    asked: Whole = i8(default[p])
    for y in range(words.shape[0]):
        on, unmet = asked == 0 or asked > y + 1, False
        for c in some:
            loan, at = loans[terms.loan[c]], offset[c] + y
            if y >= loan.years - 1:
                continue
            row = loan.tested + y
            owed, pledged = parts[row, p], parts[row + loan.years, p]
            b = owed * years[loan.year + y + 1].owed
            if on and b > 0.0:
                k = pledged * own_collateral(loan, pledges, slot, slots, y, p)[0]
                target, enough = terms.target[c] * k, terms.release[c] * k
                if b > terms.trigger[c] * k:
                    calls[at] += 1.0
                    amount[at] += b - target
                    if i8(words[y, p]) < limit[c]:
                        owed *= target / b
                    else:
                        misses[at] += 1.0
                        unmet = True
                elif b < enough:
                    releases[at] += 1.0
                    pledged *= b / enough
            parts[row + 1, p], parts[row + 1 + loan.years, p] = owed, pledged
        if unmet:
            asked = y + 1
            default[p] = asked + CALLED
