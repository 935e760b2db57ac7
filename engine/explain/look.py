"""Which rights a step touches, found before anything is simulated.

a = rights of a block valued in both results, k = stages
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.explain.alike import alike
from ipvalue.explain.way import Way
from ipvalue.explain.worth import Grouping, State, state_of
from ipvalue.rows import Longs, Mask

Groups = npt.NDArray[np.int32]
Cells = dict[str, Mask]
"""The columns in which any of some rights (a,) has another cell than before, and where."""


@dataclass(frozen=True)
class Move:
    """The rights (ascending) that a stage touches; `same` (a,) of them keep their value to the bit, and only their group changes."""

    stage: int
    rights: Longs
    same: Mask

    def of(self, rights: Longs) -> Move:
        """Those among some rights."""
        chosen = np.isin(self.rights, rights)
        return Move(self.stage, self.rights[chosen], self.same[chosen])


@dataclass
class Itinerary:
    """The states that rights pass through (None: nothing changes for any of them) and the moves between them."""

    states: list[State | None] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)

    def state(self, stage: int) -> State:
        """A state that some right is in."""
        state = self.states[stage]
        assert state is not None
        return state

    def groups(self, stages: Longs, rights: Longs) -> Groups:
        """(a,) the groups of rights, each in a stage of its own; one that no stage values (−1) is where its row in the first one is."""
        found = np.zeros(len(rights), np.int32)
        for k in np.unique(stages):
            there = stages == k
            found[there] = self.state(max(k, 0)).group[rights[there]]
        return found


def differing(before: pa.RecordBatch, after: pa.RecordBatch) -> Cells:
    """Where the same rights (a,) have other cells, column by column of those that both have."""
    found = {}
    for name in (name for name in before.schema.names if name in after.schema.names):
        one, other = before[name], after[name]
        if one.null_count == other.null_count == len(one) or one.equals(other):
            continue
        if pa.types.is_list(one.type):
            found[name] = np.array([a != b for a, b in zip(one.to_pylist(), other.to_pylist(), strict=True)])
        else:
            unequal = pc.fill_null(pc.not_equal(one, other), False)
            found[name] = pc.or_(unequal, pc.xor(one.is_null(), other.is_null())).to_numpy(zero_copy_only=False)
    return found


def look(before: pa.RecordBatch, after: pa.RecordBatch, differ: Cells, way: Way, grouping: Grouping) -> Itinerary:
    """Compiles the same rights (a,), as they stand in the old portfolio and in the new one, in every stage that may touch them.

    A right that a stage cannot value stays in the one before it, and is compared with that again in the next.
    """
    found, every = Itinerary(), np.arange(before.num_rows)
    cells: dict[str, pa.Array] = dict(zip(before.schema.names, before.columns, strict=True))
    last = np.full(len(every), -1)
    for k, stage in enumerate(way.stages):
        cells |= {name: after[name] for name in stage.columns}
        which = every if stage.of_all else np.flatnonzero(differ.get(stage.columns[0], False))
        if stage.appraiser is None or not len(which):
            found.states.append(None)
            continue
        state = state_of(pa.RecordBatch.from_pydict(cells), which, stage.appraiser, grouping)
        found.states.append(state)
        which = which[state.place[which] >= 0]
        if k == 0:
            last[which] = 0
            if way.other_engine and len(which):
                found.moves.append(Move(0, which, np.zeros(len(which), np.bool_)))
        elif len((move := _moved(found, k, which, last)).rights):
            last[move.rights] = k
            found.moves.append(move)
    return found


def _moved(found: Itinerary, stage: int, which: Longs, last: Longs) -> Move:
    """Of rights that a stage can value, those that it gives other bits or another group than the stage each was `last` in (a,)."""
    state, same = found.state(stage), np.zeros(len(which), np.bool_)
    for k in np.unique(last[which]):
        if k >= 0:
            earlier, there = found.state(k), last[which] == k
            same[there] = alike(earlier.some(which[there]), state.some(which[there]), earlier.appraiser, state.appraiser)
    moved = ~same | (found.groups(last[which], which) != state.group[which])
    return Move(stage, which[moved], same[moved])
