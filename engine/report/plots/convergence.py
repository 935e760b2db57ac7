"""The average of one right's paths as they grow in number."""

from __future__ import annotations

from bokeh.models import ColumnDataSource, FixedTicker, NumeralTickFormatter
from bokeh.plotting import figure

from ipvalue.course import Settling
from ipvalue.report.plots.style import BAND, BLUE, VERMILLION, frame, hover, legend_below, unit_of, words


def convergence(asset: str, found: Settling, currency: str) -> figure:
    """The average with a band of one standard error to either side; the closed form, where there is one, is what it should come to."""
    low, high = found.mean - found.standard_error, found.mean + found.standard_error
    unit = unit_of([*low, *high], currency)
    source = ColumnDataSource({
        "paths": found.paths,
        "mean": unit(found.mean),
        "low": unit(low),
        "high": unit(high),
        "said": words(found.mean),
        "error": words(found.standard_error),
    })  # fmt: skip
    title = f"{asset}: average of the first paths, before the tax benefit"
    chart = frame(title, "paths", f"present value, {unit.name}", x_axis_type="log")
    chart.xaxis.ticker = FixedTicker(ticks=[first * 10**power for power in range(1, 10) for first in (1, 2, 5)])
    chart.xaxis.formatter = NumeralTickFormatter(format="0,0")
    chart.varea(x="paths", y1="low", y2="high", **BAND, legend_label="± standard error", source=source)
    line = chart.line(x="paths", y="mean", color=BLUE, line_width=2, legend_label="average", source=source)
    if found.closed_form is not None:
        ends = {"x": [found.paths[0], found.paths[-1]], "y": unit([found.closed_form] * 2)}
        chart.line(x="x", y="y", color=VERMILLION, line_width=2, line_dash="dashed", legend_label="closed form", source=ColumnDataSource(ends))
    hover(chart, [line], ("paths", "@paths{0,0}"), ("average", f"@said {currency}"), ("standard error", f"@error {currency}"), mode="vline")
    legend_below(chart)
    return chart
