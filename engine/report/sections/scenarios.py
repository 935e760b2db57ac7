"""What if: the whole and its groups under every scenario."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ipvalue.report.embed import Column, Grid, Part, Section, Tile, embedded, number
from ipvalue.report.labels import Labels
from ipvalue.report.plotting import charts
from ipvalue.report.scenarios import by_scenario, farthest
from ipvalue.report.sections.tables import currency_of, table
from ipvalue.report.terminal import group_name
from ipvalue.scenario_run import ScenarioResult

SHOWN, GROUPS = 24, 5
"""Scenarios and groups of the heatmap."""
ROWS = 1000


def tiles(result: ScenarioResult, say: Labels) -> list[Tile]:
    """The base, and the scenarios that move it furthest."""
    lines, counts = by_scenario(result), result.manifest["counts"]
    moved = sorted(lines[1:], key=lambda line: line.difference)
    found = [
        Tile(say("tile.mean"), say.amount(lines[0].mean), currency_of(result.manifest)),
        Tile(say("tile.scenarios"), say.count(len(lines) - 1)),
        Tile(say("tile.rights"), say.count(counts["valued"]), say("tile.of_rows", rows=say.count(counts["rows"]))),
    ]
    if moved and moved[0].difference < 0.0:
        found.append(Tile(say("tile.worst_scenario"), f"{moved[0].percent} %", moved[0].scenario))
    if moved and moved[-1].difference > 0.0:
        found.append(Tile(say("tile.best_scenario"), f"{moved[-1].percent} %", moved[-1].scenario))
    return found


def sections(result: ScenarioResult, say: Labels) -> list[Section]:
    """The heatmap, all figures, and what the scenarios are."""
    parts: list[Part] = [*_heat(result, say), _whole(result, say), *_groups(result, say), _terms(result, say)]
    return [Section("scenarios", say("scenarios.title"), say("scenarios.lead"), parts)]


def _names(result: ScenarioResult, say: Labels) -> list[str]:
    """The whole, then the groups of a scenario."""
    columns = result.manifest["options"]["group_by"]
    rows = result.scenarios.slice(0, result.groups_each).to_pylist()
    return [say("word.all"), *(group_name(row, columns) for row in rows[1:])]


def _heat(result: ScenarioResult, say: Labels) -> Iterator[Part]:
    lines = farthest(by_scenario(result), SHOWN)[1:]
    if not lines:
        return
    names = _names(result, say)
    base = result.scenarios.slice(0, result.groups_each)["mean"].to_numpy()
    places = [0, *(1 + np.argsort(-base[1:], kind="stable")[:GROUPS]).tolist()]
    of = {place: {row["scenario"]: row for row in result.of_group(place)} for place in places}
    scenarios = [line.scenario for line in lines]
    rows = [[of[place][scenario] for place in places] for scenario in scenarios]
    shares = np.array([
        [row["difference"] / base[place] if base[place] else np.nan for place, row in zip(places, cells, strict=True)] for cells in rows
    ])  # fmt: skip
    tips = [[f"{say.amount(row['difference'])} ± {say.amount(row['difference_error'])}" for row in cells] for cells in rows]
    title = say("scenarios.heat")
    columns = [names[place] for place in places]
    drawn = charts().heat(title, scenarios, columns, shares, tips, say)
    heads = [Column(say("chart.scenario")), *(Column(name, True) for name in columns)]
    cells = [
        [scenario, *(number(float(share) if np.isfinite(share) else None, lambda found: f"{100 * found:+.1f} %") for share in line)]
        for scenario, line in zip(scenarios, shares, strict=True)
    ]
    worst = int(np.nanargmin(shares[:, 0])) if np.isfinite(shares[:, 0]).any() else 0
    alt = say("scenarios.alt", number=len(scenarios), worst=scenarios[worst], change=f"{100 * shares[worst, 0]:+.1f} %")
    yield embedded("scenarios-heat", drawn, title, alt, say("scenarios.caption"), Grid("scenarios-heat", title, heads, cells))


def _whole(result: ScenarioResult, say: Labels) -> Grid:
    heads = [Column(say("chart.scenario")), *(Column(say(key), True) for key in ("column.mean", "column.difference", "column.difference_error"))]
    rows = []
    for line in by_scenario(result)[:ROWS]:
        share = None if line.of_base is None or line.of_base == 0.0 else line.difference / line.of_base
        differences = (None, None) if line.of_base is None else (line.difference, line.error)
        rows.append([
            line.scenario,
            *(number(amount, say.amount) for amount in (line.mean, *differences)),
            number(share, lambda found: f"{100 * found:+.1f} %"),
        ])  # fmt: skip
    caption = say("scenarios.whole", currency=currency_of(result.manifest))
    return Grid("scenarios", caption, [*heads, Column(say("chart.change"), True)], rows, say("scenarios.note"))


def _groups(result: ScenarioResult, say: Labels) -> Iterator[Grid]:
    """Every scenario and group, those that moved most first, as far as a page has room."""
    columns = result.manifest["options"]["group_by"]
    if not columns:
        return
    moved = [row for row in result.scenarios.slice(result.groups_each).to_pylist() if row[columns[0]] is not None]
    rows = sorted(moved, key=lambda row: -abs(row["difference"]))[:ROWS]
    names = ["scenario", *columns, "assets", "mean", "difference", "difference_error"]
    texts = {"scenario": None, **{name: "right_type" if name == "right_type" else None for name in columns}}
    left = say("made_of.left_out", shown=say.count(len(rows)), all=say.count(len(moved))) if len(moved) > ROWS else ""
    yield table(say, "scenarios-groups", say("scenarios.groups", currency=currency_of(result.manifest)), rows, names, texts, left)


def _terms(result: ScenarioResult, say: Labels) -> Grid:
    """What each scenario shocks, why, and after which source."""
    heads = [Column(say("chart.scenario")), Column(say("scenarios.shocks")), Column(say("scenarios.reasoning")), Column(say("scenarios.source"))]
    rows = [
        [one["name"], "; ".join(_shock(shock) for shock in one["shock"]), str(one.get("reasoning") or ""), str(one.get("source") or "")]
        for one in result.manifest["inputs"]["scenarios"]
    ]
    return Grid("scenarios-terms", say("scenarios.terms"), heads, rows, spread=True)


def _shock(shock: dict[str, object]) -> str:
    """ "curve all, add 0.02, where sector == 'software'"."""
    named = [f"{name} {_values(value)}" for name, value in shock.items() if value is not None]
    return ", ".join(named)


def _values(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
