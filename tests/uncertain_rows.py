"""Rows of tests/portfolios.py with distributions on their uncertain inputs, all of which can be valued."""

from __future__ import annotations

import math
import random
from typing import Any

import portfolios
import pyarrow as pa

NAMES = ("royalty_rate", "margin", "revenue", "discount_premium")
KINDS = ("triangular", "pert", "uniform", "lognormal", "quantiles")
CORRELATIONS = ([0.5, 0.3, -0.2, 0.1, 0.0, 0.4], [0.0, 0.7, 0.0, -0.6, 0.0, 0.0], [0.0, 0.0, 0.5, 0.0, -0.5, 0.3], [0.9, 0.9, 0.9, 0.9, 0.9, 0.9])
FIELDS = [
    *((f"{name}_{what}", kind) for name in NAMES for what, kind in (("distribution", pa.string()), ("parameters", pa.list_(pa.float64())))),
    ("input_correlations", pa.list_(pa.float64())),
]


def around(draw: random.Random, kind: str, base: float, low: float, high: float) -> list[float]:
    """Parameters of draws from `low` to `high` about a base between them."""
    if kind == "lognormal":
        return [math.log(base), draw.choice([0.0, 0.1, 0.12])]
    if kind == "uniform":
        return [low, high]
    if kind == "quantiles":
        return sorted([low, *(low + (high - low) * draw.random() for _ in range(draw.randrange(6))), high])
    mode = draw.choice([low, base, base, base, high])
    return [low, mode, high] if draw.random() > 0.05 else [base, base, base]


def uncertain(row: dict[str, Any], draw: random.Random, correlated: float = 0.4) -> dict[str, Any]:
    """The row with distributions on some inputs, whether its method takes them or not."""
    row = {**row, **{name: None for name, _ in FIELDS}}
    method = row["method"] or "relief_from_royalty"
    charge = (row["contributory_charge"] or 0.0) if method in ("excess_earnings", "project") else 0.0
    for name in NAMES:
        base = row[name]
        if draw.random() < 0.35 or base is None:
            continue
        kind = draw.choice(KINDS)
        if name == "discount_premium":
            less = 0.004 if row["indefinite"] else 0.03
            low, high = base - less * draw.random(), base + 0.08 * draw.random()
            if kind == "lognormal":
                kind, base = ("uniform", base) if row["indefinite"] else (kind, max(base, 0.05))
        else:
            left = base - charge if name == "margin" else base
            if left <= 0.0:
                continue
            if name == "margin" and charge > 0.0 and kind == "lognormal":
                kind = "pert"
            taken = charge if name == "margin" else 0.0
            low, high = taken + left * draw.choice([0.0, 0.3, 0.8, 1.0]), taken + left * draw.choice([1.0, 1.4, 2.5])
        row[f"{name}_distribution"], row[f"{name}_parameters"] = kind, around(draw, kind, base, low, high)
        if name == "royalty_rate":
            row["royalty_low"] = row["royalty_high"] = None
        if draw.random() < 0.25 and not (row["indefinite"] and name == "discount_premium") and not (name == "margin" and charge > 0.0):
            row[name] = None
    if row["revenue"] is None and row["revenue_path"] is not None and row["revenue_distribution"] is None:
        row["revenue"] = 1.0
    if draw.random() < correlated:
        row["input_correlations"] = draw.choice(CORRELATIONS)
    return row


def portfolio(n: int, seed: int) -> pa.Table:
    """n rows over every method and feature."""
    draw, base = random.Random(seed), portfolios.random_methods(n, seed)
    rows = [uncertain(row, draw) for row in base.to_pylist()]
    return pa.Table.from_pylist(rows, pa.schema([*base.schema, *(pa.field(name, kind) for name, kind in FIELDS)]))
