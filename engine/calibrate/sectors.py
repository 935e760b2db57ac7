"""What rights of one sector have in common: the sector's mean movement by year, how much of it is common, and each right's loading on it.

r = growths, k = rights, t = years, s = sectors
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ipvalue.calibrate.correlation import LEAST_YEARS, fisher_interval
from ipvalue.calibrate.needs import needed
from ipvalue.calibrate.tables import Floats, Longs, Mask

TAIL = 0.025
LEAST_RIGHTS = 2


@dataclass(frozen=True)
class Moves:
    """Growths (r,) about each right's own mean, in its own standard deviations: whose, of which year (a place), and how much; sector_of (k,) and the
    number of growths (k,) of each right."""

    right: Longs
    year: Longs
    moved: Floats
    sector_of: Longs
    count: Longs

    def panel(self, years: int, sectors: int) -> tuple[Floats, Longs]:
        """The mean movement (t, s) of each sector in each year, NaN where it has none, and of how many rights it is."""
        at = self.year * sectors + self.sector_of[self.right]
        sums, counts = (np.bincount(at, weights, years * sectors).reshape(years, sectors) for weights in (self.moved, None))
        with np.errstate(invalid="ignore", divide="ignore"):
            return sums / counts, counts.astype(np.int64)


def standardised(right: Longs, year: Longs, log: Floats, sector_of: Longs) -> tuple[Moves, Mask]:
    """The movements of the rights with LEAST_YEARS growths or more that are not all the same, and which rights (k,) these are."""
    k = len(sector_of)
    count = np.bincount(right, minlength=k)
    with np.errstate(invalid="ignore", divide="ignore"):
        off = log - (np.bincount(right, log, k) / count)[right]
        deviation = np.sqrt(np.bincount(right, off * off, k) / (count - 1))
    kept = (count >= LEAST_YEARS) & (deviation > 1e-12)
    those = kept[right]
    return Moves(right[those], year[those], off[those] / deviation[right[those]], sector_of, np.where(kept, count, 0)), kept


@dataclass(frozen=True)
class Common:
    """(s,) of each sector: rights and years it is known by, the loading of a typical right with its interval, and the share of the variance of the
    sector's mean that is common movement; NaN where it cannot be told."""

    rights: Longs
    years: Longs
    loading: Floats
    low: Floats
    high: Floats
    reliability: Floats
    likeness: Floats


def common(moves: Moves, panel: Floats, counts: Longs) -> Common:
    """How much rights of a sector move together: an analysis of variance by year, whose intraclass correlation is the loading's square (Shrout and
    Fleiss 1979, Psychological Bulletin 86)."""
    sectors = panel.shape[1]
    found = np.full((5, sectors), np.nan)
    rights = np.bincount(moves.sector_of[np.unique(moves.right)], minlength=sectors)
    known = (counts > 0).sum(axis=0)
    of_sector = moves.sector_of[moves.right]
    for s in range(sectors):
        if rights[s] >= LEAST_RIGHTS and known[s] >= 2:
            these = of_sector == s
            within = moves.moved[these] - panel[moves.year[these], s]
            found[:, s] = _of_one(panel[:, s], counts[:, s], within, int(rights[s]))
    loading, low, high, reliability, likeness = found
    return Common(rights, known.astype(np.int64), loading, low, high, reliability, likeness)


def _of_one(means: Floats, counts: Longs, within: Floats, rights: int) -> tuple[float, float, float, float, float]:
    """(loading, low, high, reliability, intraclass correlation) of one sector."""
    special = needed("scipy.special")
    there = counts > 0
    n, years, total = counts[there], int(there.sum()), int(counts.sum())
    grand = float((n * means[there]).sum()) / total
    # each right's own mean was taken off: so many numbers fewer are free within years
    between_free, within_free = years - 1, total - years - (rights - 1)
    if within_free <= 0:
        return (np.nan,) * 5
    size = (total - float((n * n).sum()) / total) / between_free
    f = float((n * (means[there] - grand) ** 2).sum()) / between_free / (float((within * within).sum()) / within_free)
    ends = (f / float(special.fdtri(between_free, within_free, p)) for p in (1.0 - TAIL, TAIL))
    likeness, low, high = ((one - 1.0) / (one + size - 1.0) for one in (f, *ends))
    loading = (max(one, 0.0) ** 0.5 for one in (likeness, low, high))
    return (*loading, max(1.0 - 1.0 / f, 0.0), likeness)


def loadings(moves: Moves, panel: Floats, counts: Longs, sector: Common) -> tuple[Floats, Floats, Floats]:
    """(k,) each right's loading with its interval: the regression of its movements on the mean of the sector's others, both in standard deviations,
    made up for what in that mean is not common; NaN where the sector has no common movement that could be told."""
    k = len(moves.sector_of)
    s = moves.sector_of[moves.right]
    n = counts[moves.year, s]
    with np.errstate(invalid="ignore", divide="ignore"):
        others = (n * panel[moves.year, s] - moves.moved) / (n - 1)
    good = n > 1
    right, x, y = moves.right[good], others[good], moves.moved[good]
    count = np.bincount(right, minlength=k)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = x - (np.bincount(right, x, k) / count)[right]
        y = y - (np.bincount(right, y, k) / count)[right]
        sample = np.bincount(right, x * y, k) / np.sqrt(np.bincount(right, x * x, k) * np.bincount(right, y * y, k))
        size = np.bincount(right, n[good] - 1.0, k) / count
        likeness = sector.likeness[moves.sector_of]
        faithful = np.sqrt(size * likeness / (1.0 + (size - 1.0) * likeness))
        low, high = fisher_interval(sample, count)
        found = [np.clip(one / faithful, -1.0, 1.0) for one in (sample, low, high)]
    told = (count >= LEAST_YEARS) & (likeness > 0.0)
    return tuple(np.where(told, one, np.nan) for one in found)  # type: ignore[return-value]
