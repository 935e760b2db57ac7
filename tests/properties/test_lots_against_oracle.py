"""Batch means (docs/numerics.md §20) are what the definition makes of levels, lives and values; to the bit where these are the kernels' own."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import oracle_lots
import oracle_sobol
import pytest
import uncertain_rows
from both_kernels import FACTOR, Array, same_bits
from compared import compiled, size_of
from hypothesis import example, given
from hypothesis import strategies as st
from portfolios import market
from versions import versions

import oracle
from ipvalue import lots
from ipvalue.cashflows import RAGGED, Vectors, take
from ipvalue.constants import BATCH_BYTES, STATISTICS
from ipvalue.ext import kernel
from ipvalue.lots import check_lots, lot_count, simulate_lots
from ipvalue.simulate import Factors, Sampling, Simulated, simulate
from ipvalue.stopping import add_boundaries
from ipvalue.totals import Totals

FACTORS = Factors(FACTOR.matrix, FACTOR.hashes)
MEAN, DEVIATION, LIFE = (STATISTICS.index(name) for name in ("mean", "standard_deviation", "expected_life"))
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 3))
"""Versions and assets."""
PATHS = st.sampled_from([1, 2, 15, 16, 17, 100, 255, 256, 257, 272, 1000, 4097])
SOBOL_PATHS = st.sampled_from([16, 32, 48, 256, 1024])
WAYS = st.one_of(st.tuples(st.just("random"), PATHS), st.tuples(st.just("sobol"), SOBOL_PATHS))


def of(number: int, assets: int, seed: int, plain: float = 0.7, longest: int = 7) -> Vectors:
    """Versions of every kind as the engine has them: all assets in the first, then in the second."""
    vectors = Vectors(
        **vars(versions([number] * assets, seed, plain, longest)), tab_factor=np.ones(number * assets), premise_factor=np.ones(number * assets)
    )
    add_boundaries(vectors, "native")
    return take(vectors, (np.arange(number)[:, None] + number * np.arange(assets)).reshape(-1))


def some(vectors: Vectors, places: Any) -> Vectors:
    return take(vectors, np.asarray(places, np.int64))


def sampling_of(paths: int, single: bool, sampler: Any = "random", **more: Any) -> Sampling:
    return Sampling(paths, 2**63 + 1, "single" if single else "double", (), 0.05, sampler=sampler, **more)


def by_lots(vectors: Vectors, number: int, sampling: Sampling) -> tuple[Simulated, Totals]:
    """So many versions of all assets, summed in two groups."""
    n = len(vectors.hash)
    totals = Totals((), lot_count(sampling), 0)
    totals.sums = np.zeros((2 * lot_count(sampling), 2), np.uint64)
    parts, groups = [some(vectors, places) for places in np.arange(n).reshape(number, -1)], (np.arange(n) % 2).astype(np.int32).reshape(number, -1)
    with np.errstate(all="ignore"):
        return simulate_lots(parts, FACTORS, sampling, groups, totals, keep_paths=True), totals


def of_paths(vectors: Vectors, sampling: Sampling) -> Array:
    """(a, p) path values."""
    values = simulate(vectors, FACTORS, sampling, None, None, keep_paths=True, made="moments").values
    assert values is not None
    return values.astype(np.float64)


def levels_and_lives(vectors: Vectors, a: int, sampling: Sampling) -> tuple[Array, Array]:
    """(t, p) levels of a version where it is alive, and whether it is: what earns 1 in one period alone, and what costs 1 there, is worth."""
    periods = int(vectors.offset[a + 1] - vectors.offset[a])
    units = take(vectors, np.full(2 * periods, a))
    units.w[:], units.f[:] = np.eye(2 * periods, periods).reshape(-1), np.eye(2 * periods, periods, -periods).reshape(-1)
    values = of_paths(units, sampling)
    return values[:periods], values[periods:] != 0.0


def defined(vectors: Vectors, a: int, sampling: Sampling) -> Array:
    """(b,) V_b of a version."""
    count, periods = oracle_lots.LOTS[sampling.sampler], slice(*vectors.offset[a : a + 2])
    if not vectors.exact[a]:
        return oracle_lots.dealt(of_paths(take(vectors, np.array([a])), sampling)[0], count)
    return oracle_lots.linear_sums(vectors.w[periods], vectors.f[periods], *levels_and_lives(vectors, a, sampling), count)


# ------------------------------------------------------------------------------------------------ from the kernels' own levels: to the bit


@given(SHAPES, st.integers(0, 2**32), WAYS, st.booleans())
@example((4, 2), 3, ("random", 257), True)
@example((4, 1), 3, ("random", 1), False)
@example((2, 3), 4, ("sobol", 48), True)
def test_versions_are_what_the_definition_makes_of_their_levels(
    isa: str, shape: tuple[int, int], seed: int, way: tuple[str, int], single: bool
) -> None:
    vectors, sampling = of(*shape, seed), sampling_of(way[1], single, way[0])
    found, totals = by_lots(vectors, shape[0], sampling)
    sums = np.stack([defined(vectors, a, sampling) for a in range(len(vectors.hash))])
    np.testing.assert_array_equal(found.values, sums)
    assert not found.status.any()
    assert found.paired is not None
    for a, own in enumerate(sums):
        told = oracle_lots.described(own, sampling.paths)
        assert (found.statistics[a, MEAN], found.statistics[a, DEVIATION]) == (told["mean_raw"], told["standard_deviation"])
        assert tuple(found.paired[a]) == oracle_lots.apart(own, sums[a % shape[1]], sampling.paths)
    expected = [oracle.totals(sums[group::2]) or [0] * len(sums[0]) for group in (0, 1)]
    assert [int(low) + (int(high) << 64) - (int(high) >> 63 << 128) for low, high in totals.sums.tolist()] == [x for group in expected for x in group]
    known = simulate(vectors, FACTORS, sampling, None, None, made="moments").statistics
    same_bits(found.statistics[:, LIFE].copy(), known[:, LIFE].copy(), "expected life")


@pytest.mark.parametrize("single", [True, False])
def test_as_many_paths_as_are_dealt(single: bool) -> None:
    vectors, sampling = of(2, 1, 3, plain=1.0), sampling_of(1 << 20, single)
    check_lots(sampling)
    found, _ = by_lots(vectors, 2, sampling)
    assert found.values is not None
    for a in range(2):
        np.testing.assert_array_equal(found.values[a], defined(vectors, a, sampling))


# ------------------------------------------------------------------------------------------------ from the definition's levels: to rounding

ROWS, NEAR = 70, {"double": 5e-9, "single": 2e-5}
"""How far a path may be off as a part of the money that moves (test_uncertain_against_oracle.py)."""


@pytest.mark.parametrize(("sampler", "paths"), [("random", 300), ("random", 1), ("sobol", 64)])
def test_rights_follow_the_definition(sampler: str, paths: int, assumptions: Path, tmp_path: Path) -> None:
    """Of every method, with inputs that are drawn, clamps and options: a lot is off by what its paths may be, and mean and deviation, which is a
    norm of the lots, follow."""
    table = uncertain_rows.portfolio(ROWS, seed=9)
    here = compiled(table, market(), assumptions, tmp_path)
    kinds, features = set(), set()
    for precision, near in NEAR.items():
        sampling = replace(sampling_of(paths, precision == "single", sampler), seed=5)
        found = simulate_lots([here.vectors], here.factors, sampling, None, None, keep_paths=True)
        assert found.values is not None
        for pair in here:
            a, slow, options = pair.a, pair.slow, bool(here.vectors.optional[pair.a])
            draws = oracle_sobol.draws(pair.asset, here.market, slow, 5, paths) if sampler == "sobol" else None
            levels, alive, exact = oracle_lots.levels_of(
                pair.asset, here.market, slow, paths=paths, seed=5, boundary=here.boundary(pair), draws=draws
            )
            count, linear = oracle_lots.LOTS[sampler], oracle_lots.is_linear(slow)
            sums = oracle_lots.linear_sums(slow.w, slow.f, levels, alive, count) if linear else oracle_lots.dealt(exact.values, count)
            may = near * oracle_lots.dealt(np.maximum(np.abs(exact.values), size_of(slow)), count)
            off = np.abs(found.values[a] - sums)
            kinds.add((linear, slow.clamped, options, slow.blended))
            has = {
                "inputs": bool(slow.inputs), "start": slow.s0 > 0.0, "factor": slow.beta != 0.0,
                "rival": slow.keep < 1.0 and bool((slow.C < 1.0).any()), "indefinite": slow.explicit_years is not None,
            }  # fmt: skip
            features |= {name for name, there in has.items() if there and linear}
            if options and precision == "single":  # a level within rounding of its boundary may fall on the other side
                assert np.count_nonzero(off > may) <= 2, pair.asset
                continue
            assert (off <= may).all(), (pair.asset, off.max())
            told = oracle_lots.described(sums, paths)
            worst = may.sum() / paths
            assert abs(found.statistics[a, MEAN] - told["mean_raw"]) <= worst, pair.asset
            there = np.count_nonzero(oracle_lots.lot_sizes(paths, count))
            assert abs(found.statistics[a, DEVIATION] - told["standard_deviation"]) <= 2 * worst * np.sqrt(paths / max(there - 1, 1)), pair.asset
            assert found.statistics[a, LIFE] == pytest.approx(exact.expected_life, rel=1e-12), pair.asset
            assert found.statistics[a, LIFE] == pytest.approx(oracle_lots.expected_life(slow.delta, alive), rel=1e-12), pair.asset
    assert features == {"inputs", "start", "factor", "rival", "indefinite"}
    assert kinds >= {(True, False, False, False), (False, True, False, False), (False, False, True, False), (False, False, False, True)}


# ------------------------------------------------------------------------------------------------ one set of bits


NAMES = ("statistics", "status", "values", "paired")


def same(one: Simulated, other: Simulated, what: str, names: tuple[str, ...] = NAMES) -> None:
    for name in names:
        same_bits(getattr(one, name), getattr(other, name), f"{name} of {what}")


@cache
def of_numba(seed: int, paths: int, single: bool, sampler: str) -> tuple[Simulated, Totals]:
    return by_lots(of(4, 4, seed), 4, sampling_of(paths, single, sampler, backend="numba"))


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize(("seed", "paths", "sampler"), [(1, 17, "random"), (2, 1000, "random"), (3, 4098, "random"), (4, 208, "sobol")])
def test_every_instruction_set_and_numba_give_the_same(isa: str, seed: int, paths: int, single: bool, sampler: str) -> None:
    (found, sums), (other, others) = by_lots(of(4, 4, seed), 4, sampling_of(paths, single, sampler)), of_numba(seed, paths, single, sampler)
    same(found, other, f"seed {seed}")
    same_bits(sums.sums, others.sums, "totals")
    if sampler == "sobol":
        estimated = ~of(4, 4, seed).exact
        assert found.sums is not None
        assert other.sums is not None
        same_bits(found.sums[:, estimated], other.sums[:, estimated], "G and K")


@given(SHAPES, st.integers(0, 2**32), WAYS, st.booleans(), st.data())
def test_no_cut_and_no_order_moves_a_bit(isa: str, shape: tuple[int, int], seed: int, way: tuple[str, int], single: bool, data: Any) -> None:
    """Of assets; of versions, but that differences are to the first."""
    vectors, sampling, (number, assets) = of(*shape, seed), sampling_of(way[1], single, way[0]), shape
    whole, totals = by_lots(vectors, number, sampling)
    places = np.arange(number * assets).reshape(number, assets)
    across, down = (np.array(data.draw(st.permutations(range(n))), np.int64) for n in (assets, number))
    cut = data.draw(st.integers(1, assets))
    for name, chosen in (("assets", places[:, across]), ("versions", places[down]), ("a part", places[:, :cut]), ("one version", places[-1:])):
        part, _ = by_lots(some(vectors, chosen.reshape(-1)), len(chosen), sampling)
        same(part, of_places(whole, chosen.reshape(-1)), name, NAMES if name in ("assets", "a part") else NAMES[:-1])
    assert whole.values is not None
    kernel.add_exact(expected := np.zeros_like(totals.sums), (np.arange(number * assets) % 2).astype(np.int32), whole.values.astype(np.float64))
    same_bits(totals.sums, expected, "totals")


def of_places(found: Simulated, places: Array) -> Simulated:
    assert found.values is not None
    assert found.paired is not None
    return Simulated(found.statistics[places], found.status[places], found.values[places], None, found.paired[places])


@pytest.mark.parametrize(("sampler", "paths"), [("random", 8000), ("sobol", 8192)])
def test_more_versions_than_are_made_at_a_time(isa: str, sampler: str, paths: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Than a batch of the kernel holds, and than are described together."""
    vectors, sampling = of(70, 3, 4, plain=0.9, longest=30), sampling_of(paths, single=False, sampler=sampler)
    assert 210 * paths * 8 > BATCH_BYTES
    whole, totals = by_lots(vectors, 70, sampling)
    for a in (0, 1, 64, 139, 140, 209):
        same(by_lots(some(vectors, [a]), 1, sampling)[0], of_places(whole, np.array([a])), f"version {a}", NAMES[:-1])
    for at_once in (1, 140):
        monkeypatch.setattr(lots, "_VERSIONS_AT_ONCE", at_once)
        found, sums = by_lots(vectors, 70, sampling)
        same(found, whole, f"{at_once} at once")
        same_bits(sums.sums, totals.sums, "totals")


@pytest.mark.parametrize("backend", ["native", "numba"])
@pytest.mark.parametrize("name", ["w", "f", "survival", "rival", "entry_loss", "enters", "last_delta", "clamped", "optional", "life"])
def test_versions_that_differ_in_one_thing_are_what_they_are_alone(backend: Any, name: str) -> None:
    """Whether they share sums with the first or not."""
    vectors = some(of(1, 1, 5, plain=1.0, longest=2), [0, 0])
    periods = 4
    columns = {column: np.ones(2 * periods) for column in RAGGED}
    vectors = replace(vectors, offset=np.array([0, periods, 2 * periods]), **{**columns, "survival": np.full(2 * periods, 0.9)})
    vectors.rival[:], vectors.enters[:], vectors.entry_loss[:], vectors.low[:], vectors.high[:] = 0.8, 1, 0.5, 0.5, 1.0
    if name == "life":
        vectors = replace(vectors, offset=np.array([0, periods, 2 * periods - 1]))
    else:
        column = getattr(vectors, name)
        column[-1] = {"enters": 0, "clamped": 1, "optional": 1}.get(name, 0.25)
    sampling = sampling_of(100, single=True, backend=backend)
    (whole, _), (alone, _) = by_lots(vectors, 2, sampling), by_lots(some(vectors, [1]), 1, sampling)
    same(of_places(whole, np.array([1])), alone, name, NAMES[:-1])
    add_boundaries(vectors, "native")
    known = simulate(vectors, FACTORS, sampling, None, None, made="moments").statistics[:, LIFE]
    assert whole.statistics[:, LIFE].tolist() == known.tolist()


# ------------------------------------------------------------------------------------------------ what they say


@given(SHAPES, st.integers(0, 2**32), WAYS, st.booleans())
def test_means_are_those_of_paths(shape: tuple[int, int], seed: int, way: tuple[str, int], single: bool) -> None:
    """To rounding, and with a lot for each path the errors too."""
    vectors, sampling = of(*shape, seed), sampling_of(way[1], single, way[0])
    found, _ = by_lots(vectors, shape[0], sampling)
    known = simulate(vectors, FACTORS, sampling, None, None, made="moments")
    values = of_paths(vectors, sampling)
    moved = np.add.reduceat(vectors.w + vectors.f, vectors.offset[:-1])
    close = (5e-7 if single else 1e-14) * (np.abs(values).max(axis=1) + moved)
    np.testing.assert_array_less(np.abs(found.statistics[:, MEAN] - known.statistics[:, MEAN]), close + 1e-300)
    if sampling.paths <= lot_count(sampling):
        assert found.paired is not None
        np.testing.assert_array_less(np.abs(found.statistics[:, DEVIATION] - known.statistics[:, DEVIATION]), 3 * close + 1e-300)
        first = np.arange(len(values)) % shape[1]
        apart = np.array([kernel.difference(own, base)[1] for own, base in zip(values, values[first], strict=True)])
        np.testing.assert_array_less(np.abs(found.paired[:, 1] - apart), 3 * (close + close[first]) + 1e-300)


@pytest.mark.parametrize(("paths", "filled"), [(4096, 256), (200, 200), (1040, 208)])
def test_the_error_of_the_error_is_the_one_told(paths: int, filled: int) -> None:
    """Of 400 rights: the deviation by B' lots over that by paths is 1 on average, and spreads by 1/√(2(B' − 1)) less what both have in common."""
    assert np.count_nonzero(oracle_lots.lot_sizes(paths, 256)) == filled
    vectors = of(1, 400, 8, plain=1.0)
    vectors.volatility[:], vectors.loading[:], vectors.w[:], vectors.survival[:] = 0.2, 0.0, vectors.w + 0.1, 0.9
    sampling = sampling_of(paths, single=False)
    ours = by_lots(vectors, 1, sampling)[0].statistics[:, DEVIATION]
    ratio = np.log(ours / simulate(vectors, FACTORS, sampling, None, None, made="moments").statistics[:, DEVIATION])
    spread = np.sqrt((1 - (filled - 1) / (paths - 1)) / (2 * (filled - 1)))
    assert abs(ratio.mean()) < 4 * spread / np.sqrt(400) + spread**2 + 1e-12
    assert 0.85 * spread - 1e-12 < ratio.std() < 1.15 * spread + 1e-12


def test_intervals_hold_the_truth_as_often_as_they_should() -> None:
    """Over 200 seeds: of two rights in two versions, and of their differences. 191 are expected, 181 is 3.5 errors less."""
    vectors = some(of(1, 2, 6, plain=1.0, longest=12), [0, 1, 0, 1])
    vectors.volatility[:], vectors.uncertainty[:], vectors.entry_loss[:], vectors.w[:] = 0.2, 0.1, 0.0, vectors.w + 0.1
    last = slice(*vectors.offset[[2, 4]])
    year = np.arange(vectors.offset[4]) - np.repeat(vectors.offset[:4], np.diff(vectors.offset)) + 1
    vectors.survival[:] = np.exp(-0.05 * year)
    vectors.w[last], vectors.survival[last] = 1.3 * vectors.w[last], np.exp(-0.08 * year[last])
    truth = kernel.closed_form(vectors)[0]
    held = np.zeros(6)
    for seed in range(200):
        sampling = replace(sampling_of(1040, single=True), seed=seed)
        found, _ = by_lots(vectors, 2, sampling)
        assert found.paired is not None
        off = np.abs(found.statistics[:, MEAN] - truth)
        held[:4] += off <= 2 * found.statistics[:, DEVIATION] / np.sqrt(1040)
        held[4:] += np.abs(found.paired[2:, 0] - (truth[2:] - truth[:2])) <= 2 * found.paired[2:, 1] / np.sqrt(1040)
    assert (held >= 181).all(), held
