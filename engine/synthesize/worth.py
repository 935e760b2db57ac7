"""What an exchange's rights sell, and what a bank lends on them by a rule of thumb (data/exchange_loans.toml)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.constants import DAYS_PER_YEAR
from ipvalue.synthesize.draws import Floats

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rights:
    """A portfolio's rights as a bank sees them, (n,) each; money in the loans' currency."""

    owner: Longs  # from 0 in the order of their first rights, which is that of the clients
    sales: Floats  # a year
    lendable: Floats  # at most on the right; 0 where no bank takes it


def rights_of(portfolio: pa.Table, today: date, table: dict[str, Any]) -> Rights:
    """The rights of a portfolio of profile exchange; `table` is what the loans' file says of rights."""
    right_type, stage, currency = (portfolio[name].combine_chunks().cast(pa.string()) for name in ("right_type", "stage", "currency"))
    fx = _looked_up(currency, table["fx"])
    multiple, part = (_looked_up(right_type, {name: one[key] for name, one in table["types"].items()}) for key in ("multiple", "part"))
    sales = _product(portfolio["revenue"], _or(portfolio["revenue_share"], 1.0), fx)
    rate = pc.coalesce(portfolio["royalty_rate"], pc.subtract(portfolio["margin"], _or(portfolio["contributory_charge"], 0.0)), table["royalty_rate"])
    kept = [pc.subtract(1.0, _or(portfolio[f"{kind}_obsolescence"], 0.0)) for kind in ("functional", "economic")]
    income = _product(sales, rate, multiple)
    cost = _product(portfolio["replacement_cost"], *kept, fx)
    price = _product(portfolio["comparable_price"], pc.add(1.0, _or(portfolio["comparable_adjustment"], 0.0)), fx)
    least = table["least_years"]
    last_day = today + timedelta(days=least * DAYS_PER_YEAR)
    lasts = pc.or_(_or(pc.greater_equal(portfolio["expiry_date"], last_day), False), pc.is_in(right_type, pa.array(table["renewed"])))
    lasts = pc.and_(lasts, pc.greater_equal(_or(portfolio["economic_life"], least), least))
    taken = pc.and_(lasts, pc.is_in(stage, pa.array(table["stages"])))
    lendable = _product(pc.coalesce(income, cost, price), part)
    lendable = pc.if_else(pc.and_(taken, pc.greater_equal(lendable, table["least"])), lendable, 0.0)
    owner = portfolio["owner_id"].combine_chunks().dictionary_encode().indices
    return Rights(owner.to_numpy().astype(np.int64), _numbers(sales), _numbers(lendable))


def sums_by(number: Longs, amounts: Floats) -> Floats:
    """Sums of the amounts that have each number from 0 on, in their order."""
    sums: Floats = np.bincount(number, amounts).astype(np.float64)
    return sums


def _looked_up(names: pa.Array, values: dict[str, float]) -> pa.Array:
    """values[names], blank where there is none."""
    return pa.array(list(values.values()), pa.float64()).take(pc.index_in(names, pa.array(list(values))))


def _product(first: Any, *others: Any) -> Any:
    for other in others:
        first = pc.multiply(first, other)
    return first


def _or(column: Any, otherwise: float | bool) -> Any:
    return pc.coalesce(column, otherwise)


def _numbers(column: pa.ChunkedArray) -> Floats:
    """0 where blank."""
    numbers: Floats = _or(column, 0.0).to_numpy()
    return numbers
