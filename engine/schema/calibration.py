"""The columns of what parameters are calibrated from, and of what comes of it (docs/calibrate.md)."""

from __future__ import annotations

from collections.abc import Iterable

from ipvalue.schema.column import Column, Kind
from ipvalue.schema.portfolio import MOST_MONEY, PORTFOLIO

_PAGE = "calibrate.md"
_MONEY = "market's currency"
_OWN_MONEY = PORTFOLIO["revenue"].unit
_LOW, _HIGH = "lower end of its 95 % interval", "upper end of it"


def _column(group: str, name: str, meaning: str, kind: Kind = "float", unit: str = "", required: bool = False) -> Column:
    return Column(name, kind, meaning, group, unit, required=required, source=_PAGE)


def _limited(
    group: str, name: str, meaning: str, unit: str, low: float, high: float | None = None, kind: Kind = "float", low_open: bool = False
) -> Column:
    return Column(name, kind, meaning, group, unit, None, low, high, low_open, required=True, source=_PAGE)


def _with_interval(group: str, name: str, meaning: str, unit: str = "") -> tuple[Column, ...]:
    """A figure and the ends of its interval."""
    ends = ((f"{name}_low", _LOW), (f"{name}_high", _HIGH))
    return (_column(group, name, meaning, unit=unit), *(_column(group, end, said, unit=unit) for end, said in ends))


def _id(group: str, meaning: str) -> Column:
    return _column(group, "asset_id", meaning, "string", required=True)


def _sector(group: str) -> Column:
    return _column(group, "sector", "the factor it belongs to", "string", required=True)


def _year(group: str) -> Column:
    return _limited(group, "year", "the year that it is of", "", 1.0, 9999.0, "int")


def _revenue(group: str) -> Column:
    return _limited(group, "revenue", "revenue of that year; 0 where there was none, no row where it is not known", _OWN_MONEY, 0.0, MOST_MONEY)


_PRICES, _REVENUES, _PANEL = "prices", "revenues", "revenues of rights in sectors"
_GROWTHS, _RECORDS = "growth of sectors", "renewal records"
_IMPLIED, _HISTORY, _GROUPS = "implied", "history", "history, by group"
_PAIRS, _SECTORS, _LOADINGS, _SURVIVAL = "factors", "factors, by sector", "factors, by right", "survival"

INPUTS: dict[str, tuple[Column, ...]] = {
    _PRICES: (
        _id(_PRICES, "a right of the portfolio, once"),
        _limited(_PRICES, "price", "what it is worth: its value is to be this", _MONEY, 0.0, 1e18, low_open=True),
    ),
    _REVENUES: (_id(_REVENUES, "whose revenue it is"), _year(_REVENUES), _revenue(_REVENUES)),
    _PANEL: (_id(_PANEL, "whose revenue it is"), _sector(_PANEL), _year(_PANEL), _revenue(_PANEL)),
    _GROWTHS: (
        _sector(_GROWTHS),
        _year(_GROWTHS),
        Column("growth", "float", "growth of the sector in that year", _GROWTHS, "a year", None, -1.0, 1e6, True, required=True, source=_PAGE),
    ),
    _RECORDS: (
        _id(_RECORDS, "a right, or a group of them with one history, once"),
        _column(_RECORDS, "filing_date", "when it was applied for; needed where ages count from there", "date"),
        _column(_RECORDS, "grant_date", "when it was granted; needed where ages count from there", "date"),
        _column(_RECORDS, "lapse_date", "when it lapsed; a blank: still in force", "date"),
        _column(_RECORDS, "entry_date", "since when it is watched (had it lapsed before, it would not be known); a blank: always", "date"),
        Column("count", "int", "how many rights have this history", _RECORDS, "", 1.0, 1.0, 1e9, source=_PAGE),
    ),
}  # fmt: skip
"""The tables that calibrations read."""

_OUTPUTS: dict[str, tuple[Column, ...]] = {
    _IMPLIED: (
        _column(_IMPLIED, "asset_id", "as in the prices", "string"),
        _column(_IMPLIED, "price", "as given", unit=_MONEY),
        _column(_IMPLIED, "(driver)", "what the price implies; the column is named as in the portfolio"),
        _column(_IMPLIED, "standard_error", "of it: that of the simulated value over the value's slope; 0 in closed form"),
        _column(_IMPLIED, "interval_low", _LOW),
        _column(_IMPLIED, "interval_high", _HIGH),
        _column(_IMPLIED, "status", "exact, simulated, no effect, unreachable, unsolved or rejected", "string"),
        _column(_IMPLIED, "value", "the right's value at what is implied", unit=_MONEY),
        _column(_IMPLIED, "bracket_low", "where the search began"),
        _column(_IMPLIED, "bracket_high", "where it ended"),
        _column(_IMPLIED, "evaluations", "how often the right was valued", "int"),
        _column(_IMPLIED, "monotone", "whether the value only rises, or only falls, over the points that were tried", "bool"),
        _column(_IMPLIED, "solutions", "how many were seen; the one nearest to the portfolio's own figure is given", "int"),
        _column(_IMPLIED, "reason", "why there is none, or what to be careful about", "string"),
    ),
    _HISTORY: (
        _column(_HISTORY, "asset_id", "as in the revenues", "string"),
        _column(_HISTORY, "group", "what it is shrunk to the mean of", "string"),
        *_with_interval(_HISTORY, "growth", "expected growth as the portfolio's column has it: exp(log_growth + volatility²/2) − 1", "a year"),
        *_with_interval(_HISTORY, "volatility", "standard deviation of log growth", "a root year"),
        *_with_interval(_HISTORY, "log_growth", "mean log growth: the median's", "a year"),
        _column(_HISTORY, "observations", "growths that were seen", "int"),
        _column(_HISTORY, "years", "that they span", "int"),
        _column(_HISTORY, "zeros", "years without revenue, whose growth is left out", "int"),
        _column(_HISTORY, "growth_weight", "weight of the group's mean in log_growth", "float", "fraction"),
        _column(_HISTORY, "volatility_weight", "weight of the group's variance in volatility²", "float", "fraction"),
    ),
    _GROUPS: (
        _column(_GROUPS, "group", "the group", "string"),
        _column(_GROUPS, "assets", "series in it", "int"),
        _column(_GROUPS, "observations", "growths in them", "int"),
        *_with_interval(_GROUPS, "log_growth", "its mean", "a year"),
        _column(_GROUPS, "spread", "standard deviation of the series' own means about it", unit="a year"),
        *_with_interval(_GROUPS, "volatility", "its typical one", "a root year"),
        _column(_GROUPS, "degrees_of_freedom", "observations that the typical volatility counts as; a blank: any number"),
    ),
    _PAIRS: (
        _column(_PAIRS, "sector_a", "a factor", "string"),
        _column(_PAIRS, "sector_b", "another", "string"),
        *_with_interval(_PAIRS, "correlation", "of the two: shrunk, and repaired to positive semidefinite"),
        _column(_PAIRS, "sample", "before that"),
        _column(_PAIRS, "years", "that both are known in", "int"),
    ),
    _SECTORS: (
        _column(_SECTORS, "sector", "a factor", "string"),
        _column(_SECTORS, "assets", "rights in it", "int"),
        _column(_SECTORS, "years", "years it is known in", "int"),
        *_with_interval(_SECTORS, "factor_loading", "of a typical right in it"),
        _column(_SECTORS, "reliability", "share of the variance of the sector's mean that is common movement", unit="fraction"),
    ),
    _LOADINGS: (
        _column(_LOADINGS, "asset_id", "a right", "string"),
        _column(_LOADINGS, "sector", "its sector", "string"),
        *_with_interval(_LOADINGS, "factor_loading", "regression of its growth on the sector's others"),
        _column(_LOADINGS, "observations", "growths that were seen", "int"),
    ),
    _SURVIVAL: (
        _column(_SURVIVAL, "curve", "name of the curve", "string"),
        _column(_SURVIVAL, "age", "since filing or grant", unit="years"),
        *_with_interval(_SURVIVAL, "surviving", "share of rights still in force", "fraction"),
        _column(_SURVIVAL, "at_risk", "rights watched at that age", "int"),
        _column(_SURVIVAL, "lapsed", "lapses up to that age", "int"),
    ),
}  # fmt: skip


def _flat(tables: Iterable[tuple[str, tuple[Column, ...]]]) -> dict[str, Column]:
    return {f"{table}.{column.name}": column for table, columns in tables for column in columns}


CALIBRATION: dict[str, Column] = _flat((*INPUTS.items(), *_OUTPUTS.items()))
