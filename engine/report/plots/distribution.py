"""The sum on each path as a histogram, with what groups.parquet says of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Label, Range1d
from bokeh.plotting import figure

from ipvalue.report.labels import Labels
from ipvalue.report.plots.style import ENGLISH, INK, SKY, VERMILLION, Floats, frame, hover, unit_of, words
from ipvalue.schema import quantile_name

BINS = 60
BEYOND = 0.005
"""Share of the paths at either end that is not drawn, or a few far ones would leave no room for the others."""

_ROOM = 0.3
"""To the left of the bars, for names, as a share of what they span."""


def distribution(
    name: str, values: Floats, statistics: dict[str, Any], quantiles: tuple[float, ...], tail: float, currency: str, say: Labels = ENGLISH
) -> figure:
    """Bars of the paths' values (p,) by their share. statistics: the row of groups.parquet; those below the quantile of `tail` stand out, where
    the run has it."""
    edges = _edges(values)
    unit = unit_of(edges, currency, say)
    counts, _ = np.histogram(values, edges)
    worst = statistics.get(quantile_name(tail), -np.inf)
    bars = ColumnDataSource({
        "left": unit(edges[:-1]),
        "right": unit(edges[1:]),
        "share": counts / len(values) * 100.0,
        "paths": counts,
        "from": words(edges[:-1], say),
        "to": words(edges[1:], say),
        "color": np.where(edges[1:] <= worst, VERMILLION, SKY),
    })  # fmt: skip
    outside = len(values) - int(counts.sum())
    chart = frame(
        say("chart.distribution", name=name, paths=say.count(len(values))) + (say("chart.not_drawn", paths=say.count(outside)) if outside else ""),
        say("chart.before_tab", unit=unit.name),
        say("chart.share_of_paths"),
    )
    drawn = chart.quad(left="left", right="right", bottom=0, top="share", color="color", alpha=0.8, line_color=None, source=bars)
    hover(chart, [drawn], (say("chart.value"), f"@from – @to {currency}"), (say("chart.paths"), "@paths{0,0} (@share{0.00} %)"))
    top = float(bars.data["share"].max())
    found = _marks(statistics, quantiles, tail, top, say)
    marks = ColumnDataSource({**found, "x": unit(found["amount"])})
    lines = chart.segment(x0="x", x1="x", y0=0, y1="height", color=INK, line_width=2, line_dash="dashed", source=marks)
    for x, y, text, side in zip(marks.data["x"], found["height"], found["label"], found["side"], strict=True):
        away = 5 if side == "left" else -5
        chart.add_layout(Label(x=x, y=y, text=text, x_offset=away, text_align=side, text_baseline="top", text_color=INK, text_font_size="9pt"))
    hover(chart, [lines], (say("chart.figure"), "@name"), (say("chart.value"), f"@exact {currency}"))
    room = _ROOM * (edges[-1] - edges[0])
    chart.x_range = Range1d(*unit([edges[0] - room, edges[-1]]))
    chart.y_range = Range1d(0.0, 1.2 * top)
    return chart


def _edges(values: Floats) -> Floats:
    low, high = np.quantile(values, [BEYOND, 1.0 - BEYOND])
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def _marks(statistics: dict[str, Any], quantiles: tuple[float, ...], tail: float, top: float, say: Labels) -> dict[str, Any]:
    """The mean, the lowest and the highest quantile, and the mean of the worst paths, at heights and sides where their names do not meet."""
    share = f"{100 * tail:g} %"
    ends = list(dict.fromkeys([*quantiles[:1], *quantiles[-1:]]))
    found = [(say("chart.mean"), statistics["mean"], 1.12, "left")]
    found += [(f"P{100 * level:g}", statistics[quantile_name(level)], 0.8, "right" if level < 0.5 else "left") for level in ends]
    found.append((say("chart.shortfall", tail=share), statistics["expected_shortfall"], 0.5, "right"))
    return {
        "name": [*(name for name, _, _, _ in found[:-1]), say("chart.worst", tail=share)],
        "amount": np.array([amount for _, amount, _, _ in found]),
        "height": [height * top for _, _, height, _ in found],
        "side": [side for _, _, _, side in found],
        "exact": [say.amount(amount) for _, amount, _, _ in found],
        "label": [f"{name}\n{say.amount(amount)}" for name, amount, _, _ in found],
    }
