"""Instructions and operations a path-year, for the roofline; the full run only, since callgrind takes a minute."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from clock import clock_rate
from measuring import FULL, TURNS
from roofline import roofline


@pytest.mark.skipif(not FULL, reason="callgrind takes a minute: IPVALUE_BENCH=full")
def test_roofline(benchmark: Any) -> None:
    rates: list[float] = []
    benchmark.pedantic(lambda: rates.append(clock_rate()), rounds=TURNS, iterations=1)
    found = roofline()
    benchmark.extra_info.update(title="roofline", clock=rates, roofline=found)
    sys.stdout.write(f"\nclock {sorted(rates)[TURNS // 2] / 1e9:.2f} GHz\n" + "".join(f"{name}: {told}\n" for name, told in found.items()))
