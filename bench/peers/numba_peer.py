"""The reference workload in Numba by hand: the fastest peer we know how to write in Python.

It gives up what our kernels promise: fastmath, a generator whose state goes from asset to asset (so results depend on their order), sums that
depend on the block and the machine. What decided, in M path-years per CPU-second on an AMD EPYC with AVX-512 (Numba 0.68):

- the years written out, so that the loop over paths is the innermost and becomes one vector loop: 170 where something in it keeps LLVM from
  vectorising (a lowest and highest kept by `min` and `max`, arrays that might overlap), else 1,400;
- no 64-bit integer carried through the single-precision loop: 1,090 with one (half the lanes), 1,400 without, before statistics;
- polynomials in place (`own`, 1,400; double 700) against SVML's functions called by the vectoriser (`svml`, 500; double 250 to 300);
- quantiles by a histogram of 4,096 buckets: 1,100 with 1,024 buckets, 1,380 with 2,048, no more with 8,192.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np

from peers import numba_svml
from peers.numba_elementary import elementary
from peers.numba_kernel import asset_kernel, path_loop
from peers.numba_statistics import BUCKETS
from peers.peer import REAL, Precision, Row, draw_factors, inputs, make_row, wanted_ranks, worst
from workload import Assets

Functions = Literal["own", "svml"]

BLOCK = 400
"""Paths whose generators (four words each) fit the first cache; a multiple of 16 that divides the 10,000."""


@cache
def _compiled(precision: Precision, functions: Functions) -> Any:
    real = REAL[precision]
    library = numba_svml.functions(real) if functions == "svml" else None
    return asset_kernel(path_loop(elementary(real, library)), real)


class NumbaPeer:
    """Simulates assets one after another; compiled when it is made."""

    def __init__(self, assets: Assets, paths: int, seed: int = 1, precision: Precision = "single", functions: Functions = "own") -> None:
        real = REAL[precision]
        word = np.uint32 if precision == "single" else np.uint64
        bits = np.random.SFC64(seed)
        self.paths, self.count = paths, len(assets)
        self.inputs = given = inputs(assets, precision)
        self.vectors = np.stack([given.income, given.cost, given.survival], axis=1)  # (a,3,t)
        self.share, self.own = (np.asarray(x / np.log(2), real) for x in (given.factor_share, given.own_share))
        size = min(BLOCK, paths)
        blocks = -(-paths // size)
        drawn = draw_factors(np.random.Generator(bits), paths, precision)
        factors = np.zeros((*drawn.shape[:2], blocks * size), real)
        factors[:, :, :paths] = drawn
        self.factors = np.ascontiguousarray(factors.reshape(*drawn.shape[:2], blocks, size).transpose(0, 2, 1, 3))  # (s,block,t,p)
        self.state = bits.random_raw(4 * size * word().itemsize // 8).view(word).reshape(4, size)
        values, gathered = np.zeros(paths, real), np.zeros(paths + 1, real)
        self.scratch = (values, np.zeros(paths, np.uint16), np.zeros((2, BUCKETS), np.uint16), np.zeros(BUCKETS, np.uint8), gathered)
        self.ranks, self.tail = np.array(wanted_ranks(paths)), worst(paths)
        self.out = np.zeros(5 + len(self.ranks))
        self.kernel = _compiled(precision, functions)
        self.row(0)

    def row(self, asset: int) -> Row:
        """Simulates one asset and takes its statistics."""
        out = self.out
        factor = self.factors[self.inputs.sector[asset]]
        self.kernel(self.state, factor, self.vectors[asset], self.share[asset], self.own[asset], self.scratch, self.ranks, self.tail, out)
        mean, deviation, losses, life, tail_sum = out[:5].tolist()
        values = dict(zip(self.ranks.tolist(), out[5:].tolist()))
        return make_row(values.__getitem__, self.paths, mean, deviation, tail_sum, losses, life)

    def run(self, start: int = 0, stop: int | None = None) -> list[Row]:
        return [self.row(asset) for asset in range(start, self.count if stop is None else stop)]
