"""A file of assumptions: what fills blanks, fees, survival curves and premises, each figure with its source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from ipvalue.files import toml_of
from ipvalue.schema import (
    FILLABLE,
    LINKED,
    PORTFOLIO,
    RIGHT_TYPES,
    Currency,
    Finite,
    InputError,
    Strict,
    did_you_mean,
    validate,
)

NONE = "none"
"""The name of the empty fee schedule and the empty survival curve."""

LIFE = ("life", "economic_life", "indefinite")
"""Columns that say how long a right lives; like LINKED ones they come from one set."""

MONEY = tuple(name for name, column in PORTFOLIO.items() if column.unit == PORTFOLIO["revenue"].unit)
"""Columns in the asset's currency: a set that fills one states its `currency`."""

PREMISES = ("orderly", "forced")

SHIPPED = tuple(Path(__file__).with_name(f"{name}.toml") for name in ("right_types", "sectors", "fees", "survival", "premises"))
"""The shipped assumptions, one file a topic; no table stands in two of them."""

_TEXT_KEYS = ("source", "sources")

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
AtLeastZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Anchor = Literal["filing", "grant"]


class _Sourced(Strict):
    """A table that says where its figures come from: `source` for all of them, `sources` for single keys."""

    source: str = ""
    sources: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        _check_source_keys(self.sources, [key for key in type(self).model_fields if key not in _TEXT_KEYS])
        return self


class FeeSchedule(_Sourced):
    """Official fees: `amounts` (in `currency`) due at `due` years from filing or grant.

    With `every` the list repeats after so many years, for ever. Without `before_grant` nothing is due while the right
    is pending.
    """

    currency: Currency
    anchor: Anchor
    due: Annotated[tuple[AtLeastZero, ...], Field(strict=False)]
    amounts: Annotated[tuple[AtLeastZero, ...], Field(strict=False)]
    every: Annotated[float, Field(ge=0.1, allow_inf_nan=False)] | None = None
    before_grant: bool = True

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_pairs("due", self.due, "amounts", self.amounts)
        if self.every is not None and self.due[-1] - self.due[0] >= self.every:
            raise ValueError(f"every is {self.every:g}: it must be longer than the time from the first fee due to the last")
        return self


class SurvivalCurve(_Sourced):
    """The share of rights `surviving` at `ages` (years from filing or grant): linear between, flat outside."""

    anchor: Anchor
    ages: Annotated[tuple[AtLeastZero, ...], Field(strict=False)]
    surviving: Annotated[tuple[Share, ...], Field(strict=False)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_pairs("ages", self.ages, "surviving", self.surviving)
        for before, after in pairwise(self.surviving):
            if after > before:
                raise ValueError(f"surviving must not rise, but {after:g} follows {before:g}")
        return self


class Premise(_Sourced):
    """What a sale within a time limit takes off: a share of the value, and the years until the money is there."""

    discount: Share
    time_to_sell: Annotated[Finite, Field(ge=0, le=100)]


class _File(Strict):
    """A file of assumptions as written."""

    extends: Literal["default"] | None = None
    defaults: dict[str, dict[str, Any]] = Field(default_factory=dict)
    fee_schedules: dict[str, FeeSchedule] = Field(default_factory=dict)
    survival_curves: dict[str, SurvivalCurve] = Field(default_factory=dict)
    premise: dict[str, dict[str, Premise]] = Field(default_factory=dict)

    @field_validator("fee_schedules", mode="before")
    @classmethod
    def _chinese_fees_start_with_the_grant(cls, schedules: Any) -> Any:
        """A Chinese annuity is not due before grant (model §4), unless the schedule says otherwise."""
        if not isinstance(schedules, dict):
            return schedules
        return {
            name: {"before_grant": not str(name).startswith("CN/"), **table} if isinstance(table, dict) else table
            for name, table in schedules.items()
        }

    @field_validator("fee_schedules", "survival_curves")
    @classmethod
    def _check_reserved(cls, tables: dict[str, Any]) -> dict[str, Any]:
        if NONE in tables:
            raise ValueError(f"the name {NONE} is reserved for the empty one: give another")
        return tables

    @field_validator("premise")
    @classmethod
    def _check_premises(cls, premises: dict[str, dict[str, Premise]]) -> dict[str, dict[str, Premise]]:
        for name, by_type in premises.items():
            if name not in PREMISES:
                raise ValueError(f"{name} is not known: use {' or '.join(PREMISES)}")
            for right_type in by_type:
                _check_right_type(right_type)
        return premises


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


@dataclass(frozen=True)
class Assumptions:
    """Checked assumptions: sets, fee schedules and survival curves by name, premises by kind and right type."""

    sets: Mapping[str, AssumptionSet]
    schedules: Mapping[str, FeeSchedule]
    curves: Mapping[str, SurvivalCurve]
    premises: Mapping[str, Mapping[str, Premise]]

    def premise(self, name: str, right_type: str) -> tuple[float, float]:
        """(discount, years to sell) of a premise for a right type. Raises InputError where there is none."""
        found = self.premises.get(name, {}).get(right_type)
        if found is None:
            raise InputError(f"the assumptions have no premise.{name}.{right_type}: add it, with discount and time_to_sell")
        return found.discount, found.time_to_sell

    @property
    def most_methods(self) -> int:
        """The most methods that a set gives a row; 0 where none gives several."""
        return max((len(one.values.get("methods", ())) for one in self.sets.values()), default=0)

    def ways_to_fill(self, columns: Iterable[str]) -> int:
        """How many different rows the sets may make of one row in which all these columns are blank, at most; one way is to leave a blank."""
        ways = 1
        for column in columns:
            ways *= 1 + len({one.values[column] for one in self.sets.values() if column in one.values})
        return ways

    @property
    def content(self) -> dict[str, Any]:
        """All of it in the shape of a file, as JSON can hold it: `load_assumptions` makes the same assumptions of it."""
        defaults = {name: {**one.values, **({"sources": dict(one.sources)} if one.sources else {})} for name, one in self.sets.items()}
        premises = {kind: _dumped(by_type) for kind, by_type in self.premises.items()}
        tables = {"defaults": defaults, "fee_schedules": _dumped(self.schedules), "survival_curves": _dumped(self.curves), "premise": premises}
        made: dict[str, Any] = json.loads(json.dumps(tables))
        return made

    @cached_property
    def sha256(self) -> str:
        """A hash of the content, the same however the files are written."""
        sets = {name: [dict(one.values), dict(one.sources)] for name, one in self.sets.items()}
        premises = {kind: _dumped(by_type) for kind, by_type in self.premises.items()}
        content = [sets, _dumped(self.schedules), _dumped(self.curves), premises]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def load_assumptions(source: str | Path | Mapping[str, Any] = "default") -> Assumptions:
    """The shipped assumptions, or those of a TOML file (a path or URL) or a mapping like one (laid over the shipped ones with `extends = "default"`).

    Raises InputError naming file, key, value and rule.
    """
    if source == "default":
        return _shipped()
    name = "assumptions" if isinstance(source, Mapping) else str(source)
    file, own = _checked(dict(source), name) if isinstance(source, Mapping) else _read(source)
    whole = _laid_over(own, _shipped()) if file.extends else own
    _check_names(whole, name)
    return whole


@cache
def _shipped() -> Assumptions:
    whole = Assumptions({}, {}, {}, {})
    for path in SHIPPED:
        whole = _laid_over(_read(path)[1], whole)
    _check_names(whole, str(SHIPPED[0].parent))
    return whole


def _read(path: str | Path) -> tuple[_File, Assumptions]:
    """A file as written, and its own assumptions."""
    return _checked(toml_of(path), str(path))


def _checked(content: dict[str, Any], where: str) -> tuple[_File, Assumptions]:
    file = validate(_File, content, where)
    sets = {name: _set(name, values, where) for name, values in file.defaults.items()}
    return file, Assumptions(sets, file.fee_schedules, file.survival_curves, file.premise)


def _laid_over(own: Assumptions, below: Assumptions) -> Assumptions:
    sets = {name: one.laid_over(below.sets[name]) if name in below.sets else one for name, one in own.sets.items()}
    premises = {name: {**below.premises.get(name, {}), **own.premises.get(name, {})} for name in {*below.premises, *own.premises}}
    return Assumptions({**below.sets, **sets}, {**below.schedules, **own.schedules}, {**below.curves, **own.curves}, premises)


def _set(name: str, content: dict[str, Any], path: str) -> AssumptionSet:
    where = f'{path}: defaults."{name}"'
    try:
        right_type, jurisdiction, sector = _split(name)
        sources = _sources(content)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    given = {key: value for key, value in content.items() if key not in _TEXT_KEYS}
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
    _check_right_type(right_type)
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
    keys = [key for key in content if key not in _TEXT_KEYS]
    _check_source_keys(sources, keys)
    named = {key: sources.get(key, source) for key in keys}
    return {key: text for key, text in named.items() if text}


def _check_source_keys(sources: Mapping[str, str], keys: Iterable[str]) -> None:
    for key in sources:
        if key not in keys:
            raise ValueError(f"sources.{key} is the source of nothing here{did_you_mean(key, keys)}")


def _check_right_type(right_type: str) -> None:
    if right_type not in RIGHT_TYPES:
        mend = did_you_mean(right_type, RIGHT_TYPES) or f": use {', '.join(RIGHT_TYPES)}"
        raise ValueError(f"{right_type!r} is no right type{mend}")


def _check_pairs(times_name: str, times: tuple[float, ...], values_name: str, values: tuple[float, ...]) -> None:
    if not times or len(times) != len(values):
        raise ValueError(f"there are {len(times)} {times_name} and {len(values)} {values_name}: give as many of each, at least one")
    for before, after in pairwise(times):
        if after <= before:
            raise ValueError(f"{times_name} must ascend, but {after:g} follows {before:g}")


def _check_names(book: Assumptions, path: str) -> None:
    """Raise InputError where a set names a fee schedule or survival curve that is not there."""
    for one in book.sets.values():
        for column, known in (("fee_schedule", book.schedules), ("survival_curve", book.curves)):
            name = one.values.get(column, NONE)
            if name != NONE and name not in known:
                near = did_you_mean(name, known)
                raise InputError(f'{path}: defaults."{one.name}": {column} {name!r} is not in the file{near}')


def _dumped(tables: Mapping[str, Strict]) -> dict[str, Any]:
    return {name: table.model_dump() for name, table in tables.items()}
