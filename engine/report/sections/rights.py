"""From nearer by: what the most valuable rights bring and for how long, how long rights last, how much few of them hold, and how far simulation and
closed form are apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from ipvalue.composition import DEVIATIONS, FIRSTS, LIFE_CLASSES, Agreement, Composition, Concentration, Lives
from ipvalue.course import ByYear, Held, course
from ipvalue.report.embed import Chart, Column, Grid, Note, Part, Section, embedded, number
from ipvalue.report.labels import Labels
from ipvalue.report.plotting import charts
from ipvalue.report.sections.tables import currency_of, date_of
from ipvalue.schema import IpvalueError
from ipvalue.valuation import Result

DRAWN = 4
"""Rights whose cash flows are drawn."""
_NORMAL_WITHIN = (0.6827, 0.9545, 0.9973)
"""Shares of normal errors within one, two and three of them."""


class Courses:
    """The most valuable rights drawn again, or why they could not be."""

    def __init__(self, result: Result, names: Sequence[str]) -> None:
        self.of: dict[str, tuple[ByYear, Held]] = {}
        self.fault = ""
        try:
            for name in names[:DRAWN]:
                self.of[name] = course(result, name)
        except IpvalueError as error:
            self.fault = str(error)


def cash(result: Result, courses: Courses, say: Labels) -> Section:
    """The fan of cash flows of the most valuable rights."""
    currency, date = currency_of(result.manifest), date_of(result.manifest)
    parts: list[Part] = [_fan(place, name, found, currency, date, say) for place, (name, (found, _)) in enumerate(courses.of.items())]
    return Section("cash", say("cash.title"), say("cash.lead"), [*parts, *_not_drawn(courses, say)])


def _not_drawn(courses: Courses, say: Labels) -> list[Part]:
    return [Note(say("cash.untold", reason=courses.fault))] if courses.fault else []


def _fan(place: int, name: str, found: ByYear, currency: str, date: str, say: Labels) -> Chart:
    drawn = charts().fan(name, found, currency, date, cumulative=True, say=say)
    levels = [f"P{100 * level:g}" for level in found.levels]
    heads = [Column(say("chart.year")), Column(say("chart.mean"), True), *(Column(level, True) for level in levels)]
    rows = [
        [str(year), *(number(float(amount), say.amount) for amount in (mean, *quantiles))]
        for year, mean, quantiles in zip(found.years, found.mean, found.quantiles, strict=True)
    ]
    drawn.xaxis.axis_label = say("chart.years_from", date=date)  # what is said of an endless right's last year stands in the caption
    title = drawn.title.text
    grid = Grid(f"cash-{place}", f"{title}, {currency}", heads, rows)
    alt = say("cash.alt", name=name, years=len(found.years), mean=say.amount(float(found.mean[-1])), currency=currency)
    return embedded(f"cash-{place}", drawn, title, alt, say("cash.caption") + (say("cash.endless") if found.endless else ""), grid)


def lasting(result: Result, composed: Composition, courses: Courses, say: Labels) -> Section:
    """How long rights last: all by their expected life, and the most valuable ones year by year."""
    parts: list[Part] = [_lives(composed.lives, currency_of(result.manifest), say)]
    if courses.of:
        parts.append(_in_force(courses, date_of(result.manifest), say))
    return Section("lasting", say("lasting.title"), say("lasting.lead"), [*parts, *_not_drawn(courses, say)])


def _lives(lives: Lives, currency: str, say: Labels) -> Chart:
    last = int(np.flatnonzero(lives.rights)[-1]) + 1
    edges, shares = np.arange(last + 1, dtype=np.float64), 100.0 * lives.rights[:last] / lives.rights.sum()
    names = [say("lasting.class", first=k, next=k + 1) if k < LIFE_CLASSES - 1 else say("lasting.longest", first=k) for k in range(last)]
    said = [f"{say('word.rights', number=say.count(int(n)))}, {say.amount(v)} {currency}" for n, v in zip(lives.rights, lives.values, strict=True)]
    title = say("lasting.lives")
    drawn = charts().by_class(title, edges, shares, say("lasting.years"), say("lasting.share"), (names, said[:last]), say=say)
    rows = [
        [names[k], number(int(lives.rights[k]), lambda n: say.count(int(n))), number(float(lives.values[k]), say.amount)]
        for k in np.flatnonzero(lives.rights).tolist()
    ]
    grid = Grid("lives", title, [Column(say("lasting.years")), Column(say("column.rights"), True), Column(say("column.value"), True)], rows)
    middle = int(np.searchsorted(np.cumsum(lives.rights), 0.5 * lives.rights.sum()))
    return embedded("lives", drawn, title, say("lasting.alt", years=names[middle]), say("lasting.caption"), grid)


def _in_force(courses: Courses, date: str, say: Labels) -> Chart:
    found = {name: one for name, (_, one) in courses.of.items()}
    title = say("lasting.in_force", number=len(found))
    drawn = charts().held(title, date, found, say)
    years = max(len(one.years) for one in found.values())
    heads = [Column(say("chart.year")), *(Column(f"{name}: {say(key)}", True) for name in found for key in ("chart.held", "chart.by_law"))]

    def cells(year: int) -> Iterator[float | None]:
        for one in found.values():
            for column in (one.held, one.by_law):
                yield float(column[year]) if year < len(column) else None

    rows = [[str(year + 1), *(number(share, say.percent) for share in cells(year))] for year in range(years)]
    name, first = next(iter(found.items()))
    alt = say(
        "lasting.in_force_alt", name=name, first=say.percent(float(first.held[0])), last=say.percent(float(first.held[-1])), years=len(first.years)
    )
    return embedded("in-force", drawn, title, alt, say("lasting.in_force_caption"), Grid("in-force", title, heads, rows))


def concentrated(found: Concentration, say: Labels) -> Section:
    """Which share of the value the most valuable rights hold."""
    title = say("concentration.chart")
    drawn = charts().concentration(title, found, say)
    firsts = [number_of for number_of in FIRSTS if number_of < found.positive]
    lines = [(say("concentration.first", number=say.count(n)), say.percent(found.of_first(n))) for n in [*firsts, found.positive]]
    lines += [(say("concentration.tenth"), say.percent(found.of_first(max(found.positive // 10, 1))))] if found.positive >= 10 else []
    lines += [(say("concentration.effective"), f"{found.effective:,.1f}")]
    alt = say("concentration.alt", share=say.percent(found.of_first(1)), effective=f"{found.effective:,.1f}")
    grid = Grid(
        "concentration",
        say("concentration.figures"),
        [Column(say("word.figure")), Column(say("column.share"), True)],
        [[name, (text, None)] for name, text in lines],
    )
    chart = embedded("concentration-chart", drawn, title, alt, say("concentration.caption"))
    return Section("concentration", say("concentration.title"), say("concentration.lead"), [chart, grid])


def agreement(result: Result, found: Agreement | None, say: Labels) -> Section:
    """How far the plain averages of the paths are from the closed forms."""
    sobol = result.manifest["options"]["sampler"] == "sobol"
    parts = [Note(say("agreement.sobol" if sobol else "agreement.none"))] if found is None else [*_differences(found, say)]
    return Section("agreement", say("agreement.title"), say("agreement.lead"), parts)


def _differences(found: Agreement, say: Labels) -> Iterator[Part]:
    edges, compared = DEVIATIONS, found.compared
    shares = 100.0 * found.rights / compared
    at = np.linspace(edges[0], edges[-1], 121)
    normal = 100.0 * np.exp(-0.5 * at * at) / np.sqrt(2.0 * np.pi) * (edges[1] - edges[0])
    names = [f"{a:+g} – {b:+g}" for a, b in pairwise(edges)]
    said = [say("word.rights", number=say.count(int(n))) for n in found.rights]
    title = say("agreement.chart", rights=say.count(compared))
    curve = (at, normal, say("chart.normal"))
    drawn = charts().by_class(title, edges, shares, say("agreement.x"), say("lasting.share"), (names, said), curve, say)
    alt = say("agreement.alt", one=say.percent(found.within[0]), two=say.percent(found.within[1]))
    counted = [[name, number(int(n), lambda one: say.count(int(one)))] for name, n in zip(names, found.rights, strict=True)]
    grid = Grid("agreement", title, [Column(say("agreement.x")), Column(say("column.rights"), True)], counted)
    yield embedded("agreement-chart", drawn, title, alt, say("agreement.caption"), grid)
    heads = [Column(say("agreement.distance")), Column(say("chart.found"), True), Column(say("chart.normal"), True)]
    rows = [
        [say("agreement.within", errors=place + 1), number(share, say.percent), number(_NORMAL_WITHIN[place], say.percent)]
        for place, share in enumerate(found.within)
    ]
    yield Grid("agreement-within", say("agreement.shares"), heads, rows, say("agreement.note"))
