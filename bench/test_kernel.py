"""The kernel alone, vectors ready: by feature, instruction set, precision, paths and periods. All statistics are taken, as everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ipvalue.backend import BACKENDS, Backend, kernels
from ipvalue.simulate import Precision, Sampler, simulate
from measuring import FULL, Case, take_turns
from rights import FEATURES, YEARS, appraiser, batch, vectors
from workload import PATHS

ASSETS = 2_048 if FULL else 128
BASELINE_SLOWER = 64
"""By how many times fewer assets the set baseline is measured with, so that its turn takes about as long as another's."""


def kernel_case(
    cells: dict[str, Any],
    precision: Precision = "single",
    paths: int = PATHS,
    years: float = YEARS,
    isa: str | None = None,
    sampler: Sampler = "random",
    backend: Backend = "native",
) -> Case:
    """Rights with those cells through the kernel."""
    values = appraiser(precision, paths)
    assets = max(1, round(ASSETS * PATHS * YEARS / (paths * years)) // (BASELINE_SLOWER if isa == "baseline" else 1))
    given = vectors(batch({"life": years, **cells}, assets), values)

    def work() -> None:
        simulate(given, values.factors, replace(values.sampling, sampler=sampler, backend=backend), None, None)

    return Case(work if isa is None else on_isa(work, isa), assets * paths * years)


def on_isa(work: Callable[[], None], isa: str) -> Callable[[], None]:
    """The same with the kernels of one instruction set."""

    def switched() -> None:
        before = kernels("native").isa()
        kernels("native").select_isa(isa)
        try:
            work()
        finally:
            kernels("native").select_isa(before)

    return switched


@pytest.mark.parametrize("precision", ["single", "double"])
def test_features(benchmark: Any, precision: Precision) -> None:
    cases = {name: kernel_case(cells, precision) for name, cells in FEATURES.items()}
    take_turns(benchmark, f"kernel by feature, {precision}", cases, against="plain")


def test_instruction_sets(benchmark: Any) -> None:
    sets = [isa for isa in kernels("native").instruction_sets() if FULL or isa != "baseline"]
    cases = {f"{isa}, {precision}": kernel_case({}, precision, isa=isa) for isa in sets for precision in ("single", "double")}
    take_turns(benchmark, "kernel by instruction set and precision", cases, against=f"{sets[-1]}, single")


@pytest.mark.parametrize("feature", ["fees", "boundary", "clamp"])
def test_samplers(benchmark: Any, feature: str) -> None:
    samplers: tuple[Sampler, ...] = ("random", "sobol")
    cases = {
        sampler if backend == "native" else f"{sampler} in Numba": kernel_case(FEATURES[feature], paths=4096, sampler=sampler, backend=backend)
        for backend in BACKENDS
        for sampler in samplers
    }
    take_turns(benchmark, f"kernel by sampler, {feature}", cases, against="random")


def test_paths(benchmark: Any) -> None:
    counts = (256, 1024, 4096, PATHS, 65_536)
    cases = {f"{paths:,} paths": kernel_case({}, paths=paths) for paths in counts}
    take_turns(benchmark, "kernel by paths", cases, against=f"{PATHS:,} paths")


def test_periods(benchmark: Any) -> None:
    cases = {f"{years} years": kernel_case({}, years=years) for years in (1, 5, 10, 20, 40)}
    take_turns(benchmark, "kernel by periods", cases, against="10 years")
