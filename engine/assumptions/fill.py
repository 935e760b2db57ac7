"""Filling the blanks of a batch from the assumptions, and saying what was filled by which set.

Rows with the same right type, jurisdiction and sector see the same sets, so values are looked up once for each such
kind of right (k) and then taken for all rows (n): (k,) → (n,).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.assumptions.book import LIFE, MONEY, NONE, Assumptions, AssumptionSet, FeeSchedule, SurvivalCurve
from ipvalue.schema import FILLABLE, INCOME_METHODS, LINKED, PENDING, PORTFOLIO, RENEWABLE

Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]

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

_REVENUE = ("revenue", "revenue_path")
_ONLY_FOR = {
    **dict.fromkeys(("growth", "growth_long", "growth_fade", "obsolescence", "tax_rate", "tab_years", "hazard", "survival_curve"), INCOME_METHODS),
    **dict.fromkeys(
        ("grant_probability", "grant_lag", "entry_hazard", "entry_loss", "annual_cost", "cost_inflation", "fee_schedule", "fee_inflation"),
        INCOME_METHODS,
    ),
    "royalty_rate": ("relief_from_royalty", "licence", "project"),
    **dict.fromkeys(("royalty_low", "royalty_high"), ("relief_from_royalty", "licence")),
    "margin": ("excess_earnings", "incremental_income"),
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
    rows = _Rows(batch, book, currency, sold)
    for columns in _ORDER:
        rows.fill(columns)
        if columns == ("currency",):
            rows.name_currency()
    return rows.with_defaults(), rows.report()


@dataclass(frozen=True)
class _Kinds:
    """The kinds of right in a batch: the kind of each row, and each kind's sets, most general first."""

    of_row: Indices
    sets: list[list[AssumptionSet]]

    @classmethod
    def of(cls, batch: pa.RecordBatch, book: Assumptions) -> _Kinds:
        keys = ["right_type", "jurisdiction", "sector"]
        encoded = [batch[key].dictionary_encode() for key in keys]
        code = np.zeros(batch.num_rows, np.int64)
        for one in encoded:
            code = code * (len(one.dictionary) + 1) + pc.fill_null(one.indices, len(one.dictionary)).to_numpy()
        _, first, of_row = np.unique(code, return_index=True, return_inverse=True)
        kinds = batch.select(keys).take(pa.array(first)).to_pylist()
        return cls(of_row, [_sets(book, **kind) for kind in kinds])


def _sets(book: Assumptions, right_type: str, jurisdiction: str | None, sector: str | None) -> list[AssumptionSet]:
    names = [right_type]
    if jurisdiction:
        names.append(f"{right_type}/{jurisdiction}")
    if sector:
        names.append(f"{right_type}//{sector}")
    if jurisdiction and sector:
        names.append(f"{right_type}/{jurisdiction}/{sector}")
    return [book.sets[name] for name in names if name in book.sets]


class _Rows:
    """A batch while it is being filled."""

    def __init__(self, batch: pa.RecordBatch, book: Assumptions, currency: str | None, sold: bool) -> None:
        self._given = batch
        self._columns: dict[str, pa.Array] = {name: batch[name] for name in batch.schema.names}
        self._book, self._currency, self._sold = book, currency, sold
        self._kinds = _Kinds.of(batch, book)
        self._filled: list[tuple[str, Mask, list[AssumptionSet | None]]] = []
        self._valued_by: dict[tuple[str, ...], Mask] = {}

    def fill(self, columns: tuple[str, ...]) -> None:
        """Fill columns that belong together, each kind from its most precise set that has any of them."""
        chosen = [next((one for one in reversed(sets) if any(name in one.values for name in columns)), None) for sets in self._kinds.sets]
        if not any(chosen):
            return
        for name, where in self._fillable(columns, chosen).items():
            if where.any():
                self._fill_one(name, chosen, where)

    def name_currency(self) -> None:
        """The market's currency where no set gave another: not an assumption, so not reported."""
        if self._currency is not None:
            self._columns["currency"] = self._columns["currency"].fill_null(self._currency)

    def _fill_one(self, name: str, chosen: list[AssumptionSet | None], where: Mask) -> None:
        values = [None if one is None else one.values.get(name) for one in chosen]
        offered = pa.array(values, PORTFOLIO[name].arrow_type).take(pa.array(self._kinds.of_row))
        where = where & _mask(offered.is_valid())
        if name in _NAMED:
            where &= self._has_anchor(name, offered)
        if name in MONEY:
            where &= self._is_in_currency(chosen)
        if name == "revenue_uncertainty":  # of the revenue that the same set fills, never of the row's own
            own = [one is None or not any(column in one.values for column in _REVENUE) for one in chosen]
            where &= self._has_no_revenue() | np.array(own, np.bool_)[self._kinds.of_row]
        if where.any():
            self._columns[name] = pc.if_else(pa.array(where), offered, self._columns[name])
            self._filled.append((name, where, chosen))

    def _fillable(self, columns: tuple[str, ...], chosen: list[AssumptionSet | None]) -> dict[str, Mask]:
        """Where each of the columns may be filled."""
        if columns == LIFE:
            return self._fillable_life(chosen)
        blank: Mask = np.logical_and.reduce([self._is_blank(name) for name in columns])
        if "grant_probability" in columns:  # a project with stages of its own has its chances there (model §11.3)
            blank &= _mask(pc.is_in(self._given["stage"], pa.array(sorted(PENDING)))) & ~self._has_own_stages()
        if "royalty_rate" in columns:  # a project with a margin earns that
            blank &= self._is_valued_by(("relief_from_royalty", "licence")) | self._is_blank("margin")
        if columns == ("discount_premium",) and not self._sold:
            blank &= self._is_valued_by(INCOME_METHODS)
        if len(columns) > 1 and any(name in MONEY for name in columns):
            blank &= self._is_in_currency(chosen)
        if columns == ("currency",):
            blank &= np.logical_and.reduce([self._is_blank(name) for name in MONEY])
        if columns[0] in _REVENUE:
            blank &= self._has_no_revenue()
        if columns == ("obsolescence",):  # a row that says how its revenue moves has said how it declines
            blank &= self._is_blank("growth") & self._is_blank("revenue_path")
        if columns == ("survival_curve",):  # a curve of renewals already holds the owners' choices, and the decline that led to them
            blank &= ~_mask(pc.equal(self._columns["renewal"], "optimal")) & ~_mask(pc.greater(self._columns["obsolescence"], 0.0))
        return {name: blank & self._is_valued_by(_ONLY_FOR[name]) if name in _ONLY_FOR else blank for name in columns}

    def _is_valued_by(self, methods: tuple[str, ...]) -> Mask:
        """Where one of the methods values the row, alone or among others. Asked again and again, for the methods are filled first."""
        if methods not in self._valued_by:
            self._valued_by[methods] = self._valued(methods)
        return self._valued_by[methods]

    def _valued(self, methods: tuple[str, ...]) -> Mask:
        lists, names = self._columns["methods"], pa.array(methods, pa.string())
        single = pc.if_else(lists.is_valid(), None, self._columns["method"].fill_null(PORTFOLIO["method"].default))
        valued = np.array(_mask(pc.is_in(single, names)))
        valued[pc.list_parent_indices(lists).to_numpy()[_mask(pc.is_in(lists.flatten(), names))]] = True
        return valued

    def _has_own_stages(self) -> Mask:
        own: Mask = self._is_valued_by(("project",)) & ~self._is_blank("stage_years")
        return own

    def _has_no_revenue(self) -> Mask:
        blank: Mask = self._is_blank("revenue") & self._is_blank("revenue_path")
        return blank

    def _is_in_currency(self, chosen: list[AssumptionSet | None]) -> Mask:
        """Where the row's currency, its own or filled, is that of the set which would fill its money."""
        currencies = pa.array([None if one is None else one.values.get("currency") for one in chosen], pa.string())
        return _mask(pc.equal(self._columns["currency"], currencies.take(pa.array(self._kinds.of_row))))

    def _fillable_life(self, chosen: list[AssumptionSet | None]) -> dict[str, Mask]:
        """A row that says how long it lives is not told otherwise; an economic life only adds to the law's.

        The law's end is enough for a row that says itself how what it earns moves: the economic life is that of the set's own decline.
        A licence, or a right that waits for a rival, cannot be indefinite (model §4): it takes the set's economic life instead.
        """
        no_life = self._is_blank("life") & ~_mask(self._given["indefinite"])
        no_end = no_life & self._is_blank("economic_life") & (self._is_renewable() | self._is_blank("expiry_date"))
        must_end = self._is_valued_by(("licence",)) | _mask(pc.greater(self._columns["entry_hazard"], 0.0))
        endless = np.array([one is not None and bool(one.values.get("indefinite")) for one in chosen], np.bool_)[self._kinds.of_row]
        indefinite = no_end & self._is_blank("indefinite") & ~must_end
        earns = self._is_valued_by(INCOME_METHODS)
        silent = self._is_blank("obsolescence") & self._is_blank("growth") & self._is_blank("revenue_path")
        return {
            "life": no_end & earns,
            "indefinite": indefinite & earns,
            "economic_life": earns & no_life & self._is_blank("economic_life") & (no_end | silent) & ~(indefinite & endless),
        }

    def _has_anchor(self, column: str, offered: pa.Array) -> Mask:
        """Where the date is known that what is offered counts from; to renewal fees the next one will do."""
        filing = [name for name, one in self._named(column).items() if one.anchor == "filing"]
        from_filing = _mask(pc.is_in(offered, pa.array(filing, pa.string())))
        granted = ~self._is_blank("grant_date") | _mask(pc.greater(self._columns["grant_lag"], 0.0))
        dated = np.where(from_filing, ~self._is_blank("filing_date"), granted)
        if column == "fee_schedule":
            dated |= self._is_renewable() & ~self._is_blank("expiry_date")
        anchored: Mask = dated | _mask(pc.equal(offered, NONE))
        return anchored

    def _named(self, column: str) -> Mapping[str, FeeSchedule] | Mapping[str, SurvivalCurve]:
        return self._book.schedules if column == "fee_schedule" else self._book.curves

    def _is_renewable(self) -> Mask:
        return _mask(pc.is_in(self._given["right_type"], pa.array(sorted(RENEWABLE))))

    def _is_blank(self, name: str) -> Mask:
        return _mask(self._given[name].is_null())

    def with_defaults(self) -> pa.RecordBatch:
        """The filled batch, with the registry's defaults in what is still blank."""
        columns = dict(self._columns)
        for name in _NAMED:
            columns[name] = pc.if_else(pc.equal(columns[name], NONE), None, columns[name])
        for name, array in columns.items():
            default = PORTFOLIO[name].default if name in PORTFOLIO else None  # a rule's column has none
            if default is not None and array.null_count:
                columns[name] = array.fill_null(pa.scalar(default, array.type))
        columns["method"] = pc.if_else(columns["methods"].is_valid(), self._columns["method"], columns["method"])
        return pa.RecordBatch.from_pydict(columns, self._given.schema)

    def report(self) -> pa.DictionaryArray:
        """What was filled by which set, a text for each row."""
        bits = np.zeros(self._given.num_rows, np.uint64)
        for i, (_, where, _) in enumerate(self._filled):
            bits |= where.astype(np.uint64) << np.uint64(i)
        patterns, of_pattern = np.unique(bits, return_inverse=True)
        codes, of_row = np.unique(self._kinds.of_row * len(patterns) + of_pattern, return_inverse=True)
        texts = [self._text(int(code) // len(patterns), int(patterns[code % len(patterns)])) for code in codes]
        distinct, of_code = np.unique(np.array(texts, np.str_), return_inverse=True)
        return pa.DictionaryArray.from_arrays(pa.array(of_code[of_row], pa.int32()), pa.array(distinct, pa.string()))

    def _text(self, kind: int, bits: int) -> str:
        by_set: dict[str, list[str]] = {one.name: [] for one in self._kinds.sets[kind]}
        for i, (name, _, chosen) in enumerate(self._filled):
            one = chosen[kind]
            if bits >> i & 1 and one is not None:
                by_set[one.name].append(name)
        return "; ".join(f"{name}: {', '.join(_registry_order(columns))}" for name, columns in by_set.items() if columns)


def _registry_order(columns: Iterable[str]) -> list[str]:
    return [name for name in PORTFOLIO if name in columns]


def _mask(array: pa.Array) -> Mask:
    mask: Mask = pc.fill_null(array, False).to_numpy(zero_copy_only=False)
    return mask
