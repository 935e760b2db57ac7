"""Which input the variance of a right's value comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from bokeh.transform import dodge

from ipvalue.report.labels import Labels
from ipvalue.report.plots.style import BLUE, ENGLISH, INK, ORANGE, ROW, bars_frame, hover, legend_below

WIDE = 1.959963984540054
"""Standard errors to either side that make an interval of 95 %."""


def indices(name: str, rows: Sequence[dict[str, Any]], say: Labels = ENGLISH) -> figure:
    """Two bars an input, first order and total, with intervals of 95 %. rows: `input`, and each index with its error."""
    labels = [row["input"] for row in rows]
    chart = bars_frame(say("chart.indices", name=name), say("chart.share_of_variance"), labels)
    chart.height += ROW * len(labels)  # two bars each
    for index, colour, beside in (("first_order", BLUE, 0.2), ("total", ORANGE, -0.2)):
        share, off = (np.array([row[column] for row in rows], np.float64) for column in (index, f"{index}_error"))
        low, high = share - WIDE * off, share + WIDE * off
        said_so = [f"{one:.4f} ± {error:.4f}" for one, error in zip(share, off, strict=True)]
        source = ColumnDataSource({"input": labels, "share": share, "low": low, "high": high, "said": said_so})
        place = dodge("input", beside, range=chart.y_range)
        name_of = say(f"chart.{index}")
        bars = chart.hbar(y=place, right="share", height=0.36, color=colour, alpha=0.85, legend_label=name_of, source=source)
        chart.segment(x0="low", x1="high", y0=place, y1=place, line_color=INK, line_width=2, source=source)
        hover(chart, [bars], (say("chart.input"), "@input"), (name_of, "@said"))
    legend_below(chart)
    return chart
