"""Rows of loans that keep their rules → arrays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue import columns
from ipvalue.columns import Texts, distinct
from ipvalue.intake import BOOK
from ipvalue.lending.amortisation import Schedules, schedules
from ipvalue.lending.capital import CLASSES, correlation
from ipvalue.lending.loan_rules import SHARES, Named, moves, principal_in_market, rate_of
from ipvalue.lending.loans import Loans, Pledged, Terms
from ipvalue.lending.pledges import starts
from ipvalue.lending.probabilities import default_probabilities
from ipvalue.rows import Floats, Ints, Mask, Rows
from ipvalue.schema import LOANS

Longs = npt.NDArray[np.int64]


class Agreed:
    """What rows of loans say beside what they pledge, as arrays: rows come batch by batch, and an array's batches are let go of when it is whole."""

    def __init__(self, named: Named) -> None:
        self._named = named
        self._parts: defaultdict[str, list[Any]] = defaultdict(list)
        self._sectors: dict[str, int] = {}

    def add(self, rows: Rows) -> None:
        """Takes in rows that have all been checked by themselves."""
        years = _years(rows, self._named)
        probability = default_probabilities(years.offset, years.lengths, *_curves(rows, self._named))
        sectors = Texts.of(rows.batch["sector"])
        for name in sectors.values:
            self._sectors.setdefault(name, len(self._sectors))
        terms = _terms(rows, self._named, probability[years.offset[:-1]], sectors.index(self._sectors))
        for name, array in (*_fields(_TERM, terms), *_fields(_YEAR, years), ("count", np.diff(years.offset)), ("probability", probability)):
            self._parts[name].append(array)
        self._parts["borrower_id"].append(pc.coalesce(rows.batch["borrower_id"], rows.batch[BOOK.key]))

    def loans(self, wanted: Mask, pledged: Pledged) -> Loans:
        """Those of the rows (l) that are wanted, with what they pledge. Only once."""
        count = np.concatenate(self._parts.pop("count"))
        of_year = np.repeat(wanted, count)
        sector, sectors = self._sector(self._whole("terms.sector", wanted))
        terms = {one.name: self._whole(_TERM + one.name, wanted) for one in fields(Terms) if one.name != "sector"}
        years = {one.name: self._whole(_YEAR + one.name, of_year) for one in fields(Schedules) if one.name != "offset"}
        borrower = pa.chunked_array(self._parts.pop("borrower_id"), pa.string()).combine_chunks()
        return Loans(
            **{one.name: getattr(pledged, one.name) for one in fields(Pledged)},
            borrower_id=borrower if wanted.all() else borrower.filter(pa.array(wanted)),
            terms=Terms(sector=sector, **terms),
            years=Schedules(starts(count[wanted]), **years),
            probability=self._whole("probability", of_year),
            sectors=sectors,
            programmes=tuple(self._named.programmes),
            policies=tuple(self._named.policies),
        )

    def _whole(self, name: str, wanted: Mask) -> Any:
        """An array of all batches, of what is wanted; one that is the same throughout takes the memory of one entry."""
        whole = np.concatenate(self._parts.pop(name))
        if not wanted.all():
            whole = whole[wanted]
        bits = whole.view(f"u{whole.itemsize}")
        return np.broadcast_to(whole[:1].copy(), whole.shape) if len(whole) and (bits == bits[:1]).all() else whole

    def _sector(self, sector: Ints) -> tuple[Ints, tuple[str, ...]]:
        """(l) the loans' sectors by place among those that there are, and these as they first appear."""
        given = sector >= 0
        used, place = distinct(sector[given].astype(np.int64))
        found = np.full(len(sector), -1, np.int32)
        found[given] = place
        names = list(self._sectors)
        return found, tuple(names[one] for one in used)


_TERM, _YEAR = "terms.", "years."


def _fields(of: str, columns: Terms | Schedules) -> list[tuple[str, Any]]:
    return [(of + one.name, getattr(columns, one.name)) for one in fields(columns) if one.name != "offset"]


def pledged_by(rows: Rows, good: Mask) -> tuple[pa.StringArray, Longs, Ints]:
    """The rights that rows (l) pledge, how many each does (l), and the rank on each. good: (l) rows that keep their rules; a blank is rank 1 in
    these. In the others, where the ranks cannot be told, it is 0: such a loan may precede any."""
    lengths = rows.lengths("asset_ids")
    ranked = rows.given("pledge_ranks") & (rows.lengths("pledge_ranks") == lengths)
    rank = np.repeat(good.astype(np.int32), lengths)
    rank[np.repeat(ranked, lengths)] = rows.batch["pledge_ranks"].filter(pa.array(ranked)).flatten().to_numpy()
    return rows.batch["asset_ids"].flatten(), lengths, rank


def _or_default(rows: Rows, name: str) -> Floats:
    values, default = rows.floats(name), LOANS[name].default
    assert isinstance(default, float)
    return np.where(np.isnan(values), default, values)


def _terms(rows: Rows, named: Named, first_year: Floats, sector: Ints) -> Terms:
    classes = np.maximum(rows.index("exposure_class", _places(CLASSES)), 0)
    turnover = _or_default(rows, "turnover")
    loading = rows.floats("factor_loading")
    trigger, target = rows.floats("covenant_trigger"), rows.floats("covenant_target")
    return Terms(
        principal=principal_in_market(rows, named.fx),
        rate=rows.floats("rate"),
        term=rows.floats("term"),
        liquidation_discount=rows.floats("liquidation_discount"),
        liquidation_lag=rows.floats("liquidation_lag"),
        unsecured_rate=rows.floats("unsecured_rate"),
        guarantee_fee=_or_default(rows, "guarantee_fee"),
        factor_loading=np.where(np.isnan(loading), np.sqrt(correlation(first_year, np.array(CLASSES)[classes], turnover)), loading),
        factor=np.where(moves(rows), rows.index("sector", named.factors), np.int32(-1)),
        sector=sector,
        shares=_shares(rows, named),
        programme=rows.index("programme", _places(named.programmes)),
        policy=rows.index("policy", _places(named.policies)),
        loan_to_value_cap=rows.floats("loan_to_value_cap"),
        exposure_class=classes,
        turnover=turnover,
        covenant_trigger=trigger,
        covenant_target=np.where(np.isnan(target), trigger, target),
        covenant_release=_or_default(rows, "covenant_release"),
        covenant_cure=_or_default(rows, "covenant_cure"),
    )


def _places(names: Iterable[str]) -> dict[str, int]:
    return {name: i for i, name in enumerate(names)}


def _shares(rows: Rows, named: Named) -> Floats:
    own = np.stack([np.nan_to_num(rows.floats(name)) for name in SHARES], axis=1)
    if not named.programmes:
        return own
    programme = rows.index("programme", _places(named.programmes))
    shared = np.array([one.shares for one in named.programmes.values()])
    return np.where((programme >= 0)[:, None], shared[programme], own)


def _years(rows: Rows, named: Named) -> Schedules:
    fx, lists = rate_of(rows, named.fx), rows.batch["schedule"]
    begin = starts(rows.lengths("schedule"))
    values = columns.floats(lists.flatten()) * np.repeat(fx, np.diff(begin))
    listed = np.flatnonzero(rows.is_in("amortisation", ["schedule"]))
    repayments: list[list[float] | None] = [None] * len(rows)
    for i in listed:
        repayments[i] = values[begin[i] : begin[i + 1]].tolist()
    kinds = pc.fill_null(rows.batch["amortisation"], LOANS["amortisation"].default).to_pylist()
    return schedules(principal_in_market(rows, named.fx), rows.floats("rate"), rows.floats("term"), kinds, repayments)


def _curves(rows: Rows, named: Named) -> tuple[Longs, Floats]:
    """Where each loan's cumulative probabilities of default begin (l + 1), and these: its own, its rating's, or `pd` for one year."""
    names = list(named.ratings)
    rating = rows.index("rating", _places(names))
    tables = [np.asarray(named.ratings[name], np.float64) for name in names]
    of_table = np.array([len(one) for one in tables] or [0], np.int64)
    lengths = np.where(rows.given("pd_curve"), rows.lengths("pd_curve"), np.where(rating >= 0, of_table[rating], 1))
    begin = starts(lengths)
    loan = np.repeat(np.arange(len(rows)), lengths)
    values = np.where(rows.given("pd")[loan], rows.floats("pd")[loan], 0.0)
    values[rows.given("pd_curve")[loan]] = columns.floats(rows.batch["pd_curve"].flatten())
    from_table = np.flatnonzero((rating >= 0)[loan])
    if len(from_table):
        at = starts(of_table)[rating[loan[from_table]]] + from_table - begin[loan[from_table]]
        values[from_table] = np.concatenate(tables)[at]
    return begin, values
