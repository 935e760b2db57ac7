"""Books of loans made up for tests, and the oracle's K, V and default years as the arrays that `ipvalue.lending` takes.

Money stands on a grid of 1/64 and parts of 1 are quarters, so that sums come out alike in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from hypothesis import strategies as st
from oracle_borrowers import borrower_of
from oracle_lending import NEVER, Book

import oracle
from ipvalue.lending.amortisation import Schedules
from ipvalue.lending.settlement import Events, settle
from ipvalue.lending.units import NO_PARTS, Units
from oracle import Array

MARKET = oracle.Market(currency="CNY", curves={"CNY": ([1.0, 10.0], [0.02, 0.03])})
TYPES = {"trademark": 0.25, "invention_patent": 0.5, "utility_model": 1.0}
GRID = 64.0


@st.composite
def books(draw: Any, *, shared: bool = True) -> Book:
    """Loans of few borrowers on few assets; without `shared` each asset is pledged once."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    loans, names, paths = int(draw(st.integers(1, 5))), [f"A{i}" for i in range(draw(st.integers(1, 6)))], int(draw(st.sampled_from([1, 16, 48])))
    rows: list[dict[str, Any]] = []
    free = list(rng.permutation(names))
    for i in range(loans):
        if shared:
            pledged = list(rng.choice(names, rng.integers(1, len(names) + 1), replace=False))
        else:
            pledged = [free.pop()] if free and i < loans - 1 else free[:] or [f"B{i}"]
        rows.append(made_loan(f"L{i}", [str(a) for a in pledged], rng))
    rank = dict(zip([row["loan_id"] for row in rows], rng.permutation(loans) + 1, strict=True))
    for row in rows:
        row["pledge_ranks"] = [int(rank[row["loan_id"]])] * len(row["asset_ids"])
    assets = {a: {"asset_id": a, "right_type": str(rng.choice(list(TYPES)))} for row in rows for a in row["asset_ids"]}
    book = Book(rows, assets, MARKET, paths, seed=int(rng.integers(2**40)), premises={t: (1.0 - h, 0.0) for t, h in TYPES.items()})
    made: Any = book.__dict__
    made["on_assets"] = {a: made_worths(len(book.dates(a)), paths, rng) for a in book.sharers}
    chance = rng.random()
    made["asked"] = {b: np.where(rng.random(paths) < chance, rng.integers(1, 6, paths), NEVER) for b in {borrower_of(row) for row in rows}}
    return book


def made_loan(loan_id: str, pledged: list[str], rng: np.random.Generator) -> dict[str, Any]:
    term, kind = float(rng.choice([0.5, 1.0, 2.0, 2.5, 4.0])), str(rng.choice(["bullet", "level", "schedule"]))
    years, principal = int(np.ceil(term)), 96.0 * float(rng.integers(1, 40))
    paid = np.full(years, principal / 4)
    paid[-1] = principal - paid[:-1].sum()
    if rng.random() < 0.5:  # repaid before the end
        paid[:] = 0.0
        paid[0] = principal
    return {
        "loan_id": loan_id, "borrower_id": f"B{rng.integers(3)}", "principal": principal, "rate": float(rng.choice([0.0, 0.25])), "term": term,
        "pd": 0.1, "amortisation": kind, "schedule": list(paid), "asset_ids": pledged,
        "liquidation_discount": rng.choice([None, 0.0, 0.5, 1.0]), "liquidation_lag": 0.0,
    }  # fmt: skip


def made_worths(dates: int, paths: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """K, often 0, and V, at times below it."""
    k = np.floor(rng.exponential(900.0, (dates, paths)) * GRID) / GRID
    v = np.floor(rng.normal(900.0, 700.0, paths) * GRID) / GRID
    return np.where(rng.random(k.shape) < 0.2, 0.0, k), v


@dataclass
class Arrays:
    """A book as the engine takes it; loans in the order of `order`."""

    book: Book
    whole: bool = False  # all loans are one unit
    pool: bool = True  # loans that can be are pooled

    @cached_property
    def unit(self) -> list[int]:
        """The number of each loan's unit."""
        loans = self.book.loans
        number = list(range(len(loans)))
        for i, one in enumerate(loans):
            for j, other in enumerate(loans[:i]):
                if self.whole or borrower_of(one) == borrower_of(other) or set(one["asset_ids"]) & set(other["asset_ids"]):
                    old, new = number[j], number[i]
                    number = [new if n == old else n for n in number]
        return number

    @cached_property
    def order(self) -> list[int]:
        return sorted(self.book.order, key=lambda i: self.unit[i])

    @cached_property
    def plan(self) -> Schedules:
        plans = [self.book.plans[i] for i in self.order]
        offset = np.concatenate([[0], np.cumsum([plan.years for plan in plans])])
        owed = [plan.balance[:-1] for plan in plans]
        ends, lengths, interest, principal = ([getattr(plan, name) for plan in plans] for name in ("ends", "lengths", "interest", "principal"))
        return Schedules(offset, *(np.concatenate(x) for x in (ends, lengths, owed, interest, principal)))

    @cached_property
    def borrowers(self) -> list[str]:
        return sorted(self.book.asked)

    @cached_property
    def asked(self) -> Array:
        years = np.array([self.book.asked[b] for b in self.borrowers])
        return np.where(years == NEVER, 0, years).astype(np.uint8)

    @cached_property
    def rate(self) -> Array:
        return np.array([self.book.loans[i]["rate"] for i in self.order])

    @cached_property
    def principal(self) -> Array:
        return np.array([self.book.plans[i].balance[0] for i in self.order])

    @cached_property
    def made(self) -> tuple[Units, Array]:
        """Units and slots."""
        book, rows = self.book, []
        place = {i: at for at, i in enumerate(self.order)}
        shared = {a: len(of) > 1 for a, of in book.sharers.items()}
        number = {a: n for n, a in enumerate(sorted((a for a in shared if shared[a]), key=lambda a: place[book.sharers[a][0]]))}
        columns: dict[str, list[Any]] = {name: [] for name in ("kept", "worth", "on", "look", "slot", "before")}
        pledge, first_shared, senior = [0], [], [0]

        def slot(values: Array) -> int:
            rows.append(values)
            return len(rows) - 1

        for i in self.order:
            ids = sorted(book.loans[i]["asset_ids"], key=lambda a: shared[a])
            kept = [book.kept(i, a) for a in ids]
            dates = [float(t) for t in book.plans[i].ends]
            own = sum(not shared[a] for a in ids)
            if self.pool and own == len(ids) and len(set(kept)) == 1:
                ids, kept, own = [ids], kept[:1], 1
            first_shared.append(pledge[-1] + own)
            pledge.append(pledge[-1] + len(ids))
            for a, h in zip(ids, kept, strict=True):
                together = a if isinstance(a, list) else [a]
                before = [] if isinstance(a, list) else [place[s] for s in book.seniors(i, a)]
                columns["look"].append(len(columns["slot"]))
                columns["slot"] += [slot(np.sum([book.worth(b, t) for b in together], axis=0)) for t in dates]
                columns["worth"].append(slot(np.sum([book.on_assets[b][1] for b in together], axis=0)))
                columns["kept"].append(h)
                columns["on"].append(-1 if isinstance(a, list) else number.get(a, -1))
                columns["before"] += before
                senior.append(senior[-1] + len(before))
        units = [self.unit[i] for i in self.order]
        of_asset = [self.unit[book.sharers[a][0]] for a in number]
        names = list(dict.fromkeys(units))
        made = Units(
            loan=np.array([*(units.index(u) for u in names), len(units)]),
            asset=np.cumsum([0, *(of_asset.count(u) for u in names)]),
            year=self.plan.offset,
            pledge=np.array(pledge),
            shared=np.array(first_shared),
            borrower=np.array([self.borrowers.index(borrower_of(book.loans[i])) for i in self.order]),
            tested=np.full(len(units), -1),
            owed=self.plan.owed,
            interest=self.plan.interest,
            exposure=self.plan.exposure,
            kept=np.array(columns["kept"]),
            worth=np.array(columns["worth"]),
            on=np.array(columns["on"]),
            look=np.array(columns["look"]),
            slot=np.array(columns["slot"]),
            senior=np.array(senior),
            before=np.array(columns["before"], np.int64),
        )
        return made, np.array(rows)

    @property
    def units(self) -> Units:
        return self.made[0]

    @property
    def slots(self) -> Array:
        return self.made[1]

    def settled(self) -> Events:
        return settle(self.units, self.slots, self.asked, NO_PARTS)


def on_paths(events: Events, at: int, values: Array, paths: int) -> Array:
    """What the events of a loan say, by path. (p,)"""
    out = np.zeros(paths, values.dtype)
    some = slice(events.start[at], events.start[at + 1])
    out[events.path[some]] = values[some]
    return out
