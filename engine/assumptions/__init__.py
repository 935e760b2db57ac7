"""What fills a blank, by right type, jurisdiction and sector; official fees; survival curves; each with its source."""

from ipvalue.assumptions.book import (
    NONE,
    Assumptions,
    AssumptionSet,
    FeeSchedule,
    Premise,
    SurvivalCurve,
    load_assumptions,
)
from ipvalue.assumptions.fill import fill

__all__ = [
    "NONE",
    "AssumptionSet",
    "Assumptions",
    "FeeSchedule",
    "Premise",
    "SurvivalCurve",
    "fill",
    "load_assumptions",
]
