"""The search for rows that end their process: all are found, by few processes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvalue import quarantine
from ipvalue.schema import RunError

FIRST = 1000


def search(rows: int, deadly: set[int], calls: list[range], monkeypatch: pytest.MonkeyPatch, flaky: int = 0) -> tuple[int, ...]:
    """The rows found among so many of a file that begin at FIRST; `flaky` is how many processes die at their first piece of a row more than one."""
    left = [flaky]

    def process(pieces: list[range], stopped: object) -> Any:
        calls.append(range(pieces[0].start, pieces[-1].stop))
        done = next((i for i, piece in enumerate(pieces) if deadly & set(piece)), len(pieces))
        if left[0] and done == len(pieces) and len(calls[-1]) == rows - calls[-1].start:
            left[0] -= 1
            done = 0
        return _entered(iter([True] * done))

    monkeypatch.setattr(quarantine, "_process", process)
    return quarantine.deadly_rows(quarantine.Lot("p", FIRST, rows), lambda piece: piece, lambda: False)  # type: ignore[return-value]


class _entered:
    def __init__(self, answers: Any) -> None:
        self._answers = answers

    def __enter__(self) -> Any:
        return self._answers

    def __exit__(self, *_: object) -> None:
        pass


@given(st.integers(1, 5000), st.lists(st.floats(0, 1, exclude_max=True), max_size=quarantine.MOST_ROWS))
def test_all_are_found_by_few_processes(rows: int, places: list[float]) -> None:
    deadly, calls = {int(place * rows) for place in places}, []
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert search(rows, deadly, calls, monkeypatch) == tuple(FIRST + row for row in sorted(deadly))
    levels = max(1, math.ceil(math.log(rows, quarantine.PIECES)))
    assert len(calls) <= len(deadly) * (levels + 1) + 1


def test_more_than_a_few_are_the_machines_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError, match=r"more than 16 rows \(the first is 1000\) end the process that values them"):
        search(500, set(range(500)), [], monkeypatch)


def test_a_death_that_does_not_come_again_sets_no_row_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[range] = []
    assert search(500, {400}, calls, monkeypatch, flaky=quarantine.MOST_VAIN) == (FIRST + 400,)


def test_deaths_at_no_certain_row_fail_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError, match="rows 1000 to 1499: a process that values them ends, and at no certain row"):
        search(500, set(), [], monkeypatch, flaky=quarantine.MOST_VAIN + 1)
