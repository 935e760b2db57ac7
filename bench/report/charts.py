"""The page's charts, as SVG."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from measuring import scale_of, speeds

OURS, THEIRS, SPREAD = "#1f5f8b", "#b5bcc4", "#30363d"


@dataclass(frozen=True)
class Chart:
    """A chart's file, and how it is drawn from what a benchmark recorded."""

    file: str
    draw: Callable[[Axes, Mapping[str, Any]], None]
    height: float | None = None


def bars(axes: Axes, one: Mapping[str, Any]) -> None:
    """A bar a case, with the least and the greatest turn; ours are coloured."""
    scale, unit = scale_of(one)
    names = list(one["cases"])
    found = [[speed / scale for speed in speeds(one["cases"][name])] for name in names]
    middle = [statistics.median(turns) for turns in found]
    spread = [[m - min(turns) for m, turns in zip(middle, found)], [max(turns) - m for m, turns in zip(middle, found)]]
    peers = any(name.startswith("ipvalue") for name in names)
    colours = [OURS if name.startswith("ipvalue") or not peers else THEIRS for name in names]
    axes.barh(names, middle, color=colours, xerr=spread, error_kw={"ecolor": SPREAD, "elinewidth": 1})
    for place, (m, turns) in enumerate(zip(middle, found)):
        axes.annotate(f"{m:,.1f}" if m < 10 else f"{m:,.0f}", (max(turns), place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel(f"{unit} per CPU-second")


def curve(axes: Axes, one: Mapping[str, Any]) -> None:
    """Speed over the number that each case's name starts with."""
    scale, unit = scale_of(one)
    numbers = [int(re.sub(r"\D", "", name.split()[0])) for name in one["cases"]]
    found = [[speed / scale for speed in speeds(case)] for case in one["cases"].values()]
    axes.fill_between(numbers, [min(turns) for turns in found], [max(turns) for turns in found], color=OURS, alpha=0.2, linewidth=0)
    axes.plot(numbers, [statistics.median(turns) for turns in found], color=OURS, marker="o", markersize=4)
    axes.set_xscale("log")
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel(next(iter(one["cases"])).split(maxsplit=1)[1])
    axes.set_ylabel(f"{unit} per CPU-second")


CHARTS = {
    "test_beside_peers[single]": Chart("peers-single.svg", bars),
    "test_beside_peers[double]": Chart("peers-double.svg", bars),
    "test_features[single]": Chart("features-single.svg", bars),
    "test_instruction_sets": Chart("instruction-sets.svg", bars),
    "test_paths": Chart("paths.svg", curve, 3.0),
    "test_periods": Chart("periods.svg", curve, 3.0),
    "test_assets": Chart("rights.svg", curve, 3.0),
}
"""By the name of the benchmark."""


def draw(name: str, one: Mapping[str, Any], folder: Path) -> Path:
    """Draws a benchmark's chart into a folder. The same measurements give the same file."""
    chart = CHARTS[name]
    with mpl.rc_context({"svg.hashsalt": "ipvalue", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure, axes = plt.subplots(figsize=(7.5, chart.height or 0.8 + 0.3 * len(one["cases"])), layout="constrained")
        chart.draw(axes, one)
        axes.set_title(one["title"], loc="left", fontsize=10)
        path = folder / chart.file
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
    return path
