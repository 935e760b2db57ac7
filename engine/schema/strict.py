"""Checking a TOML file against a model; every problem is a sentence that names file, key, value and rule."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ipvalue.schema.errors import InputError, did_you_mean
from ipvalue.schema.portfolio import CURRENCY_CODE

Currency = Annotated[str, Field(pattern=f"^{CURRENCY_CODE.pattern}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]

T = TypeVar("T", bound="Strict")


class Strict(BaseModel):
    """A table of a TOML file: no other keys, no converted types, never changed once made."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, content: Any) -> Any:
        if isinstance(content, dict):
            known = cls.model_fields
            unknown = [f"{key} is not known{did_you_mean(str(key), known)}" for key in content if key not in known]
            if unknown:
                raise ValueError("; ".join(unknown))
        return content


def validate(model: type[T], content: dict[str, Any], name: str) -> T:
    """The content of file `name` as `model`. Raises InputError with one sentence for each problem."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InputError("\n".join(f"{name}: {_sentence(dict(detail))}" for detail in error.errors())) from None


def _sentence(detail: dict[str, Any]) -> str:
    """One pydantic error in words."""
    where = [part for part in detail["loc"] if part != "[key]"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")
    match detail["type"]:
        case "missing":
            return f"{key} is missing"
        case "value_error":
            reason = str(detail["ctx"]["error"])
            return f"{key}: {reason}" if key else reason
        case kind:
            limits = {name: _shown(value) for name, value in detail.get("ctx", {}).items()}
            need = _NEEDS[kind].format(**limits) if kind in _NEEDS else f"otherwise ({detail['msg']})"
            return f"{key} is {_quoted(detail['input'])}: it must be {need}"


def _shown(value: object) -> str:
    """A limit or a list of choices in words."""
    match value:
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
        case _:
            return str(value).replace("'", "")


def _quoted(value: object) -> str:
    """A value as the file writes it."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return f"{value}"
        case str():
            return repr(value)
        case date():
            return value.isoformat()
        case dict():
            return "a table"
        case list() | tuple():
            return "a list"
        case _:
            return f"a {type(value).__name__}"


_NEEDS = {
    "string_type": "text",
    "string_too_short": "a name",
    "string_pattern_mismatch": CURRENCY_CODE.words,
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "date_type": "a date (YYYY-MM-DD, without quotes)",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "literal_error": "{expected}",
    "finite_number": "finite",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
}
"""What each kind of pydantic error asks for, after "it must be"."""
