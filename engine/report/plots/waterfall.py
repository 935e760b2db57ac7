"""The steps of an explanation as bars from where each starts to where it leads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from ipvalue.report.labels import Labels
from ipvalue.report.plots.style import BLUE, ENGLISH, GREY, INK, VERMILLION, bars_frame, hover, unit_of
from ipvalue.report.waterfall import ENDS, Line, scale

ERRORS = 2.0
"""Standard errors that a whisker reaches to either side."""


def waterfall(name: str, steps: Sequence[Line], currency: str, say: Labels = ENGLISH) -> figure:
    """Up is blue, down is vermillion, totals are grey, and steps that are not told from noise are pale."""
    on = scale(steps)
    unit = unit_of([line.end for line in steps], currency, say)
    starts = np.array([on.low if line.step in ENDS and not on.from_zero else line.start for line in steps])
    ends, errors = np.array([line.end for line in steps]), np.array([ERRORS * (line.error or 0.0) for line in steps])
    bars = ColumnDataSource({
        "step": [step_name(line, say) for line in steps],
        "start": unit(starts),
        "end": unit(ends),
        "low": unit(ends - errors),
        "high": unit(ends + errors),
        "color": [_color(line) for line in steps],
        "alpha": [0.35 if line.significant is False else 0.85 for line in steps],
        "amount": [signed(line, say) for line in steps],
        "error": [say("chart.not_known") if line.error is None else f"{say.amount(line.error)} {currency}" for line in steps],
        "rights": [line.rights for line in steps],
        "told": [say("chart.noise") if line.significant is False else "" for line in steps],
    })  # fmt: skip
    cut = "" if on.from_zero else say("chart.cut")
    chart = bars_frame(name, say("chart.value_in", unit=unit.name) + cut, bars.data["step"])
    drawn = chart.hbar(y="step", left="start", right="end", height=0.7, color="color", alpha="alpha", source=bars)
    chart.segment(x0="low", x1="high", y0="step", y1="step", color=INK, line_width=2, source=bars)
    chart.segment(x0="x", x1="x", y0="above", y1="below", color=GREY, line_dash="dotted", source=_joints(bars))
    if not on.from_zero:
        chart.x_range.start = float(unit([on.low])[0])
    hover(
        chart,
        [drawn],
        (say("chart.step"), "@step"),
        (say("chart.amount"), f"@amount {currency}"),
        (say("chart.standard_error"), "@error"),
        (say("chart.rights"), "@rights{0,0}"),
        ("", "@told"),
    )
    return chart


def step_name(line: Line, say: Labels) -> str:
    """A step as people call it in a language."""
    return line.label if say.language == "en" else say.or_as_is("step", line.step)


def signed(line: Line, say: Labels) -> str:
    """Its amount in words, a total without a plus."""
    return ("+" if line.amount > 0.0 and line.step not in ENDS else "") + say.amount(line.amount)


def _color(line: Line) -> str:
    if line.step in ENDS:
        return GREY
    return BLUE if line.amount >= 0.0 else VERMILLION


def _joints(bars: ColumnDataSource) -> ColumnDataSource:
    """From the end of each bar down to the next one's beginning."""
    steps = bars.data["step"]
    return ColumnDataSource({"x": bars.data["end"][:-1], "above": steps[:-1], "below": steps[1:]})
