"""How far each driver moves a value, the one that moves it most on top."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from bokeh.models import ColumnDataSource, Span
from bokeh.plotting import figure

from ipvalue.report.labels import Labels
from ipvalue.report.plots.style import BLUE, ENGLISH, INK, ORANGE, Floats, bars_frame, hover, legend_below, unit_of, words
from ipvalue.schema import InputError

_ENDS, _SLOPE = ("low", "high"), ("derivative", "bump")


def tornado(name: str, sensitivities: object, base: float, currency: str, top: int, say: Labels = ENGLISH) -> figure:
    """Bars from the value with a driver at its low end to that with it at its high end, the `top` widest. sensitivities: a table with the texts
    `driver` and either the values `low` and `high`, or `derivative` and `bump`, where low and high are base ∓ derivative·bump.

    Raises InputError where it is no such table.
    """
    drivers, low, high = _read(sensitivities, base)
    widest = np.argsort(-np.abs(high - low), kind="stable")[:top]
    drivers, low, high = [drivers[i] for i in widest], low[widest], high[widest]
    unit = unit_of([*low, *high, base], currency, say)
    bars = ColumnDataSource({
        "driver": drivers,
        "base": unit(np.full(len(low), base)),
        "low": unit(low),
        "high": unit(high),
        "at_low": words(low, say),
        "at_high": words(high, say),
        "down": [_signed(amount - base, say) for amount in low],
        "up": [_signed(amount - base, say) for amount in high],
    })  # fmt: skip
    chart = bars_frame(say("chart.tornado", name=name, base=say.amount(base), currency=currency), say("chart.value_in", unit=unit.name), drivers)
    chart.add_layout(Span(location=float(unit([base])[0]), dimension="height", line_color=INK, line_width=2))
    lower = chart.hbar(y="driver", left="base", right="low", height=0.7, color=ORANGE, alpha=0.85, legend_label=say("chart.at_low"), source=bars)
    upper = chart.hbar(y="driver", left="base", right="high", height=0.7, color=BLUE, alpha=0.85, legend_label=say("chart.at_high"), source=bars)
    hover(chart, [lower], (say("chart.driver"), "@driver"), (say("chart.at_low"), f"@at_low {currency} (@down)"))
    hover(chart, [upper], (say("chart.driver"), "@driver"), (say("chart.at_high"), f"@at_high {currency} (@up)"))
    legend_below(chart)
    return chart


def _signed(change: float, say: Labels) -> str:
    return ("+" if change > 0.0 else "") + say.amount(change)


def _read(sensitivities: object, base: float) -> tuple[list[str], Floats, Floats]:
    """Drivers, and the value with each at its low and at its high end."""
    if not hasattr(sensitivities, "__arrow_c_stream__"):
        raise InputError(f"sensitivities: an object of type {type(sensitivities).__name__} is no table: give one that has __arrow_c_stream__")
    table = pa.table(sensitivities)
    if "driver" not in table.column_names:
        raise InputError(f"sensitivities: column driver is missing: it has {', '.join(table.column_names) or 'none'}")
    drivers = table["driver"].cast(pa.string()).to_pylist()
    if repeated := sorted({one for one in drivers if drivers.count(one) > 1}):
        raise InputError(f"sensitivities: driver {repeated[0]} is there {drivers.count(repeated[0])} times: give the rows of one group or asset")
    if {*_ENDS} <= {*table.column_names}:
        return drivers, *(_numbers(table, name) for name in _ENDS)
    if {*_SLOPE} <= {*table.column_names}:
        moves = _numbers(table, "derivative") * _numbers(table, "bump")
        return drivers, base - moves, base + moves
    raise InputError(f"sensitivities: it has {', '.join(table.column_names)}: give low and high, or derivative and bump")


def _numbers(table: pa.Table, name: str) -> Any:
    column = table[name].cast(pa.float64()).to_numpy()
    if not np.isfinite(column).all():
        row = int(np.flatnonzero(~np.isfinite(column))[0])
        raise InputError(f"sensitivities: row {row}: {name} is {column[row]}: it must be a finite number")
    return column
