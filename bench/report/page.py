"""The page of measurements, from pytest-benchmark's JSON: every number is a median of turns that were measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from machine import sentence
from measuring import Clock, ratios, scale_of, speeds
from report.charts import CHARTS

HEAD = """# Benchmarks

Made by `make bench-full` from its measurements; not written by hand.

{machine}. Kernels of the set {isa}. Measured {day}, commit {commit}.

The reference workload is `bench/workload.py`: 10 years, 10,000 paths, growth, a sector's factor, lapse, a cost, all statistics with five quantiles. A
path-year is one path of one right through one year, statistics included. Cases of a table took turns in one process; speeds are per CPU-second of the
whole process, the median of the turns with the least and the greatest; a ratio is taken turn by turn, and its median told.
"""
WALL = "test_workers"
"""The benchmark whose wall times are told too."""


def recorded(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What the benchmarks recorded, by their names; those that recorded nothing are left out."""
    found = {one["name"]: one["extra_info"] for one in document["benchmarks"] if "title" in one["extra_info"]}
    if not found:
        raise ValueError("the file holds no measurements of ours: it comes from `make bench-full`")
    return found


def page(document: Mapping[str, Any], folder: str) -> str:
    """The page as Markdown; charts are linked in `folder` beside it."""
    told = document["machine_info"]["ipvalue"]
    commit = document["commit_info"]["id"][:12] + (", changed" if document["commit_info"]["dirty"] else "")
    head = HEAD.format(machine=sentence(told), isa=told["isa"], day=document["datetime"][:10], commit=commit)
    found = recorded(document)
    parts = [head, *(part for name, one in found.items() for part in section(name, one, folder))]
    return "\n".join(parts)


def section(name: str, one: Mapping[str, Any], folder: str) -> Iterator[str]:
    """One benchmark: its title, its chart if it has one, its figures."""
    yield f"## {one['title'][0].upper()}{one['title'][1:]}\n"
    if name in CHARTS:
        yield f"![{one['title']}]({folder}/{CHARTS[name].file})\n"
    if "cases" in one:
        yield speed_table(one, "cpu")
        if name == WALL:
            yield speed_table(one, "wall")
    elif "peaks" in one:
        yield memory_table(one["peaks"])
    elif "roofline" in one:
        yield roofline_text(one)


def speed_table(one: Mapping[str, Any], clock: Clock) -> str:
    """Median speed of each case, least and greatest, and the median ratio to the case that it is measured against."""
    cases, against = one["cases"], one["against"]
    scale, unit = scale_of(one)
    second = "CPU-second" if clock == "cpu" else "second"
    turns = len(next(iter(cases.values()))[clock])
    rows = [f"| {turns} turns | {unit} per {second} | least to greatest |" + (f" times {against} |" if against else "")]
    rows.append("|---|---:|---:|" + ("---:|" if against else ""))
    for name, case in cases.items():
        found = [speed / scale for speed in speeds(case, clock)]
        row = f"| {name} | {statistics.median(found):.1f} | {min(found):.1f} to {max(found):.1f} |"
        rows.append(row + (f" {statistics.median(ratios(case, cases[against], clock)):.3f} |" if against else ""))
    return "\n".join(rows) + "\n"


def memory_table(peaks: Mapping[str, list[int]]) -> str:
    rows = ["| | peak resident MiB | least to greatest |", "|---|---:|---:|"]
    for name, found in peaks.items():
        sizes = [size / 2**20 for size in found]
        rows.append(f"| {name} | {statistics.median(sizes):.0f} | {min(sizes):.0f} to {max(sizes):.0f} |")
    return "\n".join(rows) + "\n"


def roofline_text(one: Mapping[str, Any]) -> str:
    """What the kernels execute for a path-year, and the clock to hold it against."""
    clock = statistics.median(one["clock"]) / 1e9
    lines = [f"The core ran at {clock:.2f} GHz while it was measured (a chain of dependent operations).\n"]
    v3, v4 = one["roofline"]["v3"], one["roofline"]["v4"]
    if isinstance(v3, str):
        lines.append(f"v3: {v3}.\n")
    else:
        lines.append(
            f"v3, counted by callgrind: {v3['instructions']:.1f} instructions and {v3['flops']:.1f} floating-point operations a path-year,\n"
            "statistics included (a fused multiplication and addition is two). By function:\n"
        )
        lines += ["| function | instructions a path-year |", "|---|---:|"]
        lines += [f"| `{name}` | {count:.2f} |" for name, count in v3["functions"].items()]
        lines.append("")
    if isinstance(v4, str):
        lines.append(f"v4: {v4}.")
    else:
        lines += ["v4, from the disassembly of its innermost loops:\n", "| function | instructions a turn | with 512 bits | operations a turn |"]
        lines.append("|---|---:|---:|---:|")
        lines += [f"| `{one['function']}` | {one['instructions']} | {one['wide']} | {one['flops']} |" for one in v4]
    return "\n".join(lines) + "\n"
