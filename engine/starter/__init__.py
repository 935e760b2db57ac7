"""A directory to begin with: a job file, a market, a sample portfolio and a workbook to fill in."""

from ipvalue.starter.lay import JOB, MARKET, PORTFOLIO_CSV, README, TEMPLATE, Started, init

__all__ = ["JOB", "MARKET", "PORTFOLIO_CSV", "README", "TEMPLATE", "Started", "init"]
