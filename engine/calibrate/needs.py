"""The libraries of the extra `calibrate`: loaded when they are needed, and asked for in a sentence where they are missing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from ipvalue.schema import InputError

EXTRA = "pip install 'ipvalue[calibrate]'"
_PACKAGES = {"sklearn": "scikit-learn"}


def needed(module: str) -> ModuleType:
    """A module of one of them. Raises InputError where it is not installed."""
    try:
        return import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        raise InputError(f"{_PACKAGES.get(name, name)} is not installed, and this calibration is made with it: {EXTRA}") from None
