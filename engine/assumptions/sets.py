"""What fills the blanks of one kind of right: a set of values, each with its source, and one set laid over another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ipvalue.assumptions.file_tables import TEXT_KEYS, check_right_type, check_source_keys
from ipvalue.schema import FILLABLE, LINKED, PORTFOLIO, InputError, did_you_mean

LIFE = ("life", "economic_life", "indefinite")
"""Columns that say how long a right lives; like LINKED ones they come from one set."""

MONEY = tuple(name for name, column in PORTFOLIO.items() if column.unit == PORTFOLIO["revenue"].unit)
"""Columns in the asset's currency: a set that fills one states its `currency`."""


@dataclass(frozen=True)
class AssumptionSet:
    """What fills the blanks of one kind of right: type, type/jurisdiction, type//sector or type/jurisdiction/sector.

    `sources` has an entry for each of `values` that names where it comes from.
    """

    name: str
    right_type: str
    jurisdiction: str | None
    sector: str | None
    values: Mapping[str, Any]
    sources: Mapping[str, str]

    def laid_over(self, below: AssumptionSet) -> AssumptionSet:
        """The values of `below`, replaced by these; columns that belong together are replaced together, and money by another currency."""
        groups = [group for group in (*LINKED, LIFE) if any(name in self.values for name in group)]
        replaced = {*self.values, *(name for group in groups for name in group)}
        if self.values.get("currency", below.values.get("currency")) != below.values.get("currency"):
            replaced.update(MONEY)
        kept = {name: value for name, value in below.values.items() if name not in replaced}
        sources = {name: source for name, source in below.sources.items() if name in kept}
        return replace(self, values={**kept, **self.values}, sources={**sources, **self.sources})


def set_of(name: str, content: dict[str, Any], path: str) -> AssumptionSet:
    """The set that a file at `path` has under this name. Raises InputError naming file, set, key, value and rule."""
    where = f'{path}: defaults."{name}"'
    try:
        right_type, jurisdiction, sector = _split(name)
        sources = _sources(content)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    given = {key: value for key, value in content.items() if key not in TEXT_KEYS}
    problems = [f"{where}: {problem}" for key, value in given.items() if (problem := _problem(key, value))]
    if problems:
        raise InputError("\n".join(problems))
    money = next((key for key in MONEY if key in given), None)
    if money and "currency" not in given:
        raise InputError(f"{where}: {money} is money, but of no currency: add currency, as the three letters that {money} is in")
    values = {key: float(value) if PORTFOLIO[key].kind == "float" else value for key, value in given.items()}
    return AssumptionSet(name, right_type, jurisdiction, sector, values, sources)


def _split(name: str) -> tuple[str, str | None, str | None]:
    right_type, jurisdiction, sector = [*name.split("/", 2), "", ""][:3]
    check_right_type(right_type)
    if name.endswith("/"):
        raise ValueError('a set is named "type", "type/jurisdiction", "type//sector" or "type/jurisdiction/sector"')
    if jurisdiction and (problem := PORTFOLIO["jurisdiction"].problem(jurisdiction)):
        raise ValueError(f"jurisdiction {jurisdiction!r} {problem}")
    return right_type, jurisdiction or None, sector or None


def _problem(key: str, value: Any) -> str | None:
    if key not in FILLABLE:
        reason = "says which right it is and is never filled" if key in PORTFOLIO else f"is not known{did_you_mean(key, FILLABLE)}"
        return f"{key} {reason}"
    problem = PORTFOLIO[key].problem(value)
    return f"{key} is {value!r}: it {problem}" if problem else None


def _sources(content: dict[str, Any]) -> dict[str, str]:
    """Where each value comes from: its own entry of `sources`, else `source`."""
    source, sources = content.get("source", ""), content.get("sources", {})
    if not isinstance(source, str) or not isinstance(sources, dict) or not all(isinstance(text, str) for text in sources.values()):
        raise ValueError("source must be text and sources a table of texts")
    keys = [key for key in content if key not in TEXT_KEYS]
    check_source_keys(sources, keys)
    named = {key: sources.get(key, source) for key in keys}
    return {key: text for key, text in named.items() if text}
