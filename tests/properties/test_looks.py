"""What the kernels find where they look at assets (docs/numerics.md section 19, "Collateral"): the definition's numbers, and the same bits whatever
stands beside an asset, wherever its paths are cut, in whichever kernel; and looking changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import oracle_sobol
import portfolios
import pytest
import uncertain_rows
from both_kernels import FACTOR, same_bits
from compared import CURVES, SCHEDULES, Compiled, compiled, size_of
from hypothesis import given
from hypothesis import strategies as st
from looked import each_alone, looked, looks_of, random_looks, read_again, replaced
from oracle_borrowers import period_at, year_factors
from oracle_collateral import collateral_of_method, expectations
from versions import answer, some_of, versions

import oracle
from ipvalue import numba_kernel, sobol
from ipvalue.constants import RANGE_PATHS
from ipvalue.ext import kernel
from ipvalue.lending.looks import Looks
from ipvalue.simulate import Sampling, simulate

SIZES = st.lists(st.one_of(st.just(1), st.integers(1, 9)), min_size=1, max_size=6)
PATHS = st.sampled_from([16, 32, 112, 128, 144, 704, 1488])
SEED = 2**63 + 77
SLOW = pytest.mark.slow
BESIDE = ("statistics", "status", "values", "sums", "totals")


def part_of(looks: Looks, start: int, stop: int) -> Looks:
    """The looks at the assets from start to stop alone."""
    here = slice(int(looks.start[start]), int(looks.start[stop]))
    names = ("period", "entered", "open", "owed", "lasting", "slot", "opens", "weight", "floored", "curve_entered", "curve_open")
    columns: dict[str, Any] = {name: getattr(looks, name)[here] for name in names}
    columns |= {name: getattr(looks, name)[start:stop] for name in ("worth", "share", "worth_opens")}
    return replaced(looks, start=looks.start[start : stop + 1] - here.start, **columns)


# ------------------------------------------------------------------------------------------------------- the definition


def found_and_defined(here: Compiled, single: bool, sampler: str, paths: int) -> Iterator[tuple[dict[str, Any], Any, Any, float]]:
    """(asset, v by the kernel, v by the definition (k, p), what roundings are measured by) of looks after every second period of every asset."""
    v = here.vectors
    periods = [np.arange(0, life, 2) for life in np.diff(v.offset)]
    start = np.concatenate([[0], np.cumsum([len(one) for one in periods])])
    k = int(start[-1])
    entered, outside, owed = np.random.default_rng(5).uniform(0.5, 3.0, (3, k))
    looks = looks_of(start, paths, k, period=np.concatenate(periods).astype(np.int32), entered=entered, open=outside, owed=owed)
    options = {"sobol": sobol.plan(SEED, paths, here.factors.steps_per_year)} if sampler == "sobol" else {}
    kernel.simulate(v, here.factors, seed=SEED, paths=paths, single=single, quantiles=(), tail=0.05, looks=looks, **options)
    for pair in here:
        defined, first = np.zeros((len(periods[pair.a]), paths)), int(start[pair.a])

        def look(t: int, level: Any, met: Any, ended: Any, first: int = first, defined: Any = defined) -> None:
            if t % 2 == 0:
                at = first + t // 2
                defined[t // 2] = np.where(ended, 0.0, np.where(met, entered[at], outside[at]) * level - owed[at])

        draws = oracle_sobol.draws(pair.asset, here.market, pair.slow, SEED, paths) if sampler == "sobol" else None
        oracle.simulate(pair.asset, here.market, paths=paths, seed=SEED, vectors=pair.slow, boundary=here.boundary(pair), draws=draws, watch=look)
        yield pair.asset, looks.slots[first : first + len(defined)], defined, float(np.abs(defined).max(initial=0.0)) + 3.0


@pytest.mark.parametrize(
    ("steps", "sampler"), [(1, "random"), (4, "sobol"), *(pytest.param(*one, marks=SLOW) for one in ((1, "sobol"), (4, "random")))]
)
@pytest.mark.parametrize("make", [portfolios.random_methods, uncertain_rows.portfolio])
def test_levels_and_lives_are_the_definitions(make: Any, steps: int, sampler: str, assumptions: Path, tmp_path: Path) -> None:
    """Of every method and feature: rivals, ranges, drawn inputs, premiums, bounds, renewals."""
    here = compiled(make(56, seed=31), portfolios.market(steps), assumptions, tmp_path)
    for single in (False, True):
        for asset, mine, exact, size in found_and_defined(here, single, sampler, 160):
            off = np.abs(mine - exact) / np.maximum(np.abs(exact), size)
            drawn_by_pert = "pert" in [asset.get(f"{name}_distribution") for name in uncertain_rows.NAMES]  # its quantiles are a table
            close = 3e-5 if single else 3e-8 if drawn_by_pert else 1e-10
            # a level within rounding of its boundary may fall on the other side, once for all later looks
            assert np.count_nonzero((off > close).any(axis=0)) <= (2 if single and asset["renewal"] == "optimal" else 0), (asset, off.max())


def linear_rows(n: int) -> Any:
    """Rows that are neither clamped nor optional, with and without rivals; some by cost or market."""
    rows = portfolios.random_methods(4 * n, seed=17).to_pylist()
    rows = [row for row in rows if row["renewal"] != "optimal" and row.get("minimum_guarantee") is None and row.get("cap") is None]
    for i, row in enumerate(rows):
        row |= {"volatility": 0.3, "factor_loading": [0.0, 0.6][i % 2], "sector": "pharma"} if row["method"] in ("cost", "market") else {}
    return portfolios.table_of(rows[:n])


def lines_of(here: Compiled, dates: Any, paths: int) -> Looks:
    """The looks at linear assets at the dates: A and B by the definition."""
    steps, columns, counts = here.market.steps_per_year, [], []
    for pair in here:
        lasting = pair.asset["method"] in ("cost", "market")
        outside, inside, costs = expectations(pair.slow)
        at = [oracle.ceil_time(t) - 1 if lasting else period_at(t, steps) - 1 for t in dates]
        at = at if lasting else [t for t in at if t < pair.slow.periods]
        counts.append(len(at))
        for t in at:
            discount = 1.0 if lasting else oracle.discount_factor(pair.asset, here.market, pair.slow.e[t])
            line = [pair.slow.w[0], pair.slow.w[0], 0.0] if lasting else [inside[t] / discount, outside[t] / discount, costs[t] / discount]
            columns.append([t, *line, lasting])
    period, entered, outside, owed, lasting = np.array(columns).T.copy()
    start = np.concatenate([[0], np.cumsum(counts)])
    flags = {"period": period.astype(np.int32), "lasting": lasting.astype(np.uint8)}
    return looks_of(start, paths, len(columns), entered=entered, open=outside, owed=owed, **flags)


@pytest.mark.parametrize(("steps", "single"), [(1, False), (4, True), *(pytest.param(*one, marks=SLOW) for one in ((1, True), (4, False)))])
def test_collateral_of_linear_assets_is_the_definitions(steps: int, single: bool, assumptions: Path, tmp_path: Path) -> None:
    """Cost and market are looked at past their own period, over whole years."""
    table, dates, paths = linear_rows(40), np.array([1.0, 2.0, 3.0, 3.5]), 96
    here = compiled(table, portfolios.market(steps), assumptions, tmp_path)
    looks = lines_of(here, dates, paths)
    names = sorted(here.market.factors, key=str.encode)
    years = np.array([year_factors(here.market, name, range(1, 5), SEED, np.arange(paths)) for name in names])
    real = np.float32 if single else np.float64
    looks = looks if steps == 1 else replaced(looks, years=years.astype(real))
    options: dict[str, Any] = {"seed": SEED, "paths": paths, "single": single, "quantiles": (), "tail": 0.05}
    for one in (kernel, numba_kernel):
        looks.slots[:] = 0.0
        one.simulate(here.vectors, here.factors, looks=looks, **options)
        for pair in here:
            mine = looks.slots[looks.start[pair.a] : looks.start[pair.a + 1]]
            exact, _ = collateral_of_method(pair.asset, here.market, dates, SEED, np.arange(paths), SCHEDULES, CURVES)
            off = np.abs(mine - exact[: len(mine)]) / (size_of(pair.slow) + np.abs(exact[: len(mine)]))
            assert off.max(initial=0.0) < (1e-5 if single else 1e-11), pair.asset
            assert not exact[len(mine) :].any()


@given(SIZES, st.integers(0, 2**32), PATHS, st.booleans(), st.booleans())
def test_what_is_added_is_read_from_lines_and_curves(isa: str, sizes: list[int], seed: int, paths: int, single: bool, sobol: bool) -> None:
    vectors = versions(sizes, seed)
    looks = random_looks(vectors, seed, paths)
    found = looked(kernel, vectors, looks, paths, single, sobol)
    seen = looked(kernel, vectors, each_alone(looks, paths), paths, single, sobol)["slots"]
    expected, size = read_again(looks, seen, found["values"].astype(np.float64), single)
    off = np.abs(found["slots"] - expected)
    assert (off <= (3e-7 if single else 1e-15) * 8 * size + 1e-30).all(), (off / (size + 1e-30)).max()


# ------------------------------------------------------------------------------------------------------------- the bits


@given(SIZES, st.integers(0, 2**32), PATHS, st.booleans(), st.booleans(), st.booleans())
def test_looking_changes_nothing(isa: str, sizes: list[int], seed: int, paths: int, single: bool, sobol: bool, moments: bool) -> None:
    vectors = versions(sizes, seed)
    paths -= 0 if sobol else seed % 15
    looks = random_looks(vectors, seed, paths)
    pairs, pairs_looked = np.zeros((2, len(vectors.hash), 2))
    beside = looked(kernel, vectors, looks, paths, single, sobol, moments=moments, paired=pairs_looked)
    before = answer(kernel, vectors, paths, single, sobol, moments=moments, paired=pairs)
    for name in BESIDE:
        same_bits(beside[name], before[name], name)
    same_bits(pairs_looked, pairs, "paired")


@given(SIZES, st.integers(0, 2**32), PATHS, st.booleans(), st.booleans(), st.sampled_from([0, 1 << 26]))
def test_slots_are_added_to_in_the_order_of_assets(
    isa: str, sizes: list[int], seed: int, paths: int, single: bool, sobol: bool, table_bytes: int
) -> None:
    """Whatever stands beside an asset: in calls of one asset each, one after the other, into slots that hold something already."""
    vectors = versions(sizes, seed)
    paths -= 0 if sobol else seed % 15
    looks = random_looks(vectors, seed, paths)
    looks.slots[:] = np.random.default_rng(seed).normal(size=looks.slots.shape)
    whole = looked(kernel, vectors, looks, paths, single, sobol, table_bytes=table_bytes)
    slots = looks.slots
    for a in range(len(vectors.hash)):
        slots = looked(kernel, some_of(vectors, a, a + 1), part_of(replaced(looks, slots=slots), a, a + 1), paths, single, sobol)["slots"]
    same_bits(slots, whole["slots"], "one by one")


def opening(looks: Looks, seed: int) -> Looks:
    """The same looks, which open their slots; something stands in all of them."""
    opens, worth_opens = np.zeros(len(looks.slot), np.uint8), np.zeros(len(looks.worth), np.uint8)
    opens[np.unique(looks.slot, return_index=True)[1]] = 1
    worth_opens[np.unique(looks.worth, return_index=True)[1]] = 1
    return replaced(looks, opens=opens, worth_opens=worth_opens, slots=np.random.default_rng(seed).normal(size=looks.slots.shape))


@given(SIZES, st.integers(0, 2**32), PATHS, st.booleans(), st.booleans())
def test_what_stands_in_slots_that_are_opened_counts_for_nothing(
    isa: str, sizes: list[int], seed: int, paths: int, single: bool, sobol: bool
) -> None:
    """The other slots keep it."""
    vectors = versions(sizes, seed)
    looks = random_looks(vectors, seed, paths)
    asked = opening(looks, seed)
    here = np.isin(np.arange(len(looks.slots)), np.concatenate([looks.slot, looks.worth]))
    clear = looked(kernel, vectors, looks, paths, single, sobol)["slots"]
    found = looked(kernel, vectors, asked, paths, single, sobol)["slots"]
    same_bits(found, np.where(here[:, None], clear, asked.slots), "opened")


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("sobol", [True, False])
def test_numba_and_every_instruction_set_give_the_same(single: bool, sobol: bool) -> None:
    before = kernel.isa()
    for seed, paths in ((1, 16), (2, 704), (3, 1488)):
        vectors = versions([1, 7, 1, 1, 2, 20, 1, 1], seed)
        looks = random_looks(vectors, seed, paths)
        looks = opening(looks, seed) if seed == 2 else looks
        numba = looked(numba_kernel, vectors, looks, paths, single, sobol)
        for name in kernel.instruction_sets():
            kernel.select_isa(name)
            same_bits(looked(kernel, vectors, looks, paths, single, sobol), numba, f"{name}, seed {seed}")
    kernel.select_isa(before)


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_numba_gives_the_same_of_uncertain_inputs(sampler: str, single: bool, assumptions: Path, tmp_path: Path) -> None:
    here = compiled(uncertain_rows.portfolio(40, seed=8), portfolios.market(), assumptions, tmp_path)
    looks = random_looks(here.vectors, 3, 528)  # type: ignore[arg-type]
    options: dict[str, Any] = {"sobol": sobol.plan(SEED, 528, 1)} if sampler == "sobol" else {}
    options |= {"seed": SEED, "paths": 528, "single": single, "quantiles": (), "tail": 0.05}
    found = []
    for one in (kernel, numba_kernel):
        slots = looks.slots.copy()
        found.append((one.simulate(here.vectors, here.factors, looks=replaced(looks, slots=slots), **options), slots))
    same_bits(found[0], found[1], sampler)


@given(SIZES, st.integers(0, 2**32), st.booleans(), st.booleans(), st.booleans())
def test_paths_in_parts(sizes: list[int], seed: int, single: bool, by_sobol: bool, years: bool) -> None:
    """Of some of the paths: their columns of the slots, and of the years' factors."""
    vectors, paths = versions(sizes, seed), 704
    real: Any = np.float32 if single else np.float64
    looks = random_looks(vectors, seed, paths)
    looks = replaced(looks, years=np.random.default_rng(seed).normal(size=(2, 40, paths)).astype(real) if years else None)
    options: dict[str, Any] = {"seed": SEED, "single": single, "quantiles": (), "tail": 0.05}
    options |= {"sobol": sobol.plan(SEED, paths, 1)} if by_sobol else {}
    whole = looks.slots.copy()
    kernel.simulate(vectors, FACTOR, paths=paths, looks=replaced(looks, slots=whole), **options)
    for one in (kernel, numba_kernel) if years else (kernel,):
        slots, lived = looks.slots.copy(), np.zeros(int(vectors.offset[-1]), np.int64)
        for first, count in ((0, 320), (320, 384)):
            here = replaced(looks, slots=slots).of_paths(first, count)
            one.simulate(vectors, FACTOR, paths=count, first=first, lived=lived, looks=here, **options)
        same_bits(slots, whole, one.__name__)


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_very_many_paths_in_ranges(sampler: Any, assumptions: Path, tmp_path: Path) -> None:
    """A run of one asset after another in ranges of its paths finds what one call does."""
    here = compiled(portfolios.random_methods(3, seed=4), portfolios.market(), assumptions, tmp_path)
    paths = RANGE_PATHS + 64
    slots = np.zeros((2, 7, paths))
    sampling = Sampling(paths, SEED, "single", (0.5,), 0.05, sampler=sampler, threads=2)
    looks = random_looks(here.vectors, 6, paths)  # type: ignore[arg-type]
    in_ranges = simulate(here.vectors, here.factors, sampling, None, None, looks=replaced(looks, slots=slots[0]))
    options = {"sobol": sobol.plan(SEED, paths, here.factors.steps_per_year)} if sampler == "sobol" else {}
    at = replaced(looks, slots=slots[1])
    whole = kernel.simulate(here.vectors, here.factors, seed=SEED, paths=paths, single=True, quantiles=(0.5,), tail=0.05, looks=at, **options)
    same_bits(slots[0], slots[1], "slots")
    same_bits(in_ranges.statistics, whole[0], "statistics")


# --------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"period": np.array([3, 1], np.int32)}, "not in the order of their periods"),
        ({"period": np.array([-1, 1], np.int32)}, "not in the order of their periods"),
        ({"lasting": np.array([0, 1], np.uint8)}, "some are lasting and some are not"),
        ({"slot": np.array([0, 2])}, "beyond the 2 that there are"),
        ({"worth": np.array([1])}, "takes looks too"),
        ({"curve_open": np.array([0, -1], np.int32)}, "curves beyond the 0"),
        ({"weight": np.ones(3)}, "2 looks"),
        ({"cell_start": np.array([0, 0]), "first_cell": np.zeros(1, np.int64)}, "each has cells"),
    ],
)
def test_looks_that_do_not_fit(columns: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        looks_of(np.array([0, 2]), 16, 2, **({"period": np.array([0, 1], np.int32)} | columns))


def test_looks_of_other_assets_or_paths() -> None:
    vectors = versions([2], 1)
    looks = looks_of(np.array([0, 1]), 16, 1, period=np.zeros(1, np.int32))
    both = looks_of(np.array([0, 1, 2]), 16, 2, period=np.zeros(2, np.int32))
    for one in (kernel, numba_kernel):
        with pytest.raises(ValueError, match="looks of 1 assets, not of 2"):
            answer(one, vectors, 16, True, False, looks=looks)
        with pytest.raises(ValueError, match="slots of 16 paths, not of 32"):
            answer(one, vectors, 32, True, False, looks=both)
        with pytest.raises(ValueError, match="factors over years of float32, got float64"):
            answer(one, vectors, 16, True, False, looks=replaced(both, years=np.zeros((2, 3, 16))))
