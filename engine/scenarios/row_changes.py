"""Shocks on the columns of filled rows. Each is a table of scenarios.toml, and what it makes of the columns of a batch.

a = rows of the batch
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from pydantic import Field, model_validator

from ipvalue.backend import kernel
from ipvalue.columns import Mask, Texts, floats, given, packed
from ipvalue.market import Market
from ipvalue.scenarios.market_changes import ALL, Change, Name, check_factor, check_one
from ipvalue.schema import UNCERTAIN, Column, Finite, did_you_mean

FOLLOWERS: Mapping[str, tuple[str, ...]] = {"royalty_rate": ("royalty_low", "royalty_high"), "revenue": ("revenue_path",)}
"""Columns that a shock on another acts on too, where they are given: else the range would not be around its rate, and a path would hide the shock.
The parameters of the distribution that a column is drawn from follow it likewise, or its draws would hide the shock."""

_OF_PATHS = frozenset(("volatility", "factor_loading", "revenue_uncertainty", "royalty_low", "royalty_high", "life", "economic_life"))
"""Columns that the levels on the paths follow from, or how many periods they have."""

_BLANK_IS = {"growth_long": "growth"}
"""Columns whose blank means another column."""

_NUMBERS = ("float", "int", "float_list")
_TOGETHER_ONE = "weights"

Cells = dict[str, pa.Array]

Where = Annotated[str | None, Field(description="which rows it acts on: a filter on their filled columns; by default all")]


class FieldChange(Change):
    """A driver column: every number that the valuation reads of a row."""

    field: Annotated[Name, Field(description="a column of numbers of the portfolio")]
    multiply: Annotated[Finite | None, Field(description="what it is multiplied by")] = None
    add: Annotated[Finite | None, Field(description="what is added to it, in the column's unit")] = None
    set: Annotated[Finite | None, Field(description="what it becomes, also where it was blank")] = None
    where: Where = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_one(self, ("multiply", "add", "set"))
        return self

    @property
    def moves_paths(self) -> bool:
        """A royalty that is multiplied keeps its range in proportion (to rounding)."""
        drawn = any(self.field == f"{name}_parameters" for name in UNCERTAIN) or self.field == "input_correlations"
        return drawn or self.field in _OF_PATHS or (self.field == "royalty_rate" and self.multiply is None)

    def columns(self, known: Mapping[str, Column]) -> tuple[Column, ...]:
        """The columns that it acts on. Raises ValueError where it cannot."""
        if self.field not in known:
            raise ValueError(f"field {self.field} is no column{did_you_mean(self.field, numeric(known))}")
        if self.field not in numeric(known):
            why = "the weights of a row add up to 1" if self.field == _TOGETHER_ONE else f"it holds {known[self.field].noun}"
            raise ValueError(f"field {self.field} cannot be shocked: {why}, and only single numbers are multiplied, added to and set")
        column = known[self.field]
        if self.set is not None and (problem := column.problem(_as_cell(column, self.set))):
            raise ValueError(f"set is {self.set:g}: {column.name} {problem}")
        drawn = (f"{column.name}_parameters",) if column.name in UNCERTAIN else ()
        return column, *(known[name] for name in (*FOLLOWERS.get(column.name, ()), *drawn))

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that `cells` follows from."""
        drawn = (f"{self.field}_distribution", f"{self.field}_parameters") if self.field in UNCERTAIN else ()
        return self.field, *FOLLOWERS.get(self.field, ()), *((_BLANK_IS[self.field],) if self.field in _BLANK_IS else ()), *drawn

    def cells(self, batch: pa.RecordBatch, rows: Mask) -> Cells:
        """The columns that it acts on, changed in some rows (a,); numbers as float64, in limits or not. Followers that are blank throughout stay."""
        found = {self.field: self._changed(self._meant(batch), batch[self.field], rows)}
        for name in FOLLOWERS.get(self.field, ()):
            if batch[name].null_count < batch.num_rows:
                found[name] = self._changed(batch[name], batch[name], rows & given(batch[name]))
        if self.field in UNCERTAIN and batch[f"{self.field}_parameters"].null_count < batch.num_rows:
            found[f"{self.field}_parameters"] = self._drawn(batch, rows)
        return found

    def _drawn(self, batch: pa.RecordBatch, rows: Mask) -> pa.Array:
        """The parameters of the column's distribution: those of changed draws. A log-normal to which something is added is none: not numbers."""
        name = f"{self.field}_parameters"
        lists = batch[name]
        logs = Texts.of(batch[f"{self.field}_distribution"]).is_in(["lognormal"]) & rows & given(lists)
        found = self._changed(lists, lists, rows & given(lists) & ~logs)
        if not logs.any():
            return found
        cells = found.to_pylist()
        for row in np.flatnonzero(logs):
            mean, *rest = lists[row].as_py()
            to = self.multiply if self.multiply is not None else self.set
            log = float(kernel.elementary("log", np.array([to]))[0]) if to is not None and to > 0.0 else np.nan
            cells[row] = [mean + log, *rest] if self.multiply is not None else [log, *(0.0 for _ in rest)]
        return pa.array(cells, lists.type)

    @property
    def needs_life(self) -> bool:
        """Whether a blank life has nothing for it to change: what the valuation uses instead is in no column."""
        return self.field == "life" and self.set is None

    def _meant(self, batch: pa.RecordBatch) -> pa.Array:
        """The column, with what its blanks mean."""
        cells = batch[self.field]
        return pc.coalesce(cells, batch[_BLANK_IS[self.field]]) if self.field in _BLANK_IS else cells

    def _changed(self, meant: pa.Array, cells: pa.Array, rows: Mask) -> pa.Array:
        """A column, or each entry of its lists, changed in some rows (a,)."""
        if not pt.is_list(cells.type):
            numbers = cells.cast(pa.float64())
            return pc.if_else(packed(rows), self._of(meant.cast(pa.float64())), numbers)
        entries = cells.flatten()
        inside = packed(rows[pc.list_parent_indices(cells).to_numpy()])
        lengths = pc.fill_null(pc.list_value_length(cells), 0).to_numpy(zero_copy_only=False)
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
        return pa.ListArray.from_arrays(offsets, pc.if_else(inside, self._of(entries), entries), mask=packed(~given(cells)))

    def _of(self, numbers: pa.Array) -> pa.Array | pa.Scalar:
        """Numbers by the operation."""
        if self.multiply is not None:
            return pc.multiply(numbers, self.multiply)
        return pc.add(numbers, self.add) if self.add is not None else pa.scalar(self.set, pa.float64())


class FactorChange(Change):
    """How strongly a factor moves the rights of its sector: the part of their volatility that is the factor's; their own part stays.

    With σ `volatility`, β `factor_loading` and k `multiply`: σ'² = σ²·(1 + (k² − 1)β²) and β' = kβσ/σ'.
    """

    factor: Annotated[Name, Field(description="a factor of the market, or `all`")]
    multiply: Annotated[Finite, Field(ge=0, description="what the factor's volatility is multiplied by")]
    where: Where = None

    @property
    def moves_paths(self) -> bool:
        return True

    def content(self, market: Market) -> dict[str, Any] | None:
        check_factor(self.factor, market)
        return None

    def columns(self, known: Mapping[str, Column]) -> tuple[Column, ...]:
        """The columns that it acts on."""
        return known["volatility"], known["factor_loading"]

    @property
    def reads(self) -> tuple[str, ...]:
        """The same as of a FieldChange."""
        return "volatility", "factor_loading", "sector"

    def cells(self, batch: pa.RecordBatch, rows: Mask) -> Cells:
        """The same as of a FieldChange."""
        volatility, loading = floats(batch["volatility"]), floats(batch["factor_loading"])
        moved = rows & (loading != 0.0) & (given(batch["sector"]) if self.factor == ALL else Texts.of(batch["sector"]).is_in([self.factor]))
        scale = np.sqrt(1.0 + (self.multiply * self.multiply - 1.0) * (loading * loading))
        loaded = np.divide(self.multiply * loading, scale, out=np.zeros(len(scale)), where=scale > 0.0)
        changed = {"volatility": volatility * scale, "factor_loading": np.clip(loaded, -1.0, 1.0)}
        before = {"volatility": volatility, "factor_loading": loading}
        return {name: pa.array(np.where(moved, changed[name], before[name])) for name in changed}


RowChange = FieldChange | FactorChange
"""What one shock changes in rows."""


def numeric(known: Mapping[str, Column]) -> list[str]:
    """The columns that can be shocked: numbers that say what a right earns, costs or risks."""
    return [name for name, column in known.items() if column.kind in _NUMBERS and name != _TOGETHER_ONE]


def _as_cell(column: Column, number: float) -> Any:
    """A number as a cell of the column."""
    if column.kind == "float_list":
        return [number]
    return int(number) if column.kind == "int" and number.is_integer() else number
