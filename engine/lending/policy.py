"""Policies: how much a bank lends at most. docs/numerics.md §19, "How much may be lent"."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ipvalue.files import toml_of
from ipvalue.schema import LARGEST_RATE, LONGEST_TERM, RIGHT_TYPES, InputError, Source, Strict, did_you_mean, validate

SHIPPED = Path(__file__).with_name("policies.toml")

QUANTILES = {"q50": 0.5, "q05": 0.05}
"""By the names of `Policy.value`."""

Part = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Terms(Strict):
    """The loan that a right may be pledged to, where no table of loans says: the columns of loans.md of the same names."""

    rate: Annotated[float, Field(ge=0, le=LARGEST_RATE, allow_inf_nan=False)]
    term: Annotated[float, Field(gt=0, le=LONGEST_TERM, allow_inf_nan=False)]
    amortisation: Literal["bullet", "level", "annuity"] = "bullet"
    pd: Share | None = None
    rating: str | None = None
    factor_loading: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = None
    exposure_class: Literal["corporate", "sme", "other_retail"] = "corporate"
    turnover: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 50.0
    liquidation_discount: Share | None = None
    liquidation_lag: Annotated[float, Field(ge=0, le=LONGEST_TERM, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.pd is None) == (self.rating is None):
            raise ValueError("give pd or rating, one of them")
        return self


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
    value: Literal["mean", "q50", "q05", "forced"] = "mean"
    """Of a right, what its cap on loan to value is a part of: the mean, a quantile, or what a forced sale brings."""
    terms: Terms | None = None
    """Of a loan on a right of a register, without a table of loans."""
    source: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in self.loan_to_value:
            if name not in RIGHT_TYPES:
                raise ValueError(f"{name} is no right type{did_you_mean(name, RIGHT_TYPES)}")
        if self.terms is not None and self.longest_term is not None and self.terms.term > self.longest_term:
            raise ValueError(f"terms.term is {self.terms.term:g}: it must be at most longest_term, which is {self.longest_term:g}")
        return self

    @property
    def quantile(self) -> float | None:
        """Of a right's value on the paths, where the cap is on one."""
        return QUANTILES.get(self.value)

    @property
    def on_paths(self) -> bool:
        """Whether a limit needs the terms of a loan."""
        return self.expected_loss is not None or self.coverage is not None


class _File(Strict):
    policy: dict[str, Policy] = Field(default_factory=dict)


def load_policies(source: Source = SHIPPED) -> dict[str, Policy]:
    """Policies by name, of a TOML file or a mapping like one. Raises InputError naming file, key, value and rule."""
    content, name = (dict(source), "policies") if isinstance(source, Mapping) else (toml_of(source), str(source))
    return dict(validate(_File, content, name).policy)


def policy_of(name: str, policies: Mapping[str, Policy]) -> Policy:
    """The policy of that name. Raises InputError where there is none, with those that there are."""
    if name not in policies:
        raise InputError(f"there is no policy {name!r}{did_you_mean(name, policies)} (policies: {', '.join(policies)})")
    return policies[name]
