"""What fills a blank, by right type, jurisdiction and sector; official fees; survival curves; each with its source."""

from ipvalue.assumptions.book import Assumptions, load_assumptions
from ipvalue.assumptions.describe import TITLES, Listing, as_text, jurisdictions, listing, sectors
from ipvalue.assumptions.file_tables import NONE, FeeSchedule, Premise, SurvivalCurve
from ipvalue.assumptions.fill import fill
from ipvalue.assumptions.sets import AssumptionSet

__all__ = [
    "NONE",
    "TITLES",
    "AssumptionSet",
    "Assumptions",
    "FeeSchedule",
    "Listing",
    "Premise",
    "SurvivalCurve",
    "as_text",
    "fill",
    "jurisdictions",
    "listing",
    "load_assumptions",
    "sectors",
]
