"""A result of scenarios for the terminal and the notebook."""

from __future__ import annotations

from dataclasses import dataclass

from ipvalue.amounts import money
from ipvalue.report.terminal import place_of_group
from ipvalue.scenario_run import ScenarioResult
from ipvalue.schema import InputError

HEADS = ("difference", "± error", "%")


@dataclass(frozen=True)
class Line:
    """The whole, or a group, under one scenario: its mean, and how far that is from the base's, which is `of_base` (None: this is the base)."""

    scenario: str
    mean: float
    difference: float
    error: float
    of_base: float | None

    @property
    def percent(self) -> str:
        """The difference in percent of the base."""
        return f"{100.0 * self.difference / self.of_base:+.1f}" if self.of_base else ""

    @property
    def cells(self) -> tuple[str, ...]:
        """Mean and HEADS as texts; the base has no difference."""
        return money(self.mean), *(("", "", "") if self.of_base is None else (money(self.difference), money(self.error), self.percent))


def by_scenario(result: ScenarioResult, group: str | None = None) -> list[Line]:
    """A line for each scenario, the base first: of the whole, or of a group by its name. Raises InputError where there is none of that name."""
    rows = result.of_group(_place(result, group))
    base = rows[0]["mean"]
    return [
        Line(row["scenario"], row["mean"], row["difference"], row["difference_error"], base if number else None) for number, row in enumerate(rows)
    ]


def farthest(lines: list[Line], most: int) -> list[Line]:
    """The base and the `most` lines whose differences are the largest, in their order."""
    order = sorted(range(1, len(lines)), key=lambda place: -abs(lines[place].difference))
    return [lines[place] for place in (0, *sorted(order[:most]))]


def _place(result: ScenarioResult, group: str | None) -> int:
    """The place of a group among those of one scenario, the whole first."""
    columns = tuple(result.manifest["options"]["group_by"])
    if group is None:
        return 0
    if not columns:
        raise InputError(f"{result.location}: has no groups: value the scenarios with --group-by")
    return 1 + place_of_group(group, result.scenarios.select(list(columns)).slice(1, result.groups_each - 1).to_pylist(), columns, result.location)
