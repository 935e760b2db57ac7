"""The registries as text: what `ipvalue schema` prints and docs/columns.md holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import groupby
from typing import Any

from ipvalue.schema.calibration import CALIBRATION
from ipvalue.schema.column import Column
from ipvalue.schema.errors import InputError, did_you_mean
from ipvalue.schema.loans import LOANS, TRANCHE_RATINGS
from ipvalue.schema.portfolio import PORTFOLIO
from ipvalue.schema.tables import MARKET, RESULTS

TABLES: dict[str, dict[str, Column]] = {
    "portfolio": PORTFOLIO,
    "loans": LOANS,
    "market": MARKET,
    "results": {f"{table}.{name}": column for table, columns in RESULTS.items() for name, column in columns.items()},
    "calibration": CALIBRATION,
    "tranche_ratings": TRANCHE_RATINGS,
}
"""What `describe` knows: each table's columns in their order."""

_HEAD = "| column | type | unit | blank means | must be | meaning | source |\n" + "|---" * 7 + "|\n"

_PREFACE = """# Columns

Every column of every table. This page is made from `engine/schema`; change it there. Rates are annual decimals
(0.05 is 5 %), times are years from the valuation date. A blank is null, never NaN.
"""


def describe(table: str, fmt: str = "md") -> str:
    """The columns of one of TABLES as Markdown ("md") or "json". Raises InputError for any other table or format."""
    if table not in TABLES:
        raise InputError(f"there is no table {table!r}{did_you_mean(table, TABLES)} (tables: {', '.join(TABLES)})")
    if fmt not in _FORMATS:
        raise InputError(f"there is no format {fmt!r}{did_you_mean(fmt, _FORMATS)} (formats: {', '.join(_FORMATS)})")
    return _FORMATS[fmt](TABLES[table])


def columns_page() -> str:
    """The whole page docs/columns.md."""
    return _PREFACE + "".join(f"\n## {table.capitalize()}\n{describe(table)}" for table in TABLES)


def _markdown(columns: dict[str, Column]) -> str:
    groups = groupby(columns.values(), key=lambda column: column.group)
    return "".join(f"\n### {group}\n\n{_HEAD}{''.join(map(_row, members))}" for group, members in groups)


def _row(column: Column) -> str:
    name = f"**`{column.name}`**" if column.required else f"`{column.name}`"
    cells = (name, column.kind, column.unit, _blank(column), column.limits, column.meaning, column.source)
    return f"| {' | '.join(cells)} |\n"


def _blank(column: Column) -> str:
    if column.required:
        return "required"
    return "" if column.default is None else json.dumps(column.default).strip('"')


def _json(columns: dict[str, Column]) -> str:
    return json.dumps([_entry(column) for column in columns.values()], indent=2) + "\n"


def _entry(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "group": column.group,
        "type": column.kind,
        "unit": column.unit,
        "required": column.required,
        "default": column.default,
        "low": column.low,
        "low_open": column.low_open,
        "high": column.high,
        "high_open": column.high_open,
        "choices": list(column.choices),
        "pattern": column.form.pattern if column.form else None,
        "meaning": column.meaning,
        "source": column.source,
    }


_FORMATS: dict[str, Callable[[dict[str, Column]], str]] = {"md": _markdown, "json": _json}
