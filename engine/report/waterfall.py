"""An explanation as the lines and bars of a waterfall for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ipvalue.amounts import money
from ipvalue.explain import Explanation
from ipvalue.report.terminal import group_name, place_of_group
from ipvalue.schema import InputError

LABELS = {
    "old": "old value",
    "removed": "rights removed",
    "ended": "rights that ended",
    "rejected": "rights set aside",
    "engine": "engine version",
    "sampling": "sampling",
    "time": "passage of time",
    "periods": "periods",
    "curves": "interest rates",
    "fx": "exchange rates",
    "factors": "factor correlation",
    "assumptions": "assumptions",
    "premise": "premise",
    "rule": "rule",
    "accepted": "rights set aside before",
    "added": "new rights",
    "new": "new value",
}
"""The steps as people call them; those of columns are called as they are."""

ENDS = ("old", "new")
_HALVES = {(False, False): " ", (True, False): "▌", (False, True): "▐", (True, True): "█"}
_NEAR = 0.5
"""Where all totals lie in the upper half of the scale, the scale begins near them and not at 0."""
_FOOT = 0.15


@dataclass(frozen=True)
class Line:
    """One step: its label, its amount with sign, the standard error (None: not known), whether it is told from noise (None: it is a total, or not
    known), how many rights it touches, and from where to where it leads."""

    step: str
    label: str
    amount: float
    error: float | None
    significant: bool | None
    rights: int
    start: float
    end: float

    @property
    def signed(self) -> str:
        """The amount in words, a total without a plus."""
        return ("+" if self.amount > 0.0 and self.step not in ENDS else "") + money(self.amount)


@dataclass(frozen=True)
class Scale:
    """What a bar's ends stand for; `from_zero` says whether 0 is on it."""

    low: float
    high: float
    from_zero: bool


def lines(steps: pa.Table) -> list[Line]:
    """The lines of one group's steps (of explain.parquet, in order)."""
    found: list[Line] = []
    for row in steps.to_pylist():
        start = found[-1].end if found and row["step"] not in ENDS else 0.0
        label = LABELS.get(row["step"], row["step"])
        amount, end = float(row["amount"]), float(row["cumulative"])
        found.append(Line(row["step"], label, amount, row["standard_error"], row["significant"], row["assets"], start, end))
    return found


def scale(waterfall: Sequence[Line]) -> Scale:
    """A scale with room for all the totals."""
    totals = [line.end for line in waterfall]
    low, high = min(totals), max(totals)
    if 0.0 < high - low < _NEAR * high:
        return Scale(low - _FOOT * (high - low), high, False)
    return Scale(min(low, 0.0), max(high, 0.0), True)


def bar(line: Line, on: Scale, width: int) -> str:
    """A bar from where a step starts to where it leads, in half characters, at least one; a total's from 0, or from the scale's foot."""
    span = on.high - on.low
    if span <= 0.0 or line.amount == 0.0:
        return ""
    at = [round((min(max(x, on.low), on.high) - on.low) / span * 2 * width) for x in sorted((line.start, line.end))]
    first, last = min(at[0], 2 * width - 1), max(at[1], min(at[0], 2 * width - 1) + 1)
    halves = [first <= i < last for i in range(2 * width)]
    return "".join(_HALVES[halves[i], halves[i + 1]] for i in range(0, 2 * width, 2)).rstrip()


@dataclass(frozen=True)
class Moved:
    """A group: its totals, what lies between them, and the step that did most of it."""

    name: str
    old: float
    new: float
    change: float
    most: str


def of_whole(explanation: Explanation) -> pa.Table:
    """The steps of the whole."""
    return explanation.steps.slice(0, len(explanation.record["steps"]))


def steps_of(explanation: Explanation, group: str | None) -> pa.Table:
    """The steps of the whole, or of one group by its name. Raises InputError where there is none of that name."""
    if group is None:
        return of_whole(explanation)
    count, columns = len(explanation.record["steps"]), explanation.group_by
    if not columns:
        raise InputError("the explanation has no groups: explain results that are grouped, or give it group_by")
    rows = explanation.steps.select(list(columns)).to_pylist()[count::count]
    return explanation.steps.slice(count * (1 + place_of_group(group, rows, columns, "the explanation")), count)


def groups(explanation: Explanation) -> list[Moved]:
    """All groups, those that moved most first."""
    count, columns = len(explanation.record["steps"]), explanation.group_by
    found = []
    for first in range(count, explanation.steps.num_rows, count):
        rows: list[dict[str, Any]] = explanation.steps.slice(first, count).to_pylist()
        most = max(rows[1:-1], key=lambda row: abs(row["amount"]), default=None)
        moved = most is not None and most["amount"] != 0
        change = float(rows[-1]["amount"] - rows[0]["amount"])
        label = LABELS.get(most["step"], most["step"]) if most and moved else ""
        found.append(Moved(group_name(rows[0], columns), float(rows[0]["amount"]), float(rows[-1]["amount"]), change, label))
    return sorted(found, key=lambda one: (-abs(one.change), one.name))
