"""Charts of results and explanations, drawn with Bokeh (the extra `plot`); to be imported only where one is asked for."""

from ipvalue.report.plots.convergence import convergence
from ipvalue.report.plots.distribution import distribution
from ipvalue.report.plots.fan import fan
from ipvalue.report.plots.indices import indices
from ipvalue.report.plots.tornado import tornado
from ipvalue.report.plots.waterfall import waterfall

__all__ = ["convergence", "distribution", "fan", "indices", "tornado", "waterfall"]
