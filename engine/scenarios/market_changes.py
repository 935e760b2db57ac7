"""Shocks on the market: curves, exchange rates, the factors' correlation. Each is a table of scenarios.toml, and what it makes of a market.

Only + − × ÷ in plain numbers, so that a shocked market is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from ipvalue.market import Market
from ipvalue.schema import Finite, InputError, Strict, did_you_mean, validate

ALL = "all"

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]


def _listed(value: Any) -> Any:
    """One for a list of one."""
    return value if isinstance(value, list | tuple) else (value,)


Numbers = Annotated[tuple[Finite, ...], Field(strict=False), BeforeValidator(_listed)]
Names = Annotated[tuple[Name, ...], Field(strict=False), BeforeValidator(_listed)]


def check_one(table: Strict, names: Sequence[str]) -> None:
    """Raise ValueError unless one of the keys is given, and no other."""
    given = [name for name in names if getattr(table, name) is not None]
    if len(given) != 1:
        found = f"{' and '.join(given)} are given" if given else "nothing says how it changes"
        raise ValueError(f"{found}: give one of {', '.join(names)}")


class Change(Strict):
    """What one shock changes."""

    @property
    def moves_paths(self) -> bool:
        """Whether simulated levels are others under it."""
        return False

    @property
    def terms(self) -> dict[str, Any]:
        """The keys that are given, what is shocked first, as JSON can hold them."""
        return self.model_dump(mode="json", exclude_none=True)

    def scaled(self, scale: float, where: str) -> Self:
        """The same change at another size: 0 changes nothing, 1 is this one. What is multiplied is scaled by what the factor is off 1, the rest
        as it is. Raises InputError where it sets something, so that it has no size, or where the scaled one cannot be."""
        given = self.terms
        if "set" in given:
            raise InputError(f"{where}: sets what it shocks, so it has no size to scale: multiply or add")
        for name in ("add", "short", "long", "toward_one"):
            if name in given:
                given[name] = [scale * one for one in given[name]] if isinstance(given[name], list) else scale * given[name]
        if "multiply" in given:
            given["multiply"] = 1.0 + scale * (given["multiply"] - 1.0)
        return validate(type(self), given, where)

    def content(self, market: Market) -> dict[str, Any] | None:
        """The tables of the market that it changes; None where it changes none. Raises InputError where it names what the market lacks."""
        return None


class CurveChange(Change):
    """A zero curve: all tenors alike, by tenor, or from one end to the other."""

    curve: Annotated[Name, Field(description="the currency of a zero curve of the market, or `all`")]
    add: Annotated[Numbers | None, Field(description="what is added to the rates (0.01 is 100 basis points); with `tenors` a list, one for each")] = (
        None
    )
    tenors: Annotated[Numbers | None, Field(description="years at which `add` is given: linear between them and flat outside")] = None
    multiply: Annotated[Finite | None, Field(description="what the rates are multiplied by")] = None
    set: Annotated[Finite | None, Field(description="the rate at all tenors")] = None
    short: Annotated[Finite | None, Field(description="added at the curve's first tenor; with `long`, linear in the tenor between them")] = None
    long: Annotated[Finite | None, Field(description="added at its last tenor")] = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.short is None) != (self.long is None):
            raise ValueError("short and long go together: give both")
        check_one(self, ("add", "multiply", "set", "short"))
        if self.tenors is None:
            if self.add is not None and len(self.add) != 1:
                raise ValueError(f"add has {len(self.add)} numbers and no tenors: give one, or the years that they are for")
        elif not self.add or len(self.add) != len(self.tenors):
            raise ValueError(f"there are {len(self.tenors)} tenors and {len(self.add or ())} numbers of add: give one for each, at least one")
        elif self.tenors[0] <= 0 or any(after <= before for before, after in zip(self.tenors, self.tenors[1:], strict=False)):
            raise ValueError("tenors must be above 0 and ascend")
        return self

    def content(self, market: Market) -> dict[str, Any]:
        curves = {name: curve.model_dump() for name, curve in market.curves.items()}
        for name in _chosen(self.curve, curves, "curve"):
            curves[name] = self._changed(name, market.curves[name].tenors, market.curves[name].rates)
        return {"curves": curves}

    def _changed(self, name: str, tenors: Sequence[float], rates: Sequence[float]) -> dict[str, Any]:
        if self.tenors is not None and self.add is not None:
            knots = sorted({*tenors, *self.tenors})
            return _curve(knots, [_linear(at, tenors, rates) + _linear(at, self.tenors, self.add) for at in knots])
        if self.short is not None and self.long is not None:
            if len(tenors) == 1:
                raise InputError(f"curve {name} has one tenor, so it has no short and long end: add the same at all tenors")
            return _curve(
                tenors, [rate + _linear(at, (tenors[0], tenors[-1]), (self.short, self.long)) for at, rate in zip(tenors, rates, strict=True)]
            )
        return _curve(tenors, [changed(rate, self.multiply, self.add[0] if self.add else None, self.set) for rate in rates])


class FxChange(Change):
    """An exchange rate."""

    fx: Annotated[Name, Field(description="a currency of the market's [fx], or `all`; its rate is what one unit is worth in reporting currency")]
    multiply: Annotated[Finite | None, Field(description="what the rate is multiplied by")] = None
    add: Annotated[Finite | None, Field(description="what is added to it")] = None
    set: Annotated[Finite | None, Field(description="what it becomes")] = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_one(self, ("multiply", "add", "set"))
        return self

    def content(self, market: Market) -> dict[str, Any]:
        if self.fx == market.currency:
            raise InputError(f"fx {self.fx} is the currency that results are reported in: shock the others")
        foreign = {name: rate for name, rate in market.fx.items() if name != market.currency}
        shocked = {name: changed(foreign[name], self.multiply, self.add, self.set) for name in _chosen(self.fx, foreign, "fx")}
        return {"fx": {**market.fx, **shocked}}


class CorrelationChange(Change):
    """The correlation of the factors with one another."""

    correlation: Annotated[Names, Field(description="`all`, or the factors whose correlations with one another change")]
    multiply: Annotated[Finite | None, Field(description="what each correlation is multiplied by; below 1 it is nearer to 0")] = None
    add: Annotated[Finite | None, Field(description="what is added to each")] = None
    set: Annotated[Finite | None, Field(description="what each becomes")] = None
    toward_one: Annotated[Share | None, Field(description="the share of the way to 1 that each goes; of all factors it is always possible")] = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_one(self, ("multiply", "add", "set", "toward_one"))
        if self.correlation != (ALL,) and len(set(self.correlation)) < 2:
            raise ValueError("one factor has no correlation with others: name two or more, or all")
        return self

    @property
    def moves_paths(self) -> bool:
        return True

    def content(self, market: Market) -> dict[str, Any]:
        factors = market.factors
        chosen = {name for asked in self.correlation for name in _chosen(asked, dict.fromkeys(factors.names), "factor")}
        inside = [name in chosen for name in factors.names]
        matrix = [
            [self._changed(value) if i != j and inside[i] and inside[j] else value for j, value in enumerate(row)]
            for i, row in enumerate(factors.correlation)
        ]
        return {"factors": {"names": factors.names, "correlation": matrix}}

    def _changed(self, value: float) -> float:
        return value + self.toward_one * (1.0 - value) if self.toward_one is not None else changed(value, self.multiply, self.add, self.set)


def check_factor(name: str, market: Market) -> None:
    """Raise InputError where the market has no factor of this name."""
    _chosen(name, dict.fromkeys(market.factors.names), "factor")


def changed(value: float, multiply: float | None, add: float | None, to: float | None) -> float:
    """A number by the one operation that is given."""
    if multiply is not None:
        return value * multiply
    return value + add if add is not None else float(to or 0.0)


def _chosen(asked: str, known: dict[str, Any], what: str) -> list[str]:
    """The names meant: all, or the one."""
    if asked == ALL:
        return list(known)
    if asked not in known:
        raise InputError(f"the market has no {what} {asked}{did_you_mean(asked, known)} (it has {', '.join(known) or 'none'})")
    return [asked]


def _curve(tenors: Sequence[float], rates: list[float]) -> dict[str, Any]:
    return {"tenors": tuple(tenors), "rates": tuple(rates)}


def _linear(at: float, x: Sequence[float], y: Sequence[float]) -> float:
    """y at a time, linear between the times x and flat outside."""
    if at <= x[0]:
        return y[0]
    for i in range(1, len(x)):
        if at < x[i]:
            return y[i - 1] + (y[i] - y[i - 1]) * ((at - x[i - 1]) / (x[i] - x[i - 1]))
        if at == x[i]:
            return y[i]
    return y[-1]
