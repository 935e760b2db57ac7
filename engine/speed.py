"""What this machine can do overnight: whole valuations of made-up rights, file in to files out, timed.

The rights are those of the reference workload (bench/README.md): ten years, a growing royalty, a factor, lapse and a cost. Only time is measured, so
their figures need no source.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ipvalue.backend import Backend, default_backend, kernels
from ipvalue.valuation import value

YEARS = 10
PATHS = (256, 1_000, 10_000)
NIGHT_HOURS = 8.0
REGISTER = 67_900_000
"""China's rights in force in mid-2024: 5.3 M inventions, 11.5 M utility models, 3.0 M designs, 48.0 M trademarks (CNIPA)."""

TRIAL_RIGHTS = 2_000
MOST_RIGHTS = 2_000_000
SECTORS = ("biotech", "hardware", "pharma", "software")
MARKET = {
    "currency": "CNY",
    "valuation_date": date(2026, 1, 1),
    "curves": {"CNY": {"tenors": [1.0, 30.0], "rates": [0.02, 0.02]}},
    "factors": {"names": list(SECTORS), "correlation": [[1.0 if i == j else 0.3 for j in range(4)] for i in range(4)]},
}


RANGES: dict[str, tuple[float, float]] = {
    "revenue": (1e5, 1e8),
    "growth": (-0.05, 0.10),
    "royalty_rate": (0.01, 0.08),
    "tax_rate": (0.15, 0.25),
    "discount_premium": (0.06, 0.16),
    "volatility": (0.15, 0.40),
    "factor_loading": (0.2, 0.7),
    "hazard": (0.02, 0.12),
    "annual_cost": (500.0, 5_000.0),
}
GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class Run:
    """One timed valuation: seconds by the clock, and of all processors together."""

    paths: int
    workers: int
    rights: int
    seconds: float
    cpu_seconds: float

    @property
    def rights_per_second(self) -> float:
        """Rights valued in a second, files included."""
        return self.rights / self.seconds

    @property
    def path_years_per_cpu_second(self) -> float:
        """Paths × rights × years for each second of a processor, files included."""
        return self.rights * self.paths * YEARS / self.cpu_seconds

    @property
    def rights_a_night(self) -> float:
        """Rights of ten years that a night is enough for."""
        return self.rights_per_second * NIGHT_HOURS * 3600.0

    @property
    def hours_for_the_register(self) -> float:
        """Hours that a register of REGISTER such rights takes."""
        return REGISTER / self.rights_per_second / 3600.0


@dataclass(frozen=True)
class Speed:
    """The machine, the kernels that ran, and the runs: with all workers at each number of paths, and the last of them with one worker too."""

    machine: str
    cores: int
    backend: Backend
    instruction_set: str
    runs: tuple[Run, ...]
    alone: Run

    @property
    def gain(self) -> float:
        """How many times as fast all workers are as one."""
        return self.runs[-1].rights_per_second / self.alone.rights_per_second


def measure(full: bool = False, progress: Callable[[int, int], None] | None = None) -> Speed:
    """Times whole valuations for about a minute, or with `full` for about four."""
    seconds = 40.0 if full else 10.0
    backend = default_backend()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="ipvalue-bench-") as folder:
        timed = [(paths, cores) for paths in PATHS] + [(PATHS[-1], 1)]
        runs: list[Run] = []
        for paths, workers in timed:
            runs.append(_timed(Path(folder), paths, workers, seconds))
            if progress:
                progress(len(runs), len(timed))
    kernel = kernels(backend)
    return Speed(_processor(), cores, backend, kernel.isa(), tuple(runs[:-1]), runs[-1])


def _timed(folder: Path, paths: int, workers: int, seconds: float) -> Run:
    """A run of about so many seconds: as many rights as a trial says."""
    trial = _run(folder, paths, workers, TRIAL_RIGHTS)
    rights = int(min(max(trial.rights_per_second * seconds, TRIAL_RIGHTS), MOST_RIGHTS))
    return _run(folder, paths, workers, rights)


def _run(folder: Path, paths: int, workers: int, rights: int) -> Run:
    source = folder / "rights.parquet"
    pq.write_table(made_up(rights), source)
    clock, processors = time.perf_counter(), time.process_time()
    value(source, market=MARKET, out=folder / "out", overwrite=True, paths=paths, workers=workers)
    return Run(paths, workers, rights, time.perf_counter() - clock, time.process_time() - processors)


def made_up(count: int) -> pa.Table:
    """`count` rights of the reference workload, each number spread evenly over its range."""
    return pa.table(
        {
            "asset_id": [f"R{i:08d}" for i in range(count)],
            "right_type": pa.array(["invention_patent"] * count),
            "sector": pa.array(SECTORS).take(pa.array(np.arange(count) % len(SECTORS))),
            "currency": pa.array(["CNY"] * count),
            "life": np.full(count, float(YEARS)),
            **{name: low + (high - low) * _spread(count, place) for place, (name, (low, high)) in enumerate(RANGES.items(), 1)},
        }
    )


def _spread(count: int, place: int) -> npt.NDArray[np.float64]:
    """Numbers spread evenly over [0, 1), another order for each place: multiples of a fraction that no small denominator meets."""
    found = np.arange(1.0, count + 1.0) * (GOLDEN * place)
    return found - np.floor(found)


def _processor() -> str:
    """The processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0] if names else platform.processor() or platform.machine()
