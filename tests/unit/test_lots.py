"""Sums over lots of paths: what the kernels refuse, and how many paths there may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from both_kernels import FACTOR
from versions import versions

from ipvalue import numba_kernel
from ipvalue.cashflows import Vectors
from ipvalue.ext import kernel
from ipvalue.lots import check_lots, lot_count
from ipvalue.schema import InputError
from ipvalue.simulate import Sampling

KERNELS = [pytest.param(kernel, id="native"), pytest.param(numba_kernel, id="numba")]
N, PERIODS = 3, 4


def three() -> Vectors:
    """Three versions that are linear, of four periods each."""
    columns = vars(versions([3], 1, plain=1.0, longest=2))
    columns |= {name: np.ones(N * PERIODS) for name in ("w", "f", "survival", "rival", "salvage", "low", "high", "bound_out", "bound_in")}
    columns |= {"entry_loss": np.zeros(N), "last_delta": np.ones(N)}
    return Vectors(**{**columns, "offset": np.arange(0, N * PERIODS + 1, PERIODS)}, tab_factor=np.ones(N), premise_factor=np.ones(N))


def described(one: Any, **other: Any) -> Any:
    """lot_means of versions with rows of their own, with other arguments."""
    asked: dict[str, Any] = {
        "w": np.ones(12), "f": np.ones(12), "at": np.array([0, 4, 8]), "periods": np.array([4, 4, 4]), "rows": np.ones((24, 256)),
        "row": np.array([0, 8, 16]), "linear": np.ones(N, np.uint8), "first": np.zeros(N, np.int64), "order": np.arange(N), "paths": 1000,
        "statistics": np.zeros((N, 5)), "status": np.zeros(N, np.int8), "group": np.zeros(N, np.int32), "totals": np.zeros((256, 2), np.uint64),
        **other,
    }  # fmt: skip
    return one.lot_means(**asked)


@pytest.mark.parametrize("one", KERNELS)
@pytest.mark.parametrize(
    "other",
    [
        {"rows": np.ones((23, 256))},
        {"rows": np.ones((24, 272))},
        {"rows": np.ones((24, 250))},
        {"rows": np.ones((24, 0))},
        {"rows": np.ones((24, 256), np.float32)},
        {"rows": np.ones((256, 24)).T},
        {"row": np.array([0, 8, 17])},
        {"row": np.array([0, 8, -1])},
        {"row": np.array([0, 8])},
        {"row": np.array([0, 8, 16], np.int32)},
        {"linear": np.ones(2, np.uint8)},
        {"first": np.array([1, 1, 1])},
        {"first": np.array([0, 2, 2])},
        {"first": np.array([0, 1, 0])},
        {"first": np.array([0, 0, -1])},
        {"first": np.array([0, 0])},
        {"paths": 0},
        {"statistics": np.zeros((2, 5))},
        {"statistics": np.zeros((3, 4))},
        {"statistics": np.zeros((5, 3)).T},
        {"status": np.zeros(2, np.int8)},
        {"group": None},
        {"group": np.array([0, 0, 1], np.int32)},
        {"group": np.zeros(2, np.int32)},
        {"totals": np.zeros((255, 2), np.uint64)},
        {"totals": np.zeros((256, 1), np.uint64)},
        {"w": np.ones(11)},
        {"f": np.ones(11)},
        {"w": np.ones(12, np.float32)},
        {"at": np.array([0, 4, 9])},
        {"at": np.array([-1, 4, 8])},
        {"at": np.array([0, 4])},
        {"periods": np.array([4, 4, -1])},
        {"periods": np.array([4, 4, 5])},
        {"order": np.array([0, 1, 1])},
        {"order": np.array([0, 1, 3])},
        {"order": np.array([1, 0, 2])},
        {"first": np.array([0, 1, 3])},
    ],
    ids=lambda other: ", ".join(f"{name} {np.shape(one)} {np.ravel(one)[:3]}" for name, one in other.items()),
)
def test_arrays_that_do_not_fit_are_refused(one: Any, other: dict[str, Any]) -> None:
    described(one)
    with pytest.raises((ValueError, TypeError, IndexError)):
        described(one, **other)


@pytest.mark.parametrize("one", KERNELS)
def test_no_versions_and_no_group(one: Any) -> None:
    nothing: dict[str, Any] = {name: np.empty(0, np.int64) for name in ("at", "periods", "row", "first", "order")}
    paired, values = described(
        one, w=np.empty(0), f=np.empty(0), rows=np.ones((0, 256)), **nothing, linear=np.empty(0, np.uint8), statistics=np.zeros((0, 5)),
        status=np.zeros(0, np.int8), group=None, totals=None,
    )  # fmt: skip
    assert (paired.shape, values) == ((0, 2), None)
    totals, before = np.zeros((256, 2), np.uint64), np.zeros((256, 2), np.uint64)
    described(one, group=np.full(N, -1, np.int32), totals=totals)
    assert np.array_equal(totals, before)


def dealt(one: Any, **other: Any) -> Any:
    asked: dict[str, Any] = {
        "seed": 1, "paths": 1000, "single": True, "quantiles": (), "tail": 0.05,
        "lots": np.empty((24, 256)), "lot_row": np.array([0, 8, 16]), **other,
    }  # fmt: skip
    return one.simulate(three(), FACTOR, **asked)


@pytest.mark.parametrize("one", KERNELS)
@pytest.mark.parametrize(
    "other",
    [
        {"lots": np.empty((23, 256))},
        {"lots": np.empty((24, 250))},
        {"lots": np.empty((24, 0))},
        {"lots": np.empty((24, 256), np.float32)},
        {"lots": np.empty((256, 24)).T},
        {"lot_row": np.array([0, 8, 17])},
        {"lot_row": np.array([0, 8, -1])},
        {"lot_row": np.array([0, 8])},
        {"lot_row": None},
        {"first": 64},
        {"keep": True},
        {"paired": np.zeros((3, 2))},
        {"lived": np.zeros(12, np.int64)},
        {"group": np.zeros(3, np.int32), "totals": np.zeros((1000, 2), np.uint64)},
    ],
    ids=lambda other: ", ".join(f"{name} {np.shape(one)}" for name, one in other.items()),
)
def test_sums_are_not_made_where_they_do_not_fit(one: Any, other: dict[str, Any]) -> None:
    dealt(one)
    with pytest.raises((ValueError, TypeError)):
        dealt(one, **other)


def test_how_many_lots_and_paths() -> None:
    random, sobol = (Sampling(1 << 20, 1, "single", (), 0.05, sampler=sampler) for sampler in ("random", "sobol"))
    assert (lot_count(random), lot_count(sobol)) == (256, 16)
    check_lots(random)
    with pytest.raises(InputError, match=r"^paths is 1,048,592: batch means are made of at most 1,048,576 paths$"):
        check_lots(Sampling((1 << 20) + 16, 1, "single", (), 0.05, sampler="sobol"))
