"""All that a bundle says of one right, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ipvalue.appraise import Appraiser
from ipvalue.evidence.closing import value_of_one, weighted_value
from ipvalue.evidence.estimate import estimates
from ipvalue.evidence.explain import Explained, explained
from ipvalue.evidence.origins import inputs_of, market_of_right, tables_of
from ipvalue.evidence.right import Columns
from ipvalue.evidence.standards import standards_for
from ipvalue.inputs import Inputs
from ipvalue.intake import hash_ids
from ipvalue.schema import RunError
from ipvalue.verify import Derived, Verified, same_number

_SIMULATED = (
    "income is bounded, or the owner may give the right up, or a rule earns it, or its discount rate is drawn, or its draws are correlated: "
    "the mean is simulated"
)
_WHOLE = ("period", "year")
_FLAGS = ("sells", "decides")


def content_of(manifest: Mapping[str, Any], inputs: Inputs, made: Derived, verified: Verified, part: str) -> tuple[dict[str, Any], pa.Table]:
    """The bundle of one right as JSON can hold it, and its period table. Raises RunError where an explanation is not what the engine used."""
    assert made.assets is not None
    appraiser = inputs.run.appraiser
    row: dict[str, Any] = made.assets.to_pylist()[0]
    methods = explained(made.rows, appraiser.tables)
    several = row["methods"] is not None
    closed = _closed_form(row, methods)
    kind = made.rows.batch["right_type"][0].as_py()
    of_row, of_methods = _means(methods, appraiser, row)
    benefit = any(one.figures.get("tax_benefit", {}).get("years") for one in methods)
    content = {
        "asset_id": row["asset_id"],
        "right_type": kind,
        "currency": inputs.market.currency,
        "valuation_date": inputs.market.valuation_date.isoformat(),
        "row": {"file": made.file, "number": made.row},
        "result": row,
        "inputs": inputs_of(made, inputs.assumptions, inputs.market, appraiser.extra),
        "market": market_of_right(made, inputs.market),
        "assumptions": tables_of(made, inputs.assumptions, appraiser.tables.premise),
        "methods": [{**_method(one), **mean} for one, mean in zip(methods, of_methods, strict=True)],
        "closed_form": closed,
        **of_row,
        "value": weighted_value(row) if several else value_of_one(row, methods[0].vectors),
        "simulation": _simulation(inputs, row, made, closed),
        "standards": standards_for(kind, [one.method for one in methods], benefit, appraiser.tables.premise, several),
        "verification": {"checked": dict(verified.checked), "kernels": verified.kernels, "equal_to_the_bit": verified.ok},
        "versions": {"ipvalue": manifest["ipvalue"], "numerics_version": manifest["numerics_version"]},
        "hashes": _hashes(manifest, part),
        **appraiser.rule_terms(),
    }
    return content, _table(methods)


def _means(methods: list[Explained], appraiser: Appraiser, row: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Under sobol, the entries that say how the row's mean arises, and by each method where there are several; else none: it is the average of
    the paths."""
    if appraiser.sampling.sampler != "sobol":
        return {}, [{} for _ in methods]
    whole, by_method = estimates(methods, appraiser, row)
    return {"estimate": whole}, [{"estimate": one} for one in by_method] or [{} for _ in methods]


def _method(one: Explained) -> dict[str, Any]:
    rate = {"formula": one.rate.formula, "numbers": one.rate.numbers, "value": one.rate.value}
    columns = {name: _plain(name, values) for name, values in one.periods.items()}
    return {"method": one.method, "weight": one.weight, "rate": rate, **one.figures, "due": one.due, "periods": columns}


def _plain(name: str, values: Any) -> list[Any]:
    """A column as JSON can hold it: whole numbers, flags, and null where there is no finite number."""
    if name in _WHOLE or name in _FLAGS:
        return [bool(value) if name in _FLAGS else int(value) for value in values.tolist()]
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _closed_form(row: dict[str, Any], methods: list[Explained]) -> dict[str, Any]:
    """The row's closed form as its methods' own, weighted; where there is none, why. Raises RunError where it is another."""
    parts = [one.figures["closed_form"] for one in methods]
    if not all(part["is_the_expected_value"] for part in parts):
        if row["closed_form"] is not None:
            raise RunError(
                "closed form: the row has one, and its income is bounded, optional, a rule's or discounted at a drawn rate: "
                "no evidence is written; please report it"
            )
        return {"value": None, "why": _SIMULATED}
    total = parts[0]["sum_of_terms"]
    if row["methods"] is not None:
        total = 0.0
        for one, part in zip(methods, parts, strict=True):
            total += one.weight * part["sum_of_terms"]
    if not same_number(total, row["closed_form"]):
        raise RunError(
            f"closed form: the terms add up to {total!r}, and the row has {row['closed_form']!r}: no evidence is written; please report it"
        )
    return {"value": total, "why": "the terms of the period table, added up"}


def _simulation(inputs: Inputs, row: dict[str, Any], made: Derived, closed: dict[str, Any]) -> dict[str, Any]:
    """How the distribution was drawn, and how far the average of the paths is from the closed form."""
    job = inputs.run.job
    found = {name: getattr(job, name) for name in ("seed", "sampler", "precision", "tail", "tolerance")}
    found |= {"paths": row["paths"], "quantiles": list(job.sampling.quantiles), "hash_of_asset_id": f"{hash_ids(made.given['asset_id'])[0]:016x}"}
    error = row["standard_deviation"] / math.sqrt(row["paths"])
    if closed["value"] is not None and error > 0.0:
        found["mean_raw_minus_closed_form_in_standard_errors"] = (row["mean_raw"] - closed["value"]) / error
    return found


def _hashes(manifest: Mapping[str, Any], part: str) -> dict[str, Any]:
    recorded = manifest["inputs"]
    listed = {file["name"]: file["sha256"] for file in manifest["files"]}
    return {
        "fingerprint": manifest["fingerprint"],
        "portfolio": [{"file": file["file"], "rows": file["rows"], "sha256": file["sha256"]} for file in recorded["portfolio"]],
        "market": recorded["market"]["sha256"],
        "assumptions": recorded["assumptions"]["sha256"],
        "results": {name: listed[name] for name in (part, "groups.parquet", "totals.arrow", "rejects.parquet")},
    }


def _table(methods: list[Explained]) -> pa.Table:
    """All period tables, one method after the other."""
    tables = [pa.table({"method": [one.method] * len(one.periods["period"]), **_arrays(one.periods)}) for one in methods]
    return pa.concat_tables(tables, promote_options="default")


def _arrays(columns: Columns) -> dict[str, pa.Array]:
    return {name: pa.array(_plain(name, values), _type(name)) for name, values in columns.items()}


def _type(name: str) -> pa.DataType:
    return pa.int64() if name in _WHOLE else pa.bool_() if name in _FLAGS else pa.float64()
