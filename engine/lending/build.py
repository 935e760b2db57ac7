"""Rows of loans that keep their rules → arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue import columns
from ipvalue.columns import Texts
from ipvalue.lending.amortisation import Schedules, schedules
from ipvalue.lending.capital import CLASSES, correlation
from ipvalue.lending.loan_rules import SHARES, Named, moves, principal_in_market, rate_of
from ipvalue.lending.loans import Loans, Pledged, Terms
from ipvalue.lending.pledges import Pledges, starts
from ipvalue.lending.probabilities import default_probabilities, thresholds
from ipvalue.rows import Floats, Mask, Rows
from ipvalue.schema import LOANS

Longs = npt.NDArray[np.int64]


def build(rows: Rows, pledged: Pledged, named: Named) -> Loans:
    """Loans of rows (l) that have all been checked, and of what these pledge."""
    years = _years(rows, named)
    probability = default_probabilities(years.offset, years.lengths, *_curves(rows, named))
    sectors = Texts.of(rows.batch["sector"])
    return Loans(
        **{one.name: getattr(pledged, one.name) for one in fields(Pledged)},
        borrower_id=pc.coalesce(rows.batch["borrower_id"], pledged.loan_id),
        terms=_terms(rows, named, probability[years.offset[:-1]], sectors),
        years=years,
        probability=probability,
        threshold=thresholds(probability),
        sectors=sectors.values,
        programmes=tuple(named.programmes),
        policies=tuple(named.policies),
    )


def pledges_of(rows: Rows, good: Mask) -> tuple[pa.StringArray, Pledges]:
    """The rights that rows pledge, each once, and the pledges. good: (l) rows that keep their rules; a blank is rank 1 in these. In the others, where
    the ranks cannot be told, it is 0: such a loan may precede any."""
    names, lengths = rows.batch["asset_ids"].flatten().dictionary_encode(), rows.lengths("asset_ids")
    ranked = rows.given("pledge_ranks") & (rows.lengths("pledge_ranks") == lengths)
    rank = np.repeat(good.astype(np.int64), lengths)
    rank[np.repeat(ranked, lengths)] = rows.batch["pledge_ranks"].filter(pa.array(ranked)).flatten().to_numpy()
    return names.dictionary, Pledges(starts(lengths), names.indices.to_numpy().astype(np.int64), rank)


def _or_default(rows: Rows, name: str) -> Floats:
    values, default = rows.floats(name), LOANS[name].default
    assert isinstance(default, float)
    return np.where(np.isnan(values), default, values)


def _terms(rows: Rows, named: Named, first_year: Floats, sectors: Texts) -> Terms:
    classes = np.array(CLASSES)[np.maximum(rows.index("exposure_class", _places(CLASSES)), 0)]
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
        factor_loading=np.where(np.isnan(loading), np.sqrt(correlation(first_year, classes, turnover)), loading),
        factor=np.where(moves(rows), rows.index("sector", named.factors), np.int32(-1)),
        sector=sectors.index(_places(sectors.values)),
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
