"""What a command took is its own: not the memory of the process that started it."""

from __future__ import annotations

import numpy as np
import pytest

from processes import usage_of

HELD = 1 << 30


def test_the_peak_is_the_command_s_alone() -> None:
    held = np.ones(HELD, np.uint8)
    used = usage_of("--help")
    assert 1 << 20 < used.peak < HELD // 2
    assert used.cpu > 0.0
    assert used.seconds > 0.0
    assert len(held) == HELD


def test_a_command_that_fails_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"nothing\.parquet"):
        usage_of("value", "nothing.parquet", "--market", "nothing.toml")
