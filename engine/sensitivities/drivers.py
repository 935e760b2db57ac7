"""What a value can be sensitive to, and how far each driver is moved for that (docs/sensitivities.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ipvalue.schema import PORTFOLIO, InputError, did_you_mean

DISCOUNT, FEES = "discount", "fees"
"""The drivers that are no columns: all zero curves together, and the official fees of all schedules."""

Kind = Literal["derivative", "elasticity", "swing"]


@dataclass(frozen=True)
class Driver:
    """A driver and how far it is moved to either side. step: what is added for its derivative, None where rights have no common unit; in_periods:
    whether that is in periods instead. share: the part of itself by which it moves for its elasticity, None where it has none. swing: how far for the
    tornado, added (`adds`) or as a part of itself."""

    name: str
    step: float | None = 1e-4
    share: float | None = 0.01
    swing: float = 0.1
    adds: bool = False
    in_periods: bool = False

    @property
    def meaning(self) -> str:
        """What it is."""
        match self.name:
            case "discount":
                return "the rates of all curves; for the elasticity with discount_premium"
            case "fees":
                return "the official fees of all fee schedules"
        return PORTFOLIO[self.name].meaning

    @property
    def terms(self) -> dict[str, Any]:
        """What it is moved by, for the record."""
        return {"driver": self.name, "step": self.step, "share": self.share, "swing": self.swing, "adds": self.adds}


DRIVERS: Mapping[str, Driver] = {
    one.name: one
    for one in (
        Driver("revenue", None),
        Driver("growth"),
        Driver("obsolescence"),
        Driver("royalty_rate"),
        Driver("margin"),
        Driver("contributory_charge"),
        Driver(DISCOUNT, swing=0.01, adds=True),
        Driver("tax_rate"),
        Driver("volatility"),
        Driver("factor_loading", 0.01),
        Driver("revenue_uncertainty"),
        Driver("hazard", 1e-3, 0.1),
        Driver("entry_hazard", 1e-3, 0.1),
        Driver("entry_loss"),
        Driver("grant_probability", 0.01),
        Driver("grant_lag", 1.0, None, swing=1.0, adds=True, in_periods=True),
        Driver("launch_lag", 1.0, None, swing=1.0, adds=True, in_periods=True),
        Driver("life", 0.01),
        Driver("annual_cost", None),
        Driver(FEES, None),
        Driver("replacement_cost", None),
        Driver("comparable_price", None),
    )
}
"""All drivers by name. What ends rights or lets rivals in moves single paths from one fate to another, so its steps are larger; those of lags are
whole periods: within one nothing changes, or all at once."""


@dataclass(frozen=True)
class Pair:
    """A driver moved to either side: by `amount` added, or as a part of itself."""

    driver: Driver
    kind: Kind
    amount: float
    adds: bool

    @property
    def names(self) -> tuple[str, str]:
        """What its ends are called among the versions."""
        return f"{self.driver.name}, {self.kind} -", f"{self.driver.name}, {self.kind} +"

    @property
    def reach(self) -> float:
        """How far an end goes of rights whose other end cannot be: twice, so that both are as far from one another, but not for the tornado."""
        return 1.0 if self.kind == "swing" else 2.0


def chosen(names: Sequence[str] | None, swings: Mapping[str, float] | None) -> tuple[Driver, ...]:
    """The drivers asked for, by default all, with their own swings. Raises InputError."""
    for name in (*(names or ()), *(swings or {})):
        if name not in DRIVERS:
            raise InputError(f"{name!r} is no driver{did_you_mean(name, DRIVERS)} (drivers: {', '.join(DRIVERS)})")
    asked = tuple(DRIVERS[name] for name in dict.fromkeys(names or DRIVERS))
    missing = [name for name in swings or () if name not in {one.name for one in asked}]
    if missing:
        raise InputError(f"swings: {missing[0]} is not among the drivers asked for: {', '.join(one.name for one in asked)}")
    return tuple(_with_swing(one, (swings or {}).get(one.name)) for one in asked)


def _with_swing(driver: Driver, swing: Any) -> Driver:
    if swing is None:
        return driver
    most, beside = (float("inf"), "") if driver.adds else (1.0, " and below 1, a part of the driver")
    if isinstance(swing, bool) or not isinstance(swing, int | float) or not 0.0 < swing < most:
        raise InputError(f"swings: {driver.name} is {swing!r}: it must be a number above 0{beside}")
    return replace(driver, swing=float(swing))


def recorded(terms: Mapping[str, Any]) -> Driver:
    """A driver as the record of a result has it (`terms`). Raises InputError where this version has none of that name."""
    return replace(chosen([terms["driver"]], None)[0], **{name: terms[name] for name in ("step", "share", "swing", "adds")})


def pairs_of(drivers: Iterable[Driver], period: float) -> tuple[Pair, ...]:
    """The pairs of drivers, in order; period: years of one."""
    found: list[Pair] = []
    for one in drivers:
        if one.step is not None:
            found.append(Pair(one, "derivative", one.step * (period if one.in_periods else 1.0), adds=True))
        if one.share is not None:
            found.append(Pair(one, "elasticity", one.share, adds=False))
        found.append(Pair(one, "swing", one.swing, one.adds))
    return tuple(found)
