"""Charts of results and explanations, drawn with Bokeh (the extra `plot`); to be imported only where one is asked for."""

from ipvalue.report.plots.bars import by_class, by_name, heat, intervals, pairs
from ipvalue.report.plots.convergence import convergence
from ipvalue.report.plots.curves import concentration, exceedance, held
from ipvalue.report.plots.distribution import distribution
from ipvalue.report.plots.fan import fan
from ipvalue.report.plots.indices import indices
from ipvalue.report.plots.tornado import tornado
from ipvalue.report.plots.waterfall import signed, step_name, waterfall

__all__ = [
    "by_class",
    "by_name",
    "concentration",
    "convergence",
    "distribution",
    "exceedance",
    "fan",
    "heat",
    "held",
    "indices",
    "intervals",
    "pairs",
    "signed",
    "step_name",
    "tornado",
    "waterfall",
]
