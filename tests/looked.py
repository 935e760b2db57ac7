"""Looks at assets of every kind (docs/numerics.md section 19) for the kernels, and what they find read once more by NumPy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from versions import answer

from ipvalue.lending.looks import Looks

Array = Any
NODES = 64


def looks_of(start: Array, paths: int, rows: int, **columns: Any) -> Looks:
    """Looks with A = 1 and B = 0 into rows of zeros, with other columns."""
    k, a = int(start[-1]), len(start) - 1
    made: dict[str, Any] = {name: np.ones(k) for name in ("entered", "open", "weight")}
    made |= {
        "owed": np.zeros(k),
        "lasting": np.zeros(k, np.uint8),
        "floored": np.zeros(k, np.uint8),
        "slot": np.arange(k),
        "opens": np.zeros(k, np.uint8),
    }
    made |= {name: np.full(k, -1, np.int32) for name in ("curve_entered", "curve_open")}
    made |= {"cell_start": np.zeros(1, np.int64), "first_cell": np.zeros(0, np.int64), "slope": np.zeros(0), "level0": np.zeros(0)}
    made |= {"worth": np.full(a, -1), "share": np.ones(a), "worth_opens": np.zeros(a, np.uint8), "slots": np.zeros((rows, paths))}
    return Looks(start=np.asarray(start, np.int64), **(made | columns))


def random_looks(vectors: SimpleNamespace, seed: int, paths: int, curves: int = 6) -> Looks:
    """Up to five looks at each asset, also after its last period, all lasting or none, by lines or curves, into a few slots; values into two more."""
    random = np.random.default_rng(seed)
    n = len(vectors.hash)
    counts, life = random.integers(0, 6, n), np.diff(vectors.offset)
    start = np.concatenate([[0], np.cumsum(counts)])
    of, k = np.repeat(np.arange(n), counts), int(counts.sum())
    period = random.integers(0, life[of] + 3)
    period = period[np.lexsort((period, of))].astype(np.int32)
    cells = random.integers(1, 40, curves)

    def curve() -> Array:
        return np.where(random.random(k) < 0.4, random.integers(0, curves, k), -1).astype(np.int32)

    return looks_of(
        start,
        paths,
        7,
        period=period,
        entered=random.uniform(0.0, 5.0, k),
        open=random.uniform(0.0, 5.0, k),
        owed=random.uniform(0.0, 3.0, k) * (random.random(k) < 0.7),
        lasting=(random.random(n) < 0.3)[of].astype(np.uint8),
        slot=random.integers(0, 5, k),
        weight=random.uniform(0.1, 1.0, k),
        floored=(random.random(k) < 0.5).astype(np.uint8),
        curve_entered=curve(),
        curve_open=curve(),
        cell_start=np.concatenate([[0], np.cumsum(cells)]),
        first_cell=random.integers(-100, 60, curves),
        slope=random.uniform(-1.0, 5.0, int(cells.sum())),
        level0=random.uniform(-2.0, 2.0, int(cells.sum())),
        worth=np.where(random.random(n) < 0.5, random.integers(5, 7, n), -1),
        share=random.uniform(0.2, 1.0, n),
    )


def looked(kernel: Any, vectors: SimpleNamespace, looks: Looks, paths: int, single: bool, sobol: bool, **options: Any) -> dict[str, Any]:
    """All that a call gives, with the slots; those of `looks` stay as they are."""
    slots = looks.slots.copy()
    found = answer(kernel, vectors, paths, single, sobol, looks=replaced(looks, slots=slots), **options)
    return {**found, "slots": slots}


def replaced(looks: Looks, **columns: Any) -> Looks:
    return Looks(**(vars(looks) | columns))


def each_alone(looks: Looks, paths: int) -> Looks:
    """The same looks, each into a slot of its own, with nothing taken off and no curve: levels where the asset lives; and once more where the
    rival has entered, into as many slots after these."""
    k = len(looks.period)
    start, order = 2 * looks.start, np.repeat(np.arange(k), 2)
    twice = {name: getattr(looks, name)[order] for name in ("period", "lasting")}
    also = np.tile([0.0, 1.0], k)
    slot = order + k * also.astype(np.int64)
    return looks_of(start, paths, 2 * k, slot=slot, open=1.0 - also, **twice)


def read_again(looks: Looks, seen: Array, values: Array, single: bool) -> tuple[Array, Array]:
    """(s, p) what slots hold by the definition, in double, and what their roundings are measured by. seen: slots of `each_alone`; values (a, p)."""
    real: Any = np.float32 if single else np.float64
    mantissa, bias = np.finfo(real).nmant, np.finfo(real).maxexp - 1
    slots, size = looks.slots.copy(), np.abs(looks.slots)
    k = len(looks.period)

    def added(row: int, amount: Array) -> None:
        slots[row] += amount
        size[row] += np.abs(amount)

    for a in range(len(looks.worth)):
        for i in range(looks.start[a], looks.start[a + 1]):
            level, entered = np.maximum(seen[i], seen[k + i]), seen[k + i] == seen[i]
            number = (level.astype(real).view(f"i{real().itemsize}").astype(np.int64) >> (mantissa - 6)) - bias * NODES
            v = np.zeros_like(level)
            for curve, line, where in ((looks.curve_entered[i], looks.entered[i], entered), (looks.curve_open[i], looks.open[i], ~entered)):
                slope, from_ = real(line), real(-looks.owed[i])
                if curve >= 0:
                    first, last = looks.cell_start[curve], looks.cell_start[curve + 1] - 1
                    cell = np.clip(first + number - looks.first_cell[curve], first, last)
                    slope, from_ = looks.slope[cell].astype(real), looks.level0[cell].astype(real)
                v = np.where(where, np.float64(slope) * level + np.float64(from_), v)
                size[looks.slot[i]] += np.where(where & (level > 0.0), np.abs(slope) * level + np.abs(from_), 0.0)
            v = np.where(level > 0.0, v, 0.0)
            added(looks.slot[i], np.maximum(v, 0.0) if looks.floored[i] else looks.weight[i] * v)
        if looks.worth[a] >= 0:
            added(looks.worth[a], looks.share[a] * values[a])
    return slots, size
