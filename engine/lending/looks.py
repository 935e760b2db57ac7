"""What the kernels are asked about pledged assets: what they are worth after some of their periods, path by path. docs/numerics.md §19, "Collateral".

a = assets of a call, k = looks, c = value curves, s = slots, f = factors of the market, y = years, p = paths
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.uint8]

_OF_LOOKS = ("period", "entered", "open", "owed", "lasting", "slot", "opens", "weight", "floored", "curve_entered", "curve_open")


@dataclass(frozen=True)
class Looks:
    """Looks at the assets of one call of the kernels, each asset's in the order of their periods.

    A look adds weight·double(v), or max(double(v), 0) where it is floored, to a slot; v = fma(A, L, −B) in the run's precision with the level L of
    its period, 0 where the asset does not live then. Slots are added to in the order of the assets. ValueError where arrays do not fit together.

    start (a + 1) looks of each asset; period (k) from 0: after which; entered, open (k) A where the rival has entered and where it has not; owed (k)
    B; lasting (k) 1: alive whatever its survival, its level rising on past its own periods (cost and market), and so are all looks
    at the asset, or none; slot (k) row of `slots`; weight (k); floored (k) 1: in place of a weight.
    curve_entered, curve_open (k) value curves that stand in place of A and B, −1: none. Cells of curve i are cell_start[i] … cell_start[i + 1] − 1,
    in each v = fma(slope, L, level0). Number 64k + i is the level 2^k·(1 + i/64): the first cell begins with number first_cell[i] and takes all
    levels below it, the last one those above.
    opens (k) 1 of a look at the first asset that adds to its slot: this is cleared before, so that nobody has to clear what is written to at once.
    worth (a) the row of `slots`, one without looks, that takes share (a) times double(V), the asset's value on each path; −1: none;
    worth_opens (a) 1: it is cleared before.
    slots (s, p) are added to; rows may lie apart, paths not. years (f, y, p), of the run's precision: the factors over whole years, which lasting
    looks move with where a year has several periods.
    """

    start: Longs
    period: Ints
    entered: Floats
    open: Floats
    owed: Floats
    lasting: Flags
    slot: Longs
    opens: Flags
    weight: Floats
    floored: Flags
    curve_entered: Ints
    curve_open: Ints
    cell_start: Longs
    first_cell: Longs
    slope: Floats
    level0: Floats
    worth: Longs
    share: Floats
    worth_opens: Flags
    slots: Floats
    years: Any = None

    def __post_init__(self) -> None:
        k, rows, curves = len(self.period), len(self.slots), len(self.first_cell)
        starts, sizes = np.diff(self.start), np.diff(self.cell_start)
        if self.start[0] != 0 or self.start[-1] != k or (starts < 0).any() or any(len(getattr(self, name)) != k for name in _OF_LOOKS):
            raise ValueError(f"{k} looks, of which assets have {self.start[-1] - self.start[0]}")
        first = np.zeros(k + 1, np.bool_)
        first[self.start[:-1]] = True
        if (self.period < 0).any() or ((np.diff(self.period) < 0) & ~first[1:k]).any():
            raise ValueError("the looks at an asset are not in the order of their periods")
        if ((np.diff(self.lasting) != 0) & ~first[1:k]).any():
            raise ValueError("of the looks at an asset some are lasting and some are not")
        if not ((self.slot >= 0) & (self.slot < rows)).all() or not ((self.worth >= -1) & (self.worth < rows)).all():
            raise ValueError(f"looks into slots beyond the {rows} that there are")
        if np.isin(self.worth[self.worth >= 0], self.slot).any():
            raise ValueError("a slot of values takes looks too")
        if (
            len(self.cell_start) != curves + 1
            or self.cell_start[0] != 0
            or (sizes < 1).any()
            or self.cell_start[-1] > min(len(self.slope), len(self.level0))
        ):
            raise ValueError(f"{curves} value curves, of which each has cells, and {len(self.slope)} cells")
        if any(not ((array >= -1) & (array < curves)).all() for array in (self.curve_entered, self.curve_open)):
            raise ValueError(f"looks at value curves beyond the {curves} that there are")

    def of_asset(self, a: int) -> Looks:
        """The looks at one asset."""
        here = slice(int(self.start[a]), int(self.start[a + 1]))
        some = {name: getattr(self, name)[here] for name in _OF_LOOKS}
        of_asset = {name: getattr(self, name)[a : a + 1] for name in ("worth", "share", "worth_opens")}
        return replace(self, start=np.array([0, here.stop - here.start]), **some, **of_asset)

    def of_paths(self, first: int, count: int) -> Looks:
        """The same on some of the paths, with their columns of the slots."""
        some = slice(first, first + count)
        return replace(self, slots=self.slots[:, some], years=None if self.years is None else self.years[:, :, some])
