"""The years in which borrowers default: docs/numerics.md §19, "Default".

b = borrowers, l = loans, y = years of loans, k = spans of a factor's periods, p = paths, n = paths of a block
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.constants import BLOCK_PATHS, PURPOSE_BORROWER
from ipvalue.numba_kernel.arithmetic import DefaultArithmetic, fma, raised
from ipvalue.numba_kernel.arrays import check_paths, records, row
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Whole, device, loop
from ipvalue.numba_kernel.factors import Factors, draw_factors, new_factors
from ipvalue.numba_kernel.random import draw_normals
from ipvalue.numba_kernel.sobol import check_plan, new_points
from ipvalue.numba_kernel.stop import FLAG, stopped_if
from ipvalue.numba_kernel.words import draw_word

f4, f8, i4, i8, u1, u4, u8 = np.float32, np.float64, np.int32, np.int64, np.uint8, np.uint32, np.uint64

_COUNTER = u8(PURPOSE_BORROWER << 28)


class _Spans(NamedTuple):
    """Years of a factor, and G over them on a block of paths."""

    slot: npt.NDArray[np.int64]  # (k) of the factor
    first: npt.NDArray[np.int32]
    periods: npt.NDArray[np.int32]
    scale: Any  # (k) REAL
    sums: Any  # (1 + k, n) REAL, the first 0


class _Loans(NamedTuple):
    hash: npt.NDArray[np.uint64]  # (b)
    start: npt.NDArray[np.int64]  # (b + 1)
    record: Any  # (l) start, years, rho, root
    threshold: Any  # (y) REAL
    span: npt.NDArray[np.int32]  # (y)


class _Block(NamedTuple):
    word: npt.NDArray[np.uint32]  # (2, n)
    normal: Any  # (2, n) REAL
    year: npt.NDArray[np.uint8]  # (n)


def default_years(borrowers: Any, factors: Any, *, seed: int, paths: int, single: bool, first: int = 0, sobol: Any = None) -> npt.NDArray[np.uint8]:
    """(b, p) uint8: on each path the first year, from 1, in which one of a borrower's loans asks for default; 0 where none does. numerics.md §19.

    borrowers: ipvalue.lending.defaults.Borrowers, which sees to it that its numbers fit each other; factors, first and sobol: as of simulate. The
    factors are drawn once for all borrowers.
    """
    _check(first, paths, sobol)
    real, out = f4 if single else f8, np.empty((len(borrowers.hash), paths), u1)
    if not out.size:
        return out
    with DefaultArithmetic():
        shared = _shared(borrowers.spans, factors, paths, real, u8(seed), sobol)
        block = _Block(np.zeros((2, BLOCK_PATHS), u4), np.zeros((2, BLOCK_PATHS), real), np.zeros(BLOCK_PATHS, u1))
        stopped_if(_fill_years(_loans_of(borrowers, real), *shared, block, u8(seed), u8(first), FLAG, out))
    return out


def factors_over(spans: Any, factors: Any, *, seed: int, paths: int, single: bool, first: int = 0, sobol: Any = None) -> Any:
    """(k, p) each factor over its span of periods: their sum, over the root of their number. numerics.md §19.

    spans: ipvalue.lending.defaults.Spans; factors, first and sobol: as of simulate.
    """
    _check(first, paths, sobol)
    real = f4 if single else f8
    out = np.empty((len(spans.factor), paths), real)
    if out.size:
        with DefaultArithmetic():
            stopped_if(_fill_sums(*_shared(spans, factors, paths, real, u8(seed), sobol), u8(seed), u8(first), FLAG, out))
    return out


def _check(first: int, paths: int, sobol: Any) -> None:
    check_paths(first, paths)
    if sobol is not None:
        check_plan(sobol, first, paths)


def _shared(spans: Any, factors: Any, paths: int, real: Any, seed: np.uint64, sobol: Any) -> tuple[_Spans, Factors, Any]:
    """Room for spans and factors on a block, and the points of the factors."""
    k = len(spans.factor)
    of, first, count = (row(column, i4, k)[:k] for column in (spans.factor, spans.first, spans.count))
    drawn = new_factors(np.unique(of).astype(i8), int((first + count).max(initial=0)), factors, paths, real)
    points = None if sobol is None else new_points(sobol, 0, 0, factors.hashes, seed, real)
    scale = (1.0 / np.sqrt(count.astype(f8))).astype(real)
    return _Spans(drawn.slot[of], first, count, scale, np.zeros((1 + k, BLOCK_PATHS), real)), drawn, points


def _loans_of(loans: Any, real: Any) -> _Loans:
    n = len(loans.hash)
    start = row(loans.loan_start, i8, n + 1)
    count = int(start[n])
    year_start, rho = row(loans.year_start, i8, count + 1)[: count + 1], row(loans.rho, f8, count)[:count]
    years = int(year_start[count])
    columns = {"start": year_start[:-1], "years": np.diff(year_start), "rho": rho.astype(real), "root": np.sqrt(1.0 - rho * rho).astype(real)}
    threshold = row(loans.threshold, f8, years)[:years].astype(real)
    return _Loans(row(loans.hash, u8, n), start, records(columns), threshold, row(loans.span, i4, years))


@Kernel
def _fill_years(
    loans: _Loans, spans: _Spans, factors: Factors, points: Any, block: _Block, seed: Whole, origin: Whole, flag: Array, out: Array
) -> bool:
    """All borrowers on the paths from number `origin`. True where the flag ended it early."""
    paths = out.shape[1]
    for first in range(0, paths, BLOCK_PATHS):
        _draw_spans(spans, factors, points, seed, origin + u8(first))
        n = min(BLOCK_PATHS, paths - first)
        for b in range(len(out)):
            if raised(flag):
                return True
            some = loans.record[loans.start[b] : loans.start[b + 1]]
            _find_years(some, loans.threshold, loans.span, spans.sums, loans.hash[b], origin + u8(first), seed, block)
            out[b, first : first + n] = block.year[:n]
    return False


@Kernel
def _fill_sums(spans: _Spans, factors: Factors, points: Any, seed: Whole, origin: Whole, flag: Array, out: Array) -> bool:
    """All spans likewise."""
    paths = out.shape[1]
    for first in range(0, paths, BLOCK_PATHS):
        if raised(flag):
            return True
        _draw_spans(spans, factors, points, seed, origin + u8(first))
        n = min(BLOCK_PATHS, paths - first)
        out[:, first : first + n] = spans.sums[1:, :n]
    return False


@device
def _draw_spans(spans: _Spans, factors: Factors, points: Any, seed: Whole, path: Whole) -> None:
    draw_factors(factors, points, path, seed, 0)
    for k in range(len(spans.slot)):
        _sum_span(factors.table[spans.slot[k]], spans.first[k], spans.periods[k], spans.scale[k], spans.sums[1 + k])


@device
def _sum_span(factor: Array, first: Whole, count: Whole, scale: Real, total: Array) -> None:
    """G (n,) over `count` periods of a factor (t, n) from `first`."""
    total[:] = factor[first]
    for t in range(first + 1, first + count):
        _add(factor[t], total)
    if count > 1:
        _multiply(scale, total)


@loop
def _add(period: Array, total: Array) -> None:
    for i in range(BLOCK_PATHS):
        total[i] += period[i]


@loop
def _multiply(scale: Real, total: Array) -> None:
    for i in range(BLOCK_PATHS):
        total[i] *= scale


@device
def _find_years(some: Array, threshold: Array, span: Array, sums: Array, hash_: Whole, path: Whole, seed: Whole, block: _Block) -> None:
    """The default years of a borrower with `some` loans, from the last year to the first, so that the first one stays."""
    last = 0
    for loan in range(len(some)):
        last = max(last, some[loan].years)
    block.year[:] = u1(0)
    for pair in range((last + 1) // 2 - 1, -1, -1):
        for k in range(2):
            draw_word(_COUNTER + u8(2 * pair + k), path, hash_, seed, block.word[k])
        draw_normals(block.word[0], block.word[1], block.normal[0], block.normal[1])
        for k in range(1, -1, -1):
            year = 2 * pair + k
            for loan in range(len(some)):
                one = some[loan]
                if year < one.years:
                    at = one.start + year
                    _ask(threshold[at], one.rho, one.root, sums[1 + span[at]], block.normal[k], u1(year + 1), block.year)


@loop
def _ask(threshold: Real, rho: Real, root: Real, factor: Array, normal: Array, year: Whole, first: Array) -> None:
    """Where a loan asks for default in a year, that year (n,)."""
    for i in range(BLOCK_PATHS):
        first[i] = year if fma(root, normal[i], rho * factor[i]) <= threshold else first[i]
