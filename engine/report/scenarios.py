"""A result of scenarios for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ipvalue.scenario_run import ScenarioResult
from ipvalue.scenarios import BASE


@dataclass(frozen=True)
class Line:
    """The whole under one scenario: its mean, and how far that is from the base's, which is `of_base`."""

    scenario: str
    mean: float
    difference: float
    error: float
    of_base: float

    @property
    def percent(self) -> str:
        """The difference in percent of the base."""
        return f"{100.0 * self.difference / self.of_base:+.1f}" if self.of_base else ""


def whole_by_scenario(result: ScenarioResult) -> Iterator[Line]:
    """A line for each scenario, the base first, whose own difference is of nothing."""
    columns = result.manifest["options"]["group_by"]
    base = 0.0
    for row in result.scenarios.to_pylist():
        if any(row[name] is not None for name in columns):
            continue
        if row["scenario"] == BASE:
            base = row["mean"]
        yield Line(row["scenario"], row["mean"], row["difference"], row["difference_error"], 0.0 if row["scenario"] == BASE else base)
