"""The reference workload in JAX on the CPU: one compiled function an asset, the years written out in it, normals by `jax.random`.

Threefry, JAX's default, is the fastest of its generators on the CPU: 100,000 normals take 0.6 ms, by `rbg` and `unsafe_rbg` 2.7. Sorting stays with
NumPy: XLA's sort on the CPU takes longer than the simulation.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

from peers.peer import Precision, Row, draw_factors, inputs, row_of_sorted
from workload import YEARS, Assets


@partial(jax.jit, static_argnames="paths")
def simulate(key: Any, factor: Any, income: Any, cost: Any, survival: Any, share: Any, own: Any, paths: int) -> Any:
    """The next key, values (p,), mean, standard deviation, losses and path-years lived of one asset; factor (t,p)."""
    key, for_lapse, for_normals = jax.random.split(key, 3)
    lapse = jax.random.uniform(for_lapse, (paths,), dtype=factor.dtype)
    normals = jax.random.normal(for_normals, (YEARS, paths), dtype=factor.dtype)
    level, value, life = jnp.zeros_like(lapse), jnp.zeros_like(lapse), 0
    for year in range(YEARS):
        level = level + own * normals[year]
        alive = lapse < survival[year]
        cash = income[year] * jnp.exp(level + share * factor[year]) - cost[year]
        value = value + jnp.where(alive, cash, 0)
        life = life + jnp.count_nonzero(alive)
    return key, value, value.mean(), value.std(ddof=1), jnp.count_nonzero(value < 0), life


class JaxPeer:
    """Simulates assets one after another; compiled when it is made."""

    def __init__(self, assets: Assets, paths: int, seed: int = 1, precision: Precision = "single") -> None:
        jax.config.update("jax_enable_x64", precision == "double")
        self.double = precision == "double"
        self.paths, self.inputs = paths, inputs(assets, precision)
        factors = draw_factors(np.random.default_rng(seed), paths, precision)
        self.factors = [jnp.asarray(factor) for factor in factors]
        self.key = jax.random.key(seed)
        self.row(0)

    def row(self, asset: int) -> Row:
        """Simulates one asset and takes its statistics."""
        given = self.inputs
        vectors = given.income[asset], given.cost[asset], given.survival[asset], given.factor_share[asset], given.own_share[asset]
        self.key, value, mean, deviation, losses, life = simulate(self.key, self.factors[given.sector[asset]], *vectors, self.paths)
        return row_of_sorted(np.sort(np.asarray(value)), float(mean), float(deviation), int(losses), int(life))

    def run(self, start: int = 0, stop: int | None = None) -> list[Row]:
        with jax.enable_x64(self.double):
            return [self.row(asset) for asset in range(start, len(self.inputs) if stop is None else stop)]
