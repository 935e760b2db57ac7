"""Loans as arrays: terms, years, probabilities of default and pledges. docs/numerics.md §19.

l = loans, k = pledges, n = loan years, a = rights that are pledged. Money is the market's.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.columns import distinct
from ipvalue.intake import hash_ids
from ipvalue.lending.amortisation import Schedules
from ipvalue.lending.pledges import Pledges, runs, units
from ipvalue.lending.probabilities import thresholds

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Terms:
    """What is agreed of each loan. All (l) but `shares`; NaN where a cell that nothing stands in for is blank."""

    principal: Floats
    rate: Floats
    term: Floats
    liquidation_discount: Floats
    liquidation_lag: Floats
    unsecured_rate: Floats
    guarantee_fee: Floats
    factor_loading: Floats
    factor: Ints  # place among the market's factors in their order, -1 where the loading is 0
    sector: Ints  # place among Loans.sectors, -1 where it is blank
    shares: Floats  # (l, 4) of a loss by bearer, in the order of sharing.BEARERS; the bank's is the rest
    programme: Ints  # place among Loans.programmes, -1 where shares are the loan's own
    policy: Ints  # place among Loans.policies, -1 where it has none
    loan_to_value_cap: Floats
    exposure_class: Ints  # place among capital.CLASSES
    turnover: Floats
    covenant_trigger: Floats  # NaN: no covenant
    covenant_target: Floats
    covenant_release: Floats
    covenant_cure: Floats

    def take(self, loans: Longs) -> Terms:
        """Those of some loans, by their places."""
        return Terms(**{one.name: getattr(self, one.name)[loans] for one in fields(self)})


@dataclass(frozen=True)
class Pledged:
    """Rows of a table of loans, and what they pledge."""

    files: tuple[str, ...]
    file: Longs  # (l) place among files
    row: Longs  # (l) within the file, from 0
    loan_id: pa.StringArray
    assets: pa.StringArray  # (a) rights that are pledged, in the order in which they first appear
    pledges: Pledges

    def __len__(self) -> int:
        return len(self.row)

    def only(self, loans: Mask) -> Self:
        """Some of the loans (l), and the rights that they pledge."""
        return self if loans.all() else self.take(np.flatnonzero(loans))

    def take(self, loans: Longs) -> Self:
        """The same by their places, ascending: as long as they are many, however many others there are."""
        pledges, wanted = self.pledges.take(loans), pa.array(loans)
        used, asset = distinct(pledges.asset)
        return replace(
            self,
            file=self.file[loans],
            row=self.row[loans],
            loan_id=self.loan_id.take(wanted),
            assets=self.assets.take(pa.array(used)),
            pledges=replace(pledges, asset=asset.astype(np.int64)),
        )


@dataclass(frozen=True)
class Loans(Pledged):
    """A book of loans, in the order of its rows."""

    borrower_id: pa.StringArray  # loan_id where the borrower is not named
    terms: Terms
    years: Schedules
    probability: Floats  # (n) of default in a year, given none before
    sectors: tuple[str, ...]
    programmes: tuple[str, ...]
    policies: tuple[str, ...]

    @property
    def tested(self) -> Mask:
        """(l) whether a loan has a covenant."""
        return ~np.isnan(self.terms.covenant_trigger)

    @cached_property
    def threshold(self) -> Floats:
        """(n) below which a standard normal is a default."""
        return thresholds(self.probability)

    @cached_property
    def borrower(self) -> Longs:
        """(l) the number of each loan's borrower, in the order in which they first appear."""
        found: Longs = self.borrower_id.dictionary_encode().indices.to_numpy().astype(np.int64)
        return found

    @cached_property
    def borrower_hash(self) -> npt.NDArray[np.uint64]:
        """(l) what the borrower's random numbers follow from."""
        return hash_ids(self.borrower_id)

    @cached_property
    def unit(self) -> Longs:
        """(l) the number of each loan's unit: loans that share a right or a borrower, directly or not."""
        return units(self.pledges, self.borrower)

    @cached_property
    def order(self) -> Longs:
        """(l) the loans as they take: seniors first, else by the bytes of loan_id."""
        names = np.empty(len(self), np.int64)
        names[pc.sort_indices(self.loan_id).to_numpy()] = np.arange(len(self))
        return self.pledges.precedence().order(names)

    def take(self, loans: Longs) -> Self:
        """Some of the loans, and the rights that are pledged to them."""
        return replace(
            super().take(loans),
            borrower_id=self.borrower_id.take(pa.array(loans)),
            terms=self.terms.take(loans),
            years=self.years.take(loans),
            probability=self.probability[runs(self.years.offset, loans)],
        )
