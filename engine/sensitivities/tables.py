"""The tables of sensitivities: of each right, of each group, and what a tornado is drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.backend import kernels
from ipvalue.job import Job
from ipvalue.receipt import Receipt
from ipvalue.scenario_tables import error_of_mean
from ipvalue.scenarios import BASE
from ipvalue.sensitivities.drivers import Pair
from ipvalue.simulate import Sampling
from ipvalue.storage import Written
from ipvalue.store import Store
from ipvalue.totals import Totals, Words, minus

EXACT, SIMULATED = "closed form", "simulated"
_SLOPES = ("derivative", "derivative_error", "elasticity", "elasticity_error")

ASSETS = pa.schema([
    ("asset_id", pa.string()),
    ("driver", pa.string()),
    *((name, pa.float64()) for name in ("mean", *_SLOPES)),
    ("how", pa.string()),
    ("sides", pa.string()),
])  # fmt: skip
"""The columns of assets/part-*.parquet."""

Group = tuple[int, Words, Any]
"""Assets, sums on each path and extras of a group under one version."""


def groups_schema(group_by: Sequence[str]) -> pa.Schema:
    """The columns of sensitivities.parquet."""
    texts = [(name, pa.string()) for name in (*group_by, "driver")]
    counts = [(name, pa.int64()) for name in ("assets", "moved", "one_sided")]
    return pa.schema([*texts, *counts, *((name, pa.float64()) for name in ("mean", *_SLOPES)), ("how", pa.string())])


def tornado_schema(group_by: Sequence[str]) -> pa.Schema:
    """The columns of tornado.parquet."""
    texts = [(name, pa.string()) for name in (*group_by, "driver")]
    return pa.schema([*texts, *((name, pa.float64()) for name in ("swing", "low", "high", "base"))])


def write_tables(pairs: Sequence[Pair], store: Store, job: Job, gathered: Receipt) -> list[Written]:
    """Writes the sensitivities of all groups, the tornados, and the rejects."""
    versions = {str(name): _by_key(totals) for name, totals in gathered.totals.split()}
    slopes = [row for key in versions[BASE] for row in _slopes(key, pairs, versions, job)]
    bars = [row for key in versions[BASE] for row in _bars(key, pairs, versions, job)]
    return [
        store.write_parquet("sensitivities.parquet", pa.Table.from_pylist(slopes, groups_schema(job.group_by))),
        store.write_parquet("tornado.parquet", pa.Table.from_pylist(bars, tornado_schema(job.group_by))),
        store.write_parquet("rejects.parquet", gathered.rejects.table()),
    ]


def _by_key(totals: Totals) -> dict[tuple[str, ...], Group]:
    return {key: (count, sums, extras) for key, count, sums, extras in totals.ordered()}


def _named(key: tuple[str, ...], job: Job) -> dict[str, str | None]:
    return dict(zip(job.group_by, key or (None,) * len(job.group_by), strict=True))


def _slopes(key: tuple[str, ...], pairs: Sequence[Pair], versions: Mapping[str, Mapping[Any, Group]], job: Job) -> Iterator[dict[str, object]]:
    """A group's row for each driver, in their order."""
    count, sums, (_, closed, linear, *_) = versions[BASE][key]
    mean = float(closed) if linear == count else _mean(sums, job.sampling)
    for driver in dict.fromkeys(pair.driver for pair in pairs):
        row: dict[str, object] = {**_named(key, job), "driver": driver.name, "assets": count, "mean": mean}
        for pair in (one for one in pairs if one.driver is driver and one.kind != "swing"):
            low, high = (versions[name][key] for name in pair.names)
            in_closed_form = high[2][2] == count
            if in_closed_form:
                slope, error = float(high[2][1]), 0.0
            else:
                apart, wide = minus(high[1], low[1]), 2.0 * pair.amount
                slope, error = _mean(apart, job.sampling) / wide, error_of_mean(apart, job.sampling) / wide
            if pair.kind == "derivative":
                row |= {"derivative": slope, "derivative_error": error}
            elif mean != 0.0:
                row |= {"elasticity": slope / mean, "elasticity_error": error / abs(mean)}
            row.setdefault("how", EXACT if in_closed_form else SIMULATED)
            row.setdefault("moved", round(high[2][3]))
            row.setdefault("one_sided", round(high[2][4]))
        yield row


def _bars(key: tuple[str, ...], pairs: Sequence[Pair], versions: Mapping[str, Mapping[Any, Group]], job: Job) -> list[dict[str, object]]:
    """A group's bars, the widest first."""
    base = float(versions[BASE][key][2][0])
    swings = [pair for pair in pairs if pair.kind == "swing"]
    ends = [[float(versions[name][key][2][0]) for name in pair.names] for pair in swings]
    widest = np.argsort([-abs(high - low) for low, high in ends], kind="stable")
    return [
        {**_named(key, job), "driver": swings[i].driver.name, "swing": swings[i].amount, "low": ends[i][0], "high": ends[i][1], "base": base}
        for i in widest
    ]


def _mean(sums: Words, sampling: Sampling) -> float:
    """The mean of exact sums on each path (p, 2)."""
    kernel = kernels(sampling.backend)
    return float(kernel.statistics(kernel.exact_as_float(sums), (), sampling.tail)[0])
