"""Official fees and stage costs of one right, each by its date and with how its amount comes about (model.md §4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ipvalue.constants import TIME_EPSILON
from ipvalue.evidence.arithmetic import Floats, powers
from ipvalue.evidence.right import Columns, Right


@dataclass(frozen=True)
class Costs:
    """What is due on single days: by period in market money of the day (t,), and one entry for each day."""

    fees: Floats
    stages: Floats
    entries: list[dict[str, Any]]

    def mean_fees(self, right: Right, time: Columns) -> Floats:
        """(t,) official fees at their mean over a renewal cycle, which an indefinite life repeats."""
        item = int(right.drivers.schedule[0])
        if item < 0:
            return np.zeros(right.periods)
        inflated = powers(np.full(right.periods, 1.0 + right["fee_inflation"]), time["middle"], right.tables.backend)
        yearly: Floats = float(right.tables.mean_fee[item]) * time["years"] * inflated
        return yearly


def due_costs(right: Right, end: Floats) -> Costs:
    """The fees and stage costs that fall due while the right lives."""
    fees, stages = np.zeros(right.periods), np.zeros(right.periods)
    entries: list[dict[str, Any]] = []
    _add_fees(right, end, fees, entries)
    _add_stages(right, end, stages, entries)
    return Costs(fees, stages, entries)


def _add_fees(right: Right, end: Floats, fees: Floats, entries: list[dict[str, Any]]) -> None:
    item = int(right.drivers.schedule[0])
    if item < 0:
        return
    start, dates, amounts = right.tables.schedules
    name = next(one for one, place in right.tables.schedule_index.items() if place == item)
    terms = right.tables.schedule_terms[name]
    age, waits, every, last = right["fee_age"], right["fee_start"], float(right.tables.every[item]), float(end[-1])
    for i in range(int(start[item]), int(start[item + 1])):
        date, amount = float(dates[i]), float(amounts[i])
        turn = float(np.floor((age - date) / every)) if every > 0.0 and age > date else 0.0
        while True:
            due = date + turn * every - age
            if due > last + TIME_EPSILON:
                break
            if due > TIME_EPSILON and due > waits + TIME_EPSILON:
                period = _period_of(due, end, right.tables.steps_per_year)
                inflation = float(powers(np.array([1.0 + right["fee_inflation"]]), np.array([due]), right.tables.backend)[0])
                fees[period] += amount * inflation
                entries.append({
                    "what": f"{name}, due {date + turn * every:g} years from {terms.anchor}",
                    "years_from_now": due,
                    "period": period + 1,
                    "amount": terms.amounts[i - int(start[item])],
                    "currency": terms.currency,
                    "in_market_currency": amount,
                    "inflation_factor": inflation,
                    "cost": amount * inflation,
                })  # fmt: skip
            if every <= 0.0:
                break
            turn += 1.0


def _period_of(due: float, end: Floats, steps: int) -> int:
    """The period from 0 with e_{t−1} < due ≤ e_t."""
    t = min(int(due * steps), len(end) - 1)
    while t > 0 and not due > end[t - 1] + TIME_EPSILON:
        t -= 1
    while t < len(end) - 1 and due > end[t] + TIME_EPSILON:
        t += 1
    return t


def _add_stages(right: Right, end: Floats, stages: Floats, entries: list[dict[str, Any]]) -> None:
    begin = 0.0
    for number, (cost, years) in enumerate(zip(right.drivers.stage_cost.tolist(), right.drivers.stage_years.tolist(), strict=True), 1):
        before = np.concatenate([[0.0], end[:-1]])
        starts = np.flatnonzero(~(before > begin + TIME_EPSILON) & (end > begin + TIME_EPSILON))
        if len(starts):
            stages[starts[0]] += cost * right["fx"]
            entries.append({
                "what": f"stage {number} of a project",
                "years_from_now": begin,
                "period": int(starts[0]) + 1,
                "amount": cost,
                "currency": "",
                "in_market_currency": cost * right["fx"],
                "inflation_factor": 1.0,
                "cost": cost * right["fx"],
            })  # fmt: skip
        begin += years
