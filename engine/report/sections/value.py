"""What a portfolio is worth: its distribution, what it is made of, and its most valuable rights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.composition import BY, ByColumn, Composition
from ipvalue.report.embed import Chart, Column, Grid, Note, Part, Section, Tile, embedded, number
from ipvalue.report.labels import Labels
from ipvalue.report.plotting import charts
from ipvalue.report.sections.tables import currency_of, head, quantile_columns, table
from ipvalue.report.terminal import floats, largest_groups
from ipvalue.valuation import Result

TOP, IN_CHART, BARS = 500, 15, 12
"""Rights and groups of a table; rights of a chart; bars of one."""

_TEXTS = {"asset_id": None, "method": "method", "status": "status"}


def tiles(result: Result, say: Labels) -> list[Tile]:
    """The figures at the head of the page."""
    whole, counts = result.groups.slice(0, 1).to_pylist()[0], result.manifest["counts"]
    tail = f"{100.0 * result.manifest['options']['tail']:g} %"
    found = [
        Tile(say("tile.value"), say.amount(whole["value"]), currency_of(result.manifest)),
        Tile(say("tile.mean"), say.amount(whole["mean"]), f"± {say.amount(whole['standard_error'])}"),
        *(Tile(head(say, name), say.amount(whole[name]), say("tile.quantile")) for name in _ends(quantile_columns(result.groups))),
        Tile(say("tile.shortfall", tail=tail), say.amount(whole["expected_shortfall"]), say("tile.worst", tail=tail)),
        Tile(say("tile.rights"), say.count(counts["valued"]), say("tile.of_rows", rows=say.count(counts["rows"]))),
    ]
    return [*found, Tile(say("tile.rejected"), say.count(counts["rejected"]), say("tile.see_rejects"))] if counts["rejected"] else found


def distribution(result: Result, say: Labels) -> Section:
    """The sum on each path, with its quantiles and the mean of the worst."""
    options, currency = result.manifest["options"], currency_of(result.manifest)
    row, levels = result.groups.slice(0, 1).to_pylist()[0], tuple(options["quantiles"])
    drawn = charts().distribution(say("word.all"), floats(result.sums(0)), row, levels, options["tail"], currency, say)
    title = drawn.title.text
    quantiles = quantile_columns(result.groups)
    said = {"mean": say.amount(row["mean"]), "tail": f"{100 * options['tail']:g} %", "shortfall": say.amount(row["expected_shortfall"])}
    ends = ", ".join(f"{head(say, name)} {say.amount(row[name])}" for name in _ends(quantiles))
    alt = say("distribution.alt", **said, ends=ends, currency=currency)
    names = ["mean", "standard_error", "standard_deviation", *quantiles, "expected_shortfall"]
    lines: list[tuple[str, float | None]] = [(head(say, name), row[name]) for name in names]
    lines += [(say("distribution.at_risk", quantile=head(say, name)), row["mean"] - row[name]) for name in quantiles[:1]]
    lines += [(say("distribution.gain", quantile=head(say, name)), row[f"diversification_{name}"]) for name in quantiles]
    figures = Grid(
        "distribution-figures",
        say("distribution.figures", currency=currency),
        [Column(say("word.figure")), Column(currency, True)],
        [[name, number(amount, say.amount)] for name, amount in lines],
        say("distribution.note"),
    )
    caption = say("distribution.caption", tail=said["tail"])
    caption += say("distribution.marks", quantile=head(say, quantiles[0]), share=f"{100 * min(levels):g} %") if quantiles else ""
    chart = embedded("distribution-chart", drawn, title, alt, caption)
    return Section("distribution", say("distribution.title"), say("distribution.lead"), [chart, figures])


def made_of(result: Result, composed: Composition, say: Labels) -> Section:
    """The value by columns of the portfolio, and the groups of the run; of columns with one value that value."""
    told = {name: composed.by[name] for name in BY if name in composed.by}
    parts: list[Part] = [part for name, found in told.items() if found.table.num_rows > 1 for part in _by(found, name, result, say)]
    same = [f"{head(say, name)}: {_name(found.first(1)[0]['name'], name, say)}" for name, found in told.items() if found.table.num_rows == 1]
    parts += [Note(say("made_of.same", columns="; ".join(same)), warning=False)] if same else []
    if composed.untold:
        parts.append(Note(say("made_of.untold", reason=composed.untold)))
    parts += groups(result, say)
    return Section("made-of", say("made_of.title"), say("made_of.lead"), parts)


def _by(found: ByColumn, name: str, result: Result, say: Labels) -> Iterator[Part]:
    """A chart and a table of one column."""
    currency, what = currency_of(result.manifest), head(say, name)
    rows = [{**row, "name": _name(row["name"], name, say)} for row in found.first(TOP)]
    names = found.table.num_rows
    bars, rest = rows[:BARS], found.others(BARS)
    beside = say("made_of.others", number=say.count(rest["names"]), value=say.amount(rest["value"]), currency=currency) if rest else ""
    title = say("made_of.by", column=what)
    aside = [say("word.rights", number=say.count(row["rights"])) for row in bars]
    drawn = charts().by_name(title, [row["name"] for row in bars], [row["value"] for row in bars], aside, currency, say)
    alt = say("made_of.alt", column=what, number=say.count(names), first=rows[0]["name"], value=say.amount(rows[0]["value"]), currency=currency)
    left = say("made_of.left_out", shown=say.count(TOP), all=say.count(names)) if names > TOP else ""
    rows = [{**row, name: row["name"]} for row in rows]
    grid = table(say, f"by-{name}", f"{title}, {currency}", rows, (name, "rights", "value", "share"), {name: None}, left)
    yield embedded(f"by-{name}", drawn, title, alt, say("made_of.caption") + beside)
    yield grid


def _name(value: str | None, column: str, say: Labels) -> str:
    if value is None:
        return say("made_of.blank")
    return say.or_as_is("right_type", value) if column == "right_type" else value


def groups(result: Result, say: Labels) -> Iterator[Grid]:
    """The groups that the run was asked for."""
    columns = result.manifest["options"]["group_by"]
    if not columns:
        return
    found = largest_groups(result)
    quantiles = quantile_columns(found)
    names = [
        *columns,
        "assets",
        "value",
        "mean",
        "standard_error",
        *_ends(quantiles),
        "expected_shortfall",
        *(["diversification"] if quantiles else []),
    ]
    left = say("made_of.left_out", shown=say.count(TOP), all=say.count(found.num_rows)) if found.num_rows > TOP else ""
    texts = {name: "right_type" if name == "right_type" else None for name in columns}
    caption = say("made_of.groups", columns=", ".join(head(say, name) for name in columns), currency=currency_of(result.manifest))
    yield table(say, "groups", caption, found.slice(0, TOP).to_pylist(), names, texts, left)


def top_rights(result: Result, composed: Composition, top: pa.Table, say: Labels) -> Section:
    """The most valuable rights, with how far each value may be off, and how far the simulation may be."""
    currency, quantiles = currency_of(result.manifest), quantile_columns(top)
    rows = top.to_pylist()
    columns = [
        "asset_id",
        "method",
        "value",
        "mean",
        "standard_error",
        *_ends(quantiles),
        "probability_of_loss",
        "expected_life",
        "closed_form",
        "status",
    ]
    note = say("top.note", shown=say.count(len(rows)), all=say.count(result.manifest["counts"]["valued"]))
    grid = table(say, "top", say("top.table", currency=currency), rows, columns, _TEXTS, note)
    return Section("top", say("top.title"), say("top.lead"), [*_intervals(rows[:IN_CHART], quantiles, currency, say), _statuses(composed, say), grid])


def _statuses(composed: Composition, say: Labels) -> Grid:
    """How many rights there is something to be careful about."""
    rows = [{**row, "status": row["name"]} for row in composed.statuses.first(TOP)]
    return table(say, "statuses", say("top.statuses"), rows, ("status", "rights", "value", "share"), {"status": "status"}, say("top.statuses_note"))


def _intervals(rows: list[dict[str, Any]], quantiles: list[str], currency: str, say: Labels) -> Iterator[Chart]:
    ends = _ends(quantiles)
    if len(ends) < 2:
        return
    low, high, mean, error = (np.array([row[name] for row in rows], np.float64) for name in (*ends, "mean", "standard_error"))
    labels = head(say, ends[0]), head(say, ends[1])
    title = say("top.intervals", number=len(rows))
    drawn = charts().intervals(title, [row["asset_id"] for row in rows], mean, np.nan_to_num(error), low, high, labels, currency, say)
    alt = say("top.alt", number=len(rows), first=rows[0]["asset_id"], low=say.amount(low[0]), high=say.amount(high[0]), currency=currency)
    yield embedded("top-intervals", drawn, title, alt, say("top.caption", low=labels[0], high=labels[1]))


def _ends(quantiles: list[str]) -> list[str]:
    """The lowest and the highest of them."""
    return list(dict.fromkeys([*quantiles[:1], *quantiles[-1:]]))
