"""What market and assumptions give every batch of a run, as arrays for the kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from ipvalue.assumptions import Assumptions, FeeSchedule
from ipvalue.backend import DEFAULT, Backend
from ipvalue.cash_rule import CashRule
from ipvalue.market import Market
from ipvalue.schema import RIGHT_TYPES, InputError

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Pairs = tuple[Longs, Floats, Floats]

GOING_CONCERN = "going_concern"


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
    premise: str
    premise_terms: Mapping[str, tuple[float, float]]
    backend: Backend
    rule: CashRule | None = None

    @property
    def delta(self) -> float:
        """Years a period."""
        return 1.0 / self.steps_per_year


def make_tables(market: Market, assumptions: Assumptions, premise: str, backend: Backend = DEFAULT, rule: CashRule | None = None) -> Tables:
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
        premise=premise,
        premise_terms=_premise_terms(assumptions, premise),
        backend=backend,
        rule=rule,
    )


def _premise_terms(assumptions: Assumptions, premise: str) -> dict[str, tuple[float, float]]:
    """(discount, years to sell) by right type; nothing is taken off a going concern. Raises InputError where the assumptions lack the premise."""
    if premise == GOING_CONCERN:
        return dict.fromkeys(RIGHT_TYPES, (0.0, 0.0))
    if premise not in assumptions.premises:
        raise InputError(f"the assumptions have no premise.{premise}: add [premise.{premise}.RIGHT_TYPE] with discount and time_to_sell")
    return {name: assumptions.premise(premise, name) for name in assumptions.premises[premise]}


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
