"""The plan that follows from a run's options: how many paths a right may come to, and how many rows a task has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvalue.constants import MAX_PATHS
from ipvalue.job import Job, make_job
from ipvalue.schema import InputError


def job(**options: Any) -> Job:
    return make_job(options)


@given(st.integers(2, 10**6), st.integers(0, 10**6))
def test_the_most_paths_are_the_first_doubled_as_often_as_the_cap_allows(paths: int, more: int) -> None:
    most, cap = job(paths=paths, tolerance=0.01, max_paths=paths + more).most_paths, paths + more
    times, rest = divmod(most, paths)
    assert rest == 0
    assert times & (times - 1) == 0
    assert most <= cap < 2 * most


@pytest.mark.parametrize(
    ("options", "cap", "most"),
    [
        ({}, None, 10_000),
        ({"tolerance": 1}, 640_000, 640_000),
        ({"tolerance": 0.01, "paths": 20_000_000}, MAX_PATHS, 640_000_000),
        ({"tolerance": 0.01, "paths": MAX_PATHS}, MAX_PATHS, MAX_PATHS),
        ({"tolerance": 1e-320, "paths": 64, "sampler": "sobol"}, 4096, 4096),
    ],
)
def test_the_cap_that_a_tolerance_has_by_itself(options: dict[str, Any], cap: int | None, most: int) -> None:
    assert (job(**options).cap, job(**options).most_paths) == (cap, most)


def test_a_tolerance_makes_tasks_of_fewer_rows() -> None:
    """Eight times fewer by default: between the rows that need no more paths and those that need all."""
    assert job().task_rows(10**6, 1) == 20_000
    assert job(tolerance=0.01).task_rows(10**6, 1) == 2_500
    assert job(tolerance=0.01, max_paths=10_000).task_rows(10**6, 1) == 20_000
    assert job(tolerance=0.01, rows_per_task=7).task_rows(10**6, 1) == 7


def test_the_memory_of_the_most_paths_is_asked_for_of_rights_with_several_methods_too() -> None:
    plain, finer = (job(memory="1GiB", workers=1, paths=100_000, **more) for more in ({}, {"tolerance": 0.01}))
    plain.check_memory(1, 7)
    finer.check_memory(1, 0)
    with pytest.raises(InputError, match="up to 6,400,000 of a right on 1 worker need about"):
        job(memory="400MiB", workers=1, paths=100_000, tolerance=0.01).check_memory(1, 7)
