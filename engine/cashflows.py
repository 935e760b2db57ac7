"""The period vectors of a batch of assets (model.md §1–§4), as a struct of arrays.

a = assets of the batch, t = periods, ragged: asset i holds elements offset[i] … offset[i + 1] − 1 of every period vector.
The arithmetic of a row's vectors is `ext/vectors.c`; here the columns of a batch become its drivers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from ipvalue.constants import DEFAULT_INDEFINITE_LIFE, MAX_HORIZON_YEARS, TIME_EPSILON
from ipvalue.ext import kernel
from ipvalue.intake import hash_ids
from ipvalue.rows import Floats, Ints, Longs, Mask, Rows
from ipvalue.schema import RENEWABLE
from ipvalue.tables import Tables

NEVER = -1e30


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

    offset (a + 1); w, f, survival, rival, salvage, low, high, bound_out, bound_in (offset[a]), the last four None where no asset has the feature;
    hash (a) uint64; volatility, loading, uncertainty, entry_loss, last_delta, tab_factor, premise_factor (a); royalty_low, royalty_high (a)
    relative to royalty_rate; factor (a) int32 in the market's factor order; optional, clamped, enters (a) uint8 flags.
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
    premise_factor: Floats
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


def income_vectors(rows: Rows, tables: Tables, rate: Floats, royalty_low: Floats, royalty_high: Floats) -> Vectors:
    """The vectors of income rows that passed their checks; rows whose vectors break a rule (x ≥ 1, T(age) = 0, …) are rejected.

    rate (a,): what one unit of revenue earns; royalty_low, royalty_high (a,): the royalty's range relative to it (1, 1: none).
    """
    drivers = _drivers(rows, tables, rate)
    periods = kernel.periods(drivers, tables)
    long = periods > MAX_HORIZON_YEARS * tables.steps_per_year
    if long.any():
        _reject_long(rows, long)
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


def _reject_long(rows: Rows, long: Mask) -> None:
    """Rows whose horizon is too long: written out past launch, ramp, grant and path, or an expiry_date far away."""
    endless = rows.flags("indefinite")
    rule = f"the horizon is at most {MAX_HORIZON_YEARS} years"
    rows.reject(long & endless, "indefinite", rule, f"launch, ramp, grant and path end after more than {MAX_HORIZON_YEARS} years: shorten them")
    rows.reject(
        (long & ~endless)[~(long & endless)],
        "expiry_date",
        rule,
        lambda value: f"expiry_date {value} is more than {MAX_HORIZON_YEARS} years away: correct it, or give life or economic_life",
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
    6: ("tab_years", "the tax relief on a price is below the price",
        "tax_rate, tab_years and a discount rate below 0 make the tax relief worth the whole price; correct one of them"),
    7: ("discount_premium", "the premise multiplies the value by at most 1,000",
        "the discount rate is so far below 0 that waiting for a buyer multiplies the value; correct the premium"),
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
        "premise_discount": _of_name(rows, "right_type", {name: off for name, (off, _) in tables.premise_terms.items()}),
        "time_to_sell": _of_name(rows, "right_type", {name: years for name, (_, years) in tables.premise_terms.items()}),
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
        indefinite=rows.flags("indefinite").astype(np.uint8),
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


def life_of(rows: Rows, tables: Tables) -> Floats:
    """(a,) years: `life`, else from expiry_date (of rights that are not renewed) and economic_life, whichever ends first (interface.md)."""
    to_expiry = -rows.years_since("expiry_date", tables.valuation_date)
    to_expiry[rows.is_in("right_type", list(RENEWABLE))] = np.nan
    life = rows.floats("life")
    otherwise = np.where(rows.flags("indefinite"), DEFAULT_INDEFINITE_LIFE, np.fmin(to_expiry, rows.floats("economic_life")))
    return np.where(np.isnan(life), otherwise, life)
