"""What people see: text for the terminal."""

from ipvalue.report.terminal import histogram, overview

__all__ = ["histogram", "overview"]
