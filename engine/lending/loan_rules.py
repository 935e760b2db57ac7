"""Rules that a loan must keep by itself, beyond those of single columns: docs/numerics.md §19, "Left out"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue import columns
from ipvalue.lending.amortisation import first_exposure, loan_years
from ipvalue.lending.policy import Policy
from ipvalue.lending.ratings import Ratings
from ipvalue.lending.sharing import BEARERS, SHARE_TOLERANCE, Programme
from ipvalue.market import Market
from ipvalue.rows import Floats, Mask, Rows
from ipvalue.schema import did_you_mean

SCHEDULE_TOLERANCE = 1e-6
LARGEST_EXPOSURE = 2.0**62 * 1e-6
"""Losses are summed as integers of 10⁻⁶ (numerics.md §8)."""

PROBABILITIES = ("pd", "rating", "pd_curve")
SHARES = tuple(f"{bearer}_share" for bearer in BEARERS)
BANK = "bank_share"
COVENANTS = ("covenant_target", "covenant_release", "covenant_cure")


@dataclass(frozen=True)
class Named:
    """What loans name: the market's currencies and factors, ratings, programmes and policies."""

    market: Market
    ratings: Ratings = field(default_factory=dict)
    programmes: Mapping[str, Programme] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)

    @property
    def fx(self) -> dict[str, float]:
        """What one unit of each currency is worth in the market's."""
        return {**self.market.fx, self.market.currency: 1.0}

    @property
    def factors(self) -> dict[str, int]:
        """The place of each of the market's factors."""
        return {name: i for i, name in enumerate(self.market.factor_order)}


def check_loans(rows: Rows, named: Named) -> None:
    """Reject the loans that break a rule, with what they name among the rest. The rows stay until they are settled."""
    _check_named(rows, "currency", named.fx, "exchange rate in the market", "add it under fx")
    _check_named(rows, "rating", named.ratings, "rating of the table", "add it there, or give pd")
    _check_named(rows, "programme", named.programmes, "programme", "add it, or give shares")
    _check_named(rows, "policy", named.policies, "policy", "add it, or leave it blank")
    _check_factor(rows, named.factors)
    _check_probabilities(rows)
    _check_schedule(rows)
    _check_exposure(rows, named.fx)
    _check_shares(rows)
    _check_ranks(rows)
    _check_covenant(rows)


def principal_in_market(rows: Rows, fx: Mapping[str, float]) -> Floats:
    """(l) what is owed, in the market's currency; NaN where that is not known."""
    return rows.floats("principal") * rate_of(rows, fx)


def rate_of(rows: Rows, fx: Mapping[str, float]) -> Floats:
    """(l) the exchange rate of each loan's currency: 1 where it is blank, NaN where there is none."""
    place = rows.index("currency", {name: i for i, name in enumerate(fx)})
    found = np.array([*fx.values(), np.nan])[place]
    return np.where(rows.given("currency"), found, 1.0)


def moves(rows: Rows) -> Mask:
    """(l) where the borrower loads on its sector's factor: all but those whose loading is given as 0."""
    found: Mask = rows.floats("factor_loading") != 0.0
    return found


def _check_named(rows: Rows, column: str, known: Mapping[str, object], what: str, mend: str) -> None:
    rows.reject(
        rows.given(column) & ~rows.is_in(column, known),
        column,
        f"{column} names one that is there",
        lambda value: f"{column} is {value!r}, for which there is no {what}{did_you_mean(value, known)}; correct it, or {mend}",
    )


def _check_factor(rows: Rows, factors: Mapping[str, int]) -> None:
    rows.reject(
        moves(rows) & ~rows.is_in("sector", factors),
        "sector",
        "sector is a factor of the market where factor_loading is not 0",
        lambda value: (
            f"sector is {value}, which is no factor of the market{did_you_mean(value, factors)}; name one of factors.names or set factor_loading to 0"
        ),
    )


def _check_probabilities(rows: Rows) -> None:
    given = np.stack([rows.given(name) for name in PROBABILITIES]).sum(axis=0)
    rule = "one of pd, rating and pd_curve is given"
    rows.reject(given == 0, "pd", rule, "pd, rating and pd_curve are all blank: give one of them")
    rows.reject(given > 1, "pd", rule, "of pd, rating and pd_curve more than one is given: leave the others blank")
    values, loan = entries(rows.batch["pd_curve"])
    falls = (loan[1:] == loan[:-1]) & (values[1:] < values[:-1])
    rows.reject(
        _among(rows, loan[1:][falls]),
        "pd_curve",
        "pd_curve does not fall",
        lambda value: f"pd_curve is {value}: it is cumulative, so no entry may be below the one before it",
    )


def _check_schedule(rows: Rows) -> None:
    listed, given = rows.is_in("amortisation", ["schedule"]), rows.given("schedule")
    rule = "schedule is given where amortisation is schedule, and only there"
    rows.reject(listed & ~given, "schedule", rule, "schedule is blank, but amortisation is schedule: give what is repaid at the end of each year")
    rows.reject(given & ~listed, "schedule", rule, "schedule is given, but amortisation is not schedule: set it so, or leave schedule blank")
    years = loan_years(rows.floats("term"))
    rows.reject(
        given & (rows.lengths("schedule") != years),
        "schedule",
        "schedule has an entry for each year of the loan",
        lambda value: f"schedule is {value}: give one entry for each year of term, and one for a last part of a year",
    )
    values, loan = entries(rows.batch["schedule"])
    principal, total = rows.floats("principal"), np.bincount(loan, values, len(rows))
    rows.reject(
        given & (np.abs(total - principal) > SCHEDULE_TOLERANCE * principal),
        "schedule",
        "schedule adds up to principal",
        lambda value: f"schedule is {value}: its entries must add up to principal, to a millionth of it",
    )


def _check_exposure(rows: Rows, fx: Mapping[str, float]) -> None:
    exposure = first_exposure(principal_in_market(rows, fx), rows.floats("rate"), rows.floats("term"))
    rows.reject(
        exposure >= LARGEST_EXPOSURE,
        "principal",
        "balance and interest of a year are below 2^62 millionths of the market's money",
        lambda value: (
            f"principal is {value}: with a year's interest that is more than can be summed exactly ({LARGEST_EXPOSURE:.3g}); split the loan"
        ),
    )


def _check_shares(rows: Rows) -> None:
    given = np.logical_or.reduce([rows.given(name) for name in (*SHARES, BANK)])
    rows.reject(
        given & rows.given("programme"),
        "programme",
        "a programme or shares are given, not both",
        lambda value: f"programme is {value!r}, and shares are given too: leave one of them blank",
    )
    whole = np.zeros(len(rows))
    for name in SHARES:
        whole += np.nan_to_num(rows.floats(name))
    rows.reject(
        ~rows.given(BANK) & (whole > 1.0 + SHARE_TOLERANCE),
        SHARES[0],
        "shares of the loss add up to at most 1",
        "fund_share, guarantor_share, insurer_share and appraiser_share add up to more than 1: lower them",
    )
    rows.reject(
        rows.given(BANK) & (np.abs(whole + rows.floats(BANK) - 1.0) > SHARE_TOLERANCE),
        BANK,
        "shares of the loss, the bank's among them, add up to 1",
        lambda value: f"bank_share is {value}: with the other shares it must add up to 1; correct them, or leave bank_share blank for the rest",
    )


def _check_ranks(rows: Rows) -> None:
    rows.reject(
        rows.given("pledge_ranks") & (rows.lengths("pledge_ranks") != rows.lengths("asset_ids")),
        "pledge_ranks",
        "pledge_ranks has a rank for each of asset_ids",
        lambda value: f"pledge_ranks is {value}: give one rank for each of asset_ids, or leave it blank for rank 1 on all",
    )


def _check_covenant(rows: Rows) -> None:
    alone = ~rows.given("covenant_trigger")
    for name in COVENANTS:
        rows.reject(
            alone & rows.given(name),
            name,
            "a covenant has a trigger",
            lambda value, name=name: f"{name} is {value}, but covenant_trigger is blank: give it, or leave both blank",  # type: ignore[misc]
        )
    rows.reject(
        rows.floats("covenant_target") > rows.floats("covenant_trigger"),
        "covenant_target",
        "covenant_target <= covenant_trigger",
        lambda value: f"covenant_target is {value}, above covenant_trigger: a call would ask for nothing; lower it",
    )


def entries(lists: pa.ListArray) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The entries (e) of a column of numbers' lists, and the row that each is of (e)."""
    return columns.floats(lists.flatten()), pc.list_parent_indices(lists).to_numpy().astype(np.int64)


def _among(rows: Rows, where: npt.NDArray[np.int64]) -> Mask:
    found = np.zeros(len(rows), np.bool_)
    found[where] = True
    return found
