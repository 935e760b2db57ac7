"""From the vectors to the value: the closed form re-added by hand, the tax amortisation benefit, the premise (model.md §6, §7)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ipvalue.backend import kernels
from ipvalue.cashflows import Vectors
from ipvalue.evidence.arithmetic import Floats, must_agree, must_equal, powers
from ipvalue.evidence.right import Right, discounting
from ipvalue.schema import RunError
from ipvalue.tables import Tables
from ipvalue.verify import same_number


def closed_form(vectors: Vectors, tables: Tables) -> tuple[dict[str, Any], dict[str, Floats]]:
    """E[V] = Σ S_t·(w_t·E[m]·(C_t + (1 − C_t)(1 − entry_loss)) − f_t), added term by term; its figures, and its columns of the period table.

    Raises RunError where the sum is not the kernel's, to the bit.
    """
    linear = vectors.linear()
    low, high, kept = float(vectors.royalty_low[0]), float(vectors.royalty_high[0]), 1.0 - float(vectors.entry_loss[0])
    royalty = (low + 1.0 + high) / 3.0
    if linear.inputs is not None:
        royalty *= float(linear.inputs.mean[0])
    shares, terms, sums = ([0.0] * len(linear.w) for _ in range(3))
    total = 0.0
    columns = (linear.w.tolist(), linear.f.tolist(), linear.survival.tolist(), linear.rival.tolist())
    for t, (w, f, s, c) in enumerate(zip(*columns, strict=True)):
        if s <= 0.0:
            sums[t:] = [total] * (len(sums) - t)
            break
        shares[t] = c + (1.0 - c) * kept
        terms[t] = s * (royalty * w * shares[t] - f)
        total += terms[t]
        sums[t] = total
    engine = float(kernels(tables.backend).closed_form(linear)[0][0])
    if not same_number(total, engine):
        raise RunError(f"closed form: the terms add up to {total!r}, and the kernel has {engine!r}: no evidence is written; please report it")
    exact = bool(vectors.exact[0])
    figures = {"expected_royalty_multiplier": royalty, "sum_of_terms": total, "kernel": engine, "is_the_expected_value": exact}
    return figures, {"rival_share": np.array(shares), "expected_cash": np.array(terms), "running_sum": np.array(sums)}


def tax_benefit(right: Right) -> dict[str, Any]:
    """The factor of the tax amortisation benefit, with the discount factor of each year. Raises RunError where it is not the engine's."""
    years = int(right["tab_years"])
    times = np.arange(1.0, years + 1) - (0.5 if right.tables.mid_period else 0.0)
    factors = discounting(right, times)[2] if years else np.zeros(0)
    total = 0.0
    for factor in factors.tolist():
        total += factor
    made = 1.0 / (1.0 - right["tax_rate"] / years * total) if years else 1.0
    must_agree("TAB factor", np.array([made]), right.vectors.tab_factor)
    return {
        "years": years,
        "tax_rate": right["tax_rate"],
        "times": times.tolist(),
        "discount_factors": factors.tolist(),
        "sum_of_discount_factors": total,
        "factor": float(right.vectors.tab_factor[0]),
    }


def premise(vectors: Vectors, right: Right, name: str) -> dict[str, Any]:
    """The factor of the premise of value. Raises RunError where it is not the engine's."""
    discount, years = right["premise_discount"], right["time_to_sell"]
    spot, _, _ = discounting(right, np.array([years]))
    factor = float(powers(1.0 + spot + right["discount_premium"], np.array([-years]), right.tables.backend)[0])
    must_agree("premise", np.array([(1.0 - discount) * factor]), vectors.premise_factor)
    return {"name": name, "discount": discount, "time_to_sell": years, "discount_factor": factor, "factor": float(vectors.premise_factor[0])}


def steps_to_value(mean: float, vectors: Vectors) -> dict[str, Any]:
    """mean → with the tax benefit → under the premise, by one method."""
    gross = mean * float(vectors.tab_factor[0]) if mean > 0.0 else mean
    return {"mean": mean, "with_tax_benefit": gross, "tab": gross - mean, "value": gross * float(vectors.premise_factor[0])}


def value_of_one(row: dict[str, Any], vectors: Vectors) -> dict[str, Any]:
    """One method: from the row's mean to its tab and value, to the bit. Raises RunError where they are others."""
    steps = steps_to_value(row["mean"], vectors)
    for name in ("tab", "value"):
        must_equal(name, steps[name], row[name])
    return steps


def weighted_value(row: dict[str, Any]) -> dict[str, Any]:
    """Several methods: the row's value as the weighted sum of the methods' own, to the bit. Raises RunError where it is another."""
    total = 0.0
    for weight, value in zip(row["weights"], row["method_values"], strict=True):
        total += weight * value
    must_equal("value", total, row["value"])
    parts = [{"method": name, "weight": w, "value": v} for name, w, v in zip(row["methods"], row["weights"], row["method_values"], strict=True)]
    return {"methods": parts, "value": total}
