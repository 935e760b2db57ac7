"""When borrowers default: their loans year by year as the kernel that draws asset returns takes them. docs/numerics.md §19, "Default".

b = borrowers, l = loans, y = years of loans (one loan after another, as in Schedules), k = spans of a factor's periods, p = paths,
s = factors
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.backend import kernels
from ipvalue.constants import MAX_HORIZON_YEARS, TIME_EPSILON
from ipvalue.lending.amortisation import Schedules
from ipvalue.simulate import Factors, Reals, Sampling
from ipvalue.sobol import plan

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]


def last_periods(ends: Floats, steps_per_year: int) -> Longs:
    """t_y, the number of periods up to each of these times (n,) in years."""
    found: Longs = np.maximum(np.ceil(ends * steps_per_year - TIME_EPSILON), 1.0).astype(np.int64)
    return found


@dataclass(frozen=True)
class Spans:
    """Periods over which factors are taken, each span once. ValueError where there is no such span. (k)"""

    factor: Ints  # row of the market's factors
    first: Ints  # period, from 0
    count: Ints  # periods

    def __post_init__(self) -> None:
        columns = self.factor, self.first, self.count - 1
        if len({len(column) for column in columns}) > 1 or min(column.min(initial=0) for column in columns) < 0:
            raise ValueError("spans have a factor, a first period and one period at least")


@dataclass(frozen=True)
class Borrowers:
    """Borrowers with their loans one after another, as the kernels take them. ValueError where the arrays do not fit each other."""

    hash: npt.NDArray[np.uint64]  # (b)
    loan_start: Longs  # (b + 1)
    rho: Floats  # (l)
    year_start: Longs  # (l + 1)
    threshold: Floats  # (y)
    span: Ints  # (y) row of `spans`, -1: the loan loads on no factor
    spans: Spans

    def __post_init__(self) -> None:
        for start, n, size in (self.loan_start, len(self.hash), len(self.rho)), (self.year_start, len(self.rho), len(self.threshold)):
            if len(start) != n + 1 or start[0] != 0 or start[-1] != size or (np.diff(start) < 0).any():
                raise ValueError(f"{n} parts of {size} elements do not start at {start.tolist()}")
        least, greatest = self.span.min(initial=-1), self.span.max(initial=-1)
        if len(self.span) != len(self.threshold) or least < -1 or greatest >= len(self.spans.factor):
            raise ValueError(f"{len(self.threshold)} years have {len(self.span)} spans, from {least} to {greatest} of {len(self.spans.factor)}")
        if np.diff(self.year_start).max(initial=0) > MAX_HORIZON_YEARS or not (np.abs(self.rho) <= 1.0).all():
            raise ValueError(f"loans have at most {MAX_HORIZON_YEARS} years, and loadings within -1 and 1")


def borrowers_of(
    schedules: Schedules,
    hashes: npt.NDArray[np.uint64],
    borrower: Ints | Longs,
    factor: Ints,
    rho: Floats,
    threshold: Floats,
    steps_per_year: int,
) -> Borrowers:
    """Borrowers (b) with these hashes of their ids, in that order.

    borrower (l): whose loan it is; factor (l): row of the market's factors, -1: none, whatever its rho; rho (l); threshold (y): of
    probabilities.thresholds.
    """
    order = np.argsort(borrower, kind="stable")
    years = np.diff(schedules.offset)[order]
    year_start = np.concatenate([[0], np.cumsum(years)])
    moved = np.repeat(schedules.offset[order] - year_start[:-1], years) + np.arange(year_start[-1])
    loading = np.where(factor >= 0, rho, 0.0)[order]
    loads = np.repeat(loading != 0.0, years)
    last = last_periods(schedules.ends, steps_per_year)
    before = np.concatenate([[0], last])[:-1]
    before[schedules.offset[:-1]] = 0
    at = moved[loads]
    spans, row = _distinct(np.repeat(factor[order], years)[loads], before[at], last[at] - before[at])
    span = np.full(len(moved), -1, np.int32)
    span[loads] = row
    loan_start = np.searchsorted(borrower[order], np.arange(len(hashes) + 1)).astype(np.int64)
    return Borrowers(hashes, loan_start, loading, year_start, threshold[moved], span, spans)


def _distinct(*columns: npt.NDArray[Any]) -> tuple[Spans, Longs]:
    """The distinct spans of these factors, first periods and numbers of periods (n,), and which of them each is. (n)"""
    key = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        key = key * (int(column.max(initial=0)) + 1) + column
    _, at, which = np.unique(key, return_index=True, return_inverse=True)
    return Spans(*(column[at].astype(np.int32) for column in columns)), which


# -------------------------------------------------------------------------------------------------------------- on paths


def default_years(borrowers: Borrowers, factors: Factors, sampling: Sampling, first: int = 0, paths: int | None = None) -> npt.NDArray[np.uint8]:
    """(b, p): on each path the first year, from 1, in which one of a borrower's loans asks for default; 0 where none does.

    Of the paths from number `first`, a multiple of 64, to the last of the run's, or of so many. Raises kernel.Stopped when asked to stop.
    """
    return kernels(sampling.backend).default_years(borrowers, factors, **_drawn(factors, sampling, first, paths))


def year_factors(factors: Factors, years: int, sampling: Sampling, first: int = 0, paths: int | None = None) -> Reals:
    """G of each factor over whole years, (s, y, p) in the precision of the run: what cost and market move with. Paths as of default_years."""
    of, year = (x.ravel().astype(np.int32) for x in np.indices((len(factors.hashes), years)))
    spans = Spans(of, year * np.int32(factors.steps_per_year), np.full(len(of), factors.steps_per_year, np.int32))
    found: Reals = kernels(sampling.backend).factors_over(spans, factors, **_drawn(factors, sampling, first, paths))
    return found.reshape(len(factors.hashes), years, -1)


def _drawn(factors: Factors, sampling: Sampling, first: int, paths: int | None) -> dict[str, Any]:
    return {
        "seed": sampling.seed,
        "paths": sampling.paths - first if paths is None else paths,
        "single": sampling.precision == "single",
        "first": first,
        "sobol": plan(sampling.seed, sampling.paths, factors.steps_per_year) if sampling.sampler == "sobol" else None,
    }
