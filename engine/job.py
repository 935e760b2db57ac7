"""What a run is: its options, checked, and the plan that follows from them."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from ipvalue.constants import MAX_PATHS, RANGE_PATHS
from ipvalue.memory import available_memory, parse_memory, size
from ipvalue.options import Groups, Kept, Numbers, Place
from ipvalue.reconcile import MOST_BYTES, row_bytes
from ipvalue.schema import InputError, did_you_mean, validate
from ipvalue.simulate import Sampling, Tolerance
from ipvalue.sobol import sampler_bytes
from ipvalue.totals import totals_bytes

SECONDS_A_TASK = 3.0
PATH_PERIODS_A_SECOND = 1e9
"""Order of magnitude of one core; only the size of tasks follows from it, never a number."""
TYPICAL_YEARS = 15
MOST_TASKS = 20_000
MOST_ROWS_A_TASK = 65_536
LEAST_TASKS = 16
MOST_TIMES_PATHS = 64
"""`max_paths` over `paths` where a tolerance says nothing else: six doublings, so an error 8 times smaller, for at most 127 times the work."""


class Job(Numbers, Groups, Kept, Place):
    """The options of a run, under the names of the command's flags."""

    rule: str | None = None

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
    def is_local(self) -> bool:
        """Whether threads or processes of this machine do the work, and no cluster."""
        return self.scheduler in ("threads", "processes")

    @property
    def workers_here(self) -> int:
        """How many share this machine's memory."""
        return self.threads if self.is_local else 1

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

    def task_rows(self, rows: int, steps_per_year: int, most: int = MOST_ROWS_A_TASK) -> int:
        """Rows a task: some seconds of work and at most `most`, at most MOST_TASKS, and for small portfolios enough tasks for several cores.

        It depends on the portfolio and the options, not on the workers, so that part files are the same everywhere. With a tolerance a right is
        reckoned to take the geometric mean of the least and the most paths it may need.
        """
        if self.rows_per_task:
            return self.rows_per_task
        timed = int(SECONDS_A_TASK * PATH_PERIODS_A_SECOND / (math.isqrt(self.paths * self.most_paths) * TYPICAL_YEARS * steps_per_year))
        wanted = min(max(timed, 1), most, -(-rows // LEAST_TASKS))
        return max(wanted, -(-rows // MOST_TASKS), 1)

    @property
    def memory_limit(self) -> int:
        """Bytes that a run may take beside the program itself: those asked for, or what this process may still take."""
        return parse_memory(self.memory) if self.memory else available_memory()

    def check_memory(self, groups: int, methods: int, kept: int = 0, versions: int = 1, sums: int | None = None) -> int:
        """What groups × paths (or so many `sums` of each) under so many `versions` (scenarios and the base), the paths of a right's several `methods`
        (0: no right has any) and those of the rights `kept` at a time leave of the memory to each worker, in bytes.

        Raises InputError where they would not fit, before anything is computed.
        """
        limit = self.memory_limit
        workers = self.workers_here
        # a worker also holds the values of one asset and their keys twice (as doubles where paths are made in ranges); Numba's kernels, made of
        # NumPy's in part, copies of them
        wide = self.precision == "double" or self.most_paths > RANGE_PATHS
        a_path = 130 if self.backend == "numba" else 28 if wide else 16
        need = totals_bytes(versions * (groups + bool(self.group_by)), sums or self.paths, workers) + workers * self.most_paths * a_path
        if self.sampler == "sobol":
            need += workers * sampler_bytes(self.most_paths)
        need += workers * kept * self.paths * 8
        if methods:
            need += workers * max(MOST_BYTES, row_bytes(methods, self.most_paths, self.precision))
        if need > limit:
            more, remedy = ("", "") if self.tolerance is None else (f" and up to {self.most_paths:,} of a right", "lower --max-paths, ")
            if versions > 1:
                remedy = f"take fewer scenarios, {remedy}"
            scenarios = f"{versions:,} scenarios with the base × " if versions > 1 else ""
            lots = f"{sums:,} lots of " if sums not in (None, self.paths) else ""
            held = f" and the paths of {kept:,} rights, which are kept," if kept else ""
            raise InputError(
                f"{scenarios}{groups:,} {'group' if groups == 1 else 'groups'} × {lots}{self.paths:,} paths{more} on {workers:,} "
                f"{'worker' if workers == 1 else 'workers'}{held} need about {size(need)} of memory, and {size(limit)} may be used: "
                f"{remedy}group by fewer columns, use fewer paths or workers, or allow more with --memory"
            )
        return (limit - need) // workers


def refuse_unknown(options: Iterable[str], known: Collection[str], of: str) -> None:
    """Raises InputError naming an option that is none of those known of what `of` calls."""
    for name in options:
        if name not in known:
            raise InputError(f"{name} is no option of {of}{did_you_mean(name, known)} (options: {', '.join(known)})")


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
