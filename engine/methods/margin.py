"""The margin on revenue that a right brings: its rules, for the methods that earn one."""

from __future__ import annotations

from ipvalue.rows import Floats, Rows


def check_margin(rows: Rows, method: str) -> None:
    """A margin, given. Rows without one are rejected."""
    rows.reject(~rows.given("margin"), "margin", f"{method} has a margin", "margin is blank: give it, or fill it from the assumptions")


def check_rate(rows: Rows, rate: Floats) -> None:
    """What is left of the margin, `rate` (a,), is at least 0 (model.md §4). Breaking rows are rejected."""
    rows.reject(
        rate < 0.0,
        "margin",
        "margin - contributory_charge >= 0",
        lambda value: f"margin is {value}, below the contributory_charge, so the right earns less than nothing; correct one of them",
    )


def excess(rows: Rows) -> Floats:
    """(a,) margin − contributory_charge."""
    return rows.floats("margin") - rows.floats("contributory_charge")
