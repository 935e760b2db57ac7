"""A small web application on this machine to look at results: a list, one, its rights, evidence, two side by side. It writes nothing there."""

from ipvalue.serve.needs import check_needs

__all__ = ["check_needs"]
