"""What the server cannot do without, and where it comes from."""

from __future__ import annotations

from importlib.util import find_spec

from ipvalue.schema import InputError

EXTRA = ("duckdb", "bokeh", "tornado")


def check_needs() -> None:
    """Raises InputError naming what is not installed, and the extra that brings it."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        what = "is" if len(missing) == 1 else "are"
        raise InputError(f"serve needs {' and '.join(missing)}, which {what} not installed: pip install 'ipvalue[serve]'")
