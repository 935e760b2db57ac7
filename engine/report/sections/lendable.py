"""What may be lent on a register: in all, by type of right and limit, to each owner and on each right."""

from __future__ import annotations

from ipvalue.lendable.result import LendableResult
from ipvalue.report.embed import Grid, Part, Section, Tile, embedded
from ipvalue.report.labels import Labels
from ipvalue.report.plotting import charts
from ipvalue.report.sections.tables import currency_of, first, table

TOP = 500
"""Owners and rights of a table."""
_OWNERS = ("owner_id", "rights", "value", "largest_principal", "binding_limit")
_RIGHTS = ("asset_id", "owner_id", "right_type", "value", "largest_principal", "binding_limit")
_TEXTS = {"asset_id": None, "owner_id": None, "right_type": "right_type", "binding_limit": "limit"}


def tiles(result: LendableResult, say: Labels) -> list[Tile]:
    """How much may be lent, and on what."""
    whole, counts = result.capacity.slice(0, 1).to_pylist()[0], result.manifest["counts"]
    return [
        Tile(say("column.largest_principal"), say.amount(whole["largest_principal"]), currency_of(result.manifest)),
        Tile(say("lendable.value"), say.amount(whole["value"]), currency_of(result.manifest)),
        Tile(say("tile.rights"), say.count(counts["valued"]), say("tile.of_rows", rows=say.count(counts["rows"]))),
    ]


def sections(result: LendableResult, say: Labels) -> list[Section]:
    """Sums by type of right and by limit, and the owners and rights on whom most may be lent."""
    currency = currency_of(result.manifest)
    lead = say("lendable.lead", policy=result.manifest["inputs"]["lendable"]["policy"])
    return [
        Section("lendable", say("lendable.title"), lead, [*_by_type(result, currency, say), _by_limit(result, currency, say)]),
        Section("lendable-most", say("lendable.most"), say("lendable.most_lead"), [_owners(result, currency, say), _rights(result, currency, say)]),
    ]


def _by_type(result: LendableResult, currency: str, say: Labels) -> list[Part]:
    rows = [row for row in result.capacity.to_pylist() if row["by"] == "right_type"]
    told = sorted((row for row in rows if row["largest_principal"]), key=lambda row: -row["largest_principal"])
    title = say("lendable.by_type", currency=currency)
    named = [{**row, "right_type": row["name"]} for row in rows]
    grid = table(say, "lendable-types", title, named, ("right_type", "rights", "value", "largest_principal"), _TEXTS)
    if not told:
        return [grid]
    names, amounts = [say.or_as_is("right_type", row["name"]) for row in told], [row["largest_principal"] for row in told]
    aside = [say("word.rights", number=say.count(row["rights"])) for row in told]
    drawn = charts().by_name(title, names, amounts, aside, currency, say, "principal")
    alt = say("collateral.by_alt", number=len(names), first=names[0], value=say.amount(amounts[0]), currency=currency)
    return [embedded("lendable-types-chart", drawn, title, alt, say("lendable.caption")), grid]


def _by_limit(result: LendableResult, currency: str, say: Labels) -> Grid:
    rows = [{**row, "binding_limit": row["name"]} for row in result.capacity.to_pylist() if row["by"] == "binding_limit"]
    columns = ("binding_limit", "rights", "value", "largest_principal")
    return table(say, "lendable-limits", say("lendable.by_limit", currency=currency), rows, columns, _TEXTS)


def _owners(result: LendableResult, currency: str, say: Labels) -> Grid:
    owners = result.borrowers
    rows = first([owners], "largest_principal", "owner_id", TOP, _OWNERS)
    note = _left_out(len(rows), owners.num_rows, say)
    return table(say, "lendable-owners", say("lendable.owners", currency=currency), rows, _OWNERS, _TEXTS, note)


def _rights(result: LendableResult, currency: str, say: Labels) -> Grid:
    rows = first(result.lendable_parts(), "largest_principal", "asset_id", TOP, _RIGHTS)
    note = _left_out(len(rows), result.manifest["counts"]["valued"], say)
    return table(say, "lendable-rights", say("lendable.rights", currency=currency), rows, _RIGHTS, _TEXTS, note)


def _left_out(shown: int, number: int, say: Labels) -> str:
    return say("lendable.note", shown=say.count(shown), all=say.count(number)) if shown < number else ""
