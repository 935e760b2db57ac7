"""The period vectors of a batch of assets (model.md §1–§4), as a struct of arrays.

a = assets of the batch, t = periods, ragged: asset i holds elements offset[i] … offset[i + 1] − 1 of every period vector.
The arithmetic of a row's vectors is `ext/vectors.c`; here the columns of a batch become its drivers, and rows that break a rule become rejects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.assumptions import Assumptions, FeeSchedule
from ipvalue.constants import DAYS_PER_YEAR, DEFAULT_INDEFINITE_LIFE, MAX_HORIZON_YEARS, TIME_EPSILON
from ipvalue.ext import kernel
from ipvalue.intake import hash_ids
from ipvalue.market import Market
from ipvalue.schema import RENEWABLE, Rejects, did_you_mean

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Pairs = tuple[Longs, Floats, Floats]

NEVER = -1e30


@dataclass(frozen=True)
class Tables:
    """What market and assumptions give every batch: curves, survival curves and fee schedules as ragged tables, and where each name stands."""

    currency: str
    valuation_date: date
    steps_per_year: int
    mid_period: bool
    curves: Pairs
    survivals: Pairs
    schedules: Pairs
    every: Floats
    mean_fee: Floats
    curve_index: Mapping[str, int]
    survival_index: Mapping[str, int]
    schedule_index: Mapping[str, int]
    factor_index: Mapping[str, int]
    fx: Mapping[str, float]
    survival_anchor: Mapping[str, str]
    schedule_terms: Mapping[str, FeeSchedule]

    @property
    def delta(self) -> float:
        """Years a period."""
        return 1.0 / self.steps_per_year


def make_tables(market: Market, assumptions: Assumptions) -> Tables:
    """Arrays for the kernel from market and assumptions. Raises InputError where a fee schedule's currency has no exchange rate."""
    curves = [market.curves[name] for name in market.curve_index]
    survivals = list(assumptions.curves.values())
    used = {name: one for name, one in assumptions.schedules.items() if one.currency == market.currency or one.currency in market.fx}
    rates = [market.fx_rate(one.currency) for one in used.values()]
    amounts = [[rate * amount for amount in one.amounts] for rate, one in zip(rates, used.values(), strict=True)]
    return Tables(
        currency=market.currency,
        valuation_date=market.valuation_date,
        steps_per_year=market.steps_per_year,
        mid_period=market.mid_period,
        curves=_pairs([(curve.tenors, curve.rates) for curve in curves]),
        survivals=_pairs([(curve.ages, curve.surviving) for curve in survivals]),
        schedules=_pairs([(one.due, each) for one, each in zip(used.values(), amounts, strict=True)]),
        every=np.array([one.every or 0.0 for one in used.values()]),
        mean_fee=np.array([rate * mean_annual_fee(one) for rate, one in zip(rates, used.values(), strict=True)]),
        curve_index=market.curve_index,
        survival_index={name: i for i, name in enumerate(assumptions.curves)},
        schedule_index={name: i for i, name in enumerate(used)},
        factor_index={name: i for i, name in enumerate(market.factor_order)},
        fx={market.currency: 1.0, **market.fx},
        survival_anchor={name: curve.anchor for name, curve in assumptions.curves.items()},
        schedule_terms=assumptions.schedules,
    )


def _pairs(items: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Pairs:
    start = np.cumsum([0, *(len(x) for x, _ in items)], dtype=np.int64)
    x = np.array([value for first, _ in items for value in first], np.float64)
    y = np.array([value for _, second in items for value in second], np.float64)
    return start, x, y


def mean_annual_fee(schedule: FeeSchedule) -> float:
    """Official fee per year at its mean over a renewal cycle, in the schedule's currency (model.md §4, indefinite life).

    The cycle is `every`; without it the time between the last two fees and the last amount (from the anchor where there is one fee).
    """
    if schedule.every:
        return math.fsum(schedule.amounts) / schedule.every
    cycle = schedule.due[-1] - (schedule.due[-2] if len(schedule.due) > 1 else 0.0)
    return schedule.amounts[-1] / cycle if cycle > 0 else 0.0


class Rows:
    """Filled rows of one file that are being prepared: a batch with every column, the rows' numbers, and what was filled."""

    def __init__(self, batch: pa.RecordBatch, row: Longs, filled: pa.Array, file: str, rejects: Rejects) -> None:
        self.batch = batch
        self.row = row
        self.filled = filled
        self.file = file
        self.rejects = rejects

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def floats(self, name: str) -> Floats:
        """A column as float64 (a,), NaN where it is blank."""
        values: Floats = pc.fill_null(self.batch[name].cast(pa.float64()), float("nan")).to_numpy(zero_copy_only=False)
        return values

    def given(self, name: str) -> Mask:
        """(a,) where a column is not blank."""
        mask: Mask = self.batch[name].is_valid().to_numpy(zero_copy_only=False)
        return mask

    def is_in(self, name: str, values: Sequence[str]) -> Mask:
        """(a,) where a text column holds one of `values`."""
        mask: Mask = pc.fill_null(pc.is_in(self.batch[name], pa.array(sorted(values), pa.string())), False).to_numpy(zero_copy_only=False)
        return mask

    def years_since(self, name: str, day: date) -> Floats:
        """(a,) years from a date column to `day`, NaN where it is blank."""
        days = pc.subtract(pa.scalar(day, pa.date32()).cast(pa.int32()), self.batch[name].cast(pa.int32()))
        ages: Floats = pc.fill_null(days.cast(pa.float64()), float("nan")).to_numpy(zero_copy_only=False) / DAYS_PER_YEAR
        return ages

    def index(self, name: str, places: Mapping[str, int]) -> Ints:
        """(a,) the place of a text column's value, −1 where it is blank or has none."""
        encoded = self.batch[name].dictionary_encode()
        of_code = np.array([*(places.get(value, -1) for value in encoded.dictionary.to_pylist()), -1], np.int32)
        found: Ints = of_code[pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy()]
        return found

    def reject(self, bad: Mask, column: str, rule: str, message: str | Callable[[str], str]) -> None:
        """Move the rows of `bad` (a,) to the rejects; `message` may depend on the value's text."""
        if not bad.any():
            return
        where = np.flatnonzero(bad)
        at = pa.array(where)
        values = [None if value is None else str(value) for value in self.batch[column].take(at).to_pylist()]
        texts = message if isinstance(message, str) else [message(value or "blank") for value in values]
        self.rejects.add(self.file, self.row[where], self.batch["asset_id"].take(at).to_pylist(), column, values, rule, texts)
        self.keep(~bad)

    def keep(self, good: Mask) -> None:
        """Only the rows of `good` (a,)."""
        mask = pa.array(good)
        self.batch, self.filled, self.row = self.batch.filter(mask), self.filled.filter(mask), self.row[good]


@dataclass(frozen=True)
class Drivers:
    """What `ext/vectors.c` reads: `drivers` (kernel.DRIVERS, a) and for each asset the item of each table it uses (−1: none)."""

    drivers: Floats
    curve: Ints
    survival_curve: Ints
    schedule: Ints
    indefinite: npt.NDArray[np.uint8]
    limited: npt.NDArray[np.uint8]
    path_start: Longs
    path: Floats


@dataclass
class Vectors:
    """The vectors of model.md §1 in present-value money, and the asset-level numbers a kernel needs.

    offset (a + 1); w, f, survival, rival, salvage, low, high, bound_out, bound_in (offset[a]), the last four None where no asset has the
    feature; hash (a) uint64; volatility, loading, uncertainty, entry_loss, last_delta, tab_factor (a); royalty_low, royalty_high (a) relative
    to royalty_rate; factor (a) int32 in the market's factor order; optional, clamped, enters (a) uint8 flags.
    """

    offset: Longs
    w: Floats
    f: Floats
    survival: Floats
    rival: Floats
    salvage: Floats
    low: Floats | None
    high: Floats | None
    last_delta: Floats
    tab_factor: Floats
    hash: npt.NDArray[np.uint64]
    volatility: Floats
    loading: Floats
    uncertainty: Floats
    entry_loss: Floats
    royalty_low: Floats
    royalty_high: Floats
    factor: Ints
    optional: npt.NDArray[np.uint8]
    clamped: npt.NDArray[np.uint8]
    enters: npt.NDArray[np.uint8]
    drivers: Drivers
    bound_out: Floats | None = None
    bound_in: Floats | None = None


# ------------------------------------------------------------------------------------------------------------------ rules of a row


def check_common(rows: Rows, tables: Tables) -> None:
    """Rules that hold for every method: currency, factor, dates, and what a schedule or curve needs. Breaking rows are rejected."""
    _fill_currency(rows, tables.currency)
    _check_currency(rows, tables.fx, "an exchange rate", "fx")
    _check_currency(rows, tables.curve_index, "a curve", "curves")
    moves = (rows.floats("factor_loading") != 0.0) & (rows.index("sector", tables.factor_index) < 0)
    rows.reject(
        moves,
        "sector",
        "sector is a factor of the market where factor_loading is not 0",
        lambda value: (
            f"sector is {value}, which is no factor of the market{did_you_mean(value, tables.factor_index)}; "
            "name one of factors.names or set factor_loading to 0"
        ),
    )
    _check_past(rows, "filing_date", tables, "leave it blank")
    _check_past(rows, "grant_date", tables, "leave it blank and give grant_lag")
    rows.reject(
        rows.years_since("expiry_date", tables.valuation_date) >= 0.0,
        "expiry_date",
        "the right has not expired",
        lambda value: (
            f"expiry_date {value} is not after the valuation date {tables.valuation_date}, so the right has ended; remove the row or correct the date"
        ),
    )
    _check_schedules(rows, tables)
    _check_curves(rows, tables)


def _check_currency(rows: Rows, known: Mapping[str, object], what: str, key: str) -> None:
    rows.reject(
        ~rows.is_in("currency", list(known)),
        "currency",
        f"the currency has {what} in the market",
        lambda value: (
            f"the market has no {what.split(' ', 1)[1]} for {value}{did_you_mean(value, known)}; "
            f"add {key}.{value} to the market or correct the currency"
        ),
    )


def _check_past(rows: Rows, name: str, tables: Tables, mend: str) -> None:
    rows.reject(
        rows.years_since(name, tables.valuation_date) < 0.0,
        name,
        f"{name} is not after the valuation date",
        lambda value: f"{name} {value} is after the valuation date {tables.valuation_date}; {mend}",
    )


def _fill_currency(rows: Rows, currency: str) -> None:
    column = rows.batch.schema.get_field_index("currency")
    filled = pc.fill_null(rows.batch["currency"], currency)
    rows.batch = rows.batch.set_column(column, rows.batch.schema.field(column), filled)


def _dated(rows: Rows, filing: Mask) -> Mask:
    """(a,) where the date that a table counts from is known: filing, or grant or the time until it."""
    granted = rows.given("grant_date") | (rows.floats("grant_lag") > TIME_EPSILON) | (rows.floats("grant_probability") < 1.0)
    dated: Mask = np.where(filing, rows.given("filing_date"), granted)
    return dated


def _check_schedules(rows: Rows, tables: Tables) -> None:
    named = rows.given("fee_schedule")
    known = rows.is_in("fee_schedule", list(tables.schedule_terms))
    rows.reject(
        named & ~known,
        "fee_schedule",
        "fee_schedule is named in the assumptions",
        lambda value: f"fee_schedule {value} is not in the assumptions{did_you_mean(value, tables.schedule_terms)}; use none for no fees",
    )
    rows.reject(
        rows.given("fee_schedule") & (rows.index("fee_schedule", tables.schedule_index) < 0),
        "fee_schedule",
        "the fee schedule's currency has an exchange rate",
        lambda value: f"fee_schedule {value} is in {tables.schedule_terms[value].currency}, for which the market has no exchange rate",
    )
    filing = rows.is_in("fee_schedule", [name for name, one in tables.schedule_terms.items() if one.anchor == "filing"])
    renewed = rows.is_in("right_type", list(RENEWABLE)) & rows.given("expiry_date")
    rows.reject(
        rows.given("fee_schedule") & ~renewed & ~_dated(rows, filing),
        "fee_schedule",
        "the date a fee schedule counts from is given",
        lambda value: f"fee_schedule {value} counts from {tables.schedule_terms[value].anchor}, whose date is blank",
    )


def _check_curves(rows: Rows, tables: Tables) -> None:
    rows.reject(
        rows.given("survival_curve") & ~rows.is_in("survival_curve", list(tables.survival_index)),
        "survival_curve",
        "survival_curve is named in the assumptions",
        lambda value: f"survival_curve {value} is not in the assumptions{did_you_mean(value, tables.survival_index)}; use none for no curve",
    )
    filing = rows.is_in("survival_curve", [name for name, anchor in tables.survival_anchor.items() if anchor == "filing"])
    rows.reject(
        rows.given("survival_curve") & ~_dated(rows, filing),
        "survival_curve",
        "the date a survival curve counts from is given",
        lambda value: f"survival_curve {value} counts from {tables.survival_anchor[value]}, whose date is blank",
    )


def check_income(rows: Rows) -> None:
    """Rules of every income method: revenue or a path of it, and a life."""
    rows.reject(
        ~rows.given("revenue") & ~rows.given("revenue_path"),
        "revenue",
        "an income method has revenue or revenue_path",
        "revenue is blank: give it, or revenue_path",
    )
    no_life = ~rows.given("life") & ~rows.given("economic_life") & ~_indefinite(rows)
    ends = rows.given("expiry_date") & ~rows.is_in("right_type", list(RENEWABLE))
    rows.reject(
        no_life & ~ends,
        "life",
        "an income method has a life",
        "life is blank: give life, economic_life or indefinite, or the expiry_date of a right that is not renewed",
    )
    rows.reject(
        _indefinite(rows) & (rows.floats("entry_hazard") > 0.0),
        "indefinite",
        "an indefinite life has no entry_hazard",
        "a right without end cannot wait for a rival for ever: give it a life, or entry_hazard 0",
    )


def _indefinite(rows: Rows) -> Mask:
    mask: Mask = pc.fill_null(rows.batch["indefinite"], False).to_numpy(zero_copy_only=False)
    return mask


def life_of(rows: Rows, tables: Tables) -> Floats:
    """(a,) years: `life`, else from expiry_date (of rights that are not renewed) and economic_life, whichever ends first (interface.md)."""
    to_expiry = -rows.years_since("expiry_date", tables.valuation_date)
    to_expiry[rows.is_in("right_type", list(RENEWABLE))] = np.nan
    life = rows.floats("life")
    otherwise = np.where(_indefinite(rows), DEFAULT_INDEFINITE_LIFE, np.fmin(to_expiry, rows.floats("economic_life")))
    return np.where(np.isnan(life), otherwise, life)


# ------------------------------------------------------------------------------------------------------------------ drivers and vectors


def income_vectors(rows: Rows, tables: Tables, rate: Floats, royalty_low: Floats, royalty_high: Floats) -> Vectors:
    """The vectors of income rows that passed their checks; rows whose vectors break a rule (x ≥ 1, T(age) = 0, …) are rejected.

    rate (a,): what one unit of revenue earns; royalty_low, royalty_high (a,): the royalty's range relative to it (1, 1: none).
    """
    drivers = _drivers(rows, tables, rate)
    periods = kernel.periods(drivers, tables)
    long = periods > MAX_HORIZON_YEARS * tables.steps_per_year
    if long.any():
        rows.reject(
            long,
            "life",
            f"the horizon is at most {MAX_HORIZON_YEARS} years",
            f"launch, ramp, grant and path end after more than {MAX_HORIZON_YEARS} years: shorten them",
        )
        return income_vectors(rows, tables, rate[~long], royalty_low[~long], royalty_high[~long])
    offset = np.concatenate([[0], np.cumsum(periods)]).astype(np.int64)
    parts = kernel.vectors(drivers, tables, offset, False)
    status = parts.pop("status")
    if status.any():
        good = status == 0
        _reject_status(rows, status)
        return income_vectors(rows, tables, rate[good], royalty_low[good], royalty_high[good])
    n = len(rows)
    optional = rows.is_in("renewal", ["optimal"]) & _any_decision(parts, offset)
    return Vectors(
        offset=offset,
        **parts,
        hash=hash_ids(rows.batch["asset_id"]),
        volatility=rows.floats("volatility"),
        loading=rows.floats("factor_loading"),
        uncertainty=rows.floats("revenue_uncertainty"),
        entry_loss=rows.floats("entry_loss"),
        royalty_low=royalty_low,
        royalty_high=royalty_high,
        factor=rows.index("sector", tables.factor_index),
        optional=optional.astype(np.uint8),
        clamped=np.zeros(n, np.uint8),
        enters=((rows.floats("entry_hazard") > 0.0) & (rows.floats("entry_loss") > 0.0)).astype(np.uint8),
        drivers=drivers,
    )


def _any_decision(parts: Mapping[str, Floats], offset: Longs) -> Mask:
    """(a,) where some period has a fee or cost due or a salvage value to take (model.md §5)."""
    if len(offset) == 1:
        return np.zeros(0, np.bool_)
    due: Mask = np.logical_or.reduceat((parts["f"] > 0.0) | (parts["salvage"] > 0.0), offset[:-1])
    return due


_STATUS = {
    1: ("growth", "growth · survival / (1 + discount rate) < 1 with an indefinite life",
        "growth in the last year reaches the discount rate, so without end the value is infinite; "
        "lower growth (growth_long), or set indefinite to false and give a life"),
    2: ("cost_inflation", "cost inflation · survival / (1 + discount rate) < 1 with an indefinite life",
        "cost_inflation reaches the discount rate, so without end the costs are infinite; "
        "lower cost_inflation, or set indefinite to false and give a life"),
    3: ("survival_curve", "the survival curve is above 0 at the right's age",
        "the survival curve is 0 at this right's age: none so old is left; correct the date or the curve"),
    4: ("discount_premium", "discount rate > -1", "the risk-free rate and discount_premium add up to -100 % or less; correct the premium"),
    5: ("revenue", "cash flows are finite numbers", "revenue, growth and life give cash flows too large for a number; correct them"),
}  # fmt: skip


def _reject_status(rows: Rows, status: npt.NDArray[np.int8]) -> None:
    for code, (column, rule, message) in _STATUS.items():
        bad = status == code
        rows.reject(bad, column, rule, message)
        status = status[~bad]


def _drivers(rows: Rows, tables: Tables, rate: Floats) -> Drivers:
    growth = rows.floats("growth")
    growth_long = rows.floats("growth_long")
    fee_age, fee_start = _fee_clock(rows, tables)
    columns = {
        "life": life_of(rows, tables),
        "rate": rate,
        "revenue": np.nan_to_num(rows.floats("revenue")),
        "growth_long": np.where(np.isnan(growth_long), growth, growth_long),
        "fx": _of_name(rows, "currency", tables.fx),
        "fee_age": fee_age,
        "fee_start": fee_start,
        "survival_age": _survival_age(rows, tables),
        "minimum_guarantee": np.zeros(len(rows)),
        "cap": np.zeros(len(rows)),
    }
    matrix = np.stack([columns[name] if name in columns else rows.floats(name) for name in kernel.DRIVERS])
    path_start, path = _paths(rows)
    return Drivers(
        drivers=np.ascontiguousarray(matrix),
        curve=rows.index("currency", tables.curve_index),
        survival_curve=rows.index("survival_curve", tables.survival_index),
        schedule=rows.index("fee_schedule", tables.schedule_index),
        indefinite=_indefinite(rows).astype(np.uint8),
        limited=np.zeros(len(rows), np.uint8),
        path_start=path_start,
        path=path,
    )


def _of_name(rows: Rows, name: str, values: Mapping[str, float]) -> Floats:
    """(a,) the number that belongs to a text column's value."""
    order = list(values)
    found: Floats = np.array([*values.values(), np.nan])[rows.index(name, {key: i for i, key in enumerate(order)})]
    return found


def _paths(rows: Rows) -> tuple[Longs, Floats]:
    """revenue_path as a ragged table: (a + 1) starts and the entries."""
    column = rows.batch["revenue_path"]
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
    start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return start, column.flatten().to_numpy(zero_copy_only=False).astype(np.float64)


def _ages(rows: Rows, tables: Tables) -> tuple[Floats, Floats]:
    """(a,) years since filing, and since grant (minus grant_lag where the grant is still to come)."""
    lag = rows.floats("grant_lag")
    since_grant = np.where(lag > TIME_EPSILON, -lag, rows.years_since("grant_date", tables.valuation_date))
    return rows.years_since("filing_date", tables.valuation_date), since_grant


def _survival_age(rows: Rows, tables: Tables) -> Floats:
    filing, grant = _ages(rows, tables)
    from_filing = rows.is_in("survival_curve", [name for name, anchor in tables.survival_anchor.items() if anchor == "filing"])
    return np.nan_to_num(np.where(from_filing, filing, grant))


def _fee_clock(rows: Rows, tables: Tables) -> tuple[Floats, Floats]:
    """(a,) years since the date that the row's fee schedule counts from, and the time before which nothing is due.

    A renewable right with an expiry date has its first renewal on that day, whatever the other dates (model.md §11.8).
    """
    terms = tables.schedule_terms
    filing, grant = _ages(rows, tables)
    from_filing = rows.is_in("fee_schedule", [name for name, one in terms.items() if one.anchor == "filing"])
    age = np.where(from_filing, filing, grant)
    renewed = rows.is_in("right_type", list(RENEWABLE)) & rows.given("expiry_date")
    first_due = _of_name(rows, "fee_schedule", {name: one.due[0] for name, one in terms.items()})
    age = np.where(renewed, first_due + rows.years_since("expiry_date", tables.valuation_date), age)
    waits = from_filing & rows.is_in("fee_schedule", [name for name, one in terms.items() if not one.before_grant])
    return np.nan_to_num(age), np.where(waits, rows.floats("grant_lag"), NEVER)
