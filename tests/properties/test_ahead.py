"""What is expected of pledged assets at later dates, against the slow definition (oracle_collateral.py): lines to the bit, curves within what
docs/numerics.md §19 states; the same from both kernels, for any batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import portfolios
import pyarrow as pa
import pytest
import uncertain_rows
from both_kernels import Array, batch, same_bits
from compared import CURVES, SCHEDULES, as_engine, oracle_market
from oracle_collateral import expectations

import oracle
from ipvalue import numba_kernel
from ipvalue.appraise import make_appraiser
from ipvalue.assumptions import load_assumptions
from ipvalue.cashflows import Vectors, take
from ipvalue.compiled import Compiled, compile_rows
from ipvalue.constants import CURVE_BITS
from ipvalue.ext import kernel as native
from ipvalue.intake import open_portfolio, read, scan
from ipvalue.lending.ahead import Ahead, look_ahead
from ipvalue.market import load_market
from ipvalue.rows import Rows
from ipvalue.schema import Rejects
from ipvalue.simulate import Sampling
from ipvalue.tables import Tables
from ipvalue.value_curves import ValueCurves

KERNELS: list[Any] = [native, numba_kernel]
MARKET, HALVES = (oracle_market(portfolios.market(steps)) for steps in (1, 2))
YEARS = 6


@dataclass
class Batch:
    rows: Rows
    compiled: Compiled
    tables: Tables

    @property
    def vectors(self) -> Vectors:
        return self.compiled.vectors

    def everywhere(self, most: int = YEARS) -> tuple[Array, Array]:
        """(start, period) of looks at the first periods of all assets, and at one past the last."""
        counts = np.minimum(np.diff(self.vectors.offset) + 1, most)
        start = np.concatenate([[0], np.cumsum(counts)])
        return start, (np.arange(start[-1]) - np.repeat(start[:-1], counts)).astype(np.int32)

    def ahead(self, start: Array, period: Array) -> Ahead:
        return look_ahead(self.rows, self.compiled, self.tables, start, period)


@pytest.fixture
def compiled(assumptions: Path, tmp_path: Path) -> Callable[..., Batch]:
    def make(table: pa.Table, market: dict[str, Any], backend: Any = "native") -> Batch:
        sampling = Sampling(1, 1, "double", (), 0.05, backend)
        appraiser = make_appraiser(load_market(market), load_assumptions(assumptions), sampling, "going_concern", False)
        portfolio = open_portfolio(table, tmp_path)
        (unit,) = portfolio.units(10**6)
        ((cells, row, *_),) = read(unit, scan(portfolio).duplicates)
        rows = appraiser.rows(cells, row, "test", Rejects())
        return Batch(rows, compile_rows(rows, appraiser.tables), appraiser.tables)

    return make


def with_column(table: pa.Table, name: str, cells: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, cells)


def read_at(curves: ValueCurves, curve: int, level: Array) -> Array:
    """A curve at levels (p,) above 0."""
    first, stop = curves.cell_start[curve : curve + 2]
    mantissa, exponent = np.frexp(level)
    number = (exponent - 1) * 2**CURVE_BITS + np.floor((2.0 * mantissa - 1.0) * 2**CURVE_BITS).astype(np.int64)
    cell = first + np.clip(number - curves.first_cell[curve], 0, stop - first - 1)
    found: Array = curves.slope[cell] * level + curves.level0[cell]
    return found


# --------------------------------------------------------------------------------------------------------------- lines


@pytest.mark.parametrize("steps", [1, 4])
def test_lines_are_the_definitions_to_the_bit(steps: int, compiled: Callable[..., Batch]) -> None:
    """Of the engine's own vectors; DF is what the kernel makes of a salvage value of 1 at the period's end."""
    market = {**portfolios.market(steps), "fx": {"USD": 1.0, "EUR": 1.0}}
    table = portfolios.random_methods(210, seed=21)
    here = compiled(table, market)
    discounts = compiled(with_column(table, "salvage", pa.array(np.ones(len(table)))), market).vectors.salvage
    v, (start, period) = here.vectors, here.everywhere(YEARS * steps)
    found, compared = here.ahead(start, period), 0
    for a, row in enumerate(table.to_pylist()):
        some, looks = slice(int(v.offset[a]), int(v.offset[a + 1])), slice(int(start[a]), int(start[a + 1]))
        t, inner = period[looks], period[looks] < some.stop - some.start - 1
        assert found.lasting[looks].tolist() == [int(row["method"] in ("cost", "market"))] * len(t)
        if row["method"] in ("cost", "market"):
            assert (found.entered[looks] == v.w[some.start]).all()
            assert (found.open[looks] == v.w[some.start]).all()
            assert not found.owed[looks].any()
        elif v.optional[a] or v.clamped[a]:
            alive = inner & (v.survival[some][np.minimum(t + 1, some.stop - some.start - 1)] > 0)
            assert (found.curve_open[looks] >= 0).tolist() == alive.tolist()
            assert (found.curve_entered[looks] - found.curve_open[looks] == v.enters[a] * alive).all()
            assert not any(x[looks].any() for x in (found.entered, found.open, found.owed))
        else:
            slow = oracle.vectors(row, oracle_market(market), SCHEDULES, CURVES)
            slow = replace(slow, w=v.w[some], f=v.f[some], S=v.survival[some], C=v.rival[some] if v.enters[a] else np.ones(len(slow.C)))
            slow = replace(slow, keep=1.0 - v.entry_loss[a])
            for mine, theirs in zip((found.open, found.entered, found.owed), expectations(slow), strict=True):
                expected = np.where(inner, theirs[np.minimum(t, slow.periods - 1)] / discounts[some][np.minimum(t, slow.periods - 1)], 0.0)
                same_bits(mine[looks], expected, str(row))
            assert (found.curve_open[looks] == -1).all()
            compared += 1
    assert compared > 80


def test_looks_come_in_any_order_and_twice(compiled: Callable[..., Batch]) -> None:
    here = compiled(portfolios.random_methods(70, seed=5), portfolios.market())
    start, period = here.everywhere()
    asset = np.repeat(np.arange(70), np.diff(start))
    order = np.argsort(asset, kind="stable")
    twice = np.concatenate([np.concatenate([k[::-1], k]) for k in np.split(order, start[1:-1])])
    once, again = here.ahead(start, period), here.ahead(2 * start, period[twice])
    for name in ("entered", "open", "owed", "lasting", "curve_entered", "curve_open"):
        same_bits(getattr(once, name)[twice], getattr(again, name), name)
    same_bits(tuple(once.curves)[:4], tuple(again.curves)[:4], "curves")


def test_no_looks_at_all(compiled: Callable[..., Batch]) -> None:
    here = compiled(portfolios.random_methods(14, seed=5), portfolios.market())
    found = here.ahead(np.zeros(15, np.int64), np.zeros(0, np.int32))
    assert len(found.entered) == len(found.curves.slope) == 0
    assert here.vectors.bound_out is not None


# -------------------------------------------------------------------------------------------------------------- curves

LICENCE: dict[str, Any] = {
    "asset_id": "A", "right_type": "invention_patent", "sector": "software", "method": "licence", "revenue": 1_000.0, "royalty_rate": 0.1,
    "life": 6.25, "hazard": 0.04, "discount_premium": 0.08, "minimum_guarantee": 60.0, "cap": 150.0, "entry_hazard": 0.1, "entry_loss": 0.5,
}  # fmt: skip
RIGHT: dict[str, Any] = LICENCE | {
    "method": "relief_from_royalty", "renewal": "optimal", "annual_cost": 60.0, "growth": -0.1, "salvage": 20.0, "minimum_guarantee": None,
    "cap": None,
}  # fmt: skip


def solved(asset: dict[str, Any], periods: list[int], market: oracle.Market) -> tuple[oracle.Vectors, ValueCurves]:
    slow = oracle.vectors(asset, market)
    discount = np.array([oracle.discount_factor(asset, market, slow.e[t]) for t in periods])
    curves = native.value_curves(as_engine(slow, asset, market), np.array([0, len(periods)]), np.array(periods, np.int32), discount)[2]
    return slow, curves


@pytest.mark.parametrize("volatility", [0.1, 0.3])
@pytest.mark.parametrize("asset", [LICENCE, RIGHT], ids=["licence", "renewal"])
def test_curves_follow_the_definitions(asset: dict[str, Any], volatility: float) -> None:
    """Within four standard deviations of ln L; further out hardly a path comes. At the curve's own nodes what is left is the grid's error."""
    asset, periods = asset | {"volatility": volatility}, [0, 1, 2, 3, 4]
    slow, curves = solved(asset, periods, MARKET)
    later = oracle.solve(slow, nodes=64).later
    z = np.linspace(-4.0, 4.0, 2_001)
    density = np.exp(-0.5 * z**2) / np.exp(-0.5 * z**2).sum()
    average = []
    for k, t in enumerate(periods):
        spread, discount = volatility * np.sqrt(t + 1.0), oracle.discount_factor(asset, MARKET, slow.e[t])
        for state, rows in enumerate((curves.open, curves.entered)):
            level = np.exp(spread * z - 0.5 * spread**2) * (slow.keep if state else 1.0)
            one = abs(float(later[t][state](np.ones(1))[0])) / discount
            off = np.abs(read_at(curves, int(rows[k]), level) - later[t][state](level) / discount) / one
            assert off.max() < 5e-4
            average.append(density @ off)
            mantissa, exponent = np.frexp(level)
            node = np.ldexp(np.round(mantissa * 2 ** (CURVE_BITS + 1)), exponent - CURVE_BITS - 1)
            off = np.abs(read_at(curves, int(rows[k]), node) - later[t][state](node) / discount) / one
            assert off.max() < 2e-4
    assert np.mean(average) < 1e-4


def test_curves_are_joined_at_their_nodes_and_go_down_to_nothing() -> None:
    slow, curves = solved(LICENCE | {"volatility": 0.3}, [3], HALVES)
    for row in (int(curves.open[0]), int(curves.entered[0])):
        cells = slice(int(curves.cell_start[row]), int(curves.cell_start[row + 1]))
        number = curves.first_cell[row] + 1 + np.arange(cells.stop - cells.start - 1)
        node = 2.0 ** (number >> CURVE_BITS) * (1.0 + (number % 2**CURVE_BITS) / 2**CURVE_BITS)
        slope, level0 = curves.slope[cells], curves.level0[cells]
        np.testing.assert_allclose(slope[:-1] * node + level0[:-1], slope[1:] * node + level0[1:], rtol=1e-12)
        guaranteed = oracle.solve(slow).later[3][0](np.zeros(1))[0] / oracle.discount_factor(LICENCE, HALVES, slow.e[3])
        assert level0[0] == pytest.approx(guaranteed, rel=1e-12)


def test_the_curve_of_a_line_is_the_line() -> None:
    """Where nothing is clamped nor given up, in both states, wherever the level stands."""
    asset = LICENCE | {"minimum_guarantee": None, "cap": None, "annual_cost": 30.0, "volatility": 0.25, "royalty_low": 0.04, "royalty_high": 0.2}
    slow, curves = solved(asset, [0, 4, 11], HALVES)
    outside, inside, costs = expectations(slow)
    level = np.exp(np.linspace(-6.0, 6.0, 500))
    for k, t in enumerate([0, 4, 11]):
        for rows, a in ((curves.open, outside), (curves.entered, inside)):
            line = (a[t] * level - costs[t]) / oracle.discount_factor(asset, HALVES, slow.e[t])
            np.testing.assert_allclose(read_at(curves, int(rows[k]), level), line, rtol=1e-9, atol=1e-9 * costs[t])


# -------------------------------------------------------------------------------------------------------- the same bits


@pytest.mark.parametrize(("rows", "steps"), [(portfolios.random_methods, 1), (portfolios.random_methods, 4), (uncertain_rows.portfolio, 1)])
def test_both_kernels_and_any_batch_give_the_same_bits(rows: Callable[..., pa.Table], steps: int, compiled: Callable[..., Batch]) -> None:
    table, market = rows(140, seed=31), portfolios.market(steps)
    here, other = compiled(table, market), compiled(table, market, "numba")
    start, period = here.everywhere(YEARS * steps)
    found = here.ahead(start, period)
    same_bits(vars(found), vars(other.ahead(start, period)), "ahead")
    same_bits((here.vectors.bound_out, here.vectors.bound_in), native.boundary(here.vectors), "boundaries")
    same_bits((other.vectors.bound_out, other.vectors.bound_in), native.boundary(here.vectors), "boundaries")
    assert len(found.curves.first_cell) > 100
    for some in np.array_split(np.arange(140)[::-1], 7):
        mask = np.isin(np.arange(140), some)
        part = Batch(here.rows.only(mask), here.compiled.only(mask), here.tables)
        looks = np.flatnonzero(np.repeat(mask, np.diff(start)))
        alone = part.ahead(np.concatenate([[0], np.cumsum(np.diff(start)[mask])]), period[looks])
        for name in ("entered", "open", "owed", "lasting"):
            same_bits(getattr(alone, name), getattr(found, name)[looks], name)
        for name in ("curve_entered", "curve_open"):
            for mine, theirs in zip(getattr(alone, name), getattr(found, name)[looks], strict=True):
                same_bits(one_curve(alone.curves, mine), one_curve(found.curves, theirs), name)


def one_curve(curves: ValueCurves, row: int) -> tuple[Any, ...]:
    if row < 0:
        return ()
    cells = slice(int(curves.cell_start[row]), int(curves.cell_start[row + 1]))
    return int(curves.first_cell[row]), curves.slope[cells], curves.level0[cells]


def test_every_instruction_set_gives_the_same_bits(compiled: Callable[..., Batch]) -> None:
    here = compiled(portfolios.random_methods(70, seed=41), portfolios.market())
    start, period = here.everywhere()
    found = here.ahead(start, period)
    used = native.isa()
    try:
        for name in native.instruction_sets():
            native.select_isa(name)
            same_bits(vars(here.ahead(start, period)), vars(found), name)
    finally:
        native.select_isa(used)


def test_levels_that_do_not_move_or_are_lost_to_the_rival() -> None:
    """No volatility, a right that ends for sure, a rival who leaves nothing: the same of both kernels, and of the periods taken alone."""
    vectors = batch(
        [0, 5, 10, 15],
        volatility=np.array([0.0, 0.2, 0.4]), entry_loss=np.array([0.5, 1.0, 0.3]), enters=np.ones(3, np.uint8),
        optional=np.array([1, 1, 0], np.uint8), clamped=np.array([0, 0, 1], np.uint8), f=np.full(15, 0.7),
        low=np.full(15, 0.5), high=np.full(15, 2.0),
        rival=np.tile([0.9, 0.7, 0.5, 0.0, 0.0], 3),
        survival=np.array([0.9, 0.8, 0.7, 0.0, 0.0, 1.0, 1.0, 0.9, 0.9, 0.9, 0.5, 0.5, 0.5, 0.5, 0.5]),
    )  # fmt: skip
    start, period, discount = np.array([0, 5, 10, 15]), np.tile(np.arange(5), 3).astype(np.int32), np.linspace(1.0, 0.5, 15)
    found = [kernel.value_curves(vectors, start, period, discount) for kernel in KERNELS]
    same_bits(*found, "value_curves")
    same_bits(found[0][:2], native.boundary(vectors), "boundaries")
    curves = found[0][2]
    assert (curves.open < 0).nonzero()[0].tolist() == [2, 3, 4, 9, 14]
    assert np.isfinite(curves.slope).all()
    for k in (1, 6, 12):
        alone = native.value_curves(take_asset(vectors, k // 5), np.array([0, 1]), period[k : k + 1], discount[k : k + 1])[2]
        for name in ("open", "entered"):
            same_bits(one_curve(alone, int(getattr(alone, name)[0])), one_curve(curves, int(getattr(curves, name)[k])), name)


def take_asset(vectors: Any, a: int) -> Vectors:
    one = np.ones(len(vectors.hash))
    return take(Vectors(**{**vars(vectors), "tab_factor": one, "premise_factor": one}), np.array([a]))


@pytest.mark.parametrize("kernel", KERNELS)
def test_what_is_asked_wrongly_is_an_error(kernel: Any) -> None:
    def ask(start: list[int], period: list[int]) -> None:
        kernel.value_curves(batch([0, 3, 6]), np.array(start), np.array(period, np.int32), np.ones(len(period)))

    for period in ([1, 1, 0], [2, 1, 0], [-1, 0, 0]):
        with pytest.raises(ValueError, match="ascend within an asset"):
            ask([0, 2, 3], period)
    for start in ([0, 2, 2], [0, 4, 3], [1, 2, 3]):
        with pytest.raises(ValueError, match="must rise from 0 to 3"):
            ask(start, [0, 1, 0])
    with pytest.raises(ValueError, match="expected 3 elements, got 2"):
        kernel.value_curves(batch([0, 3, 6]), np.array([0, 2, 3]), np.zeros(3, np.int32) + np.array([0, 1, 0], np.int32), np.ones(2))
    ask([0, 2, 3], [0, 7, 0])
