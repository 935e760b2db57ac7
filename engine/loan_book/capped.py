"""What caps on loan to value are parts of: means of rights, quantiles of their values, or what a forced sale brings. docs/numerics.md §19.

a = rights, n = some of them, s = slots, p = paths
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ipvalue.assumptions import Assumptions
from ipvalue.backend import Backend, kernels
from ipvalue.lending.amortisation import discounts
from ipvalue.lending.policy import Policy
from ipvalue.loan_book.pledged import Rights, discounts_of
from ipvalue.rows import Floats, Ints, Longs, Mask
from ipvalue.schema import RIGHT_TYPES
from ipvalue.tables import Tables

FORCED = "forced"


@dataclass(frozen=True)
class Sales:
    """What sales of rights bring: the assumptions' forced sales, and the market as arrays."""

    assumptions: Assumptions
    tables: Tables

    def forced(self) -> Floats:
        """(2, right types): discount and time to sell of a forced sale, NaN where the assumptions do not say."""
        known = self.assumptions.premises.get(FORCED, {})
        pairs = [self.assumptions.premise(FORCED, name) if name in known else (np.nan, np.nan) for name in RIGHT_TYPES]
        return np.array(pairs).T

    def check(self, right_type: Ints) -> None:
        """Raises InputError where the assumptions do not say of one of these types (n,), by place among RIGHT_TYPES."""
        for place in np.unique(right_type):
            self.assumptions.premise(FORCED, RIGHT_TYPES[place])

    def kept(self, discount: Floats, lag: Floats, rate: Floats, right_type: Ints) -> Floats:
        """(n,) h: what a sale of each right brings of its collateral, on the day of default; discount and lag NaN where they are left to the
        assumptions, the loan's rate, and the right's type. Raises InputError where the assumptions do not say."""
        self.check(right_type[np.isnan(discount) | np.isnan(lag)])
        forced = self.forced()[:, right_type]
        off, time = (np.where(np.isnan(own), other, own) for own, other in zip((discount, lag), forced, strict=True))
        found: Floats = (1.0 - off) * discounts(rate, time)
        return found

    def part(self, rights: Rights) -> Floats:
        """(a,) the part of a right's mean that a forced sale is expected to bring, NaN where the assumptions do not say."""
        discount, time = self.forced()[:, rights.right_type]
        known, factor = ~np.isnan(time), np.full(len(time), np.nan)
        factor[known] = (1.0 - discount[known]) * discounts_of(self.tables, rights.curve[known], rights.premium[known], time[known])
        return factor

    def capped(self, policy: Policy, rights: Rights, right: Longs, mean: Floats, slot: Longs, slots: Floats, backend: Backend) -> Floats:
        """(n,) what a policy's cap is a part of, of rights (n,) by their places, with their means, and the slots (n,) of slots (s, p) that hold their
        values. Raises InputError where the assumptions do not say what a forced sale brings."""
        if policy.quantile is not None:
            kernel = kernels(backend)
            return np.array([kernel.statistics(slots[one], (policy.quantile,), 1.0)[-1] for one in slot])
        if policy.value == FORCED:
            self.check(rights.right_type[right])
            return mean * self.part(rights)[right]
        return mean


def one_by_one(policies: Sequence[Policy], policy: Ints) -> Mask:
    """(l,) of loans by the place of their policy, −1 none: whose rights are needed one by one, for what the policy says."""
    needed = [one.coverage is not None or one.quantile is not None for one in policies]
    return np.array([*needed, False], np.bool_)[policy]
