"""Which tables of a result make the sheets of its workbook."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.amounts import money
from ipvalue.explain import Explanation
from ipvalue.export.meaning import described
from ipvalue.indices import IndexResult
from ipvalue.kinds import open_any
from ipvalue.lendable.result import LendableResult
from ipvalue.loan_book.lent import LendResult
from ipvalue.report.terminal import Bars, facts, floats, histogram, largest_groups
from ipvalue.scenario_run import ScenarioResult
from ipvalue.sensitivities import SensitivityResult
from ipvalue.valuation import Result

BASE = "base"
_TOOK = "took"
"""The one of the facts that says how long it took and on what: a workbook is the same whenever a result is made again."""

Facts = list[tuple[str, Any]]


@dataclass(frozen=True)
class Tab:
    """A sheet: its name, its rows, the registry's table that describes their columns, and, where these are some of more, how many and which.

    drawn: its rows are the bars of a histogram, which is drawn beside them.
    """

    name: str
    table: pa.Table
    described: str
    of: int = 0
    which: str = ""
    drawn: bool = False


@dataclass(frozen=True)
class Content:
    """What a workbook says of a result: facts by name, and tabs."""

    title: str
    facts: Facts
    tabs: list[Tab]


def content_of(location: str, top: int) -> Content:
    """The sheets of whatever command's result is in a directory. Raises InputError where there is none."""
    shown = open_any(location)
    if isinstance(shown, Explanation):
        return _of_explanation(shown, top)
    tabs = [*TABS[type(shown)](shown, top), Tab("Rejects", shown.rejects, "rejects")]
    return Content(f"ipvalue {shown.command}", _facts(shown.manifest), tabs)


def _of_value(result: Result, top: int) -> list[Tab]:
    whole = result.groups.slice(0, 1)
    columns = result.manifest["options"]["group_by"]
    numbers = [name for name in whole.column_names if name not in columns]
    amounts = [float(whole[name][0].as_py()) for name in numbers]
    totals = pa.table({"statistic": numbers, "amount": amounts, "meaning": [described("groups", name).meaning for name in numbers]})
    tabs = [Tab("Totals", totals, ""), Tab("Distribution", _bars(histogram(floats(result.sums(0)))), "", drawn=True)]
    if columns:
        tabs.append(Tab("Groups", largest_groups(result), "groups"))
    rights = result.manifest["counts"]["valued"]
    return [*tabs, Tab("Top rights", _most(result.asset_parts(), "value", "asset_id", top), "assets", rights, "rights, those with most value")]


def _bars(bars: Bars) -> pa.Table:
    """The whole's value by path."""
    low, high, paths = zip(*bars, strict=True)
    return pa.table({"from": low, "to": high, "paths": paths, "label": [money(one) for one in low]})


def _of_scenarios(result: ScenarioResult, top: int) -> list[Tab]:
    moved = (part.filter(pc.not_equal(part["scenario"], BASE)) for part in result.asset_parts())
    rows = result.manifest["counts"]["valued"] * len(result.manifest["inputs"]["scenarios"])
    rights = _most(moved, "difference", "asset_id", top, pc.abs)
    which = "rights under scenarios, those that move most"
    return [Tab("Scenarios", result.scenarios, "scenarios"), Tab("Rights that move most", rights, "scenario_assets", rows, which)]


def _of_loans(result: LendResult, top: int) -> list[Tab]:
    return [
        Tab("Book", result.book, "book"),
        Tab("Exposures", result.exposures, "exposures"),
        *([] if result.tranches is None else [Tab("Tranches", result.tranches, "tranches")]),
        Tab(
            "Top loans",
            _most(result.loan_parts(), "expected_loss", "loan_id", top),
            "lent",
            result.manifest["counts"]["valued"],
            "loans, those with the greatest expected loss",
        ),
    ]


def _of_lendable(result: LendableResult, top: int) -> list[Tab]:
    owners, rights = result.borrowers, result.manifest["counts"]["valued"]
    by, most = "largest_principal", "those on which most may be lent"
    return [
        Tab("Capacity", result.capacity, "capacity"),
        Tab("Top owners", _most([owners], by, "owner_id", top), "borrowers", owners.num_rows, f"owners, {most}"),
        Tab("Top rights", _most(result.lendable_parts(), by, "asset_id", top), "lendable", rights, f"rights, {most}"),
    ]


def _of_sensitivities(result: SensitivityResult, top: int) -> list[Tab]:
    rows = result.assets
    return [
        Tab("Tornado", result.tornado, "tornado"),
        Tab("Sensitivities", result.sensitivities, "sensitivities"),
        Tab(
            "Rights",
            _most([rows], "derivative", "asset_id", top, pc.abs),
            "sensitivity_assets",
            rows.num_rows,
            "rights and drivers, those with the greatest derivative",
        ),
    ]


def _of_indices(result: IndexResult, top: int) -> list[Tab]:
    table = result.indices
    return [Tab("Indices", table.slice(0, top), "indices", table.num_rows, "rights and inputs, in the order of the portfolio")]


TABS: dict[type[Result], Callable[[Any, int], list[Tab]]] = {
    Result: _of_value,
    ScenarioResult: _of_scenarios,
    LendResult: _of_loans,
    LendableResult: _of_lendable,
    SensitivityResult: _of_sensitivities,
    IndexResult: _of_indices,
}
"""By what a result is; an explanation has another record."""


def _of_explanation(found: Explanation, top: int) -> Content:
    ends = [(f"{end} {name}", found.record[end][name]) for end in ("old", "new") for name in ("valuation_date", "fingerprint")]
    said: Facts = [("currency", found.currency), *ends, *(("what differs", text) for text in found.record["differences"])]
    touched = found.assets
    rights = _most([touched], "amount", "asset_id", top, pc.abs)
    of_rights = Tab("Rights that move most", rights, "explain_assets", touched.num_rows, "rights and steps, those that move most")
    return Content("ipvalue explain", said, [Tab("Steps", found.steps, "explain"), of_rights])


def _facts(manifest: dict[str, Any]) -> Facts:
    """What was run, on what, with which options; neither times nor hosts nor places."""
    inputs = manifest["inputs"]
    found: Facts = [(name, text) for name, text in facts(manifest) if name != _TOOK]
    found.append(("fingerprint", manifest.get("fingerprint")))
    for file in inputs["portfolio"]:
        found.append(("portfolio", f"{file['file']}, {file['rows']:,} rows, SHA-256 {file['sha256']}"))
    found += [(name, f"SHA-256 {inputs[name]['sha256']}") for name in ("market", "assumptions")]
    found += [(f"option {name}", value) for name, value in manifest["options"].items() if name not in _HOW and value not in (None, [])]
    return found + [("warning", text) for text in manifest["warnings"]]


_HOW = ("workers", "scheduler", "memory", "backend", "rows_per_task")
"""Options on which no figure depends."""


def _most(parts: Iterable[pa.Table], by: str, key: str, top: int, size: Callable[[Any], Any] | None = None) -> pa.Table:
    """The `top` rows of all parts with most of a column (or of its `size`), ties by `key`; one part is held at a time."""
    best: pa.Table | None = None
    for part in parts:
        table = part if best is None else pa.concat_tables([best, part])
        keys = pa.table({"by": table[by] if size is None else size(table[by]), "key": table[key]})
        order = pc.sort_indices(keys, sort_keys=[("by", "descending"), ("key", "ascending")])
        best = table.take(order[:top])
    assert best is not None  # a result has a part, if an empty one
    return best
