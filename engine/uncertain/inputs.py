"""The uncertain inputs of a batch of assets as the kernels take them.

a = assets of the batch, k = inputs (schema.UNCERTAIN), t = periods (ragged)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ipvalue.constants import INPUTS
from ipvalue.rows import Floats, Longs


@dataclass(frozen=True)
class Inputs:
    """The uncertain inputs of assets as the kernels take them, relative to what their vectors are made with.

    kind (a, k) uint8 of constants.DRAWN_…; numbers (a, k, 3); `count` of `values` from `start` (a, k) on: the quantiles; weights (a, k, k) lower
    triangles of the correlations of their normals; means (a, k); hash (a, k) uint64 whose words an input takes; blended (a,) uint8: whose discount
    rate is drawn, or whose multipliers depend on one another, so that there is no closed form. Of all that multiplies the level: mean, square,
    least, greatest (a,), and log_variance (a,), what log-normal inputs add to the variance of its log. discounting (9, offset[a]) of blended
    assets, None where there are none: what ext/simulate.h lists.
    """

    kind: npt.NDArray[np.uint8]
    numbers: Floats
    start: Longs
    count: Longs
    values: Floats
    weights: Floats
    means: Floats
    hash: npt.NDArray[np.uint64]
    blended: npt.NDArray[np.uint8]
    mean: Floats
    square: Floats
    least: Floats
    greatest: Floats
    log_variance: Floats
    discounting: Floats | None

    def take(self, assets: Longs, elements: Longs) -> Inputs:
        """Those of some assets (by their places), whose periods are the `elements`."""
        columns: dict[str, Any] = {name: getattr(self, name)[assets] for name in BY_ASSET}
        discounting = None if self.discounting is None else np.ascontiguousarray(self.discounting[:, elements])
        return Inputs(**columns, values=self.values, discounting=discounting)

    def paths_bytes(self) -> bytes:
        """What the draws follow from, but for the words."""
        quantiles = [self.values[s : s + n] for s, n in zip(self.start.reshape(-1).tolist(), self.count.reshape(-1).tolist(), strict=True) if n]
        arrays: list[npt.NDArray[Any]] = [self.kind, self.numbers, self.count, self.weights, self.hash, *quantiles]
        return b"".join(array.tobytes() for array in arrays)


BY_ASSET = tuple(field.name for field in fields(Inputs) if field.name not in ("values", "discounting"))
"""Fields of Inputs with an entry for each asset."""


def same_inputs(one: Inputs | None, two: Inputs | None) -> bool:
    """Whether all assets have the same draws."""
    if one is None or two is None:
        return one is two
    return one is two or one.paths_bytes() == two.paths_bytes()


def inputs_differ(one: Inputs | None, two: Inputs | None, hashes: npt.NDArray[np.uint64], offset: Longs) -> npt.NDArray[np.bool_]:
    """(a,) where two sets of inputs of the same assets, with hashes (a,) and periods by offset (a + 1), are not the same bit for bit."""
    n = len(hashes)
    differ = np.zeros(n, np.bool_)
    if one is None and two is None:
        return differ
    one, two = (without(n, hashes) if it is None else it for it in (one, two))
    for name in BY_ASSET:
        if name != "start":
            bits = [np.ascontiguousarray(getattr(it, name)).reshape(n, -1).view(np.uint8) for it in (one, two)]
            differ |= (bits[0] != bits[1]).any(axis=1)
    for a in np.flatnonzero(~differ & one.count.any(axis=1)):
        for here, there, count in zip(one.start[a].tolist(), two.start[a].tolist(), one.count[a].tolist(), strict=True):
            differ[a] |= one.values[here : here + count].tobytes() != two.values[there : there + count].tobytes()
    for a in np.flatnonzero(~differ & (one.blended != 0)):
        periods = slice(int(offset[a]), int(offset[a + 1]))
        assert one.discounting is not None
        assert two.discounting is not None
        differ[a] |= one.discounting[:, periods].tobytes() != two.discounting[:, periods].tobytes()
    return differ


def without(assets: int, hashes: npt.NDArray[np.uint64]) -> Inputs:
    """Of assets without any. hashes (a,)."""
    zero, one, none = np.zeros(assets), np.ones(assets), np.zeros((assets, INPUTS), np.int64)
    return Inputs(
        kind=np.zeros((assets, INPUTS), np.uint8),
        numbers=np.zeros((assets, INPUTS, 3)),
        start=none,
        count=none,
        values=np.zeros(1),
        weights=np.tile(np.eye(INPUTS), (assets, 1, 1)),
        means=np.zeros((assets, INPUTS)),
        hash=np.repeat(hashes[:, None], INPUTS, axis=1),
        blended=np.zeros(assets, np.uint8),
        mean=one,
        square=one,
        least=one,
        greatest=one,
        log_variance=zero,
        discounting=None,
    )


def join_inputs(parts: Sequence[Inputs | None], hashes: Sequence[npt.NDArray[np.uint64]], sizes: Sequence[int]) -> Inputs | None:
    """Those of several batches, one after the other, with hashes (a,) and so many periods each."""
    if all(one is None for one in parts):
        return None
    each = [without(len(of), of) if one is None else one for one, of in zip(parts, hashes, strict=True)]
    columns: dict[str, Any] = {name: np.concatenate([getattr(one, name) for one in each]) for name in BY_ASSET}
    first = np.cumsum([0, *(len(one.values) for one in each)])
    columns["start"] = np.concatenate([one.start + at for one, at in zip(each, first, strict=False)])
    discounting = None
    if any(one.discounting is not None for one in each):
        discounting = np.concatenate(
            [np.zeros((9, size)) if one.discounting is None else one.discounting for one, size in zip(each, sizes, strict=True)], axis=1
        )
    return Inputs(**columns, values=np.concatenate([one.values for one in each]), discounting=discounting)
