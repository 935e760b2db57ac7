"""The report of a result: one page that needs nothing beside it. `Result.report` and `ipvalue report` write it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ipvalue.composition import composition
from ipvalue.explain import Explanation
from ipvalue.indices import IndexResult
from ipvalue.lendable.result import LendableResult
from ipvalue.loan_book.lent import LendResult
from ipvalue.report.embed import Section, Tile
from ipvalue.report.labels import Labels, labels
from ipvalue.report.page import page
from ipvalue.report.plotting import charts
from ipvalue.report.sections import lendable, loans, moves, rights, run, scenarios, value
from ipvalue.report.sections.tables import currency_of, date_of
from ipvalue.report.terminal import overview
from ipvalue.scenario_run import ScenarioResult
from ipvalue.schema import InputError
from ipvalue.sensitivities import SensitivityResult
from ipvalue.storage import atomic, refuse_within, writing
from ipvalue.store import made_by
from ipvalue.valuation import Result

Content = tuple[list[Tile], list[Section]]


def report_page(shown: Result | Explanation, language: str = "en") -> str:
    """The page itself, as text. Raises InputError for another language, where Bokeh is missing, or where the result is damaged."""
    say = labels(language)
    charts()
    tiles, sections = content(shown, say)
    return page("report.html.j2", language, title=_title(shown, say), subtitle=_subtitle(shown, say), tiles=tiles, sections=sections)


def write_report(shown: Result | Explanation, path: str | Path, language: str = "en") -> None:
    """Writes the page to a file, which is replaced as a whole. Raises InputError where it would lie in the result, or cannot be written."""
    if "://" in str(path):
        raise InputError(f"{path}: a report is written to a file of this machine: name another --out")
    if shown.location is not None:
        refuse_within(str(path), shown.location)
    text = report_page(shown, language)
    place = Path(path)
    with writing(str(path), InputError), atomic(place, lasting=False) as file:
        file.write(text.encode())


def content(shown: Result | Explanation, say: Labels) -> Content:
    """The figures at the head of the page, and its sections. Raises InputError where the result is damaged."""
    if isinstance(shown, Explanation):
        return moves.step_tiles(shown, say), moves.steps(shown, say)
    return _content(shown, say)


def _content(result: Result, say: Labels) -> Content:
    of: dict[type[Result], Callable[[Any, Labels], Content]] = {
        Result: _of_values,
        ScenarioResult: lambda one, words: (scenarios.tiles(one, words), scenarios.sections(one, words)),
        SensitivityResult: lambda one, words: (moves.tornado_tiles(one, words), moves.sensitivities(one, words)),
        IndexResult: lambda one, words: (moves.index_tiles(one, words), moves.indices(one, words)),
        LendResult: lambda one, words: (loans.tiles(one, words), loans.sections(one, words)),
        LendableResult: lambda one, words: (lendable.tiles(one, words), lendable.sections(one, words)),
    }
    tiles, sections = of[type(result)](result, say)
    manifest = result.manifest
    return tiles, [*sections, run.rejected(result.rejects, manifest, say), run.facts(manifest, result.location, say)]


def _of_values(result: Result, say: Labels) -> Content:
    found, composed = overview(result, value.TOP), composition(result)
    courses = rights.Courses(result, found.top["asset_id"].to_pylist())
    sections = [
        value.distribution(result, say),
        value.made_of(result, composed, say),
        value.top_rights(result, composed, found.top, say),
        rights.cash(result, courses, say),
        rights.lasting(result, composed, courses, say),
        *([rights.concentrated(composed.concentration, say)] if composed.concentration else []),
        rights.agreement(result, composed.agreement, say),
        run.assumed(found, currency_of(result.manifest), say),
    ]
    return value.tiles(result, say), sections


def _title(shown: Result | Explanation, say: Labels) -> str:
    made = "explain" if isinstance(shown, Explanation) else made_by(shown.manifest)
    return say(f"report.{made.replace(' --', '_')}")


def _subtitle(shown: Result | Explanation, say: Labels) -> str:
    if isinstance(shown, Explanation):
        dates = {end: say.day(shown.record[end]["valuation_date"]) for end in ("old", "new")}
        return say("report.between", **dates, currency=shown.currency)
    premise = say.or_as_is("option", str(shown.manifest["options"]["premise"]))
    paths = say.count(shown.manifest["options"]["paths"])
    return say("report.as_of", date=say.day(date_of(shown.manifest)), currency=currency_of(shown.manifest), premise=premise, paths=paths)
