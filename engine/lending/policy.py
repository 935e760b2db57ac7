"""Policies: how much a bank lends at most. docs/numerics.md §19, "How much may be lent"."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from ipvalue.files import toml_of
from ipvalue.schema import RIGHT_TYPES, Strict, did_you_mean, validate

SHIPPED = Path(__file__).with_name("policies.toml")

Part = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Policy(Strict):
    """Limits on a loan; those that are blank do not bind."""

    loan_to_value: dict[str, Part] = Field(default_factory=dict)
    """By right type, a part of the right's value; a type that is not named is not lent on, unless none is."""
    expected_loss: Part | None = None
    """Of a loan's whole life, as a part of its principal."""
    coverage: Part | None = None
    """What the rights are expected to earn while the loan lasts, over its principal: at least."""
    longest_term: Part | None = None
    """Years."""
    source: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in self.loan_to_value:
            if name not in RIGHT_TYPES:
                raise ValueError(f"{name} is no right type{did_you_mean(name, RIGHT_TYPES)}")
        return self


class _File(Strict):
    policy: dict[str, Policy] = Field(default_factory=dict)


def load_policies(source: str | Path | Mapping[str, Any] = SHIPPED) -> dict[str, Policy]:
    """Policies by name, of a TOML file or a mapping like one. Raises InputError naming file, key, value and rule."""
    content, name = (dict(source), "policies") if isinstance(source, Mapping) else (toml_of(source), str(source))
    return dict(validate(_File, content, name).policy)
