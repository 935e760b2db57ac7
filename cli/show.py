"""ipvalue show"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ipvalue.amounts import money
from ipvalue.cli.common import count, errors_as_sentences, out
from ipvalue.cli.scenarios import print_scenarios
from ipvalue.explain import RECORD
from ipvalue.lendable.result import LendableResult, open_lendable
from ipvalue.loan_book.lent import LendResult, open_loans
from ipvalue.report.loans import book_table, borrowers_table, capacity_table, loans_table, tranche_tables
from ipvalue.report.scenarios import by_scenario
from ipvalue.report.terminal import AssetView, Bars, GroupView, Overview, asset_view, bar, facts, group_view, overview, quantile_columns, rest
from ipvalue.scenario_run import ScenarioResult, open_scenarios
from ipvalue.schema import InputError
from ipvalue.store import Store, made_by
from ipvalue.valuation import open_result

BAR_WIDTH = 40
_TOP_MONEY = ("value", "mean", "q05", "q50", "q95")
_NO_MONEY = ("probability_of_loss", "expected_life")
_NO_ASSETS = "--asset shows one right of a result of ipvalue value, and this is one of ipvalue {}"
_HEADS = {"diversification": "diversi-\nfication"}
"""Heads in two lines, where a column of amounts would be wider for its name alone."""


def command(
    directory: Annotated[str, typer.Argument(help="A results directory.", show_default=False)],
    top: Annotated[int, typer.Option(min=1, help="How many of the most valuable rights, the largest groups and the columns filled.")] = 10,
    group: Annotated[str | None, typer.Option(help="One group only, by its values with commas between.", show_default=False)] = None,
    asset: Annotated[str | None, typer.Option(help="One right only, by its asset_id: its paths are drawn again.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same for machines, with all groups.")] = False,
) -> None:
    """Show a result: its distribution, top rights and groups.

    Also by which methods rights were valued, and what the assumptions filled. Of scenarios: the whole under each, and its difference to the base. Of
    loans: what each bearer loses, and the loans with the greatest expected losses.

    Examples:
        ipvalue show results --group software,trademark
        ipvalue show results --asset TM-1
        ipvalue show results --json
    """
    with errors_as_sentences():
        store = Store(directory)
        if store.has(RECORD):
            raise InputError(f"{directory}: is an explanation: ipvalue report makes a page of it, ipvalue export a workbook")
        made = made_by(store.manifest())
        if asset is not None and (group is not None or made != "value"):
            raise InputError(
                "--asset shows one right of a result of ipvalue value: leave --group out" if made == "value" else _NO_ASSETS.format(made)
            )
        match made:
            case "scenarios":
                _show_scenarios(open_scenarios(directory), group, as_json)
                return
            case "lend":
                _show_loans(open_loans(directory), top, as_json)
                return
            case "lend --largest":
                _show_lendable(open_lendable(directory), top, as_json)
                return
        result = open_result(directory)
        if asset is not None:
            _show_asset(asset_view(result, asset), as_json)
        elif group is not None:
            _show_group(group_view(result, group), as_json)
        else:
            _show_overview(overview(result, top), top, as_json)


def _show_overview(found: Overview, top: int, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_overview_json(found), indent=2))
    else:
        _print_overview(found, top)


def _show_group(found: GroupView, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"group": found.name, **found.statistics, "histogram": _bars_json(found.bars)}, indent=2))
    else:
        _print_group(found)


def _show_asset(found: AssetView, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({**found.row, "histogram": _bars_json(found.bars)}, indent=2))
    else:
        _print_asset(found)


def _show_loans(result: LendResult, top: int, as_json: bool) -> None:
    """A book of loans: who bears what, and the loans that lose most."""
    described = facts(result.manifest)
    if as_json:
        tables = {name: one.to_pylist() for name in ("book", "exposures", "tranches") if (one := getattr(result, name)) is not None}
        typer.echo(json.dumps({"facts": dict(described), **tables}, indent=2))
        return
    for name, text in described:
        out.print(f"{name:>14}  {text}", markup=False)
    out.print()
    for one in (book_table(result), *tranche_tables(result)):
        out.print(one.text + "\n", markup=False)
    out.print(loans_table(result, top).text, markup=False)


def _show_lendable(result: LendableResult, top: int, as_json: bool) -> None:
    """What may be lent on a register, and the owners to whom most may be."""
    described = facts(result.manifest)
    if as_json:
        typer.echo(json.dumps({"facts": dict(described), "capacity": result.capacity.to_pylist()}, indent=2))
        return
    for name, text in described:
        out.print(f"{name:>14}  {text}", markup=False)
    out.print()
    out.print(capacity_table(result).text, markup=False)
    if result.borrowers.num_rows:
        out.print("\n" + borrowers_table(result, top).text, markup=False)


def _show_scenarios(result: ScenarioResult, group: str | None, as_json: bool) -> None:
    """A result of scenarios: the whole or a group under each of them."""
    described = facts(result.manifest)
    if as_json:
        rows = result.scenarios.to_pylist() if group is None else [asdict(line) for line in by_scenario(result, group)]
        typer.echo(json.dumps({"facts": dict(described), "scenarios": rows}, indent=2))
        return
    for name, text in described if group is None else [("group", group)]:
        out.print(f"{name:>14}  {text}", markup=False)
    out.print()
    print_scenarios(result, group)


# ------------------------------------------------------------------------------------------------ for machines


def _overview_json(found: Overview) -> dict[str, object]:
    return {
        "facts": dict(found.facts),
        "whole": found.whole,
        "histogram": _bars_json(found.bars),
        "top": found.top.to_pylist(),
        "groups": found.groups.to_pylist(),
        "methods": [asdict(one) for one in found.methods],
        "filled": dict(found.filled),
        "rejects": found.rejects.num_rows,
    }


def _bars_json(bars: Bars) -> list[dict[str, float]]:
    return [{"from": low, "to": high, "paths": paths} for low, high, paths in bars]


# ------------------------------------------------------------------------------------------------ for people


def _print_overview(found: Overview, top: int) -> None:
    for name, text in found.facts:
        out.print(f"{name:>14}  {text}", markup=False)
    out.print()
    _print_statistics(found.whole)
    _print_bars("Value of the whole, by path", found.bars)
    names = [name for name in _TOP_MONEY if name in found.top.column_names]
    out.print(_table(f"The {found.top.num_rows} most valuable rights", found.top.to_pylist(), ["asset_id"], names, ["status"]))
    if found.groups.num_rows:
        _print_groups(found, top)
    methods = [asdict(one) for one in found.methods]
    out.print(_table("By method", methods, ["name"], ["value"], [], counts=["rights"]))
    if found.filled:
        _print_filled(found, top)
    if found.rejects.num_rows:
        out.print(f"{count(found.rejects.num_rows, 'problem')} in rejected rows; the first: {found.rejects['message'][0]}", markup=False)


def _print_group(found: GroupView) -> None:
    out.print(f"{found.name}: {count(found.statistics['assets'], 'right')}\n", markup=False)
    _print_statistics(found.statistics)
    _print_bars("Value of the group, by path", found.bars)


def _print_asset(found: AssetView) -> None:
    row = found.row
    out.print(f"{row['asset_id']}: {row['method']}, {count(row['paths'], 'path')}, status {row['status']}\n", markup=False)
    _print_statistics({"value": row["value"], **{name: number for name, number in row.items() if name not in _NO_MONEY}})
    out.print(f"{'probability of loss':>19}  {row['probability_of_loss']:.2%}\n{'expected life':>19}  {row['expected_life']:.2f} years")
    for name, value in zip(row["methods"] or (), row["method_values"] or (), strict=True):
        out.print(f"{name:>19}  {money(value)}", markup=False)
    _print_bars("Value of the right, by path", found.bars)
    if row["filled"]:
        out.print(f"\nFilled by the assumptions: {row['filled']}", markup=False)


def _print_statistics(statistics: dict[str, Any]) -> None:
    for name, number in statistics.items():
        if isinstance(number, float) and not name.startswith(("sum_of", "diversification_")):
            label = name if name.startswith("q") else name.replace("_", " ")
            out.print(f"{label:>19}  {money(number)}", markup=False)


def _print_bars(title: str, bars: Bars) -> None:
    out.print(f"\n{title}")
    most = max(paths for _, _, paths in bars)
    for low, high, paths in bars:
        out.print(f"{money(low):>10} – {money(high):<10} {bar(paths / most, BAR_WIDTH)} {paths:,}", markup=False)


def _print_groups(found: Overview, top: int) -> None:
    """The groups of most value, and the number of the others."""
    shown, others = found.groups.slice(0, top), rest(found.groups, top)
    quantiles = quantile_columns(found.groups)
    names = ["value", "mean", *dict.fromkeys([*quantiles[:1], *quantiles[-1:]]), *(["diversification"] if quantiles else [])]
    title = f"Groups, the {top} largest of {found.groups.num_rows:,}" if others.groups else "Groups"
    out.print(_table(title, shown.to_pylist(), found.group_by, names, [], counts=["assets"]))
    if others.groups:
        out.print(f"and {count(others.groups, 'more group')} with {count(others.rights, 'right')}: {money(others.value)} together", markup=False)


def _print_filled(found: Overview, top: int) -> None:
    shown = [{"column": column, "rights": rights} for column, rights in found.filled[:top]]
    more = f", the {top} most often of {len(found.filled)} columns" if len(found.filled) > top else ""
    out.print(_table(f"Filled by the assumptions{more}", shown, ["column"], [], [], counts=["rights"]))


def _table(
    title: str, rows: list[dict[str, Any]], names: Sequence[str], amounts: Sequence[str], last: Sequence[str], counts: Sequence[str] = ()
) -> Table:
    """Rows as a table: names, then counts, then amounts of money, then what may be cut."""
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False, header_style="bold", title_style="")
    for name in (*names, *counts, *amounts, *last):
        number = name in counts or name in amounts
        table.add_column(_HEADS.get(name, name), justify="right" if number else "left", no_wrap=number)
    for row in rows:
        cells = [*(str(row[name]) for name in names), *(f"{row[name]:,}" for name in counts)]
        cells += [*("" if row[name] is None else money(row[name]) for name in amounts), *(str(row[name]) for name in last)]
        table.add_row(*map(Text, cells))  # as they are: an id may look like markup
    return table
