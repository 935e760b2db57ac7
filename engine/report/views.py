"""Results, explanations, plans and verifications as the tables that a terminal and a notebook show of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from ipvalue.amounts import count, money
from ipvalue.explain import Explanation
from ipvalue.indices import IndexResult
from ipvalue.lendable.result import LendableResult
from ipvalue.loan_book.lent import LendResult
from ipvalue.planning import Plan
from ipvalue.report.indices import index_table
from ipvalue.report.loans import book_table, borrowers_table, capacity_table, loans_table, tranche_tables
from ipvalue.report.planned import duration, plan_lines, sampled
from ipvalue.report.scenarios import HEADS, by_scenario, farthest
from ipvalue.report.table import Sheet, Table
from ipvalue.report.terminal import facts, group_name, largest_groups, overview, quantile_columns
from ipvalue.report.waterfall import Line, groups, lines, of_whole
from ipvalue.scenario_run import ScenarioResult
from ipvalue.shown import view_of
from ipvalue.valuation import Result
from ipvalue.verify import Verified

BRIEF, FULL = 5, 10
"""Rows of groups and rights in a terminal and in a notebook."""
MOST_SCENARIOS = 30
MOST_RIGHTS = 100_000
"""Up to so many rights a notebook looks for the most valuable ones; of more, it would be a wait."""


@view_of.register
def _of_result(result: Result) -> Sheet:
    counts, paths = result.manifest["counts"], result.manifest["options"]["paths"]
    head = f"result: {counts['valued']:,} of {counts['rows']:,} rights valued, {paths:,} paths, {result.location}"
    return Sheet(head, lambda: [_sums(result, BRIEF)], lambda: [*_full(result)])


def _full(result: Result) -> Iterator[Table]:
    yield Table("", ("", ""), facts(result.manifest), "ll")
    yield _sums(result, FULL)
    if result.manifest["counts"]["valued"] <= MOST_RIGHTS:
        top = overview(result, FULL).top
        columns = ["value", "mean", "standard_error", *_outer(top)]
        rows = [(row["asset_id"], row["method"], row["status"], *_amounts(row, columns)) for row in top.to_pylist()]
        yield Table(
            f"The {count(top.num_rows, 'most valuable right')}, in {_currency(result)}",
            ("", "method", "status", *columns),
            rows,
            "lll" + "r" * len(columns),
        )
    if result.rejects.num_rows:
        rows = [(row["asset_id"] or "", str(row["row"]), row["message"]) for row in result.rejects.slice(0, FULL).to_pylist()]
        title = f"{count(result.rejects.num_rows, 'problem')} in rejected rows" + (f", the first {FULL}" if result.rejects.num_rows > FULL else "")
        yield Table(title, ("", "row", "problem"), rows, "lrl")


def _sums(result: Result, most: int) -> Table:
    """The whole and its largest groups."""
    found, columns = largest_groups(result), result.manifest["options"]["group_by"]
    amounts = ["value", "mean", "standard_error", *_outer(result.groups)]
    shown = [("all", result.groups.slice(0, 1).to_pylist()[0])]
    shown += [(group_name(row, columns), row) for row in found.slice(0, most).to_pylist()]
    more = f"; the {most} largest of {found.num_rows:,} groups" if found.num_rows > most else ""
    rows = [(name, f"{row['assets']:,}", *_amounts(row, amounts)) for name, row in shown]
    heads = ["", "rights", *("±" if name == "standard_error" else name for name in amounts)]
    return Table(f"{_currency(result)}{more}", heads, rows, "l" + "r" * (1 + len(amounts)))


def _outer(table: pa.Table) -> list[str]:
    """The lowest and the highest quantile there is."""
    names = quantile_columns(table)
    return list(dict.fromkeys([*names[:1], *names[-1:]]))


def _amounts(row: dict[str, Any], columns: Sequence[str]) -> list[str]:
    return ["" if row[name] is None else money(row[name]) for name in columns]


def _currency(result: Result) -> str:
    return str(result.manifest["inputs"]["market"]["content"]["currency"])


@view_of.register
def _of_scenarios(result: ScenarioResult) -> Sheet:
    counts, names = result.manifest["counts"], result.manifest["inputs"]["scenarios"]
    head = f"scenarios: {len(names):,} beside the base, {counts['valued']:,} of {counts['rows']:,} rights valued, {result.location}"
    return Sheet(head, partial(_by_scenario, result), partial(_by_scenario, result))


def _by_scenario(result: ScenarioResult) -> list[Table]:
    lines = by_scenario(result)
    shown = farthest(lines, MOST_SCENARIOS)
    left = f"; {len(lines) - len(shown):,} scenarios nearer to the base are left out" if len(shown) < len(lines) else ""
    return [Table(f"{_currency(result)}{left}", ("scenario", "mean", *HEADS), [(line.scenario, *line.cells) for line in shown], "lrrrr")]


@view_of.register
def _of_indices(result: IndexResult) -> Sheet:
    counts, paths = result.manifest["counts"], result.manifest["options"]["paths"]
    head = f"indices: {count(counts['valued'], 'right')}, {paths:,} paths, {result.location}"
    return Sheet(head, lambda: [index_table(result, BRIEF)], lambda: [index_table(result, FULL)])


@view_of.register
def _of_loans(result: LendResult) -> Sheet:
    counts, paths = result.manifest["counts"], result.manifest["options"]["paths"]
    head = f"loans: {counts['valued']:,} of {counts['rows']:,} lent, {paths:,} paths, {result.location}"
    return Sheet(head, lambda: [book_table(result)], lambda: [book_table(result), *tranche_tables(result), loans_table(result, FULL)])


@view_of.register
def _of_lendable(result: LendableResult) -> Sheet:
    counts, paths = result.manifest["counts"], result.manifest["options"]["paths"]
    head = f"lendable: {counts['valued']:,} of {counts['rows']:,} rights, {paths:,} paths, {result.location}"
    return Sheet(head, lambda: [capacity_table(result)], lambda: [capacity_table(result), borrowers_table(result, FULL)])


@view_of.register
def _of_explanation(explanation: Explanation) -> Sheet:
    ends = [explanation.record[end]["location"] for end in ("old", "new")]
    head = f"explanation: {ends[0]} to {ends[1]}, {len(explanation.record['steps'])} steps"
    return Sheet(head, lambda: [_waterfall(explanation)], lambda: [_waterfall(explanation), *_moved(explanation)])


def _waterfall(explanation: Explanation) -> Table:
    rows = [(line.label, line.signed, "" if line.error is None else money(line.error), _mark(line)) for line in lines(of_whole(explanation))]
    return Table(explanation.currency, ("step", "amount", "±", ""), rows, "lrrl")


def _mark(line: Line) -> str:
    """What lies within two standard errors of nothing is noise."""
    return "noise" if line.significant is False else ""


def _moved(explanation: Explanation) -> Iterator[Table]:
    if found := groups(explanation):
        rows = [(one.name, *map(money, (one.old, one.new, one.change)), one.most) for one in found[:FULL]]
        title = f"The {FULL} of {len(found):,} groups that moved most" if len(found) > FULL else "Groups"
        yield Table(title, ("", "old", "new", "change", "mostly by"), rows, "lrrrl")


@view_of.register
def _of_plan(plan: Plan) -> Sheet:
    head = f"plan: {count(plan.assets, 'right')}, {duration(plan.wall_seconds)} on {count(plan.workers, 'worker')}"
    return Sheet(head, *[partial(_planned, plan)] * 2)


def _planned(plan: Plan) -> list[Table]:
    warnings = [Table("Warnings", ("",), [(text,) for text in plan.warnings], "l")] if plan.warnings else []
    return [Table(sampled(plan), ("", "", ""), plan_lines(plan), "lrl"), *warnings]


@view_of.register
def _of_verified(verified: Verified) -> Sheet:
    state = "is whole" if verified.ok else f"is not what its manifest says: {count(len(verified.problems), 'problem')}"
    return Sheet(f"verification: {verified.location} {state}", *[partial(_looked_at, verified)] * 2)


def _looked_at(verified: Verified) -> list[Table]:
    problems = [Table("Problems", ("",), [(text,) for text in verified.problems], "l")] if verified.problems else []
    return [Table("", ("", ""), verified.checked, "ll"), *problems]
