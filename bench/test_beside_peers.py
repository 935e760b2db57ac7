"""Our kernel beside every peer that is installed, on the reference workload, in one run: the ratio is taken turn by turn.

A peer whose library is not installed is named and left out; NumPy and Numba always are there.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest

from measuring import FULL, Case, take_turns
from peers.peer import Precision
from peers.registry import PEERS, Entry
from reference_engine import engine_reference
from workload import PATHS, YEARS, reference_assets

ASSETS = 512 if FULL else 128


def peer_case(entry: Entry) -> Case:
    """A peer with as many assets as keeps its turn short."""
    assets = max(1, ASSETS // entry.slow)
    return Case(entry.make(reference_assets(assets), PATHS).run, assets * PATHS * YEARS)


@pytest.mark.parametrize("precision", ["single", "double"])
def test_beside_peers(benchmark: Any, precision: Precision) -> None:
    ours = f"ipvalue, {precision}"
    cases = {ours: Case(engine_reference(reference_assets(ASSETS), PATHS, single=precision == "single"), ASSETS * PATHS * YEARS)}
    for name, entry in PEERS.items():
        if (entry.precision or "double") != precision:
            continue
        missing = entry.missing()
        if missing:
            sys.stdout.write(f"\n{name} is left out: {missing}")
        else:
            cases[name] = peer_case(entry)
    take_turns(benchmark, f"reference workload beside peers, {precision}", cases, against=ours)
