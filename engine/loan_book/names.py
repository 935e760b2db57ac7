"""What a run of loans names: ratings, programmes, policies, and a pool of its loans; read from files of the user's, or those shipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ipvalue.lending.loan_rules import Named
from ipvalue.lending.policy import SHIPPED as POLICIES
from ipvalue.lending.policy import Policy, load_policies, policy_of
from ipvalue.lending.ratings import Ratings, load_ratings
from ipvalue.lending.sharing import SHIPPED as PROGRAMMES
from ipvalue.lending.sharing import Programme, load_programmes
from ipvalue.loan_book.pool import AskedPool, asked_pool
from ipvalue.market import Market
from ipvalue.schema import Source

"""A TOML file, or a mapping like one."""


@dataclass(frozen=True)
class Names:
    """What loans may name, the policy of those that name none, and the pool that is cut into tranches, where one is."""

    ratings: Ratings
    programmes: Mapping[str, Programme]
    policies: Mapping[str, Policy]
    policy: str | None
    pool: AskedPool | None

    def in_market(self, market: Market) -> Named:
        """The same, for loans in the currencies and sectors of a market."""
        return Named(market, self.ratings, self.programmes, self.policies)


def load_names(
    *,
    ratings: Source | None = None,
    programmes: Source | None = None,
    policies: Source | None = None,
    policy: str | None = None,
    pool: Source | None = None,
    tranche_ratings: object = None,
) -> Names:
    """What loans may name, and their pool, read and checked; without programmes or policies those shipped. Raises InputError."""
    names = Names(
        load_ratings(ratings) if ratings else {},
        load_programmes(programmes or PROGRAMMES),
        load_policies(policies or POLICIES),
        policy,
        asked_pool(pool, tranche_ratings),
    )
    if policy is not None:
        policy_of(policy, names.policies)
    return names
