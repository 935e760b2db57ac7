"""Factors of a market from how sectors grew: their correlation, and the loadings of rights on them.

t = years, s = sectors
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.calibrate import correlation as matrices
from ipvalue.calibrate.correlation import LEAST_YEARS
from ipvalue.calibrate.found import Calibrated
from ipvalue.calibrate.history import growths_of
from ipvalue.calibrate.sectors import Common, common, loadings, standardised
from ipvalue.calibrate.tables import Floats, Given, Longs, Mask, Stored
from ipvalue.market import Factors
from ipvalue.schema import INPUTS

DIGITS = 6
UNRELIABLE = 0.5
WIDE = 1.0


def factors(panel: object) -> Calibrated:
    """The correlation of sectors, ready for market.toml, and loadings where the panel is of rights; with 95 % intervals.

    panel: a long table sector, year, growth; or asset_id, sector, year, revenue. Of rights, log growth is taken about each one's mean in its own
    standard deviations; a sector's mean over its rights shows the factor, but for what is the rights' own, which is made up for. Correlations are
    drawn to 0 after Ledoit and Wolf, and repaired to a positive semidefinite matrix after Higham. Raises InputError where a cell is bad, a year
    stands there twice, or the panel is too short.
    """
    stored = Stored(panel, "sectors")
    if stored.has("growth"):
        return _of_sectors(stored.given(INPUTS["growth of sectors"]))
    return _of_rights(stored.given(INPUTS["revenues of rights in sectors"]))


def _of_sectors(given: Given) -> Calibrated:
    given.reject_repeated(["sector", "year"], "a sector has one growth a year")
    given.settle()
    names, sector = given.codes("sector")
    years, year = np.unique(given.floats("year"), return_inverse=True)
    values = np.full((len(years), len(names)), np.nan)
    values[year, sector] = np.log1p(given.floats("growth"))
    _refuse_still(given, names, sector, values)
    pairs, toml, doubts = _correlated(names, values, np.ones(len(names)))
    return Calibrated(f"correlation of {len(names)} factors from {len(years)} years of growth", pairs, tuple(doubts), toml=toml)


def _refuse_still(given: Given, names: list[str], sector: Longs, values: Floats) -> None:
    """Raises InputError for sectors with too few years, or whose growth is the same in all of them."""
    for place, name in enumerate(names):
        known = values[np.isfinite(values[:, place]), place]
        first = np.arange(given.rows) == int(np.argmax(sector == place))
        if len(known) < LEAST_YEARS:
            given.reject(first, "year", f"a sector is known in {LEAST_YEARS} years", f"sector {name!r} is known in {len(known)} years: give more")
        elif known.std() <= 1e-12:
            given.reject(first, "growth", "growth is not constant", f"growth of {name!r} is the same every year: leave it out")
    given.settle()


def _of_rights(given: Given) -> Calibrated:
    given.reject_repeated(["asset_id", "year"], "a right has one revenue a year")
    given.settle()
    names, right = given.codes("asset_id")
    sectors, sector = given.codes("sector")
    sector_of = np.zeros(len(names), np.int64)
    sector_of[right] = sector
    given.reject(sector_of[right] != sector, "sector", "a right is in one sector", lambda one: f"sector is {one}, and another in other rows of it")
    given.settle()
    growths, _ = growths_of(given, right)
    yearly = growths.span == 1
    years, year = np.unique(growths.year[yearly], return_inverse=True)
    moves, kept = standardised(growths.series[yearly], year, growths.log[yearly], sector_of)
    _refuse_empty(given, sectors, sector, sector_of, kept)
    panel, counts = moves.panel(len(years), len(sectors))
    together = common(moves, panel, counts)
    pairs, toml, doubts = _correlated(sectors, panel, together.reliability)
    loading, low, high = loadings(moves, panel, counts, together)
    blank = [_blank(one) for one in (loading, low, high)]
    of_rights = pa.table(
        {
            "asset_id": names,
            "sector": [sectors[one] for one in sector_of],
            **dict(zip(_LOADING, blank, strict=True)),
            "observations": moves.count,
        }
    )
    others = {"by sector": _by_sector(sectors, together), "by right": of_rights}
    doubts += _of_loadings(names, kept, int((~yearly).sum()), sectors, together, high - low)
    title = f"correlation of {len(sectors)} factors, and loadings, from {len(years)} years of {int(kept.sum()):,} rights"
    return Calibrated(title, pairs, tuple(doubts), ("factor_loading",), others, toml)


_LOADING = ("factor_loading", "factor_loading_low", "factor_loading_high")


def _refuse_empty(given: Given, sectors: list[str], sector: Longs, sector_of: Longs, kept: Mask) -> None:
    """Raises InputError for sectors with fewer than two rights of which enough is known."""
    for place, name in enumerate(sectors):
        n = int(kept[sector_of == place].sum())
        if n < 2:
            first = np.arange(given.rows) == int(np.argmax(sector == place))
            rule = f"a sector has two rights with {LEAST_YEARS} yearly growths that differ"
            given.reject(first, "sector", rule, f"sector {name!r} has {n} rights with {LEAST_YEARS} yearly growths that differ: it takes two")
    given.settle()


def _correlated(names: list[str], panel: Floats, reliability: Floats) -> tuple[pa.Table, str, list[str]]:
    """The pairs' correlations, [factors] of market.toml, and what is doubtful, from the sectors' movements (t, s)."""
    drawn = matrices.shrinkage(panel) if len(names) > 1 else 0.0
    sample, years = matrices.pairwise(panel)
    faithful = np.sqrt(np.outer(reliability, reliability))
    told = (faithful > 0.0) & np.isfinite(sample)
    with np.errstate(invalid="ignore", divide="ignore"):
        made_up = np.where(told, np.clip(sample / faithful, -1.0, 1.0), 0.0)
        ends = [np.clip(end / faithful, -1.0, 1.0) for end in matrices.fisher_interval(sample, years)]
    low, high = (np.where(told & np.isfinite(end), end, bound) for end, bound in zip(ends, (-1.0, 1.0), strict=True))
    np.fill_diagonal(made_up, 1.0)
    shrunk = (1.0 - drawn) * made_up + drawn * np.eye(len(names))
    repaired = matrices.nearest_correlation(shrunk)
    written = _symmetric(np.round(repaired, DIGITS))
    Factors(names=tuple(names), correlation=tuple(map(tuple, written.tolist())))  # what the market will check
    pairs = [
        {
            "sector_a": names[i],
            "sector_b": names[j],
            "correlation": float(written[i, j]),
            "correlation_low": float(low[i, j]),
            "correlation_high": float(high[i, j]),
            "sample": float(sample[i, j]),
            "years": int(years[i, j]),
        }
        for i in range(len(names))
        for j in range(i)
    ]
    return pa.Table.from_pylist(pairs, _PAIRS), _toml(names, written), _of_pairs(names, panel, drawn, told, np.abs(repaired - shrunk).max())


_PAIRS = pa.schema(
    [
        ("sector_a", pa.string()),
        ("sector_b", pa.string()),
        *((name, pa.float64()) for name in ("correlation", "correlation_low", "correlation_high", "sample")),
        ("years", pa.int64()),
    ]
)


def _symmetric(matrix: Floats) -> Floats:
    np.fill_diagonal(matrix, 1.0)
    return matrix + 0.0  # no −0


def _toml(names: list[str], matrix: Floats) -> str:
    quoted = ", ".join('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in names)
    rows = ",\n".join("    [" + ", ".join(repr(float(x)) for x in row) + "]" for row in matrix)
    return f"[factors]\nnames = [{quoted}]\ncorrelation = [\n{rows},\n]\n"


def _by_sector(names: list[str], found: Common) -> pa.Table:
    figures = [_blank(one) for one in (found.loading, found.low, found.high)]
    known = {"sector": names, "assets": found.rights, "years": found.years, **dict(zip(_LOADING, figures, strict=True))}
    return pa.table({**known, "reliability": _blank(found.reliability)})


def _blank(numbers: Floats) -> pa.Array:
    return pa.array(numbers, mask=np.isnan(numbers))


def _of_pairs(names: list[str], panel: Floats, drawn: float, told: Mask, moved: float) -> list[str]:
    said = []
    years, gaps = len(panel), int(np.isnan(panel).sum())
    if years < 2 * len(names):
        said.append(f"{years} years for {len(names)} sectors: correlations are drawn to 0 by {drawn:.0%}")
    if gaps:
        said.append(f"{gaps} sector-years are not known: correlations are of the years that both sectors of a pair have")
    if moved > 1e-3:
        said.append(f"no factors could be correlated as the pairs are alone: repairing moved a correlation by {moved:.3f}")
    untold = int((~told).sum()) // 2
    if untold:
        said.append(f"{untold} pairs are taken as 0, though they may be anything: a sector of theirs shows no common movement")
    return said


def _of_loadings(names: list[str], kept: Mask, bridged: int, sectors: list[str], found: Common, width: Floats) -> list[str]:
    said: list[Any] = []
    if not kept.all():
        left = f"{int((~kept).sum()):,} of {len(names):,} rights are left out, as {names[int(np.argmin(kept))]}"
        said.append(f"{left}: they have fewer than {LEAST_YEARS} yearly growths, or all the same")
    if bridged:
        said.append(f"{bridged:,} growths over several years are left out: no year is theirs")
    for place, name in enumerate(sectors):
        reliability = found.reliability[place]
        if not reliability > 0.0:
            said.append(f"sector {name}: its rights show no common movement, so their loadings are not known")
        elif reliability < UNRELIABLE:
            said.append(f"sector {name}: {reliability:.0%} of its mean movement is common, so its correlations and loadings are rough")
    if np.nanmedian(np.append(width, 0.0) if np.isnan(width).all() else width) > WIDE:
        said.append(f"half of the rights' loadings have intervals wider than {WIDE:g}: a sector's typical loading is a better figure for them")
    return said
