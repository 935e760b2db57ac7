"""The clock of the core that we run on, as a chain of dependent operations shows it."""

from __future__ import annotations

import time

import numba
import numpy as np

STEPS = 20_000_000
CYCLES_A_STEP = 6
"""Three shifts and three exclusive ors, each of which waits for the one before."""


@numba.njit
def chain(x: np.uint64, steps: int) -> np.uint64:
    """Marsaglia's xorshift: nothing in it can be done early."""
    for _ in range(steps):
        x ^= x << np.uint64(13)
        x ^= x >> np.uint64(7)
        x ^= x << np.uint64(17)
    return x


def clock_rate() -> float:
    """Cycles a CPU-second."""
    chain(np.uint64(1), 1)
    start = time.process_time()
    chain(np.uint64(88172645463325252), STEPS)
    return STEPS * CYCLES_A_STEP / (time.process_time() - start)
