"""Who bears a loan's loss: programmes, and exact shares of whole units. docs/numerics.md §19, "Who bears it".

b = bearers (fund, guarantor, insurer, appraiser), n = losses. Amounts are int64 in units of 10^-6 of the market's currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from ipvalue.files import toml_of
from ipvalue.schema import Strict, validate

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

BEARERS = ("fund", "guarantor", "insurer", "appraiser")
"""In the order in which they claim; the bank bears the rest, and what they cannot pay."""

SHARE_TOLERANCE = 1e-9
SHIPPED = Path(__file__).with_name("programmes.toml")

# takes more off than all roundings of a division, a product and two conversions can add
_SAFE = 1.0 - 2.0**-50

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


def load_programmes(source: str | Path | Mapping[str, Any] = SHIPPED) -> dict[str, Programme]:
    """Programmes by name, of a TOML file or a mapping like one. Raises InputError naming file, key, value and rule."""
    content, name = (dict(source), "programmes") if isinstance(source, Mapping) else (toml_of(source), str(source))
    return dict(validate(_File, content, name).programme)


def claims(loss: Longs, shares: Floats) -> Longs:
    """What each bearer is asked for. loss (n), shares (b) or (b, n) -> (b, n); never more than the loss together."""
    asked, rest = np.empty((len(BEARERS), len(loss)), np.int64), loss
    for b in range(len(BEARERS)):
        asked[b] = np.minimum(np.floor(loss * shares[b]).astype(np.int64), rest)
        rest = rest - asked[b]
    return asked


def paying_part(total: Floats, left: Floats) -> Floats:
    """The part of each claim that is paid where a year's claims are `total` and `left` is what a balance has: 1 where it has enough. Any shape."""
    enough = total <= left
    found: Floats = np.where(enough, 1.0, np.divide(left, total, out=np.ones_like(total), where=~enough) * _SAFE)
    return found


def paid(asked: Longs, part: Floats) -> Longs:
    """Claims as they are paid: whole where part is 1. Their sum never exceeds the balance that `part` was made from."""
    found: Longs = np.where(part == 1.0, asked, np.floor(asked * part).astype(np.int64))
    return found
