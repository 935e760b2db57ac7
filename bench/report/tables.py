"""What a benchmark recorded → its table as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from measuring import Clock, ratios, scale_of, speeds

Recorded = Mapping[str, Any]
"""What one benchmark recorded."""


def speed_table(one: Recorded, clock: Clock) -> str:
    """Median speed of each case, least and greatest, and the median ratio to the case that it is measured against."""
    cases, against = one["cases"], one["against"]
    scale, unit = scale_of(one)
    second = "CPU-second" if clock == "cpu" else "second"
    turns = len(next(iter(cases.values()))[clock])
    rows = [f"| {turns} turns | {unit} per {second} | least to greatest |" + (f" times {against} |" if against else "")]
    rows.append("|---|---:|---:|" + ("---:|" if against else ""))
    for name, case in cases.items():
        found = [speed / scale for speed in speeds(case, clock)]
        row = f"| {name} | {statistics.median(found):,.1f} | {min(found):,.1f} to {max(found):,.1f} |"
        rows.append(row + (f" {statistics.median(ratios(case, cases[against], clock)):.3f} |" if against else ""))
    return "\n".join(rows) + "\n"


def memory_table(peaks: Mapping[str, list[int]]) -> str:
    rows = ["| | peak resident MiB | least to greatest |", "|---|---:|---:|"]
    for name, found in peaks.items():
        sizes = [size / 2**20 for size in found]
        rows.append(f"| {name} | {statistics.median(sizes):.0f} | {min(sizes):.0f} to {max(sizes):.0f} |")
    return "\n".join(rows) + "\n"


def plan_table(turns: Mapping[str, list[tuple[float, float]]]) -> str:
    """What was planned and what was measured, and their ratio turn by turn."""
    rows = ["| | planned | measured | planned / measured | least to greatest |", "|---|---:|---:|---:|---:|"]
    for name, pairs in turns.items():
        planned, measured = (statistics.median(each) for each in zip(*pairs, strict=True))
        ratio = [one / other for one, other in pairs]
        rows.append(f"| {name} | {planned:,.1f} | {measured:,.1f} | {statistics.median(ratio):.2f} | {min(ratio):.2f} to {max(ratio):.2f} |")
    return "\n".join(rows) + "\n"


def gain(seconds: Mapping[str, list[float]]) -> float:
    """How many times as long random takes as sobol, turn by turn."""
    return statistics.median(random / sobol for random, sobol in zip(seconds["random"], seconds["sobol"], strict=True))


def equal_error_table(rights: Mapping[str, Mapping[str, Any]]) -> str:
    """Paths and microseconds of a right under both samplers, and their ratio turn by turn, without the boundary and with it on both sides."""
    head = ("right", "random paths", "µs", "sobol paths", "µs", "error", "reported", "random over sobol", "boundary µs", "ratio with it")
    rows = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    for name, right in rights.items():
        random, sobol, boundary = (right["seconds"][kind] for kind in ("random", "sobol", "boundary"))
        ratio = gain(right["seconds"])
        whole = statistics.median((a + c) / (b + c) for a, b, c in zip(random, sobol, boundary, strict=True))
        one, other, solved = (1e6 * statistics.median(each) for each in (random, sobol, boundary))
        errors = " | ".join("exact" if error == 0.0 else f"{100 * error:.3f} %" for error in (right["error"], right["reported"]))
        needs = f"| `{name}` | {right['random']:,} | {one:,.0f} | {right['sobol']:,} | {other:,.1f} |"
        rows.append(f"{needs} {errors} | {ratio:,.0f} | {solved:.1f} | {whole:,.0f} |")
    return "\n".join(rows) + "\n"


def register_table(register: Mapping[str, Any]) -> str:
    """What each command took; and the slice's valuation for as many rights as the register has."""
    rows = ["| | seconds | CPU-seconds | peak MiB | disk MiB |", "|---|---:|---:|---:|---:|"]
    for step in register["steps"]:
        rows.append(f"| {step['step']} | {step['seconds']:,.0f} | {step['cpu']:,.0f} | {step['peak'] / 2**20:,.0f} | {step['disk'] / 2**20:,.0f} |")
    last, whole = register["steps"][-1], register["rows"]
    seconds, cpu, disk = (last[key] * whole / last["rows"] for key in ("seconds", "cpu", "disk"))
    rows.append(f"| the same for {whole:,} rights, by that slice | {seconds:,.0f} | {cpu:,.0f} | | {disk / 2**20:,.0f} |")
    return "\n".join(rows) + f"\n\nThat is {seconds / 3600:.1f} hours on {register['workers']} workers.\n"


def search_table(searches: Mapping[str, Mapping[str, list[float]]]) -> str:
    """Milliseconds until each search was answered. CPU is the mean of the turns: that of another process is counted by hundredths of a second."""
    rows = ["| | milliseconds | longest | CPU, mean |", "|---|---:|---:|---:|"]
    for name, took in searches.items():
        told = (statistics.median(took["wall"]), max(took["wall"]), statistics.mean(took["cpu"]))
        rows.append(f"| {name} | " + " | ".join(f"{1000 * seconds:,.1f}" for seconds in told) + " |")
    return "\n".join(rows) + "\n"


def report_table(pages: Mapping[str, Any]) -> str:
    """What a page took, turn by turn."""
    rows = ["| turn | seconds | CPU-seconds | peak MiB | MB |", "|---|---:|---:|---:|---:|"]
    for number, turn in enumerate(pages["turns"], 1):
        took = f"{turn['seconds']:.1f} | {turn['cpu']:.1f} | {turn['peak'] / 2**20:,.0f} | {turn['bytes'] / 1e6:.2f}"
        rows.append(f"| {number} | {took} |")
    return "\n".join(rows) + "\n"


def roofline_rows(one: Recorded, sets: Recorded | None, widths: Mapping[str, int] | None) -> Iterator[dict[str, Any]]:
    """Of each main loop: what a path-year takes, and what its processor does in a cycle at the measured speed of the kernel (None: not measured)."""
    clock = statistics.median(one["clock"])
    loops = one["roofline"]["loops"]
    for loop in [] if isinstance(loops, str) else loops:
        name, each = f"{loop['isa']}, {loop['precision']}", loop["path_years"]
        case = None if sets is None else sets["cases"].get(name)
        cycles = None if case is None else clock / statistics.median(speeds(case))
        yield {
            "name": name,
            "instructions": loop["instructions"] / each,
            "vector": loop["vector"] / each,
            "flops": loop["flops"] / each,
            "cycles": cycles,
            "least": None if widths is None else max(loop["instructions"] / widths["issue"], loop["vector"] / widths["vector"]) / each,
        }


def roofline_text(one: Recorded, sets: Recorded | None, widths: Mapping[str, int] | None) -> str:
    """What the kernels execute for a path-year, beside what the processor could."""
    lines = [f"The core ran at {statistics.median(one['clock']) / 1e9:.2f} GHz while it was measured (a chain of dependent operations)."]
    if widths is None:
        lines.append("How many instructions this processor can start in a cycle is not known to `bench/machine.py`.\n")
    else:
        lines.append(
            f"It can start {widths['issue']} instructions a cycle, {widths['vector']} of them on vectors; "
            "at that width the loop would take the least cycles.\n"
        )
    if isinstance(one["roofline"]["loops"], str):
        lines.append(f"The loops: {one['roofline']['loops']}.\n")
    else:
        lines += list(_loop_table(one, sets, widths))
    return "\n".join([*lines, *_callgrind(one["roofline"]["v3"])]) + "\n"


def _loop_table(one: Recorded, sets: Recorded | None, widths: Mapping[str, int] | None) -> Iterator[str]:
    counts = ("a path-year takes", "instructions", "on vectors", "operations")
    head = (*counts, "cycles", "least cycles", "share of the width", "instructions a cycle", "operations a cycle")
    yield f"| {' | '.join(head)} |"
    yield "|---|" + "---:|" * (len(head) - 1)
    for row in roofline_rows(one, sets, widths):
        cycles, least = row["cycles"], row["least"]
        speed = ("–", "–") if cycles is None else (f"{row['instructions'] / cycles:.2f}", f"{row['flops'] / cycles:.1f}")
        share = "–" if cycles is None or least is None else f"{100 * least / cycles:.0f} %"
        told = [f"{row[key]:.2f}" for key in ("instructions", "vector")] + [f"{row['flops']:.1f}"]
        told += ["–" if value is None else f"{value:.2f}" for value in (cycles, least)]
        yield f"| {row['name']} | {' | '.join(told)} | {share} | {' | '.join(speed)} |"
    yield ""


def _callgrind(v3: Mapping[str, Any] | str) -> Iterator[str]:
    if isinstance(v3, str):
        yield f"All of v3, statistics included: {v3}."
        return
    yield (
        f"All of v3 in single precision, statistics and factors included, counted by callgrind: {v3['instructions']:.1f} instructions and "
        f"{v3['flops']:.1f} operations a path-year. By function:\n"
    )
    yield "| function | instructions a path-year |\n|---|---:|"
    for name, count in v3["functions"].items():
        if round(count, 2):
            yield f"| `{name}` | {count:.2f} |"
