"""Instructions and operations a path-year, for the roofline; callgrind's count in the full run only, since it takes a minute."""

from __future__ import annotations

import sys
from typing import Any

from clock import clock_rate
from measuring import FULL, TURNS
from roofline import roofline


def test_roofline(benchmark: Any) -> None:
    rates: list[float] = []
    benchmark.pedantic(lambda: rates.append(clock_rate()), rounds=TURNS, iterations=1)
    found = roofline(count=FULL)
    benchmark.extra_info.update(title="instructions and operations a path-year", clock=rates, roofline=found)
    sys.stdout.write(f"\nclock {sorted(rates)[TURNS // 2] / 1e9:.2f} GHz\n" + "".join(f"{name}: {told}\n" for name, told in found.items()))
