"""What the registry says of the columns of a result's tables."""

from __future__ import annotations

import re

from ipvalue.schema import RESULTS, Column

_QUANTILE = re.compile(r"q\d\d(_\d+)?$")
_GROUPS = "(group columns)"


def described(table: str, name: str) -> Column:
    """What is said of a column of one of RESULTS: all quantiles stand there under one name, and so do the columns that rights are grouped by; rights
    under scenarios have the columns of rights besides their own."""
    for registry in (RESULTS[table], RESULTS["assets"] if table == "scenario_assets" else {}):
        if found := registry.get(name) or registry.get(_QUANTILE.sub("q…", name)):
            return found
    return RESULTS[table][_GROUPS]
