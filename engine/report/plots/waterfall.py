"""The steps of an explanation as bars from where each starts to where it leads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from ipvalue.amounts import money
from ipvalue.report.plots.style import BLUE, GREY, INK, VERMILLION, bars_frame, hover, unit_of
from ipvalue.report.waterfall import ENDS, Line, scale

ERRORS = 2.0
"""Standard errors that a whisker reaches to either side."""


def waterfall(name: str, steps: Sequence[Line], currency: str) -> figure:
    """Up is blue, down is vermillion, totals are grey, and steps that are not told from noise are pale."""
    on = scale(steps)
    unit = unit_of([line.end for line in steps], currency)
    starts = np.array([on.low if line.step in ENDS and not on.from_zero else line.start for line in steps])
    ends, errors = np.array([line.end for line in steps]), np.array([ERRORS * (line.error or 0.0) for line in steps])
    bars = ColumnDataSource({
        "step": [line.label for line in steps],
        "start": unit(starts),
        "end": unit(ends),
        "low": unit(ends - errors),
        "high": unit(ends + errors),
        "color": [_color(line) for line in steps],
        "alpha": [0.35 if line.significant is False else 0.85 for line in steps],
        "amount": [line.signed for line in steps],
        "error": ["not known" if line.error is None else f"{money(line.error)} {currency}" for line in steps],
        "rights": [line.rights for line in steps],
        "told": ["within two standard errors of nothing" if line.significant is False else "" for line in steps],
    })  # fmt: skip
    cut = "" if on.from_zero else " (the axis does not begin at 0)"
    chart = bars_frame(name, f"value, {unit.name}{cut}", bars.data["step"])
    drawn = chart.hbar(y="step", left="start", right="end", height=0.7, color="color", alpha="alpha", source=bars)
    chart.segment(x0="low", x1="high", y0="step", y1="step", color=INK, line_width=2, source=bars)
    chart.segment(x0="x", x1="x", y0="above", y1="below", color=GREY, line_dash="dotted", source=_joints(bars))
    if not on.from_zero:
        chart.x_range.start = float(unit([on.low])[0])
    hover(
        chart, [drawn], ("step", "@step"), ("amount", f"@amount {currency}"), ("standard error", "@error"), ("rights", "@rights{0,0}"), ("", "@told")
    )
    return chart


def _color(line: Line) -> str:
    if line.step in ENDS:
        return GREY
    return BLUE if line.amount >= 0.0 else VERMILLION


def _joints(bars: ColumnDataSource) -> ColumnDataSource:
    """From the end of each bar down to the next one's beginning."""
    steps = bars.data["step"]
    return ColumnDataSource({"x": bars.data["end"][:-1], "above": steps[:-1], "below": steps[1:]})
