"""The columns of a batch as the drivers of its period vectors: what `ext/vectors.c` reads.

a = assets of the batch
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ipvalue.constants import DEFAULT_INDEFINITE_LIFE, DRIVERS, TIME_EPSILON
from ipvalue.rows import Floats, Ints, Longs, Mask, Rows
from ipvalue.schema import RENEWABLE
from ipvalue.tables import Tables

NEVER = -1e30
STAGES = ("stage_costs", "stage_years", "stage_probabilities")
"""The columns of a project's stages: lists of one length."""


@dataclass(frozen=True)
class Drivers:
    """What `ext/vectors.c` reads: `drivers` (constants.DRIVERS, a) and for each asset the item of each table it uses (−1: none)."""

    drivers: Floats
    curve: Ints
    survival_curve: Ints
    schedule: Ints
    indefinite: npt.NDArray[np.uint8]
    limited: npt.NDArray[np.uint8]
    path_start: Longs
    path: Floats
    stage_start: Longs
    stage_cost: Floats
    stage_years: Floats
    stage_probability: Floats


ROYALTY, MARGIN, OTHERWISE = 0, 1, -1
"""Which column a rate is made of: its place in schema.UNCERTAIN, OTHERWISE where a rule earns the income."""


@dataclass(frozen=True)
class Earning:
    """How a method turns revenue into income: all that tells the income methods apart.

    rate (a,): what one unit of revenue earns; royalty_low, royalty_high (a,): the royalty's range relative to it (1, 1: none);
    limited (a,): where minimum_guarantee and cap bound the income; staged: whether stages come before it (a project); made_of (a,): which
    column the rate is, less `charge` (a,).
    """

    rate: Floats
    royalty_low: Floats
    royalty_high: Floats
    limited: Mask
    made_of: npt.NDArray[np.int8]
    charge: Floats
    staged: bool = False


def certain(rate: Floats, made_of: npt.NDArray[np.int8] | int, charge: Floats | float = 0.0, staged: bool = False) -> Earning:
    """A rate without a range, and income without bounds."""
    one, n = np.ones(len(rate)), len(rate)
    return Earning(rate, one, one, np.zeros(n, np.bool_), np.full(n, made_of, np.int8), np.full(n, charge, np.float64), staged)


def ending(drivers: Drivers, offset: Longs, steps_per_year: int) -> Drivers:
    """The same without what comes after the last period of an indefinite life."""
    matrix = drivers.drivers.copy()
    endless = drivers.indefinite != 0
    matrix[DRIVERS.index("life")][endless] = np.diff(offset)[endless] / np.float64(steps_per_year)
    return replace(drivers, drivers=matrix, indefinite=np.zeros(len(endless), np.uint8))


def income_drivers(rows: Rows, tables: Tables, earning: Earning) -> Drivers:
    """The drivers of rows that earn an income."""
    growth = rows.floats("growth")
    growth_long = rows.floats("growth_long")
    fee_age, fee_start = _fee_clock(rows, tables)
    columns = {
        "life": life_of(rows, tables),
        "rate": earning.rate,
        "revenue": np.nan_to_num(rows.floats("revenue")),
        "growth_long": np.where(np.isnan(growth_long), growth, growth_long),
        "fx": of_name(rows, "currency", tables.fx),
        "fee_age": fee_age,
        "fee_start": fee_start,
        "survival_age": _survival_age(rows, tables),
        **_premise(rows, tables),
        "cap": np.where(rows.given("cap"), rows.floats("cap"), np.inf),
    }
    matrix = np.stack([columns[name] if name in columns else rows.floats(name) for name in DRIVERS])
    path_start, path = _lists(rows, "revenue_path")
    stages = {name: _lists(rows, name) if earning.staged else (np.zeros(len(rows) + 1, np.int64), np.zeros(0)) for name in STAGES}
    return Drivers(
        drivers=np.ascontiguousarray(matrix),
        curve=rows.index("currency", tables.curve_index),
        survival_curve=rows.index("survival_curve", tables.survival_index),
        schedule=rows.index("fee_schedule", tables.schedule_index),
        indefinite=rows.flags("indefinite").astype(np.uint8),
        limited=earning.limited.astype(np.uint8),
        path_start=path_start,
        path=path,
        stage_start=stages["stage_years"][0],
        stage_cost=stages["stage_costs"][1],
        stage_years=stages["stage_years"][1],
        stage_probability=stages["stage_probabilities"][1],
    )


def of_name(rows: Rows, name: str, values: Mapping[str, float]) -> Floats:
    """(a,) the number that belongs to a text column's value."""
    order = list(values)
    found: Floats = np.array([*values.values(), np.nan])[rows.index(name, {key: i for i, key in enumerate(order)})]
    return found


def _lists(rows: Rows, name: str) -> tuple[Longs, Floats]:
    """A column of lists as a ragged table: (a + 1) starts and the entries."""
    start = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(rows.lengths(name), out=start[1:])
    return start, rows.batch[name].flatten().to_numpy(zero_copy_only=False).astype(np.float64)


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
    first_due = of_name(rows, "fee_schedule", {name: one.due[0] for name, one in terms.items()})
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


def price_drivers(rows: Rows, tables: Tables) -> Drivers:
    """The drivers of rows worth a price today: one year, no income, no cost; only what the premise needs beside."""
    columns = {
        "life": np.ones(len(rows)),
        "revenue_share": np.ones(len(rows)),
        "grant_probability": np.ones(len(rows)),
        "discount_premium": rows.floats("discount_premium"),
        **_premise(rows, tables),
    }
    none, starts, empty = np.full(len(rows), -1, np.int32), np.zeros(len(rows) + 1, np.int64), np.zeros(0)
    off = np.zeros(len(rows), np.uint8)
    return Drivers(
        drivers=np.stack([columns.get(name, np.zeros(len(rows))) for name in DRIVERS]),
        curve=rows.index("currency", tables.curve_index),
        survival_curve=none,
        schedule=none,
        indefinite=off,
        limited=off,
        path_start=starts,
        path=empty,
        stage_start=starts,
        stage_cost=empty,
        stage_years=empty,
        stage_probability=empty,
    )


def _premise(rows: Rows, tables: Tables) -> dict[str, Floats]:
    """What the premise takes off by right type: premise_discount and time_to_sell, (a,) each."""
    terms = tables.premise_terms
    return {
        "premise_discount": of_name(rows, "right_type", {name: off for name, (off, _) in terms.items()}),
        "time_to_sell": of_name(rows, "right_type", {name: years for name, (_, years) in terms.items()}),
    }
