"""Our kernel beside well-written NumPy on the reference workload, in one run: M path-years per CPU-second of each,
and their ratio.

    make bench                      short: half a minute
    make bench-full                 the figures to quote

The two take turns, so that a machine which slows down slows both; CPU seconds are counted, since identical wall times
differ on shared machines. Each turn's pair gives a ratio; the median is printed with the smallest and greatest.
Nothing here asserts a time.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable

import pytest

from ipvalue.backend import kernels
from machine import machine, sentence
from peers.numpy_peer import NumpyPeer
from peers.peer import quantiles_agree
from reference_engine import engine_reference
from workload import PATHS, YEARS, reference_assets

FULL = os.environ.get("IPVALUE_BENCH") == "full"
ASSETS = 512 if FULL else 128
TURNS = 11 if FULL else 5


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the whole process: a thread that helps is counted."""
    start = time.process_time()
    work()
    return time.process_time() - start


def test_both_agree() -> None:
    """What is compared must be the same work: both give the closed form's mean, and lives and quantiles near each
    other."""
    assets = reference_assets(24)
    ours = engine_reference(assets, PATHS)()
    peer = NumpyPeer(assets, PATHS)
    for i in range(len(assets)):
        row = peer.row(i)  # which leaves its values sorted
        tolerance = 5 * row.standard_error
        assert abs(ours[i, 0] - assets.expected_value[i]) < tolerance
        assert abs(ours[i, 4] - assets.expected_life[i]) < 0.2
        assert quantiles_agree(ours[i, 5:].tolist(), peer.value)


def test_reference_beside_numpy(capsys: pytest.CaptureFixture[str]) -> None:
    assets = reference_assets(ASSETS)
    engine = engine_reference(assets, PATHS)
    peer = NumpyPeer(assets, PATHS)
    ziggurat = NumpyPeer(assets, PATHS, normals="ziggurat")
    numba = engine_reference(assets, PATHS, "numba")
    compiling = cpu_seconds(engine_reference(reference_assets(1), 1, "numba"))
    engine(), numba(), peer.run(0, 4), ziggurat.run(0, 4)

    work = ASSETS * PATHS * YEARS / 1e6
    speeds: dict[str, list[float]] = {"ipvalue": [], "ipvalue in Numba": [], "NumPy (Box-Muller)": [], "NumPy (ziggurat)": []}
    ratios = []
    for _ in range(TURNS):
        ours = cpu_seconds(engine)
        best = cpu_seconds(peer.run)
        speeds["ipvalue"].append(work / ours)
        speeds["ipvalue in Numba"].append(work / cpu_seconds(numba))
        speeds["NumPy (Box-Muller)"].append(work / best)
        speeds["NumPy (ziggurat)"].append(work / cpu_seconds(ziggurat.run))
        ratios.append(best / ours)

    with capsys.disabled():
        out = sys.stdout
        out.write(f"\nreference workload: {ASSETS} assets, {PATHS} paths, {YEARS} years, all statistics, single precision\n")
        out.write(f"{sentence(machine())}, instruction set {kernels('native').isa()}\n")
        out.write(f"{'':22}{'M path-years per CPU-second':>30}\n")
        for name, found in speeds.items():
            out.write(f"{name:22}{statistics.median(found):>14.1f}   ({min(found):.1f} to {max(found):.1f})\n")
        low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
        out.write(f"{'ratio to best NumPy':22}{middle:>14.2f}   ({low:.2f} to {high:.2f}, {TURNS} turns)\n")
        out.write(f"{'Numba compiles in':22}{compiling:>14.1f}   CPU seconds, once a process (and renewal options some more)\n")


def test_kernel_speed(benchmark) -> None:  # type: ignore[no-untyped-def]
    """Our kernel by itself, for pytest-benchmark's tables and comparisons between versions."""
    assets = reference_assets(64)
    run = engine_reference(assets, PATHS)
    benchmark.extra_info.update(path_years=64 * PATHS * YEARS)
    benchmark.pedantic(run, rounds=20 if FULL else 5, warmup_rounds=1)


def test_numpy_speed(benchmark) -> None:  # type: ignore[no-untyped-def]
    assets = reference_assets(64)
    peer = NumpyPeer(assets, PATHS)
    benchmark.extra_info.update(path_years=64 * PATHS * YEARS)
    benchmark.pedantic(peer.run, rounds=20 if FULL else 5, warmup_rounds=1)
