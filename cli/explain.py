"""ipvalue explain"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from ipvalue.amounts import money
from ipvalue.cli.common import comma_list, count, errors_as_sentences, log_line, out, progress
from ipvalue.cli.flags import Scheduler, Workers
from ipvalue.explain import Explanation, explain_into
from ipvalue.report.waterfall import ENDS, Line, Moved, bar, groups, lines, of_whole, scale

_NOISE = "noise"
_LEAST_BAR, _LONGEST_LABEL, _SHORT_LABEL = 10, 28, 14


def command(
    old: Annotated[str, typer.Argument(help="The earlier results directory.", show_default=False)],
    new: Annotated[str, typer.Argument(help="The later one.", show_default=False)],
    out_dir: Annotated[
        str | None, typer.Option("--out", help="Directory for the tables; must be empty or not exist. Without it: the terminal.", show_default=False)
    ] = None,
    group_by: Annotated[
        str | None, typer.Option(help="Columns to group by; by default those of both results, if they are the same.", show_default=False)
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many of the groups that moved most.")] = 10,
    workers: Workers = None,
    scheduler: Scheduler = "threads",
    memory: Annotated[str | None, typer.Option(help="Memory it may use, as 8GiB; by default what is free.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same for machines, with all groups.")] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Progress and errors as JSON lines on stderr.")] = False,
) -> None:
    """Say why the value moved from one result to another.

    Each step is a revaluation with the same random numbers; the steps add up exactly, and each has its standard error.

    Examples:
        ipvalue explain results/2025 results/2026 --out results/why
        ipvalue explain results/2025 results/2026 --json
    """
    with errors_as_sentences(log_json):
        options = {"group_by": comma_list(group_by), "workers": workers, "scheduler": scheduler, "memory": memory}
        with progress(log_json, "explaining") as show:
            found = explain_into(old, new, out_dir, options, show)
        if log_json:
            log_line("done", steps=len(found.record["steps"]), out=out_dir)
        if as_json:
            typer.echo(json.dumps({**found.record, "waterfall": list(map(_plain, found.steps.to_pylist()))}, indent=2))
        elif not log_json:
            _print(found, top, out.width)
            if out_dir is not None:
                out.print(f"\nThe tables are in {out_dir}", markup=False)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON holds it: exact amounts as texts."""
    return {**row, "amount": str(row["amount"]), "cumulative": str(row["cumulative"])}


def _print(found: Explanation, top: int, width: int) -> None:
    before, after = (f"{found.record[end]['valuation_date']}" for end in ENDS)
    whole = lines(of_whole(found))
    out.print(f"From {before} to {after}, in {found.currency}\n", markup=False)
    _print_waterfall(whole, width)
    if any(line.significant is False for line in whole):
        out.print(f"{_NOISE}: within two standard errors of nothing", markup=False)
    moved = [one for one in groups(found) if one.most]
    if moved:
        _print_groups(moved, top, width)


def _print_waterfall(whole: Sequence[Line], width: int) -> None:
    """Lines of at most `width` characters: on a narrow terminal labels are cut, then numbers of rights left out, then errors, then bars."""
    on = scale(whole)
    amounts = [line.signed for line in whole]
    errors = ["" if line.error is None else f"± {money(line.error)}" for line in whole]
    rights = [count(line.rights, "right") for line in whole]
    marks = [_NOISE if line.significant is False else "" for line in whole]
    label = min(max(cell_len(line.label) for line in whole), _LONGEST_LABEL)
    columns = [amounts, errors, rights, marks]
    sizes = [max(map(len, texts)) for texts in columns]

    def rest() -> int:
        return width - label - sum(size + 1 for size in sizes if size) - 2

    if rest() < _LEAST_BAR:
        label = min(label, max(_SHORT_LABEL, label + rest() - _LEAST_BAR))
    for column in (2, 1):
        if rest() < _LEAST_BAR:
            sizes[column] = 0
    bars = rest() if rest() >= _LEAST_BAR else 0
    for i, line in enumerate(whole):
        cells = [f"{texts[i]:>{size}}" for texts, size in zip(columns, sizes, strict=True) if size]
        text = Text(f"{_fit(line.label, label)} {' '.join(cells)}  ")
        text.append(bar(line, on, bars) if bars else "")
        text.stylize(_style(line))
        text.rstrip()
        _print_line(text)
    if bars and not on.from_zero:
        out.print(f"\nBars run from {money(on.low)} to {money(on.high)}.", markup=False)


def _print_line(text: Text) -> None:
    out.print(text, no_wrap=True, crop=True, soft_wrap=False)


def _fit(text: str, size: int) -> str:
    return set_cell_size(text if cell_len(text) <= size else f"{set_cell_size(text, size - 1)}…", size)


def _style(line: Line) -> str:
    if line.step in ENDS:
        return "bold"
    if line.significant is False:
        return "dim"
    return "green" if line.amount > 0 else "red" if line.amount < 0 else ""


def _print_groups(moved: Sequence[Moved], top: int, width: int) -> None:
    shown = moved[:top]
    out.print(f"\nGroups, the {top} of {len(moved):,} that moved most" if len(moved) > top else "\nGroups", markup=False)
    columns = [
        ["old", *(money(one.old) for one in shown)],
        ["new", *(money(one.new) for one in shown)],
        ["change", *(("+" if one.change > 0 else "") + money(one.change) for one in shown)],
    ]
    sizes = [max(map(len, texts)) for texts in columns]
    most = ["mostly by", *(one.most for one in shown)]
    left = width - sum(size + 2 for size in sizes)
    if left - max(map(len, most)) - 2 < _SHORT_LABEL:
        most = [""] * len(most)
    name = min(max(cell_len(one.name) for one in shown), left - max(map(len, most)) - 2)
    for i, title in enumerate(["", *(one.name for one in shown)]):
        cells = [f"{texts[i]:>{size}}" for texts, size in zip(columns, sizes, strict=True)]
        _print_line(Text("  ".join([_fit(title, max(name, 1)), *cells, most[i]]).rstrip(), style="" if title else "bold"))
    if len(moved) > top:
        out.print(f"and {count(len(moved) - top, 'more group')}", markup=False)
