"""A book of loans: what is lost and who bears it, how much is lent against what, by loan."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.types as pt

from ipvalue.loan_book.lent import LendResult
from ipvalue.report.embed import Chart, Column, Grid, Part, Section, Tile, embedded, number
from ipvalue.report.labels import Labels
from ipvalue.report.plotting import charts
from ipvalue.report.sections.tables import currency_of, first, head, table
from ipvalue.report.terminal import floats

TOP, BARS = 500, 12
"""Loans of the table; sectors of a chart."""
TRANCHES = "tranches.parquet"

_STEP, _LAST = 0.1, 1.5
"""Width of the classes of loan to value, and where the last one begins."""
_OF_SIZE = {"expected_loss": "expected_loss_of_size", "standard_error": "standard_error_of_size"}
"""Columns of tranches that are shares of their size, and amounts in other tables."""
_BOOK = ("bearer", "mean", "standard_deviation", "var_95", "es_95", "var_99", "es_99", "var_99_9", "es_99_9", "unexpected_loss")
_LOANS = (
    "loan_id", "borrower_id", "principal", "collateral_value", "loan_to_value", "loan_to_value_q05", "pd", "lgd", "expected_loss",
    "bank_expected_loss", "break_even_spread", "largest_principal", "binding_limit",
)  # fmt: skip


def tiles(result: LendResult, say: Labels) -> list[Tile]:
    """What is lent, and what may be lost of it."""
    exposures = {row["by"]: row for row in result.exposures.to_pylist() if row["name"] is None}
    book = {row["bearer"]: row for row in result.book.to_pylist()}
    whole, gone, currency = exposures["all"], exposures["left out"], currency_of(result.manifest)
    lent = whole["principal"]

    def of_lent(loss: float) -> str:
        return say("tile.of_lent", share=say.percent(loss / lent, 2)) if lent else ""

    found = [
        Tile(say("tile.lent"), say.amount(whole["principal"]), say("tile.loans", currency=currency, loans=say.count(whole["loans"]))),
        Tile(say("tile.expected_loss"), say.amount(book["all"]["mean"]), of_lent(book["all"]["mean"])),
        Tile(say("tile.bank_loss"), say.amount(book["bank"]["mean"]), of_lent(book["bank"]["mean"])),
        Tile(say("tile.bank_es"), say.amount(book["bank"]["es_99"]), say("tile.worst", tail="1 %")),
        Tile(say("tile.capital"), say.amount(book["bank"]["unexpected_loss"]), say("tile.capital_is")),
    ]  # fmt: skip
    return [*found, Tile(say("tile.left_out"), say.count(gone["loans"]), say("tile.see_rejects"))] if gone["loans"] else found


def sections(result: LendResult, say: Labels) -> list[Section]:
    """Losses and who bears them, collateral, and the loans with the greatest expected losses."""
    currency = currency_of(result.manifest)
    book = [row for row in result.book.to_pylist() if row["bearer"] in ("all", "bank") or row["var_99_9"] or row["mean"]]
    losses: list[Part] = [_exceedance(result, [row["bearer"] for row in book], currency, say), _bearers(book, currency, say)]
    losses.append(table(say, "book", say("losses.table", currency=currency), book, _BOOK, {"bearer": "bearer"}, say("losses.note")))
    return [
        Section("losses", say("losses.title"), say("losses.lead"), [*losses, *_tranches(result, currency, say)]),
        Section(
            "collateral",
            say("collateral.title"),
            say("collateral.lead"),
            [_loan_to_value(result, currency, say), *_exposures(result, currency, say), _concentrated(result, say)],
        ),
        Section("loans", say("loans.title"), say("loans.lead"), [_loans(result, currency, say)]),
    ]


def _exceedance(result: LendResult, bearers: list[str], currency: str, say: Labels) -> Chart:
    names = [name for name in bearers if name != "borrower"][:5]
    found = {
        say.or_as_is("bearer", name): floats(result.losses.filter(pc.equal(result.losses["bearer"], name))["loss"].combine_chunks()) for name in names
    }
    book = {row["bearer"]: row for row in result.book.to_pylist()}
    title = say("losses.chart")
    drawn = charts().exceedance(title, found, currency, say)
    alt = say("losses.alt", at_risk=say.amount(book["all"]["var_99"]), bank=say.amount(book["bank"]["var_99"]), currency=currency)
    return embedded("losses-chart", drawn, title, alt, say("losses.caption"))


def _bearers(book: list[dict[str, Any]], currency: str, say: Labels) -> Chart:
    names = [say.or_as_is("bearer", row["bearer"]) for row in book]
    title = say("losses.bearers")
    said = say("column.expected_loss"), say("column.es_99")
    drawn = charts().pairs(title, names, [row["mean"] for row in book], [row["es_99"] for row in book], said, currency, say)
    alt = say(
        "losses.bearers_alt", who=", ".join(f"{name} {say.amount(row['mean'])}" for name, row in zip(names, book, strict=True)), currency=currency
    )
    return embedded("bearers", drawn, title, alt, say("losses.bearers_caption"))


def _tranches(result: LendResult, currency: str, say: Labels) -> Iterator[Grid]:
    """Tranches of the book, where the result has any, whatever their columns."""
    found = result.other_table(TRANCHES)
    if found is None:
        return
    found = found.rename_columns([_OF_SIZE.get(name, name) for name in found.column_names])
    texts = {field.name: None for field in found.schema if not (pt.is_floating(field.type) or pt.is_integer(field.type))}
    rows = [{**row, "tranche": say.texts.get(f"tranche.{row['tranche']}", row["tranche"])} for row in found.slice(0, TOP).to_pylist()]
    yield table(say, "tranches", say("losses.tranches", currency=currency), rows, found.column_names, texts, say("losses.tranches_note"))


def _loan_to_value(result: LendResult, currency: str, say: Labels) -> Chart:
    """The principal by loan to value."""
    edges = _STEP * np.arange(round(_LAST / _STEP) + 2)
    sums, counts = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1, np.int64)
    unsecured = 0.0
    for part in result.loan_parts():
        share, principal = part["loan_to_value"].to_numpy(), part["principal"].to_numpy()
        told = ~np.isnan(share)
        place = np.minimum((share[told] / _STEP).astype(np.int64), len(sums) - 1)
        sums += np.bincount(place, principal[told], len(sums))
        counts += np.bincount(place, minlength=len(sums))
        unsecured += float(principal[~told].sum())
    whole = sums.sum() + unsecured
    names = [f"{100 * a:.0f} – {100 * b:.0f} %" for a, b in pairwise(edges)]
    names[-1] = say("collateral.beyond", share=f"{100 * edges[-2]:.0f} %")
    shown = max(int(np.flatnonzero(counts)[-1]) + 1 if counts.any() else 0, round(1.0 / _STEP))
    said = [f"{say('word.loans', number=say.count(int(n)))}, {say.amount(s)} {currency}" for n, s in zip(counts, sums, strict=True)]
    title = say("collateral.chart")
    shares = 100.0 * sums / whole if whole else sums
    drawn = charts().by_class(
        title, 100.0 * edges[: shown + 1], shares[:shown], say("collateral.x"), say("collateral.y"), (names[:shown], said[:shown]), say=say
    )
    rows = [{"loan_to_value_class": names[k], "loans": int(counts[k]), "principal": float(sums[k])} for k in np.flatnonzero(counts).tolist()]
    grid = table(say, "collateral", title, rows, ("loan_to_value_class", "loans", "principal"), {"loan_to_value_class": None})
    above = float(sums[edges[:-1] > 1.0 - 1e-9].sum()) + unsecured
    alt = say("collateral.alt", share=say.percent(above / whole if whole else 0.0))
    return embedded("collateral-chart", drawn, title, alt, say("collateral.caption"), grid)


def _exposures(result: LendResult, currency: str, say: Labels) -> Iterator[Part]:
    """What is lent by sector and by right type, and how concentrated it is."""
    rows = result.exposures.to_pylist()
    for by in ("sector", "right_type"):
        found = sorted((row for row in rows if row["by"] == by and row["name"] is not None), key=lambda row: -row["principal"])
        if not found:
            continue
        shown = [{**row, "name": say.or_as_is("right_type", row["name"]) if by == "right_type" else row["name"]} for row in found]
        title = say(f"collateral.by_{by}")
        names, principals = [row["name"] for row in shown[:BARS]], [row["principal"] for row in shown[:BARS]]
        aside = [say("word.loans", number=say.count(row["loans"])) for row in shown[:BARS]]
        drawn = charts().by_name(title, names, principals, aside, currency, say, "principal")
        alt = say("collateral.by_alt", number=len(shown), first=names[0], value=say.amount(principals[0]), currency=currency)
        yield embedded(
            f"collateral-{by}",
            drawn,
            title,
            alt,
            say("collateral.by_caption"),
            table(say, f"collateral-{by}", title, shown, ("name", "loans", "principal"), {"name": None}),
        )


def _concentrated(result: LendResult, say: Labels) -> Grid:
    """How concentrated the principal is, by each of what it is told by."""
    found = [row for row in result.exposures.to_pylist() if row["name"] is None and row["concentration"] is not None]
    heads = [Column(say("collateral.told_by")), Column(say("column.concentration"), True), Column(say("collateral.equal"), True)]
    rows = [
        [
            head(say, "borrower_id" if row["by"] == "borrower" else row["by"]),
            number(row["concentration"], "{:.4f}".format),
            number(1.0 / row["concentration"], "{:,.1f}".format),
        ]
        for row in found
        if row["concentration"]
    ]
    return Grid("collateral-concentration", say("collateral.concentration"), heads, rows, say("collateral.concentration_note"))


def _loans(result: LendResult, currency: str, say: Labels) -> Grid:
    """The loans with the greatest expected losses."""
    rows = first(result.loan_parts(), "expected_loss", "loan_id", TOP, _LOANS)
    lent = result.manifest["counts"]["valued"]
    note = say("loans.note", shown=say.count(len(rows)), all=say.count(lent)) if len(rows) < lent else ""
    return table(
        say, "loans", say("loans.table", currency=currency), rows, _LOANS, {"loan_id": None, "borrower_id": None, "binding_limit": "limit"}, note
    )
