"""Scenarios: named shocks on the market and on filled rows, from a file, as grids and combinations, or from the shipped library."""

from ipvalue.scenarios.describe import as_toml, listing
from ipvalue.scenarios.load import check_names, load_scenarios, shipped
from ipvalue.scenarios.scenario import BASE, Problem, Scenario, Shock, check_rows, markets, merged, terms
from ipvalue.scenarios.study import Study, Version, versions_of
from ipvalue.scenarios.values import Valued, value_versions

__all__ = [
    "BASE",
    "Problem",
    "Scenario",
    "Shock",
    "Study",
    "Valued",
    "Version",
    "as_toml",
    "check_names",
    "check_rows",
    "listing",
    "load_scenarios",
    "markets",
    "merged",
    "shipped",
    "terms",
    "value_versions",
    "versions_of",
]
