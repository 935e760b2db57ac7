"""Two results of a portfolio and what lies between them, for tests of `ipvalue.explain`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import portfolios
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import stats

import ipvalue as iv

ENDS = ("old", "new")


@dataclass(frozen=True)
class Inputs:
    """All that a result is made of."""

    table: pa.Table
    market: Mapping[str, Any] = field(default_factory=portfolios.market)
    assumptions: str = portfolios.ASSUMPTIONS
    options: Mapping[str, Any] = field(default_factory=lambda: {"paths": 64})

    def but(self, **changes: Any) -> Inputs:
        """The same with other parts; keys of the market and of the options are given by their names."""
        market = {**self.market, **{name: changes.pop(name) for name in list(changes) if name in portfolios.MARKET}}
        parts = {name: changes.pop(name) for name in ("table", "assumptions") if name in changes}
        return replace(self, market=market, options={**self.options, **changes}, **parts)

    def valued(self, out: Path) -> iv.Result:
        """Valued into a directory, from files beside it."""
        folder = out.with_name(f"{out.name}-inputs")
        folder.mkdir()
        pq.write_table(self.table, folder / "portfolio.parquet")
        (folder / "assumptions.toml").write_text(self.assumptions)
        assumptions = folder / "assumptions.toml"
        return iv.value(
            folder / "portfolio.parquet",
            market=self.market,
            assumptions=assumptions,
            out=out,
            **{"workers": 1, "rows_per_task": 1000, **self.options},
        )


def edited(table: pa.Table, cells: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    """A portfolio with other cells: {asset_id: {column: cell}}."""
    return pa.Table.from_pylist([{**row, **cells.get(row["asset_id"], {})} for row in table.to_pylist()], table.schema)


def without(table: pa.Table, *ids: str) -> pa.Table:
    return table.filter(pa.array([one not in ids for one in table["asset_id"].to_pylist()]))


def between(folder: Path, old: Inputs, new: Inputs, **options: Any) -> iv.Explanation:
    """Both valued, and explained; checked for what must hold of any explanation."""
    results = old.valued(folder / "old"), new.valued(folder / "new")
    found = iv.explain(folder / "old", folder / "new", **{"workers": 1, **options})
    check(found, *results)
    return found


def check(found: iv.Explanation, old: iv.Result, new: iv.Result) -> None:
    """The steps of the whole and of every group add up exactly, from the one result to the other, and so do those of the rights."""
    columns = found.group_by
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in found.steps.to_pylist():
        groups.setdefault(tuple(row[name] for name in columns), []).append(row)
    for rows in groups.values():
        assert [row["step"] for row in rows] == found.record["steps"]
        total = Decimal(0)
        for row in rows[:-1]:
            total += row["amount"]
            assert row["cumulative"] == total
        assert rows[-1]["cumulative"] == rows[-1]["amount"] == total
    whole = (None,) * len(columns)
    for result, place in ((old, 0), (new, -1)):
        if result.manifest["options"]["group_by"] == list(columns):
            said = {tuple(row[name] for name in columns): (row["value"], row["assets"]) for row in result.groups.to_pylist()}
            ends = {key: rows[place] for key, rows in groups.items() if rows[place]["assets"] or key == whole}
            assert said == {key: (_as_float(row["amount"]), row["assets"]) for key, row in ends.items()}
        else:
            assert result.groups["value"][0].as_py() == _as_float(groups[whole][place]["amount"])
    of_rights: dict[str, list[Decimal]] = {}
    for row in found.assets.to_pylist():
        of_rights.setdefault(row["step"], []).append(row["amount"])
    for row in groups[whole]:
        if row["step"] not in ENDS:
            amounts = of_rights.get(row["step"], [])
            assert (sum(amounts, Decimal(0)), len(amounts)) == (row["amount"], row["assets"]), row["step"]


def _as_float(amount: Decimal) -> float:
    """As groups.parquet holds it (docs/numerics.md §8)."""
    return float(int(amount.scaleb(6))) / 1e6


def amounts(found: iv.Explanation, group: tuple[str | None, ...] | None = None) -> dict[str, Decimal]:
    """The amounts of the steps between the totals, of the whole or of a group."""
    key = (None,) * len(found.group_by) if group is None else group
    rows = [row for row in found.steps.to_pylist() if tuple(row[name] for name in found.group_by) == key]
    return {row["step"]: row["amount"] for row in rows if row["step"] not in ENDS}


def moving(found: iv.Explanation) -> set[str]:
    """The steps that moved anything."""
    return {step for step, amount in amounts(found).items() if amount}


def scores(rows: Iterable[Mapping[str, Any]]) -> list[float]:
    """Amounts in their standard errors, of rows that have one above 0."""
    return [float(row["amount"]) / row["standard_error"] for row in rows if row["standard_error"]]


def beyond_chance(found: Sequence[float], sampler: str) -> bool:
    """Whether the greatest of so many scores is beyond what noise alone passes once in a thousand times, whatever depends on whatever (Bonferroni).

    Errors under sobol are those of 16 replicates, less what a control takes.
    """
    limit = stats.t(14).isf(5e-4 / len(found)) if sampler == "sobol" else stats.norm.isf(5e-4 / len(found))
    return max(map(abs, found)) > limit
