"""scenarios.toml → scenarios: single ones, combinations, grids, and shipped ones by name (docs/scenarios.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, reduce
from itertools import product
from operator import mul
from pathlib import Path
from typing import Annotated, Any
from unicodedata import category

from pydantic import Field, field_validator

from ipvalue.scenarios.describe import OPERATIONS, signed
from ipvalue.scenarios.grammar import parse
from ipvalue.scenarios.market_changes import ALL, Change, CorrelationChange, CurveChange, FxChange, Name
from ipvalue.scenarios.row_changes import FactorChange, FieldChange, RowChange, numeric
from ipvalue.scenarios.scenario import BASE, Scenario, Shock, label
from ipvalue.schema import PORTFOLIO, Column, InputError, Source, Strict, did_you_mean, read_toml, validate

SUBJECTS: dict[str, type[Change]] = {
    "field": FieldChange,
    "curve": CurveChange,
    "fx": FxChange,
    "factor": FactorChange,
    "correlation": CorrelationChange,
}
"""What a shock is on, by the key that names it."""

DISCOUNT = "discount"
"""The axis of a grid that adds basis points to all curves."""

BASIS_POINTS = 10_000.0
MOST_SCENARIOS = 10_000
_NO_LINE = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of what is no part of a line of text: control characters, halves of characters, separators of lines."""
LIBRARY = Path(__file__).with_name("library.toml")

_Texts = Annotated[tuple[Name, ...], Field(strict=False)]
_Tables = Annotated[tuple[dict[str, Any], ...], Field(strict=False)]


class ScenarioTable(Strict):
    """A [[scenario]] as written."""

    name: Annotated[Name, Field(description=f"its name in results; `{BASE}` is what is not shocked")]
    reasoning: Annotated[str, Field(description="why one asks, kept for the record")] = ""
    source: Annotated[str, Field(description="where its sizes come from, kept for the record")] = ""
    combine: Annotated[_Texts, Field(description="scenarios of this file or the library, whose shocks come first, in this order")] = ()
    shock: Annotated[_Tables, Field(description="its shocks, in the order in which they act")] = ()


class GridTable(Strict):
    """A [[grid]] as written."""

    name: Annotated[str, Field(description="what the names of its scenarios begin with")] = ""
    reasoning: Annotated[str, Field(description="why one asks, kept for the record")] = ""
    axes: Annotated[dict[str, Any], Field(min_length=1, description="the axes: each combination of their amounts is a scenario")]


class ScenariosFile(Strict):
    """A scenarios.toml as written."""

    library: Annotated[_Texts, Field(description="shipped scenarios by name, `all` for every one; they come first")] = ()
    scenario: Annotated[_Tables, Field(description="scenarios")] = ()
    grid: Annotated[_Tables, Field(description="grids; `grid = {royalty_rate = [0.8, 1.2]}` is one of these axes without a name")] = ()

    @field_validator("grid", mode="before")
    @classmethod
    def _axes_alone(cls, grid: Any) -> Any:
        return [grid if "axes" in grid else {"axes": grid}] if isinstance(grid, dict) else grid


def load_scenarios(source: Source | None = None, library: Sequence[str] = (), extra: Sequence[Column] = ()) -> tuple[Scenario, ...]:
    """The scenarios of a TOML file or a mapping like one, after the shipped ones that `library` and the file name; without the base.

    extra: columns that rows have beside the registry's (of a rule). Raises InputError naming file, scenario, shock, key, value and rule.
    """
    where = "scenarios" if source is None or isinstance(source, Mapping) else str(source)
    content = {} if source is None else dict(source) if isinstance(source, Mapping) else read_toml(Path(source))
    file = validate(ScenariosFile, content, where)
    return _File(where, file, {**PORTFOLIO, **{column.name: column for column in extra}}).scenarios(library)


def check_names(names: Sequence[str], where: str) -> None:
    """Raises InputError unless there are names, each a line of text, and all of them different."""
    if not names:
        raise InputError(f"{where}: there is no scenario: add [[scenario]] or [[grid]], or name one of the library")
    for name in names:
        if not name or any(category(letter) in _NO_LINE for letter in name):
            raise InputError(f"{where}: the name {name!r} is no line of text: leave out line ends and what a terminal takes for commands")
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1] if len(set(names)) < len(names) else []
    if repeated:
        raise InputError(f"{where}: two scenarios are called {repeated[0]!r}: names must differ")
    if BASE in names:
        raise InputError(f"{where}: the name {BASE!r} is that of what is not shocked: give another")


@cache
def shipped() -> Mapping[str, Scenario]:
    """The shipped scenarios by name."""
    file = validate(ScenariosFile, read_toml(LIBRARY), LIBRARY.name)
    return {one.name: one for one in _File(LIBRARY.name, file, PORTFOLIO, of_library=False).scenarios(())}


class _File:
    """A file while its scenarios are made."""

    def __init__(self, where: str, file: ScenariosFile, known: Mapping[str, Column], of_library: bool = True) -> None:
        self._where, self._file, self._known = where, file, known
        self._shipped = shipped() if of_library else {}
        self._tables = [self._table(number, content) for number, content in enumerate(file.scenario)]
        self._by_name = {table.name: table for table in self._tables}

    def scenarios(self, library: Sequence[str]) -> tuple[Scenario, ...]:
        """All of them, in order."""
        asked = [one for name in (*library, *self._file.library) for one in (self._shipped if name == ALL else (name,))]
        found = [self._of_library(name) for name in dict.fromkeys(asked)]
        found += [Scenario(table.name, self._shocks(table, ()), table.reasoning, table.source) for table in self._tables]
        for number, content in enumerate(self._file.grid):
            found += self._grid(f"{self._where}: grid[{number}]", content, MOST_SCENARIOS - len(found))
        check_names([one.name for one in found], self._where)
        return tuple(found)

    def _of_library(self, name: str) -> Scenario:
        if name not in self._shipped:
            raise InputError(f"{self._where}: the library has no scenario {name!r}{did_you_mean(name, self._shipped)} (ipvalue scenarios --list)")
        return self._shipped[name]

    def _table(self, number: int, content: dict[str, Any]) -> ScenarioTable:
        name = content.get("name")
        return validate(
            ScenarioTable, content, f"{self._where}: scenario {name!r}" if isinstance(name, str) else f"{self._where}: scenario[{number}]"
        )

    def _shocks(self, table: ScenarioTable, above: tuple[str, ...]) -> tuple[Shock, ...]:
        """A scenario's shocks: those that it combines, then its own. above: the scenarios that combine it."""
        where = f"{self._where}: scenario {table.name!r}"
        if table.name in above:
            raise InputError(f"{where}: combines itself ({' → '.join((*above, table.name))})")
        combined = [shock for name in table.combine for shock in self._combined(name, where, (*above, table.name))]
        own = [_shock(content, f"{self._where}: {label(table.name, number)}", self._known) for number, content in enumerate(table.shock, 1)]
        if not (combined or own):
            raise InputError(f"{where}: shocks nothing: add [[scenario.shock]] or combine")
        return (*combined, *own)

    def _combined(self, name: str, where: str, above: tuple[str, ...]) -> tuple[Shock, ...]:
        if name in self._by_name:
            return self._shocks(self._by_name[name], above)
        if name not in self._shipped:
            near = did_you_mean(name, [*self._by_name, *self._shipped])
            raise InputError(f"{where}: combine names {name!r}, which is neither in the file nor in the library{near}")
        return self._shipped[name].shocks

    def _grid(self, where: str, content: dict[str, Any], most: int) -> Iterator[Scenario]:
        """The scenarios of a grid: the last axis goes round first."""
        table = validate(GridTable, content, where)
        axes = [self._axis(f"{where}.axes.{name}", name, axis) for name, axis in table.axes.items()]
        if (points := reduce(mul, map(len, axes))) > most:
            raise InputError(f"{where}: has {points:,} scenarios: there may be {MOST_SCENARIOS:,} in all, so leave out amounts")
        for point in product(*axes):
            name = ", ".join(words for words, _ in point)
            yield Scenario(f"{table.name}: {name}" if table.name else name, tuple(shock for _, shock in point), table.reasoning)

    def _axis(self, where: str, name: str, axis: Any) -> list[tuple[str, Shock]]:
        """The points of an axis: what each is called, and its shock."""
        if isinstance(axis, dict):
            given = [key for key in OPERATIONS if isinstance(axis.get(key), list)]
            if len(given) != 1 or "tenors" in axis:
                raise InputError(f"{where}: is a shock with a list of amounts: give one of {', '.join(OPERATIONS)} a list, and no tenors")
            (operation,) = given
            amounts, shock, shown = axis[operation], axis, OPERATIONS[operation]
        elif name == DISCOUNT:
            operation, amounts, shock, shown = "add", axis, {"curve": "all"}, lambda amount: f"{signed(amount)}bp"
        elif name in numeric(self._known):
            operation, amounts, shock, shown = "multiply", axis, {"field": name}, OPERATIONS["multiply"]
        else:
            near = did_you_mean(name, [*numeric(self._known), DISCOUNT])
            raise InputError(f'{where}: is neither a column of numbers nor {DISCOUNT} nor a shock such as {{curve = "CNY", add = [0.01]}}{near}')
        if not isinstance(amounts, list) or not amounts:
            raise InputError(f"{where}: must be a list of amounts")
        scale = BASIS_POINTS if not isinstance(axis, dict) and name == DISCOUNT else 1.0
        points = []
        for amount in amounts:
            if isinstance(amount, bool) or not isinstance(amount, int | float):
                raise InputError(f"{where}: {amount!r} is no number")
            points.append((f"{name} {shown(amount)}", _shock({**shock, operation: amount / scale}, where, self._known)))
        return points


def _shock(content: dict[str, Any], where: str, known: Mapping[str, Column]) -> Shock:
    """A shock as written, checked. Raises InputError."""
    subjects = [name for name in SUBJECTS if name in content]
    if len(subjects) != 1:
        meant = " and ".join(subjects) or "nothing"
        near = "".join(did_you_mean(key, SUBJECTS) for key in content if not subjects)
        raise InputError(f"{where}: is on {meant}: name one of {', '.join(SUBJECTS)}{near}")
    change = validate(SUBJECTS[subjects[0]], content, where)
    if not isinstance(change, RowChange):
        return Shock(change)
    try:
        return Shock(change, change.columns(known), None if change.where is None else parse(change.where, known))
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
