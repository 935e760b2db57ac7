"""Scenarios: named shocks on the market and on filled rows, from a file, as grids and combinations, or from the shipped library."""

from ipvalue.scenarios.describe import as_toml, listing
from ipvalue.scenarios.load import load_scenarios, shipped
from ipvalue.scenarios.scenario import BASE, Problem, Scenario, Shock, check_rows, markets, merged, terms

__all__ = ["BASE", "Problem", "Scenario", "Shock", "as_toml", "check_rows", "listing", "load_scenarios", "markets", "merged", "shipped", "terms"]
