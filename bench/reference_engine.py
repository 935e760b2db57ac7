"""Our kernels on the reference workload, as a function to be timed."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from ipvalue.backend import Backend, kernels
from workload import QUANTILES, SECTORS, TAIL, YEARS, Assets, correlation


def engine_reference(assets: Assets, paths: int, backend: Backend = "native", single: bool = True) -> Callable[[], np.ndarray]:
    """Our kernels on the same assets: a function that simulates them all and returns (a, 5 + q) statistics.

    What NumPy gets ready-made (present-value vectors, the factors' loadings) our kernel gets too; drawing the factors
    is inside our time and outside NumPy's.
    """
    kernel = kernels(backend)
    count = len(assets)
    flat = lambda vectors: np.ascontiguousarray(vectors, dtype=np.float64).reshape(-1)  # noqa: E731
    ids = "".join(assets.asset_id).encode()
    ends = np.cumsum([0, *map(len, assets.asset_id)]).astype(np.int32)
    names = "".join(SECTORS).encode()
    name_ends = np.cumsum([0, *map(len, SECTORS)]).astype(np.int32)
    off = np.zeros(count, np.uint8)
    vectors = SimpleNamespace(
        offset=np.arange(count + 1, dtype=np.int64) * YEARS,
        w=flat(assets.income),
        f=flat(assets.cost),
        survival=flat(assets.survival),
        rival=np.ones(count * YEARS),
        salvage=np.zeros(count * YEARS),
        low=None,
        high=None,
        bound_out=None,
        bound_in=None,
        hash=kernel.hash_strings(np.frombuffer(ids, np.uint8), ends),
        volatility=assets.volatility,
        loading=assets.factor_loading,
        uncertainty=np.zeros(count),
        entry_loss=np.zeros(count),
        royalty_low=np.ones(count),
        royalty_high=np.ones(count),
        step=np.ones(count),
        last_delta=np.ones(count),
        factor=assets.sector.astype(np.int32),
        optional=off,
        clamped=off,
        enters=off,
    )
    factors = SimpleNamespace(
        matrix=kernel.cholesky(correlation()),
        hashes=kernel.hash_strings(np.frombuffer(names, np.uint8), name_ends),
    )

    def run() -> np.ndarray:
        table, _, _ = kernel.simulate(
            vectors,
            factors,
            seed=1,
            paths=paths,
            single=single,
            quantiles=QUANTILES,
            tail=TAIL,
            table_bytes=64 << 20,
        )
        return np.asarray(table)

    return run
