"""Versions of one asset on the same paths (docs/numerics.md §16): what a scenario costs beside the run it belongs to, and below what it cannot
come; the kernel alone.

The rights are those of `right_files.py`, and the reference's with twenty years; every version has incomes of its own.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from clock import clock_rate
from ipvalue.cashflows import Vectors, join, take
from ipvalue.ext import kernel
from ipvalue.simulate import Made, Precision, simulate
from ipvalue.totals import Totals
from measuring import FULL, Case, take_turns
from right_files import Kind, Ready, ready, versions, written
from workload import YEARS

RIGHTS = 2_000 if FULL else 200
VERSIONS = 100
PATHS = 10_000
LONG = 20
LANES = {"baseline": 4, "v3": 8, "v4": 16}
"""Paths in a vector of single precision, by set of instructions."""


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


def test_floor(benchmark: Any, tmp_path: Path) -> None:
    """What a version takes by its parts, in cycles, single precision: what twenty years take beyond ten is walking, one fused operation, one
    selection and one sum a period; what ten leave is mean, deviation and difference, in double and in the order of docs/numerics.md §7 and §16,
    and the levels, made once. All of it follows from the definition, whatever is arranged around it."""
    rights = ready("reference", written("reference", RIGHTS, tmp_path), PATHS, tmp_path)
    some = np.arange(RIGHTS // 2)
    ten, twenty = (take(vectors_of(rights, years), some) for years in (None, LONG))
    totals = Totals(("version",), PATHS, 0)
    group = np.tile(totals.groups_of(pa.record_batch({"version": [str(k) for k in range(VERSIONS)]})), len(some))

    def case(vectors: Vectors, group: Any, totals: Totals | None, made: Made = "moments") -> Case:
        sampling = rights.values.sampling
        return Case(lambda: simulate(vectors, rights.values.factors, sampling, group, totals, made=made, paired=made == "moments"), len(some))

    cases = {
        "ten years by themselves": case(ten, None, None, "all"),
        "versions of ten years": case(versions(ten, VERSIONS), None, None),
        "versions of twenty years": case(versions(twenty, VERSIONS), None, None),
        "versions of ten years, summed by version": case(versions(ten, VERSIONS), group, totals),
    }
    take_turns(benchmark, "a hundred versions by their parts", cases, unit="rights", against="ten years by themselves")
    lanes = LANES[kernel.isa()]
    a_vector = clock_rate() / len(some) / VERSIONS / (PATHS / lanes)
    alone, short, long, summed = (statistics.median(case.cpu) * a_vector for case in cases.values())
    walk = (long - short) / (LONG - YEARS)
    parts = {"walking, a period": walk, "mean, deviation and difference": short - walk * YEARS, "sums by version": summed - short}
    for name, cycles in parts.items():
        sys.stdout.write(f"{name:32}{cycles:8.2f} cycles a version and vector of {lanes} paths\n")
    sys.stdout.write(f"walking alone is {walk * YEARS / alone:.1f} times ten years by themselves\n")
