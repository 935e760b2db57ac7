"""One thread everywhere, said before the libraries are imported; CPU seconds of the whole process are counted anyway."""

from __future__ import annotations

import os
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ.setdefault(name, "1")

LOAD = os.getloadavg()[0]
"""Of the minute before the run: how many processes wanted a processor."""


def pytest_benchmark_update_machine_info(config: object, machine_info: dict[str, Any]) -> None:
    """pytest-benchmark's JSON says what machine it comes from, and how busy that was."""
    from machine import machine

    machine_info["ipvalue"] = machine()
    machine_info["load"] = LOAD
