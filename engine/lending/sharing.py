"""Who bears a loan's loss: programmes. docs/numerics.md §19, "Who bears it"."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from ipvalue.files import toml_of
from ipvalue.schema import Source, Strict, validate

BEARERS = ("fund", "guarantor", "insurer", "appraiser")
"""In the order in which they claim; the bank bears the rest, and what they cannot pay."""

SHARE_TOLERANCE = 1e-9
SHIPPED = Path(__file__).with_name("programmes.toml")

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Balance = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Balances(Strict):
    """What a programme's bearers can pay at most for all its loans, in the market's currency; without limit where nothing is said."""

    fund: Balance | None = None
    guarantor: Balance | None = None
    insurer: Balance | None = None
    appraiser: Balance | None = None


class Programme(Strict):
    """Shares of a loss by bearer, which add up to 1."""

    bank: Share
    fund: Share = 0.0
    guarantor: Share = 0.0
    insurer: Share = 0.0
    appraiser: Share = 0.0
    balances: Balances = Field(default_factory=Balances)
    source: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        whole = self.bank + sum(self.shares)
        if abs(whole - 1.0) > SHARE_TOLERANCE:
            raise ValueError(f"the shares add up to {whole:.10g}, not to 1")
        return self

    @property
    def shares(self) -> tuple[float, ...]:
        """Of BEARERS, in their order."""
        return tuple(getattr(self, name) for name in BEARERS)

    @property
    def limits(self) -> tuple[float | None, ...]:
        """Balances of BEARERS, in their order; None is no limit."""
        return tuple(getattr(self.balances, name) for name in BEARERS)


class _File(Strict):
    programme: dict[str, Programme] = Field(default_factory=dict)


def load_programmes(source: Source = SHIPPED) -> dict[str, Programme]:
    """Programmes by name, of a TOML file or a mapping like one. Raises InputError naming file, key, value and rule."""
    content, name = (dict(source), "programmes") if isinstance(source, Mapping) else (toml_of(source), str(source))
    return dict(validate(_File, content, name).programme)
