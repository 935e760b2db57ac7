"""What all charts share: colours, units, and a frame that is readable on white and on black."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import FixedTicker, HoverTool, PlainText, Range1d
from bokeh.plotting import figure

from ipvalue.report.labels import SIZES, Labels, labels

Floats = npt.NDArray[np.float64]

ENGLISH = labels("en")

BLUE, SKY, ORANGE, VERMILLION, GREY = "#1B82C4", "#56B4E9", "#E69F00", "#D55E00", "#808080"
"""After the palette of Okabe and Ito, which people who see few colours can tell apart; each stands out from white and from black,
SKY where it fills."""
BAND = {"color": SKY, "alpha": 0.32}
"""What lies between two lines."""
INK = "#7A7A7A"
"""Of texts: about as far from white as from black."""

WIDTH, HEIGHT = 820, 400
ROW = 26
"""Pixels of a horizontal bar."""
_AROUND = 110
"""Pixels above and below such bars."""
_LONGEST = 24
"""Characters of a name beside a bar; longer ones are cut, and whole in the tooltip."""


@dataclass(frozen=True)
class Unit:
    """What amounts are shown in: so many of the currency, and how an axis calls that."""

    size: float
    name: str

    def __call__(self, amounts: Floats | Sequence[float]) -> Floats:
        """Amounts in it."""
        return np.asarray(amounts, np.float64) / self.size


def unit_of(amounts: Floats | Sequence[float], currency: str, say: Labels = ENGLISH) -> Unit:
    """The unit of a language in which the largest of some amounts has few digits before the point."""
    largest = float(np.max(np.abs(amounts), initial=0.0))
    for size, word in SIZES[say.language]:
        if largest >= size:
            return Unit(size, f"{word} {currency}")
    return Unit(1.0, currency)


def words(amounts: Floats | Sequence[float], say: Labels = ENGLISH) -> list[str]:
    """Amounts as tooltips say them."""
    return [say.amount(float(amount)) for amount in amounts]


def frame(title: str, x: str, y: str | None, **more: Any) -> figure:
    """An empty chart: no background of its own, so that the page's shows, light or dark."""
    made = figure(
        title=title,
        x_axis_label=x,
        y_axis_label=y,
        **{"width": WIDTH, "height": HEIGHT, "tools": "pan,box_zoom,reset,save", "toolbar_location": "above", **more},
    )
    made.background_fill_color = made.border_fill_color = made.outline_line_color = None
    made.toolbar.logo = None
    made.toolbar.autohide = True
    made.title.text_color = INK
    for axis in made.axis:
        axis.axis_label_text_color = axis.major_label_text_color = INK
        axis.axis_line_color = axis.major_tick_line_color = GREY
        axis.minor_tick_line_color = None
        axis.axis_label_text_font_style = "normal"
    made.grid.grid_line_color = GREY
    made.grid.grid_line_alpha = 0.25
    return made


def bars_frame(title: str, x: str, labels: Sequence[str], **more: Any) -> figure:
    """The same for horizontal bars, the first on top."""
    made = frame(title, x, None, y_range=list(reversed(labels)), height=_AROUND + ROW * len(labels), **more)
    made.ygrid.grid_line_color = None
    made.yaxis.major_tick_line_color = None
    return made


def named_rows(title: str, x: str, names: Sequence[str], **more: Any) -> figure:
    """The same for names that may be long or the same: bars lie at 0, 1, 2, … from the top."""
    made = frame(title, x, None, y_range=Range1d(len(names) - 0.5, -0.5), height=_AROUND + ROW * len(names), **more)
    name_places(made.yaxis, names)
    made.ygrid.grid_line_color = None
    made.yaxis.major_tick_line_color = None
    return made


def name_places(axis: Any, names: Sequence[str]) -> None:
    """Names at 0, 1, 2, … of an axis, long ones cut; as they are, or Bokeh would take $$ in them for a formula."""
    axis.ticker = FixedTicker(ticks=list(range(len(names))))
    shown = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in names]
    axis.major_label_overrides = {place: PlainText(text=name) for place, name in enumerate(shown)}


def hover(chart: figure, renderers: Sequence[Any], *lines: tuple[str, str], mode: str = "mouse") -> None:
    """Tooltips over some of a chart's glyphs."""
    chart.add_tools(HoverTool(renderers=list(renderers), tooltips=list(lines), mode=mode))


def legend_below(chart: figure) -> None:
    """Puts the legend under the chart, where it hides nothing."""
    legend = chart.legend[0]
    legend.orientation, legend.location = "horizontal", "center"
    legend.background_fill_color = legend.border_line_color = None
    legend.label_text_color = INK
    legend.spacing = 8
    if len(legend.items) > 2:  # in one row they would not fit a telephone
        legend.ncols = 2
    legend.click_policy = "hide"
    chart.add_layout(legend, "below")
