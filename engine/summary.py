"""Path values → one row of results an asset (model.md §6–§8), and the statistics of groups.

a = assets, q = quantiles, g = groups
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.backend import Backend, kernels
from ipvalue.cashflows import Vectors
from ipvalue.constants import HEAVY_TAIL_VARIANCE, MONEY_LIMIT, REPLICATES, STATISTICS
from ipvalue.replicates import by_replicate, controlled, standard_error
from ipvalue.rows import Rows
from ipvalue.schema import quantile_name
from ipvalue.simulate import Reals, Sampling, Simulated
from ipvalue.totals import Totals, Words

Floats = npt.NDArray[np.float64]

RECONCILED = "reconciled"
"""What the results call the method of a row with several."""

EXTRA_COLUMNS = 1
"""Numbers each asset adds to its group beside the quantiles: its value."""

DENSE = ("mean", "mean_raw", "standard_error", "standard_deviation", "closed_form", "value")
"""Numbers of a right that are sums or made from them: every bit of a double is in use, and no compression takes a fifteenth off them. Quantiles are
the value of one path, in single precision mostly; the others are often 0 or repeat."""

REPEATED = ("method", "status", "filled")
"""Texts of which many rights have the same."""


UNUSABLE = (
    "revenue",
    f"path values are finite and below {MONEY_LIMIT:.3g}",
    f"some path values are not numbers or reach {MONEY_LIMIT:.3g}, more than a sum can hold: volatility, growth or revenue is too large",
)
"""Column, rule and message of a row whose path values cannot be described or summed."""


def asset_schema(quantiles: Sequence[float]) -> pa.Schema:
    """The columns of assets/part-*.parquet."""
    money = ["mean", "mean_raw", "standard_error", "standard_deviation", *map(quantile_name, quantiles), "expected_shortfall"]
    numbers = [*money, "probability_of_loss", "expected_life", "closed_form", "tab", "value"]
    texts = [(name, pa.string()) for name in ("asset_id", "method", "status")]
    lists = [("methods", pa.list_(pa.string())), *((name, pa.list_(pa.float64())) for name in ("weights", "method_values"))]
    return pa.schema([*texts, *((name, pa.float64()) for name in numbers), ("paths", pa.int64()), *lists, ("filled", pa.string())])


def reject_unusable(rows: Rows, status: npt.NDArray[np.int8]) -> None:
    """Moves the rows whose path values cannot be described or summed, which have a status (a,) other than 0, to the rejects (docs/numerics.md §8)."""
    rows.reject(status != 0, *UNUSABLE)


@dataclass(frozen=True)
class Figures:
    """All that the results say of an asset, and of its path values: Simulated's fields, and (a,) closed_form (NaN: there is none), mean (the
    best estimate), standard_error (NaN: not known), heavy (whether the tail is), expected_life, tab, value and paths."""

    statistics: Floats
    status: npt.NDArray[np.int8]
    values: Reals | None
    closed_form: Floats
    mean: Floats
    standard_error: Floats
    heavy: npt.NDArray[np.bool_]
    expected_life: Floats
    tab: Floats
    value: Floats
    paths: npt.NDArray[np.int64]


def figures_of(vectors: Vectors, simulated: Simulated, sampling: Sampling) -> Figures:
    """The figures of assets (a,) by one method each."""
    raw = dict(zip(STATISTICS, simulated.statistics.T, strict=False))
    closed, analytic = closed_forms(vectors, sampling.backend)
    variance = vectors.volatility * vectors.volatility * np.diff(vectors.offset) * vectors.step + vectors.uncertainty * vectors.uncertainty
    if vectors.inputs is not None:
        variance += vectors.inputs.log_variance
    heavy = variance > HEAVY_TAIL_VARIANCE
    deviation = np.where(heavy & ~np.isnan(closed), analytic, raw["standard_deviation"])
    mean, error = raw["mean"], deviation / np.sqrt(np.float64(sampling.paths))
    if simulated.sums is not None:
        mean, error = estimated(evidence_of(vectors, simulated, closed, sampling))
    gross = np.where(mean > 0.0, mean * vectors.tab_factor, mean)
    return Figures(
        simulated.statistics,
        simulated.status,
        simulated.values,
        closed_form=closed,
        mean=mean,
        standard_error=error,
        heavy=heavy,
        expected_life=raw["expected_life"],
        tab=gross - mean,
        value=gross * vectors.premise_factor,
        paths=np.full(len(mean), sampling.paths),
    )


@dataclass(frozen=True)
class Evidence:
    """What the mean of a row under sobol is made from (docs/numerics.md §14): what is `known` of it (a,), and for the rest the replicate means of
    G and K, `values` and `control` (a, 16), and K's `expectation` (a,)."""

    known: Floats
    values: Floats
    control: Floats
    expectation: Floats


def evidence_of(vectors: Vectors, simulated: Simulated, closed: Floats, sampling: Sampling) -> Evidence:
    """The Evidence of assets (a,) by one method each, whose closed forms are `closed` (a,), NaN where there is none."""
    assert simulated.sums is not None
    exact = ~np.isnan(closed)
    values, control = simulated.sums / np.float64(sampling.paths // REPLICATES)
    asset = np.repeat(np.arange(len(closed)), np.diff(vectors.offset))
    costs = np.bincount(asset, vectors.survival * vectors.f, len(closed))
    expectation = kernels(sampling.backend).closed_form(vectors.linear())[0] + costs
    return Evidence(np.where(exact, closed, 0.0), values, control, np.where(exact, 0.0, expectation))


def estimated(evidence: Evidence) -> tuple[Floats, Floats]:
    """(a,) mean and standard error."""
    mean, error = controlled(evidence.values, evidence.control, evidence.expectation)
    return evidence.known + mean, error


def estimated_by_replicate(evidence: Evidence) -> Floats:
    """(a, 16) what each replicate alone contributes to that mean."""
    return evidence.known[:, None] + by_replicate(evidence.values, evidence.control, evidence.expectation)


def with_method_shown(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows with the method as the results call it."""
    shown = pc.if_else(batch["methods"].is_valid(), RECONCILED, batch["method"])
    place = batch.schema.get_field_index("method")
    return batch.set_column(place, batch.schema.field(place), shown)


def describe_assets(rows: Rows, figures: Figures, method_values: pa.Array, sampling: Sampling) -> pa.RecordBatch:
    """One row of results for each of the rows with a value, in their order (asset_schema). Call before reject_unusable moves the others.

    method_values (a,): lists, null where a row has one method.
    """
    raw = dict(zip(STATISTICS, figures.statistics.T, strict=False))
    quantiles = figures.statistics[:, len(STATISTICS) :]
    columns: dict[str, object] = {
        "asset_id": rows.batch["asset_id"],
        "method": with_method_shown(rows.batch)["method"],
        "status": pc.if_else(pa.array(figures.heavy), "heavy_tail", "ok"),
        "mean": figures.mean,
        "mean_raw": raw["mean"],
        "standard_error": pa.array(figures.standard_error, mask=np.isnan(figures.standard_error)),
        "standard_deviation": raw["standard_deviation"],
        **{quantile_name(q): quantiles[:, i] for i, q in enumerate(sampling.quantiles)},
        "expected_shortfall": raw["expected_shortfall"],
        "probability_of_loss": raw["probability_of_loss"],
        "expected_life": figures.expected_life,
        "closed_form": pa.array(figures.closed_form, mask=np.isnan(figures.closed_form)),
        "tab": figures.tab,
        "value": figures.value,
        "paths": figures.paths,
        "methods": rows.batch["methods"],
        "weights": rows.batch["weights"],
        "method_values": method_values,
        "filled": rows.filled.cast(pa.string()),
    }
    schema = asset_schema(sampling.quantiles)
    arrays = [pa.array(columns[field.name], field.type) for field in schema]
    described = pa.RecordBatch.from_arrays(arrays, schema=schema)
    return described.filter(pa.array(figures.status == 0)) if figures.status.any() else described


def closed_forms(vectors: Vectors, backend: Backend) -> tuple[Floats, Floats]:
    """(a,) E[V] and the analytic standard deviation of V, NaN where there is none, or the second moment is no number."""
    mean, variance = kernels(backend).closed_form(vectors)
    exact = vectors.exact
    known = exact & np.isfinite(variance) & (variance >= 0.0)
    return np.where(exact, mean, np.nan), np.sqrt(np.where(known, variance, np.nan))


def add_to_totals(totals: Totals, group: npt.NDArray[np.int32], first: Figures, best: Figures) -> None:
    """Adds what each asset that has a value contributes once to its group (a,): its value, the best known, and its quantiles on the `first` paths,
    on which the totals stand too, so that they compare."""
    good = first.status == 0
    quantiles = first.statistics[good, len(STATISTICS) :]
    totals.add(group[good], np.concatenate([best.value[good, None], quantiles], axis=1))


def describe_groups(totals: Totals, sampling: Sampling) -> pa.Table:
    """groups.parquet: the distribution of the sum on each path, for every group; with group columns the whole first, its columns null."""
    records: list[Mapping[str, object]] = []
    for key, count, sums, extras in totals.ordered():
        records.append({
            **dict(zip(totals.columns, key or (None,) * len(totals.columns), strict=True)),
            "assets": count,
            "value": extras[0],
            **describe_sums(sums, extras[EXTRA_COLUMNS:], sampling),
        })  # fmt: skip
    return pa.Table.from_pylist(list(records), group_schema(totals.columns, sampling.quantiles))


def describe_sums(sums: Words, alone: Floats, sampling: Sampling) -> dict[str, float | None]:
    """What groups.parquet says of one group's sums on each path, (p, 2) words; alone (q,): the sums of its assets' own quantiles."""
    names = [quantile_name(q) for q in sampling.quantiles]
    kernel = kernels(sampling.backend)
    on_paths = kernel.exact_as_float(sums)
    found = kernel.statistics(on_paths, sampling.quantiles, sampling.tail)
    mean, deviation, shortfall = found[:3]
    error = deviation / np.sqrt(np.float64(sampling.paths))
    if sampling.sampler == "sobol":
        error = standard_error(on_paths.reshape(1, -1, REPLICATES).sum(axis=1) / np.float64(sampling.paths // REPLICATES))[0]
    quantiles = found[len(STATISTICS) :]
    return {
        "mean": mean,
        "standard_error": error,
        "standard_deviation": deviation,
        **dict(zip(names, quantiles, strict=True)),
        "expected_shortfall": shortfall,
        **{f"sum_of_quantiles_{name}": value for name, value in zip(names, alone, strict=True)},
        **{f"diversification_{name}": together - value for name, together, value in zip(names, quantiles, alone, strict=True)},
        "diversification": (quantiles[0] - alone[0]) if len(names) else None,
    }


def group_schema(columns: Sequence[str], quantiles: Sequence[float]) -> pa.Schema:
    """The columns of groups.parquet."""
    names = [quantile_name(q) for q in quantiles]
    numbers = ["value", "mean", "standard_error", "standard_deviation", *names, "expected_shortfall"]
    numbers += [*(f"sum_of_quantiles_{name}" for name in names), *(f"diversification_{name}" for name in names), "diversification"]
    return pa.schema([*((name, pa.string()) for name in columns), ("assets", pa.int64()), *((name, pa.float64()) for name in numbers)])
