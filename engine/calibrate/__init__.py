"""Parameters from data: what a price implies, growth and volatility from revenue, factors from a panel, survival from renewal records."""

from ipvalue.calibrate.factors import factors
from ipvalue.calibrate.found import Calibrated
from ipvalue.calibrate.history import history
from ipvalue.calibrate.implied import implied
from ipvalue.calibrate.survival import survival

__all__ = ["Calibrated", "factors", "history", "implied", "survival"]
