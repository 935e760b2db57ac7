"""Draws a results directory of this portfolio: the distribution of the whole, and its ten most valuable families.

python chart.py RESULTS OUT.png
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

mpl.use("agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

BILLION = 1e9
SHOWN = 10  # families
BEYOND = 0.01  # share of the paths, the largest, that the left panel leaves out
BINS = 50  # of the histogram, from P5 on

INK, GREY, RULE = "#1f2933", "#667380", "#d5dbe1"
BLUE, PALE, RED = "#1d5d9b", "#9cc0e0", "#b3372f"
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GREY,
    "ytick.color": INK,
}


def whole(table: pa.Table) -> pa.Table:
    """The rows of the whole portfolio: those whose group columns are blank."""
    own = {"path", "value", "assets"}
    groups = [n for n, t in zip(table.schema.names, table.schema.types) if n not in own and not pa.types.is_floating(t)]
    for name in groups:
        table = table.filter(table[name].is_null())
    return table


def sums(results: Path) -> npt.NDArray[np.float64]:
    """The whole portfolio's sum on each path."""
    with pa.memory_map(str(results / "totals.arrow")) as file:
        table = whole(pa.ipc.open_file(file).read_all())
        return np.array([float(v) for v in table["value"].to_pylist()])


def draw_distribution(axes: Axes, values: npt.NDArray[np.float64], total: dict[str, float]) -> None:
    """Histogram of the paths with mean, P5, P95 and expected shortfall; the paths below P5 stand out."""
    values = values / BILLION
    right = float(np.quantile(values, 1 - BEYOND))
    low = total["q05"] / BILLION
    width = max(right - low, 1e-6) / BINS
    below = int(np.ceil((low - float(values.min())) / width))
    edges = low + width * np.arange(-below, BINS + 1)  # P5 is an edge
    counts, _ = np.histogram(values, edges)
    share = counts / values.size * 100
    axes.bar(edges[:-1], share, width, align="edge", color=[RED] * below + [PALE] * BINS, linewidth=0)
    top = float(share.max())
    marks = [
        (total["expected_shortfall"] / BILLION, "expected\nshortfall", RED, 0.42, "right"),
        (low, "P5", INK, 0.72, "right"),
        (total["mean"] / BILLION, "mean", BLUE, 1.06, "left"),
        (total["q95"] / BILLION, "P95", INK, 0.42, "left"),
    ]
    for x, name, colour, height, side in marks:
        axes.plot([x, x], [0, height * top], color=colour, linewidth=1.8)
        gap = 0.006 * (right - edges[0]) * (1 if side == "left" else -1)
        axes.text(x + gap, height * top, f"{name}\n{x:,.1f}", color=colour, ha=side, va="top", linespacing=1.25)
    axes.set_ylim(0, 1.12 * top)
    axes.set_xlim(edges[0] - 0.10 * (right - edges[0]), right)
    axes.yaxis.set_major_formatter("{x:g} %")
    axes.set_xlabel("value of the whole portfolio on a path, bn USD")
    axes.set_title("The whole portfolio", loc="left", fontsize=13, fontweight="bold", pad=12)
    drawn = f"Red: the worst 5 %. Not drawn: the {BEYOND * 100:g} % above {right:,.0f}."
    note = f"Share of {values.size:,} paths by value. {drawn}"
    axes.text(0, -0.17, note, transform=axes.transAxes, color=GREY, fontsize=9, va="top")


def draw_families(axes: Axes, assets: pa.Table) -> None:
    """The most valuable families, the most valuable on top: mean and the span from P5 to P95."""
    rows = assets.sort_by([("value", "descending")]).slice(0, SHOWN).to_pylist()
    for y, row in enumerate(rows):
        low, middle, high = (row[c] / BILLION for c in ("q05", "mean", "q95"))
        axes.plot([low, high], [y, y], color=PALE, linewidth=9, solid_capstyle="butt")
        axes.plot(middle, y, "o", color=BLUE, markersize=8)
        axes.text(high, y, f"  {middle:,.2f}", va="center", color=INK, fontsize=10)
    names = [re.sub(r" N\d+$", "", row["asset_id"]) for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.12 * max(row["q95"] for row in rows) / BILLION)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("value of the family, bn USD")
    axes.set_title(f"The {len(rows)} most valuable families", loc="left", fontsize=13, fontweight="bold", pad=12)
    note = "Bar: P5 to P95. Dot and figure: mean. Before the tax amortisation benefit."
    axes.text(0, -0.17, note, transform=axes.transAxes, color=GREY, fontsize=9, va="top")


def chart(results: Path, out: Path) -> None:
    total = whole(pq.read_table(results / "groups.parquet")).to_pylist()[0]
    assets = pq.read_table(results / "assets", columns=["asset_id", "value", "mean", "q05", "q95"])
    with mpl.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(13, 6.2), width_ratios=(1.15, 1))
        draw_distribution(left, sums(results), total)
        draw_families(right, assets)
        headline = f"{total['assets']:,} patent families behind US brand drugs, as of 2017-12-31"
        figure.suptitle(headline, x=0.055, y=0.965, ha="left", fontsize=16, fontweight="bold")
        worth = f"{total['value'] / BILLION:,.1f} bn USD with the tax amortisation benefit, {total['mean'] / BILLION:,.1f}"
        line = f"Royalties on Medicare Part D sales until the last listed patent expires. Value {worth} without."
        figure.text(0.055, 0.895, line, color=GREY)
        figure.subplots_adjust(left=0.055, right=0.985, top=0.80, bottom=0.165, wspace=0.24)
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out, dpi=150, facecolor="white")
        plt.close(figure)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python chart.py RESULTS OUT.png")
    chart(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"chart: {sys.argv[2]}")
