"""The same bits where threads share an asset's paths, whatever their number."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from bits import digests
from both_kernels import same_bits
from compared import Compiled, compiled
from portfolios import market, random_methods, random_portfolio

from ipvalue import ranges, simulate
from ipvalue.backend import BACKENDS, kernels
from ipvalue.cashflows import Vectors, take
from ipvalue.valuation import Result

Value = Callable[..., Result]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of 128 paths: two tiles of 64."""
    monkeypatch.setattr(simulate, "RANGE_PATHS", 128)
    monkeypatch.setattr(ranges, "RANGE_PATHS", 128)


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.usefixtures("short")
def test_threads_that_share_an_asset(value: Value, portfolio: pa.Table, expected: dict[str, str], precision: str, workers: int) -> None:
    """One task and more workers: its 700 paths in six ranges."""
    assert digests(value(portfolio, precision=precision, workers=workers, rows_per_task=10**6)) == expected


@pytest.mark.usefixtures("short")
def test_kept_paths_of_several_methods(value: Value, precision: str) -> None:
    rights = random_methods(40, seed=5)
    shared = digests(value(rights, precision=precision, workers=2, rows_per_task=10**6, keep_paths=True))
    assert digests(value(rights, precision=precision, workers=1, keep_paths=True)) == shared


@pytest.mark.usefixtures("short")
def test_sobol_is_summed_by_range_whoever_makes_it(value: Value, precision: str) -> None:
    rights = random_methods(60, seed=6)
    options: dict[str, Any] = {"sampler": "sobol", "paths": 16 * 44, "precision": precision, "rows_per_task": 10**6}
    one = digests(value(rights, workers=1, **options))
    assert digests(value(rights, workers=3, **options)) == one
    assert digests(value(rights, workers=2, backend="numba", **options)) == one


def test_ranges_as_long_as_they_are(value: Value, precision: str) -> None:
    """Above 2²⁰ paths, no constant changed."""
    rights = random_portfolio(3)
    options: dict[str, Any] = {"precision": precision, "paths": (1 << 20) + 16 * 33, "rows_per_task": 10**6}
    assert digests(value(rights, workers=2, **options)) == digests(value(rights, workers=1, **options))


def test_a_row_without_a_value_adds_to_no_total(assumptions: Path, tmp_path: Path, short: None) -> None:
    """Values that no sum holds come late: what the ranges before them gave is in no total, and the next row is."""
    made, call = _three_rows(assumptions, tmp_path)

    def late(one: Vectors, **options: Any) -> Any:
        statistics, status, values = call(one, **options)
        return statistics, status + np.int8(2 * (options["first"] == 256 and one.hash[0] == made.vectors.hash[0])), values

    totals = np.zeros((700, 2), np.uint64)
    shared = ranges.Ranges(kernels("native"), late, np.float32, 700, (0.5,), 0.05, 2)
    statistics, status, values = shared.simulate(made.vectors, np.zeros(3, np.int32), totals, None, keep=True)
    assert status.tolist() == [2, 0, 0]
    assert not statistics[0].any()
    expected = np.zeros_like(totals)
    kernels("native").add_exact(expected, np.zeros(2, np.int32), values[1:].astype(np.float64))
    np.testing.assert_array_equal(totals, expected)


def test_a_stop_ends_the_ranges(assumptions: Path, tmp_path: Path, short: None) -> None:
    """Nothing is at work any more once the asset has said that it was stopped."""
    made, call = _three_rows(assumptions, tmp_path)
    kernel = kernels("native")
    began: list[int] = []

    def stopped(one: Vectors, **options: Any) -> Any:
        if options["first"] == 256:
            raise kernel.Stopped("stopped")
        began.append(options["first"])
        return call(one, **options)

    shared = ranges.Ranges(kernel, stopped, np.float32, 128 * 1000, (0.5,), 0.05, 2)
    with pytest.raises(kernel.Stopped):
        shared.simulate(made.vectors, None, None, None, keep=False)
    seen = len(began)
    time.sleep(0.2)
    assert len(began) == seen < 999


@pytest.mark.parametrize(("threads", "here"), [(1, True), (2, False)])
def test_a_task_without_threads_to_share_works_on_its_own(threads: int, here: bool, assumptions: Path, tmp_path: Path, short: None) -> None:
    """Tasks at work side by side must not wait for one another."""
    made, call = _three_rows(assumptions, tmp_path)
    seen: set[int] = set()

    def noted(one: Vectors, **options: Any) -> Any:
        seen.add(threading.get_ident())
        return call(one, **options)

    ranges.Ranges(kernels("native"), noted, np.float32, 700, (0.5,), 0.05, threads).simulate(made.vectors, None, None, None, keep=False)
    assert (threading.get_ident() in seen) is here
    assert len(seen) <= threads


def _three_rows(assumptions: Path, folder: Path) -> tuple[Compiled, Callable[..., Any]]:
    """Vectors of three rows, and the kernels' simulate for all that does not differ by range."""
    made = compiled(random_portfolio(3), market(), assumptions, folder)
    call = partial(kernels("native").simulate, factors=made.factors, seed=1, single=True, quantiles=(0.5,), tail=0.05)
    return made, call


@pytest.mark.parametrize("sampler", ["random", "sobol"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("made", ["all", "moments"])
def test_versions_in_ranges(sampler: Any, backend: Any, made: Any, assumptions: Path, tmp_path: Path, short: None) -> None:
    """Statistics and differences of versions are those of one call where random, whatever the threads; of either backend."""
    here, _ = _three_rows(assumptions, tmp_path)
    vectors = take(here.vectors, np.array([0, 0, 1, 1, 1, 2]))
    vectors.w[:] *= 1.0 + 0.01 * np.repeat(np.arange(6), np.diff(vectors.offset))
    sampling = simulate.Sampling(720, 1, "single", (0.5,), 0.05, backend, sampler)
    found = [
        simulate.simulate(vectors, here.factors, replace(sampling, threads=threads), None, None, made=made, paired=True) for threads in (1, 2, 3)
    ]
    for other in found[1:]:
        same_bits(other.statistics, found[0].statistics, "statistics")
        same_bits(other.paired, found[0].paired, "paired")
    assert found[0].paired is not None
    assert (found[0].paired[:, 1] > 0.0).tolist() == [False, True, False, True, True, False]
    assert np.isnan(found[0].statistics[:, 2]).all() == (made == "moments")
