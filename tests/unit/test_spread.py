"""How tasks are handed out."""

from __future__ import annotations

import threading
import time

import pytest

from ipvalue import spread


@pytest.mark.parametrize("tasks", [1, 12, 120])
def test_threads_take_tasks_in_their_order(tasks: int) -> None:
    begun: list[int] = []
    spread.run(lambda task, _: begun.append(task), range(tasks), None, "threads", 1, lambda _: None)
    assert begun == list(range(tasks))


@pytest.mark.parametrize("turn", range(20))
def test_no_thread_begins_a_task_once_a_stopped_run_has_ended(turn: int) -> None:
    """Whoever takes the results back then must not find them written again: stopped at the instant at which no thread is at work."""
    ended = threading.Event()
    late: list[int] = []

    def task(number: int, _: None) -> None:
        if ended.is_set():
            late.append(number)

    def stop(_: None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spread.run(task, range(1000), None, "threads", 2, stop)
    ended.set()
    time.sleep(0.05)
    assert late == []
