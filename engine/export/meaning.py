"""What the registry says of the columns of a result's tables."""

from __future__ import annotations

from ipvalue.schema import RESULTS, Column, result_column

_GROUPS = "(group columns)"


def described(table: str, name: str) -> Column:
    """What is said of a column of one of RESULTS; one that it does not name is a column that rights are grouped by."""
    return result_column(table, name) or RESULTS[table][_GROUPS]
