"""ipvalue show"""

from __future__ import annotations

import json
from typing import Annotated

import pyarrow as pa
import typer
from rich.table import Table
from rich.text import Text

from ipvalue.cli.common import count, errors_as_sentences, out
from ipvalue.report.terminal import Overview, bar, money, overview
from ipvalue.valuation import open_result

NAME = "show"
BAR_WIDTH = 40
_MONEY = ("value", "mean", "q05", "q50", "q95")


def command(
    directory: Annotated[str, typer.Argument(help="A results directory.", show_default=False)],
    top: Annotated[int, typer.Option(min=1, help="How many of the most valuable rights and largest groups.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="The same for machines.")] = False,
) -> None:
    """Show a result: its distribution, its top rights, its groups.

    Example: ipvalue show results --top 20
    """
    with errors_as_sentences():
        found = overview(open_result(directory), top)
        if as_json:
            typer.echo(json.dumps(_as_json(found), indent=2))
        else:
            _print(found, top)


def _as_json(found: Overview) -> dict[str, object]:
    return {
        "facts": dict(found.facts),
        "whole": found.whole,
        "histogram": [{"from": low, "to": high, "paths": paths} for low, high, paths in found.bars],
        "top": found.top.to_pylist(),
        "groups": found.groups.to_pylist(),
        "rejects": found.rejects.num_rows,
    }


def _print(found: Overview, top: int) -> None:
    for name, text in found.facts:
        out.print(f"{name:>14}  {text}", markup=False)
    out.print()
    for name, number in found.whole.items():
        if isinstance(number, float) and not name.startswith(("sum_of", "diversification_")):
            label = name if name.startswith("q") else name.replace("_", " ")
            out.print(f"{label:>19}  {money(number)}", markup=False)
    out.print("\nValue of the whole, by path")
    most = max(paths for _, _, paths in found.bars)
    for low, high, paths in found.bars:
        out.print(f"{money(low):>10} – {money(high):<10} {bar(paths / most, BAR_WIDTH)} {paths:,}", markup=False)
    out.print(_table(f"The {found.top.num_rows} most valuable rights", found.top, ["asset_id"], "status"))
    if found.groups.num_rows:
        names = [field.name for field in found.groups.schema if pa.types.is_string(field.type)]
        largest = found.groups.sort_by([("value", "descending")]).slice(0, top)
        more = f", the {top} largest of {found.groups.num_rows}" if found.groups.num_rows > top else ""
        out.print(_table("Groups" + more, largest, [*names, "assets"], None))
    if found.rejects.num_rows:
        out.print(f"{count(found.rejects.num_rows, 'problem')} in rejected rows; the first: {found.rejects['message'][0]}", markup=False)


def _table(title: str, rows: pa.Table, names: list[str], last: str | None) -> Table:
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False, header_style="bold", title_style="")
    money_names = [name for name in _MONEY if name in rows.column_names]
    for name in (*names, *money_names, *([last] if last else [])):
        table.add_column(name, justify="right" if name in money_names or name == "assets" else "left", no_wrap=name in money_names)
    for row in rows.to_pylist():
        cells = [str(row[name]) for name in names] + [money(row[name]) for name in money_names] + ([str(row[last])] if last else [])
        table.add_row(*map(Text, cells))  # as they are: an id may look like markup
    return table
