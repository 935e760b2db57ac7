"""Revenue, sectors and renewal records drawn from known parameters, for tests of what calibrations find in them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]

CORRELATION = ((1.0, 0.4, -0.2), (0.4, 1.0, 0.1), (-0.2, 0.1, 1.0))


def revenues(seed: int, rights: int = 40, mean: float = 0.05, spread: float = 0.08, typical: float = 0.3, freedom: float = 8.0) -> tuple[Any, ...]:
    """Series of 3 to 9 growths with gaps, whose log growths and volatilities (rights,) differ: (table, log growths, volatilities)."""
    rng = np.random.default_rng(seed)
    growth, volatility = rng.normal(mean, spread, rights), typical * np.sqrt(freedom / rng.chisquare(freedom, rights))
    rows = []
    for i in range(rights):
        years = rng.integers(3, 10)
        log = np.cumsum([10.0, *(growth[i] + volatility[i] * rng.normal(size=years))])
        kept = [t for t in range(years + 1) if t in (0, years) or rng.random() > 0.1]
        rows += [(f"a{i:03d}", 2000 + t, float(np.exp(log[t]))) for t in kept]
    return columns(rows, "asset_id", "year", "revenue"), growth, volatility


def sector_panel(seed: int, rights: int = 15, years: int = 12, loading: float = 0.5) -> pa.Table:
    """Rights of three sectors whose factors have CORRELATION, each with the same loading and a volatility of its own."""
    rng = np.random.default_rng(seed)
    factors = factor_paths(rng, years)
    rows = []
    for s in range(len(CORRELATION)):
        for i in range(rights):
            moved = loading * factors[:, s] + np.sqrt(1.0 - loading * loading) * rng.normal(size=years)
            log = np.cumsum([10.0, *((0.1 + 0.4 * rng.random()) * moved)])
            rows += [(f"s{s}a{i:03d}", f"s{s}", 2000 + t, float(np.exp(x))) for t, x in enumerate(log)]
    return columns(rows, "asset_id", "sector", "year", "revenue")


def growths(seed: int, years: int = 12) -> pa.Table:
    """Growth of three sectors with CORRELATION."""
    moved = factor_paths(np.random.default_rng(seed), years)
    rows = [(f"s{s}", 2000 + t, float(np.expm1(0.03 + 0.1 * moved[t, s]))) for s in range(len(CORRELATION)) for t in range(years)]
    return columns(rows, "sector", "year", "growth")


def factor_paths(rng: np.random.Generator, years: int) -> Floats:
    paths: Floats = rng.normal(size=(years, len(CORRELATION))) @ np.linalg.cholesky(np.array(CORRELATION)).T
    return paths


KNOWN_UNTIL, WATCHED_SINCE = date(2020, 1, 1), date(2008, 1, 1)


def renewals(seed: int, rights: int = 200, scale: float = 12.0, shape: float = 1.5) -> pa.Table:
    """Rights granted from 2000 to 2018 with Weibull lives, watched from 2008 (those that had lapsed are not known) to 2020."""
    rng, rows = np.random.default_rng(seed), []
    while len(rows) < rights:
        start = date(2000, 1, 1) + timedelta(days=int(rng.integers(0, 19 * 365)))
        lapse = start + timedelta(days=max(1, round(scale * rng.weibull(shape) * 365.25)))
        if lapse > WATCHED_SINCE:
            seen = WATCHED_SINCE if start < WATCHED_SINCE else None
            rows.append((f"r{len(rows)}", "even" if len(rows) % 2 == 0 else "odd", start, lapse if lapse <= KNOWN_UNTIL else None, seen))
    return columns(rows, "asset_id", "kind", "grant_date", "lapse_date", "entry_date")


def alive(age: float, scale: float = 12.0, shape: float = 1.5) -> float:
    """The share of those rights that is in force at an age."""
    return float(np.exp(-((age / scale) ** shape)))


def columns(rows: list[tuple[Any, ...]], *names: str) -> pa.Table:
    """Rows as a table; dates that are all blank too."""
    cells = dict(zip(names, zip(*rows, strict=True), strict=True))
    return pa.table({name: pa.array(each, pa.date32() if name.endswith("_date") else None) for name, each in cells.items()})
