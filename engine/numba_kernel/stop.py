"""The stop flag of the Numba kernels."""

from __future__ import annotations

import numpy as np

try:
    from ipvalue.ext.kernel import Stopped as Stopped  # one class, whichever kernels were stopped
except ImportError:

    class Stopped(Exception):  # type: ignore[no-redef]
        """The stop flag was raised while a kernel worked."""


FLAG = np.zeros(1, np.int32)
"""Every kernel that works long looks at it at each block of paths, or at each asset."""


def request_stop() -> None:
    """Every kernel of this process returns within one block of paths, raising Stopped."""
    FLAG[0] = 1


def clear_stop() -> None:
    """Kernels may run again."""
    FLAG[0] = 0


def stopped_if(stopped: bool) -> None:
    """Raises Stopped where a kernel ended before its work."""
    if stopped:
        raise Stopped("stopped on request")
