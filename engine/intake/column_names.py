"""The columns that a file has by name and type: those that are known, those that are missing, and the others."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from ipvalue.intake.cells import readable
from ipvalue.schema import Column, InputError, did_you_mean, nearest


@dataclass
class Names:
    """The columns to be read, and the names of others with the files that have them."""

    known: dict[str, Column]
    others: dict[str, list[str]] = field(default_factory=dict)


def check_schema(schema: pa.Schema, display: str, names: Names) -> None:
    """Raise InputError where a typed file lacks a column or holds one of a type that cannot be cast."""
    check_names(schema.names, display, names)
    for one in schema:
        column = names.known.get(one.name)
        if column is not None and not readable(column, one.type):
            found = f"column {one.name} is of type {one.type}"
            raise InputError(f"{display}: {found}, but must hold {column.noun}: cast it and write it again")


def check_names(found: list[str], display: str, names: Names) -> None:
    """Raise InputError where a required column is missing or a column is there twice; collect the unknown ones."""
    others = [name for name in found if name not in names.known]
    for name in (column.name for column in names.known.values() if column.required):
        if name not in found:
            near = nearest(name, others)
            mend = f"rename {near!r} if that is it" if near else f"it has {', '.join(found[:12]) or 'none'}"
            if len(found) == 1 and (apart := _separator(found[0], next(iter(names.known)))):
                mend = f"its first line is set apart by {apart}: write it with commas"
            raise InputError(f"{display}: column {name} is missing: {mend}")
    for name in names.known:
        if found.count(name) > 1:
            raise InputError(f"{display}: column {name} is there {found.count(name)} times: keep one")
    for name in others:
        names.others.setdefault(name, []).append(display)


def _separator(line: str, name: str) -> str | None:
    """What sets the names of a line apart, where it is no comma and `name` is one of them."""
    return next((said for sign, said in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")) if name in line.split(sign) and sign in line), None)


def unknown_columns(names: Names) -> list[str]:
    """What is warned of columns that are not read, and of the files that have them."""
    return [_unknown(name, displays, names) for name, displays in names.others.items()]


def _unknown(name: str, displays: list[str], names: Names) -> str:
    more = f" (and {len(displays) - 1} more files)" if len(displays) > 1 else ""
    return f"{displays[0]}{more}: column {name!r} is not known and not read{did_you_mean(name, names.known)}"
