"""Curves: how much the most valuable rights hold, for how long a right is held, and how likely losses are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from bokeh.models import ColumnDataSource, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from ipvalue.composition import Concentration
from ipvalue.course import Held
from ipvalue.report.labels import Labels
from ipvalue.report.plots.style import BLUE, ENGLISH, GREY, ORANGE, SKY, VERMILLION, Floats, frame, hover, legend_below, unit_of, words

COLOURS: Sequence[str] = (BLUE, VERMILLION, ORANGE, SKY, GREY)
"""Of several lines in a chart; each has its own dashes too."""
_DASHES = ("solid", "dashed", "dotdash", "dotted", "dashdot")


def concentration(title: str, found: Concentration, say: Labels = ENGLISH) -> figure:
    """The share of the value (in %) that the first n rights hold."""
    source = ColumnDataSource({"rights": found.counts, "share": 100.0 * found.shares})
    chart = frame(title, say("chart.first_rights"), say("chart.share_of_value"), x_axis_type="log", height=320)
    chart.xaxis.formatter = NumeralTickFormatter(format="0,0")
    line = chart.line(x="rights", y="share", color=BLUE, line_width=2.5, source=source)
    hover(chart, [line], (say("chart.rights"), "@rights{0,0}"), (say("chart.share_of_value"), "@share{0.0}"), mode="vline")
    chart.y_range = Range1d(0.0, 103.0)
    return chart


def held(title: str, date: str, found: Mapping[str, Held], say: Labels = ENGLISH) -> figure:
    """For which part of each year each right is in force: as it is held, and by law alone where that differs."""
    chart = frame(title, say("chart.years_from", date=date), say("chart.share_in_force"), height=320)
    lines = []
    for place, (name, one) in enumerate(found.items()):
        look = {"color": COLOURS[place % len(COLOURS)], "line_dash": _DASHES[place % len(_DASHES)]}
        source = ColumnDataSource(
            {"year": one.years - 0.5, "in": one.years, "held": 100.0 * one.held, "law": 100.0 * one.by_law, "name": [name] * len(one.years)}
        )
        lines.append(chart.line(x="year", y="held", line_width=2.5, legend_label=name, source=source, **look))
        if np.max(np.abs(one.by_law - one.held)) > 0.02:
            chart.line(x="year", y="law", line_width=1.2, alpha=0.6, source=source, **look)
    hover(chart, lines, ("", "@name"), (say("chart.year"), "@in"), (say("chart.held"), "@held{0.0} %"), (say("chart.by_law"), "@law{0.0} %"))
    chart.y_range = Range1d(0.0, 103.0)
    legend_below(chart)
    return chart


def exceedance(title: str, losses: Mapping[str, Floats], currency: str, say: Labels = ENGLISH) -> figure:
    """How likely it is that a loss is exceeded: a line a bearer, from its losses on the paths (p,)."""
    unit = unit_of(np.concatenate([*losses.values(), np.zeros(1)]), currency, say)
    chart = frame(title, say("chart.loss_in", unit=unit.name), say("chart.exceeded"), y_axis_type="log", height=420)
    chart.yaxis.formatter = NumeralTickFormatter(format="0.[000]")
    lines = []
    for place, (name, paths) in enumerate(losses.items()):
        falling = np.sort(paths)[::-1]
        # as many points as the eye can tell apart
        at = np.unique(np.rint(np.geomspace(1, len(falling), 160)).astype(np.int64))
        at = at[falling[at - 1] > 0.0]
        source = ColumnDataSource({
            "loss": unit(falling[at - 1]), "share": 100.0 * at / len(falling), "said": words(falling[at - 1], say), "name": [name] * len(at)
        })  # fmt: skip
        look = {"color": COLOURS[place % len(COLOURS)], "line_dash": _DASHES[place % len(_DASHES)]}
        lines.append(chart.line(x="loss", y="share", line_width=2.5, legend_label=name, source=source, **look))
    hover(chart, lines, ("", "@name"), (say("chart.loss"), f"@said {currency}"), (say("chart.exceeded"), "@share{0.[000]}"))
    legend_below(chart)
    return chart
