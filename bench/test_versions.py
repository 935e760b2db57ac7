"""Versions of one asset on the same paths (docs/numerics.md §16): what a scenario costs beside the run it belongs to; the kernel alone.

The rights are those of `right_files.py`, and the reference's with twenty years; every version has incomes of its own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ipvalue.cashflows import Vectors, join, take
from ipvalue.simulate import Made, Precision, simulate
from measuring import FULL, Case, take_turns
from right_files import Kind, Ready, ready, written

RIGHTS = 2_000 if FULL else 200
VERSIONS = 100
PATHS = 10_000
LONG = 20


def vectors_of(rights: Ready, years: int | None) -> Vectors:
    """The file's vectors in one piece; with `years`, its first lives are that long: each vector repeats itself, survival goes on falling."""
    found = take(join([vectors for vectors, _ in rights.chunks]), np.arange(RIGHTS))
    if years is None:
        return found
    turns = years // int(np.diff(found.offset).max())
    doubled = take(found, np.repeat(np.arange(RIGHTS), turns))
    fallen = np.repeat(np.tile(np.arange(turns), RIGHTS), np.diff(doubled.offset))
    last = np.repeat(found.survival[found.offset[1:] - 1], np.diff(found.offset) * turns)
    doubled.survival[:] *= last**fallen
    columns = {name: getattr(doubled, name) for name in ("w", "f", "survival", "rival", "salvage", "low", "high", "bound_out", "bound_in")}
    return replace(found, offset=found.offset * turns, **columns)


def versions(vectors: Vectors, count: int) -> Vectors:
    """Each asset in so many versions, the first as it is."""
    found = take(vectors, np.repeat(np.arange(len(vectors.hash)), count))
    found.w[:] *= np.repeat(1.0 + 0.001 * np.tile(np.arange(count), len(vectors.hash)), np.diff(found.offset))
    return found


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize(("kind", "years"), [("reference", None), ("reference", LONG), ("cn_trademarks", None)])
def test_versions(benchmark: Any, tmp_path: Path, kind: Kind, years: int | None, precision: Precision) -> None:
    """In rights per CPU-second, all versions of a right counted once: against the run by itself, with all its statistics."""
    rights = ready(kind, written(kind, RIGHTS, tmp_path), PATHS, tmp_path)
    sampling, one = replace(rights.values.sampling, precision=precision), vectors_of(rights, years)
    many = versions(one, VERSIONS)
    few = take(many, np.arange(len(many.hash) // 10))

    def case(vectors: Vectors, count: int, made: Made = "all", paired: bool = True) -> Case:
        return Case(lambda: simulate(vectors, rights.values.factors, sampling, None, None, made=made, paired=paired), len(vectors.hash) / count)

    cases = {
        "a run by itself": case(one, 1, paired=False),
        "old and new": case(versions(one, 2), 2),
        f"{VERSIONS} versions, moments and differences": case(many, VERSIONS, "moments"),
        f"{VERSIONS} versions, all statistics": case(few, VERSIONS, paired=False),
    }
    title = f"versions of one right, {kind}{f' of {years} years' if years else ''}, {precision}"
    take_turns(benchmark, title, cases, unit="rights", against="a run by itself")
