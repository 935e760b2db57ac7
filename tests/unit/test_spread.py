"""How tasks are handed out."""

from __future__ import annotations

import pytest

from ipvalue import spread


@pytest.mark.parametrize("tasks", [1, 12, 120])
def test_threads_take_tasks_in_their_order(tasks: int) -> None:
    begun: list[int] = []
    spread.run(lambda task, _: begun.append(task), range(tasks), None, "threads", 1, lambda _: None)
    assert begun == list(range(tasks))
