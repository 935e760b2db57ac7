"""What moves a value: sensitivities, indices, and the steps from one result to the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from ipvalue.explain import Explanation
from ipvalue.indices import IndexResult
from ipvalue.report.embed import Chart, Column, Facts, Grid, Note, Part, Section, Tile, embedded, number
from ipvalue.report.indices import inputs_of
from ipvalue.report.labels import Labels
from ipvalue.report.plotting import charts
from ipvalue.report.sections.tables import currency_of, table
from ipvalue.report.sensitivities import swings
from ipvalue.report.waterfall import ENDS, Line, groups, lines, of_whole
from ipvalue.sensitivities import SensitivityResult

WIDEST, RIGHTS, ROWS = 15, 4, 1000
"""Bars of a tornado; rights whose indices are drawn; rows of a table."""


# ------------------------------------------------------------------------------------------------ sensitivities


def tornado_tiles(result: SensitivityResult, say: Labels) -> list[Tile]:
    """The value, and the driver that moves it most."""
    bars, counts = result.bars().slice(0, 1).to_pylist()[0], result.manifest["counts"]
    return [
        Tile(say("tile.value"), say.amount(bars["base"]), currency_of(result.manifest)),
        Tile(say("tile.widest"), _driver(bars["driver"], say), f"{say.amount(bars['low'])} – {say.amount(bars['high'])}"),
        Tile(say("tile.rights"), say.count(counts["valued"]), say("tile.of_rows", rows=say.count(counts["rows"]))),
    ]


def sensitivities(result: SensitivityResult, say: Labels) -> list[Section]:
    """The tornado, and every driver's derivative."""
    bars, currency = result.bars(), currency_of(result.manifest)
    named = bars.set_column(0, "driver", pa.array([_driver(name, say) for name in bars["driver"].to_pylist()]))
    drawn = charts().tornado(say("word.all"), named, bars["base"][0].as_py(), currency, WIDEST, say)
    title, first = drawn.title.text, bars.slice(0, 1).to_pylist()[0]
    said = swings(result)
    rows = [{**row, "driver": _driver(row["driver"], say), "swing": said[row["driver"]]} for row in bars.to_pylist()]
    grid = table(say, "tornado", title, rows, ("driver", "swing", "low", "base", "high"), {"driver": None, "swing": None})
    alt = say("tornado.alt", driver=_driver(first["driver"], say), low=say.amount(first["low"]), high=say.amount(first["high"]), currency=currency)
    chart = embedded("tornado-chart", drawn, title, alt, say("tornado.caption"))
    return [Section("tornado", say("tornado.title"), say("tornado.lead"), [chart, grid, _slopes(result, say)])]


def _driver(name: str, say: Labels) -> str:
    return say.or_as_is("driver", name)


def _slopes(result: SensitivityResult, say: Labels) -> Grid:
    columns = result.manifest["options"]["group_by"]
    found = result.sensitivities
    names = [*columns, "driver", "moved", "derivative", "derivative_error", "elasticity", "elasticity_error", "how"]
    rows = [{**row, **{name: say("word.all") if row[name] is None else row[name] for name in columns}} for row in found.slice(0, ROWS).to_pylist()]
    texts = {"driver": "driver", "how": "how", **{name: "right_type" if name == "right_type" else None for name in columns}}
    left = say("made_of.left_out", shown=say.count(ROWS), all=say.count(found.num_rows)) if found.num_rows > ROWS else ""
    return table(say, "slopes", say("tornado.slopes"), rows, names, texts, " ".join([say("tornado.note"), left]).strip())


# ------------------------------------------------------------------------------------------------ indices


def index_tiles(result: IndexResult, say: Labels) -> list[Tile]:
    """How many rights were looked at, on how many paths."""
    return [
        Tile(say("tile.rights"), say.count(result.manifest["counts"]["valued"])),
        Tile(say("run.paths"), say.count(result.manifest["options"]["paths"])),
    ]


def indices(result: IndexResult, say: Labels) -> list[Section]:
    """Which input the variance of a right's value comes from: the first rights as charts, all in a table."""
    by_right: dict[str, list[dict[str, Any]]] = {}
    for row in result.indices.slice(0, ROWS).to_pylist():
        by_right.setdefault(row["asset_id"], []).append(row)
    told = {name: found for name, rows in by_right.items() if (found := inputs_of(rows))}
    parts: list[Part] = [_index_chart(place, name, rows, say) for place, (name, rows) in enumerate([*told.items()][:RIGHTS])]
    rows = [row for found in told.values() for row in found]
    names = ("asset_id", "input", "first_order", "first_order_error", "total", "total_error", "paths", "status")
    parts.append(
        table(say, "indices", say("indices.table"), rows, names, {"asset_id": None, "input": "driver", "status": "status"}, say("indices.note"))
    )
    return [Section("indices", say("indices.title"), say("indices.lead"), parts)]


def _index_chart(place: int, name: str, rows: list[dict[str, Any]], say: Labels) -> Chart:
    shown = [{**row, "input": _driver(row["input"], say)} for row in rows]
    drawn = charts().indices(name, shown, say)
    alt = say("indices.alt", name=name, input=shown[0]["input"], share=f"{shown[0]['total']:.2f}")
    return embedded(f"indices-{place}", drawn, drawn.title.text, alt, say("indices.caption"))


# ------------------------------------------------------------------------------------------------ explanations


def step_tiles(explanation: Explanation, say: Labels) -> list[Tile]:
    """The old value, the new one, and what lies between."""
    whole = lines(of_whole(explanation))
    old, new = whole[0], whole[-1]
    share = f"{100 * (new.amount - old.amount) / old.amount:+.1f} %" if old.amount else ""
    sign = "+" if new.amount > old.amount else ""
    return [
        Tile(say("step.old"), say.amount(old.amount), explanation.currency),
        Tile(say("step.new"), say.amount(new.amount), explanation.currency),
        Tile(say("tile.change"), f"{sign}{say.amount(new.amount - old.amount)}", share),
    ]


def steps(explanation: Explanation, say: Labels) -> list[Section]:
    """The waterfall of the whole, the groups that moved most, and what differs between the two results."""
    whole = lines(of_whole(explanation))
    title = say("steps.chart", **{end: explanation.record[end]["valuation_date"] for end in ENDS})
    drawn = charts().waterfall(title, whole, explanation.currency, say)
    most = max(whole[1:-1], key=lambda line: abs(line.amount), default=whole[-1])
    alt = say(
        "steps.alt", old=say.amount(whole[0].amount), new=say.amount(whole[-1].amount), step=_step(most, say), amount=charts().signed(most, say)
    )
    parts: list[Part] = [embedded("steps-chart", drawn, title, alt, say("steps.caption")), _listed(whole, explanation.currency, say)]
    parts += [*_moved(explanation, say), _differences(explanation, say)]
    return [Section("steps", say("steps.title"), say("steps.lead"), parts), _results(explanation, say)]


def _results(explanation: Explanation, say: Labels) -> Section:
    """Which two results were compared."""
    named = (("location", "run.location"), ("valuation_date", "run.date"), ("ipvalue", "run.version"), ("fingerprint", "run.fingerprint"))
    parts = [Facts(say(f"step.{end}"), [(say(key), str(explanation.record[end][name])) for name, key in named]) for end in ENDS]
    return Section("results", say("steps.results"), say("run.lead"), parts)


def _step(line: Line, say: Labels) -> str:
    return str(charts().step_name(line, say))


def _listed(whole: list[Line], currency: str, say: Labels) -> Grid:
    heads = [Column(say("chart.step")), *(Column(say(f"chart.{name}"), True) for name in ("amount", "standard_error", "rights")), Column("")]
    rows = [
        [
            _step(line, say),
            (charts().signed(line, say), line.amount),
            number(line.error, say.amount),
            number(line.rights, lambda n: say.count(int(n))),
            say("steps.noise") if line.significant is False else "",
        ]
        for line in whole
    ]
    return Grid("steps", say("steps.table", currency=currency), heads, rows)


def _moved(explanation: Explanation, say: Labels) -> Iterator[Grid]:
    found = groups(explanation)
    if not found:
        return
    heads = [Column(say("steps.group")), *(Column(say(key), True) for key in ("step.old", "step.new", "chart.change")), Column(say("steps.mostly"))]
    rows = [
        [one.name.replace(",", ", "), *(number(amount, say.amount) for amount in (one.old, one.new, one.change)), _most(one.most, say)]
        for one in found[:ROWS]
    ]
    yield Grid("steps-groups", say("steps.groups", currency=explanation.currency), heads, rows)


def _most(label: str, say: Labels) -> str:
    """The label of a step in a language, from the English one."""
    from ipvalue.report.waterfall import LABELS

    return say.or_as_is("step", {text: name for name, text in LABELS.items()}.get(label, label)) if label else ""


def _differences(explanation: Explanation, say: Labels) -> Facts | Note:
    differences = explanation.record["differences"]
    if not differences:
        return Note(say("steps.same"))
    return Facts(say("steps.differences"), [(str(number + 1), text) for number, text in enumerate(differences)])
