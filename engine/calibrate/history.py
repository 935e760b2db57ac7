"""Growth and volatility of rights from their revenue of past years, drawn towards their group's as far as they are short.

k = series, r = growths of all of them
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from ipvalue.calibrate.found import Calibrated
from ipvalue.calibrate.needs import needed
from ipvalue.calibrate.shrink import LEAST_SERIES, TAIL, Means, Variances, shrink_means, shrink_variances
from ipvalue.calibrate.tables import Floats, Given, Longs, Mask, Stored
from ipvalue.schema import INPUTS, Column, InputError

NO_GROUP = "all"
SIGNIFICANT = 2.0
_WIDE_PRIOR = 4.0


@dataclass(frozen=True)
class Growths:
    """Log growths (r,) in the order of series and years: which series each is of, its first year, over how many years, the two rows it is from."""

    series: Longs
    year: Longs
    span: Longs
    log: Floats
    row: Longs


def growths_of(given: Given, series: Longs, least_revenue: float = 0.0) -> tuple[Growths, Longs]:
    """The log growths from each year with revenue to the next one that is known, and how many rows without revenue each series (k,) has.

    A year that is not known is bridged; one whose revenue is 0 is not, nor is growth counted from less than `least_revenue`.
    """
    year, revenue = given.floats("year").astype(np.int64), given.floats("revenue")
    order = np.lexsort((year, series))
    first, last = order[:-1], order[1:]
    pairs = (series[first] == series[last]) & (revenue[first] > 0.0) & (revenue[last] > 0.0) & (revenue[first] >= least_revenue)
    first, last = first[pairs], last[pairs]
    zeros = np.bincount(series[revenue == 0.0], minlength=int(series.max()) + 1)
    logs = np.log(revenue[last] / revenue[first])
    return Growths(series[first], year[first], year[last] - year[first], logs, first), zeros


def history(revenues: object, *, group: str | None = None, least_revenue: float = 0.0) -> Calibrated:
    """Growth and volatility of each right from its yearly revenue, with 95 % intervals.

    revenues: a long table asset_id, year, revenue; series may be of unequal length, with gaps and zeros. group: a text column; series are drawn
    towards the mean of their group, else of all. least_revenue: growth from less is left out.

    Between known years log revenue moves by span·μ with variance span·σ² (model §3), so of each series μ = Σ log growth / Σ span, and σ² is the
    scatter about it over n − 1; both are shrunk (shrink.py), and growth = exp(μ + σ²/2) − 1, as the model's revenue has its mean. Raises InputError
    where a cell is bad, a year stands there twice, or nothing tells the growth or the volatility of a right.
    """
    if not least_revenue >= 0.0:
        raise InputError(f"least_revenue is {least_revenue:g}: it must be at least 0")
    given = _read(revenues, group)
    names, series = given.codes("asset_id")
    groups, group_of_row = given.codes(group) if group else ([NO_GROUP], np.zeros(given.rows, np.int64))
    group_of = _group_of(given, series, group_of_row, len(names), group)
    growths, zeros = growths_of(given, series, least_revenue)
    own = _own(growths, len(names))
    figures = _Figures.blank(len(names))
    by_group = []
    for number, name in enumerate(groups):
        these = np.flatnonzero(group_of == number)
        variances = shrink_variances(own.variance[these], np.maximum(own.count[these] - 1, 0))
        with np.errstate(divide="ignore"):
            sampling = np.where(own.years[these] > 0, variances.variance / own.years[these], np.inf)
        means = shrink_means(own.mean[these], sampling)
        figures.take(these, means, variances)
        by_group.append(_group_row(name, own.count[these], means, variances))
    _refuse_unknown(given, series, figures, own)
    table = _table(names, [groups[i] for i in group_of], own, zeros, figures)
    doubts = _doubts(growths, own, zeros, figures, by_group, names, groups, group_of)
    title = f"growth and volatility of {len(names):,} rights from {len(growths.log):,} growths"
    others = {"by group": pa.Table.from_pylist(by_group, _GROUP_SCHEMA)}
    return Calibrated(title, table, tuple(doubts), ("growth", "volatility"), others, shown=_SHOWN)


_SHOWN = ("asset_id", "growth", "growth_low", "growth_high", "volatility", "volatility_low", "volatility_high", "observations")


def _read(revenues: object, group: str | None) -> Given:
    stored = Stored(revenues, "revenues")
    more = [Column(group, "string", "", "", required=True)] if group else []
    given = stored.given((*INPUTS["revenues"], *more))
    given.reject_repeated(["asset_id", "year"], "a right has one revenue a year")
    given.settle()
    return given


def _group_of(given: Given, series: Longs, group_of_row: Longs, k: int, group: str | None) -> Longs:
    """(k,) the group of each series. Raises InputError where a series is in several."""
    group_of = np.zeros(k, np.int64)
    group_of[series] = group_of_row
    if group:
        other = group_of[series] != group_of_row
        given.reject(other, group, f"a right is in one {group}", lambda value: f"{group} is {value}, and another in other rows of this right")
        given.settle()
    return group_of


@dataclass(frozen=True)
class _Own:
    """What each series (k,) says alone: number of growths, years they span, mean log growth and variance (NaN: not known)."""

    count: Longs
    years: Longs
    mean: Floats
    variance: Floats


def _own(growths: Growths, k: int) -> _Own:
    count = np.bincount(growths.series, minlength=k)
    years = np.bincount(growths.series, growths.span, k).astype(np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(growths.series, growths.log, k) / years
        off = growths.log - growths.span * mean[growths.series]
        scatter = np.bincount(growths.series, off * off / growths.span, k) / (count - 1)
    return _Own(count, years, mean, np.where(count > 1, scatter, np.nan))


@dataclass
class _Figures:
    """(k,) what is found of each series."""

    log_growth: Floats
    log_growth_low: Floats
    log_growth_high: Floats
    volatility: Floats
    volatility_low: Floats
    volatility_high: Floats
    growth_weight: Floats
    volatility_weight: Floats

    @classmethod
    def blank(cls, k: int) -> _Figures:
        return cls(*(np.full(k, np.nan) for _ in fields(cls)))

    def take(self, these: Longs, means: Means, variances: Variances) -> None:
        """The figures of the series of one group."""
        special = needed("scipy.special")
        freedom = np.where(variances.freedom > 0, variances.freedom, np.nan)
        reach = special.stdtrit(freedom, 1.0 - TAIL) * means.error
        self.log_growth[these], self.growth_weight[these] = means.mean, means.weight
        self.log_growth_low[these], self.log_growth_high[these] = means.mean - reach, means.mean + reach
        self.volatility[these], self.volatility_weight[these] = np.sqrt(variances.variance), variances.weight
        for ends, tail in ((self.volatility_low, TAIL), (self.volatility_high, 1.0 - TAIL)):
            ends[these] = np.sqrt(variances.variance * freedom / special.chdtri(freedom, tail))

    def growth(self) -> tuple[Floats, Floats, Floats]:
        """(k,) growth and the ends of its interval: that of a sum from those of its parts, whose distances to them add up in squares (Zou and Donner
        2008, Statistics in Medicine 27)."""
        half = 0.5 * np.stack([self.volatility, self.volatility_low, self.volatility_high]) ** 2
        center = self.log_growth + half[0]
        low = center - np.hypot(self.log_growth - self.log_growth_low, half[0] - half[1])
        high = center + np.hypot(self.log_growth_high - self.log_growth, half[2] - half[0])
        with np.errstate(over="ignore"):
            return np.expm1(center), np.expm1(low), np.expm1(high)


def _refuse_unknown(given: Given, series: Longs, found: _Figures, own: _Own) -> None:
    """Raises InputError for series of which nothing is known, or whose revenue never moves, where no group helps."""
    first = np.zeros(given.rows, np.bool_)
    first[np.unique(series, return_index=True)[1]] = True
    unknown = np.isnan(found.log_growth) | np.isnan(found.volatility)
    flat = ~unknown & ~(found.volatility > 0.0)
    help_ = f"give more years, or {LEAST_SERIES} rights of its group that have them"
    few = [f"there are {n} growths from one year with revenue to the next, and its group does not help: {help_}" for n in own.count]
    for row in np.flatnonzero(first & unknown[series]):
        only = np.arange(given.rows) == row
        given.reject(only, "year", "growth takes two years with revenue, volatility three", few[series[row]])
    given.reject(
        first & flat[series],
        "revenue",
        "revenue is not constant",
        lambda value: f"revenue grows the same every year (from {value}), so it has no volatility, and its group does not help: {help_}",
    )
    given.settle()


_GROUP_COLUMNS = ("log_growth", "log_growth_low", "log_growth_high", "spread", "volatility", "volatility_low", "volatility_high")
_GROUP_SCHEMA = pa.schema(
    [
        ("group", pa.string()),
        ("assets", pa.int64()),
        ("observations", pa.int64()),
        *((name, pa.float64()) for name in (*_GROUP_COLUMNS, "degrees_of_freedom")),
    ]
)


def _group_row(name: str, count: Longs, means: Means, variances: Variances) -> dict[str, object]:
    figures = (means.center, *means.interval, means.spread, variances.typical**0.5, *(end**0.5 for end in variances.interval))
    finite = {column: None if np.isnan(x) else float(x) for column, x in zip(_GROUP_COLUMNS, figures, strict=True)}
    freedom = None if np.isinf(variances.prior) else variances.prior
    return {"group": name, "assets": len(count), "observations": int(count.sum()), **finite, "degrees_of_freedom": freedom}


def _table(names: list[str], groups: list[str], own: _Own, zeros: Longs, found: _Figures) -> pa.Table:
    growth, low, high = found.growth()
    return pa.table(
        {
            "asset_id": pa.array(names),
            "group": pa.array(groups),
            "growth": growth,
            "growth_low": low,
            "growth_high": high,
            "volatility": found.volatility,
            "volatility_low": found.volatility_low,
            "volatility_high": found.volatility_high,
            "log_growth": found.log_growth,
            "log_growth_low": found.log_growth_low,
            "log_growth_high": found.log_growth_high,
            "observations": own.count,
            "years": own.years,
            "zeros": zeros,
            "growth_weight": found.growth_weight,
            "volatility_weight": found.volatility_weight,
        }
    )


def _doubts(
    growths: Growths,
    own: _Own,
    zeros: Longs,
    found: _Figures,
    by_group: list[dict[str, object]],
    names: list[str],
    groups: list[str],
    group_of: Longs,
) -> list[str]:
    said = []

    def count(which: Mask, what: str) -> None:
        if which.any():
            said.append(f"{int(which.sum()):,} of {len(names):,} rights {what}, as {names[int(np.argmax(which))]}")

    count(own.count == 0, "have no growth of their own: theirs is their group's")
    count(own.count == 1, "have one growth alone: their volatility is their group's")
    count(zeros > 0, "have years without revenue: growth to and from these is left out")
    count(np.bincount(growths.series, growths.span > 1, len(names)) > 0, "have gaps: growth over several years is taken to have come evenly")
    few = [groups[i] for i in range(len(groups)) if (own.count[group_of == i] > 1).sum() < LEAST_SERIES]
    if few:
        said.append(f"{len(few):,} groups have fewer than {LEAST_SERIES} series with two growths, so nothing is shrunk there, as {few[0]}")
    for row in by_group:
        freedom = row["degrees_of_freedom"]
        if isinstance(freedom, float) and 0.0 < freedom < _WIDE_PRIOR:
            said.append(f"group {row['group']}: volatilities differ so much that its typical one counts as {freedom:.1f} observations alone")
    return [*said, *_memory(growths, own, found)]


def _memory(growths: Growths, own: _Own, found: _Figures) -> list[str]:
    """Whether a year's growth tells the next one's, which it does not in the model."""
    off = (growths.log - growths.span * own.mean[growths.series]) / np.sqrt(growths.span) / found.volatility[growths.series]
    next_to = (growths.series[1:] == growths.series[:-1]) & (growths.year[1:] == growths.year[:-1] + growths.span[:-1])
    if next_to.sum() < 2:
        return []
    product = off[1:][next_to] * off[:-1][next_to]
    # about its own mean a series of n independent growths has the lagged product −1/n in expectation
    expected = -1.0 / own.count[growths.series[1:][next_to]]
    excess = product - expected
    z = float(excess.mean() / (excess.std(ddof=1) / np.sqrt(len(excess)))) if excess.std() > 0 else 0.0
    if abs(z) <= SIGNIFICANT:
        return []
    tells = "goes on into" if z > 0 else "is undone in part by"
    return [f"a year's growth {tells} the next one's (correlation {excess.mean():+.2f}), and years are independent in the model: {_SO[z > 0]}"]


_SO = {True: "over long times revenue moves more than it says", False: "over long times revenue moves less than it says"}
