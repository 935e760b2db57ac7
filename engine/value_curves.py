"""What is expected after a period as a function of the level: lines on cells that a level's bits find. docs/numerics.md §19, "Collateral".

a = assets, k = periods asked for, each of an asset, c = curves, n = cells of all curves
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


class ValueCurves(NamedTuple):
    """Curve i has cells cell_start[i] … cell_start[i + 1] − 1. A level L is in cell number − first_cell[i], limited to these, where `number` is its
    exponent times 2^CURVE_BITS plus the first CURVE_BITS bits of its mantissa: 0 for 1 ≤ L < 1 + 2^-CURVE_BITS. What is expected is slope·L + level0
    there, in money of the period's end. The first cell is the line down to L = 0, the last goes on above.

    entered, open (k,): the curves after each period asked for where the rival has entered and where it has not; −1 where nothing is expected.
    """

    cell_start: Longs
    first_cell: Longs
    slope: Floats
    level0: Floats
    entered: Ints
    open: Ints

    @property
    def cell(self) -> Longs:
        """(k,) where the cells of `open` start; those of `entered`, where it is another, follow."""
        return self.cell_start[np.maximum(self.open, 0)]


def check_asked(start: Longs, period: Ints, assets: int) -> None:
    """ValueError unless the periods period[start[a]] … period[start[a + 1] − 1] of each asset ascend from 0 on."""
    if len(start) != assets + 1 or start[0] != 0 or start[-1] != len(period) or (np.diff(start) < 0).any():
        raise ValueError(f"the starts of {len(period)} periods of {assets} assets must rise from 0 to {len(period)}")
    place = (np.repeat(np.arange(assets), np.diff(start)) << 32) + period
    if (period < 0).any() or (np.diff(place) <= 0).any():
        raise ValueError("the periods asked for must ascend within an asset, from 0 on")


def laid(start: Longs, enters: npt.NDArray[np.uint8] | None, first_cell: Longs, cells: Longs) -> ValueCurves:
    """Room for the curves of periods asked for (k,) whose first cells and numbers of cells are these; one curve serves both states of an asset whose
    rival never enters."""
    states = np.ones(len(cells), np.int64) if enters is None else 1 + (np.repeat(enters[: len(start) - 1], np.diff(start)) != 0)
    states *= cells > 0
    stop = np.cumsum(states)
    cell_start = np.concatenate([[0], np.cumsum(np.repeat(cells, states))]).astype(np.int64)
    known = states > 0
    entered, unentered = (np.where(known, of, -1).astype(np.int32) for of in (stop - 1, stop - states))
    room = np.empty(cell_start[-1])
    return ValueCurves(cell_start, np.repeat(first_cell, states), room, room.copy(), entered, unentered)
