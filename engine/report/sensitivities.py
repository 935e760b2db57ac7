"""A result of sensitivities for the terminal, and the swings that a command line asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ipvalue.amounts import money
from ipvalue.schema import InputError
from ipvalue.sensitivities import SensitivityResult


@dataclass(frozen=True)
class Line:
    """What one driver does to the whole, in words."""

    driver: str
    elasticity: str
    error: str
    swing: str
    low: str
    high: str


def whole_by_driver(result: SensitivityResult) -> Iterator[Line]:
    """A line for each driver that moves the whole, the widest swing first."""
    columns = result.manifest["options"]["group_by"]
    slopes = {row["driver"]: row for row in result.sensitivities.to_pylist() if all(row[name] is None for name in columns)}
    said = swings(result)
    for bar in result.bars().to_pylist():
        if bar["low"] == bar["high"]:
            continue
        found = slopes[bar["driver"]]
        elasticity, error = ("" if found[name] is None else f"{found[name]:.4f}" for name in ("elasticity", "elasticity_error"))
        yield Line(bar["driver"], elasticity, error, said[bar["driver"]], money(bar["low"]), money(bar["high"]))


def swings(result: SensitivityResult) -> dict[str, str]:
    """How far the tornado moves each driver to either side: as it is added ("±0.01"), or as a part of the driver ("±10 %")."""
    return {
        one["driver"]: f"±{one['swing']:g}" if one["adds"] else f"±{100.0 * one['swing']:g} %" for one in result.manifest["inputs"]["sensitivities"]
    }


def swings_of(texts: Sequence[str]) -> dict[str, float]:
    """Swings as they are typed, "discount=0.02". Raises InputError."""
    found: dict[str, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            raise InputError(f"swing is {text!r}: give a driver and a number, as discount=0.02") from None
    return found
