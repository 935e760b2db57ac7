"""What a run is: its options, checked, and the plan that follows from them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from ipvalue.backend import Backend, default_backend, kernels
from ipvalue.constants import MAX_PATHS, MAX_QUANTILES, RANGE_PATHS
from ipvalue.reconcile import MOST_BYTES, row_bytes
from ipvalue.schema import PORTFOLIO, InputError, Strict, did_you_mean, validate
from ipvalue.simulate import Sampler, Sampling, Tolerance
from ipvalue.sobol import points_of, sampler_bytes
from ipvalue.totals import totals_bytes

SECONDS_A_TASK = 3.0
PATH_PERIODS_A_SECOND = 1e9
"""Order of magnitude of one core; only the size of tasks follows from it, never a number."""
TYPICAL_YEARS = 15
MOST_TASKS = 20_000
MOST_ROWS_A_TASK = 131_072
LEAST_TASKS = 16
MOST_TIMES_PATHS = 64
"""`max_paths` over `paths` where a tolerance says nothing else: six doublings, so an error 8 times smaller, for at most 127 times the work."""

_UNITS = {"": 1, "B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}


class Job(Strict):
    """The options of a run, under the names of the command's flags."""

    paths: Annotated[int, Field(ge=1, le=MAX_PATHS)] = 10_000
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 1
    sampler: Sampler = "random"
    tolerance: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    max_paths: Annotated[int, Field(ge=1, le=MAX_PATHS)] | None = None
    precision: Literal["single", "double"] = "single"
    quantiles: Annotated[tuple[float, ...], Field(strict=False)] = (0.05, 0.25, 0.5, 0.75, 0.95)
    tail: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.05
    group_by: Annotated[tuple[str, ...], Field(strict=False)] = ()
    premise: Literal["going_concern", "orderly", "forced"] = "going_concern"
    keep_paths: bool = False
    workers: Annotated[int, Field(ge=1, le=100_000)] | None = None
    scheduler: str = "threads"
    memory: str | None = None
    backend: Backend = Field(default_factory=default_backend)
    rows_per_task: Annotated[int, Field(ge=1)] | None = None
    rule: str | None = None

    @field_validator("quantiles")
    @classmethod
    def _check_quantiles(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        for one in value:
            if not 0.0 <= one <= 1.0:
                raise ValueError(f"{one:g} is no quantile: give numbers from 0 to 1")
        _refuse_repeated(value)
        if len(value) > MAX_QUANTILES:
            raise ValueError(f"there are {len(value)}: give at most {MAX_QUANTILES}")
        return value

    @field_validator("group_by")
    @classmethod
    def _check_group_by(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in PORTFOLIO:
                raise ValueError(f"{name!r} is no column of a portfolio{did_you_mean(name, PORTFOLIO)}")
            if PORTFOLIO[name].kind in ("float_list", "choice_list"):
                raise ValueError(f"{name} holds lists: group by a column of names, dates or numbers")
        _refuse_repeated(value)
        return value

    @field_validator("scheduler")
    @classmethod
    def _check_scheduler(cls, value: str) -> str:
        if value in ("threads", "processes") or re.fullmatch(r"(tcp|tls)://.+:\d+", value):
            return value
        raise ValueError(f"{value!r} must be threads, processes or tcp://HOST:PORT{did_you_mean(value, ('threads', 'processes'))}")

    @field_validator("backend")
    @classmethod
    def _check_backend(cls, value: Backend) -> Backend:
        kernels(value)
        return value

    @field_validator("memory")
    @classmethod
    def _check_memory(cls, value: str | None) -> str | None:
        if value is not None:
            parse_memory(value)
        return value

    @model_validator(mode="after")
    def _check_sampler(self) -> Job:
        if self.sampler == "sobol":
            points_of(self.paths)
        return self

    @model_validator(mode="after")
    def _check_tolerance(self) -> Job:
        if self.tolerance is not None and self.paths == 1:
            raise ValueError("paths is 1: one path has no standard error to hold against a tolerance; start with more, or leave tolerance out")
        if self.max_paths is None:
            return self
        if self.tolerance is None:
            raise ValueError(f"max_paths is {self.max_paths:,}, and only a tolerance takes more than paths: give --tolerance too, or --paths alone")
        if self.max_paths < self.paths:
            raise ValueError(f"max_paths is {self.max_paths:,}: it must be at least paths, which is {self.paths:,}")
        if self.sampler == "sobol":
            points_of(self.max_paths, "max_paths")
        return self

    @property
    def sampling(self) -> Sampling:
        """What the simulation needs of it."""
        tolerance = None if self.tolerance is None else Tolerance(self.tolerance, self.most_paths)
        quantiles = tuple(sorted(self.quantiles))
        return Sampling(self.paths, self.seed, self.precision, quantiles, self.tail, self.backend, self.sampler, tolerance)

    @property
    def cap(self) -> int | None:
        """`max_paths`, or what it is by default where there is a tolerance."""
        return None if self.tolerance is None else self.max_paths or min(MOST_TIMES_PATHS * self.paths, MAX_PATHS)

    @property
    def most_paths(self) -> int:
        """The most that one right can have: `paths`, doubled as often as `cap` allows."""
        return self.paths << ((self.cap or self.paths) // self.paths).bit_length() - 1

    @property
    def threads(self) -> int:
        """Workers asked for, else the cores this process may use."""
        return self.workers or len(os.sched_getaffinity(0))

    def threads_of_task(self, tasks: int) -> int:
        """Among how many threads a task may share an asset's paths: more than one where there are more workers than tasks.

        In one process all tasks share the same threads; how many workers a cluster has, its tasks cannot know.
        """
        if self.scheduler == "threads":
            return self.threads if tasks < self.threads else 1
        return max(1, self.threads // tasks) if self.scheduler == "processes" else 1

    def task_rows(self, rows: int, steps_per_year: int) -> int:
        """Rows a task: some seconds of work, at most MOST_TASKS, and for small portfolios enough tasks for several cores.

        It depends on the portfolio and the options, not on the workers, so that part files are the same everywhere. With a tolerance a right is
        reckoned to take the geometric mean of the least and the most paths it may need.
        """
        if self.rows_per_task:
            return self.rows_per_task
        timed = int(SECONDS_A_TASK * PATH_PERIODS_A_SECOND / (math.isqrt(self.paths * self.most_paths) * TYPICAL_YEARS * steps_per_year))
        wanted = min(max(timed, 1), MOST_ROWS_A_TASK, -(-rows // LEAST_TASKS))
        return max(wanted, -(-rows // MOST_TASKS), 1)

    def check_memory(self, groups: int, methods: int) -> None:
        """Raises InputError where groups × paths, or the paths of a right's several `methods` (0: no right has any), would not fit the memory,
        before anything is computed."""
        limit = parse_memory(self.memory) if self.memory else available_memory()
        workers = self.threads if self.scheduler in ("threads", "processes") else 1
        # a worker also holds the values of one asset and their keys twice (as doubles where paths are made in ranges); Numba's kernels, made of
        # NumPy's in part, copies of them
        wide = self.precision == "double" or self.most_paths > RANGE_PATHS
        a_path = 130 if self.backend == "numba" else 28 if wide else 16
        need = totals_bytes(groups + bool(self.group_by), self.paths, workers) + workers * self.most_paths * a_path
        if self.sampler == "sobol":
            need += workers * sampler_bytes(self.most_paths)
        if methods:
            need += workers * max(MOST_BYTES, row_bytes(methods, self.most_paths, self.precision))
        if need > limit:
            more, remedy = ("", "") if self.tolerance is None else (f" and up to {self.most_paths:,} of a right", "lower --max-paths, ")
            raise InputError(
                f"{groups:,} {'group' if groups == 1 else 'groups'} × {self.paths:,} paths{more} on {workers:,} "
                f"{'worker' if workers == 1 else 'workers'} need about {_size(need)} of memory, and {_size(limit)} may be used: "
                f"{remedy}group by fewer columns, use fewer paths or workers, or allow more with --memory"
            )


def make_job(options: dict[str, Any]) -> Job:
    """A checked Job. Raises InputError naming the option, its value and the rule."""
    if options.get("rule") is not None:
        options = {**options, "backend": _backend_of_rules(options.get("backend"))}
    plain = {name: value.tolist() if isinstance(value, np.generic | np.ndarray) else value for name, value in options.items() if value is not None}
    try:
        return validate(Job, plain, "options")
    except InputError as error:
        raise InputError(str(error).replace("options: ", "")) from None


def _backend_of_rules(backend: object) -> object:
    """Rules are compiled by Numba: its kernels, unless others are asked for."""
    if backend == "native":
        raise InputError("backend is 'native': a rule needs the numba backend, which is taken by itself: leave backend out")
    return "numba" if backend is None else backend


def parse_memory(text: str) -> int:
    """Bytes of "8GiB", "512 MB", "2e9". Raises ValueError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?(?:[eE]\d{1,2})?)\s*([A-Za-z]*)\s*", text)
    if not found or found[2].upper() not in _UNITS:
        raise ValueError(f"{text!r} must be a size such as 8GiB or 500MB")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _size(number: float) -> str:
    """Bytes as people read them: 1.5 GiB."""
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return f"{number:,.4g} {unit}"
        number /= 1024
    return f"{number:,.1f} GiB"


def _refuse_repeated(values: Sequence[object]) -> None:
    repeated = [value for i, value in enumerate(values) if value in values[:i]]
    if repeated:
        raise ValueError(f"{repeated[0]} stands there twice")


def available_memory() -> int:
    """Bytes this process may still take: the cgroup's limit where there is one, else what the machine has free."""
    limits = [int(_meminfo("MemAvailable")) * 1024]
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        if Path(limit).exists() and (text := Path(limit).read_text().strip()).isdigit():
            limits.append(int(text) - int(Path(used).read_text()))
    return min(limits)


def _meminfo(key: str) -> str:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == key:
            return rest.split()[0]
    raise InputError("/proc/meminfo does not say how much memory is free: say it with --memory")
