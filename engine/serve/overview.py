"""What the page of one result shows, of whichever command: its facts, its whole, a chart, its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ipvalue.explain import Explanation
from ipvalue.explain.explanation import STEPS_FILE
from ipvalue.indices import open_indices
from ipvalue.lent import open_loans
from ipvalue.report.embed import Cell, Chart, Column, Grid, embedded, number
from ipvalue.report.terminal import facts, largest_groups, quantile_columns
from ipvalue.scenario_run import open_scenarios
from ipvalue.sensitivities import open_sensitivities
from ipvalue.serve.pages import Pages
from ipvalue.serve.root import Run
from ipvalue.valuation import Result, open_result

MOST_LINES = 1000
"""Rows of a table that a page holds."""
_OPENED: dict[str, Any] = {
    "value": open_result,
    "scenarios": open_scenarios,
    "sensitivities": open_sensitivities,
    "sensitivities --indices": open_indices,
    "lend": open_loans,
}
_TABLES = {
    "scenarios": ("scenarios",),
    "sensitivities": ("tornado", "sensitivities"),
    "sensitivities --indices": ("indices",),
    "lend": ("book", "exposures"),
}
"""Which of a result's tables are shown, but for groups."""


@dataclass(frozen=True)
class Overview:
    """Names with texts of the run; figures of the whole, each a name, a text and a smaller one; charts, tables, what the run warned
    of, and of an explanation what differs between the inputs."""

    facts: list[tuple[str, str]]
    tiles: list[tuple[str, str, str]] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def overview_of(run: Run, pages: Pages) -> Overview:
    """Raises InputError where a file of it is damaged."""
    command = run.kind.command
    if command == "explain":
        return _of_explanation(run, pages)
    result: Result = _OPENED[command](str(run.place))
    grids = [] if command != "value" else _groups(result, pages)
    grids += [_grid(name, pages.say.or_as_is("serve", name), getattr(result, name), pages) for name in _TABLES.get(command, ())]
    if result.rejects.num_rows:
        grids.append(_grid("rejects", pages.say("serve.rejects"), result.rejects, pages, without=("rule",)))
    return Overview(
        [*facts(result.manifest), ("fingerprint", str(result.manifest.get("fingerprint", "")))],
        _tiles(result, pages),
        _charts(result, pages),
        grids,
        [str(text) for text in result.manifest["warnings"]],
    )


def _tiles(result: Result, pages: Pages) -> list[tuple[str, str, str]]:
    """The whole in a few figures."""
    say, currency = pages.say, result.manifest["inputs"]["market"]["content"]["currency"]
    counts = result.manifest["counts"]
    found = [("valued", say.count(counts["valued"]), say("serve.of_rows", rows=say.count(counts["rows"])))]
    table = {"value": "groups", "scenarios": "scenarios", "lend": "book"}.get(result.command)
    if table is None:
        return found
    whole = getattr(result, table).slice(0, 1).to_pylist()[0]
    names = [name for name in ("value", "mean", "standard_deviation", "expected_shortfall", "es_99", "unexpected_loss") if name in whole]
    ends = quantile_columns(getattr(result, table))
    names += list(dict.fromkeys([*ends[:1], *ends[-1:]]))
    return found + [(name, say.amount(whole[name]), currency) for name in names]


def _charts(result: Result, pages: Pages) -> list[Chart]:
    say = pages.say
    if result.command == "value":
        title = say("serve.distribution")
        return [embedded("distribution", result.plot.distribution(), title, title, say("serve.distribution_said"))]
    if result.command == "sensitivities":
        title = say("serve.tornado")
        plots: Any = result.plot
        return [embedded("swings", plots.tornado(), title, title, say("serve.tornado_said"))]
    return []


def _groups(result: Result, pages: Pages) -> list[Grid]:
    """The groups of a valuation, those with most value first, with the columns that a screen has room for."""
    found = largest_groups(result)
    if not found.num_rows:
        return []
    ends = quantile_columns(found)
    amounts = ["value", "mean", "standard_error", *dict.fromkeys([*ends[:1], *ends[-1:]]), "expected_shortfall", "diversification"]
    names = [*result.manifest["options"]["group_by"], "assets", *(name for name in amounts if name in found.column_names)]
    return [_grid("groups", pages.say("serve.groups"), found.select(names), pages)]


def _of_explanation(run: Run, pages: Pages) -> Overview:
    record = run.record()
    explanation = Explanation(run.store.read_parquet(STEPS_FILE), record, run.store)
    title = pages.say("serve.waterfall")
    told = [(name, str(record[end]["location"])) for name, end in (("old", "old"), ("new", "new"))]
    told += [("made by", f"ipvalue {record['ipvalue']}, numerics {record['numerics_version']}")]
    return Overview(
        told,
        charts=[embedded("waterfall", explanation.plot.waterfall(), title, title, pages.say("serve.waterfall_said"))],
        grids=[_grid("steps", title, explanation.steps, pages)],
        differences=[str(text) for text in record["differences"]],
    )


def _grid(name: str, caption: str, table: pa.Table, pages: Pages, without: Sequence[str] = ()) -> Grid:
    """A table as a page has it, its first MOST_LINES rows."""
    fields = [one for one in table.schema if one.name not in without and not one.name.startswith("sum_of_")]
    columns = [Column(pages.head(one.name), not _is_text(one.type)) for one in fields]
    shown = table.select([one.name for one in fields]).slice(0, MOST_LINES)
    rows = [[_cell(one, row[one.name], pages) for one in fields] for row in shown.to_pylist()]
    more = (
        pages.say("serve.more_lines", shown=pages.say.count(MOST_LINES), all=pages.say.count(table.num_rows)) if table.num_rows > MOST_LINES else ""
    )
    return Grid(name, caption, columns, rows, more)


def _is_text(kind: pa.DataType) -> bool:
    return not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def _cell(one: pa.Field, value: Any, pages: Pages) -> Cell:
    if _is_text(one.type):
        return pages.cell(one.name, value)
    return number(value, lambda amount: pages.cell(one.name, int(amount) if pa.types.is_integer(one.type) else float(amount)))
