"""Settlement beside its definition (docs/numerics.md §19), on made-up books: shared assets by rank, cross-default, cash set aside, part-years, assets
that bring nothing, balances that run out, covenants. The engine is given the oracle's K, V and default years."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle_loan_figures as figures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_borrowers import borrower_of
from oracle_covenants import with_covenants as define_covenants
from oracle_lending import BEARERS, Book, fixed, lend, share
from oracle_tranches import pool as define_pool
from settled import Arrays, books, on_paths

import oracle
from ipvalue.backend import BACKENDS, Backend
from ipvalue.constants import REPLICATES
from ipvalue.lending import bearing, principal
from ipvalue.lending.bearing import SUMMED, Terms
from ipvalue.lending.book import LEVELS, book_figures, concentration, contributions, tails
from ipvalue.lending.covenants import Covenants, with_covenants
from ipvalue.lending.figures import break_even_spread, loan_figures, saving
from ipvalue.lending.pools import add_defaults, add_schedules, add_tested, no_flows
from ipvalue.lending.settlement import Events, settle
from ipvalue.totals import as_integers

QUANTILES = (0.05, 0.5, 0.999)


def close(one: float | None) -> Any:
    return pytest.approx(np.nan if one is None else one, rel=1e-11, abs=1e-12, nan_ok=True)


@given(books(), st.booleans(), st.booleans())
def test_every_default_is_settled_as_defined(book: Book, whole: bool, pool: bool) -> None:
    arrays = Arrays(book, whole, pool)
    events, lent = arrays.settled(), lend(book)
    for at, i in enumerate(arrays.order):
        one = lent[i]
        assert np.array_equal(on_paths(events, at, events.year, book.paths), one.default_year)
        assert np.array_equal(on_paths(events, at, events.loss, book.paths), fixed(one.loss))
        assert np.array_equal(on_paths(events, at, events.used, book.paths), fixed(one.used))
        assert np.array_equal(on_paths(events, at, events.exposure, book.paths), one.ead)
        assert on_paths(events, at, events.room, book.paths) == pytest.approx(one.room, rel=1e-14)
    assert np.array_equal(events.loan, np.repeat(np.arange(len(arrays.order)), np.diff(events.start)))


@given(books(), st.booleans(), st.sampled_from(BACKENDS))
def test_loans_are_described_as_defined(book: Book, pool: bool, backend: Backend) -> None:
    arrays = Arrays(book, False, pool)
    events, lent = arrays.settled(), lend(book)
    parts, cap = share(book, lent), 0.75
    found = loan_figures(
        arrays.units,
        events,
        arrays.slots,
        arrays.asked,
        plan=arrays.plan,
        rate=arrays.rate,
        cap=np.full(len(lent), cap),
        quantiles=QUANTILES,
        backend=backend,
    )
    bank = np.zeros(len(arrays.plan.ends))
    np.add.at(bank, arrays.plan.offset[events.loan] + events.year - 1, events.loss)
    spread = break_even_spread(arrays.plan, arrays.rate, bank / (book.paths * 1e6), found.standing)
    for at, i in enumerate(arrays.order):
        with np.errstate(divide="ignore", invalid="ignore"):  # what is repaid needs no cover
            lent[i].brings = np.where(book.plans[i].ead[:, None] > 0, lent[i].brings, np.inf)
            wanted = figures.loan_figures(book, i, lent[i], parts[i], QUANTILES)
        for name in ("pd", "ead", "lgd", "expected_loss", "standard_deviation", "standard_error", "expected_loss_present"):
            assert getattr(found, name)[at] == close(wanted[name])
        assert found.expected_loss[at] == wanted["expected_loss"]
        assert found.coverage[at].tolist() == list(wanted["coverage"].values())
        assert spread[at] == close(wanted["break_even_spread"])
        values = np.sort(lent[i].pool)
        assert found.value[at].tolist() == [oracle.quantile(values, q) for q in QUANTILES]
        years = slice(arrays.plan.offset[at], arrays.plan.offset[at + 1])
        assert np.array_equal(found.breach[years], figures.breaches(book, i, lent[i], cap))


@given(books(), st.integers(0, 2**32))
def test_what_a_pledge_saves_is_as_defined(book: Book, seed: int) -> None:
    rng, arrays = np.random.default_rng(seed), Arrays(book)
    dear, fee = rng.random(len(book.loans)), rng.random(len(book.loans)) / 10
    for row, rate, cost in zip(book.loans, dear, fee, strict=True):
        row.update(unsecured_rate=float(rate), guarantee_fee=float(cost))  # type: ignore[attr-defined]
    lent, order = lend(book), np.array(arrays.order)
    parts, found = share(book, lent), saving(arrays.plan, dear[order], fee[order])
    for at, i in enumerate(order):
        with np.errstate(divide="ignore", invalid="ignore"):
            assert found[at] == pytest.approx(figures.loan_figures(book, i, lent[i], parts[i], ())["saving"], rel=1e-9, abs=1e-9)


class Shared:
    """A book with programmes whose balances may run out, and who bears its losses."""

    def __init__(self, book: Book, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.book, self.arrays = book, Arrays(book)
        self.programmes: dict[str, Any] = {}
        for name in ("one", "two"):
            shares = rng.dirichlet(np.ones(5))[:4] * rng.integers(0, 2, 4)
            limited = [b for b in BEARERS if rng.random() < 0.5]
            balances = {b: float(rng.integers(0, 2_000)) for b in limited}
            self.programmes[name] = {"shares": dict(zip(BEARERS, shares, strict=True)), "balances": balances}
        for row in book.loans:
            row["programme"] = str(rng.choice(["one", "two"]))  # type: ignore[index]
        limits = [(name, b, balance) for name, p in self.programmes.items() for b, balance in p["balances"].items()]
        number = {(name, b): m for m, (name, b, _) in enumerate(limits)}
        named = [book.loans[i]["programme"] for i in self.arrays.order]
        self.balances = np.array([round(balance * 1e6) for *_, balance in limits], np.int64)
        self.terms = Terms(
            np.array([[self.programmes[name]["shares"][b] for b in BEARERS] for name in named]),
            np.array([[number.get((name, b), -1) for b in BEARERS] for name in named]),
        )
        self.events = self.arrays.settled()
        self.lent = lend(book)
        self.wanted = share(book, self.lent, self.programmes)

    def blocks(self, order: Any) -> list[Events]:
        """The events of one loan after another, in some order."""
        return [block(self.events, at) for at in order]

    def claimed(self, events: list[Events]) -> Any:
        years = max(plan.years for plan in self.book.plans)
        sums = np.zeros((len(self.balances), years, self.book.paths, 2), np.uint64)
        for some in events:
            bearing.claimed(some, self.terms, sums)
        return sums

    def borne(self, events: list[Events], paying: Any) -> tuple[list[bearing.Borne], Any]:
        sums = np.zeros((len(SUMMED), self.book.paths, 2), np.uint64)
        return [bearing.bear(some, self.terms, self.arrays.plan.offset, paying, sums) for some in events], sums


def block(events: Events, at: int) -> Events:
    some = slice(events.start[at], events.start[at + 1])
    names = ("loan", "path", "year", "loss", "used", "interest", "exposure", "room")
    return Events(events.start, *(getattr(events, name)[some] for name in names))


@given(books(), st.integers(0, 2**32))
def test_losses_are_borne_as_defined_and_add_up_in_any_order(book: Book, seed: int) -> None:
    case = Shared(book, seed)
    loans = range(len(book.loans))
    paying = bearing.paying_parts(case.claimed([case.events]), case.balances)
    assert np.array_equal(paying, bearing.paying_parts(case.claimed(case.blocks(reversed(loans))), case.balances))
    (borne,), sums = case.borne([case.events], paying)
    apart, other = case.borne(case.blocks(reversed(loans)), paying)
    assert np.array_equal(sums, other)
    assert np.array_equal(borne.bank, np.sum([one.bank for one in apart], axis=0))
    assert np.array_equal(borne.parts.sum(axis=0), case.events.loss)
    for at, i in enumerate(case.arrays.order):
        for b, name in enumerate((*BEARERS, "bank")):
            assert np.array_equal(on_paths(case.events, at, borne.parts[b], book.paths), case.wanted[i][name])
    for b, name in enumerate(SUMMED):
        assert as_integers(sums[b]) == sum(part[name] for part in case.wanted).tolist()
    for m in range(len(case.balances)):
        paid = np.where(m == case.terms.limited[case.events.loan].T, borne.parts[:4], 0).sum(axis=0)
        assert np.bincount(case.events.path, paid, 1).max() <= case.balances[m]


@given(books(), st.integers(0, 2**32))
def test_tails_of_the_book_and_each_loans_part_of_them(book: Book, seed: int) -> None:
    case = Shared(book, seed)
    paying = bearing.paying_parts(case.claimed([case.events]), case.balances)
    (borne,), sums = case.borne([case.events], paying)
    found = tails(sums)
    parts = contributions(bearing.tail_sums(case.events, borne, found.marks, len(book.loans)), found)
    for b, name in enumerate(SUMMED):
        units = [case.wanted[i][name] for i in case.arrays.order]
        described, wanted = book_figures(sums[b]), figures.book_figures(np.sum(units, axis=0))
        assert described.keys() == wanted.keys()
        for key, value in wanted.items():
            assert described[key] == pytest.approx(value, rel=1e-11, abs=1e-9)
        for k, level in enumerate(LEVELS):
            assert parts[:, b, k] == pytest.approx(figures.contributions(units, level), rel=1e-11, abs=1e-9)


@given(books(), st.integers(0, 2**32), st.booleans())
def test_flows_of_a_pool_are_as_defined(book: Book, seed: int, everyone: bool) -> None:
    case = Shared(book, seed)
    paying = bearing.paying_parts(case.claimed([case.events]), case.balances)
    (borne,), _ = case.borne([case.events], paying)
    random = np.random.default_rng(seed)
    members = random.random(len(book.loans)) < 0.7
    members[random.integers(len(members))] = True
    numbers = [i for at, i in enumerate(case.arrays.order) if members[at]]
    wanted = define_pool(book, case.lent, case.wanted, "all" if everyone else "bank", members=numbers)
    flows, none = no_flows(len(wanted.ends), book.paths), np.zeros(len(members), bool)
    add_schedules(flows, case.arrays.plan, members, none)
    add_defaults(flows, case.events, case.events.loss if everyone else borne.parts[4], case.arrays.plan, members, none)
    found = flows.pool(wanted.ends)
    for name in ("balance", "interest", "loss"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name))


@given(books(), st.sampled_from([0.001, 0.02, 0.3]))
def test_the_greatest_principal_by_expected_loss_is_as_defined(book: Book, limit: float) -> None:
    arrays = Arrays(book)
    found = principal.by_expected_loss(arrays.settled(), arrays.principal, np.full(len(book.loans), limit), book.paths)
    for at, i in enumerate(arrays.order):
        wanted = figures.largest_by_expected_loss(lend(book)[i], arrays.principal[at], limit, book.paths)
        assert found[at] == pytest.approx(np.inf if wanted is None else wanted, rel=1e-11)


@given(books(shared=False), st.integers(0, 2**32))
def test_covenants_are_tested_as_defined(book: Book, seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrays, terms = Arrays(book), {}
    for row in book.loans:
        if rng.random() < 0.7:
            trigger = float(rng.choice([0.25, 0.5, 1.0]))
            terms[row["loan_id"]] = {"trigger": trigger, "target": trigger / 2, "release": float(rng.choice([0.0, 0.125])), "cure": rng.random()}
    wanted = define_covenants(book, terms)
    if not terms:
        return
    held = sorted((at for at, i in enumerate(arrays.order) if book.loans[i]["loan_id"] in terms), key=lambda at: arrays.units.borrower[at])
    columns = [[terms[book.loans[arrays.order[at]]["loan_id"]][name] for at in held] for name in ("trigger", "target", "release", "cure")]
    owners = arrays.units.borrower[held]
    start = np.array([*np.flatnonzero(np.diff(owners, prepend=-1)), len(held)])
    covenants = Covenants(start, np.array(held), *map(np.array, columns))
    hashes = np.array([oracle.xxh64(b.encode()) for b in arrays.borrowers], np.uint64)
    tested = with_covenants(arrays.units, covenants, arrays.slots, arrays.asked, hashes, book.seed)
    units = arrays.units._replace(tested=tested.tested)
    events = settle(units, arrays.slots, tested.default, tested.parts)
    for at, i in enumerate(arrays.order):
        assert np.array_equal(on_paths(events, at, events.year, book.paths), wanted[i].default_year)
        assert np.array_equal(on_paths(events, at, events.loss, book.paths), fixed(wanted[i].loss))
    _flows_under_covenants(book, wanted, arrays, events, units, tested)
    for c, at in enumerate(held):
        one, years = wanted[arrays.order[at]], slice(tested.offset[c], tested.offset[c + 1])
        for name in ("calls", "unmet", "releases"):
            assert np.array_equal(getattr(tested, name)[years], getattr(one, name))
        assert tested.mean_call[years] == pytest.approx(one.mean_call, rel=1e-12)
        last, length = tested.tested[at] + len(one.calls) - 1, len(one.calls)
        assert np.array_equal(tested.parts[last], one.owed)
        assert np.array_equal(tested.parts[last + length], one.pledged)
    assert all(borrower_of(book.loans[i]) == arrays.borrowers[units.borrower[at]] for at, i in enumerate(arrays.order))


def _flows_under_covenants(book: Book, wanted: Any, arrays: Arrays, events: Events, units: Any, tested: Any) -> None:
    """The flows of a pool of all loans, some of them with covenants, are as defined."""
    parts = [{"all": fixed(one.loss)} for one in wanted]
    owed = {i: np.array(one.owed_by_year) for i, one in enumerate(wanted)}
    slow = define_pool(book, wanted, parts, "all", owed, {i: one.called for i, one in enumerate(wanted)})
    members, has = np.ones(len(book.loans), bool), units.tested >= 0
    flows = no_flows(len(slow.ends), book.paths)
    add_schedules(flows, arrays.plan, members, has)
    add_tested(flows, units, tested.default, tested.parts, members)
    add_defaults(flows, events, events.loss, arrays.plan, members, has)
    found = flows.pool(slow.ends)
    for name in ("balance", "interest", "loss"):
        assert np.array_equal(getattr(found, name), getattr(slow, name)), name


@given(books())
def test_under_sobol_the_error_is_that_of_the_replicates(book: Book) -> None:
    arrays = Arrays(book)
    if book.paths % REPLICATES:
        return
    events = arrays.settled()
    none = np.full(len(book.loans), np.nan)
    found = loan_figures(
        arrays.units,
        events,
        arrays.slots,
        arrays.asked,
        plan=arrays.plan,
        rate=arrays.rate,
        cap=none,
        quantiles=(),
        backend="native",
        replicates=True,
    )
    for at in range(len(book.loans)):
        means = on_paths(events, at, events.loss, book.paths).reshape(-1, REPLICATES).mean(axis=0) / 1e6
        assert found.standard_error[at] == pytest.approx(means.std(ddof=1) / 4, rel=1e-10, abs=1e-12)
    assert np.isnan(found.breach).all()


@given(books())
def test_loan_to_value_on_means_is_as_defined(book: Book) -> None:
    order = Arrays(book).order
    ids = [(i, a) for i in order for a in book.loans[i]["asset_ids"]]
    start = np.cumsum([0, *(len(book.loans[i]["asset_ids"]) for i in order)])
    seniors = np.array([float(sum(book.plans[s].balance[0] for s in book.seniors(i, a))) for i, a in ids])
    means = np.array([figures.mean_of(book, a) for _, a in ids])
    found = principal.loan_to_value(start, np.array([book.plans[i].balance[0] for i in order]), means, seniors)
    for at, i in enumerate(order):
        worth = figures.capped_value(book, i, {})
        assert found[at] == close(book.plans[i].balance[0] / worth if worth > 0 else None)


def test_which_limit_binds() -> None:
    start, nothing = np.array([0, 2, 3]), np.full(2, np.nan)
    by_value = principal.by_loan_to_value(start, np.array([0.5, 0.25, 0.0]), np.array([100.0, 40.0, 80.0]), np.array([20.0, 30.0, 0.0]))
    by_coverage = principal.by_coverage(start, np.array([100.0, 40.0, 80.0]), np.array([60.0, 20.0, 90.0]), np.array([4.0, 1.5]))
    assert by_value.tolist() == [30.0, 0.0]
    assert by_coverage.tolist() == [15.0, 0.0]
    assert np.isinf(principal.by_coverage(start, np.ones(3), np.zeros(3), nothing)).all()
    least, which = principal.binding(np.array([[30.0, np.inf, 15.0], [np.inf, np.inf, np.inf], [7.0, 7.0, 9.0]]))
    assert least.tolist() == [15.0, np.inf, 7.0]
    assert which.tolist() == [2, -1, 0]


def test_concentration_is_herfindahls_index() -> None:
    assert concentration(np.array([1.0, 2.0, 1.0]), np.array([0, 1, 0])) == figures.concentration({"a": 2.0, "b": 2.0}) == 0.5
