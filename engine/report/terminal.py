"""A results directory as tables and a small histogram for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.valuation import Result

BAR = " ▏▎▍▌▋▊▉█"
_STATISTICS = ("value", "mean", "standard_error", "standard_deviation")


@dataclass(frozen=True)
class Overview:
    """What `ipvalue show` prints: facts of the run, the whole's statistics, its histogram, the most valuable rights, the groups."""

    facts: list[tuple[str, str]]
    whole: dict[str, Any]
    bars: list[tuple[float, float, int]]
    top: pa.Table
    groups: pa.Table
    rejects: pa.Table


def overview(result: Result, top: int = 10) -> Overview:
    """Reads what a terminal has room for."""
    groups = result.groups
    whole = groups.slice(0, 1).to_pylist()[0]
    columns = result.manifest["options"]["group_by"]
    order = pc.sort_indices(result.assets, sort_keys=[("value", "descending"), ("asset_id", "ascending")])[:top]
    return Overview(
        facts=_facts(result.manifest),
        whole={name: number for name, number in whole.items() if name not in columns},
        bars=histogram(_whole_paths(result, columns)),
        top=result.assets.take(order),
        groups=groups.slice(1),
        rejects=result.rejects,
    )


def _whole_paths(result: Result, columns: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    totals = result.totals
    if columns:
        totals = totals.filter(pc.is_null(totals[columns[0]]))
    values: np.ndarray[Any, np.dtype[np.float64]] = totals["value"].cast(pa.float64()).to_numpy()
    return values


def _facts(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    counts, options, market = manifest["counts"], manifest["options"], manifest["inputs"]["market"]["content"]
    return [
        ("rights valued", f"{counts['valued']:,} of {counts['rows']:,}" + (f", {counts['rejected']:,} rejected" if counts["rejected"] else "")),
        ("valued as of", f"{market['valuation_date']}, in {market['currency']}"),
        ("premise", str(options["premise"]).replace("_", " ")),
        ("paths", f"{options['paths']:,}, seed {options['seed']}, {options['precision']} precision"),
        ("took", f"{manifest['time']['seconds']:,.1f} s on {manifest['machine']['workers']} workers ({manifest['machine']['instruction_set']})"),
        ("made by", f"ipvalue {manifest['ipvalue']}, numerics {manifest['numerics_version']}"),
    ]


def histogram(values: np.ndarray[Any, np.dtype[np.float64]], bins: int = 16) -> list[tuple[float, float, int]]:
    """(from, to, paths) of equal bins between the 0.5 % and 99.5 % quantiles; what lies outside counts in the first and last bin."""
    low, high = np.quantile(values, [0.005, 0.995])
    if not high > low:
        return [(float(low), float(high), len(values))]
    edges = np.linspace(low, high, bins + 1)
    counts, _ = np.histogram(np.clip(values, low, high), edges)
    return [(float(a), float(b), int(n)) for a, b, n in zip(edges, edges[1:], counts, strict=False)]


def bar(share: float, width: int) -> str:
    """A horizontal bar of `share` (0 … 1) of `width` characters, in eighths."""
    eighths = round(share * width * 8)
    return BAR[-1] * (eighths // 8) + (BAR[eighths % 8] if eighths % 8 else "")


def money(amount: float) -> str:
    """An amount with four significant digits and a word: 2.710 bn. From 1000 tn on, all digits of the trillions."""
    if amount == 0.0:
        return "0"
    for limit, word in ((1e12, " tn"), (1e9, " bn"), (1e6, " m"), (1e3, " k")):
        if abs(amount) >= 0.99995 * limit:
            return f"{_four_digits(amount / limit)}{word}"
    return _four_digits(amount)


def _four_digits(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 999.95 else f"{number:#.4g}"
