"""Survival of rights from renewal records, ready for a survival curve of the assumptions.

r = records
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from ipvalue.assumptions import SurvivalCurve
from ipvalue.calibrate.found import Calibrated
from ipvalue.calibrate.needs import needed
from ipvalue.calibrate.tables import Floats, Given, Longs, Mask, Stored
from ipvalue.constants import DAYS_PER_YEAR
from ipvalue.schema import INPUTS, Column, InputError, validate

ANCHORS = ("grant", "filing")
COHORT = "cohort"
"""Grouping by the year of the anchor."""
LEAST_AT_RISK = 10
"""A curve stands where so many rights or more are watched."""
LEAST_RECORDS_COMPARED = 20
DIGITS = 4
_JUST_AFTER = 1e-9
_TAIL = 0.025


def survival(
    records: object,
    *,
    anchor: str = "grant",
    as_of: date | None = None,
    by: str | None = None,
    ages: Sequence[float] | None = None,
    name: str = "renewals",
) -> Calibrated:
    """The share of rights still in force by age, with its 95 % band, by Kaplan and Meier's estimator.

    records: a table asset_id, grant_date or filing_date (the anchor, from which ages count), lapse_date (blank: still in force), and where they are
    known entry_date (since when a right is watched: left truncation) and count (how many rights have this history). as_of: the day up to which
    lapses are known, needed where a right is still in force. by: a text column, or `cohort` (the anchor's year): a curve for each. ages: where the
    curve has its points; by default whole years. name: what the curves are called, before what they are by.

    Raises InputError where a cell is bad, dates are in no order, or too few rights are watched.
    """
    if anchor not in ANCHORS:
        raise InputError(f"anchor is {anchor!r}: it must be {' or '.join(ANCHORS)}")
    given, spells = _read(records, anchor, as_of, by)
    at_ages = _ages(ages)
    rows, curves, doubts = [], {}, []
    for label, these in _groups(given, spells, by):
        curve = f"{name}/{label}" if label else name
        points, said = _curve(curve, spells.only(these), at_ages)
        rows += points
        curves[curve] = _checked(curve, anchor, points)
        doubts += said
    title = f"survival from {anchor}: {spells.count.sum():,} rights, {spells.count[spells.lapsed].sum():,} lapses"
    return Calibrated(title, pa.Table.from_pylist(rows, _SCHEMA), tuple(doubts), toml="\n".join(curves.values()))


@dataclass(frozen=True)
class _Spells:
    """(r,) ages in years at which records begin to be watched and end, whether by a lapse, how many rights each is of, and the day of age 0."""

    entry: Floats
    end: Floats
    lapsed: Mask
    count: Longs
    start: Floats

    def only(self, these: Mask) -> _Spells:
        return _Spells(self.entry[these], self.end[these], self.lapsed[these], self.count[these], self.start[these])

    def at_risk(self, age: float) -> int:
        """Rights watched just before an age."""
        return int(self.count[(self.entry < age) & (self.end >= age)].sum())


def _read(records: object, anchor: str, as_of: date | None, by: str | None) -> tuple[Given, _Spells]:
    stored, start_name = Stored(records, "records"), f"{anchor}_date"
    if not stored.has(start_name):
        raise InputError(f"{stored.file}: column {start_name} is missing, and ages count from the {anchor}: give it, or name the other anchor")
    known_columns = INPUTS["renewal records"]
    if by in [one.name for one in known_columns]:
        raise InputError(f"by is {by!r}: it must be a column of texts that says what kind a right is, or {COHORT}")
    of_kind = by is not None and (by != COHORT or stored.has(COHORT))
    given = stored.given((*known_columns, Column(by, "string", "", "", required=True)) if by is not None and of_kind else known_columns)
    given.reject_repeated(["asset_id"], "asset_id is unique")
    start, lapse, entry = (given.floats(name) for name in (start_name, "lapse_date", "entry_date"))
    given.reject(np.isnan(start), start_name, f"{start_name} is given", f"{start_name} is blank: ages count from it")
    in_force = np.isnan(lapse)
    known = np.nan if as_of is None else float(pa.scalar(as_of, pa.date32()).value)
    if as_of is None:
        given.reject(
            in_force, "lapse_date", "as_of is given where a right is in force", "lapse_date is blank: name the day as_of which it is in force"
        )
    given.reject(
        lapse > known, "lapse_date", "lapses are known up to as_of", lambda one: f"lapse_date is {one}, after as_of {as_of}: name a later day"
    )
    end = np.where(in_force, known, lapse)
    own = f"a right lapses after its {start_name}"
    given.reject(lapse <= start, "lapse_date", own, lambda one: f"lapse_date is {one}, not after {start_name}: correct one of them")
    begun = f"{start_name} is before as_of"
    given.reject(in_force & (start >= known), start_name, begun, lambda one: f"{start_name} is {one}, not before as_of {as_of}: leave the row out")
    watched = "a right is watched before its end"
    given.reject(entry >= end, "entry_date", watched, lambda one: f"entry_date is {one}, not before the end of the record: correct one of them")
    given.settle()
    counts = np.nan_to_num(given.floats("count"), nan=1.0).astype(np.int64)
    first = np.fmax(np.where(np.isnan(entry), start, entry), start)
    return given, _Spells((first - start) / DAYS_PER_YEAR, (end - start) / DAYS_PER_YEAR, ~in_force, counts, start)


def _groups(given: Given, spells: _Spells, by: str | None) -> list[tuple[str, Mask]]:
    if by is None:
        return [("", np.ones(len(spells.end), np.bool_))]
    if by == COHORT and not given.has(COHORT):
        year = spells.start.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
        return [(str(one), year == one) for one in np.unique(year)]
    names, code = given.codes(by)
    return [(name, code == place) for place, name in enumerate(names)]


def _ages(ages: Sequence[float] | None) -> Floats | None:
    if ages is None:
        return None
    found = np.array(ages, np.float64)
    if not len(found) or not np.isfinite(found).all() or (found < 0).any() or (np.diff(found) <= 0).any():
        raise InputError(f"ages are {', '.join(f'{one:g}' for one in ages) or 'none'}: they must be at least 0 and ascend")
    return found


def _curve(name: str, spells: _Spells, ages: Floats | None) -> tuple[list[dict[str, object]], list[str]]:
    """The points of one curve, and what is doubtful about it. Raises InputError where too few rights are watched at any age."""
    first, last = _span(name, spells)
    inside = np.arange(0.0, np.floor(last) + 1.0) if ages is None else ages[ages <= last]
    points = np.unique(np.append(inside[inside >= first], first if first > 0 else 0.0))
    late = spells.only(spells.end > first)
    fitted = needed("lifelines").KaplanMeierFitter(alpha=2.0 * _TAIL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of weights, which are counts here
        fitted.fit(late.end, late.lapsed, entry=np.maximum(late.entry, first), weights=late.count)
    times = fitted.survival_function_.index.to_numpy()
    at = np.searchsorted(times, points, side="right") - 1
    surviving = np.maximum(fitted.survival_function_.to_numpy()[at, 0], 0.0)
    low, high = fitted.confidence_interval_.to_numpy()[at].T
    risk = np.array([spells.at_risk(max(age, _JUST_AFTER)) for age in points])
    lapsed = np.array([late.count[late.lapsed & (late.end <= age)].sum() for age in points])
    low, high = _band(surviving, low, high, risk, lapsed)
    columns = (points, surviving, low, high, risk, lapsed)
    rows = [dict(zip(_SCHEMA.names, (name, *line), strict=True)) for line in zip(*(one.tolist() for one in columns), strict=True)]
    return rows, _doubts(name, spells, first, last, int(late.count[late.lapsed].sum()))


def _span(name: str, spells: _Spells) -> tuple[float, float]:
    """From which age to which LEAST_AT_RISK rights or more are watched."""
    begins = np.unique(spells.entry)
    enough = [float(age) for age in begins if spells.at_risk(age + _JUST_AFTER) >= LEAST_AT_RISK]
    if not enough:
        most = max(spells.at_risk(age + _JUST_AFTER) for age in begins)
        raise InputError(f"curve {name}: at most {most} rights are watched at one age, and a curve takes {LEAST_AT_RISK}: give more records")
    ends = np.unique(spells.end)
    return enough[0], max(float(age) for age in ends if spells.at_risk(age) >= LEAST_AT_RISK)


def _band(surviving: Floats, low: Floats, high: Floats, risk: Longs, lapsed: Longs) -> tuple[Floats, Floats]:
    """95 % bands: Greenwood's variance on the scale of log(−log S), which lifelines gives; where nothing has lapsed yet, that of no lapse among so
    many rights, and where nothing is left, that of none left of them. Where the curve begins all are left."""
    of_none = _TAIL ** (1.0 / np.maximum(risk, 1))
    low = np.select([lapsed == 0, surviving <= 0.0], [of_none, 0.0], low)
    high = np.select([lapsed == 0, surviving <= 0.0], [1.0, 1.0 - of_none], high)
    low[0] = high[0] = 1.0
    return low, high


def _doubts(name: str, spells: _Spells, first: float, last: float, lapses: int) -> list[str]:
    said = []
    if first > 0.0:
        said.append(f"curve {name}: no {LEAST_AT_RISK} rights are watched before age {first:.1f}: lapses before it are not counted")
    said.append(f"curve {name}: flat after age {last:.1f}, for fewer than {LEAST_AT_RISK} rights are watched then")
    if not lapses:
        said.append(f"curve {name}: nothing lapsed")
    early = spells.start <= np.median(spells.start)
    return said + _drift(name, spells, early, last)


def _drift(name: str, spells: _Spells, early: Mask, last: float) -> list[str]:
    """Whether rights that began in the earlier half lapse otherwise than those of the later: their bands apart at the oldest age that both have."""
    halves = [spells.only(early), spells.only(~early)]
    if min(len(half.end) for half in halves) < LEAST_RECORDS_COMPARED:
        return []
    ages = [age for age in np.unique(spells.end) if age <= last and min(half.at_risk(age) for half in halves) >= LEAST_RECORDS_COMPARED]
    if not ages:
        return []
    shares = []
    for half in halves:
        fitted = needed("lifelines").KaplanMeierFitter(alpha=2.0 * _TAIL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted.fit(half.end, half.lapsed, entry=half.entry, weights=half.count)
        at = np.searchsorted(fitted.survival_function_.index.to_numpy(), ages[-1], side="right") - 1
        shares.append((float(fitted.survival_function_.to_numpy()[at, 0]), *map(float, fitted.confidence_interval_.to_numpy()[at])))
    (early_share, early_low, early_high), (late_share, late_low, late_high) = shares
    if early_low <= late_high and late_low <= early_high:
        return []
    parted = f"{early_share:.0%} and {late_share:.0%} are left at age {ages[-1]:.1f}"
    return [f"curve {name}: rights that began earlier and later differ ({parted}): see it by cohort"]


_SCHEMA = pa.schema(
    [
        ("curve", pa.string()),
        *((name, pa.float64()) for name in ("age", "surviving", "surviving_low", "surviving_high")),
        ("at_risk", pa.int64()),
        ("lapsed", pa.int64()),
    ]
)


def _checked(name: str, anchor: str, points: list[dict[str, object]]) -> str:
    """The curve as assumptions.toml has it, after its own rules have looked at it."""
    ages = [round(float(str(one["age"])), DIGITS) for one in points]
    shares = [round(float(str(one["surviving"])), DIGITS) for one in points]
    validate(SurvivalCurve, {"anchor": anchor, "ages": ages, "surviving": shares}, f"survival_curves.{name}")
    source = f"Kaplan-Meier estimate of {points[0]['at_risk']:,} rights at the start, {points[-1]['lapsed']:,} lapses"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'[survival_curves."{quoted}"]\nanchor = "{anchor}"\nages = {ages}\nsurviving = {shares}\nsource = "{source}"\n'
