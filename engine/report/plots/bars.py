"""Bars: of names beside one another, of classes of a histogram, and of intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure

from ipvalue.report.labels import Labels
from ipvalue.report.plots.style import (
    BLUE,
    ENGLISH,
    GREY,
    INK,
    ORANGE,
    SKY,
    VERMILLION,
    Floats,
    frame,
    hover,
    legend_below,
    name_places,
    named_rows,
    unit_of,
    words,
)

_STRONG = 0.55
"""Cells with so much of the strongest colour bear white letters."""


def by_name(
    title: str, names: Sequence[str], values: Sequence[float], aside: Sequence[str], currency: str, say: Labels = ENGLISH, what: str = "value"
) -> figure:
    """A horizontal bar a name, in the order given; aside: what its tooltip says beside the value. Values below 0 stand out. what: what they are, as
    the labels of charts name it ("value", "principal")."""
    unit = unit_of(values, currency, say)
    source = ColumnDataSource({
        "place": list(range(len(names))),
        "name": list(names),
        "value": unit(values),
        "said": words(values, say),
        "aside": list(aside),
        "color": [BLUE if value >= 0.0 else VERMILLION for value in values],
    })  # fmt: skip
    chart = named_rows(title, say(f"chart.{what}_in", unit=unit.name), names)
    if min(values, default=0.0) >= 0.0:
        chart.x_range.start = 0
    drawn = chart.hbar(y="place", right="value", height=0.7, color="color", alpha=0.85, source=source)
    hover(chart, [drawn], ("", "@name"), (say(f"chart.{what}"), f"@said {currency}"), ("", "@aside"))
    return chart


def by_class(
    title: str,
    edges: Floats,
    heights: Floats,
    x: str,
    y: str,
    tips: tuple[Sequence[str], Sequence[str]],
    curve: tuple[Floats, Floats, str] | None = None,
    say: Labels = ENGLISH,
) -> figure:
    """A bar a class (k,), from edge to edge (k + 1). tips: what a tooltip says of each class and of its height; curve: x, y and name of a line over
    them."""
    source = ColumnDataSource({"left": edges[:-1], "right": edges[1:], "height": heights, "class": list(tips[0]), "said": list(tips[1])})
    chart = frame(title, x, y, height=320)
    named = {"legend_label": say("chart.found")} if curve else {}
    drawn = chart.quad(left="left", right="right", bottom=0, top="height", color=SKY, alpha=0.8, line_color=None, source=source, **named)
    hover(chart, [drawn], ("", "@class"), ("", "@said"))
    if curve is not None:
        chart.line(curve[0], curve[1], color=VERMILLION, line_width=2, line_dash="dashed", legend_label=curve[2])
        legend_below(chart)
    chart.y_range.start = 0
    return chart


def intervals(
    title: str,
    names: Sequence[str],
    mean: Floats,
    error: Floats,
    low: Floats,
    high: Floats,
    ends: tuple[str, str],
    currency: str,
    say: Labels = ENGLISH,
) -> figure:
    """A line a name from its lowest to its highest quantile (named by `ends`), and its mean with two standard errors to either side."""
    unit = unit_of([*low, *high], currency, say)
    source = ColumnDataSource({
        "place": list(range(len(names))),
        "name": list(names),
        "mean": unit(mean),
        "low": unit(low),
        "high": unit(high),
        "left": unit(mean - 2.0 * error),
        "right": unit(mean + 2.0 * error),
        "said": [f"{a} ± {b}" for a, b in zip(words(mean, say), words(error, say), strict=True)],
        "range": [f"{a} – {b}" for a, b in zip(words(low, say), words(high, say), strict=True)],
    })  # fmt: skip
    chart = named_rows(title, say("chart.without_tab", unit=unit.name), names)
    wide = chart.hbar(
        y="place",
        left="low",
        right="high",
        height=0.35,
        color=SKY,
        alpha=0.55,
        legend_label=say("chart.band", low=ends[0], high=ends[1]),
        source=source,
    )
    chart.segment(x0="left", x1="right", y0="place", y1="place", color=INK, line_width=2, legend_label=say("chart.two_errors"), source=source)
    dots = chart.scatter(x="mean", y="place", color=VERMILLION, size=7, legend_label=say("chart.mean"), source=source)
    hover(chart, [wide, dots], ("", "@name"), (say("chart.mean"), f"@said {currency}"), (" – ".join(ends), f"@range {currency}"))
    legend_below(chart)
    return chart


def pairs(
    title: str, names: Sequence[str], first: Sequence[float], second: Sequence[float], said: tuple[str, str], currency: str, say: Labels = ENGLISH
) -> figure:
    """Two bars a name, one within the other: the second reaches from the first's end."""
    unit = unit_of([*first, *second], currency, say)
    source = ColumnDataSource({
        "place": list(range(len(names))),
        "name": list(names),
        "first": unit(first),
        "second": unit(second),
        "one": words(first, say),
        "other": words(second, say),
    })  # fmt: skip
    chart = named_rows(title, unit.name, names)
    outer = chart.hbar(y="place", right="second", height=0.7, color=ORANGE, alpha=0.85, legend_label=said[1], source=source)
    inner = chart.hbar(y="place", right="first", height=0.4, color=BLUE, legend_label=said[0], source=source)
    hover(chart, [outer, inner], ("", "@name"), (said[0], f"@one {currency}"), (said[1], f"@other {currency}"))
    legend_below(chart)
    return chart


def heat(title: str, rows: Sequence[str], columns: Sequence[str], shares: Floats, tips: Sequence[Sequence[str]], say: Labels = ENGLISH) -> figure:
    """A cell a row and column, by its share (r, c) of change: down is vermillion, up is blue, each the stronger the further; NaN is left blank."""
    most = max(float(np.nanmax(np.abs(shares), initial=0.0)), 1e-12)
    cells = [(i, j) for i in range(len(rows)) for j in range(len(columns)) if np.isfinite(shares[i, j])]
    strength = [abs(float(shares[i, j])) / most for i, j in cells]
    source = ColumnDataSource({
        "row": [i for i, _ in cells],
        "column": [j for _, j in cells],
        "of": [columns[j] for _, j in cells],
        "alpha": [0.05 + 0.85 * one for one in strength],
        "color": [BLUE if shares[i, j] > 0.0 else VERMILLION if shares[i, j] < 0.0 else GREY for i, j in cells],
        "ink": ["#ffffff" if one > _STRONG else INK for one in strength],
        "said": [f"{100.0 * shares[i, j]:+.1f}" if shares[i, j] else "0" for i, j in cells],
        "name": [rows[i] for i, _ in cells],
        "tip": [tips[i][j] for i, j in cells],
    })  # fmt: skip
    chart = named_rows(title, "", rows, x_range=Range1d(-0.5, len(columns) - 0.5), x_axis_location="above")
    name_places(chart.xaxis, columns)
    chart.xgrid.grid_line_color = None
    chart.axis.major_tick_line_color = chart.axis.axis_line_color = None
    chart.xaxis.major_label_orientation = 1.0
    drawn = chart.rect(x="column", y="row", width=0.96, height=0.92, fill_color="color", fill_alpha="alpha", line_color=None, source=source)
    chart.text(x="column", y="row", text="said", text_align="center", text_baseline="middle", color="ink", text_font_size="8pt", source=source)
    hover(chart, [drawn], (say("chart.scenario"), "@name"), ("", "@of"), (say("chart.change"), "@said %"), ("", "@tip"))
    return chart
