"""The market: zero curves, exchange rates, and the factors with their correlation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from ipvalue.backend import kernel
from ipvalue.constants import MAX_STEPS_PER_YEAR, SYMMETRY_TOLERANCE
from ipvalue.files import toml_of
from ipvalue.schema import Currency, Finite, InputError, Source, Strict, validate

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=-1, allow_inf_nan=False)]

MOST_TENORS = 1000


class Curve(Strict):
    """An annual effective zero curve: `rates` at `tenors` (years), linear between and flat outside."""

    tenors: Annotated[tuple[Positive, ...], Field(strict=False)]
    rates: Annotated[tuple[Rate, ...], Field(strict=False)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not 1 <= len(self.tenors) <= MOST_TENORS:
            raise ValueError(f"there are {len(self.tenors)} tenors: give 1 to {MOST_TENORS}")
        if len(self.rates) != len(self.tenors):
            raise ValueError(f"there are {len(self.tenors)} tenors and {len(self.rates)} rates: give one rate for each tenor")
        for before, after in zip(self.tenors, self.tenors[1:], strict=False):
            if after <= before:
                raise ValueError(f"tenors must ascend, but {after:g} follows {before:g}")
        return self


class Factors(Strict):
    """The factors' names, which the portfolio's column sector uses, and their correlation in the order of the names."""

    names: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)] = ()
    correlation: Annotated[tuple[Annotated[tuple[Finite, ...], Field(strict=False)], ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise ValueError(f"names must differ, but {repeated[0]!r} stands there twice")
        n = len(self.names)
        if len(self.correlation) != n or any(len(row) != n for row in self.correlation):
            raise ValueError(f"correlation must have {n} rows of {n} numbers, one for each of the names")
        for i, first in enumerate(self.names):
            for j, second in enumerate(self.names[: i + 1]):
                self._check_entry(i, j, f"{first!r} with {second!r}")
        try:
            self._lower_triangle()
        except ValueError:
            impossible = "correlation is not positive semidefinite: no factors can be correlated like this"
            raise ValueError(f"{impossible}; bring its largest entries nearer to 0") from None
        return self

    def _check_entry(self, i: int, j: int, pair: str) -> None:
        value, mirrored = self.correlation[i][j], self.correlation[j][i]
        if i == j and value != 1.0:
            raise ValueError(f"correlation of {pair} is {value:g}: it must be 1")
        if not -1.0 <= value <= 1.0:
            raise ValueError(f"correlation of {pair} is {value:g}: it must be from -1 to 1")
        if abs(value - mirrored) > SYMMETRY_TOLERANCE:
            raise ValueError(f"correlation is not symmetric: {pair} is {value:g} one way and {mirrored:g} the other")

    def _order(self) -> list[int]:
        return sorted(range(len(self.names)), key=lambda i: self.names[i].encode())

    def _lower_triangle(self) -> npt.NDArray[np.float64]:
        order = self._order()
        matrix = np.array(self.correlation, np.float64).reshape(len(order), len(order))
        triangle: npt.NDArray[np.float64] = kernel.cholesky(np.ascontiguousarray(matrix[np.ix_(order, order)]))
        return triangle


class Market(Strict):
    """What the day's market says (docs/files.md, market.toml). Made by `load_market`."""

    currency: Currency
    valuation_date: date
    steps_per_year: Annotated[int, Field(ge=1, le=MAX_STEPS_PER_YEAR)] = 1
    mid_period: bool = True
    curves: dict[Currency, Curve]
    fx: dict[Currency, Positive] = Field(default_factory=dict)
    factors: Factors = Factors()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.curves:
            raise ValueError("there is no curve: add curves.CUR, with tenors and rates, for each currency in use")
        own = self.fx.get(self.currency, 1.0)
        if own != 1.0:
            raise ValueError(f"fx.{self.currency} is {own:g}, but results are reported in {self.currency}: leave it out")
        return self

    def fx_rate(self, currency: str) -> float:
        """What one unit of `currency` is worth in the reporting currency. Raises InputError where that is not known."""
        if currency == self.currency:
            return 1.0
        if currency not in self.fx:
            rate = f"fx.{currency}, the worth of 1 {currency} in {self.currency}"
            raise InputError(f"the market has no exchange rate for {currency}: add {rate}")
        return self.fx[currency]

    @cached_property
    def curve_index(self) -> dict[str, int]:
        """Each curve's currency and its place in the alphabet of currencies."""
        return {currency: i for i, currency in enumerate(sorted(self.curves))}

    @cached_property
    def factor_order(self) -> tuple[str, ...]:
        """The factors' names, sorted by their UTF-8 bytes: the order of `cholesky`."""
        return tuple(sorted(self.factors.names, key=str.encode))

    def cholesky(self) -> npt.NDArray[np.float64]:
        """The lower triangle of the correlation, (factors, factors), in `factor_order` (docs/numerics.md §4)."""
        return self.factors._lower_triangle()

    @cached_property
    def sha256(self) -> str:
        """A hash of the content, the same however the file is written."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def market_of(content: Mapping[str, Any]) -> Market:
    """The market that a manifest holds, where dates are text."""
    return validate(Market, {**content, "valuation_date": date.fromisoformat(content["valuation_date"])}, "market")


def load_market(source: Source) -> Market:
    """The market from a TOML file (a path or URL) or a mapping like one. Raises InputError naming file, key, value and rule."""
    if isinstance(source, Mapping):
        return validate(Market, dict(source), "market")
    return validate(Market, toml_of(source), str(source))
