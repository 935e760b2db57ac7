"""Scenarios in words, and as TOML to start one's own from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ipvalue.scenarios.market_changes import CurveChange
from ipvalue.scenarios.scenario import Scenario, Shock


def signed(amount: float) -> str:
    """ "+0.01"."""
    return f"{amount:+.10g}"


OPERATIONS: Mapping[str, Callable[[float], str]] = {
    "multiply": lambda amount: f"×{amount:.10g}",
    "add": signed,
    "set": lambda amount: f"={amount:.10g}",
    "toward_one": lambda amount: f"{amount:.10g} toward 1",
}
"""The operations that have one amount, and how it is written."""


def listing(scenarios: Iterable[Scenario]) -> list[dict[str, str]]:
    """What each scenario is, as texts: name, shocks, reasoning, source."""
    return [{"name": one.name, "shocks": "; ".join(map(in_words, one.shocks)), "reasoning": one.reasoning, "source": one.source} for one in scenarios]


def in_words(shock: Shock) -> str:
    """ "royalty_rate ×0.8 where right_type == 'trademark'"."""
    content = shock.change.terms
    subject, *_ = content
    value = content[subject]
    named = value if subject == "field" else f"{subject} {', '.join(value) if isinstance(value, list) else value}"
    where = f" where {shock.where.text}" if shock.where else ""
    return f"{named} {_amount(shock, content)}{where}"


def _amount(shock: Shock, content: Mapping[str, Any]) -> str:
    change = shock.change
    if not isinstance(change, CurveChange):
        return next(shown(content[name]) for name, shown in OPERATIONS.items() if name in content)
    if change.short is not None and change.long is not None:
        return f"{signed(change.short)} at its short end, {signed(change.long)} at its long one"
    if change.add is not None and change.tenors is not None:
        return ", ".join(f"{signed(amount)} at {at:g}" for at, amount in zip(change.tenors, change.add, strict=True)) + " years"
    amounts = {"multiply": change.multiply, "add": change.add[0] if change.add else None, "set": change.set}
    return next(OPERATIONS[name](amount) for name, amount in amounts.items() if amount is not None)


def as_toml(scenario: Scenario) -> str:
    """A scenario as a file could hold it; what it combines is written out."""
    content = scenario.terms
    shocks = content.pop("shock")
    tables = ["\n".join(("[[scenario]]", *map(_line, content.items())))]
    tables += ["\n".join(("[[scenario.shock]]", *map(_line, shock.items()))) for shock in shocks]
    return "\n".join(tables) + "\n"


def _line(item: tuple[str, Any]) -> str:
    key, value = item
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"
