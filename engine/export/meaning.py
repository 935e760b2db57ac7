"""What the registry says of the columns of a result's tables."""

from __future__ import annotations

import re

from ipvalue.schema import RESULTS, Column

_QUANTILE = re.compile(r"q\d\d(_\d+)?$")
_GROUPS = "(group columns)"


_BESIDES = {"scenario_assets": ("assets",)}
"""Tables that have columns of others besides their own."""


def described(table: str, name: str) -> Column:
    """What is said of a column of one of RESULTS: all quantiles stand there under one name, and so do the columns that rights are grouped by."""
    for registry in (RESULTS[one] for one in (table, *_BESIDES.get(table, ()))):
        if found := registry.get(name) or registry.get(_QUANTILE.sub("q…", name)):
            return found
    return RESULTS[table][_GROUPS]
