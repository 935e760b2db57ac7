"""Losses by bearer, exactly: claims, what balances pay of them, sums on the paths. docs/numerics.md §19, "Who bears it".

Events come in blocks, in any order; sums of blocks are merged in any order. Amounts are integers in units of 10⁻⁶ of the market's currency, sums
128-bit words, low word first (§8). l = loans of a block, t = their years, e = events, n = numbers, m = limited balances, y = years, p = paths,
b = BEARERS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.heap import held
from ipvalue.lending.exact import add_whole, as_double
from ipvalue.lending.settlement import Events
from ipvalue.lending.sharing import BEARERS
from ipvalue.lending.units import Floats, Longs
from ipvalue.numba_kernel import DefaultArithmetic
from ipvalue.numba_kernel.arithmetic import floor
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, inlined, loop

i8, u8, f8 = np.int64, np.uint64, np.float64

Words = npt.NDArray[np.uint64]

SUMMED = (*BEARERS, "bank", "borrower", "all")
"""What sums on the paths are of: who bears a loss, the borrower's equity beside it, the loss itself."""
_BEARERS, _BANK, _SUMMED = len(BEARERS), len(BEARERS), len(SUMMED)
PARTIES = _BANK + 1
"""Those that bear a loss together: BEARERS and the bank."""

# takes more off than all roundings of a division, a product and two conversions can add
_SAFE = 1.0 - 2.0**-50


class Terms(NamedTuple):
    """Who bears what of the loans of a block."""

    shares: Floats  # (l, b)
    limited: Longs  # (l, b) which balance it pays from, −1: without limit


@dataclass(frozen=True)
class Borne:
    """Losses by who bears them."""

    parts: Longs  # (PARTIES, e), or of no event
    bank: Floats  # (t) sums over the paths


@inlined
def _claim(loss: Whole, share: Real, rest: Whole) -> Whole:
    return min(i8(floor(f8(loss) * share)), rest)


@inlined
def _paid(claim: Whole, part: Real) -> Whole:
    return claim if part == 1.0 else i8(floor(f8(claim) * part))


def claimed(events: Events, terms: Terms, sums: Words) -> None:
    """Adds what is claimed of limited balances to sums (m, y, p, 2)."""
    with DefaultArithmetic():
        _claimed(events.loan, events.path, events.year, events.loss, terms, sums)


@Kernel
def _claimed(loan: Array, path: Array, year: Array, loss: Array, terms: Any, sums: Array) -> None:
    for e in range(loan.size):
        i, rest = loan[e], loss[e]
        for b in range(_BEARERS):
            claim = _claim(loss[e], terms.shares[i, b], rest)
            rest -= claim
            if claim and terms.limited[i, b] >= 0:
                add_whole(sums[terms.limited[i, b], year[e] - 1], path[e], claim)


def paying_parts(sums: Words, balances: Longs) -> Floats:
    """The part of each claim that is paid, 1 where a balance has enough. sums (m, y, p, 2) of claims, balances (m) -> (m, y, p)."""
    out = np.ones(sums.shape[:3])
    with DefaultArithmetic():
        _paying_parts(sums, balances, out)
    return out


@Kernel
def _paying_parts(sums: Array, balances: Array, out: Array) -> None:
    for m in range(sums.shape[0]):
        for p in range(sums.shape[2]):
            left = u8(balances[m])
            for y in range(sums.shape[1]):
                low, high = sums[m, y, p]
                if high == u8(0) and low <= left:
                    left -= low
                else:
                    out[m, y, p] = f8(left) / as_double(low, high) * _SAFE
                    left = u8(0)


def bear(events: Events, terms: Terms, year: Longs, paying: Floats, sums: Words, *, each: bool = True) -> Borne:
    """Who bears the losses of events; adds to the sums on the paths (SUMMED, p, 2).

    year (l + 1): first year of each loan. paying (m, y, p): of `paying_parts`; (0, 0, 0) where no balance is limited. each: whether the parts of each
    event are wanted.
    """
    parts, bank = held("parts", (PARTIES, len(events.loan) if each else 0), i8), np.zeros(int(year[-1]))
    of_bank = np.zeros((int(year[-1]), 2), u8)
    with DefaultArithmetic():
        _bear(events.loan, events.path, events.year, events.loss, events.used, terms, year, paying, parts, of_bank, bank, sums)
    return Borne(parts, bank)


@Kernel
def _bear(
    loan: Array,
    path: Array,
    year: Array,
    loss: Array,
    used: Array,
    terms: Any,
    first: Array,
    paying: Array,
    parts: Array,
    of_bank: Array,
    bank: Array,
    sums: Array,
) -> None:
    _divide(loan, path, year, loss, used, terms.shares, terms.limited, first, paying, parts, of_bank, sums)
    for t in range(bank.size):
        bank[t] = as_double(of_bank[t, 0], of_bank[t, 1])


@loop
def _divide(
    loan: Array,
    path: Array,
    year: Array,
    loss: Array,
    used: Array,
    shares: Array,
    limited: Array,
    first: Array,
    paying: Array,
    parts: Array,
    of_bank: Array,
    sums: Array,
) -> None:
    """Claims and what is paid of them; the bank bears the rest."""
    each = parts.shape[1] > 0
    for e in range(loan.size):
        i, p, y = loan[e], path[e], year[e] - 1
        rest, borne = loss[e], loss[e]
        for b in range(_BEARERS):
            paid = i8(0)
            if shares[i, b] > 0.0:
                claim = _claim(loss[e], shares[i, b], rest)
                rest -= claim
                m = limited[i, b]
                paid = claim if m < 0 else _paid(claim, paying[m, y, p])
                borne -= paid
                add_whole(sums[b], p, paid)
            if each:
                parts[b, e] = paid
        if each:
            parts[_BANK, e] = borne
        add_whole(of_bank, first[i] + y, borne)
        add_whole(sums[_BANK], p, borne)
        add_whole(sums[_BANK + 1], p, used[e])
        add_whole(sums[_BANK + 2], p, loss[e])


# ----------------------------------------------------------------------------------------------------------------------
# Contributions


def tail_sums(events: Events, borne: Borne, marks: npt.NDArray[np.uint8], loans: int) -> Floats:
    """Sums of each loan's parts over the paths of each tail, (l, SUMMED, levels, 2): those above its least sum, and those equal to it.

    marks (SUMMED, p): of `book.tails`, two bits a level.
    """
    found = np.zeros((loans, _SUMMED, 4, 2))
    with DefaultArithmetic():
        by_path = np.ascontiguousarray(marks.T)
        _tail_sums(events.loan, events.path, events.loss, events.used, borne.parts, by_path, np.zeros((_SUMMED, 8, 2), u8), found)
    return found


@Kernel
def _tail_sums(loan: Array, path: Array, loss: Array, used: Array, parts: Array, marks: Array, sums: Array, found: Array) -> None:
    """Events stand by loan; marks (p, SUMMED)."""
    first, n = 0, loan.size
    while first < n:
        last = first
        while last < n and loan[last] == loan[first]:
            last += 1
        sums[:] = u8(0)
        here = slice(first, last)
        _add_marked(path[here], loss[here], used[here], parts[:, here], marks, sums)
        for b in range(_SUMMED):
            for bit in range(8):
                found[loan[first], b, bit // 2, bit % 2] = as_double(sums[b, bit, 0], sums[b, bit, 1])
        first = last


@loop
def _add_marked(path: Array, loss: Array, used: Array, parts: Array, marks: Array, sums: Array) -> None:
    """Adds what is lost on the paths of the tails to the sums of these (SUMMED, 8, 2)."""
    for e in range(path.size):
        for b in range(_SUMMED):
            mark, bit = i8(marks[path[e], b]), 0
            while mark:
                if mark & 1:
                    add_whole(sums[b], bit, parts[b, e] if b < PARTIES else used[e] if b == PARTIES else loss[e])
                mark >>= 1
                bit += 1
