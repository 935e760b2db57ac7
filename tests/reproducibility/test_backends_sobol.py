"""The sampler sobol in the kernels in C and in Numba: the same bits of paths, statistics, totals and sums by replicate (L2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from both_kernels import Array, batch, same_bits, simulated
from hypothesis import given
from hypothesis import strategies as st

from ipvalue import numba_kernel, sobol
from ipvalue.ext import kernel as native

SEED = 2**63 + 1


def both(vectors: SimpleNamespace, points: int, steps: int = 1, parts: Sequence[int] = (), **options: Any) -> list[dict[str, Any]]:
    """What calls on the parts of 16·points paths give, in single and in double precision, once both kernels gave it."""
    plan, a = sobol.plan(SEED, 16 * points, steps), len(vectors.offset) - 1
    edges = [0, *parts, 16 * points]
    found = []
    for single in (True, False):
        answers = []
        for kernel in (native, numba_kernel):
            sums, lived, calls, totals = np.zeros((2, a, 16)), np.zeros(vectors.offset[-1], np.int64), [], []
            for first, last in pairwise(edges):
                here: dict[str, Any] = {"sobol": plan, "sums": sums, "first": first, **options}
                if parts:
                    here["lived"] = lived
                totals.append(np.zeros((2 * (last - first), 2), np.uint64))
                group = np.arange(a, dtype=np.int32) % 3 - 1
                calls.append(simulated(kernel, vectors, last - first, single, group=group, totals=totals[-1], **here))
            answers.append({"calls": tuple(calls), "sums": sums, "lived": lived, "totals": tuple(totals)})
        same_bits(answers[0], answers[1], f"{points} points, {'single' if single else 'double'}")
        found.append(answers[1])
    return found


ROW = (1.0, 0.8, 0.5, 1.6, 0.6, 0.9, 0.3)
"""w, f, low, high, bound_out, bound_in, salvage of every period."""


def assets(rows: Sequence[dict[str, Any]]) -> SimpleNamespace:
    """A batch of assets: periods, hazard, and what else `batch` takes of an asset."""
    periods = [row["periods"] for row in rows]
    offset = [0, *np.cumsum(periods).tolist()]
    t = np.concatenate([np.arange(1, n + 1) for n in periods])
    ragged: dict[str, Array] = dict(
        zip(("w", "f", "low", "high", "bound_out", "bound_in", "salvage"), (np.full(len(t), x) for x in ROW), strict=True)
    )
    ragged["survival"] = np.exp(-np.repeat([row["hazard"] for row in rows], periods) * t)
    ragged["rival"] = np.exp(-0.1 * t)
    names = {"volatility", "loading", "uncertainty", "royalty_low", "royalty_high"}
    flags = {"optional", "clamped", "enters"}
    columns: dict[str, Any] = {name: np.array([row[name] for row in rows], float) for name in names}
    columns |= {name: np.array([row[name] for row in rows], np.uint8) for name in flags}
    return batch(offset, **ragged, **columns, entry_loss=np.full(len(rows), 0.4), factor=np.array([row["factor"] for row in rows], np.int32))


asset = st.fixed_dictionaries({
    "periods": st.integers(1, 21),
    "hazard": st.sampled_from([0.0, 0.05, 0.7]),
    "volatility": st.sampled_from([0.0, 0.2, 0.6]),
    "loading": st.sampled_from([0.0, 0.5, -1.0]),
    "uncertainty": st.sampled_from([0.0, 0.3]),
    "royalty_low": st.sampled_from([1.0, 0.25]),
    "royalty_high": st.sampled_from([1.0, 1.5]),
    "optional": st.booleans(),
    "clamped": st.booleans(),
    "enters": st.booleans(),
    "factor": st.integers(0, 1),
})  # fmt: skip


@given(st.lists(asset, min_size=1, max_size=6), st.integers(1, 150), st.sampled_from([1, 2, 12]), st.sampled_from([0, 1 << 30]))
def test_any_assets(rows: list[dict[str, Any]], points: int, steps: int, table_bytes: int) -> None:
    found = both(assets(rows), points, steps, table_bytes=table_bytes)[1]
    given_, control = found["sums"]
    for a, row in enumerate(rows):
        estimated = row["optional"] or row["clamped"]
        assert (control[a] > 0).all() == estimated
        assert given_[a].any() == estimated


def mixed(periods: Sequence[int]) -> SimpleNamespace:
    """Assets of these periods, over every feature."""
    full = {"hazard": 0.05, "volatility": 0.3, "loading": 0.5, "uncertainty": 0.2, "royalty_low": 0.5, "royalty_high": 1.5}
    return assets([
        {**full, "periods": n, "optional": i % 2, "clamped": i % 3 == 1, "enters": i % 4 > 1, "factor": i % 2, "volatility": 0.3 * (i % 5 > 0)}
        for i, n in enumerate(periods)
    ])  # fmt: skip


@pytest.mark.parametrize("points", [1, 3, 31, 32, 33, 100, 625, 4097])
@pytest.mark.parametrize("table_bytes", [0, 1 << 30])
def test_points_that_fill_no_block(points: int, table_bytes: int) -> None:
    """One block of the pairing and many, digits of the index one to three, blocks of paths that are not whole."""
    both(mixed([10, 3, 17, 8, 1, 9]), points, table_bytes=table_bytes)


@pytest.mark.parametrize("steps", [2, 4, 12, 366])
def test_periods_beyond_a_block_of_the_bridge_and_beyond_the_table(steps: int) -> None:
    """Of 1,024 dimensions an asset reads 1,020, two factors 512 each: beyond them words are random."""
    both(mixed([30, 97, 1100, 5]), 4, steps)


def test_parts_are_the_whole() -> None:
    """Consecutive ranges of paths in calls of their own: paths, lives and sums are those of one call."""
    vectors = mixed([10, 3, 17, 8, 1, 9])
    whole, parts = both(vectors, 160), both(vectors, 160, parts=(64, 1088, 1600))
    for one, other in zip(whole, parts, strict=True):
        same_bits(one["sums"], other["sums"], "sums")
        same_bits(one["calls"][0][2], np.concatenate([call[2] for call in other["calls"]], axis=1), "values")
        totals = [part.reshape(2, -1, 2) for part in other["totals"]]
        same_bits(one["totals"][0].reshape(2, -1, 2), np.concatenate(totals, axis=1), "totals")
        assert not any(call[0].any() for call in other["calls"])
        step = np.concatenate([np.full(n, 1.0) for n in np.diff(vectors.offset)])
        step[vectors.offset[1:] - 1] = 0.5
        lives = np.add.reduceat(other["lived"] * step, vectors.offset[:-1]) / 2560
        np.testing.assert_allclose(lives, one["calls"][0][0][:, 4], rtol=1e-12)


def test_many_assets_of_few_points_and_few_of_many() -> None:
    """Several batches of assets, each with its own shifts and indices; the factors drawn for each."""
    both(mixed([12, 5, 9] * 240), 4)
    both(mixed([3, 2, 1]), 20_000)


def test_sums_that_no_number_holds_reject_an_asset_whose_values_are_fine() -> None:
    """Every right ends before the money of its last period, which G and K count all the same."""
    rows = [{"periods": 2, "hazard": 0.0, "volatility": 0.0, "loading": 0.0, "uncertainty": 0.0, "royalty_low": 1.0, "royalty_high": 1.0,
             "optional": False, "clamped": clamped, "enters": False, "factor": 0} for clamped in (False, True, True, True)]  # fmt: skip
    vectors = assets(rows)
    vectors.survival = np.array([1.0, 1e-9] * 4)
    vectors.w = np.array([1.0, 1e30, 1.0, 1e30, 1.0, np.inf, 1.0, 1.0])
    vectors.high = np.full(8, np.inf)
    for found in both(vectors, 4):
        ((statistics, status, values),) = found["calls"]
        assert np.isfinite(values).all()
        assert status.tolist() == [0, 2, 1, 0]
        assert statistics[0].any()
        assert not statistics[1:3].any()


def test_what_is_no_whole_point_or_plan_is_the_same_error() -> None:
    vectors, plan = mixed([3, 4]), sobol.plan(SEED, 64, 1)
    bridge = sobol.Bridge(97, *(getattr(plan.bridge, name) for name in ("middle", "left", "right", "left_weight", "right_weight", "scale")))
    wrong: list[tuple[int, Any]] = [
        (40, plan),
        (80, plan),
        (64, sobol.Plan(2**20, plan.table, plan.bridge)),
        (64, sobol.Plan(4, plan.table[:3], plan.bridge)),
        (64, sobol.Plan(4, plan.table, bridge)),
    ]
    for paths, given_ in wrong:
        said = set()
        for kernel in (native, numba_kernel):
            with pytest.raises(ValueError, match=r"whole points of the 4|digits for|a bridge of 97") as caught:
                simulated(kernel, vectors, paths, True, sobol=given_)
            said.add(str(caught.value))
        assert len(said) == 1
    for kernel in (native, numba_kernel):
        with pytest.raises(ValueError, match="expected"):
            simulated(kernel, vectors, 64, True, sobol=plan, sums=np.zeros((2, 1, 16)))


def test_a_stop_request_ends_the_points() -> None:
    plan = sobol.plan(SEED, 64, 1)
    numba_kernel.request_stop()
    try:
        with pytest.raises(numba_kernel.Stopped):
            simulated(numba_kernel, mixed([3, 4]), 64, True, sobol=plan)
    finally:
        numba_kernel.clear_stop()
