"""Rules that a row must keep before it can be valued, beyond those of single columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ipvalue.constants import TIME_EPSILON
from ipvalue.rows import Mask, Rows
from ipvalue.schema import INCOME_METHODS, RENEWABLE, did_you_mean
from ipvalue.tables import Tables


def check_common(rows: Rows, tables: Tables) -> None:
    """Rules that hold for every method: currency, factor, dates, and what a schedule or curve needs. Breaking rows are rejected."""
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
    rows.reject(
        ~rows.is_in("right_type", list(tables.premise_terms)),
        "right_type",
        "the premise has terms for the right type",
        lambda value: f"the assumptions have no premise.{tables.premise}.{value}: add it, with discount and time_to_sell",
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


def _dated(rows: Rows, filing: Mask) -> Mask:
    """(a,) where the date that a table counts from is known: filing, or grant or the time until it."""
    granted = rows.given("grant_date") | (rows.floats("grant_lag") > TIME_EPSILON) | (rows.floats("grant_probability") < 1.0)
    dated: Mask = np.where(filing, rows.given("filing_date"), granted)
    return dated


def _uses(rows: Rows, name: str) -> Mask:
    """(a,) where a schedule or curve is named, and there is an income that it bears on."""
    return rows.given(name) & rows.valued_by(INCOME_METHODS)


def _check_schedules(rows: Rows, tables: Tables) -> None:
    rows.reject(
        _uses(rows, "fee_schedule") & ~rows.is_in("fee_schedule", list(tables.schedule_terms)),
        "fee_schedule",
        "fee_schedule is named in the assumptions",
        lambda value: f"fee_schedule {value} is not in the assumptions{did_you_mean(value, tables.schedule_terms)}; use none for no fees",
    )
    rows.reject(
        _uses(rows, "fee_schedule") & (rows.index("fee_schedule", tables.schedule_index) < 0),
        "fee_schedule",
        "the fee schedule's currency has an exchange rate",
        lambda value: _no_rate(value, tables.schedule_terms[value].currency),
    )
    filing = rows.is_in("fee_schedule", [name for name, one in tables.schedule_terms.items() if one.anchor == "filing"])
    renewed = rows.is_in("right_type", list(RENEWABLE)) & rows.given("expiry_date")
    rows.reject(
        _uses(rows, "fee_schedule") & ~renewed & ~_dated(rows, filing),
        "fee_schedule",
        "the date a fee schedule counts from is given",
        lambda value: f"fee_schedule {value} counts from {tables.schedule_terms[value].anchor}, whose date is blank",
    )


def _no_rate(schedule: str, currency: str) -> str:
    return f"fee_schedule {schedule} is in {currency}: add fx.{currency} to the market, or set fee_schedule to none"


def _check_curves(rows: Rows, tables: Tables) -> None:
    rows.reject(
        _uses(rows, "survival_curve") & ~rows.is_in("survival_curve", list(tables.survival_index)),
        "survival_curve",
        "survival_curve is named in the assumptions",
        lambda value: f"survival_curve {value} is not in the assumptions{did_you_mean(value, tables.survival_index)}; use none for no curve",
    )
    filing = rows.is_in("survival_curve", [name for name, anchor in tables.survival_anchor.items() if anchor == "filing"])
    rows.reject(
        _uses(rows, "survival_curve") & ~_dated(rows, filing),
        "survival_curve",
        "the date a survival curve counts from is given",
        lambda value: f"survival_curve {value} counts from {tables.survival_anchor[value]}, whose date is blank",
    )


_NO_REVENUE = (
    "revenue is blank: give it, or revenue_path; the assumptions fill a revenue only in their own currency, so leave currency blank "
    "or name that one (ipvalue assumptions shows it)"
)


def check_income(rows: Rows) -> None:
    """Rules of every income method: revenue or a path of it, and a life."""
    rows.reject(
        ~rows.given("revenue") & ~rows.given("revenue_path"),
        "revenue",
        "an income method has revenue or revenue_path",
        _NO_REVENUE,
    )
    no_life = ~rows.given("life") & ~rows.given("economic_life") & ~rows.flags("indefinite")
    ends = rows.given("expiry_date") & ~rows.is_in("right_type", list(RENEWABLE))
    rows.reject(
        no_life & ~ends,
        "life",
        "an income method has a life",
        "life is blank: give life, economic_life or indefinite, or the expiry_date of a right that is not renewed",
    )
    rows.reject(
        rows.flags("indefinite") & (rows.floats("entry_hazard") > 0.0),
        "indefinite",
        "an indefinite life has no entry_hazard",
        "a right without end cannot wait for a rival for ever: give it a life, or entry_hazard 0",
    )
