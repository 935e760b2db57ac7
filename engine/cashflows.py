"""The period vectors of a batch of assets (model.md §1–§4), as a struct of arrays.

a = assets of the batch, t = periods, ragged: asset i holds elements offset[i] … offset[i + 1] − 1 of every period vector.
The arithmetic of a row's vectors is `ext/vectors.c`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.backend import kernels
from ipvalue.constants import MAX_HORIZON_YEARS
from ipvalue.drivers import Earning, income_drivers, of_name, price_drivers
from ipvalue.intake import hash_ids
from ipvalue.rows import Floats, Ints, Longs, Mask, Rows
from ipvalue.tables import Tables
from ipvalue.uncertain import Inputs, inputs_of, join_inputs


@dataclass(frozen=True)
class ByRule:
    """Income by a function of the user's (ipvalue.cash_rule): cash_t = w_t·function(sales_t·L_t, t, *own) − f_t where `ruled`.

    ruled (a,) uint8; sales (offset[a],) in the asset's currency a year; own (a, k) the asset's columns that the function takes.
    """

    function: Callable[..., Any]
    ruled: npt.NDArray[np.uint8]
    sales: Floats
    own: Floats


@dataclass
class Vectors:
    """The vectors of model.md §1 in present-value money, and the asset-level numbers a kernel needs.

    offset (a + 1); w, f, survival, rival, salvage, low, high, bound_out, bound_in (offset[a]), the last four None where no asset has the feature;
    hash (a) uint64; volatility, loading, uncertainty, entry_loss, tab_factor, premise_factor (a); step, last_delta (a) years a period and of the
    last one; royalty_low, royalty_high (a) relative to royalty_rate; factor (a) int32 in the market's factor order; optional, clamped,
    enters (a) uint8 flags.
    """

    offset: Longs
    w: Floats
    f: Floats
    survival: Floats
    rival: Floats
    salvage: Floats
    low: Floats | None
    high: Floats | None
    step: Floats
    last_delta: Floats
    tab_factor: Floats
    premise_factor: Floats
    hash: npt.NDArray[np.uint64]
    volatility: Floats
    loading: Floats
    uncertainty: Floats
    entry_loss: Floats
    royalty_low: Floats
    royalty_high: Floats
    factor: Ints
    optional: npt.NDArray[np.uint8]
    clamped: npt.NDArray[np.uint8]
    enters: npt.NDArray[np.uint8]
    bound_out: Floats | None = None
    bound_in: Floats | None = None
    by_rule: ByRule | None = None
    inputs: Inputs | None = None

    def linear(self) -> Vectors:
        """The same where a rule gives the sales themselves, so that there is a closed form: what the sampler sobol controls by (numerics.md §14)."""
        rule = self.by_rule
        if rule is None:
            return self
        ruled = np.repeat(rule.ruled != 0, np.diff(self.offset))
        return replace(self, w=np.where(ruled, self.w * rule.sales, self.w), by_rule=None)

    def repeated(self, asset: int, count: int) -> Vectors:
        """One of its assets (by its place) so many times."""
        return take(self, np.full(count, asset))

    @property
    def exact(self) -> Mask:
        """(a,) where there is a closed form: nothing is clamped, optional, a rule's or discounted at a drawn rate, and draws are independent."""
        exact: Mask = (self.optional == 0) & (self.clamped == 0)
        if self.by_rule is not None:
            exact &= self.by_rule.ruled == 0
        if self.inputs is not None:
            exact &= self.inputs.blended == 0
        return exact


RAGGED = frozenset({"w", "f", "survival", "rival", "salvage", "low", "high", "bound_out", "bound_in"})
"""Fields of Vectors with an element for each period."""
UNBOUNDED = {"low": -np.inf, "high": np.inf}
"""What the bounds are of an asset without any."""


def join(parts: Sequence[Vectors]) -> Vectors:
    """The vectors of several batches, one after the other. Boundaries are not solved yet."""
    if len(parts) == 1:
        return parts[0]
    sizes = [int(one.offset[-1]) for one in parts]
    starts = np.cumsum([0, *sizes])
    columns: dict[str, Any] = {
        "offset": np.concatenate([np.zeros(1, np.int64), *(one.offset[1:] + at for one, at in zip(parts, starts, strict=False))])
    }
    bounded = any(one.low is not None for one in parts)
    for name in (field.name for field in fields(Vectors) if field.name not in ("offset", "bound_out", "bound_in", "by_rule", "inputs")):
        arrays = [getattr(one, name) for one in parts]
        if name in UNBOUNDED:
            arrays = [np.full(size, UNBOUNDED[name]) if one is None else one for one, size in zip(arrays, sizes, strict=True)]
        columns[name] = np.concatenate(arrays) if bounded or name not in UNBOUNDED else None
    inputs = join_inputs([one.inputs for one in parts], [one.hash for one in parts], sizes)
    return Vectors(**columns, by_rule=_join_rules(parts, sizes), inputs=inputs)


def _join_rules(parts: Sequence[Vectors], sizes: Sequence[int]) -> ByRule | None:
    ruled = next((one.by_rule for one in parts if one.by_rule is not None), None)
    if ruled is None:
        return None
    each = [
        one.by_rule or ByRule(ruled.function, np.zeros(len(one.step), np.uint8), np.zeros(size), np.zeros((len(one.step), ruled.own.shape[1])))
        for one, size in zip(parts, sizes, strict=True)
    ]
    return ByRule(ruled.function, *(np.concatenate([getattr(one, name) for one in each]) for name in ("ruled", "sales", "own")))


def take(vectors: Vectors, assets: Longs) -> Vectors:
    """The vectors of some assets (by their places), in that order."""
    lengths = np.diff(vectors.offset)[assets]
    offset = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    elements = np.arange(offset[-1]) + np.repeat(vectors.offset[assets] - offset[:-1], lengths)
    columns: dict[str, Any] = {"offset": offset}
    for name in (field.name for field in fields(Vectors) if field.name not in ("offset", "by_rule", "inputs")):
        array = getattr(vectors, name)
        columns[name] = None if array is None else array[elements if name in RAGGED else assets]
    rule = vectors.by_rule
    return Vectors(
        **columns,
        by_rule=rule and ByRule(rule.function, rule.ruled[assets], rule.sales[elements], rule.own[assets]),
        inputs=vectors.inputs and vectors.inputs.take(assets, elements),
    )


def sharing(vectors: Vectors, other: Vectors) -> Vectors:
    """The same with the arrays of another's where they hold the same, bit for bit, so that those are held once."""
    same: dict[str, Any] = {}
    for field in fields(Vectors):
        one, two = getattr(vectors, field.name), getattr(other, field.name)
        if isinstance(one, np.ndarray) and isinstance(two, np.ndarray) and one is not two and np.array_equal(one.view(np.uint8), two.view(np.uint8)):
            same[field.name] = two
    return replace(vectors, **same)


def interleave(versions: Sequence[Vectors], start: int, stop: int) -> Vectors:
    """The vectors of assets start … stop − 1 in several versions (v,), those of each asset next to one another. Boundaries are not solved yet."""
    first, v, n = versions[0], len(versions), stop - start
    alike = all(one.offset is first.offset or np.array_equal(one.offset, first.offset) for one in versions)
    if not alike or any(one.low is not None or one.by_rule is not None or one.inputs is not None for one in versions):
        return take(join(versions), (np.arange(v) * len(first.step) + np.arange(start, stop)[:, None]).reshape(-1))
    bounds = first.offset[start : stop + 1]
    lengths, here = np.diff(bounds), slice(bounds[0], bounds[-1])
    offset = np.concatenate([[0], np.cumsum(np.repeat(lengths, v))])
    # where the elements of the first versions go; those of the next go as many on as their asset has periods
    places = np.arange(bounds[-1] - bounds[0]) + np.repeat((v - 1) * (bounds[:-1] - bounds[0]), lengths)
    further = np.repeat(lengths, lengths)
    columns: dict[str, Any] = {"offset": offset}
    for name in (field.name for field in fields(Vectors) if field.name not in ("offset", "by_rule", "inputs")):
        if getattr(first, name) is None:
            columns[name] = None
        elif name not in RAGGED:
            columns[name] = np.stack([getattr(one, name)[start:stop] for one in versions], axis=1).reshape(-1)
        else:
            columns[name] = np.empty(offset[-1])
    for number, one in enumerate(versions):
        at = places + number * further
        for name in RAGGED:
            if columns[name] is not None:
                columns[name][at] = getattr(one, name)[here]
    assert len(columns["step"]) == v * n
    return Vectors(**columns)


def income_vectors(rows: Rows, tables: Tables, earning_of: Callable[[Rows], Earning]) -> Vectors:
    """The vectors of the income rows that passed their checks; rows whose vectors break a rule (x ≥ 1, T(age) = 0, …) are rejected."""
    rows.settle()
    earning = earning_of(rows)
    drivers = income_drivers(rows, tables, earning)
    periods = kernels(tables.backend).periods(drivers, tables)
    long = periods > MAX_HORIZON_YEARS * tables.steps_per_year
    if long.any():
        _reject_long(rows, long)
        return income_vectors(rows, tables, earning_of)
    offset = np.concatenate([[0], np.cumsum(periods)]).astype(np.int64)
    parts = kernels(tables.backend).vectors(drivers, tables, offset, bool(earning.limited.any()))
    status = parts.pop("status")
    if status.any():
        _reject_status(rows, status)
        return income_vectors(rows, tables, earning_of)
    inputs = inputs_of(rows, tables, drivers, earning, offset, parts)
    if rows.broken:
        return income_vectors(rows, tables, earning_of)
    optional = rows.is_in("renewal", ["optimal"]) & _any_decision(parts, offset)
    return Vectors(
        offset=offset,
        **parts,
        hash=rows.kept(lambda: hash_ids(rows.batch["asset_id"]), ("asset_id",), hash_ids),
        volatility=rows.floats("volatility"),
        loading=rows.floats("factor_loading"),
        uncertainty=rows.floats("revenue_uncertainty"),
        entry_loss=rows.floats("entry_loss"),
        royalty_low=earning.royalty_low,
        royalty_high=earning.royalty_high,
        factor=rows.index("sector", tables.factor_index),
        optional=optional.astype(np.uint8),
        clamped=drivers.limited,
        enters=((rows.floats("entry_hazard") > 0.0) & (rows.floats("entry_loss") > 0.0)).astype(np.uint8),
        step=np.full(len(rows), tables.delta),
        inputs=inputs,
    )


def price_vectors(rows: Rows, tables: Tables, price_of: Callable[[Rows], Floats]) -> Vectors:
    """The vectors of rows worth price_of(rows) (a,), in their currency, today: one period of one year whatever the market's, without tax benefit."""
    rows.settle()
    yearly = replace(tables, steps_per_year=1)
    offset = np.arange(len(rows) + 1, dtype=np.int64)
    parts = kernels(tables.backend).vectors(price_drivers(rows, yearly), yearly, offset, False)
    status = parts.pop("status")
    if status.any():
        _reject_status(rows, status)
        return price_vectors(rows, tables, price_of)
    one, off = np.ones(len(rows)), np.zeros(len(rows), np.uint8)
    parts["w"] = price_of(rows) * of_name(rows, "currency", tables.fx)
    return Vectors(
        offset=offset,
        **parts,
        hash=rows.kept(lambda: hash_ids(rows.batch["asset_id"]), ("asset_id",), hash_ids),
        volatility=rows.floats("volatility"),
        loading=rows.floats("factor_loading"),
        uncertainty=np.zeros(len(rows)),
        entry_loss=np.zeros(len(rows)),
        royalty_low=one,
        royalty_high=one,
        factor=rows.index("sector", tables.factor_index),
        optional=off,
        clamped=off,
        enters=off,
        step=one,
    )


def _reject_long(rows: Rows, long: Mask) -> None:
    """Rows whose horizon is too long: written out past launch, ramp, grant and path, or an expiry_date far away."""
    endless = rows.flags("indefinite")
    rule = f"the horizon is at most {MAX_HORIZON_YEARS} years"
    rows.reject(long & endless, "indefinite", rule, f"launch, ramp, grant and path end after more than {MAX_HORIZON_YEARS} years: shorten them")
    rows.reject(
        long & ~endless,
        "expiry_date",
        rule,
        lambda value: f"expiry_date {value} is more than {MAX_HORIZON_YEARS} years away: correct it, or give life or economic_life",
    )


def _any_decision(parts: Mapping[str, Floats], offset: Longs) -> Mask:
    """(a,) where some period has a fee or cost due or a salvage value to take (model.md §5)."""
    if len(offset) == 1:
        return np.zeros(0, np.bool_)
    due: Mask = np.logical_or.reduceat((parts["f"] > 0.0) | (parts["salvage"] > 0.0), offset[:-1])
    return due


_STATUS = {
    1: ("growth", "growth · survival / (1 + discount rate) < 1 with an indefinite life",
        "growth in the last year reaches the discount rate, so without end the value is infinite; "
        "lower growth (growth_long), or set indefinite to false and give a life"),
    2: ("cost_inflation", "cost inflation · survival / (1 + discount rate) < 1 with an indefinite life",
        "cost_inflation reaches the discount rate, so without end the costs are infinite; "
        "lower cost_inflation, or set indefinite to false and give a life"),
    3: ("survival_curve", "the survival curve is above 0 at the right's age",
        "the survival curve is 0 at this right's age: none so old is left; correct the date or the curve"),
    4: ("discount_premium", "discount rate > -1", "the risk-free rate and discount_premium add up to -100 % or less; correct the premium"),
    6: ("tab_years", "the tax relief on a price is below the price",
        "tax_rate, tab_years and a discount rate below 0 make the tax relief worth the whole price; correct one of them"),
    7: ("discount_premium", "the premise multiplies the value by at most 1,000",
        "the discount rate is so far below 0 that waiting for a buyer multiplies the value; correct the premium"),
    5: ("revenue", "cash flows are finite numbers", "revenue, growth and life give cash flows too large for a number; correct them"),
}  # fmt: skip


def _reject_status(rows: Rows, status: npt.NDArray[np.int8]) -> None:
    for code, (column, rule, message) in _STATUS.items():
        rows.reject(status == code, column, rule, message)
