"""Versions of one asset in a call (docs/numerics.md §16): each is to the bit what it is alone, and differs from the first as its paths do."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from both_kernels import same_bits
from compared import MARKETS, compiled
from hypothesis import example, given
from hypothesis import strategies as st
from portfolios import market, random_portfolio
from versions import answer, some_of, versions

import oracle
from ipvalue import numba_kernel
from ipvalue.cashflows import take
from ipvalue.constants import BATCH_BYTES, UNITS_BYTES, WHOLE_BYTES
from ipvalue.ext import kernel

SIZES = st.lists(st.one_of(st.integers(1, 9), st.integers(1, 130)), min_size=1, max_size=4)
PATHS = st.sampled_from([16, 32, 64, 112, 128, 144, 704, 1024, 1488, 2512])
BY_ASSET = ("statistics", "status", "values", "sums")
OF_MOMENTS = (0, 1, 4)
"""Columns that are made without order statistics: mean, standard deviation, expected life."""


def joined(one: SimpleNamespace, two: SimpleNamespace) -> SimpleNamespace:
    """The versions of both."""
    columns = {name: np.concatenate([getattr(one, name), getattr(two, name)]) for name in vars(one) if name != "offset"}
    return SimpleNamespace(offset=np.concatenate([one.offset, one.offset[-1] + two.offset[1:]]), **columns)


def alone(one: Any, vectors: Any, *how: Any, **options: Any) -> dict[str, Any]:
    """The same of assets each of which is valued in a call of its own; totals are the sums of theirs."""
    apart = [answer(one, some_of(vectors, a, a + 1), *how, **options) for a in range(len(vectors.hash))]
    return {name: np.concatenate([found[name] for found in apart]) for name in BY_ASSET}


@given(SIZES, st.integers(0, 2**32), st.sampled_from([0.2, 0.8, 1.0]), PATHS, st.booleans(), st.booleans(), st.sampled_from([0, 1 << 26]))
@example([130, 1, 2], 1, 1.0, 1024, True, False, 0)
@example([3, 130], 2, 0.2, 144, False, True, 0)
def test_each_version_is_what_it_is_alone(
    isa: str, sizes: list[int], seed: int, plain: float, paths: int, single: bool, sobol: bool, table_bytes: int
) -> None:
    vectors = versions(sizes, seed, plain)
    paths -= 0 if sobol else seed % 15  # groups of paths that are not whole
    found = answer(kernel, vectors, paths, single, sobol, table_bytes=table_bytes)
    by_itself = alone(kernel, vectors, paths, single, sobol, table_bytes=table_bytes)
    for name in BY_ASSET:
        same_bits(found[name], by_itself[name], f"{name} of {sizes}")
    expected = np.zeros_like(found["totals"])
    good = found["status"] == 0
    group = (np.arange(len(good)) % 2).astype(np.int32)
    kernel.add_exact(expected, group[good], found["values"][good].astype(np.float64))
    same_bits(found["totals"], expected, f"totals of {sizes}")


@given(SIZES, st.integers(0, 2**32), PATHS, st.booleans(), st.booleans(), st.data())
def test_where_a_call_begins_and_ends_changes_nothing(
    isa: str, sizes: list[int], seed: int, paths: int, single: bool, sobol: bool, data: Any
) -> None:
    vectors = versions(sizes, seed)
    n = len(vectors.hash)
    cuts = sorted({0, n, *data.draw(st.lists(st.integers(0, n), max_size=3))})
    whole = answer(kernel, vectors, paths, single, sobol)
    parts = [answer(kernel, some_of(vectors, *ends), paths, single, sobol) for ends in pairwise(cuts)]
    for name in BY_ASSET:
        same_bits(np.concatenate([part[name] for part in parts]), whole[name], f"{name} of {sizes} cut at {cuts}")


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("sobol", [True, False])
def test_paths_in_parts_and_their_lives(isa: str, single: bool, sobol: bool) -> None:
    """What ranges of very many paths are made of."""
    vectors = versions([5, 1, 3], 11)
    periods = int(vectors.offset[-1])
    for first in (0, 64, 640):
        lived, lived_alone = np.zeros(periods, np.int64), np.zeros(periods, np.int64)
        found = answer(kernel, vectors, 704, single, sobol, first=first, lived=lived)
        for a in range(len(vectors.hash)):
            here = np.zeros(int(vectors.offset[a + 1] - vectors.offset[a]), np.int64)
            one = answer(kernel, some_of(vectors, a, a + 1), 704, single, sobol, first=first, lived=here)
            lived_alone[vectors.offset[a] : vectors.offset[a + 1]] = here
            for name in BY_ASSET:
                same_bits(found[name][a : a + 1], one[name], f"{name} of {a}")
        same_bits(lived, lived_alone, "lived")


@given(SIZES, st.integers(0, 2**32), st.sampled_from([0.5, 1.0]), PATHS, st.booleans(), st.booleans())
def test_moments_are_those_of_all_statistics(isa: str, sizes: list[int], seed: int, plain: float, paths: int, single: bool, sobol: bool) -> None:
    vectors = versions(sizes, seed, plain)
    paths -= 0 if sobol else seed % 15
    n = len(vectors.hash)
    pairs, pairs_of_moments = np.zeros((n, 2)), np.zeros((n, 2))
    found = answer(kernel, vectors, paths, single, sobol, paired=pairs)
    moments = answer(kernel, vectors, paths, single, sobol, moments=True, paired=pairs_of_moments)
    for name in ("status", "values", "sums", "totals"):
        same_bits(moments[name], found[name], name)
    for column in OF_MOMENTS:
        same_bits(moments["statistics"][:, column].copy(), found["statistics"][:, column].copy(), f"statistic {column}")
    assert np.isnan(moments["statistics"][:, 2:4]).all()
    same_bits(pairs, pairs_of_moments, "paired")
    first = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
    values = found["values"].astype(np.float64)
    for a, one in enumerate(first):
        np.testing.assert_allclose(pairs[a], oracle.paired(values[a], values[one]), rtol=1e-9, atol=1e-13)
    assert not pairs[first].any()


@pytest.mark.parametrize("single", [True, False])
def test_a_family_that_no_batch_holds(isa: str, single: bool) -> None:
    """Its first version is that of the call, wherever the kernel's own batches end."""
    paths = BATCH_BYTES // 4 // 16
    long = versions([1], 7, longest=80)
    assert paths * long.offset[1] * 4 > WHOLE_BYTES  # or levels would be laid down for all paths, without batches
    vectors = joined(versions([2, 90, 1], 5, plain=0.9, longest=4), long)
    pairs = np.zeros((94, 2))
    moments = answer(kernel, vectors, paths, single, False, paired=pairs, moments=True)
    values = moments["values"].astype(np.float64)
    for a in (1, 2, 3, 40, 91, 92):
        apart = np.zeros((2, 2))
        first = 0 if a < 2 else 2 if a < 92 else 92
        two = joined(some_of(vectors, first, first + 1), some_of(vectors, a, a + 1))
        answer(kernel, two, paths, single, False, paired=apart, moments=True)
        same_bits(pairs[a], apart[1], f"version {a}")
        np.testing.assert_allclose(pairs[a], oracle.paired(values[a], values[first]), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("sobol", [True, False])
@pytest.mark.parametrize("moments", [True, False])
def test_versions_that_earn_and_cost_the_same_are_walked_once(isa: str, single: bool, sobol: bool, moments: bool) -> None:
    """Of the base, of others, of one without a sum; one differs in double precision alone, and each in the length of its last period."""
    some = versions([5], 12, plain=1.0)
    one_without_sum = slice(*some.offset[3:5])
    some.w[one_without_sum], some.survival[one_without_sum] = 1e25, 1.0
    order = (0, 1, 0, 3, 2, 3, 1, 0, 4, 4)
    vectors = reduce(joined, (some_of(some, a, a + 1) for a in order))
    vectors.last_delta[:] = np.linspace(0.1, 1.0, len(order))
    vectors.w[vectors.offset[7] : vectors.offset[8]] *= 1.0 + 1e-12
    found = []
    for one in (kernel, numba_kernel):
        pairs = np.zeros((len(order), 2))
        found.append((answer(one, vectors, 704, single, sobol, moments=moments, paired=pairs), pairs))
    same_bits(found[0], found[1], "walked once and each by itself")
    assert (found[0][0]["status"] == 2 * (np.array(order) == 3)).all()


def test_a_version_without_a_sum_has_no_difference() -> None:
    """One whose values are too large has a status and no figures; where it is the first, the others have theirs but differ from nothing."""
    for at in (0, 2):
        vectors = versions([4], 3, plain=1.0)
        vectors.w[vectors.offset[at] : vectors.offset[at + 1]] = 1e25
        vectors.f[:], vectors.survival[:] = 0.0, 1.0
        for one in (kernel, numba_kernel):
            for moments in (True, False):
                pairs = np.zeros((4, 2))
                found = answer(one, vectors, 100, False, False, paired=pairs, moments=moments)
                assert found["status"].tolist() == [2 if a == at else 0 for a in range(4)]
                assert not found["statistics"][at].any()
                assert (found["statistics"][np.arange(4) != at, 0] > 0.0).all()
                assert np.isnan(pairs).all(axis=1).tolist() == [at in (0, a) for a in range(4)]


def test_one_path_and_moments_with_quantiles() -> None:
    vectors = versions([3], 4, plain=1.0)
    for one in (kernel, numba_kernel):
        pairs = np.zeros((3, 2))
        found = answer(one, vectors, 1, True, False, paired=pairs, moments=True)
        assert not found["statistics"][:, 1].any()
        assert not pairs[:, 1].any()
        with pytest.raises(ValueError, match="moments are without quantiles"):
            answer(one, vectors, 10, True, False, moments=True, quantiles=(0.5,))


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("sobol", [True, False])
@pytest.mark.parametrize("moments", [True, False])
def test_numba_gives_the_same(single: bool, sobol: bool, moments: bool) -> None:
    for seed, paths in ((1, 16), (2, 704), (3, 1488)):
        vectors = versions([1, 7, 2, 20], seed)
        found, other = [], []
        for one, into in ((kernel, found), (numba_kernel, other)):
            pairs = np.zeros((30, 2))
            into.append(answer(one, vectors, paths, single, sobol, moments=moments, paired=pairs))
            into.append(pairs)
        same_bits(found[0], other[0], f"seed {seed}")
        same_bits(found[1], other[1], f"differences of seed {seed}")


@given(SIZES, st.integers(0, 2**32), st.integers(1, 200))
def test_differences_of_values_at_hand(sizes: list[int], seed: int, paths: int) -> None:
    """What is used where values are made in parts, or of several methods: the same bits as in a call."""
    vectors = versions(sizes, seed, longest=4)
    first = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
    for one in (kernel, numba_kernel):
        assert one.first_versions(vectors).tolist() == first.tolist()
    pairs = np.zeros((len(first), 2))
    values = answer(kernel, vectors, paths, True, False, paired=pairs)["values"].astype(np.float64)
    for a in {0, len(first) - 1}:
        for one in (kernel, numba_kernel):
            same_bits(one.difference(values[a], values[first[a]]), pairs[a], f"version {a}")


CHANGED = ("revenue", "discount_premium", "growth", "hazard", "annual_cost", "fee_inflation", "launch_lag", "salvage", "tab_years", "life")


@pytest.mark.parametrize(("steps", "mid_period"), MARKETS)
def test_vectors_do_not_depend_on_the_rows_before(steps: int, mid_period: bool, assumptions: Path, tmp_path: Path) -> None:
    """A row like its neighbour but for one driver takes over what that was made of: the vectors of rows in another order are the same."""
    base = random_portfolio(60, seed=21).to_pylist()
    rows = [row | {"asset_id": f"{row['asset_id']} as it is"} for row in base]
    for column in CHANGED:
        rows += [row | {"asset_id": f"{row['asset_id']} by {column}", column: _moved(row[column], column)} for row in base]
    order = sorted(range(len(rows)), key=lambda i: (i % 60, i))
    shuffled = np.random.default_rng(2).permutation(len(rows))
    table = pa.Table.from_pylist(rows, random_portfolio(1).schema)
    beside, apart = (compiled(table.take(places), market(steps, mid_period), assumptions, tmp_path).vectors for places in (order, shuffled))
    assert len(beside.hash) > 400
    at = np.argsort(apart.hash)[np.searchsorted(apart.hash, beside.hash, sorter=np.argsort(apart.hash))]
    for name, column in vars(take(apart, at)).items():
        if isinstance(column, np.ndarray):
            same_bits(getattr(beside, name), column, name)


def _moved(value: float | None, column: str) -> float | int | None:
    if column in ("tab_years", "life"):
        return None if value is None else value + 1
    return 0.01 if not value else value * 1.01


@pytest.mark.parametrize("moments", [True, False])
@pytest.mark.parametrize("single", [True, False])
def test_sums_are_exact_however_many_assets_a_group_has(isa: str, single: bool, moments: bool) -> None:
    """Also more than 64 bits hold, of values that fit 64 bits and of others; and more groups than are held in 64 bits."""
    for sizes, paths, groups in (([4200, 4200], 16, 2), ([65] * 4, UNITS_BYTES // 8 // 64, 65)):
        vectors = versions(sizes, 4, plain=1.0, longest=3)
        n = len(vectors.hash)
        large = np.arange(n) % 7 == 0
        vectors.w[:] *= np.repeat(np.where(large, 1e13, 1e9), np.diff(vectors.offset))
        group = (np.arange(n) % groups).astype(np.int32)
        totals, expected = np.zeros((2, groups * paths, 2), np.uint64)
        found = answer(kernel, vectors, paths, single, False, moments=moments, group=group, totals=totals)
        assert not found["status"].any()
        assert np.abs(found["values"]).max() > 2e9
        kernel.add_exact(expected, group, found["values"].astype(np.float64))
        same_bits(totals, expected, f"totals of {sizes}")
