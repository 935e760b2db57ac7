"""The reference workload in PyTorch on the CPU, one thread, eager: blocked by asset, in place, tensors made once.

`normal_` draws into a tensor that is there (its kernel is vectorised Box-Muller). Values are sorted by NumPy in place, which shares the memory: 16 µs
for 10,000 singles, where `torch.sort` takes 500; `quantile` sorts for itself and `kthvalue` finds one rank a call.
"""

from __future__ import annotations

import numpy as np
import torch

from peers.peer import Precision, Row, draw_factors, inputs, row_of_sorted
from workload import YEARS, Assets

REAL = {"single": torch.float32, "double": torch.float64}


class TorchPeer:
    """Simulates assets one after another."""

    def __init__(self, assets: Assets, paths: int, seed: int = 1, precision: Precision = "single") -> None:
        torch.set_num_threads(1)
        torch.set_grad_enabled(False)
        self.paths, self.inputs = paths, inputs(assets, precision)
        self.generator = torch.Generator().manual_seed(seed)
        self.factors = torch.from_numpy(draw_factors(np.random.default_rng(seed), paths, precision))  # (s,t,p)
        self.value, self.lapse = (torch.empty(paths, dtype=REAL[precision]) for _ in range(2))
        self.level, self.cash = (torch.empty(YEARS, paths, dtype=REAL[precision]) for _ in range(2))

    def row(self, asset: int) -> Row:
        """Simulates one asset and takes its statistics."""
        given, level, cash, value = self.inputs, self.level, self.cash, self.value
        factor = self.factors[int(given.sector[asset])]
        share, own = float(given.factor_share[asset]), float(given.own_share[asset])
        income, cost, survival = (torch.from_numpy(vector[asset, :, None]) for vector in (given.income, given.cost, given.survival))
        self.lapse.uniform_(generator=self.generator)
        level.normal_(0.0, own, generator=self.generator)
        for year in range(1, YEARS):
            level[year].add_(level[year - 1])
        torch.add(level, factor, alpha=share, out=cash)
        cash.exp_().mul_(income).sub_(cost)
        alive = self.lapse < survival
        torch.sum(cash.mul_(alive), dim=0, out=value)
        deviation, mean = torch.std_mean(value)
        losses, life = int(torch.count_nonzero(value < 0)), int(torch.count_nonzero(alive))
        ordered = value.numpy()
        ordered.sort()
        return row_of_sorted(ordered, mean.item(), deviation.item(), losses, life)

    def run(self, start: int = 0, stop: int | None = None) -> list[Row]:
        return [self.row(asset) for asset in range(start, len(self.inputs) if stop is None else stop)]
