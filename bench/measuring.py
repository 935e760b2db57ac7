"""How everything here is measured: cases take turns in one process, CPU seconds of the whole process are counted, medians are told.

Each benchmark is one turn of its cases; pytest-benchmark's JSON (`--benchmark-json`) keeps every case's seconds in its extra_info, from which
`report/` makes the page. Nothing asserts a time.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Clock = Literal["cpu", "wall"]

FULL = os.environ.get("IPVALUE_BENCH") == "full"
TURNS = 9 if FULL else 5


@dataclass(frozen=True)
class Case:
    """Something to measure: the work, and how much it is in the benchmark's unit (path-years, rows)."""

    work: Callable[[], object]
    amount: float
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def turn(self) -> None:
        """Does the work once and notes its CPU seconds, those of all threads, and the wall's."""
        cpu, wall = time.process_time(), time.perf_counter()
        self.work()
        self.cpu.append(time.process_time() - cpu)
        self.wall.append(time.perf_counter() - wall)


def take_turns(
    benchmark: Any, title: str, cases: Mapping[str, Case], unit: str = "path-years", against: str | None = None, turns: int = TURNS
) -> None:
    """Measures cases turn by turn after one turn unmeasured; prints and records them. `against` names the case that the others are divided by."""

    def turn() -> None:
        for case in cases.values():
            case.turn()

    for case in cases.values():
        case.work()
    benchmark.pedantic(turn, rounds=turns, iterations=1)
    recorded = {name: {"amount": case.amount, "cpu": case.cpu, "wall": case.wall} for name, case in cases.items()}
    benchmark.extra_info.update(title=title, unit=unit, against=against, cases=recorded)
    sys.stdout.write(table(benchmark.extra_info))


def speeds(case: Mapping[str, Any], clock: Clock = "cpu") -> list[float]:
    """Of each turn: the case's unit per second."""
    return [case["amount"] / seconds for seconds in case[clock]]


def ratios(case: Mapping[str, Any], against: Mapping[str, Any], clock: Clock = "cpu") -> list[float]:
    """Of each turn: how many times as fast a case is as another."""
    return [one / other for one, other in zip(speeds(case, clock), speeds(against, clock), strict=True)]


def scale_of(recorded: Mapping[str, Any]) -> tuple[float, str]:
    """What a benchmark's speeds are told in: millions of path-years, thousands of anything else."""
    return (1e6, "M path-years") if recorded["unit"] == "path-years" else (1e3, f"k {recorded['unit']}")


def table(recorded: Mapping[str, Any], clock: Clock = "cpu") -> str:
    """A benchmark's cases as text: median speed, least and greatest, and the ratio."""
    cases, against = recorded["cases"], recorded["against"]
    scale, unit = scale_of(recorded)
    width = max(map(len, cases)) + 2
    second = "CPU-second" if clock == "cpu" else "second"
    lines = [f"\n{recorded['title']}", f"{'':{width}}{unit} per {second}" + (f", times {against}" if against else "")]
    for name, case in cases.items():
        found = [speed / scale for speed in speeds(case, clock)]
        times = f"   {statistics.median(ratios(case, cases[against], clock)):8.3f}" if against else ""
        lines.append(f"{name:{width}}{statistics.median(found):10.1f}   ({min(found):.1f} to {max(found):.1f}){times}")
    return "\n".join(lines) + "\n"
