"""The page's charts, as SVG."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from machine import widths
from measuring import scale_of, speeds
from report.tables import Recorded, gain, roofline_rows

OURS, THEIRS, SPREAD, LEAST = "#1f5f8b", "#b5bcc4", "#30363d", "#e0a030"
Told = Mapping[str, Any]
"""What a document says of its machine."""


@dataclass(frozen=True)
class Chart:
    """A chart's file, and how it is drawn from what a benchmark recorded."""

    file: str
    draw: Callable[[Axes, Mapping[str, Recorded], str, Told], None]
    height: float | None = None


def bars(axes: Axes, found: Mapping[str, Recorded], name: str, told: Told) -> None:
    """A bar a case, with the least and the greatest turn; ours are coloured."""
    one = found[name]
    scale, unit = scale_of(one)
    names = list(one["cases"])
    measured = [[speed / scale for speed in speeds(case)] for case in one["cases"].values()]
    middle = [statistics.median(turns) for turns in measured]
    spread = [[m - min(turns) for m, turns in zip(middle, measured)], [max(turns) - m for m, turns in zip(middle, measured)]]
    peers = any(name.startswith("ipvalue") for name in names)
    colours = [OURS if name.startswith("ipvalue") or not peers else THEIRS for name in names]
    axes.barh(names, middle, color=colours, xerr=spread, error_kw={"ecolor": SPREAD, "elinewidth": 1})
    for place, (m, turns) in enumerate(zip(middle, measured)):
        axes.annotate(f"{m:,.1f}" if m < 10 else f"{m:,.0f}", (max(turns), place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel(f"{unit} per CPU-second")


def curve(axes: Axes, found: Mapping[str, Recorded], name: str, told: Told) -> None:
    """Speed over the number that each case's name starts with."""
    one = found[name]
    scale, unit = scale_of(one)
    measured = [[speed / scale for speed in speeds(case)] for case in one["cases"].values()]
    _over_numbers(axes, list(one["cases"]), measured)
    axes.set_ylabel(f"{unit} per CPU-second")


def memory(axes: Axes, found: Mapping[str, Recorded], name: str, told: Told) -> None:
    """Peak memory over the number of rights."""
    peaks = found[name]["peaks"]
    _over_numbers(axes, list(peaks), [[size / 2**20 for size in sizes] for sizes in peaks.values()])
    axes.set_ylabel("peak MiB")


def _over_numbers(axes: Axes, names: Sequence[str], measured: Sequence[Sequence[float]]) -> None:
    """Medians, least and greatest over the numbers that the names start with; what follows them is the label."""
    numbers = [int(re.sub(r"\D", "", name.split()[0])) for name in names]
    axes.fill_between(numbers, [min(turns) for turns in measured], [max(turns) for turns in measured], color=OURS, alpha=0.2, linewidth=0)
    axes.plot(numbers, [statistics.median(turns) for turns in measured], color=OURS, marker="o", markersize=4)
    axes.set_xscale("log")
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel(names[0].split(maxsplit=1)[1])


def equal_error(axes: Axes, found: Mapping[str, Recorded], name: str, told: Told) -> None:
    """Microseconds of a right under both samplers."""
    rights = found[name]["equal_error"]
    for place, right in enumerate(rights.values()):
        random, sobol = (1e6 * statistics.median(right["seconds"][kind]) for kind in ("random", "sobol"))
        axes.barh([place - 0.2, place + 0.2], [random, sobol], 0.38, color=[THEIRS, OURS])
        told_of_sobol = f"sobol {sobol:,.1f} µs, 1/{gain(right['seconds']):,.0f} of random"
        for offset, value, text in ((-0.2, random, f"random {random:,.0f} µs"), (0.2, sobol, told_of_sobol)):
            axes.annotate(text, (value, place + offset), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(range(len(rights)), list(rights))
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.margins(x=0.3)
    axes.set_xlabel("CPU-µs of one right (logarithmic)")


def roofline(axes: Axes, found: Mapping[str, Recorded], name: str, told: Told) -> None:
    """Cycles of a path-year: of the whole kernel as measured, and the least that the processor needs for the main loop's instructions."""
    rows = [row for row in roofline_rows(found[name], found.get("test_instruction_sets"), widths(told)) if row["cycles"]]
    axes.barh([row["name"] for row in rows], [row["cycles"] for row in rows], color=OURS, label="measured, statistics included")
    if all(row["least"] for row in rows):
        axes.barh([row["name"] for row in rows], [row["least"] for row in rows], 0.35, color=LEAST, label="least, at the width of the processor")
    for place, row in enumerate(rows):
        axes.annotate(f"{row['cycles']:.2f}", (row["cycles"], place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.legend(frameon=False, loc="lower right")
    axes.set_xlabel("cycles a path-year")


CHARTS = {
    "test_beside_peers[single]": Chart("peers-single.svg", bars),
    "test_equal_error": Chart("equal-error.svg", equal_error, 3.2),
    "test_roofline": Chart("roofline.svg", roofline, 2.4),
    "test_memory": Chart("memory.svg", memory, 3.0),
    "test_beside_peers[double]": Chart("peers-double.svg", bars),
    "test_features[single]": Chart("features-single.svg", bars),
    "test_instruction_sets": Chart("instruction-sets.svg", bars),
    "test_paths": Chart("paths.svg", curve, 3.0),
    "test_periods": Chart("periods.svg", curve, 3.0),
    "test_assets": Chart("rights.svg", curve, 3.0),
}
"""By the name of the benchmark."""


def draw(name: str, found: Mapping[str, Recorded], told: Told, folder: Path) -> Path:
    """Draws the chart of one benchmark of those that were found into a folder. The same measurements give the same file."""
    chart, one = CHARTS[name], found[name]
    with mpl.rc_context({"svg.hashsalt": "ipvalue", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure, axes = plt.subplots(figsize=(7.5, chart.height or 0.8 + 0.3 * len(one["cases"])), layout="constrained")
        chart.draw(axes, found, name, told)
        axes.set_title(one["title"], loc="left", fontsize=10)
        path = folder / chart.file
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
    return path
