"""Amounts and numbers of things as people read them."""

from __future__ import annotations


def money(amount: float) -> str:
    """An amount with four significant digits and a word: 2.710 bn. From 1000 tn on, all digits of the trillions."""
    if amount == 0.0:
        return "0"
    for limit, word in ((1e12, " tn"), (1e9, " bn"), (1e6, " m"), (1e3, " k")):
        if abs(amount) >= 0.99995 * limit:
            return f"{_four_digits(amount / limit)}{word}"
    return _four_digits(amount)


def count(number: int, noun: str) -> str:
    """ "1 row", "1,200 rows"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _four_digits(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 999.95 else f"{number:#.4g}"
