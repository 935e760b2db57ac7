"""A file of assumptions as written: its tables, each checked, each with its source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from ipvalue.schema import RIGHT_TYPES, Currency, Finite, Strict, did_you_mean

NONE = "none"
"""The name of the empty fee schedule and the empty survival curve."""

PREMISES = ("orderly", "forced")

TEXT_KEYS = ("source", "sources")
"""Keys of a table that say where its figures come from."""

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
AtLeastZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Anchor = Literal["filing", "grant"]


class _Sourced(Strict):
    """A table that says where its figures come from: `source` for all of them, `sources` for single keys."""

    source: str = ""
    sources: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        check_source_keys(self.sources, [key for key in type(self).model_fields if key not in TEXT_KEYS])
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


class File(Strict):
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
                check_right_type(right_type)
        return premises


def check_source_keys(sources: Mapping[str, str], keys: Iterable[str]) -> None:
    """Raises ValueError where a source is that of no key."""
    for key in sources:
        if key not in keys:
            raise ValueError(f"sources.{key} is the source of nothing here{did_you_mean(key, keys)}")


def check_right_type(right_type: str) -> None:
    """Raises ValueError where there is no such right type."""
    if right_type not in RIGHT_TYPES:
        mend = did_you_mean(right_type, RIGHT_TYPES) or f": use {', '.join(RIGHT_TYPES)}"
        raise ValueError(f"{right_type!r} is no right type{mend}")


def _check_pairs(times_name: str, times: tuple[float, ...], values_name: str, values: tuple[float, ...]) -> None:
    if not times or len(times) != len(values):
        raise ValueError(f"there are {len(times)} {times_name} and {len(values)} {values_name}: give as many of each, at least one")
    for before, after in pairwise(times):
        if after <= before:
            raise ValueError(f"{times_name} must ascend, but {after:g} follows {before:g}")
