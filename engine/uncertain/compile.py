"""Filled rows → the uncertain inputs that their income depends on, relative to what their vectors are made with.

a = assets of the batch, k = inputs (schema.UNCERTAIN), t = periods (ragged)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.constants import INPUT_PREMIUM, INPUT_REVENUE, INPUTS
from ipvalue.distributions import KINDS, Distributions
from ipvalue.drivers import Drivers, Earning
from ipvalue.intake import hash_ids
from ipvalue.rows import Floats, Longs, Mask, Rows
from ipvalue.schema import UNCERTAIN
from ipvalue.tables import Tables
from ipvalue.uncertain.correlations import PAIRS, triangle
from ipvalue.uncertain.discounting import check_rates, discounting_of
from ipvalue.uncertain.inputs import BY_ASSET, Inputs, without
from ipvalue.uncertain.rules import distributions_of


def inputs_of(rows: Rows, tables: Tables, drivers: Drivers, earning: Earning, offset: Longs, parts: dict[str, Any]) -> Inputs | None:
    """The inputs of income rows whose vectors are `parts`; None where none has any. Rows whose draws break a rule are rejected, not let go."""
    drawn = {i: found for i, name in enumerate(UNCERTAIN) if (found := distributions_of(rows, name)).drawn.any()}
    applied = {i: found.drawn & _applies(i, earning) for i, found in drawn.items()}
    if not any(where.any() for where in applied.values()):
        return None
    n = len(rows)
    made = without(n, hash_ids(rows.batch["asset_id"]))
    columns: dict[str, Any] = {name: getattr(made, name).copy() for name in BY_ASSET}
    pools, begin = [np.zeros(1)], 1
    columns["weights"] = _weights(rows)
    for i, found in drawn.items():
        where = applied[i]
        scale, shift = _base(rows, i, drivers, earning)
        _check_ends(rows, i, found, where, scale, shift)
        safe = np.where(where & (scale > 0.0), scale, 1.0)
        shift = np.where(where, shift, 0.0)
        numbers, values = found.relative(safe, shift)
        mean, square = found.moments()
        least, greatest = found.ends()
        relative = (mean - shift) / safe
        columns["kind"][where, i] = found.kind[where]
        columns["numbers"][where, i] = numbers[where]
        columns["means"][where, i] = relative[where]
        listed = where & found.of_kind(KINDS["quantiles"])
        columns["start"][listed, i] = begin + found.start[listed]
        columns["count"][listed, i] = found.count[listed]
        pools.append(values)
        begin += len(values)
        if i == INPUT_PREMIUM:
            continue
        columns["mean"][where] *= relative[where]
        columns["square"][where] *= ((square - 2.0 * shift * mean + shift * shift) / (safe * safe))[where]
        columns["least"][where] *= ((least - shift) / safe)[where]
        columns["greatest"][where] *= ((greatest - shift) / safe)[where]
        logs = where & found.of_kind(KINDS["lognormal"])
        columns["log_variance"][logs] += (found.parameter(1) * found.parameter(1))[logs]
    premium = applied.get(INPUT_PREMIUM, np.zeros(n, np.bool_))
    columns["blended"] = (premium | _coupled(columns["kind"], columns["weights"])).astype(np.uint8)
    discounting = None
    if columns["blended"].any():
        discounting = discounting_of(rows, tables, drivers, offset, parts, premium)
        if premium.any():
            check_rates(rows, drawn[INPUT_PREMIUM], premium, drivers, discounting, offset)
    return Inputs(**columns, values=np.concatenate(pools), discounting=discounting)


def _applies(i: int, earning: Earning) -> Mask:
    """(a,) where the income depends on an input."""
    applies: Mask = earning.made_of == i if i < INPUT_REVENUE else np.ones(len(earning.made_of), np.bool_)
    return applies


def _base(rows: Rows, i: int, drivers: Drivers, earning: Earning) -> tuple[Floats, Floats]:
    """(a,), (a,) scale and shift of an input: its draw counts as (draw − shift)/scale."""
    n = len(rows)
    value = rows.floats(UNCERTAIN[i])
    if i == INPUT_PREMIUM:
        return np.ones(n), value
    if i == INPUT_REVENUE:
        first = np.zeros(n)
        pathed = np.diff(drivers.path_start) > 0
        first[pathed] = drivers.path[drivers.path_start[:-1][pathed]]
        return np.where(np.isnan(value), first, value), np.zeros(n)
    return value - earning.charge, earning.charge


def _check_ends(rows: Rows, i: int, found: Distributions, where: Mask, scale: Floats, shift: Floats) -> None:
    """An input's base and its lowest and highest draw are in its limits."""
    if i == INPUT_PREMIUM:
        return
    name = UNCERTAIN[i]
    least, greatest = found.ends()
    given = f"{name}_parameters"
    rows.reject(
        where & ~(scale > 0.0),
        name,
        f"{name} is above what is taken off it where it is drawn",
        lambda value: f"{name} is {value}, and draws are taken relative to what is left of it: give one above 0 (and above any contributory_charge)",
    )
    rows.reject(
        where & (least < shift),
        given,
        f"no draw of {name} is below what is taken off it",
        lambda value: f"{given} {value} give draws below {'the contributory_charge' if (shift > 0.0).any() else '0'}: raise the lowest",
    )
    if i == INPUT_REVENUE:
        return
    rows.reject(
        where & (greatest > 1.0),
        given,
        f"no draw of {name} is above 1",
        lambda value: f"{given} {value} give draws above 1 (a lognormal at six standard deviations): lower the highest",
    )


def _weights(rows: Rows) -> Floats:
    """(a, k, k) the lower triangles of the rows' correlations."""
    lists = rows.batch["input_correlations"]
    if lists.null_count == len(lists):
        return np.tile(np.eye(INPUTS), (len(rows), 1, 1))
    found = [np.eye(INPUTS) if entries is None else triangle(tuple(entries)) for entries in lists.to_pylist()]
    return np.array(found).reshape(len(rows), INPUTS, INPUTS)


def _coupled(kind: npt.NDArray[np.uint8], weights: Floats) -> Mask:
    """(a,) where two of the multipliers are drawn and correlated."""
    found = np.zeros(len(kind), np.bool_)
    for i, j in PAIRS:
        if j == INPUT_PREMIUM:
            continue
        product = np.zeros(len(kind))
        for before in range(i + 1):
            product += weights[:, i, before] * weights[:, j, before]
        found |= (kind[:, i] != 0) & (kind[:, j] != 0) & (product != 0.0)
    return found
