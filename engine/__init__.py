"""ipvalue values intellectual property by the million: values, distributions, portfolio risk."""

from ipvalue import calibrate, report
from ipvalue.calibrate import Calibrated
from ipvalue.cash_rule import CashRule, cash_rule
from ipvalue.evidence import Evidence, evidence
from ipvalue.execute import Outcome
from ipvalue.explain import Explanation, explain
from ipvalue.market import Market, load_market
from ipvalue.overnight import run
from ipvalue.planning import Plan, plan
from ipvalue.reverse import ReverseStress, reverse_stress
from ipvalue.scenario_run import ScenarioResult, open_scenarios, scenarios
from ipvalue.schema import InputError, IpvalueError, RunError
from ipvalue.sensitivities import SensitivityResult, open_sensitivities, sensitivities
from ipvalue.synthesize import synthesize
from ipvalue.valuation import Result, check, open_result, value
from ipvalue.verify import Verified, verify

__all__ = [
    "Calibrated",
    "CashRule",
    "Evidence",
    "Explanation",
    "InputError",
    "IpvalueError",
    "Market",
    "Outcome",
    "Plan",
    "Result",
    "ReverseStress",
    "RunError",
    "ScenarioResult",
    "SensitivityResult",
    "Verified",
    "calibrate",
    "cash_rule",
    "check",
    "evidence",
    "explain",
    "load_market",
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
