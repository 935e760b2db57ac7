"""Our kernels, in C and in Numba, beside two NumPy peers on the reference workload, in one run.

`NumPy (tiled, Box-Muller)` is the strongest that we could write, `NumPy (standard_normal)` what most experts would (peers/numpy_peer.py). Cases take
turns, so that a machine which slows down slows all. Nothing here asserts a time.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest

from measuring import FULL, Case, take_turns
from peers.numpy_peer import NumpyPeer
from peers.peer import Precision, quantiles_agree
from peers.registry import PEERS
from reference_engine import engine_reference
from workload import PATHS, YEARS, reference_assets

ASSETS = 512 if FULL else 128
TURNS = 11 if FULL else 5


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


@pytest.mark.parametrize("precision", ["single", "double"])
def test_reference(benchmark: Any, precision: Precision) -> None:
    single, assets = precision == "single", reference_assets(ASSETS)
    start = time.process_time()
    engine_reference(reference_assets(1), 1, "numba", single)()
    compiling = time.process_time() - start
    cases = {
        "ipvalue": Case(engine_reference(assets, PATHS, single=single), ASSETS * PATHS * YEARS),
        "ipvalue in Numba": Case(engine_reference(assets, PATHS, "numba", single), ASSETS * PATHS * YEARS),
    }
    for name in ("NumPy (tiled, Box-Muller)", "NumPy (standard_normal)"):
        entry = PEERS[f"{name}, {precision}"]
        some = ASSETS // entry.slow
        cases[name] = Case(entry.make(reference_assets(some), PATHS).run, some * PATHS * YEARS)
    take_turns(benchmark, f"our kernels in C and in Numba beside NumPy, {precision}", cases, against="ipvalue", turns=TURNS)
    sys.stdout.write(f"Numba compiles in {compiling:.1f} CPU-seconds, once a process; renewal options some more\n")


def test_kernel_speed(benchmark: Any) -> None:
    """Our kernel by itself, for pytest-benchmark's comparisons between versions."""
    run = engine_reference(reference_assets(64), PATHS)
    benchmark.extra_info.update(path_years=64 * PATHS * YEARS)
    benchmark.pedantic(run, rounds=20 if FULL else 5, warmup_rounds=1)
