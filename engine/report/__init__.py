"""What people see: text for the terminal, tables for a notebook, charts. Importing it is what lets results show themselves (ipvalue.shown)."""

from ipvalue.report import plotting, telling, views
from ipvalue.report.terminal import histogram, overview

__all__ = ["histogram", "overview", "plotting", "telling", "views"]
