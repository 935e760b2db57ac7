"""Sensitivities: every driver moved a little to either side, all on the same paths, or in closed form."""

from ipvalue.sensitivities.drivers import DRIVERS
from ipvalue.sensitivities.run import SensitivityResult, open_sensitivities, reopened_sensitivities, sensitivities, sensitivities_into

__all__ = ["DRIVERS", "SensitivityResult", "open_sensitivities", "reopened_sensitivities", "sensitivities", "sensitivities_into"]
