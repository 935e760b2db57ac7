"""A batch of vectors → statistics of its path values, added to the exact totals; picks the back end.

a = assets, p = paths, q = quantiles, s = factors
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ipvalue.backend import DEFAULT, Backend, kernels
from ipvalue.backend import kernel as any_kernel
from ipvalue.cashflows import Vectors
from ipvalue.constants import FACTOR_TABLE_BYTES, MONEY_LIMIT, RANGE_PATHS, REPLICATES
from ipvalue.market import Market
from ipvalue.ranges import TOO_LARGE, Ranges
from ipvalue.sobol import plan
from ipvalue.totals import Totals

Precision = Literal["single", "double"]
Sampler = Literal["random", "sobol"]
Made = Literal["all", "moments", "lots"]
"""Which statistics: all; those that need no order (docs/numerics.md §16); or those by batch means (§20), which ipvalue.lots makes."""
Reals = npt.NDArray[np.float32] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Factors:
    """The factors that all assets share: `matrix` (s, s) lower triangle of their correlation, `hashes` (s,) of their names, in the market's order;
    `steps_per_year` of the market, after which the sampler sobol bridges them."""

    matrix: npt.NDArray[np.float64]
    hashes: npt.NDArray[np.uint64]
    steps_per_year: int = 1


def make_factors(market: Market) -> Factors:
    """The market's factors for the kernel (docs/numerics.md §4)."""
    names = [name.encode() for name in market.factor_order]
    offsets = np.cumsum([0, *map(len, names)]).astype(np.int32)
    hashes = any_kernel.hash_strings(np.frombuffer(b"".join(names), np.uint8), offsets)
    return Factors(market.cholesky(), hashes, market.steps_per_year)


@dataclass(frozen=True)
class Tolerance:
    """An asset's paths double while its standard error is above `of_mean` times its mean (docs/numerics.md §14), to at most `max_paths`, which are
    `paths` times a power of two."""

    of_mean: float
    max_paths: int


@dataclass(frozen=True)
class Sampling:
    """How paths are drawn and described; `paths` of every asset where there is no tolerance. threads: among which a task shares an asset's paths
    where they are very many, whatever the bits. redrawn: bits 1 << constants.STREAM_* of what is drawn anew (docs/numerics.md §18)."""

    paths: int
    seed: int
    precision: Precision
    quantiles: tuple[float, ...]
    tail: float
    backend: Backend = DEFAULT
    sampler: Sampler = "random"
    tolerance: Tolerance | None = None
    threads: int = 1
    redrawn: int = 0


@dataclass(frozen=True)
class Simulated:
    """statistics (a, 5 + q): constants.STATISTICS, then the quantiles; status (a,) int8: 0, or why a row has no value; values (a, p) or None;
    sums (2, a, 16) of G and K by replicate (docs/numerics.md §14), None where paths are random. paired (a, 2), where asked for: mean and standard
    deviation of each version's difference to the first of its neighbours that are versions of one asset (§16)."""

    statistics: npt.NDArray[np.float64]
    status: npt.NDArray[np.int8]
    values: Reals | None
    sums: npt.NDArray[np.float64] | None = None
    paired: npt.NDArray[np.float64] | None = None


def simulate(
    vectors: Vectors,
    factors: Factors,
    sampling: Sampling,
    group: npt.NDArray[np.int32] | None,
    totals: Totals | None,
    *,
    keep_paths: bool = False,
    made: Literal["all", "moments"] = "all",
    paired: bool = False,
    looks: Any = None,
) -> Simulated:
    """Simulates every asset; `totals`, where given, takes its path values into its `group` (a,). Raises kernel.Stopped when asked to stop.

    Neighbours that are versions of one asset cost little more than one where they follow each other. made = "moments": statistics (a, 5) without
    quantiles, expected_shortfall and probability_of_loss no numbers. looks: ipvalue.lending.looks.Looks at the assets, whose slots are added to
    (docs/numerics.md §19)."""
    kernel = kernels(sampling.backend)
    sums, beyond = None, np.zeros(len(vectors.hash), np.bool_)
    more: dict[str, Any] = {}
    if sampling.sampler == "sobol":
        # the mean is the closed form, or is controlled by it
        beyond = ~(np.abs(kernel.closed_form(vectors.linear())[0]) < MONEY_LIMIT)
        group = None if group is None else np.where(beyond, np.int32(-1), group)
        sums = np.zeros((2, len(beyond), REPLICATES))
        more = {"sobol": plan(sampling.seed, sampling.paths, factors.steps_per_year)}
    single = sampling.precision == "single"
    moments = made == "moments"
    quantiles = () if moments else sampling.quantiles
    call = partial(
        kernel.simulate,
        factors=factors,
        seed=sampling.seed,
        single=single,
        quantiles=quantiles,
        tail=sampling.tail,
        redrawn=sampling.redrawn,
        **more,
    )
    differences = np.zeros((len(beyond), 2)) if paired else None
    adds_to: dict[str, Any] = {"group": group, "totals": None if totals is None else totals.sums, "sums": sums, "keep": keep_paths}
    adds_to |= {"moments": moments, "paired": differences, "looks": looks}
    if sampling.paths > RANGE_PATHS and (sums is not None or sampling.threads > 1):
        ranges = Ranges(kernel, call, np.float32 if single else np.float64, sampling.paths, quantiles, sampling.tail, sampling.threads)
        statistics, status, values = ranges.simulate(vectors, **adds_to)
    else:
        statistics, status, values = call(v=vectors, paths=sampling.paths, table_bytes=FACTOR_TABLE_BYTES, **adds_to)
    status[beyond & (status == 0)] = TOO_LARGE
    return Simulated(statistics, status, values, sums, differences)
