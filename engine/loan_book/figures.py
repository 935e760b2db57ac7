"""What the results say of loans, from what stands behind them and their defaults: docs/numerics.md §19.

l = loans, k = pledges, n = loan years, a = rights, all of a batch
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.assumptions import Assumptions
from ipvalue.backend import kernels
from ipvalue.lending import principal as most
from ipvalue.lending.batch import Batch
from ipvalue.lending.capital import CLASSES, UNSECURED_LGD, risk_weights
from ipvalue.lending.covenants import Covenants, Tested
from ipvalue.lending.figures import LoanFigures, all_in_cost, saving
from ipvalue.lending.loans import Loans
from ipvalue.lending.policy import Policy
from ipvalue.lending.settlement import Events
from ipvalue.loan_book.capped import Sales
from ipvalue.loan_book.collateral import MEAN, Collateral
from ipvalue.loan_book.pledged import Rights, discounts_of
from ipvalue.rows import Floats, Ints, Longs, Mask
from ipvalue.schema import RIGHT_TYPES, quantile_name
from ipvalue.simulate import Sampling
from ipvalue.tables import Tables

LIMITS = (*most.LIMITS, "longest_term")
"""What may bind how much is lent."""
_BY_TYPE = len(RIGHT_TYPES)


@dataclass(frozen=True)
class Lender:
    """What a bank goes by: policies, in the order of the loans' own, the assumptions' forced sales, the market as arrays, and the sampling."""

    policies: tuple[Policy, ...]
    assumptions: Assumptions
    tables: Tables
    sampling: Sampling

    def kept(self, loans: Loans, right_type: Ints) -> Floats:
        """(k,) h: what a sale of each pledged right brings of its collateral, on the day of default. right_type (a): by place among RIGHT_TYPES.

        Raises InputError where a loan leaves it to the assumptions and these do not say.
        """
        loan, asset, terms = loans.pledges.loan, loans.pledges.asset, loans.terms
        return self.sales.kept(terms.liquidation_discount[loan], terms.liquidation_lag[loan], terms.rate[loan], right_type[asset])

    @property
    def sales(self) -> Sales:
        """What sales bring."""
        return Sales(self.assumptions, self.tables)

    def of_policy(self, loans: Loans, name: str) -> Floats:
        """(l,) a limit of each loan's policy, NaN where it has none."""
        found = [getattr(one, name) for one in self.policies]
        values = np.array([*(np.nan if one is None else one for one in found), np.nan])
        return values[loans.terms.policy]

    def caps(self) -> Floats:
        """(policies + 1, right types): caps on loan to value, 0 of a type that a policy with caps does not name; NaN where it has none. The last row
        is of no policy."""
        rows = [[one.loan_to_value.get(name, 0.0) if one.loan_to_value else np.nan for name in RIGHT_TYPES] for one in self.policies]
        return np.array([*rows, [np.nan] * _BY_TYPE])


@dataclass(frozen=True)
class Pledge:
    """Of each pledge (k,): the mean of its right, what is left of it by the seniors' principal, and this; own ones first in `order`."""

    mean: Floats
    seniors: Floats
    rest: Floats
    order: Longs


def pledges_of(batch: Batch, mean: Floats) -> Pledge:
    """mean (a,) of the batch's rights."""
    pledges = batch.pledges
    of_pledge = mean[pledges.asset]
    seniors, has = _seniors(batch)
    rest = np.where(has, np.maximum(of_pledge - seniors, 0.0), of_pledge)
    return Pledge(of_pledge, seniors, rest, np.lexsort((np.arange(len(rest)), pledges.shared, pledges.loan)))


def _seniors(batch: Batch) -> tuple[Floats, Mask]:
    """(k,) the principal of the loans that precede each pledge's on its right, by rank, and whether there are any."""
    pledges, order = batch.pledges, batch.pledges.by_asset
    principal: Floats = batch.years.owed[batch.years.offset[:-1]][pledges.loan[order]]
    place = np.arange(len(order)) - np.searchsorted(pledges.asset[order], pledges.asset[order])
    sums = np.zeros(len(order))
    for depth in range(1, int(place.max(initial=0)) + 1):
        here = np.flatnonzero(place == depth)
        sums[here] = sums[here - 1] + principal[here - 1]
    found, has = np.empty(len(order)), np.empty(len(order), np.bool_)
    found[order], has[order] = sums, place > 0
    return found, has


def cap_of(loans: Loans, batch: Batch, pledge: Pledge, rights: Rights, lender: Lender) -> Floats:
    """(l,) the cap whose breach is reported: the loan's, else its policy's by right type, weighted by means; NaN where there is none."""
    own = loans.terms.loan_to_value_cap[batch.loan]
    caps = lender.caps()[loans.terms.policy[batch.loan[batch.pledges.loan]], rights.right_type[batch.pledges.asset]]
    whole, part = (_sums(batch, pledge, one) for one in (pledge.mean, caps * pledge.mean))
    of_policy = np.divide(part, whole, out=np.full(len(own), np.nan), where=whole > 0.0)
    return np.where(np.isnan(own), of_policy, own)


def _sums(batch: Batch, pledge: Pledge, amounts: Floats) -> Floats:
    """(l,) sums of amounts (k,), over own rights first."""
    found: Floats = np.bincount(batch.pledges.loan[pledge.order], amounts[pledge.order], len(batch.loan)).astype(np.float64)
    return found


def described(
    loans: Loans,
    batch: Batch,
    rights: Rights,
    collateral: Collateral,
    pledge: Pledge,
    events: Events,
    figures: LoanFigures,
    covenants: Covenants,
    tested: Tested | None,
    lender: Lender,
) -> pa.RecordBatch:
    """What a task knows of the batch's loans (figures_schema), but for their numbers in the book."""
    these, years = batch.loan, batch.years
    by_loan: dict[str, Floats] = {name: getattr(loans.terms, name)[these] for name in ("rate", "term", "guarantee_fee", "unsecured_rate", "turnover")}
    principal = years.owed[years.offset[:-1]]
    limits, binding = _limits(loans, batch, rights, collateral, pledge, events, lender, by_loan["term"])
    first = loans.probability[loans.years.offset[:-1]][these]
    classes, maturity = np.array(CLASSES)[loans.terms.exposure_class[these]], years.effective_maturity()
    quantiles = lender.sampling.quantiles
    numbers: dict[str, Any] = {
        "principal": principal,
        "rate": by_loan["rate"],
        "term": by_loan["term"],
        **{name: getattr(figures, name) for name in _FIGURES},
        "collateral_value": _sums(batch, pledge, pledge.rest),
        "loan_to_value": most.loan_to_value(batch.pledges.offset, principal, pledge.mean[pledge.order], pledge.seniors[pledge.order]),
        **{f"loan_to_value_{quantile_name(q)}": figures.loan_to_value[:, i] for i, q in enumerate(quantiles)},
        "loan_to_value_forced": _forced(batch, pledge, rights, principal, lender),
        **{f"coverage_{quantile_name(q)}": figures.coverage[:, i] for i, q in enumerate(quantiles)},
        "all_in_cost": all_in_cost(by_loan["rate"], by_loan["guarantee_fee"]),
        "saving": saving(years, by_loan["unsecured_rate"], by_loan["guarantee_fee"]),
        "largest_principal": np.where(np.isfinite(limits), limits, np.nan),
        "risk_weight": risk_weights(first, np.full(len(these), UNSECURED_LGD), classes, maturity, by_loan["turnover"]),
        "risk_weight_simulated": risk_weights(first, figures.lgd, classes, maturity, by_loan["turnover"]),
    }
    columns: dict[str, pa.Array] = {name: _nullable(one) for name, one in numbers.items()}
    columns["binding_limit"] = pa.array([*LIMITS], pa.string()).take(pa.array(binding, mask=binding < 0))
    columns["breach"] = _lists(years.offset, figures.breach, ~np.isnan(figures.breach[years.offset[:-1]]))
    columns["standing"] = _lists(years.offset, figures.standing, np.ones(len(these), np.bool_))
    columns |= _of_covenants(batch, covenants, tested)
    columns["by_right_type"] = _by_right_type(batch, pledge, rights, principal)
    return pa.RecordBatch.from_arrays([columns[field.name] for field in figures_schema(quantiles)], schema=figures_schema(quantiles))


_FIGURES = ("pd", "ead", "lgd", "expected_loss", "standard_deviation", "standard_error", "expected_loss_present")
_COVENANTS = {"covenant_calls": "calls", "covenant_unmet": "unmet", "covenant_releases": "releases", "covenant_call": "mean_call"}


def figures_schema(quantiles: Sequence[float]) -> pa.Schema:
    """The columns of figures/part-*.arrow beside the loans' numbers, which tasks write for the tables of a book."""
    names = [quantile_name(q) for q in quantiles]
    numbers = ["principal", "rate", "term", *_FIGURES, "collateral_value", "loan_to_value", *(f"loan_to_value_{name}" for name in names)]
    numbers += ["loan_to_value_forced", *(f"coverage_{name}" for name in names), "all_in_cost", "saving", "largest_principal"]
    after = ["risk_weight", "risk_weight_simulated"]
    lists = ["breach", *_COVENANTS, "standing", "by_right_type"]
    return pa.schema([
        *((name, pa.float64()) for name in numbers),
        ("binding_limit", pa.string()),
        *((name, pa.float64()) for name in after),
        *((name, pa.list_(pa.float64())) for name in lists),
    ])  # fmt: skip


def _limits(
    loans: Loans, batch: Batch, rights: Rights, collateral: Collateral, pledge: Pledge, events: Events, lender: Lender, term: Floats
) -> tuple[Floats, Longs]:
    """(l,) the most that the policies allow, infinite where nothing binds, and which of LIMITS binds, −1: none."""
    these, pledges, paths = batch.loan, batch.pledges, lender.sampling.paths
    expected, coverage, longest = (lender.of_policy(loans, name)[these] for name in ("expected_loss", "coverage", "longest_term"))
    caps = lender.caps()[loans.terms.policy[these[pledges.loan]], rights.right_type[pledges.asset]]
    capped = ~np.isnan(caps[pledges.offset[:-1]])
    by_value = most.by_loan_to_value(pledges.offset, np.nan_to_num(caps), _capped(loans, batch, rights, collateral, pledge, lender), pledge.seniors)
    principal = batch.years.owed[batch.years.offset[:-1]]
    tested = ~np.isnan(loans.terms.covenant_trigger[these])
    limits = np.stack(
        [
            np.where(capped, by_value, most.NO_LIMIT),
            most.by_expected_loss(events, principal, np.where(tested, np.nan, expected), paths),
            most.by_coverage(pledges.offset, pledge.mean, _later(batch, rights, collateral, coverage, lender), coverage),
        ],
        axis=1,
    )
    least, binding = most.binding(limits)
    late = term > longest
    return np.where(late, 0.0, least), np.where(late, LIMITS.index("longest_term"), binding)


def _capped(loans: Loans, batch: Batch, rights: Rights, collateral: Collateral, pledge: Pledge, lender: Lender) -> Floats:
    """(k,) what caps on loan to value are parts of."""
    found, layout = pledge.mean.copy(), collateral.layout
    policy = loans.terms.policy[batch.loan[batch.pledges.loan]]
    for place, one in enumerate(lender.policies):
        if one.value != "mean":
            these = np.flatnonzero(policy == place)
            right, backend = batch.pledges.asset[these], lender.sampling.backend
            found[these] = lender.sales.capped(one, rights, right, pledge.mean[these], layout.worth_apart[right], collateral.slots, backend)
    return found


def _later(batch: Batch, rights: Rights, collateral: Collateral, coverage: Floats, lender: Lender) -> Floats:
    """(k,) what the rights of loans that a policy's coverage limits are expected to be worth at their end, in today's money; of others 0."""
    pledges, layout = batch.pledges, collateral.layout
    wanted = np.flatnonzero(~np.isnan(coverage)[pledges.loan])
    found, kernel = np.zeros(len(pledges.asset)), kernels(lender.sampling.backend)
    end = batch.years.ends[batch.years.offset[1:] - 1][pledges.loan[wanted]]
    right = pledges.asset[wanted]
    df = discounts_of(lender.tables, rights.curve[right], rights.premium[right], end)
    slots = layout.of_cell[layout.cell[wanted + 1] - 1]
    means = [kernel.statistics(np.maximum(collateral.slots[slot], 0.0), (), 1.0)[MEAN] for slot in slots]
    found[wanted] = df * np.array(means)
    return found


def _forced(batch: Batch, pledge: Pledge, rights: Rights, principal: Floats, lender: Lender) -> Floats:
    """(l,) loan to value on what a forced sale of the rights is expected to bring."""
    brings = (pledge.mean * lender.sales.part(rights)[batch.pledges.asset])[pledge.order]
    return most.loan_to_value(batch.pledges.offset, principal, brings, pledge.seniors[pledge.order])


def _by_right_type(batch: Batch, pledge: Pledge, rights: Rights, principal: Floats) -> pa.Array:
    """(l,) each loan's principal by right type: in proportion to the means, to each right alike where these are not positive."""
    pledges = batch.pledges
    whole = _sums(batch, pledge, pledge.mean)
    counts = np.diff(pledges.offset)
    share = np.where(whole[pledges.loan] > 0.0, pledge.mean / np.where(whole > 0.0, whole, 1.0)[pledges.loan], 1.0 / counts[pledges.loan])
    cell = pledges.loan * _BY_TYPE + rights.right_type[pledges.asset]
    amounts = np.bincount(cell, share * principal[pledges.loan], len(batch.loan) * _BY_TYPE)
    return pa.ListArray.from_arrays(np.arange(len(batch.loan) + 1, dtype=np.int32) * _BY_TYPE, pa.array(amounts))


def _of_covenants(batch: Batch, covenants: Covenants, tested: Tested | None) -> Mapping[str, pa.Array]:
    """(l,) by year, null where a loan has no covenant."""
    years, has = batch.years.offset, np.zeros(len(batch.loan), np.bool_)
    has[covenants.loan] = True
    at = np.concatenate([np.arange(0), *(np.arange(years[i], years[i + 1]) for i in covenants.loan)])
    found = {}
    for name, field in _COVENANTS.items():
        values = np.zeros(years[-1])
        if tested is not None:
            values[at] = getattr(tested, field)
        found[name] = _lists(years, values, has)
    return found


def _lists(offset: Longs, values: Floats, given: Mask) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(offset.astype(np.int32)), pa.array(values), mask=pa.array(~given))


def _nullable(numbers: Floats) -> pa.Array:
    return pa.array(numbers, mask=np.isnan(numbers))
