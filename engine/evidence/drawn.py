"""The uncertain inputs of one right by one method: what each is drawn from, and its expected multiplier in numbers (docs/numerics.md §17)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ipvalue.cashflows import Vectors
from ipvalue.constants import INPUT_PREMIUM, INPUT_REVENUE
from ipvalue.distributions import Distributions
from ipvalue.evidence.arithmetic import must_agree, must_equal
from ipvalue.rows import Rows
from ipvalue.schema import UNCERTAIN


def drawn_inputs(rows: Rows, method: str, vectors: Vectors) -> dict[str, Any] | None:
    """The inputs that the income depends on, None where there are none. Raises RunError where an expected multiplier is not the engine's."""
    inputs = vectors.inputs
    if inputs is None or not inputs.kind[0].any():
        return None
    found, product = [], 1.0
    for i, name in enumerate(UNCERTAIN):
        if not inputs.kind[0, i]:
            continue
        mean = float(Distributions.of(rows.batch, name).moments()[0][0])
        base, off = _base(rows, method, i)
        one: dict[str, Any] = {
            "input": name,
            "distribution": rows.batch[f"{name}_distribution"][0].as_py(),
            "parameters": rows.batch[f"{name}_parameters"][0].as_py(),
            "base": base,
            "mean": mean,
        }
        relative = mean - base if i == INPUT_PREMIUM else (mean - off) / (base - off)
        must_agree(f"mean of {name}", np.array([relative]), inputs.means[:1, i])
        if i == INPUT_PREMIUM:
            one["expected_difference"] = relative
        else:
            one |= {"taken_off": off, "expected_multiplier": relative}
            product *= relative
        found.append(one)
    must_equal("expected multiplier", product, float(inputs.mean[0]))
    correlations = rows.batch["input_correlations"][0].as_py()
    return {"inputs": found, "correlations": correlations, "expected_multiplier": product, "no_closed_form": bool(inputs.blended[0])}


def _base(rows: Rows, method: str, i: int) -> tuple[float, float]:
    """What the draws of an input are relative to, and what is taken off both."""
    value = float(rows.floats(UNCERTAIN[i])[0])
    if i == INPUT_REVENUE and np.isnan(value):
        value = float(rows.batch["revenue_path"][0].as_py()[0])
    charged = UNCERTAIN[i] == "margin" and method != "incremental_income"
    return value, float(rows.floats("contributory_charge")[0]) if charged else 0.0
