"""What a column is: its type, range and meaning, and the rule a value must keep."""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from ipvalue.constants import MAX_HORIZON_YEARS

Kind = Literal["string", "choice", "float", "int", "bool", "date", "float_list", "int_list", "choice_list", "string_list", "decimal"]

LONGEST_LIST = MAX_HORIZON_YEARS
"""Most entries of a float_list: one for each year of the longest horizon."""

_ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "choice": pa.string(),
    "float": pa.float64(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "float_list": pa.list_(pa.float64()),
    "int_list": pa.list_(pa.int64()),
    "choice_list": pa.list_(pa.string()),
    "string_list": pa.list_(pa.string()),
    "decimal": pa.decimal128(38, 6),
}

_NOUN: dict[str, str] = {
    "string": "text",
    "choice": "text",
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "date": "a date (YYYY-MM-DD)",
    "float_list": f"a list of 1 to {LONGEST_LIST} numbers",
    "int_list": "a list of whole numbers",
    "choice_list": "a list of names",
    "string_list": "a list of names",
    "decimal": "a decimal",
}


@dataclass(frozen=True)
class Form:
    """What a text must look like: a regular expression for the whole of it, and the same in words."""

    pattern: str
    words: str


@dataclass(frozen=True)
class Column:
    """One column of a table.

    `low` and `high` bound a number, or each number of a list; `low_open` and `high_open` exclude the bound itself.
    `default` is what a blank means when nothing fills it (None: a blank stays blank). `group` is the heading the column
    stands under, `source` the section of the model that defines it.
    """

    name: str
    kind: Kind
    meaning: str
    group: str
    unit: str = ""
    default: str | float | bool | None = None
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    choices: tuple[str, ...] = ()
    form: Form | None = None
    required: bool = False
    source: str = ""

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type the engine holds this column in."""
        return _ARROW[self.kind]

    @property
    def noun(self) -> str:
        """What a value of this kind is called in a sentence."""
        return _NOUN[self.kind]

    @property
    def longest(self) -> float:
        """Most entries of a list; infinite where there is no limit."""
        return LONGEST_LIST if self.kind == "float_list" else math.inf

    @property
    def length_rule(self) -> str:
        """The rule that a list of too few or too many entries breaks."""
        return f"{self.name} has 1 to {LONGEST_LIST} entries" if self.longest == LONGEST_LIST else f"{self.name} has at least one entry"

    @property
    def limits(self) -> str:
        """What a value of the right type must further be: "at least 0 and below 1"; "" where there is no limit."""
        if self.kind == "choice_list":
            return "one or more of " + ", ".join(self.choices) + ", each once"
        if self.kind == "string_list":
            return "one or more names, each once"
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.form:
            return self.form.words
        low = "" if self.low is None else f"{'above' if self.low_open else 'at least'} {self.low:g}"
        high = "" if self.high is None else f"{'below' if self.high_open else 'at most'} {self.high:g}"
        return " and ".join(bound for bound in (low, high) if bound)

    @property
    def rule(self) -> str:
        """The limits as the rule that a rejected row broke ("0 <= tax_rate < 1")."""
        if self.kind == "choice_list":
            return f"{self.name} are known names, each once"
        if self.kind == "string_list":
            return f"{self.name} has each name once"
        if self.choices:
            return f"{self.name} is one of the known names"
        if self.form:
            return f"{self.name} is {self.form.words}"
        low = "" if self.low is None else f"{self.low:g} {'<' if self.low_open else '<='} "
        high = "" if self.high is None else f" {'<' if self.high_open else '<='} {self.high:g}"
        return low + self.name + high

    def problem(self, value: Any) -> str | None:
        """Why one value (of a TOML file) cannot stand in this column: "must be …", or None where it can."""
        if not self._has_type(value):
            return f"must be {self.noun}"
        if self.kind in ("choice_list", "string_list"):
            fine = len(set(value)) == len(value) and all(one in self.choices for one in value if self.choices)
        else:
            fine = all(map(self._within, value)) if isinstance(value, list) else self._within(value)
        return None if fine else f"must be {self.limits or 'finite'}"

    def _has_type(self, value: Any) -> bool:
        match self.kind:
            case "string" | "choice":
                return isinstance(value, str)
            case "bool":
                return isinstance(value, bool)
            case "date":
                return isinstance(value, datetime.date)
            case "int":
                return isinstance(value, int) and not isinstance(value, bool)
            case "float_list":
                return isinstance(value, list) and 1 <= len(value) <= LONGEST_LIST and all(map(_is_number, value))
            case "int_list":
                return isinstance(value, list) and len(value) > 0 and all(isinstance(one, int) and not isinstance(one, bool) for one in value)
            case "choice_list" | "string_list":
                return isinstance(value, list) and len(value) > 0 and all(isinstance(one, str) for one in value)
            case _:
                return _is_number(value)

    def _within(self, value: Any) -> bool:
        if isinstance(value, str):
            in_form = self.form is None or re.fullmatch(self.form.pattern, value) is not None
            return in_form and (not self.choices or value in self.choices)
        if isinstance(value, bool | datetime.date):
            return True
        return (
            math.isfinite(value)
            and (self.low is None or value > self.low or (value == self.low and not self.low_open))
            and (self.high is None or value < self.high or (value == self.high and not self.high_open))
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
