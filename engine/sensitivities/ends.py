"""Rows with a driver moved to either side, and to one side where the other cannot be.

a = rows
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.appraise import Appraiser, make_appraiser
from ipvalue.compiled import compile_rows
from ipvalue.drivers import life_of
from ipvalue.intake import convert
from ipvalue.market import Market
from ipvalue.rows import Floats, Mask, Rows
from ipvalue.scenarios import Scenario, Shock, Version
from ipvalue.scenarios.market_changes import CurveChange
from ipvalue.scenarios.row_changes import FieldChange
from ipvalue.schema import INCOME_METHODS, PORTFOLIO, Rejects
from ipvalue.sensitivities.drivers import DISCOUNT, FEES, Pair
from ipvalue.tables import Tables

Codes = npt.NDArray[np.int8]

BOTH, UP, DOWN, NEITHER = range(4)
SIDES = ("both", "up", "down", "none")
"""To which sides a right's driver was moved, by code."""


@dataclass(frozen=True)
class Ends:
    """A pair's versions of rows, to which sides each was moved (a,), and (a,) by how much the driver differs between them: NaN where it is not one
    number, or blank."""

    low: Version
    high: Version
    sides: Codes
    apart: Floats

    @property
    def one_sided(self) -> Mask:
        """(a,) which rows were moved to one side alone."""
        found: Mask = (self.sides == UP) | (self.sides == DOWN)
        return found

    def only(self, rows: Mask) -> Ends:
        """Those of some rows (a,); the versions stay."""
        return replace(self, sides=self.sides[rows], apart=self.apart[rows])


def appraisers_of(pair: Pair, base: Appraiser, market: Market, premise: str) -> tuple[Appraiser, Appraiser]:
    """What values either end: the base itself where the driver is a column. Raises InputError where a curve cannot be so low."""
    low, high = (_appraiser(pair, name, amount, base, market, premise) for name, amount in zip(pair.names, (-pair.amount, pair.amount), strict=True))
    return low, high


def _appraiser(pair: Pair, name: str, amount: float, base: Appraiser, market: Market, premise: str) -> Appraiser:
    if pair.driver.name == FEES:
        start, due, fees = base.tables.schedules
        scale = 1.0 + amount
        return replace(base, tables=replace(base.tables, schedules=(start, due, fees * scale), mean_fee=base.tables.mean_fee * scale))
    if pair.driver.name == DISCOUNT:
        change = CurveChange(curve="all", add=(amount,)) if pair.adds else CurveChange(curve="all", multiply=1.0 + amount)
        shocked = Scenario(name, (Shock(change),)).market(market)
        made = make_appraiser(shocked, base.assumptions, base.sampling, premise, False, base.tables.rule)
        return replace(made, chunk_bytes=base.chunk_bytes)
    return base


def ends_of(pair: Pair, rows: Rows, appraisers: tuple[Appraiser, Appraiser]) -> Ends:
    """Both ends of rows that the base can value. A row whose driver is at the end of what it may be, or whose end breaks a rule of rows, is moved to
    the other side alone; what an end's curves or fees make impossible goes to the rejects of its version."""
    field = _column(pair)
    rows = _with_life(rows, appraisers[0].tables) if field == "life" else rows
    sides = np.full(len(rows), BOTH, np.int8)
    if field == pair.driver.name:
        sides[~_given(rows, field)] = NEITHER
    while True:
        tried = [_tried(pair, field, rows, sides, sign) for sign in (-1.0, 1.0)]
        bad = [one.faulty for one in tried]
        if not (bad[0].any() or bad[1].any()):
            versions = [_compiled(one.batch, rows, appraiser.tables) for one, appraiser in zip(tried, appraisers, strict=True)]
            bad = [~np.isin(rows.row, one.rows.row) for one in versions]
            if field != pair.driver.name or not (bad[0].any() or bad[1].any()):
                return Ends(versions[0], versions[1], sides, _apart(pair, field, tried, sides))
        sides = _fewer(sides, bad[0], bad[1])


def _column(pair: Pair) -> str | None:
    """The column that moves."""
    if pair.driver.name == DISCOUNT:
        return None if pair.adds else "discount_premium"
    return None if pair.driver.name == FEES else pair.driver.name


@dataclass(frozen=True)
class _Tried:
    """Rows with their driver moved, and (a,) where it became what it cannot be."""

    batch: pa.RecordBatch
    faulty: Mask


def _tried(pair: Pair, field: str | None, rows: Rows, sides: Codes, sign: float) -> _Tried:
    batch, faulty = rows.batch, np.zeros(len(rows), np.bool_)
    if field is None:
        return _Tried(batch, faulty)
    for wanted, reach in ((sides == BOTH, 1.0), (sides == (UP if sign > 0 else DOWN), pair.reach)):
        if wanted.any():
            amount = sign * reach * pair.amount
            change = FieldChange(field=field, add=amount) if pair.adds else FieldChange(field=field, multiply=1.0 + amount)
            cells, made = change.cells(batch, wanted), {}
            for name, moved in cells.items():
                made[name], faults = convert(PORTFOLIO[name], moved)
                for fault in faults:
                    faulty |= fault.cells & wanted
            batch = pa.RecordBatch.from_arrays([made.get(name, batch[name]) for name in batch.schema.names], schema=batch.schema)
    return _Tried(batch, faulty)


def _compiled(batch: pa.RecordBatch, rows: Rows, tables: Tables) -> Version:
    own = Rows(batch, rows.row, rows.filled, rows.file, Rejects())
    return Version(own, compile_rows(own, tables))


def _fewer(sides: Codes, low_bad: Mask, high_bad: Mask) -> Codes:
    """To which sides rows are moved where some ends cannot be."""
    both = sides == BOTH
    gone = (low_bad & high_bad) | (~both & (low_bad | high_bad))
    found: Codes = np.select([gone, both & low_bad, both & high_bad], [NEITHER, UP, DOWN], sides).astype(np.int8)
    return found


def _apart(pair: Pair, field: str | None, tried: list[_Tried], sides: Codes) -> Floats:
    if field != pair.driver.name:
        return np.full(len(sides), 2.0 * pair.amount if pair.driver.name == DISCOUNT and pair.adds else np.nan)
    low, high = (_numbers(one.batch, field) for one in tried)
    difference: Floats = np.where(sides == NEITHER, np.nan, high - low)
    return np.where(difference == 0.0, np.nan, difference)


def _numbers(batch: pa.RecordBatch, field: str) -> Floats:
    found: Floats = batch[field].cast(pa.float64()).to_numpy(zero_copy_only=False)
    return found


def _with_life(rows: Rows, tables: Tables) -> Rows:
    """Rows whose life follows from dates and other columns, with it written out."""
    life = np.where(rows.valued_by(INCOME_METHODS), life_of(rows, tables), rows.floats("life"))
    return _replaced(rows, {"life": pa.array(life, mask=np.isnan(life))})


def _replaced(rows: Rows, cells: Mapping[str, pa.Array]) -> Rows:
    batch = rows.batch
    arrays = [cells.get(name, batch[name]) for name in batch.schema.names]
    return Rows(pa.RecordBatch.from_arrays(arrays, schema=batch.schema), rows.row, rows.filled, rows.file, Rejects())


def _given(rows: Rows, field: str) -> Mask:
    """(a,) where a driver has something to move."""
    given: Mask = rows.given(field) | rows.given("revenue_path") if field == "revenue" else rows.given(field)
    return given
