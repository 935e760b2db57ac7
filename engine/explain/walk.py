"""Rights that both results value, taken from the one to the other step by step; only what a step touches is simulated.

a = rights, n = numbers in a series (worth.py)
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from ipvalue.explain.ledger import Ledger, change_in_units, in_units
from ipvalue.explain.look import Groups, Itinerary, Move, differing, look
from ipvalue.explain.match import ID, Rights
from ipvalue.explain.stages import ENGINE, NEW, OLD, SAMPLING
from ipvalue.explain.way import Touch, Way, agree
from ipvalue.explain.worth import Worth, errors, rows_at_once, width, worth
from ipvalue.rows import Floats, Longs


def walk(before: Rights, after: Rights, way: Way, ledger: Ledger) -> list[Touch]:
    """Takes rights, as they stand in the one and in the other, from the one to the other. Raises InputError where a result is not what its
    inputs give."""
    differ = differing(before.rows, after.rows)
    if not way.touches_all and not ledger.columns:  # then a right without a changed cell is the same, and need not be looked at
        changed = np.logical_or.reduce([np.zeros(len(before), np.bool_), *differ.values()])
        _stay(before.where(~changed), after.where(~changed), way, ledger)
        before, after = before.where(changed), after.where(changed)
        differ = {name: mask[changed] for name, mask in differ.items()}
    if not len(before):
        return []
    itinerary = look(before.rows, after.rows, differ, way, ledger.grouping)
    return _Walk(before, after, itinerary, way, ledger).touches()


def _stay(before: Rights, after: Rights, way: Way, ledger: Ledger) -> None:
    """Rights that nothing changes for."""
    agree(after.rows[ID], after.value, before.value, way.new)
    group = ledger.grouping(after.rows)
    for end in (OLD, NEW):
        ledger.add(end, group, in_units(after.value, ledger.sampling[0].backend))


class _Held:
    """Some rights (ascending) on their way: the stage each is valued in (−1: none), its value there, its series (a, n) once it is simulated (0 till
    then, and of a right without a stage) and the number of its paths."""

    def __init__(self, rights: Longs, stage: Longs, value: Floats, size: int) -> None:
        self.rights, self.stage, self.value = rights, stage.copy(), value.copy()
        self.series, self.simulated = np.zeros((len(rights), size)), np.zeros(len(rights), np.bool_)
        self.paths = np.zeros(len(rights), np.int64)

    def put(self, at: Longs, stage: int, worth: Worth) -> None:
        """The rights at some places, as they are in a stage."""
        self.stage[at], self.value[at], self.series[at], self.paths[at], self.simulated[at] = stage, worth.value, worth.series, worth.paths, True

    def at(self, at: Longs) -> Worth:
        return Worth(self.stage[at] >= 0, self.value[at], self.series[at], self.paths[at])


class _Walk:
    """A block of rights and what awaits them."""

    def __init__(self, before: Rights, after: Rights, itinerary: Itinerary, way: Way, ledger: Ledger) -> None:
        self._before, self._after, self._itinerary, self._way, self._ledger = before, after, itinerary, way, ledger
        self._backend = ledger.sampling[0].backend

    def touches(self) -> list[Touch]:
        every, found = np.arange(len(self._before)), []
        stage, value = np.where(self._itinerary.state(0).place >= 0, 0, -1), self._before.value.copy()
        self._ledger.add(OLD, self._itinerary.groups(stage, every), in_units(value, self._backend))
        for rights in self._parts():
            held = _Held(rights, stage[rights], value[rights], width(self._ledger.sampling[0]))
            for move in (move.of(rights) for move in self._itinerary.moves):
                found += [self._moved(move, held)] if len(move.rights) else []
            stage[rights], value[rights] = held.stage, held.value
        agree(self._after.rows[ID], self._after.value, value, self._way.new)
        self._ledger.add(NEW, self._itinerary.groups(stage, every), in_units(value, self._backend))
        return found

    def _parts(self) -> Iterator[Longs]:
        """The rights that move, so many at a time that their series fit."""
        moving = np.unique(np.concatenate([np.zeros(0, np.int64), *(move.rights for move in self._itinerary.moves)]))
        states = [state for state in self._itinerary.states if state is not None]
        step = min(rows_at_once(state.compiled, state.appraiser.sampling) for state in states)
        yield from (moving[first : first + step] for first in range(0, len(moving), step))

    def _moved(self, move: Move, held: _Held) -> Touch:
        """Takes rights through one move. Those that turn out to have no value there stay what they were."""
        at, step, state = np.searchsorted(held.rights, move.rights), self._way.stages[move.stage].step, self._itinerary.state(move.stage)
        if step != ENGINE:
            self._load(held, at)
        old = held.at(at)
        new = self._worth(move, old, width(state.appraiser.sampling))
        group = self._itinerary.groups(held.stage[at], move.rights), state.group[move.rights]
        if step == SAMPLING:
            held.series = np.zeros((len(held.rights), new.series.shape[1]))
        if step == ENGINE:
            held.stage[at[~new.good]] = -1
        held.put(at[new.good], move.stage, new.only(new.good))
        counts = new.good & ((new.value != old.value) if step == ENGINE else True)
        ids = self._before.rows[ID].take(pa.array(move.rights[counts]))
        return self._recorded(move.stage, ids, (group[0][counts], group[1][counts]), old.only(counts), new.only(counts))

    def _worth(self, move: Move, old: Worth, size: int) -> Worth:
        """What the rights of a move are worth after it; only those whose bits differ are simulated."""
        new = Worth(old.good.copy(), old.value.copy(), np.zeros((len(old.value), size)), old.paths.copy())
        fresh = ~move.same
        if move.same.any():
            new.series[move.same] = old.series[move.same]
        if fresh.any():
            given = worth(self._itinerary.state(move.stage), move.rights[fresh])
            for mine, theirs in zip(vars(new).values(), vars(given).values(), strict=True):
                mine[fresh] = theirs
        return new

    def _load(self, held: _Held, at: Longs) -> None:
        """Simulates those rights that are still where they began."""
        begin = at[(held.stage[at] == 0) & ~held.simulated[at]]
        if len(begin):
            rights = held.rights[begin]
            given = worth(self._itinerary.state(0), rights)
            agree(self._before.rows[ID].take(pa.array(rights)), held.value[begin], np.where(given.good, given.value, np.nan), self._way.old)
            held.put(begin, 0, given)

    def _recorded(self, stage: int, ids: pa.Array, group: tuple[Groups, Groups], old: Worth, new: Worth) -> Touch:
        """Enters into the ledger what a stage makes of rights (a,): from one group to another, or within one."""
        step, which, ledger = self._way.stages[stage].step, self._way.which(stage), self._ledger
        amounts = change_in_units(old.value, new.value, self._backend)
        stays, (left, entered) = group[0] == group[1], group
        for groups, some, words, touched in (
            (left, stays, amounts, True),
            (left, ~stays, in_units(-old.value, self._backend), False),
            (entered, ~stays, in_units(new.value, self._backend), True),
        ):
            ledger.add(step, groups[some], words[some], touched=touched)
        if step == SAMPLING and not self._way.is_paired:
            ledger.add_series(step, left, -old.series, 0)
            ledger.add_series(step, entered, new.series, 1)
            apart = errors(old.series, ledger.sampling[0]), errors(new.series, ledger.sampling[1])
            return Touch(step, ids, amounts, np.sqrt(apart[0] * apart[0] + apart[1] * apart[1]))
        before, after = _side_by_side(step, old, new)
        ledger.add_series(step, left[stays], (after - before)[stays], which)
        ledger.add_series(step, left[~stays], -before[~stays], which)
        ledger.add_series(step, entered[~stays], after[~stays], which)
        return Touch(step, ids, amounts, errors(after - before, ledger.sampling[which]))


def _side_by_side(step: str, old: Worth, new: Worth) -> tuple[Floats, Floats]:
    """Series (a, n) before and after, whose difference has the spread of the step's amount (docs/explain.md)."""
    if step == ENGINE:  # the other engine's series are not known: as wide as this one's, and independent
        return np.zeros_like(new.series), new.series * np.sqrt(np.float64(2.0))
    before = old.series
    unlike = (old.paths != new.paths) & (old.paths > 0)
    if unlike.any():  # a tolerance gave other numbers of paths: read one further, the two are not paired
        before[unlike] = np.roll(before[unlike], 1, axis=1)
    return before, new.series
