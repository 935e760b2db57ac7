# ruff: noqa: F405
"""ipvalue values intellectual property by the million: values, distributions, portfolio risk."""

import sys
from typing import TYPE_CHECKING

from ipvalue.package import Package

if TYPE_CHECKING:
    from ipvalue.public import *  # noqa: F403

__all__ = [
    "Calibrated",
    "CashRule",
    "Evidence",
    "Explanation",
    "Exported",
    "IndexResult",
    "InputError",
    "IpvalueError",
    "LendResult",
    "LendableResult",
    "Market",
    "Outcome",
    "Plan",
    "Result",
    "ReverseStress",
    "RunError",
    "ScenarioResult",
    "SensitivityResult",
    "Started",
    "Verified",
    "calibrate",
    "cash_rule",
    "check",
    "evidence",
    "explain",
    "export",
    "indices",
    "init",
    "lend",
    "lendable",
    "load_market",
    "open_explanation",
    "open_indices",
    "open_lendable",
    "open_loans",
    "open_result",
    "open_scenarios",
    "open_sensitivities",
    "plan",
    "report",
    "reverse_stress",
    "run",
    "scenarios",
    "sensitivities",
    "synthesize",
    "value",
    "verify",
]

sys.modules[__name__].__class__ = Package
