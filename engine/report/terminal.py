"""A results directory as tables and small histograms for a terminal."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.course import drawn
from ipvalue.schema import InputError, did_you_mean, quantile_of
from ipvalue.valuation import Result

BAR = " ▏▎▍▌▋▊▉█"

Bars = list[tuple[float, float, int]]
"""(from, to, paths) of each bar of a histogram."""

_TOP = [("value", "descending"), ("asset_id", "ascending")]


@dataclass(frozen=True)
class Method:
    """A method of valuation: how many rights it valued, and what they are worth together."""

    name: str
    rights: int
    value: float


@dataclass(frozen=True)
class Overview:
    """What `ipvalue show` prints.

    Facts of the run; the whole's statistics and histogram; the most valuable rights; the groups, those with most value first; methods; for how
    many rights the assumptions filled each column, most first; the problems of the rejected rows.
    """

    facts: list[tuple[str, str]]
    whole: dict[str, Any]
    bars: Bars
    top: pa.Table
    groups: pa.Table
    group_by: tuple[str, ...]
    methods: list[Method]
    filled: list[tuple[str, int]]
    rejects: pa.Table


@dataclass(frozen=True)
class GroupView:
    """One group: its name, its statistics and its histogram."""

    name: str
    statistics: dict[str, Any]
    bars: Bars


def overview(result: Result, top: int = 10) -> Overview:
    """Reads what a terminal has room for, part by part."""
    columns = tuple(result.manifest["options"]["group_by"])
    best, methods, filled = _gathered(result.asset_parts(), top)
    return Overview(
        facts=facts(result.manifest),
        whole=_statistics(result.groups, 0, columns),
        bars=histogram(floats(result.sums(0))),
        top=best,
        groups=largest_groups(result),
        group_by=columns,
        methods=methods,
        filled=sorted(filled.items(), key=lambda one: (-one[1], one[0])),
        rejects=result.rejects,
    )


def largest_groups(result: Result) -> pa.Table:
    """The groups, those with most value first."""
    columns = result.manifest["options"]["group_by"]
    return _sorted(result.groups.slice(1), [("value", "descending"), *((name, "ascending") for name in columns)])


def group_view(result: Result, name: str) -> GroupView:
    """One group by its name: the values of the group columns, with commas between. Raises InputError where there is none of that name."""
    place = group_place(result, name)
    columns = tuple(result.manifest["options"]["group_by"])
    return GroupView(name, _statistics(result.groups, place, columns), histogram(floats(result.sums(place))))


@dataclass(frozen=True)
class AssetView:
    """One right: its row of results and the histogram of its value on its own paths."""

    row: dict[str, Any]
    bars: Bars


def asset_view(result: Result, asset: str) -> AssetView:
    """One right by its asset_id, its paths drawn again. Raises InputError where there is none of that name, or what it was made of is no more."""
    row, values = drawn(result, asset)
    return AssetView(row, histogram(values))


def group_place(result: Result, name: str) -> int:
    """The row of a group in `groups`, by its name. Raises InputError where there is none of that name."""
    columns = tuple(result.manifest["options"]["group_by"])
    if not columns:
        raise InputError(f"{result.location}: has no groups: value the portfolio with --group-by")
    return 1 + place_of_group(name, result.groups.select(list(columns)).slice(1).to_pylist(), columns, result.location)


def place_of_group(name: str, rows: Iterable[dict[str, Any]], columns: Iterable[str], where: str) -> int:
    """The place of a group among others, each by the cells of its group columns. Raises InputError where there is none of that name."""
    names = [group_name(row, columns) for row in rows]
    if name not in names:
        near = did_you_mean(name, names) or f": name the values of {', '.join(columns)}, with commas between"
        raise InputError(f"{where}: there is no group {name!r}{near}")
    return names.index(name)


def group_name(row: dict[str, Any], columns: Iterable[str]) -> str:
    """The values of the group columns, with commas between."""
    return ",".join(row[column] for column in columns)


@dataclass(frozen=True)
class Rest:
    """The groups that are not shown: how many, their rights, and what they are worth together."""

    groups: int
    rights: int
    value: float


def rest(groups: pa.Table, shown: int) -> Rest:
    """What comes after the first `shown` of the groups."""
    others = groups.slice(shown)
    return Rest(others.num_rows, sum(others["assets"].to_pylist()), math.fsum(others["value"].to_pylist()))


def quantile_columns(table: pa.Table) -> list[str]:
    """The columns that hold quantiles, ascending."""
    return [name for name in table.column_names if quantile_of(name) is not None]


def _gathered(parts: Iterable[pa.Table], top: int) -> tuple[pa.Table, list[Method], Counter[str]]:
    """The `top` most valuable rights, the methods, and how many rights had each column filled; one part is held at a time."""
    best: pa.Table | None = None
    rights: Counter[str] = Counter()
    values: defaultdict[str, float] = defaultdict(float)
    filled: Counter[str] = Counter()
    for part in parts:
        first = _sorted(part, _TOP).slice(0, top)
        best = first if best is None else _sorted(pa.concat_tables([best, first]), _TOP).slice(0, top)
        of_method = part.group_by("method", use_threads=False).aggregate([("value", "count"), ("value", "sum")])
        for row in of_method.to_pylist():
            rights[row["method"]] += row["value_count"]
            values[row["method"]] += row["value_sum"] or 0.0
        for row in pc.value_counts(part["filled"].combine_chunks()).to_pylist():
            filled.update(dict.fromkeys(_filled_columns(row["values"]), row["counts"]))
    methods = [Method(name, count, values[name]) for name, count in sorted(rights.items(), key=lambda one: (-one[1], one[0]))]
    return best, methods, filled


def _filled_columns(text: str | None) -> list[str]:
    """ "trademark: royalty_rate, tax_rate; trademark/CN: fee_schedule" → the columns."""
    pieces = [piece.rpartition(": ")[2] for piece in (text or "").split("; ")]
    return [column for piece in pieces for column in piece.split(", ") if column]


def _sorted(table: pa.Table, keys: list[tuple[str, str]]) -> pa.Table:
    # not Table.sort_by, whose threads may outlive Python
    return table.take(pc.sort_indices(table, sort_keys=keys))


def _statistics(groups: pa.Table, place: int, columns: tuple[str, ...]) -> dict[str, Any]:
    row = groups.slice(place, 1).to_pylist()[0]
    return {name: number for name, number in row.items() if name not in columns}


def floats(sums: pa.Array) -> npt.NDArray[np.float64]:
    """Exact sums as the nearest doubles."""
    values: npt.NDArray[np.float64] = sums.cast(pa.float64()).to_numpy()
    return values


def facts(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """What was run, in lines with their names."""
    counts, options, market = manifest["counts"], manifest["options"], manifest["inputs"]["market"]["content"]
    what = "loans lent" if manifest.get("command") == "lend" else "rights valued"
    return [
        (what, f"{counts['valued']:,} of {counts['rows']:,}" + (f", {counts['rejected']:,} rejected" if counts["rejected"] else "")),
        ("valued as of", f"{market['valuation_date']}, in {market['currency']}"),
        ("premise", str(options["premise"]).replace("_", " ")),
        ("paths", f"{_paths(options)}, sampler {options.get('sampler', 'random')}, seed {options['seed']}, {options['precision']} precision"),
        ("took", f"{manifest['time']['seconds']:,.1f} s on {manifest['machine']['workers']} workers ({_kernels(manifest['machine'])})"),
        ("made by", f"ipvalue {manifest['ipvalue']}, numerics {manifest['numerics_version']}"),
    ]


def _paths(options: dict[str, Any]) -> str:
    """How many paths a right has."""
    if options.get("tolerance") is None:
        return f"{options['paths']:,}"
    return f"{options['paths']:,} to {options['max_paths']:,} for a tolerance of {options['tolerance']:g}"


def _kernels(machine: dict[str, Any]) -> str:
    """Which kernels did the work: the C ones by their instruction set, else Numba's."""
    return str(machine.get("instruction_set") or machine["backend"])


def histogram(values: npt.NDArray[np.float64], bins: int = 16) -> Bars:
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
