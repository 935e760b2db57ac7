"""What a cell that breaks a rule was most likely meant to be."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date

from ipvalue.schema import Column, nearest

_NUMBER = re.compile(r"([+-]?)(?:(\d{1,3}(?:,\d{3})+|\d+)(\.\d*)?|(\.\d+))\s*(%?)")
_DATE = re.compile(r"(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})(?:[ T].*)?")


def meant(column: Column, value: str) -> str | None:
    """What `value` (a cell as text) was meant to be in that column, written so that it can stand there; None where nothing is likely."""
    guess = _GUESSES.get(column.kind, _nothing)(column, value.strip())
    return guess if guess not in (None, value) else None


def _nothing(column: Column, value: str) -> str | None:
    return None


def _text(column: Column, value: str) -> str | None:
    if column.choices:
        return nearest(value, column.choices)
    upper = value.upper()
    return upper if column.form and re.fullmatch(column.form.pattern, upper) else None


def _plain(text: str) -> float | None:
    """1,000,000 and 5 % as numbers."""
    found = _NUMBER.fullmatch(text.strip())
    if not found:
        return None
    sign, whole, part, small, percent = found.groups()
    number = float(f"{sign}{(whole or '').replace(',', '')}{part or small or ''}")
    return number / 100.0 if percent else number


def _number(column: Column, value: str) -> str | None:
    number = _plain(value)
    fits = number is not None and column.problem(int(number) if column.kind == "int" and number == int(number) else number) is None
    return f"{number:.15g}" if fits else None


def _date(column: Column, value: str) -> str | None:
    if found := _DATE.fullmatch(value):
        with suppress(ValueError):
            return date(*map(int, found.groups())).isoformat()
    return None


def _numbers(column: Column, value: str) -> str | None:
    numbers = [_plain(one) for one in _pieces(value)]
    fits = numbers and None not in numbers and column.problem(numbers) is None
    return "; ".join(f"{number:.15g}" for number in numbers) if fits else None


def _names(column: Column, value: str) -> str | None:
    """The list with its mistyped names mended, where each has a name near it."""
    names = [one if one in column.choices else nearest(one, column.choices) for one in _pieces(value)]
    return "; ".join(filter(None, names)) if names and None not in names and len(set(names)) == len(names) else None


def _pieces(value: str) -> list[str]:
    """The entries of a list, however they are set apart."""
    inside = value.strip(" []()\t")
    separator = next((one for one in ";|+" if one in inside), "," if not _NUMBER.fullmatch(inside) else ";")
    return [piece for piece in (one.strip(" \t'\"") for one in inside.split(separator)) if piece]


_GUESSES: dict[str, Callable[[Column, str], str | None]] = {
    "string": _text,
    "choice": _text,
    "float": _number,
    "int": _number,
    "date": _date,
    "float_list": _numbers,
    "choice_list": _names,
}
