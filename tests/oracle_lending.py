"""The slow definition of a book of loans: docs/numerics.md section 19 in plain float64 NumPy, on the paths of tests/oracle.py.

    loans --schedule(), default_years()--> who defaults when --collateral()--> what stands behind --lend()--> losses --share()--> who bears them

A loan is a plain dict of loan columns, a portfolio a dict of plain dicts by asset_id, as in the oracle. Shapes: y = loan years (index y - 1),
p = paths. Money is in the market's currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from oracle_borrowers import Loan, Schedule, asks_for_default, borrower_of, schedule, year_factors
from oracle_collateral import collateral

import oracle
from oracle import Array, Asset, Market, column

BEARERS = ("fund", "guarantor", "insurer", "appraiser")  # the bank bears the rest
NEVER = 10**6


@dataclass
class OnPaths:
    """One loan on each path (p,): the year of default or 0, and in it exposure, recovery, loss, its collateral's value used up, and what it
    could have taken."""

    default_year: Array
    ead: Array
    recovery: Array
    loss: Array
    used: Array
    room: Array
    behind: Array  # (y, p) K: the collateral that stands behind the loan
    brings: Array  # (y, p) R: what it would bring
    pool: Array  # (p,) sum of V, less the seniors' principal


@dataclass
class Book:
    """Loans, what is pledged, and what they need to be lent against. ratings: name -> cumulative probabilities of default; premises: right type ->
    (discount, time to sell) of a forced sale."""

    loans: Sequence[Loan]
    assets: Mapping[str, Asset]
    market: Market
    paths: int
    seed: int = 1
    schedules: oracle.Tables | None = None
    curves: oracle.Tables | None = None
    ratings: Mapping[str, Sequence[float]] | None = None
    premises: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    drawn: dict[Any, list[Array]] = field(default_factory=dict)  # factors by year, of sectors and dates seen before

    @cached_property
    def plans(self) -> list[Schedule]:
        return [schedule(loan, self.market) for loan in self.loans]

    @cached_property
    def numbers(self) -> Array:
        return np.arange(self.paths)

    @cached_property
    def on_assets(self) -> dict[str, tuple[Array, Array]]:
        """K at its `dates` (y, p) and V (p,) of every pledged asset."""
        return {a: collateral(self.assets[a], self.market, self.dates(a), self.seed, self.numbers, self.schedules, self.curves) for a in self.sharers}

    @cached_property
    def sharers(self) -> dict[str, list[int]]:
        """asset_id -> the loans that it is pledged to, by rank."""
        found: dict[str, list[tuple[int, int]]] = {}
        for i, loan in enumerate(self.loans):
            ranks = column(loan, "pledge_ranks", [1] * len(loan["asset_ids"]))
            for a, rank in zip(loan["asset_ids"], ranks, strict=True):
                found.setdefault(a, []).append((rank, i))
        return {a: [i for _, i in sorted(of)] for a, of in found.items()}

    def dates(self, asset_id: str) -> Array:
        """All dates at which loans on the asset look at it."""
        return np.array(sorted({float(t) for i in self.sharers[asset_id] for t in self.plans[i].ends}))

    def worth(self, asset_id: str, time: float) -> Array:
        """K of an asset at a date. (p,)"""
        return self.on_assets[asset_id][0][int(np.searchsorted(self.dates(asset_id), time))]

    def seniors(self, i: int, asset_id: str) -> list[int]:
        of = self.sharers[asset_id]
        return of[: of.index(i)]

    @cached_property
    def order(self) -> list[int]:
        """Seniors before juniors, else by loan_id. Raises ValueError where pledges are circular."""
        taken: list[int] = []
        while len(taken) < len(self.loans):
            free = [
                i for i, loan in enumerate(self.loans) if i not in taken and all(s in taken for a in loan["asset_ids"] for s in self.seniors(i, a))
            ]
            if not free:
                raise ValueError("circular pledges")
            taken.append(min(free, key=lambda i: str(self.loans[i]["loan_id"]).encode()))
        return taken

    def kept(self, i: int, asset_id: str) -> float:
        """h: the part of an asset's collateral that the loan recovers."""
        loan = self.loans[i]
        discount, lag = loan.get("liquidation_discount"), loan.get("liquidation_lag")
        if discount is None or lag is None:
            forced = self.premises[str(self.assets[asset_id]["right_type"])]
            discount, lag = (forced[0] if discount is None else discount), (forced[1] if lag is None else lag)
        return float((1 - discount) * (1 + float(loan["rate"])) ** -lag)

    def factors(self, i: int) -> list[Array]:
        """G by year of the loan's sector, each (p,); none where it loads on none."""
        if not column(self.loans[i], "factor_loading", 0.0):
            return []
        key = (str(self.loans[i]["sector"]), tuple(self.plans[i].ends))
        if key not in self.drawn:
            self.drawn[key] = year_factors(self.market, *key, self.seed, self.numbers)
        return self.drawn[key]

    @cached_property
    def asked(self) -> dict[str, Array]:
        """borrower -> the first year in which one of its loans asks for default, `NEVER` for none. (p,)"""
        first: dict[str, Array] = {}
        for i, loan in enumerate(self.loans):
            years = asks_for_default(loan, self.plans[i], self.factors(i), self.seed, self.numbers, self.ratings)
            years = np.where(years == 0, NEVER, years)
            first[borrower_of(loan)] = np.minimum(first.get(borrower_of(loan), years), years)
        return first

    @cached_property
    def default_years(self) -> list[Array]:
        """With cross-default by borrower: the year of each loan's default, 0 where it is repaid. [loan] (p,)"""
        years = [self.asked[borrower_of(loan)] for loan in self.loans]
        return [np.where(first <= plan.years, first, 0) for first, plan in zip(years, self.plans, strict=True)]


def lend(book: Book) -> list[OnPaths]:
    """Losses of every loan on every path, in the order of the book's loans."""
    out = [standing(book, i) for i in range(len(book.loans))]
    cash = [np.zeros(book.paths) for _ in book.loans]
    shared = {a: of for a, of in book.sharers.items() if len(of) > 1}
    gone = {a: np.zeros(book.paths, bool) for a in shared}
    for y in range(max(plan.years for plan in book.plans)):
        here = [i for i in book.order if y < book.plans[i].years]
        realised = {
            a: ~gone[a] & np.any([book.default_years[i] == y + 1 for i in of if i in here], axis=0)
            for a, of in shared.items()
            if any(i in here for i in of)
        }
        left: dict[str, Array] = {}
        for i in here:
            take(book, i, y, out[i], cash[i], realised, left)
        for a, now in realised.items():
            gone[a] |= now
    return out


def take(book: Book, i: int, y: int, one: OnPaths, cash: Array, realised: Mapping[str, Array], left: dict[str, Array]) -> None:
    """What loan i takes in year index y; adds to `one`, moves `cash` and what is `left` of the shared assets that are `realised`."""
    plan, date, pledged = book.plans[i], float(book.plans[i].ends[y]), book.loans[i]["asset_ids"]
    hit = book.default_years[i] == y + 1
    goes_on = (book.default_years[i] == 0) | (book.default_years[i] > y + 1)
    own = [a for a in pledged if len(book.sharers[a]) == 1]
    own_brings = np.zeros(book.paths) + sum(book.kept(i, a) * book.worth(a, date) for a in own)
    own_worth = np.zeros(book.paths) + sum(book.worth(a, date) for a in own)

    claim = np.where(hit, plan.ead[y], np.where(goes_on, np.maximum(plan.balance[y + 1] - cash, 0.0), 0.0))
    taken = np.where(hit, np.minimum(claim, cash), 0.0)
    used, room = taken.copy(), np.where(hit, cash + own_brings, 0.0)
    claim = claim - taken
    x = np.where(hit, np.minimum(claim, own_brings), 0.0)
    used += np.divide(x, own_brings, out=np.zeros(book.paths), where=x > 0) * own_worth
    taken, claim = taken + x, claim - x
    for a in pledged:
        h = book.kept(i, a)
        if a not in realised or h == 0:
            continue
        rest = left.setdefault(a, book.worth(a, date).copy())
        room += np.where(hit & realised[a], h * rest, 0.0)
        x = np.where(realised[a] & (hit | goes_on), np.minimum(claim, h * rest), 0.0)
        left[a] = np.maximum(rest - x / h, 0.0)
        used += np.where(hit, x / h, 0.0)
        taken, claim = taken + x, claim - x

    cash += np.where(goes_on, taken, 0.0)
    for name, value in {"ead": plan.ead[y], "recovery": taken, "loss": np.maximum(plan.ead[y] - taken, 0.0), "used": used, "room": room}.items():
        kept = getattr(one, name)
        kept[hit] = np.broadcast_to(value, hit.shape)[hit]
    one.default_year[hit] = y + 1


def standing(book: Book, i: int) -> OnPaths:
    """What stands behind a loan whether it defaults or not; the rest still 0."""
    loan, plan, n = book.loans[i], book.plans[i], book.paths
    behind, brings, pool = np.zeros((plan.years, n)), np.zeros((plan.years, n)), np.zeros(n)
    for a in loan["asset_ids"]:
        before = book.seniors(i, a)
        for y in range(plan.years):
            owed = sum(book.plans[s].balance[y] for s in before if y < book.plans[s].years)
            k = np.maximum(book.worth(a, float(plan.ends[y])) - owed, 0.0) if before else book.worth(a, float(plan.ends[y]))
            behind[y] += k
            brings[y] += book.kept(i, a) * k
        values = book.on_assets[a][1]
        pool += np.maximum(values - sum(book.plans[s].balance[0] for s in before), 0.0) if before else values
    return OnPaths(np.zeros(n, int), *(np.zeros(n) for _ in range(5)), behind, brings, pool)


# ----------------------------------------------------------------------------------------------------------------------
# Who bears it


def fixed(money: Array) -> Array:
    """The integers nearest to money times 10^6. (p,) int64"""
    return np.rint(money * 1e6).astype(np.int64)


def claims(loan: Loan, programmes: Mapping[str, Any], units: Array) -> dict[str, Array]:
    """What each bearer but the bank is asked to pay of losses in units of 10^-6."""
    shares = programmes[loan["programme"]]["shares"] if loan.get("programme") else {b: column(loan, f"{b}_share", 0.0) for b in BEARERS}
    rest, asked = units, {}
    for b in BEARERS:
        asked[b] = np.minimum(np.floor(units * float(shares.get(b, 0.0))).astype(np.int64), rest)
        rest = rest - asked[b]
    return asked


def share(book: Book, lent: Sequence[OnPaths], programmes: Mapping[str, Any] | None = None) -> list[dict[str, Array]]:
    """Each loan's loss by bearer, in units of 10^-6: fund, guarantor, insurer, appraiser, bank and, beside them, borrower and all. (p,) int64"""
    programmes = programmes or {}
    units = [fixed(one.loss) for one in lent]
    asked = [claims(loan, programmes, u) for loan, u in zip(book.loans, units, strict=True)]
    parts = [{b: np.zeros(book.paths, np.int64) for b in BEARERS} for _ in lent]
    limited = {(name, b): fixed(np.full(book.paths, limit)) for name, p in programmes.items() for b, limit in p.get("balances", {}).items()}
    for y in range(1, max(plan.years for plan in book.plans) + 1):
        hit = [one.default_year == y for one in lent]
        for b in BEARERS:
            sums: dict[tuple[str, str], Array] = {}
            for loan, a, h in zip(book.loans, asked, hit, strict=True):
                key = (str(loan.get("programme")), b)
                sums[key] = sums.get(key, 0) + np.where(h, a[b], 0)
            for i, loan in enumerate(book.loans):
                key = (str(loan.get("programme")), b)
                paid = asked[i][b]
                if key in limited:
                    total, left = sums[key], limited[key]
                    paying = np.minimum(left / np.maximum(total, 1), 1.0) * (1 - 2.0**-50)
                    paid = np.where(total <= left, paid, np.floor(paid * paying).astype(np.int64))
                parts[i][b] += np.where(hit[i], paid, 0)
            for key, total in sums.items():
                if key in limited:
                    limited[key] = np.maximum(limited[key] - total, 0)
    for part, u, one in zip(parts, units, lent, strict=True):
        part["bank"] = u - sum(part[b] for b in BEARERS)
        part["borrower"] = fixed(one.used)
        part["all"] = u
    return parts
