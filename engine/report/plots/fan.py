"""What one right brings by year, as bands between its quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from ipvalue.course import ByYear
from ipvalue.report.labels import Labels
from ipvalue.report.plots.style import BAND, BLUE, ENGLISH, VERMILLION, frame, hover, legend_below, unit_of, words

_MIDDLE = 0.5


def fan(asset: str, found: ByYear, currency: str, date: str, *, cumulative: bool, say: Labels = ENGLISH) -> figure:
    """Bands from the outermost quantiles to the innermost, the median and the mean."""
    years, mean, quantiles = found.years, found.mean, found.quantiles
    if cumulative:  # nothing has come on the valuation date
        years, mean = np.concatenate([[0], years]), np.concatenate([[0.0], mean])
        quantiles = np.concatenate([np.zeros((1, quantiles.shape[1])), quantiles])
    unit = unit_of([*mean, *quantiles.ravel()], currency, say)
    names = [f"P{100 * level:g}" for level in found.levels]
    columns: dict[str, Any] = {"year": years, "mean": unit(mean), "mean_said": words(mean, say)}
    for name, column in zip(names, quantiles.T, strict=True):
        columns |= {name: unit(column), f"{name}_said": words(column, say)}
    source = ColumnDataSource(columns)
    title = say("chart.fan_by_then" if cumulative else "chart.fan_each", name=asset)
    last = say("chart.endless") if found.endless else ""
    chart = frame(title, say("chart.years_from", date=date) + last, say("chart.present_value", unit=unit.name))
    for i in range(len(names) // 2):
        low, high = names[i], names[-1 - i]
        chart.varea(x="year", y1=low, y2=high, **BAND, legend_label=say("chart.band", low=low, high=high), source=source)
    if _MIDDLE in found.levels:
        chart.line(x="year", y=names[found.levels.index(_MIDDLE)], color=BLUE, line_width=2, legend_label=say("chart.median"), source=source)
    line = chart.line(x="year", y="mean", color=VERMILLION, line_width=2, line_dash="dashed", legend_label=say("chart.mean"), source=source)
    chart.scatter(x="year", y="mean", color=VERMILLION, size=5, source=source)
    said = [(name, f"@{{{name}_said}} {currency}") for name in reversed(names)]
    hover(chart, [line], (say("chart.year"), "@year"), (say("chart.mean"), f"@mean_said {currency}"), *said, mode="vline")
    legend_below(chart)
    return chart
