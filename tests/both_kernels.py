"""Assets of a kernel's call, written by hand, and the answers of two kernels compared bit for bit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def same_bits(a: Any, b: Any, what: str) -> None:
    """Equal types, shapes and bits; of a number that is none only that it is none."""
    if isinstance(a, dict):
        assert list(a) == list(b), what
        for name in a:
            same_bits(a[name], b[name], f"{what}: {name}")
    elif isinstance(a, tuple):
        assert len(a) == len(b), what
        for i, (one, other) in enumerate(zip(a, b, strict=True)):
            same_bits(one, other, f"{what}: {i}")
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), what
        one, other = (np.ascontiguousarray(x).reshape(-1) for x in (a, b))
        differs = one.view(f"u{one.itemsize}") != other.view(f"u{one.itemsize}")
        if one.dtype.kind == "f":
            differs &= ~(np.isnan(one) & np.isnan(other))
        first = np.flatnonzero(differs)[:3]
        assert not differs.any(), f"{what}: {differs.sum()} of {len(one)} differ, as {one[first]} and {other[first]} at {first}"
    else:
        assert a == b, what


def batch(offset: list[int], **columns: Any) -> SimpleNamespace:
    """Assets with a volatility of 0.3 on one factor, that live for sure and earn 1 a period, with other columns."""
    a, t = len(offset) - 1, offset[-1]
    numbers = {"volatility": 0.3, "loading": 0.5, "uncertainty": 0.0, "entry_loss": 0.0, "royalty_low": 1.0, "royalty_high": 1.0, "step": 1.0}
    vectors = {"w": 1.0, "f": 0.0, "survival": 1.0, "rival": 1.0, "salvage": 0.0}
    made: dict[str, Any] = {name: np.full(a, x) for name, x in {**numbers, "last_delta": 0.5}.items()}
    made |= {name: np.full(t, x) for name, x in vectors.items()}
    made |= {name: np.zeros(a, np.uint8) for name in ("optional", "clamped", "enters")}
    made |= {"low": None, "high": None, "bound_out": None, "bound_in": None}
    made |= {"offset": np.array(offset, np.int64), "hash": np.arange(a, dtype=np.uint64) << np.uint64(33), "factor": np.zeros(a, np.int32)}
    return SimpleNamespace(**{**made, **columns})


FACTOR = SimpleNamespace(matrix=np.array([[1.0, 0.0], [0.6, 0.8]]), hashes=np.array([7, 2**63 + 5], np.uint64))


def simulated(kernel: Any, vectors: SimpleNamespace, paths: int, single: bool, **options: Any) -> Any:
    asked: dict[str, Any] = {"seed": 2**63 + 1, "quantiles": (0.1, 0.5), "tail": 0.05, "keep": True, **options}
    with np.errstate(all="ignore"):
        return kernel.simulate(vectors, FACTOR, paths=paths, single=single, **asked)
