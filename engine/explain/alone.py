"""Rights that are valued in one of the two results alone: they leave with the value they had, or arrive with the value they have.

a = rights, n = numbers in a series (worth.py)
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.explain.ledger import Ledger, in_units
from ipvalue.explain.match import ID, Rights
from ipvalue.explain.stages import NEW, OLD
from ipvalue.explain.way import Touch, Way, agree
from ipvalue.explain.worth import State, errors, rows_at_once, state_of, width, worth
from ipvalue.rows import Longs


def leave(rights: Rights, steps: pa.Array, way: Way, ledger: Ledger) -> list[Touch]:
    """Rights of the old result alone; `steps` (a,) says by which each leaves. Raises InputError where the result is not what its inputs give."""
    return _Alone(rights, 0, way, ledger).by(steps) if len(rights) else []


def arrive(rights: Rights, steps: pa.Array, way: Way, ledger: Ledger) -> list[Touch]:
    """Rights of the new result alone; `steps` (a,) says by which each arrives. Raises InputError where the result is not what its inputs give."""
    return _Alone(rights, len(way.stages) - 1, way, ledger).by(steps) if len(rights) else []


class _Alone:
    """Some rights in the stage of their result: the first or the last."""

    def __init__(self, rights: Rights, stage: int, way: Way, ledger: Ledger) -> None:
        appraiser = way.stages[stage].appraiser
        assert appraiser is not None
        self._rights, self._way, self._ledger, self._appraiser = rights, way, ledger, appraiser
        self._which, self._leaves = way.which(stage), stage == 0
        self._state: State = state_of(rights.rows, np.arange(len(rights)), appraiser, ledger.grouping)

    def by(self, steps: pa.Array) -> list[Touch]:
        self._ledger.add(OLD if self._leaves else NEW, self._state.group, in_units(self._rights.value, self._appraiser.sampling.backend))
        at_once, found = rows_at_once(self._state.compiled, self._appraiser.sampling), []
        for step in pc.unique(steps).to_pylist():
            these = np.flatnonzero(pc.equal(steps, step).to_numpy(zero_copy_only=False))
            found += [self._gone(step, these[first : first + at_once]) for first in range(0, len(these), at_once)]
        return found

    def _gone(self, step: str, these: Longs) -> Touch:
        """Some of the rights (ascending), by one step."""
        sign, sampling, group = -1.0 if self._leaves else 1.0, self._appraiser.sampling, self._state.group[these]
        series = np.zeros((len(these), width(sampling)))
        known = self._state.place[these] >= 0  # all, but for another engine's
        if known.any():
            given = worth(self._state, these[known])
            series[known] = sign * given.series
            if not (self._leaves and self._way.other_engine):
                where = self._way.old if self._leaves else self._way.new
                some = these[known]
                agree(self._rights.rows[ID].take(pa.array(some)), self._rights.value[some], given.value, where)
        amounts = in_units(sign * self._rights.value[these], sampling.backend)
        self._ledger.add(step, group, amounts)
        self._ledger.add_series(step, group, series, self._which)
        return Touch(step, self._rights.rows[ID].take(pa.array(these)), amounts, errors(series, sampling))
