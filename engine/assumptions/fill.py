"""Filling the blanks of a batch from the assumptions, and saying what was filled by which set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.assumptions.book import Assumptions
from ipvalue.assumptions.file_tables import NONE, FeeSchedule, SurvivalCurve
from ipvalue.assumptions.kinds import Group, Kinds
from ipvalue.assumptions.sets import LIFE, MONEY, AssumptionSet
from ipvalue.columns import Mask, Texts, any_is_in, distinct, floats, given, packed, repeated, truth
from ipvalue.distributions import with_means, with_ranges_drawn
from ipvalue.schema import FILLABLE, INCOME_METHODS, LINKED, PENDING, PORTFOLIO, RENEWABLE

_METHOD = ("method", "methods", "weights")
"""Filled first: what else is filled depends on how the row is valued."""

_STAGES = ("stage_costs", "stage_years", "stage_probabilities")
_TOGETHER = (*(group for group in LINKED if group not in (_METHOD, _STAGES)), LIFE)
_NAMED = ("fee_schedule", "survival_curve")
_LATE = (
    ("currency",),
    *((name,) for name in MONEY if name not in _STAGES),
    _STAGES,
    *((name,) for name in ("revenue_uncertainty", "fee_schedule", "obsolescence", "survival_curve")),
)
"""Columns whose filling depends on others: they come last, in this order."""

_SINGLES = tuple((name,) for name in PORTFOLIO if name in FILLABLE and not any(name in group for group in (_METHOD, *_TOGETHER, *_LATE)))
_ORDER = (_METHOD, *_TOGETHER, *_SINGLES, *_LATE)
_GROUP_OF = {name: group for group in _ORDER for name in group}

_REVENUE = ("revenue", "revenue_path")
_ONLY_FOR = {
    **dict.fromkeys(("growth", "growth_long", "growth_fade", "obsolescence", "tax_rate", "tab_years", "hazard", "survival_curve"), INCOME_METHODS),
    **dict.fromkeys(
        ("grant_probability", "grant_lag", "entry_hazard", "entry_loss", "annual_cost", "cost_inflation", "fee_schedule", "fee_inflation"),
        INCOME_METHODS,
    ),
    **dict.fromkeys(("royalty_rate", "royalty_rate_distribution", "royalty_rate_parameters"), ("relief_from_royalty", "licence", "project")),
    **dict.fromkeys(("royalty_low", "royalty_high"), ("relief_from_royalty", "licence")),
    **dict.fromkeys(("margin", "margin_distribution", "margin_parameters"), ("excess_earnings", "incremental_income")),
    **dict.fromkeys(("discount_premium_distribution", "discount_premium_parameters", "input_correlations"), INCOME_METHODS),
    "contributory_charge": ("excess_earnings",),
    **dict.fromkeys((*_REVENUE, "revenue_uncertainty"), INCOME_METHODS),
    **dict.fromkeys(("minimum_guarantee", "cap"), ("licence",)),
    **dict.fromkeys(_STAGES, ("project",)),
    **dict.fromkeys(("replacement_cost", "functional_obsolescence", "economic_obsolescence"), ("cost",)),
    **dict.fromkeys(("comparable_price", "comparable_adjustment"), ("market",)),
}
"""Inputs of some methods alone, filled only in rows that one of them values: what `filled` names was used."""


def fill(batch: pa.RecordBatch, book: Assumptions, currency: str | None = None, *, sold: bool = False) -> tuple[pa.RecordBatch, pa.DictionaryArray]:
    """Fill the blanks of `batch` (every column of the registry) and say what was filled.

    currency: the market's, which a row's money is in where the row names none. sold: whether the premise is a sale, which discounts prices too.

    A blank takes the most precise set that has its column: type/jurisdiction/sector, type//sector, type/jurisdiction,
    type. Columns that belong together are filled together, from one set, or not at all. What no set fills takes the
    registry's default; the names of the empty schedule and curve become blanks. The second result is a text for each
    row: "trademark: royalty_rate, tax_rate; trademark/CN: fee_schedule".

    Money is filled in the currency of its set, only where that is the row's own currency too, or where the row has neither
    currency nor money: then the currency is filled with it. Each decline is filled once: `obsolescence` where the row says
    nothing of its growth, a curve of renewals where there is no obsolescence and the owner does not choose (model §11.2, §11.3).
    """
    rows = _Rows(with_means(batch), book, currency, sold)
    for group in _ORDER:
        rows.fill(group)
        if group == ("currency",):
            rows.name_currency()
    return rows.with_defaults(), rows.report()


@cache
def _defaults(name: str, rows: int) -> pa.Array:
    """A column of the registry's default, the same for all batches of about so many rows."""
    return repeated(PORTFOLIO[name].default, PORTFOLIO[name].arrow_type, rows)


class _Rows:
    """A batch while it is being filled."""

    def __init__(self, batch: pa.RecordBatch, book: Assumptions, currency: str | None, sold: bool) -> None:
        self._given = batch
        self._columns: dict[str, pa.Array] = dict(zip(batch.schema.names, batch.columns, strict=True))
        self._book, self._currency, self._sold = book, currency, sold
        self._texts: dict[str, Texts] = {}
        self._blank: dict[str, Mask] = {}
        self._valued_by: dict[tuple[str, ...], Mask] = {}
        self._kinds = Kinds.of([self._texts_of(name) for name in ("right_type", "jurisdiction", "sector")], book, _GROUP_OF)
        self._filled: list[tuple[str, Mask, list[AssumptionSet | None]]] = []

    def fill(self, group: Group) -> None:
        """Fill columns that belong together, each kind from its most precise set that has any of them."""
        chosen = self._kinds.chosen.get(group)
        if chosen is None:
            return
        for name, where in self._fillable(group, chosen).items():
            if where.any():
                self._fill_one(name, chosen, where)

    def name_currency(self) -> None:
        """The market's currency where no set gave another: not an assumption, so not reported."""
        if self._currency is not None:
            self._set("currency", self._columns["currency"].fill_null(self._currency))

    def _set(self, name: str, array: pa.Array) -> None:
        self._columns[name] = array
        self._texts.pop(name, None)

    def _fill_one(self, name: str, chosen: list[AssumptionSet | None], where: Mask) -> None:
        values = [None if one is None else one.values.get(name) for one in chosen]
        where = where & self._of_kind([value is not None for value in values])
        if name in _NAMED:
            where &= self._has_anchor(name, values)
        if name in MONEY:
            where &= self._is_in_currency(chosen)
        if name == "revenue_uncertainty":  # of the revenue that the same set fills, never of the row's own
            own = [one is None or not any(column in one.values for column in _REVENUE) for one in chosen]
            where &= self._has_no_revenue() | self._of_kind(own)
        if where.any():
            self._set(name, self._laid_over(name, chosen, values, where))
            self._filled.append((name, where, chosen))

    def _laid_over(self, name: str, chosen: list[AssumptionSet | None], values: list[Any], where: Mask) -> pa.Array:
        """A column with the kinds' values where they are wanted."""
        of = PORTFOLIO[name].arrow_type
        if all(one is chosen[0] for one in chosen):
            offered = repeated(values[0], of, len(where))
        else:
            offered = pa.array(values, of).take(pa.array(self._kinds.of_row))
        return offered if where.all() else pc.if_else(packed(where), offered, self._columns[name])

    def _of_kind(self, is_so: list[bool]) -> Mask:
        """Where something is so of the row's kind."""
        mask: Mask = np.array(is_so, np.bool_)[self._kinds.of_row]
        return mask

    def _fillable(self, group: Group, chosen: list[AssumptionSet | None]) -> dict[str, Mask]:
        """Where each of the columns may be filled."""
        if group == LIFE:
            return self._fillable_life(chosen)
        blank: Mask = np.logical_and.reduce([self._is_blank(name) for name in group])
        if "grant_probability" in group:  # a project with stages of its own has its chances there (model §11.3)
            blank &= self._is_in("stage", PENDING) & ~self._has_own_stages()
        if "royalty_rate" in group:  # a project with a margin earns that
            blank &= self._is_valued_by(("relief_from_royalty", "licence")) | self._is_blank("margin")
        if "discount_premium" in group and not self._sold:
            blank &= self._is_valued_by(INCOME_METHODS)
        if len(group) > 1 and any(name in MONEY for name in group):
            blank &= self._is_in_currency(chosen)
        if group == ("currency",):
            blank &= np.logical_and.reduce([self._is_blank(name) for name in MONEY])
        if group[0] in _REVENUE:
            blank &= self._has_no_revenue()
        if group == ("obsolescence",):  # a row that says how its revenue moves has said how it declines
            blank &= self._is_blank("growth") & self._is_blank("revenue_path")
        if group == ("survival_curve",):  # a curve of renewals already holds the owners' choices, and the decline that led to them
            blank &= ~self._is_in("renewal", ["optimal"]) & ~self._is_positive("obsolescence")
        return {name: blank & self._is_valued_by(_ONLY_FOR[name]) if name in _ONLY_FOR else blank for name in group}

    def _is_valued_by(self, methods: tuple[str, ...]) -> Mask:
        """Where one of the methods values the row, alone or among others. Asked again and again, for the methods are filled first."""
        if methods not in self._valued_by:
            self._valued_by[methods] = self._valued(methods)
        return self._valued_by[methods]

    def _valued(self, methods: tuple[str, ...]) -> Mask:
        lists = self._columns["methods"]
        single = self._is_in("method", methods)
        if PORTFOLIO["method"].default in methods:
            single |= ~given(self._columns["method"])
        return single if lists.null_count == len(lists) else np.where(given(lists), any_is_in(lists, methods), single)

    def _has_own_stages(self) -> Mask:
        own: Mask = self._is_valued_by(("project",)) & ~self._is_blank("stage_years")
        return own

    def _has_no_revenue(self) -> Mask:
        blank: Mask = self._is_blank("revenue") & self._is_blank("revenue_path")
        return blank

    def _is_in_currency(self, chosen: list[AssumptionSet | None]) -> Mask:
        """Where the row's currency, its own or filled, is that of the set which would fill its money."""
        own = self._texts_of("currency")
        places = {name: place for place, name in enumerate(own.values)}
        wanted = np.array([-1 if one is None else places.get(one.values.get("currency", ""), -1) for one in chosen])
        mask: Mask = own.codes == wanted[self._kinds.of_row]
        return mask

    def _fillable_life(self, chosen: list[AssumptionSet | None]) -> dict[str, Mask]:
        """A row that says how long it lives is not told otherwise; an economic life only adds to the law's.

        The law's end is enough for a row that says itself how what it earns moves: the economic life is that of the set's own decline.
        A licence, or a right that waits for a rival, cannot be indefinite (model §4): it takes the set's economic life instead.
        """
        no_life = self._is_blank("life") & ~truth(self._given["indefinite"])
        no_end = no_life & self._is_blank("economic_life") & (self._is_renewable() | self._is_blank("expiry_date"))
        must_end = self._is_valued_by(("licence",)) | self._is_positive("entry_hazard")
        endless = self._of_kind([one is not None and bool(one.values.get("indefinite")) for one in chosen])
        indefinite = no_end & self._is_blank("indefinite") & ~must_end
        earns = self._is_valued_by(INCOME_METHODS)
        silent = self._is_blank("obsolescence") & self._is_blank("growth") & self._is_blank("revenue_path")
        return {
            "life": no_end & earns,
            "indefinite": indefinite & earns,
            "economic_life": earns & no_life & self._is_blank("economic_life") & (no_end | silent) & ~(indefinite & endless),
        }

    def _has_anchor(self, column: str, offered: list[str | None]) -> Mask:
        """Where the date is known that what is offered to each kind counts from; to renewal fees the next one will do."""
        filing = [name for name, one in self._named(column).items() if one.anchor == "filing"]
        from_filing = self._of_kind([name in filing for name in offered])
        granted = ~self._is_blank("grant_date") | self._is_positive("grant_lag")
        dated = np.where(from_filing, ~self._is_blank("filing_date"), granted)
        if column == "fee_schedule":
            dated |= self._is_renewable() & ~self._is_blank("expiry_date")
        anchored: Mask = dated | self._of_kind([name == NONE for name in offered])
        return anchored

    def _named(self, column: str) -> Mapping[str, FeeSchedule] | Mapping[str, SurvivalCurve]:
        return self._book.schedules if column == "fee_schedule" else self._book.curves

    def _is_renewable(self) -> Mask:
        return self._is_in("right_type", RENEWABLE)

    def _is_in(self, name: str, values: Iterable[str]) -> Mask:
        return self._texts_of(name).is_in(values)

    def _is_positive(self, name: str) -> Mask:
        mask: Mask = floats(self._columns[name]) > 0.0
        return mask

    def _is_blank(self, name: str) -> Mask:
        """Where the row itself leaves a column blank."""
        if name not in self._blank:
            self._blank[name] = ~given(self._given[name])
        return self._blank[name]

    def _texts_of(self, name: str) -> Texts:
        if name not in self._texts:
            self._texts[name] = Texts.of(self._columns[name])
        return self._texts[name]

    def with_defaults(self) -> pa.RecordBatch:
        """The filled batch, with the registry's defaults in what is still blank."""
        for name in _NAMED:
            if NONE in self._texts_of(name).values:
                self._set(name, pc.if_else(pc.equal(self._columns[name], NONE), None, self._columns[name]))
        meant = with_ranges_drawn(pa.RecordBatch.from_arrays(list(self._columns.values()), schema=self._given.schema))
        meant = with_means(meant)
        filled = [self._with_default(name, array) for name, array in zip(meant.schema.names, meant.columns, strict=True)]
        return pa.RecordBatch.from_arrays(filled, schema=self._given.schema)

    def _with_default(self, name: str, array: pa.Array) -> pa.Array:
        default = PORTFOLIO[name].default if name in PORTFOLIO else None  # a rule's column has none
        if default is None or not array.null_count:
            return array
        if name == "method":  # a row with several has no other
            return pc.if_else(pc.or_(array.is_valid(), self._columns["methods"].is_valid()), array, pa.scalar(default, array.type))
        if array.null_count == len(array):
            return _defaults(name, 1 << (len(array) - 1).bit_length()).slice(0, len(array))
        return array.fill_null(pa.scalar(default, array.type))

    def report(self) -> pa.DictionaryArray:
        """What was filled by which set, a text for each row."""
        always = sum(1 << i for i, (_, where, _) in enumerate(self._filled) if where.all())
        bits = np.full(self._given.num_rows, always, np.uint64)
        for i, (_, where, _) in enumerate(self._filled):
            if not always >> i & 1:
                bits |= where.astype(np.uint64) << np.uint64(i)
        patterns, of_pattern = distinct(bits.view(np.int64))
        codes, of_row = distinct(self._kinds.of_row * len(patterns) + of_pattern)
        texts = [self._text(int(code) // len(patterns), int(patterns[code % len(patterns)])) for code in codes]
        ordered, of_code = np.unique(np.array(texts, np.str_), return_inverse=True)
        return pa.DictionaryArray.from_arrays(pa.array(of_code[of_row], pa.int32()), pa.array(ordered, pa.string()))

    def _text(self, kind: int, bits: int) -> str:
        by_set: dict[str, list[str]] = {one.name: [] for one in self._kinds.sets[kind]}
        for i, (name, _, chosen) in enumerate(self._filled):
            one = chosen[kind]
            if bits >> i & 1 and one is not None:
                by_set[one.name].append(name)
        return "; ".join(f"{name}: {', '.join(_registry_order(columns))}" for name, columns in by_set.items() if columns)


def _registry_order(columns: Iterable[str]) -> list[str]:
    return [name for name in PORTFOLIO if name in columns]
