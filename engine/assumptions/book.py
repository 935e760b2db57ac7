"""A book of assumptions: what fills blanks, fees, survival curves and premises, each figure with its source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from ipvalue.assumptions.file_tables import NONE, FeeSchedule, File, Premise, SurvivalCurve
from ipvalue.assumptions.sets import AssumptionSet, set_of
from ipvalue.files import toml_of
from ipvalue.schema import InputError, Source, Strict, did_you_mean, validate

SHIPPED = tuple(Path(__file__).with_name(f"{name}.toml") for name in ("right_types", "sectors", "fees", "survival", "premises"))
"""The shipped assumptions, one file a topic; no table stands in two of them."""


@dataclass(frozen=True)
class Assumptions:
    """Checked assumptions: sets, fee schedules and survival curves by name, premises by kind and right type."""

    sets: Mapping[str, AssumptionSet]
    schedules: Mapping[str, FeeSchedule]
    curves: Mapping[str, SurvivalCurve]
    premises: Mapping[str, Mapping[str, Premise]]

    def premise(self, name: str, right_type: str) -> tuple[float, float]:
        """(discount, years to sell) of a premise for a right type. Raises InputError where there is none."""
        found = self.premises.get(name, {}).get(right_type)
        if found is None:
            raise InputError(f"the assumptions have no premise.{name}.{right_type}: add it, with discount and time_to_sell")
        return found.discount, found.time_to_sell

    @property
    def most_methods(self) -> int:
        """The most methods that a set gives a row; 0 where none gives several."""
        return max((len(one.values.get("methods", ())) for one in self.sets.values()), default=0)

    def ways_to_fill(self, columns: Iterable[str]) -> int:
        """How many different rows the sets may make of one row in which all these columns are blank, at most; one way is to leave a blank."""
        ways = 1
        for column in columns:
            ways *= 1 + len({one.values[column] for one in self.sets.values() if column in one.values})
        return ways

    @cached_property
    def content(self) -> dict[str, Any]:
        """All of it in the shape of a file, as JSON can hold it: `load_assumptions` makes the same assumptions of it."""
        defaults = {name: {**one.values, **({"sources": dict(one.sources)} if one.sources else {})} for name, one in self.sets.items()}
        premises = {kind: _dumped(by_type) for kind, by_type in self.premises.items()}
        tables = {"defaults": defaults, "fee_schedules": _dumped(self.schedules), "survival_curves": _dumped(self.curves), "premise": premises}
        made: dict[str, Any] = json.loads(json.dumps(tables))
        return made

    @cached_property
    def sha256(self) -> str:
        """A hash of the content, the same however the files are written."""
        sets = {name: [dict(one.values), dict(one.sources)] for name, one in self.sets.items()}
        premises = {kind: _dumped(by_type) for kind, by_type in self.premises.items()}
        content = [sets, _dumped(self.schedules), _dumped(self.curves), premises]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def load_assumptions(source: Source = "default") -> Assumptions:
    """The shipped assumptions, or those of a TOML file (a path or URL) or a mapping like one (laid over the shipped ones with `extends = "default"`).

    Raises InputError naming file, key, value and rule.
    """
    if source == "default":
        return _shipped()
    name = "assumptions" if isinstance(source, Mapping) else str(source)
    file, own = _checked(dict(source), name) if isinstance(source, Mapping) else _read(source)
    whole = _laid_over(own, _shipped()) if file.extends else own
    _check_names(whole, name)
    return whole


@cache
def _shipped() -> Assumptions:
    whole = Assumptions({}, {}, {}, {})
    for path in SHIPPED:
        whole = _laid_over(_read(path)[1], whole)
    _check_names(whole, str(SHIPPED[0].parent))
    return whole


def _read(path: str | Path) -> tuple[File, Assumptions]:
    """A file as written, and its own assumptions."""
    return _checked(toml_of(path), str(path))


def _checked(content: dict[str, Any], where: str) -> tuple[File, Assumptions]:
    file = validate(File, content, where)
    sets = {name: set_of(name, values, where) for name, values in file.defaults.items()}
    return file, Assumptions(sets, file.fee_schedules, file.survival_curves, file.premise)


def _laid_over(own: Assumptions, below: Assumptions) -> Assumptions:
    sets = {name: one.laid_over(below.sets[name]) if name in below.sets else one for name, one in own.sets.items()}
    premises = {name: {**below.premises.get(name, {}), **own.premises.get(name, {})} for name in {*below.premises, *own.premises}}
    return Assumptions({**below.sets, **sets}, {**below.schedules, **own.schedules}, {**below.curves, **own.curves}, premises)


def _check_names(book: Assumptions, path: str) -> None:
    """Raise InputError where a set names a fee schedule or survival curve that is not there."""
    for one in book.sets.values():
        for column, known in (("fee_schedule", book.schedules), ("survival_curve", book.curves)):
            name = one.values.get(column, NONE)
            if name != NONE and name not in known:
                near = did_you_mean(name, known)
                raise InputError(f'{path}: defaults."{one.name}": {column} {name!r} is not in the file{near}')


def _dumped(tables: Mapping[str, Strict]) -> dict[str, Any]:
    return {name: table.model_dump() for name, table in tables.items()}
