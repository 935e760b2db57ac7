"""`ipvalue.reverse_stress`: how large a shock must be for a value to come to a limit; the command `ipvalue reverse` is the same call.

A scenario is a direction, and all its shocks are scaled together. Every size tried is a scenario of one pass, on the same random numbers, so what is
found has no noise of its own: a run of the shocked rights alone meets the limit too, to the bit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ipvalue.cash_rule import find_rule
from ipvalue.scenario_run import ScenarioResult, scenarios
from ipvalue.scenarios import BASE, Scenario, load_scenarios
from ipvalue.schema import Column, InputError, Source, did_you_mean, quantile_of

MOST = 10.0
"""The largest size looked at, in sizes of the scenario, unless said otherwise."""
FIRST = tuple(k / 8.0 for k in range(1, 9))
"""The sizes looked at first, all in one pass."""
INSIDE = 8
"""Sizes within a bracket that are tried in one pass."""
NEAR = 1e-6
"""How narrow a bracket is at the end, as a part of what is found."""
MOST_PASSES = 40

_LIMIT = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*([-+0-9.eE_]+)\s*")
_STATISTICS = ("value", "mean", "standard_deviation", "expected_shortfall")


@dataclass(frozen=True)
class Limit:
    """A statistic of a group, and the side of an amount that it is to come to."""

    statistic: str
    relation: str
    amount: float

    def met(self, found: float) -> bool:
        """Whether a figure meets it."""
        match self.relation:
            case "<":
                return found < self.amount
            case "<=":
                return found <= self.amount
            case ">":
                return found > self.amount
        return found >= self.amount

    @property
    def quantile(self) -> float | None:
        """The quantile asked for, where it is one."""
        return quantile_of(self.statistic)

    def __str__(self) -> str:
        return f"{self.statistic} {self.relation} {self.amount:,.10g}"


def parse_limit(text: str) -> Limit:
    """ "q05 < 1e9" as a Limit. Raises InputError where it is none."""
    found = _LIMIT.fullmatch(text)
    try:
        limit = Limit(found[1], found[2], float(found[3])) if found else None
    except ValueError:
        limit = None
    if limit is None:
        raise InputError(f"limit is {text!r}: write a statistic, < or >, and an amount, as q05 < 1e9")
    if limit.statistic not in _STATISTICS and limit.quantile is None:
        near = did_you_mean(limit.statistic, _STATISTICS)
        raise InputError(f"limit is {text!r}: {limit.statistic} is none of {', '.join(_STATISTICS)} and no quantile, as q05{near}")
    return limit


@dataclass(frozen=True)
class Trial:
    """A size that was tried, and the statistic there."""

    size: float
    figure: float


@dataclass(frozen=True)
class ReverseStress:
    """What was found. size: the smallest that meets the limit as far as was looked, None where none does; below: the largest under it that does not
    (`size` is 0 where the base meets it). scenario: the shocks at that size, to be run by themselves. trials: all sizes tried, ascending.
    impossible: why larger sizes cannot be, where that ended the search."""

    direction: Scenario
    limit: Limit
    group: str | None
    size: float | None
    below: float
    figure: float
    base: float
    scenario: Scenario | None
    trials: tuple[Trial, ...]
    impossible: str | None

    @property
    def reached(self) -> bool:
        """Whether some size meets the limit."""
        return self.size is not None

    def __str__(self) -> str:
        of = f"{self.limit.statistic} of {self.group or 'the whole'}"
        if self.size == 0.0:
            return f"{of} is {self.base:,.6g} without any shock, which meets {self.limit}"
        if self.size is not None:
            brings = f"{self.direction.name} at {self.size:.7g} of its size brings {of} from {self.base:,.6g} to {self.figure:,.6g}"
            return f"{brings}, which meets {self.limit}"
        furthest = f"{self.direction.name} does not bring {of} to {self.limit}: at {self.below:.7g} of its size, it is {self.figure:,.6g}"
        return f"{furthest}, and more is impossible: {self.impossible}" if self.impossible else f"{furthest}, and no larger size was looked at"


@dataclass
class _Search:
    """The portfolio, the direction and what is known of it."""

    portfolio: object
    direction: Scenario
    limit: Limit
    group: str | None
    options: Mapping[str, Any]
    figures: dict[float, float] = field(default_factory=dict)
    impossible: tuple[float, str] | None = None

    def look(self, sizes: Sequence[float]) -> None:
        """Tries sizes in one pass; of those that cannot all be, the smaller half, and so on."""
        sizes = [size for size in sizes if size not in self.figures and (self.impossible is None or size < self.impossible[0])]
        while sizes:
            try:
                tried = [self.direction.scaled(size) for size in sizes]
                result = scenarios(self.portfolio, tried, statistics="mean", **self.options)
            except InputError as error:
                if len(sizes) == 1:
                    if not str(error).startswith("scenario "):
                        raise
                    self.impossible = (sizes[0], str(error).splitlines()[0])
                    return
                self.look(sizes[: len(sizes) // 2])
                sizes = [] if self.impossible else sizes[len(sizes) // 2 :]
                continue
            for size, figure in zip((0.0, *sizes), self._of(result), strict=True):
                self.figures[size] = figure
            return

    def _of(self, result: ScenarioResult) -> list[float]:
        """The statistic under the base and each scenario."""
        columns = result.manifest["options"]["group_by"]
        names: list[str | None] = [",".join(row[name] for name in columns) if number else None for number, row in enumerate(_each(result))]
        if self.group not in names:
            near = did_you_mean(self.group or "", [name for name in names if name])
            raise InputError(f"there is no group {self.group!r}{near or ': group by the columns that name it'}")
        return [float(row[self.limit.statistic]) for row in result.of_group(names.index(self.group))]

    def bracket(self) -> tuple[float, float | None]:
        """The sizes beside the first crossing among those tried: the last that does not meet the limit, and the next."""
        below = 0.0
        for size in sorted(self.figures):
            if self.limit.met(self.figures[size]):
                return below, size
            below = size
        return below, None


def _each(result: ScenarioResult) -> list[dict[str, Any]]:
    """The rows of the base: the whole, then its groups."""
    rows: list[dict[str, Any]] = result.scenarios.slice(0, result.groups_each).to_pylist()
    return rows


def reverse_stress(
    portfolio: object,
    source: Source | Scenario,
    limit: str,
    *,
    scenario: str | None = None,
    group: str | None = None,
    most: float = MOST,
    rule: object = None,
    **options: Any,
) -> ReverseStress:
    """The smallest size of a scenario at which a statistic of the whole, or of a group, meets a limit.

    source: scenarios.toml, a mapping like one (`{"library": ["court shock"]}`), or a Scenario; scenario: which, where there are several.
    limit: "q05 < 1e9", of value, mean, standard_deviation, expected_shortfall or any quantile. group: its values of `group_by`, with commas between.
    most: the largest size looked at. options: those of `scenarios`; `progress` is called in each pass over the portfolio anew. Of the crossings that
    the sizes looked at show, the first is narrowed down.
    Raises InputError.
    """
    found_rule = None if rule is None else find_rule(rule)
    asked, direction = parse_limit(limit), _direction(source, scenario, found_rule.extra if found_rule else ())
    if not most > 0.0:
        raise InputError(f"most is {most!r}: it must be above 0, in sizes of the scenario")
    if asked.quantile is not None:
        options = {**options, "quantiles": (asked.quantile,)}
    search = _Search(portfolio, direction, asked, group, {**options, "rule": found_rule})
    direction.scaled(0.0)  # what has no size is said before anything is computed
    search.look([size * min(1.0, most) for size in FIRST])
    while search.bracket()[1] is None and search.impossible is None and (reach := max(search.figures)) < most:
        search.look([min(most, reach * factor) for factor in (1.25, 1.5, 1.75, 2.0)])
    for _ in range(MOST_PASSES):
        below, above = search.bracket()
        end = above if above is not None else search.impossible[0] if search.impossible else None
        if end is None or end - below <= NEAR * end or above == 0.0:
            break
        search.look([below + (end - below) * k / (INSIDE + 1) for k in range(1, INSIDE + 1)])
    below, above = search.bracket()
    at = below if above is None else above
    trials = tuple(Trial(size, search.figures[size]) for size in sorted(search.figures))
    found = direction.scaled(above) if above else None
    impossible = search.impossible[1] if search.impossible else None
    return ReverseStress(direction, asked, group, above, below, search.figures[at], search.figures[0.0], found, trials, impossible)


def _direction(source: Source | Scenario, name: str | None, extra: Sequence[Column] = ()) -> Scenario:
    """The scenario that is meant; extra: columns that a rule has beside the registry's."""
    if isinstance(source, Scenario):
        return source
    found = {one.name: one for one in load_scenarios(source, (), extra)}
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name not in found:
        what = f"there is no scenario {name!r}{did_you_mean(name, found)}" if name and name != BASE else "name the scenario to scale"
        raise InputError(f"{what} (there are {', '.join(list(found)[:8])}{', …' if len(found) > 8 else ''})")
    return found[name]
